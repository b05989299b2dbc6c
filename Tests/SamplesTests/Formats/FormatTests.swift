import Testing

@testable import Samples

/// Writes each tag as its name and flags.
private final class NamingScope: SampleScope {
    override func write(_ tag: FormatTag, _ flags: FormatFlags, to line: inout LogLine) {
        switch tag {
        case .requestHeaders: return
        case .backend: line.append(text: "be\"]\\", flags)
        case .requestCookie: line.appendNothing(flags)
        case .clientPort: line.append(hexadecimal: 0xBEEF, width: flags.contains(.hexadecimal) ? 4 : 8)
        default: line.append(text: tag.rawValue)
        }
    }
}

@Suite("Log formats")
struct FormatTests {
    private func parse(_ text: String, log: Bool = true) throws -> LogFormat {
        try FormatParser(
            expressions: ExpressionParser(point: log ? .logs : .httpRequestHeader, context: ArgumentContext()),
            use: log ? .log : .value
        ).parse(Array(text.utf8))
    }

    private func write(_ text: String, log: Bool = true, limit: Int = 100) throws -> String {
        var line = LogLine()
        line.start(limit: limit)
        try parse(text, log: log).write(NamingScope(valueLimit: 1024), to: &line)
        return line.text
    }

    @Test("text, variables and %% come in order; a variable's name ends at the first other character")
    func order() throws {
        #expect(try write("a%ci:%cp%%b") == "aci:0000BEEF%b")
        #expect(try parse("%ci %[int(1)] %cp").tags == [.client, .clientPort])
    }

    @Test("in a part of a message, control characters of expressions become % and two digits, others stay")
    func message() throws {
        var line = LogLine()
        line.start(limit: 100)
        let expressions = ExpressionParser(point: .httpRequestHeader, context: ArgumentContext())
        let format = try FormatParser(expressions: expressions, use: .message).parse(
            Array("\u{1}%[str(a%0d%0a%09%7f%22),url_dec] %{+E}[str(%22%0a),url_dec]".utf8))
        format.write(SampleScope(valueLimit: 1024), to: &line)
        #expect(line.text == "\u{1}a%0D%0A\t%7F\" \\\"%0A")
    }

    @Test("in a log, spaces are merged, those in front are dropped, and nothing counts as nothing")
    func spaces() throws {
        #expect(try write("  a   b %hr  %ci") == "a b ci")
        #expect(try write("  a   b %hr  %ci", log: false) == "  a   b   ci")
    }

    @Test("flags count for one variable, or with %o for all that follow")
    func flags() throws {
        #expect(try write("%{+Q}b %b") == "\"be\"]\\\" be\"]\\")
        #expect(try write("%{+Q,+E}o%b %{-Q}b") == "\"be\\\"\\]\\\\\" be\\\"\\]\\\\")
        #expect(try write("%{+X}cp") == "BEEF")
    }

    @Test("what has no value is a dash in logs, nothing elsewhere, and empty quotes when quoted")
    func nothing() throws {
        #expect(try write("%CC|%{+Q}CC") == "-|\"\"")
        #expect(try write("%CC|%{+Q}CC", log: false) == "|\"\"")
    }

    @Test("expressions stand between brackets; outside of logs they are not quoted")
    func expressions() throws {
        #expect(try write("<%[str(a]b)]>") == "<a]b>")
        #expect(try write("%{+Q}[str(a)]") == "\"a\"")
        #expect(try write("%{+Q,+E}[str(a]b)]", log: false) == "a\\]b")
    }

    @Test("a line that is full is cut off")
    func bounded() throws {
        #expect(try write("0123456789%ci%[str(xyz)]", limit: 5) == "01234")
    }

    @Test(
        "what cannot be read says what it is and where",
        arguments: [
            ("ab%xy", "no such format variable '%xy'", 2..<5),
            ("ab%", "missing variable after '%'", 2..<3),
            ("%{+Z}b", "unknown flag '+Z'", 2..<4),
            ("%{+Q b", "missing '}' after the flags", 1..<6),
            ("%[int(1)", "missing ']' after the expression", 0..<8),
            ("%sslv", "variable '%sslv' needs TLS, which is not supported by this version of Martlet", 0..<5),
        ])
    func mistakes(text: String, message: String, range: Range<Int>) {
        #expect { try parse(text) } throws: { error in
            guard let failure = error as? ExpressionFailure else { return false }
            return failure.message == message && failure.range == range
        }
    }

    @Test("every variable of the manual's table is known, but for those of TLS")
    func complete() throws {
        let manual = """
            B CC CS H HM HP HPO HQ HU HV ID ST T Ta Tc Td Tl Th Ti Tq TR Tr Ts Tt Tu Tw U ac b bc bi bp bq ci cp f fc \
            fi fp ft hr hrl hs hsl lc ms pid r rc rt s sc si sp sq t tr trg trl ts tsc
            """
        #expect(Set(manual.split(separator: " ").map(String.init)) == Set(FormatTag.allCases.map(\.rawValue)))
    }
}
