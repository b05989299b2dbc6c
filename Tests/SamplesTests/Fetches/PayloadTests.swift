import Base
import Testing

@testable import Samples

@Suite("Fetches of bytes that pass through (manual, section 7.3.5)")
struct PayloadTests {
    /// A TLS client hello in one record.
    static func hello(
        extensions: [UInt8], recordMinor: UInt8 = 1, version: (UInt8, UInt8) = (3, 3)
    ) -> [UInt8] {
        var body: [UInt8] = [version.0, version.1] + Array(repeating: 7, count: 32)
        body += [4, 1, 2, 3, 4, 0, 2, 0x13, 0x01, 1, 0]
        body += [UInt8(extensions.count >> 8), UInt8(extensions.count & 255)] + extensions
        let message: [UInt8] = [1, 0, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
        return [0x16, 3, recordMinor, UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    }

    static let name = Array("www.example.com".utf8)
    static let serverName: [UInt8] = [0, 0, 0, 20, 0, 18, 0, 0, 15] + name
    static let alpn: [UInt8] = [0, 16, 0, 14, 0, 12, 2, 0x68, 0x32, 8] + Array("http/1.1".utf8)
    static let curves: [UInt8] = [0, 10, 0, 4, 0, 2, 0, 29]

    private func value(_ text: String, of bytes: [UInt8], isFinal: Bool = false) throws -> String? {
        let evaluation = Evaluation()
        evaluation.scope.receive(bytes)
        evaluation.scope.isFinal = isFinal
        return try evaluation.text(text)
    }

    @Test("a client hello says which name, protocols and versions are wanted")
    func clientHello() throws {
        let hello = Self.hello(extensions: Self.serverName + Self.alpn + Self.curves)
        #expect(try value("req.ssl_sni", of: hello) == "www.example.com")
        #expect(try value("req_ssl_sni", of: hello) == "www.example.com")
        #expect(try value("req.ssl_alpn", of: hello) == "h2")
        let evaluation = Evaluation()
        evaluation.scope.receive(hello)
        #expect(try evaluation.values("req.ssl_alpn") == ["h2", "http/1.1"])
        #expect(try value("req.ssl_ec_ext", of: hello) == "1")
        #expect(try value("req.ssl_st_ext", of: hello) == "0")
        #expect(try value("req.ssl_hello_type", of: hello) == "1")
        #expect(try value("req_ssl_hello_type", of: hello) == "1")
        #expect(try value("req.ssl_ver", of: hello) == String(0x30003))
        #expect(try value("req_ssl_ver", of: hello) == String(0x30003))
        #expect(try value("req.ssl_st_ext", of: Self.hello(extensions: [0, 35, 0, 0])) == "1")
        #expect(try value("req.ssl_st_ext", of: Self.hello(extensions: [0, 35, 0, 1, 9])) == "2")
        let plain = Self.hello(extensions: [])
        for fetch in ["req.ssl_sni", "req.ssl_alpn", "req.ssl_ec_ext"] { #expect(try value(fetch, of: plain) == nil) }
        #expect(try value("req.ssl_hello_type", of: Array("GET / HTTP/1.1\r\n".utf8)) == nil)
    }

    @Test("a hello of a server, and one of SSL 2")
    func otherHellos() throws {
        let server: [UInt8] = [0x16, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3]
        #expect(try value("res.ssl_hello_type", of: server) == "2")
        #expect(try value("rep_ssl_hello_type", of: server) == "2")
        let old: [UInt8] = [0x80, 9 + 3 + 16, 1, 0, 2, 0, 3, 0, 0, 0, 16] + Array(repeating: 1, count: 19)
        #expect(try value("req.ssl_ver", of: old) == "2")
    }

    @Test("every beginning of a hello is waited for, and nothing of it is guessed")
    func truncated() throws {
        let hello = Self.hello(extensions: Self.serverName + Self.alpn)
        for count in 0..<hello.count {
            let evaluation = Evaluation()
            evaluation.scope.receive(Array(hello.prefix(count)))
            for fetch in ["req.ssl_sni", "req.ssl_ver", "req.ssl_hello_type", "req.ssl_alpn"] {
                #expect(try evaluation.sample(fetch) == nil)
                #expect(evaluation.scope.mayChange, "\(fetch) of \(count) bytes")
            }
        }
    }

    @Test("no byte of a hello makes the parser read where nothing is")
    func damaged() throws {
        let hello = Self.hello(extensions: Self.serverName + Self.alpn + Self.curves)
        let evaluation = Evaluation()
        for place in hello.indices {
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
                var bytes = hello
                bytes[place] = value
                evaluation.scope.receive(bytes)
                for fetch in ["req.ssl_sni", "req.ssl_ver", "req.ssl_hello_type", "req.ssl_alpn", "req.ssl_st_ext"] {
                    if let found = try evaluation.sample(fetch) { #expect(found.byteCount <= bytes.count) }
                }
            }
        }
    }

    @Test("blocks of bytes, at an offset or with a length in front")
    func blocks() throws {
        let bytes = Array("0123456789".utf8)
        #expect(try value("req.payload(2,3)", of: bytes) == "234")
        #expect(try value("req.payload(7,0)", of: bytes) == "789")
        #expect(try value("req.payload(8,3)", of: bytes) == nil)
        #expect(try value("payload(0,2)", of: bytes) == "01")
        #expect(try value("res.payload(0,2)", of: bytes) == "01")
        #expect(try value("req.len", of: bytes) == "10")
        #expect(try value("req_len", of: bytes) == "10")
        #expect(try value("res.len", of: bytes) == "10")
        let measured: [UInt8] = [9, 0, 3] + Array("abcdef".utf8)
        #expect(try value("req.payload_lv(1,2)", of: measured) == "abc")
        #expect(try value("req.payload_lv(1,2,+1)", of: measured) == "bcd")
        #expect(try value("req.payload_lv(1,2,5)", of: measured) == "cde")
        #expect(try value("payload_lv(1,2)", of: measured) == "abc")
        #expect(try value("res.payload_lv(1,2)", of: measured) == "abc")
        #expect(try value("req.payload_lv(0,1)", of: measured) == nil)
        let evaluation = Evaluation()
        #expect(throws: ExpressionFailure.self) { try evaluation.sample("req.payload_lv(0,0)") }
        #expect(throws: ExpressionFailure.self) { try evaluation.sample("req.payload_lv(-1,2)") }
        evaluation.scope.receive(bytes)
        #expect(try evaluation.sample("req.payload(8,3)") == nil)
        #expect(evaluation.scope.mayChange)
    }

    @Test("wait_end holds when the time is over, and is unknown before")
    func waitEnd() throws {
        let evaluation = Evaluation()
        #expect(try evaluation.sample("wait_end") == nil)
        #expect(evaluation.scope.mayChange)
        evaluation.scope.isFinal = true
        #expect(try evaluation.sample("wait_end")?.boolean == true)
    }

    @Test("the cookie of an RDP connection request")
    func rdp() throws {
        let request: [UInt8] =
            [3, 0, 0, 40, 35, 0xE0, 0, 0, 0, 0, 0] + Array("Cookie: mstshash=user\r\n".utf8) + [1, 0, 8, 0]
        #expect(try value("req.rdp_cookie", of: request) == "user")
        #expect(try value("req.rdp_cookie(MSTShash)", of: request) == "user")
        #expect(try value("rdp_cookie(mstshash)", of: request) == "user")
        #expect(try value("req.rdp_cookie(other)", of: request) == nil)
        #expect(try value("req.rdp_cookie_cnt", of: request) == "1")
        #expect(try value("rdp_cookie_cnt(other)", of: request) == "0")
        for count in 0..<request.count - 6 {
            #expect(try value("req.rdp_cookie", of: Array(request.prefix(count))) == nil)
        }
    }

    @Test("tokens of distcc")
    func distcc() throws {
        let message = Array("DIST00000002ARGC00000001ARGV00000002ccDOTI00000005abcde".utf8)
        #expect(try value("distcc_param(DIST)", of: message) == "2")
        #expect(try value("distcc_param(DOTI)", of: message) == "5")
        #expect(try value("distcc_body(DOTI)", of: message) == "abcde")
        #expect(try value("distcc_body(ARGV,1)", of: message) == "cc")
        #expect(try value("distcc_body(ARGV,2)", of: message) == nil)
        #expect(throws: ExpressionFailure.self) { try value("distcc_param(TOOLONG)", of: message) }
    }
}
