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
    ) throws -> ConditionEvaluation.Outcome {
        let text =
            "frontend fe\n bind 127.0.0.1:1\n use_backend be if \(condition)\nbackend be\n"
        let loaded = ConfigurationLoader().load(text: text)
        try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
        let section = loaded.tree.proxies[0]
        let rule = try #require(section.useBackends.first?.condition)
        let scope = GrowingScope(data)
        scope.isFinal = isFinal
        return ConditionEvaluation(acls: section.acls).judge(rule, scope)
    }

    @Test(
        "what is missing is unknown while more may come, and fails after that",
        arguments: [
            ("{ req.len gt 3 }", "abcd", ConditionEvaluation.Outcome.holds, ConditionEvaluation.Outcome.holds),
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
        condition: String, data: String, early: ConditionEvaluation.Outcome, late: ConditionEvaluation.Outcome
    ) throws {
        #expect(try judge(condition, of: data, isFinal: false) == early)
        #expect(try judge(condition, of: data, isFinal: true) == late)
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
