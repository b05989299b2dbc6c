import Base
import HTTP
import Testing

@testable import Samples

/// Bytes at a place that does not change.
// SAFETY: allocated in `init`, freed in `deinit`; whoever asks for the bytes keeps the object.
@safe
final class KeptBytes {
    private let buffer: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        unsafe buffer = .allocate(byteCount: bytes.count, alignment: 1)
        unsafe buffer.copyBytes(from: bytes)
    }

    deinit { unsafe buffer.deallocate() }

    @unsafe var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(buffer) }
}

/// A scope that is given what a stream would know.
final class PlayedScope: SampleScope {
    var client = SocketAddress(ipv4: 0x7F00_0001, port: 40000)
    var server = SocketAddress(ipv4: 0x7F00_0001, port: 18771)
    private var received = KeptBytes([])

    /// What is there of the body, or of a stream of bytes.
    func receive(_ bytes: [UInt8]) { received = KeptBytes(bytes) }

    override func address(_ side: AddressSide) -> SocketAddress {
        switch side {
        case .source, .clientSource: client
        case .destination, .clientDestination: server
        case .serverSource, .serverDestination: SocketAddress()
        }
    }
    override func body(response: Bool) -> UnsafeRawBufferPointer {
        // SAFETY: the scope keeps the bytes.
        unsafe received.bytes
    }
    override func payload(response: Bool) -> UnsafeRawBufferPointer { unsafe body(response: response) }
    override var wallClockMicroseconds: Int64 { 1_700_000_000_123_456 }
    override func random() -> UInt64 { 0xFFFF_FFFF_8000_0000 }
    override func number(_ fact: StreamNumber) -> Int64? {
        switch fact {
        case .isFirstRequest, .clientMajorVersion: 1
        default: 1000 + Int64(fact.rawValue)
        }
    }
    override func number(_ fact: ProxyNumber, of proxy: Int?) -> Int64? { 2000 + Int64(fact.rawValue) }
    override func number(_ fact: ServerNumber, of proxy: Int, _ server: Int) -> Int64? {
        fact == .isUp ? 1 : 3000 + Int64(fact.rawValue)
    }
    override func tcpNumber(_ fact: TCPNumber) -> Int64? { 4000 + Int64(fact.rawValue) }
    override func text(_ fact: StreamText) -> Sample? { fact == .uniqueID ? Sample(literal: "id-1") : nil }
    override func isLocal(_ side: AddressSide) -> Bool? { true }
    override func isUser(_ name: Span<UInt8>, _ password: Span<UInt8>, in userlist: Int) -> Bool {
        name.equals("user") && password.equals("pa:ss") && userlist == 3
    }
    override func group(_ index: Int, of name: Span<UInt8>, in userlist: Int) -> Sample? {
        index == 0 ? Sample(literal: "admins") : index == 1 ? Sample(literal: "staff") : nil
    }
    private var variables: [VariableName: Sample] = [:]
    override func variable(_ name: VariableName) -> Sample? { variables[name] }
    override func setVariable(_ name: VariableName, _ value: Sample) -> Bool {
        variables[name] = value
        return true
    }
}

/// Names of objects that stand for something.
private final class PlayedContext: ArgumentContext {
    override func find(_ kind: ArgumentKind, _ name: String) -> ArgumentValue? {
        switch kind {
        case .frontend: .frontend(name.isEmpty ? -1 : 0)
        case .backend: .backend(name.isEmpty ? -1 : 1)
        case .server: .server(proxy: 1, server: 0)
        case .userlist: .userlist(3)
        default: nil
        }
    }
    override func environmentVariable(_ name: String) -> String? { name == "SET" ? "value" : nil }
    override var hostName: String { "machine" }
}

/// Evaluates expressions against a message.
final class Evaluation {
    let scope = PlayedScope(valueLimit: 16384)
    private let request = MessageHead(limits: HTTPLimits())
    private let response = MessageHead(limits: HTTPLimits())
    private var memory: [KeptBytes] = []

