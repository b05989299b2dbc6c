import Base
import Testing

@testable import Samples

@Suite("Converters")
struct ConverterTests {
    private func text(_ scope: TestScope, _ expression: String) -> String {
        let result = scope.result(Array(expression.utf8))
        guard result.hasPrefix("=") else { return result }
        let digits = Array(result.utf8.dropFirst())
        return String(
            decoding: stride(from: 0, to: digits.count, by: 2).map {
                (digits[$0].hexValue ?? 0) << 4 | (digits[$0 + 1].hexValue ?? 0)
            }, as: UTF8.self)
    }

    @Test("every converter of HAProxy that needs neither TLS objects nor stick tables is there, with its types")
    func table() throws {
        // As `haproxy -dKcnv` prints them: what goes out, then what goes in.
        let left: Set<String> = ["in_table"]
        let ours = Dictionary(SampleTables.converters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        #expect(ours.count == SampleTables.converters.count)
        var count = 0
        for line in try TestFiles.lines("converters") {
            let text = String(decoding: line, as: UTF8.self)
            guard let colon = text.firstIndex(of: ":") else { continue }
            let name = String(text[..<colon].prefix { $0 != "(" })
            if left.contains(name) || name.hasPrefix("table_") { continue }
            guard let converter = ours[name] else {
                Issue.record("there is no '\(name)'")
                continue
            }
            let required = converter.arguments.required.map(\.name)
            let optional = converter.arguments.optional.map(\.name)
            let both =
                required.joined(separator: ",")
                + (optional.isEmpty ? "" : "[" + (required.isEmpty ? "" : ",") + optional.joined(separator: ",") + "]")
            let arguments = both.isEmpty ? "" : "(\(both))"
            #expect("\(name)\(arguments): \(converter.output.name) => \(converter.input.name)" == text)
            count += 1
        }
        #expect(count == ours.count)
    }

    @Test("variables are set, unset and compared")
    func variables() {
        let scope = TestScope()
        #expect(text(scope, "str(abc),set-var(txn.a)") == "abc")
        #expect(text(scope, "str(abd),strcmp(txn.a)") == "1" && text(scope, "str(abc),strcmp(txn.a)") == "0")
        #expect(text(scope, "str(ab),strcmp(txn.a)") == "-1")
        #expect(
            text(scope, "str(abc),secure_memcmp(txn.a)") == "1" && text(scope, "str(abx),secure_memcmp(txn.a)") == "0")
        #expect(text(scope, "str(x),concat(<,txn.a,>)") == "x<abc>")
        #expect(
            text(scope, "str(x),add_item(-,txn.a,z)") == "x-abcz" && text(scope, "str(),add_item(-,txn.a)") == "abc")
        // What is not stored goes no further.
        #expect(
            text(scope, "str(new),set-var(txn.a,ifnotexists)") == "none" && text(scope, "str(),concat(,txn.a)") == "abc"
        )
        #expect(
            text(scope, "str(),set-var(txn.a,ifnotempty)") == "none" && text(scope, "str(),concat(,txn.a)") == "abc")
        #expect(text(scope, "str(q),set-var(txn.a,ifset,ifexists),concat(,txn.a)") == "qq")
        #expect(text(scope, "str(q),unset-var(txn.a),concat(,txn.a,!)") == "q!")
        #expect(text(scope, "str(q),set-var(txn.a,sometimes)") == "error")
        #expect(text(scope, "int(5),set-var(txn.n),add(txn.n)") == "10")
        // The variable must be greater, or less, than the value.
        #expect(text(scope, "int(9),set-var(txn.n,ifgt),add(txn.n)") == "none")
        #expect(text(scope, "int(9),set-var(txn.n,iflt),add(txn.n)") == "18")
    }

    @Test("keys and nonces may be variables")
    func secrets() {
        let scope = TestScope()
        #expect(text(scope, "str(a2V5),set-var(txn.k)") == "a2V5")
        #expect(text(scope, "str(hello),hmac(sha256,txn.k),hex") == text(scope, "str(hello),hmac(sha256,a2V5),hex"))
        // Test case 2 of the GCM specification: 16 bytes of zeros, with a key and a nonce of zeros.
        let cipher = "bin(0388dace60b6a392f328c2b971b2fe78)"
        let zeros = "AAAAAAAAAAAAAAAAAAAAAA=="
        let decrypted = "\(cipher),aes_gcm_dec(128,AAAAAAAAAAAAAAAA,\(zeros),q25H1CzsE731OmeyEle93w==),hex"
        let wrong = "\(cipher),aes_gcm_dec(128,AAAAAAAAAAAAAAAA,\(zeros),q25H1CzsE731OmeyEle93g==),hex"
        #expect(text(scope, wrong) == "none")
        #expect(text(scope, decrypted) == String(repeating: "0", count: 32))
        #expect(text(scope, "str(x),aes_gcm_dec(100,AAAA,AAAA,AAAA)") == "error")
    }

    @Test("what proxies and streams know is asked of the scope")
    func proxies() {
        let scope = TestScope()
        #expect(text(scope, "str(be),nbsrv") == "3" && text(scope, "str(nope),nbsrv") == "none")
        #expect(text(scope, "str(s1),srv_queue") == "7" && text(scope, "str(nope),srv_queue") == "none")
        #expect(text(scope, "str(kept),capture-req(2)") == "kept" && scope.captures[2] == Array("kept".utf8))
        #expect(text(scope, "str(too),capture-res(0)") == "too" && scope.captures[-1] == Array("too".utf8))
    }

    @Test("what stays as it is takes no memory of the scratch")
    func passThrough() throws {
        let scope = TestScope()
        let expression = try ExpressionParser(point: nil, context: TestContext()).parse(
            Array("str(/a/b.c),lower,ltrim(/),field(1,/),rtrim(x),length,add(1)".utf8))
        scope.beginEvaluation()
        #expect(expression.evaluate(scope)?.integer == 2)
        #expect(scope.scratch.mark == 0)
    }

    @Test("a value that does not fit has no value")
    func limits() {
        let scope = TestScope()
        let long = String(repeating: "6161", count: 5000)
        #expect(text(scope, "bin(\(long)),length") == "10000")
        #expect(text(scope, "bin(\(long)),hex") == "none")
    }
}
