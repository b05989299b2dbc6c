import HTTP
import Testing

/// RFC 9112 sections 2.2, 3 and 3.2.
@Suite struct RequestLineTests {
    @Test func aRequestLineIsTakenApart() {
        let parsed = request("GET /a/b?c=d&e HTTP/1.1\r\nHost: example.org\r\n\r\nrest")
        let head = parsed.head
        #expect(parsed.result == .complete(headLength: 46))
        #expect(head.method == .get)
        #expect(head.version == .http11)
        #expect(head.text(head.targetSlice) == "/a/b?c=d&e")
        #expect(head.text(head.pathSlice) == "/a/b")
        #expect(head.text(head.querySlice) == "c=d&e")
        #expect(head.firstText(of: .host) == "example.org")
    }

    /// Every byte at every place of eight of a target, as of a value (`FieldTests`).
    @Test func everyByteOfATargetIsJudgedAlikeAtEveryPlace() {
        for byte in UInt8.min...UInt8.max where byte != 0x20 {
            let isLegal = byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#")
            for place in 1..<12 {
                var target = "/0123456789ab".bytes
                target[place] = byte
                let parsed = ParsedHead("GET ".bytes + target + " HTTP/1.1\r\nHost: a\r\n\r\n".bytes)
                guard case .failed(let error) = parsed.result else {
                    #expect(isLegal, "byte \(byte)")
                    continue
                }
                #expect(!isLegal && error.position == 4 + place, "byte \(byte)")
            }
        }
    }

    @Test(arguments: HTTPMethod.allCases)
    func everyMethodIsRecognised(_ method: HTTPMethod) {
        let token = method == .other ? "M-SEARCH" : "\(method.name)"
        let target = method == .connect ? "a:80" : "/"
        let head = request("\(token) \(target) HTTP/1.1\r\nHost: a:80\r\n\r\n").head
        #expect(head.method == method)
        #expect(head.text(head.methodSlice) == token)
    }

    @Test(arguments: ["get", "GETS", "PUR", "PATC", "HEAP", "DELETS", "OPTIONZ"])
    func methodsAreCaseSensitiveAndExact(_ token: String) {
        #expect(request("\(token) / HTTP/1.1\r\nHost: a\r\n\r\n").head.method == .other)
    }

    @Test(arguments: ["\r\n", "\r\n\r\n", "\n", "\r\n\n"])
    func emptyLinesBeforeARequestAreSkipped(_ prefix: String) {
        let parsed = request(prefix + "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(parsed.head.startOffset == prefix.utf8.count)
        #expect(parsed.head.text(parsed.head.methodSlice) == "GET")
    }

    @Test func emptyLinesAreBounded() {
        #expect(refusal(String(repeating: "\r\n", count: 20)) == .tooManyEmptyLines)
    }

    @Test(arguments: [
        (" GET / HTTP/1.1\r\n", HTTPParseError.Kind.badMethod), ("G@T / HTTP/1.1\r\n", .badMethod),
        ("GET\t/ HTTP/1.1\r\n", .badMethod), ("GE\u{0}T / HTTP/1.1\r\n", .badMethod),
        ("GET\r\n", .badMethod), ("\u{E9}T / HTTP/1.1\r\n", .badMethod),
        ("GET  / HTTP/1.1\r\n", .badTarget), ("GET /\u{0} HTTP/1.1\r\n", .badTarget),
        ("GET /\u{7F} HTTP/1.1\r\n", .badTarget), ("GET /\u{E9} HTTP/1.1\r\n", .badTarget),
        ("GET /\ta HTTP/1.1\r\n", .badTarget), ("GET /a#b HTTP/1.1\r\n", .badTarget),
        ("GET \r\n", .badTarget), ("GET /\r\n", .http09), ("GET /\n", .http09),
        ("GET /  HTTP/1.1\r\n", .badVersion), ("GET / HTTP/1.1 \r\n", .badVersion),
        ("GET / HTTP/1.10\r\n", .badVersion), ("GET / http/1.1\r\n", .badVersion),
        ("GET / RTSP/1.0\r\n", .badVersion), ("GET / HTTP/1,1\r\n", .badVersion),
        ("GET / HTTP/11\r\n", .badVersion), ("GET / HTTP/x.1\r\n", .badVersion),
        ("GET / HTTP/2.0\r\n", .unsupportedVersion), ("GET / HTTP/0.9\r\n", .unsupportedVersion),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2Preface), ("GET / HTTP/1.1\rHost: a\r\n\r\n", .bareCR),
    ])
    func aMalformedRequestLineIsRefused(_ text: String, _ kind: HTTPParseError.Kind) {
        #expect(refusal(text) == kind)
    }

    @Test func aHigherMinorVersionIsReadAs11() {
        let head = request("GET / HTTP/1.2\r\nHost: a\r\n\r\n").head
        #expect(head.version == HTTPVersion(major: 1, minor: 2))
        #expect(head.connectionDirectives.contains(.persistent))
    }