    private func keep(_ text: String) -> KeptBytes {
        let kept = KeptBytes(Array(text.utf8))
        memory.append(kept)
        return kept
    }

    func receive(request text: String) throws {
        // SAFETY: the head refers to memory that lives as long as the evaluation.
        guard case .complete = unsafe RequestParser(limits: HTTPLimits()).parse(keep(text).bytes, into: request) else {
            throw Malformed()
        }
        scope.request = request
    }

    func receive(response text: String) throws {
        // SAFETY: as above.
        guard case .complete = unsafe ResponseParser(limits: HTTPLimits()).parse(keep(text).bytes, into: response)
        else {
            throw Malformed()
        }
        scope.response = response
        scope.isResponse = true
    }

    struct Malformed: Error {}

    func sample(_ text: String, isACL: Bool = false) throws -> Sample? {
        let parser = ExpressionParser(point: nil, context: PlayedContext(), isACL: isACL)
        let expression = try parser.parse(Array(text.utf8))
        kept.append(expression)
        scope.beginEvaluation()
        return expression.evaluate(scope)
    }
    /// Literals stand as long as their expressions.
    private var kept: [Expression] = []

    /// The value cast to bytes, in hexadecimal digits.
    func hex(_ text: String) throws -> String? {
        guard let found = try sample(text), let bytes = SampleCasts.cast(found, to: .type(.binary), scope) else {
            return nil
        }
        let span = bytes.span
        return span.indices.map { (span[$0] < 16 ? "0" : "") + String(span[$0], radix: 16) }.joined()
    }

    /// The value as a string.
    func text(_ text: String) throws -> String? {
        guard let found = try sample(text), let string = SampleCasts.cast(found, to: .type(.string), scope) else {
            return nil
        }
        return string.span.text
    }

    /// All values, as an ACL sees them.
    func values(_ text: String) throws -> [String] {
        let expression = try ExpressionParser(point: nil, context: PlayedContext(), isACL: true).parse(Array(text.utf8))
        scope.beginEvaluation()
        scope.iterates = true
        var values: [String] = []
        repeat {
            scope.hasMore = false
            if let found = expression.evaluate(scope),
                let string = SampleCasts.cast(found, to: .type(.string), scope)
            {
                values.append(string.span.text)
            }
        } while scope.hasMore && values.count < 100
        return values
    }
}

