import Base
import Configuration
import HTTP
import Samples
import Testing

@testable import Proxy

/// A scope with a client's address and nothing else of a stream.
private final class ClientScope: SampleScope {
    var client = SocketAddress()
    override func address(_ side: AddressSide) -> SocketAddress { side == .source ? client : SocketAddress() }
}

/// Judges conditions as `use_backend` rules have them.
private final class Judge {
    private let message = MessageHead(limits: HTTPLimits())
    private let scope = ClientScope(valueLimit: 16384)

    func holds(
        _ condition: String, request: String = "GET / HTTP/1.1\r\nhost: a\r\n\r\n", source: String = "127.0.0.1",
        acls: [String] = []
    ) throws -> Bool {
        let text =
            "frontend fe\n mode http\n bind 127.0.0.1:1\n" + acls.map { " acl \($0)\n" }.joined()
            + " use_backend be if \(acls.isEmpty && !condition.contains("{") ? "{ \(condition) }" : condition)\n"
            + "backend be\n mode http\n"
        let loaded = ConfigurationLoader().load(text: text)
        try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
        let section = loaded.tree.proxies[0]
        let rule = try #require(section.useBackends.first?.condition)
        let bytes = Array(request.utf8)
        // SAFETY: the head refers to the array inside the closure only.
        return try unsafe bytes.withUnsafeBytes { raw in
            guard case .complete = unsafe RequestParser(limits: HTTPLimits()).parse(raw, into: message) else {
                throw BadRequest()
            }
            scope.client = try #require(SocketAddress(numeric: source, port: 4000))
            scope.request = message
            defer { message.reset() }
            return RuleCondition(rule, section.acls).holds(scope)
        }
    }

    private struct BadRequest: Error {}
}

private func get(_ path: String, _ fields: String...) -> String {
    "GET \(path) HTTP/1.1\r\nhost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
}

@Suite("Conditions (manual, chapter 7)")
struct ConditionTests {
    private let judge = Judge()

    @Test(
        "match methods of strings (section 7.1.3)",
        arguments: [
            ("path /a/b", "/a/b", true), ("path /a/b", "/a/b/", false), ("path /a/b", "/a/b?x=1", true),
            ("path_beg /a", "/ab", true), ("path_beg /ab", "/a", false), ("path_beg /b", "/a/b", false),
            ("path_end .png", "/x.png", true), ("path_end .png", "/x.png.txt", false), ("path_end .png", "/png", false),
            ("path_sub tat", "/static", true), ("path_sub tat", "/sttic", false),
            ("path_dir b", "/a/b/c", true), ("path_dir b", "/a/bc/d", false), ("path_dir a/b", "/x/a/b", true),
            ("path_dir a/b", "/xa/b", false), ("path_dir /b/", "/a/b/c", true), ("path_dir /b/", "/a/bb/c", false),
            ("path_len 4", "/abc", true), ("path_len 5:", "/abc", false),
            ("path_len gt 3", "/abc", true), ("path_len lt 4", "/abc", false),
            ("path -i /ABC", "/abc", true), ("path /ABC", "/abc", false), ("path_beg -i /aB", "/AbC", true),
            ("path /x /y /z", "/y", true), ("path -m beg /y", "/yy", true), ("path -m found", "/", true),
            ("path -m end .c", "/a.c", true), ("path -m sub b", "/abc", true), ("path -m len 2", "/a", true),
        ])
    func strings(condition: String, path: String, expected: Bool) throws {
        #expect(try judge.holds(condition, request: get(path)) == expected, "\(condition) of \(path)")
    }

    @Test(
        "domains: whole labels only, whatever dots the pattern ends in",
        arguments: [
            ("www.example.com", true), ("example.com", true), ("example.com:8080", true), ("myexample.com", false),
            ("example.community", false), ("EXAMPLE.com", false),
        ])
    func domains(host: String, expected: Bool) throws {
        let request = "GET / HTTP/1.1\r\nhost: \(host)\r\n\r\n"
        #expect(try judge.holds("hdr_dom(host) example.com", request: request) == expected)
        #expect(try judge.holds("hdr_dom(host) .example.com.", request: request) == expected)
        #expect(
            try judge.holds("hdr_dom(host) -i example.COM", request: request) == (expected || host == "EXAMPLE.com"))
    }

