import HTTP
import Testing

/// RFC 9112 section 7.1.
@Suite struct ChunkedTests {
    /// The content and where the body ends, or the fault; the same however the body is cut.
    private func decode(_ body: String, limits: HTTPLimits = HTTPLimits()) -> HTTPProperties.Decoded {
        #expect(HTTPProperties.chunked(body.bytes) == nil)
        return HTTPProperties.decode(body.bytes, limits: limits, step: max(body.utf8.count, 1))
    }

    private func fault(_ body: String, limits: HTTPLimits = HTTPLimits()) -> HTTPParseError.Kind? {
        if case .failed(let error) = decode(body, limits: limits).end { error.kind } else { nil }
    }

    @Test(arguments: [
        ("0\r\n\r\n", ""), ("3\r\nabc\r\n0\r\n\r\n", "abc"), ("A\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n", "0123456789a"),
        ("0003\r\nabc\r\n0000\r\n\r\n", "abc"), ("3;a=b;c=\"d e\"\r\nabc\r\n0;x\r\n\r\n", "abc"),
        ("3 ;a\r\nabc\r\n0\t ;b\r\n\r\n", "abc"), ("3 \r\nabc\r\n0\t\r\n\r\n", "abc"), ("0\r\nX: y\r\nZ:\r\n\r\n", ""),
        ("000000000000000f\r\n0123456789abcde\r\n0\r\n\r\n", "0123456789abcde"),
    ])
    func aBodyIsDecodedUpToItsExactEnd(_ body: String, _ content: String) {
        let decoded = decode(body + "GET / HTTP/1.1\r\n")
        #expect(decoded.content == content.bytes)
        #expect(decoded.end == .complete(end: body.utf8.count))
    }

    @Test(arguments: [
        "", "3", "3\r", "3\r\n", "3\r\nab", "3\r\nabc", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n", "0\r\n\r", "0\r\nX: y\r\n",
    ])
    func anUnfinishedBodyNeedsMore(_ body: String) {
        #expect(decode(body).end == .needMore)
    }

    @Test(arguments: [
        ("\r\n", HTTPParseError.Kind.badChunkSize), (" 3\r\n", .badChunkSize), ("3 x\r\n", .badChunkSize),
        ("0x3\r\n", .badChunkSize), ("g\r\n", .badChunkSize), ("-1\r\n", .badChunkSize), ("3\nabc", .badChunkSize),
        ("3\rabc", .badChunkSize), (";a\r\n", .badChunkSize), ("3 3\r\n", .badChunkSize), ("3,\r\n", .badChunkSize),
        ("8000000000000000\r\n", .chunkSizeTooLarge), ("fffffffffffffffff\r\n", .chunkSizeTooLarge),
        ("00000000000000003\r\n", .chunkSizeTooLarge), ("3;a\n", .badChunkExtension),
        ("3;\u{0}\r\n", .badChunkExtension),
        ("3;a\rb\r\n", .badChunkSize), ("3\r\nabcd\r\n", .badChunkEnd), ("3\r\nabc\n", .badChunkEnd),
        ("3\r\nabc\rX", .badChunkEnd), ("3\r\nabc0\r\n", .badChunkEnd), ("0\r\n\n", .badTrailer),
        ("0\r\nX\r\n", .badTrailer), ("0\r\n X: y\r\n", .badTrailer), ("0\r\nX : y\r\n", .badTrailer),
        ("0\r\nX: y\n", .badTrailer), ("0\r\nX: \u{1}\r\n", .badTrailer), ("0\r\nX: y\r\n z\r\n", .badTrailer),
        ("0\r\n: y\r\n", .badTrailer), ("0\r\n\rX", .badTrailer),
    ])
    func aMalformedBodyIsRefused(_ body: String, _ kind: HTTPParseError.Kind) {
        #expect(fault(body) == kind)
    }

    @Test(arguments: [
        "Content-Length: 1", "transfer-encoding: chunked", "HOST: a", "Connection: close", "TE: x", "Trailer: x",
    ])
    func aTrailerMayNotFrameOrRoute(_ field: String) {
        #expect(fault("0\r\n\(field)\r\n\r\n") == .forbiddenTrailer)
        #expect(fault("0\r\nX-\(field)\r\n\r\n") == nil)
    }

    @Test func lengthsAreBounded() {
        let limits = HTTPLimits(fieldCount: 2, chunkHeaderBytes: 32, chunkExtensionBytes: 60, trailerBytes: 64)
        let long = String(repeating: "x", count: 40)
        #expect(fault("3;\(long)\r\n", limits: limits) == .chunkHeaderTooLong)
        let chunk = "1;\(String(repeating: "x", count: 25))\r\na\r\n"
        #expect(fault(chunk + chunk, limits: limits) == nil)
        #expect(fault(chunk + chunk + chunk, limits: limits) == .chunkHeaderTooLong)
        #expect(fault("0\r\nX: \(long)\(long)\r\n", limits: limits) == .trailerTooLarge)
        #expect(fault("0\r\nA:\r\nB:\r\n\r\n", limits: limits) == nil)
        #expect(fault("0\r\nA:\r\nB:\r\nC:\r\n\r\n", limits: limits) == .trailerTooLarge)
    }

    /// RFC 9112 section 7.1.1: they concern one hop only.
    @Test func extensionsAreTakenOut() {
        var bytes = "3 ;a=\"b;c\"\r\na;c\r\n0 \r\nX: y;z\r\n\r\nGET".bytes
        var decoder = ChunkedDecoder()
        var count = bytes.count
        // SAFETY: the bytes are only used during the call.
        let event = unsafe bytes.withUnsafeMutableBytes {
            unsafe decoder.advanceRemovingExtensions($0, count: &count)
        }
        let expected = "3\r\na;c\r\n0\r\nX: y;z\r\n\r\n"
        #expect(event == .complete(end: expected.utf8.count))
        #expect(String(decoding: bytes[..<count], as: UTF8.self) == expected + "GET")
    }

    @Test func contentThatWentByUnseenIsSkipped() {
        var decoder = ChunkedDecoder()
        func feed(_ text: String) -> ChunkedEvent {
            let bytes = text.bytes
            // SAFETY: the bytes are only used during the call.
            return unsafe bytes.withUnsafeBytes { unsafe decoder.advance($0) }
        }
        #expect(feed("10\r\nabc") == .needMore)
        #expect(decoder.remainingInChunk == 13)
        decoder.skip(10)
        decoder.skip(3)
        #expect(decoder.remainingInChunk == 0)
        #expect(feed("\r\n0\r\n\r\nX") == .complete(end: 7))
        #expect(decoder.isComplete)
        #expect(feed("X") == .complete(end: 0))
    }

    @Test func aDecoderIsSmall() { #expect(MemoryLayout<ChunkedDecoder>.size <= 80) }

    @Test(arguments: [1, 9, 15, 16, 255, 256, 65535, 1 << 40, UInt64(Int.max)])
    func anEncodedHeaderIsDecodedToItsLength(_ count: UInt64) {
        var bytes = [UInt8](repeating: 0, count: ChunkedEncoder.headerBytes)
        var span = bytes.mutableSpan
        let length = ChunkedEncoder.writeHeader(count, into: &span)
        #expect(String(decoding: bytes[..<(length ?? 0)], as: UTF8.self) == String(count, radix: 16) + "\r\n")
        var short = [UInt8](repeating: 0, count: (length ?? 1) - 1)
        var shortSpan = short.mutableSpan
        let refused = ChunkedEncoder.writeHeader(count, into: &shortSpan)
        #expect(refused == nil)
    }
}