@Suite("Fetches")
struct FetchTests {
    @Test("values are those that HAProxy has", arguments: RecordedFetches.cases.indices)
    func recorded(index: Int) throws {
        let recorded = RecordedFetches.cases[index]
        let evaluation = Evaluation()
        try evaluation.receive(request: recorded.request)
        evaluation.scope.receive(Array(recorded.body.utf8))
        evaluation.scope.isFinal = true
        for (expression, hex) in recorded.values { #expect(try evaluation.hex(expression) == hex, "\(expression)") }
    }

    @Test("an ACL sees the values of a field, of cookies and of parameters one by one")
    func iteration() throws {
        let evaluation = Evaluation()
        try evaluation.receive(
            request: "GET /?a=1&b=2&a=3 HTTP/1.1\r\nHost: h\r\nX: 1, 2\r\nCookie: c=1; d=2; c=3\r\nX: 3\r\n"
                + "Authorization: Basic dXNlcjpwYTpzcw==\r\n\r\n")
        #expect(try evaluation.values("req.hdr(x)") == ["1", "2", "3"])
        #expect(try evaluation.values("req.fhdr(x)") == ["1, 2", "3"])
        #expect(try evaluation.values("req.hdr_val(x)") == ["1", "2", "3"])
        #expect(try evaluation.values("req.hdr(x,2)") == ["2"])
        #expect(try evaluation.values("req.cook(c)") == ["1", "3"])
        #expect(try evaluation.values("req.cook") == ["1", "2", "3"])
        #expect(try evaluation.values("urlp(a)") == ["1", "3"])
        #expect(try evaluation.values("urlp") == ["1", "2", "3"])
        #expect(try evaluation.values("http_auth_group(list)") == ["admins", "staff"])
        #expect(try evaluation.values("path") == ["/"])
        #expect(try evaluation.values("req.hdr(none)") == [])
    }

    @Test("credentials are compared with a list")
    func credentials() throws {
        let evaluation = Evaluation()
        try evaluation.receive(request: "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: basic dXNlcjpwYTpzcw\r\n\r\n")
        #expect(try evaluation.sample("http_auth(list)")?.boolean == true)
        #expect(try evaluation.text("http_auth_group(list)") == "user")
        try evaluation.receive(request: "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic !!!\r\n\r\n")
        #expect(try evaluation.sample("http_auth(list)")?.boolean == false)
        #expect(try evaluation.text("http_auth_user") == nil)
    }

    @Test("fields of a response")
    func responses() throws {
        let evaluation = Evaluation()
        try evaluation.receive(
            response: "HTTP/1.0 302 Found\r\nSet-Cookie: a=1; Path=/; b=2\r\nset-cookie: a=2\r\nX: p, 10.0.0.1\r\n"
                + "Content-Length: 5\r\n\r\n")
        evaluation.scope.receive(Array("he".utf8))
        for (expression, expected): (String, String?) in [
            ("status", "302"), ("res.ver", "1.0"), ("resp_ver", "1.0"), ("res.hdr(x)", "10.0.0.1"), ("hdr(x,1)", "p"),
            ("shdr(x,1)", "p"), ("res.hdr_cnt(x)", "2"), ("shdr_cnt(x)", "2"), ("res.fhdr(x)", "p, 10.0.0.1"),
            ("res.fhdr_cnt(x)", "1"), ("res.hdr_ip(x)", "10.0.0.1"), ("shdr_ip(x,2)", "10.0.0.1"),
            ("res.hdr_val(content-length)", "5"), ("shdr_val(content-length)", "5"), ("res.cook(a)", "2"),
            ("scook(a)", "2"), ("cookie(a)", "2"), ("res.cook(b)", nil), ("res.cook_cnt(a)", "2"),
            ("scook_cnt", "2"), ("res.cook_val(a)", "2"), ("scook_val(a)", "2"),
            ("res.hdr_names(-)", "set-cookie-set-cookie-x-content-length"), ("res.body", "he"),
            ("res.body_len", "2"), ("res.body_size", "5"), ("res.cache_hit", "0"), ("res.cache_name", ""),
            ("res.comp", "0"), ("res.comp_algo", nil), ("path", nil), ("req.hdr(x)", nil),
            (
                "res.hdrs",
                "set-cookie: a=1; Path=/; b=2\r\nset-cookie: a=2\r\nx: p, 10.0.0.1\r\ncontent-length: 5\r\n\r\n"
            ),
        ] {
            #expect(try evaluation.text(expression) == expected, "\(expression)")
        }
    }

    @Test("clocks, chance, the environment, variables")
    func process() throws {
        let evaluation = Evaluation()
        let scope = evaluation.scope
        for (expression, expected): (String, String?) in [
            ("date", "1700000000"), ("date(-10)", "1699999990"), ("date(1,ms)", "1700000000124"),
            ("date(0,us)", "1700000000123456"), ("date_us", "123456"), ("rand", "2147483648"), ("rand(10)", "5"),
            ("rand(0)", "0"), ("env(SET)", "value"), ("env(UNSET)", nil), ("hostname", "machine"),
            ("uuid", "ffffffff-8000-4000-bfff-ffff80000000"), ("unique-id", "id-1"), ("var(txn.a)", nil),
            ("var(txn.a,none)", "none"), ("var(txn.a,)", ""),
        ] {
            #expect(try evaluation.text(expression) == expected, "\(expression)")
        }
        let name = try ArgumentReader.variable(Array("txn.a".utf8), 0)
        let isSet = scope.setVariable(name, Sample(42))
        #expect(isSet)
        #expect(try evaluation.sample("var(txn.a,none)")?.integer == 42)
        #expect(throws: ExpressionFailure.self) { try evaluation.sample("uuid(5)") }
        #expect(throws: ExpressionFailure.self) { try evaluation.sample("date(0,min)") }
        #expect(throws: ExpressionFailure.self) { try evaluation.sample("bool(maybe)") }
        #expect(throws: ExpressionFailure.self) { try evaluation.sample("bin(123)") }
        #expect(throws: ExpressionFailure.self) { try evaluation.sample("var(a)") }
    }

    @Test("streams, proxies and servers answer the question that is asked")
    func facts() throws {
        let evaluation = Evaluation()
        func stream(_ fact: StreamNumber) -> Int64 { 1000 + Int64(fact.rawValue) }
        func proxy(_ fact: ProxyNumber) -> Int64 { 2000 + Int64(fact.rawValue) }
        func server(_ fact: ServerNumber) -> Int64 { 3000 + Int64(fact.rawValue) }
        func tcp(_ fact: TCPNumber) -> Int64 { 4000 + Int64(fact.rawValue) }
        let expected: [(String, Int64)] = [
            ("thread", stream(.thread)), ("fe_id", stream(.frontendID)), ("so_id", stream(.listenerID)),
            ("dst_conn", stream(.listenerConnections)), ("fe_client_timeout", stream(.clientTimeout)),
            ("be_id", stream(.backendID)), ("be_server_timeout", stream(.serverTimeout)),
            ("be_tunnel_timeout", stream(.tunnelTimeout)), ("cur_server_timeout", stream(.currentServerTimeout)),
            ("cur_tunnel_timeout", stream(.currentTunnelTimeout)), ("srv_id", stream(.serverID)),
            ("bc_http_major", stream(.serverMajorVersion)), ("prio_class", stream(.priorityClass)),
            ("prio_offset", stream(.priorityOffset)), ("last_rule_line", stream(.lastRuleLine)),
            ("fe_conn", proxy(.frontendConnections)), ("fe_conn(f)", proxy(.frontendConnections)),
            ("fe_sess_rate", proxy(.frontendSessionRate)), ("fe_req_rate", proxy(.frontendRequestRate)),
            ("be_conn(b)", proxy(.backendConnections)), ("be_conn_free", proxy(.freeConnections)),
            ("connslots", proxy(.freeSlots)), ("be_sess_rate", proxy(.backendSessionRate)),
            ("queue", proxy(.queueLength)), ("avg_queue", proxy(.averageQueueLength)),
            ("nbsrv", proxy(.usableServers)), ("srv_conn(b/s)", server(.connections)),
            ("srv_conn_free(s)", server(.freeConnections)), ("srv_is_up(s)", 1),
            ("srv_iweight(s)", server(.initialWeight)), ("srv_weight(s)", server(.weight)),
            ("srv_uweight(s)", server(.userWeight)), ("srv_queue(s)", server(.queueLength)),
            ("srv_sess_rate(s)", server(.sessionRate)), ("fc_rtt", tcp(.roundTripTime)), ("fc_rtt(ms)", 4),
            ("fc_rttvar", tcp(.roundTripTimeVariance)), ("fc_lost", tcp(.lost)),
            ("fc_sacked", tcp(.selectivelyAcknowledged)),
            ("fc_unacked", tcp(.unacknowledged)), ("fc_retrans", tcp(.retransmissions)),
            ("fc_fackets", tcp(.forwardAcknowledgements)), ("fc_reordering", tcp(.reordering)),
            ("src_port", 40000), ("dst_port", 18771), ("fc_src_port", 40000), ("fc_dst_port", 18771),
        ]
        for (expression, value) in expected {
            #expect(try evaluation.sample(expression).map { Int64($0.integer) } == value, "\(expression)")
        }
        for name in ["src_is_local", "dst_is_local", "fc_src_is_local", "fc_dst_is_local"] {
            #expect(try evaluation.sample(name)?.boolean == true)
        }
        for name in ["bc_src", "bc_dst", "bc_src_port", "bc_dst_port", "fe_name", "be_name"] {
            #expect(try evaluation.sample(name) == nil, "\(name)")
        }
        #expect(throws: ExpressionFailure.self) { try evaluation.sample("srv_conn()") }
    }
}