    @Test("a field's values are tried one by one, over all its lines")
    func fieldValues() throws {
        let request = get("/", "x: one, two", "y: z", "X: three")
        for value in ["one", "two", "three"] { #expect(try judge.holds("hdr(x) \(value)", request: request)) }
        #expect(try !judge.holds("hdr(x) z", request: request))
        #expect(try !judge.holds("hdr(none) -m found", request: request))
        #expect(try judge.holds("hdr(x) -m found", request: request))
    }

    @Test(
        "an occurrence counts from the start, or with a minus from the end",
        arguments: [(1, "one"), (2, "two"), (3, "three"), (-1, "three"), (-2, "two"), (-3, "one")])
    func occurrences(occurrence: Int, expected: String) throws {
        let request = get("/", "x: one, two", "x: three")
        for value in ["one", "two", "three"] {
            #expect(try judge.holds("req.hdr(x,\(occurrence)) \(value)", request: request) == (value == expected))
        }
        #expect(try !judge.holds("req.hdr(x,4) three", request: request))
        #expect(try !judge.holds("req.hdr(x,-4) one", request: request))
    }

    @Test("a field's value as a number")
    func numbers() throws {
        let request = get("/", "n: 42", "m: -7", "l: 99999999999999999999", "t: 4x")
        #expect(try judge.holds("req.hdr(n) -m int 42", request: request))
        #expect(try judge.holds("req.hdr(n) -m int 40:50", request: request))
        #expect(try judge.holds("req.hdr(n) -m int ge 42", request: request))
        #expect(try !judge.holds("req.hdr(n) -m int gt 42", request: request))
        #expect(try judge.holds("req.hdr(m) -m int lt 0", request: request))
        // As HAProxy has it: digits until something else comes, and the largest number for one that is larger.
        #expect(try judge.holds("req.hdr(l) -m int gt 0", request: request))
        #expect(try judge.holds("req.hdr(t) -m int 4", request: request))
    }

    @Test(
        "addresses and networks",
        arguments: [
            ("10.1.2.3", "10.0.0.0/8", true), ("11.1.2.3", "10.0.0.0/8", false), ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.4", "10.1.2.3", false), ("10.1.2.3", "10.1.0.0/255.255.0.0", true), ("1.2.3.4", "0.0.0.0/0", true),
            ("2001:db8::1", "2001:db8::/32", true), ("2001:db9::1", "2001:db8::/32", false),
            ("2001:db8::1", "2001:db8::1", true), ("2001:db8::1:0:0:1", "2001:db8:0:0:1::/80", true),
            ("2001:db8::2:0:0:1", "2001:db8:0:0:1::/80", false), ("::1", "::/0", true),
            ("::ffff:10.1.2.3", "10.0.0.0/8", true), ("2001:db8::1", "0.0.0.0/0", false), ("10.1.2.3", "::/0", true),
            ("10.1.2.3", "::ffff:0:0/96", true), ("10.1.2.3", "2001:db8::/32", false),
        ])
    func networks(address: String, network: String, expected: Bool) throws {
        let isOurs = try judge.holds("{ src \(network) }", source: address)
        #expect(isOurs == expected)
    }

    @Test("terms are joined by and, or, not; named conditions by or")
    func combinations() throws {
        let acls = ["get method GET", "api path_beg /api", "api path_beg /v1", "local src 127.0.0.0/8"]
        #expect(try judge.holds("get api", request: get("/api"), acls: acls))
        #expect(try judge.holds("get api", request: get("/v1"), acls: acls))
        #expect(try !judge.holds("get api", request: get("/x"), acls: acls))
        #expect(try judge.holds("get !api", request: get("/x"), acls: acls))
        #expect(try judge.holds("api or local", request: get("/x"), acls: acls))
        #expect(try !judge.holds("api or !local", request: get("/x"), acls: acls))
        #expect(try judge.holds("{ method POST } or { path /x } local", request: get("/x"), acls: acls))
        #expect(try judge.holds("TRUE !FALSE", request: get("/x"), acls: acls))
    }

    @Test("ports")
    func ports() throws {
        #expect(try judge.holds("{ src_port 4000 }"))
        #expect(try judge.holds("{ src_port 3999:4001 }"))
        #expect(try !judge.holds("{ src_port 4001 }"))
    }
}
