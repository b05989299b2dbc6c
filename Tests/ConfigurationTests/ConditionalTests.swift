import Testing

@testable import Configuration

@Suite("2.4 Conditional blocks")
struct ConditionalTests {
    private func evaluate(
        _ text: String, features: Set<String> = ["EPOLL"], options: Set<String> = ["POLL"],
        variables: Set<String> = ["A"]
    ) -> String {
        let evaluator = ConditionEvaluator(
            features: features, enabledOptions: options, dialectVersion: "3.4", isDefined: { variables.contains($0) })
        do { return try evaluator.evaluate(text) ? "true" : "false" } catch {
            return "\(error.offset): \(error.message)"
        }
    }

    @Test(
        "conditions",
        arguments: [
            ("", "false"), ("  ", "false"), ("0", "false"), ("00", "false"), ("1", "true"), ("-1", "true"),
            ("!0", "true"), ("!!0", "false"), ("(1)||0", "true"), ("1 && 0 || 1", "true"), ("0 && (0 || 1)", "false"),
            ("defined(A)", "true"), ("defined(B)", "false"), ("feature(EPOLL)", "true"), ("feature(LUA)", "false"),
            ("enabled(POLL)", "true"), ("enabled(EPOLL)", "false"), ("streq(a,a)", "true"), ("streq(a,b)", "false"),
            ("strneq(a,b)", "true"), ("strstr(abc,b)", "true"), ("strstr(abc,d)", "false"),
            ("streq(\"a b\",'a b')", "true"), ("streq(a\\,b,\"a,b\")", "true"), ("version_atleast(2.6)", "true"),
            ("version_atleast(3.4)", "true"), ("version_atleast(3.4-dev5)", "true"), ("version_atleast(3.5)", "false"),
            ("version_before(3.5-dev1)", "true"), ("version_before(3.4)", "false"), ("version_before(10)", "true"),
            ("openssl_version_atleast(1.1)", "false"), ("!feature(OPENSSL) && (1 || 0)", "true"),
        ])
    func conditions(text: String, expected: String) {
        #expect(evaluate(text) == expected)
    }

    @Test(
        "conditions that cannot be read say where",
        arguments: [
            ("foo", "0: unknown predicate 'foo' in the condition"),
            ("1 1", "2: unexpected '1' at the end of the condition"),
            ("1 &&", "4: the condition ends where a term is expected"), ("(1", "0: missing ')' for this '('"),
            ("streq(a)", "5: 'streq' takes 2 arguments, not 1"), ("defined", "7: missing arguments after 'defined'"),
            ("defined(A", "7: missing closing ')'"), ("version_atleast(x)", "0: 'x' is no version"),
            ("feature(A) || bar(1)", "14: unknown predicate 'bar' in the condition"),
            ("-", "0: unexpected '-' in the condition"),
        ])
    func unreadable(text: String, expected: String) {
        #expect(evaluate(text) == expected)
    }

    @Test("nesting is bounded")
    func depth() {
        #expect(evaluate(String(repeating: "(", count: 100_000)).hasSuffix("parentheses nest too deep"))
        #expect(evaluate(String(repeating: "!", count: 100_001) + "1") == "false")
    }

    @Test("the manual's example of nested blocks takes one branch of each")
    func manualExample() {
        let text = """
            .if "${A}"
              .if "${B}"
                 .notice "A=1, B=1"
              .elif "${C}"
                 .notice "A=1, B=0, C=1"
              .elif "${D}"
                 .warning "A=1, B=0, C=0, D=1"
              .else
                 .alert "A=1, B=0, C=0, D=0"
              .endif
            .else
                 .notice "A=0"
            .endif

            """
        #expect(messages(text) == ["12:6 notice: A=0"])
        #expect(messages(text, variables: ["A": "1", "B": "1"]) == ["3:6 notice: A=1, B=1"])
        #expect(messages(text, variables: ["A": "1", "C": "1"]) == ["5:6 notice: A=1, B=0, C=1"])
        #expect(messages(text, variables: ["A": "1", "D": "1"]) == ["7:6 warning: A=1, B=0, C=0, D=1"])
        #expect(messages(text, variables: ["A": "1"]) == ["9:6 error: A=1, B=0, C=0, D=0"])
    }

    @Test("lines that are switched off are not read at all")
    func skipped() {
        #expect(messages(".if 0\n  \"unclosed\n nonsense\n .if foo(\n .endif\n.endif\n") == [])
    }

    @Test("a block whose condition cannot be read is skipped as a whole")
    func unreadableBlocks() {
        #expect(messages(".if foo\n nonsense\n.else\n nonsense\n.endif\n").count == 1)
        #expect(messages(".if 0\n.elif foo\n nonsense\n.else\n nonsense\n.endif\n").count == 1)
    }

    @Test("diag messages have a level of their own")
    func diag() {
        #expect(load(".diag \"replace this\"\n").diagnostics.map(\.severity) == [.diag])
    }

    @Test(
        "blocks that do not fit together",
        arguments: [
            (".endif\n", "1:1 error: unexpected '.endif' (there is no '.if' for it)"),
            (".if 1\n", "1:1 error: missing '.endif' for this '.if'"),
            (
                ".if 1\n.else\n.else\n.endif\n",
                "3:1 error: unexpected '.else' (it stands behind an '.if', before its '.else')"
            ),
            (".if 1\n.endif x\n.endif\n", "2:8 error: unexpected argument 'x' to '.endif'"),
            (".iff 1\n", "1:1 error: unknown directive '.iff' (did you mean '.if'?)"),
            (".if streq(a,a) && bar(1)\n.endif\n", "1:19 error: unknown predicate 'bar' in the condition"),
            (".if defined (A)\n.endif\n", "1:13 error: missing arguments after 'defined' (write defined(...))"),
        ])
    func misfits(text: String, expected: String) {
        #expect(messages(text).first == expected)
    }
}

@Suite("2.5 Time format")
struct QuantityTests {
    @Test(
        "times",
        arguments: [
            ("0", 0), ("10", 10), ("10ms", 10), ("1us", 1), ("1000us", 1), ("1001us", 2), ("5s", 5_000),
            ("2m", 120_000),
            ("1h", 3_600_000), ("24d", 2_073_600_000), ("2147483647", 2_147_483_647),
        ])
    func times(text: String, milliseconds: Int) throws {
        #expect(try Quantities.milliseconds(Array(text.utf8)) == milliseconds)
    }

    @Test("what is no time", arguments: ["", "x", "5x", "5 s", "-5", "1.5s", "5sec", "99999999999999999999s", "25d"])
    func noTimes(text: String) {
        #expect(throws: QuantityError.self) { try Quantities.milliseconds(Array(text.utf8)) }
    }

    @Test("sizes are powers of 1024", arguments: [("1", 1), ("16k", 16_384), ("2m", 2 << 20), ("1G", 1 << 30)])
    func sizes(text: String, expected: Int) throws {
        #expect(try Quantities.bytes(Array(text.utf8)) == expected)
    }

    @Test("overflow is an error, not a number")
    func overflow() {
        #expect(throws: QuantityError.overflow) { try Quantities.bytes(Array("9223372036854775807g".utf8)) }
        #expect(throws: QuantityError.overflow) { try Quantities.integer("9223372036854775808".utf8) }
        #expect(throws: QuantityError.overflow) { try Quantities.integer("-9223372036854775809".utf8) }
        #expect((try? Quantities.integer("-9223372036854775808".utf8)) == .min)
    }
}
