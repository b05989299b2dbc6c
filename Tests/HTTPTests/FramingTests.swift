import HTTP
import Testing

/// RFC 9110 section 8.6 and RFC 9112 section 6.
@Suite struct FramingTests {
    @Test(arguments: [("0", 0), ("5", 5), ("05", 5), ("9223372036854775807", Int.max)])
    func contentLengthIsANumber(_ text: String, _ length: Int) {
        let head = request(requestText("Content-Length: \(text)", method: "POST")).head
        #expect(head.contentLength == UInt64(length))
        #expect(head.requestFraming == (length == 0 ? .none : .length(UInt64(length))))
    }

    @Test(arguments: [
        "", "+5", "-5", "0x5", "5 5", ",5", "5,", "5,,5", "5;", "a", "9223372036854775808", "18446744073709551616",
        "99999999999999999999999999", "\u{B2}",
    ])
    func aContentLengthThatIsNotANumberIsRefused(_ text: String) {
        #expect(refusal(requestText("Content-Length: \(text)")) == .badContentLength)
    }

    @Test(arguments: [["5", "5"], ["5, 5"], ["5 ,\t5"], ["5", "05"], ["5,5", "5"]])
    func agreeingLengthsBecomeOne(_ values: [String]) {
        let fields = values.map { "Content-Length: \($0)\r\n" }.joined()
        let parsed = request("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        #expect(parsed.head.requestFraming == .length(5))
        #expect(parsed.fields == ["host: a", "content-length: 5"])
        let sent = parsed.serialized(isRequest: true)
        #expect(sent == "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n".bytes)
    }

    @Test(arguments: [["5", "6"], ["5, 6"], ["5,5", "6"]])
    func disagreeingLengthsAreRefused(_ values: [String]) {
        let fields = values.map { "Content-Length: \($0)\r\n" }.joined()
        #expect(refusal("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n") == .conflictingContentLength)
    }

    @Test(arguments: ["chunked", "Chunked", "CHUNKED"])
    func chunkedIsUnderstood(_ coding: String) {
        let head = request(requestText("Transfer-Encoding: \(coding)", method: "POST")).head
        #expect(head.requestFraming == .chunked)
        #expect(!head.isFramingDoubtful)
    }

    @Test func aCodingOverridesALengthAndTheConnectionEnds() {
        for fields in [
            ["Content-Length: 5", "Transfer-Encoding: chunked"], ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ] {
            let parsed = request(requestText(fields[0], fields[1], method: "POST"))
            #expect(parsed.head.requestFraming == .chunked)
            #expect(parsed.head.isFramingDoubtful)
            #expect(parsed.head.contentLength == nil)
            #expect(parsed.fields == ["host: a", "transfer-encoding: chunked"])
        }
    }

    @Test(arguments: [
        ("gzip, chunked", HTTPParseError.Kind.unknownTransferCoding), ("foo,chunked", .unknownTransferCoding),
        ("gzip", .badTransferEncoding), ("identity", .badTransferEncoding), ("xchunked", .badTransferEncoding),
        ("chunked, gzip", .badTransferEncoding), ("chunked, chunked", .badTransferEncoding), ("", .badTransferEncoding),
        ("chunked;q=1", .badTransferEncoding), (",chunked", .badTransferEncoding), ("chunked,", .badTransferEncoding),
        ("chunked\u{B}", .badFieldValue), ("\"chunked\"", .badTransferEncoding),
    ])
    func anyOtherCodingIsRefused(_ coding: String, _ kind: HTTPParseError.Kind) {
        #expect(refusal(requestText("Transfer-Encoding: \(coding)")) == kind)
        #expect(refusal(responseText("Transfer-Encoding: \(coding)"), isRequest: false) == kind)
    }

    @Test func codingsOfSeveralFieldsAreOneList() {
        let chunked = "Transfer-Encoding: chunked"
        #expect(refusal(requestText(chunked, chunked)) == .badTransferEncoding)
        #expect(refusal(requestText("Transfer-Encoding: gzip", chunked)) == .unknownTransferCoding)
        #expect(HTTPParseError.Kind.unknownTransferCoding.status.code == 501)
    }

    @Test func aCodingIsNotFor10() {
        let chunked = "Transfer-Encoding: chunked"
        #expect(refusal(requestText(chunked, version: "1.0")) == .transferEncodingInOldVersion)
        let head = response(responseText(chunked, version: "1.0")).head
        #expect(head.responseFraming(requestMethod: .get) == .chunked)
        #expect(head.isFramingDoubtful)
    }

    @Test func aRequestWithoutFramingHasNoContent() {
        #expect(request(requestText(method: "POST")).head.requestFraming == .none)
    }

    @Test(arguments: ["Content-Length: 5", "Transfer-Encoding: chunked"])
    func connectHasNoContentWhateverItsFieldsSay(_ field: String) {
        let parsed = request("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\(field)\r\n\r\n")
        #expect(parsed.head.requestFraming == .none)
        #expect(parsed.head.isFramingDoubtful)
        #expect(parsed.fields == ["host: a:80"])
    }

    @Test(arguments: ["204 No", "101 Go", "103 Hint"])
    func aLengthThatMeansNothingIsNotForwarded(_ status: String) {
        let parsed = response(responseText("Content-Length: 5", status: status))
        #expect(parsed.fields.isEmpty && parsed.head.isFramingDoubtful)
        #expect(!response(responseText("Content-Length: 0", status: status)).head.isFramingDoubtful)
    }

    @Test func theLengthOfWhatWasNotModifiedIsForwarded() {
        let parsed = response(responseText("Content-Length: 5", status: "304 Not Modified"))
        #expect(parsed.fields == ["content-length: 5"])
        #expect(!parsed.head.isFramingDoubtful)
    }
}

/// RFC 9112 sections 4 and 6.3.
@Suite struct ResponseTests {
    @Test func aStatusLineIsTakenApart() {
        let head = response("HTTP/1.0 404 Not \u{E9} Found\r\n\r\n").head
        #expect(head.version == .http10)
        #expect(head.status.code == 404)
        #expect(head.reasonSlice.count == 11)
    }

