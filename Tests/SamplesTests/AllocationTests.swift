import Base
import CTestAllocations
import HTTP
import Testing

@testable import Samples

@Suite("What expressions allocate", .enabled(if: test_allocation_count() >= 0))
struct AllocationTests {
    /// Allocations of this thread in `times` evaluations, after one that fills what is made once.
    private func allocations(_ expression: Expression, _ scope: SampleScope, times: Int = 100) -> Int {
        scope.beginEvaluation()
        _ = expression.evaluate(scope)
        let before = test_allocation_count()
        for _ in 0..<times {
            scope.beginEvaluation()
            _ = expression.evaluate(scope)
        }
        return test_allocation_count() - before
    }

    // Converters are not among them: without optimisation each step costs a block that is not there in a release, where
    // dev/bench-check counts.
    @Test(
        "literals, numbers, addresses and what passes through allocate nothing",
        arguments: [
            "str(abc)", "int(5)", "bool(true)", "ipv4(192.0.2.1)", "bin(616263)", "meth(GET)", "src", "dst", "src_port",
            "dst_port", "fc_http_major", "rand", "var(txn.x)", "var(txn.none)", "method", "path", "url", "hdr(host)",
            "req.hdr_cnt(x)", "req.ver",
        ])
    func nothing(text: String) throws {
        let scope = AllocationScope()
        let expression = try ExpressionParser(point: nil, context: ArgumentContext()).parse(Array(text.utf8))
        #expect(expression.evaluate(scope) != nil || text == "var(txn.none)")
        #expect(allocations(expression, scope) == 0)
    }

    @Test("the counter counts: a test that is given an array of its own sees it")
    func counter() {
        let before = test_allocation_count()
        let bytes = [UInt8](repeating: 0, count: Int(before & 15) + 4096)
        withExtendedLifetime(bytes) {}
        #expect(test_allocation_count() > before)
    }
}

/// A scope with addresses, one variable and a request.
private final class AllocationScope: SampleScope {
    private let value = Sample(literal: "abc")
    private let name: VariableName?
    private let head = MessageHead(limits: HTTPLimits())
    private let text = KeptBytes(
        Array("GET /a/b?c=d HTTP/1.1\r\nHost: example.com\r\nX: 1\r\nX: 2\r\n\r\n".utf8))

    init() {
        name = try? VariableName(Array("txn.x".utf8))
        super.init(valueLimit: 4096)
        // SAFETY: the head refers to memory that lives as long as the scope.
        if case .complete = unsafe RequestParser(limits: HTTPLimits()).parse(text.bytes, into: head) { request = head }
    }

    override func address(_ side: AddressSide) -> SocketAddress { SocketAddress(ipv4: 0x7F00_0001, port: 40000) }
    override func variable(_ name: VariableName) -> Sample? { name == self.name ? value : nil }
    override func random() -> UInt64 { 4 }
    override func number(_ fact: StreamNumber) -> Int64? { 1 }
}
