import Base
import Configuration
import Samples
import Testing

@testable import Proxy

/// Bytes that may still grow.
private final class GrowingScope: SampleScope {
    private let kept: [UInt8]
    init(_ text: String) {
        kept = Array(text.utf8)
        super.init(valueLimit: 1024)
    }
    override func payload(response: Bool) -> UnsafeRawBufferPointer {
        // SAFETY: scratch memory stands until the next evaluation begins.
        unsafe scratch.string(kept)?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

@Suite("Conditions on data that still come (manual, section 7.1)")
struct OutcomeTests {
    private func judge(
        _ condition: String, of data: String, isFinal: Bool
    ) throws -> TestOutcome {
        let text =
            "frontend fe\n bind 127.0.0.1:1\n use_backend be if \(condition)\nbackend be\n"
        let loaded = ConfigurationLoader().load(text: text)
        try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
        let section = loaded.tree.proxies[0]
        let rule = try #require(section.useBackends.first?.condition)
        let scope = GrowingScope(data)
        scope.isFinal = isFinal
        return RuleCondition(rule, section.acls).judge(scope)
    }

    @Test(
        "what is missing is unknown while more may come, and fails after that",
        arguments: [
            ("{ req.len gt 3 }", "abcd", TestOutcome.holds, TestOutcome.holds),
            ("{ req.len gt 3 }", "abc", .unknown, .fails),
            ("!{ req.len gt 3 }", "abc", .unknown, .holds),
            ("!{ req.len gt 3 }", "abcd", .fails, .fails),
            ("{ req.payload(0,4) -m str abcd }", "ab", .unknown, .fails),
            ("{ req.payload(0,4) -m str abcd }", "abcd", .holds, .holds),
            ("{ req.payload(0,4) -m str abcd }", "xxxx", .fails, .fails),
            ("FALSE WAIT_END", "", .fails, .fails), ("TRUE WAIT_END", "", .unknown, .holds),
            ("WAIT_END or TRUE", "", .holds, .holds), ("WAIT_END or FALSE", "", .unknown, .holds),
            ("WAIT_END FALSE", "", .fails, .fails), ("REQ_CONTENT", "", .unknown, .fails),
            ("REQ_CONTENT", "x", .holds, .holds),
        ])
    func outcomes(
        condition: String, data: String, early: TestOutcome, late: TestOutcome
    ) throws {
        #expect(try judge(condition, of: data, isFinal: false) == early)
        #expect(try judge(condition, of: data, isFinal: true) == late)
    }
}

/// A condition of tests whose outcomes are known, and what it is by the manual's words.
private struct RandomCondition {
    var text = "if"
    var acls = ""
    var expected = TestOutcome.fails

    /// Tests that hold, fail, and are unknown while no payload has come.
    private static let tests: [(text: String, outcome: TestOutcome)] = [
        ("bool(true)", .holds), ("bool(false)", .fails), ("req.len gt 0", .unknown),
    ]

    init(_ random: inout some RandomNumberGenerator) {
        let isNegated = Bool.random(using: &random)
        if isNegated { text = "unless" }
        for alternative in 0..<Int.random(in: 1...3, using: &random) {
            if alternative > 0 { text += " or" }
            var worst = TestOutcome.holds
            for term in 0..<Int.random(in: 1...3, using: &random) {
                let termIsNegated = Bool.random(using: &random)
                var best = TestOutcome.fails
                let name = "a\(alternative)\(term)"
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let test = RandomCondition.tests[Int.random(in: 0..<3, using: &random)]
                    acls += " acl \(name) \(test.text)\n"
                    best = max(best, test.outcome)
                }
                text += " \(termIsNegated ? "!" : "")\(name)"
                worst = min(worst, termIsNegated ? best.negated : best)
            }
            expected = max(expected, worst)
        }
        if isNegated { expected = expected.negated }
    }
}

@Suite("Conditions laid out for evaluation")
struct RuleConditionTests {
    @Test("each is what its terms make of it, while data may come and when they are final")
    func random() throws {
        var random = Random(seed: 7)
        var counts: [TestOutcome: Int] = [:]
        for _ in 0..<300 {
            let made = RandomCondition(&random)
            let text = "frontend fe\n bind 127.0.0.1:1\n\(made.acls) use_backend be \(made.text)\nbackend be\n"
            let loaded = ConfigurationLoader().load(text: text)
            try #require(!loaded.hasErrors, "\(text)\(loaded.diagnostics)")
            let section = loaded.tree.proxies[0]
            let condition = RuleCondition(try #require(section.useBackends.first?.condition), section.acls)
            let scope = GrowingScope("")
            scope.isFinal = false
            #expect(condition.judge(scope) == made.expected, "\(text)")
            counts[made.expected, default: 0] += 1
            // What is unknown fails when nothing more comes: both ways of evaluation must say so.
            let holds = condition.holds(scope)
            #expect(!scope.isFinal)
            scope.isFinal = true
            #expect(condition.judge(scope) == (holds ? .holds : .fails), "\(text)")
        }
        #expect(counts.count == 3)
    }

    @Test("of rules, the first that holds from a place on is found; tests that are not reached are not asked")
    func lists() throws {
        let text =
            "frontend fe\n mode http\n bind 127.0.0.1:1\n http-request deny if FALSE { rand ge 0 }\n"
            + " http-request deny unless TRUE or { rand ge 0 }\n http-request allow if TRUE or { rand ge 0 }\n"
            + " http-request deny if FALSE\n http-request allow\n"
        let loaded = ConfigurationLoader().load(text: text)
        try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
        let section = loaded.tree.proxies[0]
        let list = RuleList(section.rules[.httpRequest], section.acls)
        let scope = CountingScope(valueLimit: 1024)
        #expect(list.count == 5 && list.first(from: 0, scope) == 2)
        #expect(list.first(from: 3, scope) == 4 && list.first(from: 5, scope) == 5)
        #expect(scope.asked == 0)
        #expect(RuleList.none.isEmpty && RuleList.none.first(from: 0, scope) == 0)
    }
}

/// Counts how often a test is asked that is not to be reached.
private final class CountingScope: SampleScope {
    var asked = 0
    override func random() -> UInt64 {
        asked += 1
        return 0
    }
}

@Suite("Users of lists")
struct UserDirectoryTests {
    @Test("a plain and a hashed password are compared; groups are told one by one")
    func users() throws {
        let loaded = ConfigurationLoader().load(
            text: """
                userlist l
                  group g users a
                  user a insecure-password secret groups h
                  user b password $5$abc$hFQGVDmvMxQ1l0a3MtyfD0J8eCGrxCNhK5QI9ZEUQa4
                  user c
                  group h
                """)
        let users = UserDirectory(loaded.tree.userLists)
        func isUser(_ name: StaticString, _ password: StaticString) -> Bool {
            users.isUser(Sample(literal: name).span, Sample(literal: password).span, in: 0)
        }
        #expect(isUser("a", "secret") && !isUser("a", "secre") && !isUser("x", "secret"))
        #expect(isUser("b", "HASHED") && !isUser("b", "other"))
        #expect(!isUser("c", "") && !isUser("c", "x"))
        let name = Sample(literal: "a").span
        #expect(Set((0..<2).map { users.group($0, of: name, in: 0) }) == [Array("g".utf8), Array("h".utf8)])
        #expect(users.group(2, of: name, in: 0) == nil && users.group(0, of: name, in: 1) == nil)
    }
}