    @Test(arguments: ["HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 \r\n\r\n", "HTTP/1.1 200\n\n"])
    func thePhraseMayBeEmpty(_ text: String) {
        let parsed = response(text)
        #expect(parsed.head.reasonSlice.count == 0)
        #expect(parsed.serialized(isRequest: false) == "HTTP/1.1 200 \r\n\r\n".bytes)
    }

    @Test(arguments: [
        ("HTTP/1.1  200 OK\r\n", HTTPParseError.Kind.badStatusCode), ("HTTP/1.1 20 OK\r\n", .badStatusCode),
        ("HTTP/1.1 2000 OK\r\n", .badStatusCode), ("HTTP/1.1 099 OK\r\n", .badStatusCode),
        ("HTTP/1.1 20x OK\r\n", .badStatusCode), ("HTTP/1.1 \r\n", .badStatusCode), ("HTTP/1.1\r\n", .badVersion),
        ("HTTP/2.0 200 OK\r\n", .unsupportedVersion), ("ICY 200 OK\r\n", .badVersion),
        ("\r\nHTTP/1.1 200 OK\r\n", .badVersion),
        ("HTTP/1.1 200 \u{1}\r\n", .badReason), ("HTTP/1.1 200 O\rK\r\n", .bareCR),
    ])
    func aMalformedStatusLineIsRefused(_ text: String, _ kind: HTTPParseError.Kind) {
        #expect(refusal(text, isRequest: false) == kind)
    }

    @Test(arguments: [
        ("200 OK", [], HTTPMethod.get, BodyFraming.untilClose), ("200 OK", ["Content-Length: 5"], .get, .length(5)),
        ("200 OK", ["Content-Length: 0"], .get, .none), ("200 OK", ["Content-Length: 5"], .head, .none),
        ("200 OK", ["Transfer-Encoding: chunked"], .get, .chunked),
        ("200 OK", ["Transfer-Encoding: chunked"], .head, .none),
        ("200 OK", ["Content-Length: 5"], .connect, .tunnel), ("201 OK", [], .connect, .tunnel),
        ("407 No", ["Content-Length: 5"], .connect, .length(5)), ("100 Go", ["Content-Length: 5"], .get, .none),
        ("103 Hints", [], .get, .none), ("101 Switch", [], .get, .tunnel),
        ("204 No", ["Content-Length: 5"], .get, .none),
        ("304 Not", ["Content-Length: 5"], .get, .none), ("304 Not", ["Transfer-Encoding: chunked"], .get, .none),
        ("500 No", ["Content-Length: 5", "Transfer-Encoding: chunked"], .get, .chunked),
    ])
    func theEndOfAResponseDependsOnStatusMethodAndFields(
        _ status: String, _ fields: [String], _ method: HTTPMethod, _ framing: BodyFraming
    ) {
        let text = "HTTP/1.1 \(status)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
        #expect(response(text).head.responseFraming(requestMethod: method) == framing)
    }

    @Test func aResponseMayLackHost() {
        #expect(refusal(responseText("Host: a b", "Host: c"), isRequest: false) == nil)
    }

    @Test func interimResponsesAreThoseBelow200But101() {
        #expect(HTTPStatus(100).isInterim && HTTPStatus(103).isInterim)
        #expect(!HTTPStatus(101).isInterim && !HTTPStatus(200).isInterim)
    }
}
