import Testing

@testable import Samples

@Suite("Expressions")
struct ExpressionTests {
    private func parse(_ text: String, at point: SamplePoint? = nil) throws(ExpressionFailure) -> Expression {
        try ExpressionParser(point: point, context: ArgumentContext()).parse(Array(text.utf8))
    }

    @Test("a fetch and its converters are applied in order")
    func chain() throws {
        let scope = SampleScope(valueLimit: 1024)
        #expect(try parse("int(6),even").evaluate(scope)?.boolean == true)
        #expect(try parse("int(6),neg").evaluate(scope)?.integer == -6)
        // A literal stands as long as its expression.
        let literal = try parse("str(abc)")
        let text = try #require(literal.evaluate(scope))
        #expect(text.span.indices.map { text.span[$0] } == Array("abc".utf8))
        withExtendedLifetime(literal) {}
    }

    @Test("an unknown name says what it is and where")
    func unknown() {
        #expect { try parse("int(1),evne") } throws: { error in
            guard let failure = error as? ExpressionFailure else { return false }
            return failure.reason == .unknownConverter("evne") && failure.range == 7..<11
        }
    }

    @Test("a regular expression tells where its groups are")
    func regex() throws {
        let match = RegexMatch()
        let regex = try Regex(Array("a(b+)c".utf8))
        let text = Array("xxabbc".utf8)
        let found = match.find(regex, in: text.span)
        #expect(found)
        #expect(match.group(0) == 2..<6 && match.group(1) == 3..<5 && match.group(2) == nil)
        #expect(throws: Regex.Failure.self) { try Regex(Array("a(".utf8)) }
    }
}