    @Test func bareLineFeedsEndLinesAndAreSentAsCRLF() {
        let parsed = request("GET / HTTP/1.1\nHost: a\nX: b\r\nY: c\n\n")
        #expect(parsed.fields == ["host: a", "x: b", "y: c"])
        let sent = parsed.serialized(isRequest: true)
        #expect(sent == "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\nY: c\r\n\r\n".bytes)
    }

    @Test(arguments: [
        ("http://a/x?y", "/x", "y", "a"), ("http://a", "", "", "a"), ("http://a?q", "", "q", "a"),
        ("http://u@a:80/", "/", "", "u@a:80"), ("HTTPS://[::1]:443/p", "/p", "", "[::1]:443"),
    ])
    func anAbsoluteTargetIsTakenApart(_ target: String, _ path: String, _ query: String, _ authority: String) {
        let host = authority.split(separator: "@").last.map(String.init) ?? ""
        let head = request("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n").head
        #expect(head.targetForm == .absolute)
        #expect(head.text(head.pathSlice) == path)
        #expect(head.text(head.querySlice) == query)
        #expect(head.text(head.authoritySlice) == authority)
    }

    @Test(arguments: [
        "GET * HTTP/1.1", "GET foo HTTP/1.1", "GET http:// HTTP/1.1", "GET http:///x HTTP/1.1", "GET ://a HTTP/1.1",
        "GET http:/a HTTP/1.1", "GET 1http://a/ HTTP/1.1", "GET http://a:x/ HTTP/1.1", "GET http://[a/ HTTP/1.1",
        "GET http://a@b@c/ HTTP/1.1", "CONNECT / HTTP/1.1", "CONNECT a HTTP/1.1", "CONNECT a: HTTP/1.1",
        "CONNECT :80 HTTP/1.1", "CONNECT http://a:80 HTTP/1.1", "CONNECT a:70000 HTTP/1.1",
    ])
    func aTargetInTheWrongFormIsRefused(_ line: String) {
        #expect(refusal(line + "\r\nHost: a\r\n\r\n") == .badTarget)
    }

    @Test func theAsteriskIsForOptions() {
        let head = request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").head
        #expect(head.targetForm == .asterisk)
        #expect(head.text(head.pathAndQuerySlice) == "*")
    }
}

/// RFC 9112 section 3.2 and RFC 9110 section 7.2.
@Suite struct HostTests {
    @Test func http11NeedsOneHost() {
        #expect(refusal("GET / HTTP/1.1\r\n\r\n") == .missingHost)
        #expect(refusal("GET http://a/ HTTP/1.1\r\n\r\n") == .missingHost)
        #expect(refusal("GET / HTTP/1.0\r\n\r\n") == nil)
        #expect(refusal("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == .repeatedHost)
        #expect(refusal("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == .repeatedHost)
    }

    @Test(arguments: [
        "", "a", "a:80", "a:", "example.org", "1.2.3.4:8080", "[::1]", "[::1]:80", "a_b-c", "%41", "xn--a",
    ])
    func aValidHostIsAccepted(_ host: String) {
        #expect(refusal("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == nil)
    }

    @Test(arguments: [
        "a b", "a/b", "a?b", "u@a", "a:b", "a:70000", "a:123456", "[::1", "::1", "[]", "[g]", "a]", "[::1]a", ":80",
        "a,b c",
        "a\"", "a\u{E9}", "a#",
    ])
    func anInvalidHostIsRefused(_ host: String) {
        #expect(refusal("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == .badHost)
    }

    @Test(arguments: [
        ("http://a/", "a"), ("http://A/", "a"), ("http://a:80/", "a"), ("http://a/", "a:80"), ("https://a/", "a:443"),
        ("http://u:p@a/", "a"), ("http://a:8080/", "a:8080"), ("ws://a/", "a"), ("http://[::1]:80/", "[::1]"),
    ])
    func hostMayRepeatTheTargetsAuthority(_ target: String, _ host: String) {
        #expect(refusal("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n") == nil)
    }

    @Test(arguments: [
        ("http://a/", "b"), ("http://a/", "a:81"), ("http://a:81/", "a"), ("https://a/", "a:80"), ("http://a/", ""),
        ("http://a:80/", "a:81"),
    ])
    func hostMayNotContradictTheTarget(_ target: String, _ host: String) {
        #expect(refusal("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n") == .authorityMismatch)
    }

    @Test func theHostOfConnectIsItsTarget() {
        #expect(refusal("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n") == nil)
        #expect(refusal("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n") == nil)
        #expect(refusal("CONNECT a:8443 HTTP/1.1\r\nHost: a\r\n\r\n") == .authorityMismatch)
        #expect(refusal("CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n") == .authorityMismatch)
    }
}
