import Testing

@testable import Configuration

@Suite("2.2 Quoting and escaping")
struct QuotingTests {
    @Test("words are cut at spaces and tabs, and comments end a line")
    func cutting() throws {
        #expect(try words("") == [])
        #expect(try words("  \t ") == [])
        #expect(try words("# all comment") == [])
        #expect(try words("\tmode \t http  # or tcp") == ["mode", "http"])
        #expect(try words("global#this is the global section") == ["global"])
    }

    @Test("the five spellings of the manual's example are the same")
    func manualExample() throws {
        let expected = ["log-format", "%{+Q}o %t %s %{-Q}r"]
        #expect(try words(#"log-format %{+Q}o\ %t\ %s\ %{-Q}r"#) == expected)
        #expect(try words(#"log-format "%{+Q}o %t %s %{-Q}r""#) == expected)
        #expect(try words(#"log-format '%{+Q}o %t %s %{-Q}r'"#) == expected)
        #expect(try words(#"log-format "%{+Q}o %t"' %s %{-Q}r'"#) == expected)
        #expect(try words(#"log-format "%{+Q}o %t"' %s'\ %{-Q}r"#) == expected)
    }

    @Test(
        "escapes outside of quotes",
        arguments: [
            (#"a\ b"#, "a b"), (##"\#"##, "#"), (#"\\"#, "\\"), (#"\'"#, "'"), (#"\""#, "\""),
            (#"a\nb"#, "a\nb"), (#"a\rb"#, "a\rb"), (#"a\tb"#, "a\tb"), (#"\x41\x7a"#, "Az"), (#"\."#, "\\."),
            (#"\q"#, "\\q"),
        ])
    func escapes(text: String, expected: String) throws {
        #expect(try words(text) == [expected])
        #expect(try words("\"\(text)\"") == [expected])
    }

    @Test("a dollar needs its backslash within double quotes, and keeps it elsewhere")
    func dollars() throws {
        #expect(try words(#"\$ "\$" '\$'"#) == [#"\$"#, "$", #"\$"#])
    }

    @Test("nothing is special inside of single quotes")
    func strongQuotes() throws {
        #expect(try words(#"'a\n$X "b" # c'"#) == [#"a\n$X "b" # c"#])
    }

    @Test("an empty pair of quotes is an empty word")
    func emptyWord() throws {
        #expect(try words(#"a "" '' b"#) == ["a", "", "", "b"])
    }

    @Test("a backslash at the end stands for itself, and is warned about")
    func trailingBackslash() throws {
        #expect(try words(#"mode \"#) == ["mode", "\\"])
        #expect(
            messages("global\n    log-tag a\\\n") == [
                "2:13 warning: the backslash at the end of the line stands for itself: lines cannot be continued"
            ])
    }

    @Test(
        "broken quoting is an error with its column",
        arguments: [
            (#" mode "http"#, 6, "unmatched double quote"), (#" mode 'http"#, 6, "unmatched single quote"),
            (#" mode ht\x4"#, 8, "truncated or invalid hexadecimal sequence"),
            (#" mode ht\xzz"#, 8, "truncated or invalid hexadecimal sequence"),
            (#"mode a\x00b"#, 5, "a word cannot hold a NUL character"),
            ("mode\rhttp", 4, "carriage return inside of a line"),
        ])
    func broken(line: String, column: Int, message: String) throws {
        var lexer = LineLexer(line: Array(line.utf8)[...]) { _ in nil }
        let error = #expect(throws: LexicalError.self) { try lexer.scan() }
        #expect(error?.message == message)
        #expect(error?.start == column)
    }

    @Test("line ends of DOS are line ends")
    func carriageReturns() throws {
        #expect(messages("defaults\r\n\tmode http\r\n\ttimeout client 5s\r\n") == [])
    }

    @Test("columns count bytes, and quoted words span their quotes")
    func columns() throws {
        var lexer = LineLexer(line: Array("\tlog \"a b\" é x".utf8)[...]) { _ in nil }
        let words = try lexer.scan()
        #expect(words.map(\.columnStart) == [2, 6, 12, 15])
        #expect(words.map(\.columnEnd) == [5, 11, 14, 16])
        #expect(words.map(\.origins) == [[], [7, 8, 9], [], []])
    }

    @Test("a file without a line end at its end may have been cut")
    func truncatedFile() {
        let result = ConfigurationLoader().load(bytes: Array("defaults\n mode http".utf8), name: "cut.cfg")
        #expect(
            result.diagnostics.map(describe) == [
                "2:11 error: missing line end on the last line: the file might have been truncated"
            ])
    }
}

@Suite("2.3 Environment variables")
struct EnvironmentTests {
    @Test("variables are expanded within double quotes only")
    func quotes() throws {
        let variables = ["A": "x y"]
        #expect(try words(#"$A "$A" '$A' "${A}" "\$A""#, variables) == ["$A", "x y", "$A", "x y", "$A"])
    }

    @Test("a name ends where its characters end")
    func names() throws {
        #expect(try words(#""$A_1.b""#, ["A_1": "x"]) == ["x.b"])
        #expect(try words(#""a${A}b""#, ["A": "x"]) == ["axb"])
    }

    @Test("a default stands for a variable that is not set, not for an empty one")
    func defaults() throws {
        #expect(try words(#""${A-127.0.0.1}:514""#) == ["127.0.0.1:514"])
        #expect(try words(#""${A-127.0.0.1}:514""#, ["A": ""]) == [":514"])
        #expect(try words(#""${A-b c}""#) == ["b c"])
        #expect(try words(#""$A""#) == [""])
    }

    @Test("a list becomes several words")
    func lists() throws {
        #expect(try words(#""${A[*]}""#, ["A": "1 2\t 3"]) == ["1", "2", "3"])
        #expect(try words(#""a${A[*]}b c""#, ["A": "1 2"]) == ["a1", "2b c"])
        #expect(try words(#"x "${A[*]}" y"#) == ["x", "", "y"])
        #expect(try words(#""${A[*]-q r}""#) == ["q", "r"])
    }

    @Test(
        "what is no variable is an error",
        arguments: [
            (#""$9""#, "a variable's name starts with a letter or '_'"),
            (#""$""#, "a variable's name starts with a letter or '_'"),
            (#""${A""#, "missing '}' after the variable 'A'"), (#""${A:b}""#, "missing '}' after the variable 'A'"),
            (#""$.FOO""#, "unknown pseudo-variable '.FOO'"),
        ])
    func broken(line: String, message: String) throws {
        var lexer = LineLexer(line: Array(line.utf8)[...]) { _ in nil }
        #expect(throws: LexicalError.self) { try lexer.scan() }
        lexer = LineLexer(line: Array(line.utf8)[...]) { _ in nil }
        do { _ = try lexer.scan() } catch { #expect(error.message == message) }
    }

    @Test("the pseudo-variables tell file, line and section")
    func pseudoVariables() {
        #expect(
            messages(
                ".notice \"${.FILE} $.LINE [$.SECTION]\"\nglobal\n.notice \"$.SECTION\"\ndefaults "
                    + "d\n.notice \"$.SECTION\"\n"
            )
                == ["1:1 notice: test.cfg 1 []", "3:1 notice: global", "5:1 notice: d"])
    }

    @Test("global's setenv and kin change what follows")
    func changes() {
        let result = load(
            """
            global
                setenv A 1
                presetenv A 2
                presetenv B 3
                unsetenv C
                log-tag "$A-$B-${C-none}"
                resetenv B
                node "$A$B"
            """, variables: ["C": "c"])
        #expect(result.diagnostics.isEmpty)
        #expect(result.tree.global.logTag == "1-3-none")
        #expect(result.tree.global.node == "3")
        #expect(errors("global\n setenv 9 x\n").count == 1)
    }
}
