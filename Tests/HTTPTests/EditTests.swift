import HTTP
import Testing

/// Edits of a head, and what is sent of it.
@Suite struct EditTests {
    private func head(_ limits: HTTPLimits = HTTPLimits()) -> ParsedHead {
        ParsedHead(requestText("A: 1", "B: 2", "a: 3").bytes, limits: limits)
    }

    private func sent(_ parsed: ParsedHead) -> String {
        String(decoding: parsed.serialized(isRequest: true) ?? [], as: UTF8.self)
    }

    @Test func anUneditedHeadIsSentAsItCame() {
        let text = "GET /a?b HTTP/1.1\r\nhOST:  a\r\nX-Y:z\r\n\r\n"
        #expect(sent(request(text)) == text)
    }

    @Test func whiteSpaceAtALinesEndIsNotSent() {
        let text = "GET /a?b HTTP/1.1\r\nhOST:  a \t\r\nX-Y:z\r\n\r\n"
        #expect(sent(request(text)) == "GET /a?b HTTP/1.1\r\nhOST: a\r\nX-Y: z\r\n\r\n")
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n"), ("HTTP/1.1 404 \r\n", "HTTP/1.1 404 \r\n"),
        ("HTTP/1.1 404\r\n", "HTTP/1.1 404 \r\n"), ("HTTP/1.0 200 OK\r\n", "HTTP/1.0 200 OK\r\n"),
        ("HTTP/1.2 200 OK\r\n", "HTTP/1.1 200 OK\r\n"), ("HTTP/1.1 200 OK\n", "HTTP/1.1 200 OK\r\n"),
        ("HTTP/1.1 200  a\tb \r\n", "HTTP/1.1 200  a\tb \r\n"),
    ])
    func aStatusLineIsSentAsItCameOrInOurForm(_ line: String, _ expected: String) {
        for fields in ["", "A: b\r\n", "Connection: close\r\nA: b\r\n", "A: b\r\nConnection: close\r\n"] {
            let parsed = response(line + fields + "\r\n")
            parsed.head.removeHopByHopFields(keepUpgrade: false)
            let left = fields.contains("A") ? "A: b\r\n" : ""
            #expect(parsed.serialized(isRequest: false) == (expected + left + "\r\n").bytes, "\(line)\(fields)")
            let option = "connection: keep-alive\r\n\r\n"
            #expect(
                parsed.serialized(isRequest: false, connection: .keepAlive) == (expected + left + option).bytes,
                "\(line)\(fields)")
            #expect(parsed.head.add("x", "y") == .done)
            #expect(
                parsed.serialized(isRequest: false) == (expected + left + "x: y\r\n\r\n").bytes, "\(line)\(fields)")
            #expect(parsed.head.setStatus(HTTPStatus(503)) == .done)
            let edited =
                "\(line.prefix(8) == "HTTP/1.0" ? "HTTP/1.0" : "HTTP/1.1") 503 Service Unavailable\r\n" + left
                + "x: y\r\n\r\n"
            #expect(parsed.serialized(isRequest: false) == edited.bytes, "\(line)\(fields)")
        }
    }

    @Test(arguments: [
        ("GET /a HTTP/1.1\r\n", "GET /a HTTP/1.1\r\n"), ("GET /a HTTP/1.2\r\n", "GET /a HTTP/1.1\r\n"),
        ("GET /a HTTP/1.1\n", "GET /a HTTP/1.1\r\n"), ("\r\nPUT /a HTTP/1.1\r\n", "PUT /a HTTP/1.1\r\n"),
    ])
    func aRequestLineIsSentAsItCameOrInOurForm(_ line: String, _ expected: String) {
        let parsed = request(line + "Host: a\r\n\r\n")
        #expect(sent(parsed) == expected + "Host: a\r\n\r\n")
        #expect(parsed.head.deleteAll(.host) == 1)
        #expect(sent(parsed) == expected + "\r\n")
        #expect(parsed.head.add("x", "y") == .done)
        #expect(sent(parsed) == expected + "x: y\r\n\r\n")
        #expect(parsed.head.setTarget("/b".bytes.span) == .done)
        #expect(sent(parsed) == expected.replacing("/a", with: "/b") + "x: y\r\n\r\n")
    }

    @Test func thePathFollowsTheTargetAndTheMethod() {
        let head = request("GET /a/b?c HTTP/1.1\r\nHost: a\r\n\r\n").head
        #expect(head.text(head.pathSlice) == "/a/b")
        #expect(head.text(head.pathSlice) == "/a/b")
        #expect(head.setTarget("/other#x".bytes.span) == .done)
        #expect(head.text(head.pathSlice) == "/other")
        #expect(head.setMethod("CONNECT".bytes.span) == .done)
        #expect(head.text(head.pathSlice) == "")
        #expect(head.setMethod("PUT".bytes.span) == .done)
        #expect(head.text(head.pathSlice) == "/other")
        head.reset()
        #expect(head.text(head.pathSlice) == "")
    }

    @Test func aFieldThatIsSetReplacesThoseOfItsNameAndNoOthers() {
        let names = ["x-number-201", "X-NUMBER-201", "x-number-202", "x-number-20", "y-number-201"]
        let fields = names.map { "\($0): 1" }
        let parsed = request("GET / HTTP/1.1\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        #expect(parsed.head.set(name: "x-Number-201".bytes.span, value: "2".bytes.span) == .done)
        #expect(
            sent(parsed) == "GET / HTTP/1.1\r\nHost: a\r\n" + fields[2...].map { $0 + "\r\n" }.joined()
                + "x-Number-201: 2\r\n\r\n")
    }

    @Test func runsOfBytesAreComparedWithoutRegardToTheCaseOfLettersAlone() {
        let text = "aZ@[`{-09_\u{e9}\u{c9}aZ@[`{-09_".bytes
        for count in 0...text.count {
            let part = Array(text.prefix(count))
            let upper = part.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
            #expect(equal(part, upper) && equal(upper, part), "\(count)")
            for place in 0..<count {
                var other = upper
                other[place] ^= 0x20
                let isLetter = (0x41...0x5A).contains(upper[place])
                #expect(equal(part, other) == isLetter, "\(count) \(place)")
            }
        }
    }

    private func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.span.equalsIgnoringCase(right.span) }

    @Test func whatAFieldMayHoldIsTheSameAtEachPlace() {
        for byte in UInt8.min ... .max {
            let isAllowed = byte == 0x09 || byte >= 0x20 && byte != 0x7F
            for count in [1, 7, 8, 9, 17] {
                for place in [0, count / 2, count - 1] {
                    var text = [UInt8](repeating: 0x80, count: count)
                    text[place] = byte
                    let isTaken = HTTPCharacters.isFieldValue(text.span)
                    #expect(isTaken == isAllowed, "\(byte) at \(place) of \(count)")
                }
            }
        }
        let none: [UInt8] = []
        let isTaken = HTTPCharacters.isFieldValue(none.span)
        #expect(isTaken)
    }

    @Test func emptyLinesBeforeTheHeadAreNotSent() {
        #expect(sent(request("\r\n\r\n" + requestText())) == requestText())
    }

    @Test func deletedFieldsAreNotSent() {
        let parsed = head()
        parsed.head.delete(2)
        #expect(sent(parsed) == requestText("A: 1", "a: 3"))
        #expect(!parsed.head.isLive(2))
        #expect(parsed.head.deleteAll(named: "a".bytes.span) == 2)
        #expect(sent(parsed) == requestText())
        #expect(parsed.head.deleteAll(.host) == 1)
        #expect(parsed.head.deleteAll(.host) == 0)
        #expect(!parsed.head.has(.host))
        #expect(sent(parsed) == "GET / HTTP/1.1\r\n\r\n")
    }

    @Test func addedFieldsFollowTheReceivedOnes() {
        let parsed = head()
        #expect(parsed.head.add("X-Forwarded-For", "1.2.3.4") == .done)
        #expect(parsed.head.add(.server, value: "martlet") == .done)
        #expect(sent(parsed) == requestText("A: 1", "B: 2", "a: 3", "X-Forwarded-For: 1.2.3.4", "server: martlet"))
        #expect(parsed.head.firstText(of: .xForwardedFor) == "1.2.3.4")
        #expect(parsed.head.index(named: "SERVER") == 5)
    }

    @Test func settingAFieldReplacesAllOfItsName() {
        let parsed = head()
        #expect(parsed.head.set("A", "new") == .done)
        #expect(sent(parsed) == requestText("B: 2", "A: new"))
    }

    @Test func aReplacedValueKeepsItsPlace() {
        let parsed = head()
        #expect(parsed.head.setValue(2, "changed".bytes.span) == .done)
        #expect(sent(parsed) == requestText("A: 1", "B: changed", "a: 3"))
    }

    @Test func theStartLineCanBeReplaced() {
        let parsed = head()
        #expect(parsed.head.setMethod("POST".bytes.span) == .done)
        #expect(parsed.head.setTarget("/x?y".bytes.span) == .done)
        #expect(parsed.head.method == .post)
        #expect(parsed.head.text(parsed.head.querySlice) == "y")
        #expect(sent(parsed).hasPrefix("POST /x?y HTTP/1.1\r\n"))
        let answer = response(responseText())
        #expect(answer.head.setStatus(HTTPStatus(503)) == .done)
        #expect(answer.serialized(isRequest: false) == "HTTP/1.1 503 Service Unavailable\r\n\r\n".bytes)
        #expect(answer.head.setStatus(HTTPStatus(299), reason: "Odd".bytes.span) == .done)
        #expect(answer.serialized(isRequest: false) == "HTTP/1.1 299 Odd\r\n\r\n".bytes)
    }

    /// What would let a rule's data break the message apart is refused, and changes nothing.
    @Test(arguments: [
        ("a b", "c"), ("", "c"), ("a:", "c"), ("a", "c\r\nd: e"), ("a", "c\u{0}"), ("a\r\n", "c"), ("a", "\n"),
    ])
    func aFieldThatWouldSplitTheMessageIsRefused(_ name: String, _ value: String) {
        let parsed = head()
        let before = sent(parsed)
        #expect(parsed.head.add(name, value) == .invalid)
        #expect(parsed.head.set(name, value) == .invalid)
        #expect(sent(parsed) == before)
    }

    @Test func aStartLineThatWouldSplitTheMessageIsRefused() {
        let parsed = head()
        #expect(parsed.head.setMethod("G T".bytes.span) == .invalid)
        #expect(parsed.head.setTarget("/ x".bytes.span) == .invalid)
        #expect(parsed.head.setTarget("".bytes.span) == .invalid)
        #expect(parsed.head.setValue(1, "a\r\nb".bytes.span) == .invalid)
        #expect(parsed.head.setStatus(HTTPStatus(99)) == .invalid)
        #expect(parsed.head.setStatus(HTTPStatus(200), reason: "\r\n".bytes.span) == .invalid)
        #expect(sent(parsed) == requestText("A: 1", "B: 2", "a: 3"))
    }

    @Test func editsAreBounded() {
        let parsed = head(HTTPLimits(fieldCount: 5, addedFieldCount: 2, arenaBytes: 256))
        let long = String(repeating: "x", count: 256)
        #expect(parsed.head.add("a", long) == .noSpace)
        #expect(parsed.head.setValue(1, (long + "x").bytes.span) == .noSpace)
        for _ in 0..<3 { #expect(parsed.head.add("a", "b") == .done) }
        #expect(parsed.head.add("a", "b") == .tooManyFields)
        #expect(parsed.head.setTarget(String(repeating: "/", count: 250).bytes.span) == .done)
        #expect(parsed.head.setTarget("/x".bytes.span) == .noSpace)
    }

    @Test func aHeadThatDoesNotFitIsNotSent() {
        let parsed = head()
        let length = sent(parsed).utf8.count
        for room in 0..<length { #expect(parsed.serialized(isRequest: true, room: room) == nil) }
        #expect(parsed.serialized(isRequest: true, room: length) != nil)
    }

    @Test func theVersionSentIsTheCallers() {
        let answer = response(responseText("A: b", version: "1.0"))
        let region = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 1)
        // SAFETY: the region is valid until the function returns.
        defer { unsafe region.deallocate() }
        let count = unsafe HeadSerializer.writeResponse(
            answer.head, version: .http10, connection: .keepAlive, into: region)
        let text = unsafe String(decoding: region[..<(count ?? 0)], as: UTF8.self)
        #expect(text == "HTTP/1.0 200 OK\r\nA: b\r\nconnection: keep-alive\r\n\r\n")
    }

    @Test func aResetHeadIsAsGoodAsNew() {
        let pool = MessageHeadPool(limits: HTTPLimits(), capacity: 1)
        let head = pool.take()
        let first = requestText("X: 1", "Content-Length: 5", method: "POST").bytes
        let second = "GET /second HTTP/1.1\r\nHost: b\r\n\r\n".bytes
        // SAFETY: each array outlives the use of its bytes.
        unsafe first.withUnsafeBytes {
            let result = unsafe RequestParser().parse($0, into: head)
            #expect(result == .complete(headLength: first.count))
            #expect(head.add("a", "b") == .done)
        }
        pool.give(head)
        #expect(pool.idleCount == 1)
        let again = pool.take()
        #expect(again === head)
        unsafe second.withUnsafeBytes {
            let result = unsafe RequestParser().parse($0, into: again)
            #expect(result == .complete(headLength: second.count))
            #expect(again.fieldCount == 1)
            #expect(again.requestFraming == .none)
            #expect(!again.has(.contentLength))
            #expect(again.text(again.pathSlice) == "/second")
        }
    }

    @Test func aHeadFollowsItsBytesWhenTheyMove() {
        let text = requestText("A: b").bytes
        let copy = text
        let head = MessageHead()
        // SAFETY: both arrays outlive the calls; the second holds the same bytes as the first.
        unsafe text[..<20].withUnsafeBytes { #expect(unsafe RequestParser().parse($0, into: head) == .needMore) }
        unsafe copy.withUnsafeBytes {
            #expect(unsafe RequestParser().parse($0, into: head) == .complete(headLength: copy.count))
            #expect(head.text(head.valueSlice(1)) == "b")
        }
    }
}

@Suite struct StandardResponseTests {
    @Test(arguments: StandardResponses.statuses)
    func everyStandardResponseIsWellFormed(_ code: UInt16) {
        let bytes = StandardResponses.response(HTTPStatus(code), connection: .close)
        let parsed = ParsedHead(bytes, isRequest: false)
        let length = StandardResponses.headLength(of: bytes)
        #expect(parsed.result == .complete(headLength: length))
        #expect(parsed.head.status.code == code)
        #expect(parsed.head.responseFraming(requestMethod: .get) == .length(UInt64(bytes.count - length)))
        #expect(parsed.head.firstText(of: .cacheControl) == "no-cache")
        #expect(parsed.head.firstText(of: .contentType) == "text/html")
        #expect(!parsed.head.connectionDirectives.contains(.persistent))
    }

    @Test func aResponseWithoutContentHasNoLength() {
        let bytes = StandardResponses.response(HTTPStatus(204), contentType: "", content: [])
        #expect(bytes == "HTTP/1.1 204 No Content\r\n\r\n".bytes)
    }

    @Test func unlistedStatusesHaveThePhraseOfTheirClass() {
        #expect("\(HTTPStatus(299).reason)" == "Success")
        #expect("\(HTTPStatus(499).reason)" == "Client Error")
        #expect("\(HTTPStatus(599).reason)" == "Server Error")
    }
}
