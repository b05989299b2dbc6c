import HTTP
import Testing

/// RFC 9110 section 7.6.1 and RFC 9112 section 9.
@Suite struct ConnectionTests {
    @Test(arguments: [
        ("1.1", [], true), ("1.1", ["Connection: close"], false), ("1.1", ["Connection: Keep-Alive"], true),
        ("1.1", ["Connection: keep-alive, CLOSE"], false), ("1.1", ["Connection: x", "Connection: close"], false),
        ("1.0", [], false), ("1.0", ["Connection: keep-alive"], true),
        ("1.0", ["Connection: keep-alive, close"], false),
        ("1.0", ["Proxy-Connection: keep-alive"], false), ("1.1", ["Connection: closed"], true),
        ("1.1", ["Connection: \"close\""], true), ("1.1", ["Connection: ,, close ,"], false),
    ])
    func aConnectionPersistsByVersionAndOptions(_ version: String, _ fields: [String], _ persists: Bool) {
        let text = "GET / HTTP/\(version)\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
        #expect(request(text).head.connectionDirectives.contains(.persistent) == persists)
    }

    @Test func upgradeNeedsItsFieldAnd11() {
        let both = ["Connection: Upgrade", "Upgrade: websocket"]
        #expect(request(requestText(both[0], both[1])).head.connectionDirectives.contains(.upgrade))
        #expect(!request(requestText(both[0])).head.connectionDirectives.contains(.upgrade))
        #expect(!request(requestText(both[1])).head.connectionDirectives.contains(.upgrade))
        #expect(!request(requestText(both[0], both[1], version: "1.0")).head.connectionDirectives.contains(.upgrade))
    }

    @Test func fieldsOfOneHopAreRemoved() {
        let parsed = request(
            requestText(
                "Connection: X-Foo, keep-alive", "X-Foo: 1", "Keep-Alive: timeout=3", "Proxy-Connection: close",
                "TE: trailers, gzip", "Upgrade: x", "x-foo: 2", "X-Bar: 3", "Connection: x-baz", "X-Baz: 4"))
        #expect(parsed.head.connectionDirectives.contains(.namesFields))
        #expect(parsed.head.removeHopByHopFields(keepUpgrade: false) == .done)
        #expect(parsed.fields == ["host: a", "x-bar: 3", "te: trailers"])
    }

    @Test func upgradeIsKeptOnDemandAndTeTrailersIsLeftAlone() {
        let parsed = request(requestText("Connection: upgrade", "Upgrade: x", "TE: trailers"))
        parsed.head.removeHopByHopFields(keepUpgrade: true)
        #expect(parsed.fields == ["host: a", "upgrade: x", "te: trailers"])
        let sent = parsed.serialized(isRequest: true, connection: .upgrade)
        let expected = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nTE: trailers\r\nconnection: upgrade\r\n\r\n"
        #expect(sent == expected.bytes)
    }

    /// A peer cannot use Connection to take away what frames, routes or describes the message.
    @Test func namedFieldsThatMatterAreKept() {
        let parsed = request(
            requestText(
                "Connection: host, content-length, X-Forwarded-For, authorization, cookie", "Content-Length: 5",
                "X-Forwarded-For: 1.2.3.4", "Authorization: b", "Cookie: c", method: "POST"))
        parsed.head.removeHopByHopFields(keepUpgrade: false)
        #expect(
            parsed.fields == [
                "host: a", "content-length: 5", "x-forwarded-for: 1.2.3.4", "authorization: b", "cookie: c",
            ])
    }

    /// What was added, or added again after all were deleted, counts as what was received does.
    @Test func fieldsThatWereAddedAreFound() {
        let parsed = request(requestText("Connection: keep-alive"))
        #expect(parsed.head.add(.connection, value: "close") == .done)
        #expect(!parsed.head.connectionDirectives.contains(.persistent))
        #expect(parsed.head.deleteAll(.connection) == 2)
        #expect(parsed.head.connectionDirectives == .persistent)
        for option in ["x-a", "x-b", "x-c"] {
            #expect(parsed.head.add(.connection, value: option.bytes.span) == .done)
            #expect(parsed.head.add(name: option.bytes.span, value: "1".bytes.span) == .done)
        }
        #expect(parsed.head.connectionDirectives.contains(.namesFields))
        parsed.head.removeHopByHopFields(keepUpgrade: false)
        #expect(parsed.fields == ["host: a"])
    }

    @Test func namingTheFramingDoesNotRemoveIt() {
        let names = "Connection: transfer-encoding, te, trailer, upgrade"
        let parsed = request(requestText(names, "Transfer-Encoding: chunked", "Trailer: x", method: "POST"))
        parsed.head.removeHopByHopFields(keepUpgrade: false)
        #expect(parsed.fields == ["host: a", "transfer-encoding: chunked", "trailer: x"])
    }

    @Test func listsAreSplitAtCommasOutsideOfQuotes() {
        let list = "a, ,\t\"b, \\\" c\" ,d".bytes
        var elements = ListElements()
        var found: [String] = []
        while let range = elements.next(list.span) { found.append(String(decoding: list[range], as: UTF8.self)) }
        #expect(found == ["a", "\"b, \\\" c\"", "d"])
    }

    @Test(arguments: ["\"", "\"\\", "a\\", ",", "", " \t"])
    func unfinishedListsEnd(_ text: String) {
        let list = text.bytes
        var elements = ListElements()
        var count = 0
        while elements.next(list.span) != nil { count += 1 }
        #expect(count <= 1)
    }

    @Test func expectIsFoundInItsList() {
        let head = request(requestText("Expect: 100-Continue", method: "POST")).head
        #expect(head.anyElement(of: .expect, is: "100-continue"))
        #expect(!head.anyElement(of: .te, is: "trailers"))
    }
}
