// What holds for every input of the HTTP parsers. The fuzz targets and the unit test that replays their corpus both
// call these functions; they return nil, or a description of what does not hold.
//
// In a fuzz build this file is compiled into one module with the parsers, so there is nothing to import.
#if canImport(HTTP)
    import HTTP
#endif

/// A head that was parsed, and the memory that it refers to. The memory is exactly as long as the input, so that the
/// address sanitizer sees a read past its end. It is freed with this object, which must therefore outlive the use of
/// its `head`.
//
// SAFETY: `bytes` are allocated in `init`, freed in `deinit`, and nobody else has them. Sendable only so that a test's
// list of heads can be global: each head is used by the one test that made it.
@safe
final class ParsedHead: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
    let head: MessageHead
    let result: HeadParseResult

    /// Parses `input`, `step` bytes more at each call; 0: all at once.
    init(_ input: [UInt8], isRequest: Bool = true, limits: HTTPLimits = HTTPLimits(), step: Int = 0) {
        unsafe bytes = .allocate(byteCount: input.count, alignment: 1)
        unsafe bytes.copyBytes(from: input)
        head = MessageHead(limits: limits)
        var result = HeadParseResult.needMore
        var count = step == 0 ? input.count : min(step, input.count)
        while true {
            let slice = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
            result =
                unsafe isRequest
                ? RequestParser(limits: limits).parse(slice, into: head)
                : ResponseParser(limits: limits).parse(slice, into: head)
            guard result == .needMore, count < input.count else { break }
            count = min(count + step, input.count)
        }
        self.result = result
    }

    deinit { unsafe bytes.deallocate() }

    /// Resets the head and parses all of the bytes again.
    func parsedAgain(isRequest: Bool, limits: HTTPLimits) -> HeadParseResult {
        head.reset()
        let all = unsafe UnsafeRawBufferPointer(bytes)
        return unsafe isRequest
            ? RequestParser(limits: limits).parse(all, into: head)
            : ResponseParser(limits: limits).parse(all, into: head)
    }

    /// The live fields as text, their names in lower case.
    var fields: [String] {
        (0..<head.fieldCount).filter { head.isLive($0) }.map {
            head.name($0).text.lowercased() + ": " + head.value($0).text
        }
    }

    var startLine: String {
        "\(head.span(head.methodSlice).text) \(head.span(head.targetSlice).text) \(head.status.code) "
            + head.span(head.reasonSlice).text
    }

    /// The head as it would be sent.
    func serialized(isRequest: Bool, connection: ConnectionOption = .implied, room: Int = 1 << 17) -> [UInt8]? {
        let region = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 1)
        defer { unsafe region.deallocate() }
        let version = min(head.version, .http11)
        let count =
            unsafe isRequest
            ? HeadSerializer.writeRequest(head, version: version, connection: connection, into: region)
            : HeadSerializer.writeResponse(head, version: version, connection: connection, into: region)
        guard let count else { return nil }
        return unsafe Array(region[..<count])
    }
}

enum HTTPProperties {
    /// A head gives the same result however it is cut, and what is sent of it is read as the same head again.
    static func head(_ input: [UInt8], isRequest: Bool) -> String? {
        let tight = HTTPLimits(headBytes: 128, fieldCount: 3, addedFieldCount: 1, arenaBytes: 256, leadingBytes: 2)
        return head(input, isRequest: isRequest, limits: HTTPLimits())
            ?? head(input, isRequest: isRequest, limits: tight)
    }

    private static func head(_ input: [UInt8], isRequest: Bool, limits: HTTPLimits) -> String? {
        let whole = ParsedHead(input, isRequest: isRequest, limits: limits)
        defer { withExtendedLifetime(whole) {} }
        for step in [1, 7] {
            let pieces = ParsedHead(input, isRequest: isRequest, limits: limits, step: step)
            defer { withExtendedLifetime(pieces) {} }
            guard pieces.result == whole.result else {
                return "whole: \(whole.result), in pieces of \(step): \(pieces.result)"
            }
            let again = pieces.parsedAgain(isRequest: isRequest, limits: limits)
            guard again == whole.result else { return "first: \(whole.result), after a reset: \(again)" }
            guard case .complete = whole.result else { continue }
            guard pieces.fields == whole.fields, pieces.startLine == whole.startLine else {
                return "whole: \(whole.startLine) \(whole.fields), in pieces: \(pieces.startLine) \(pieces.fields)"
            }
        }
        switch whole.result {
        case .needMore: return nil
        case .failed(let error):
            let isInside = error.position >= 0 && error.position <= input.count
            return isInside ? nil : "error at \(error.position) of \(input.count) bytes"
        case .complete(let length):
            guard length <= input.count, length == whole.head.headLength else { return "length \(length)" }
            return roundTrip(whole, isRequest: isRequest)
        }
    }

    private static func roundTrip(_ parsed: ParsedHead, isRequest: Bool) -> String? {
        exerciseAccessors(parsed.head)
        guard let sent = parsed.serialized(isRequest: isRequest) else { return "does not fit" }
        let again = ParsedHead(sent, isRequest: isRequest)
        defer { withExtendedLifetime((parsed, again)) {} }
        guard again.result == .complete(headLength: sent.count) else { return "sent \(text(sent)): \(again.result)" }
        guard again.fields == parsed.fields, again.startLine == parsed.startLine else {
            return "sent \(text(sent)): \(again.startLine) \(again.fields) for \(parsed.startLine) \(parsed.fields)"
        }
        guard framing(again.head, isRequest) == framing(parsed.head, isRequest) else { return "framing changed" }
        guard again.serialized(isRequest: isRequest) == sent else { return "sent twice, differs: \(text(sent))" }
        return edited(parsed, isRequest: isRequest)
    }

    /// An edited head is still a head, with the same framing.
    private static func edited(_ parsed: ParsedHead, isRequest: Bool) -> String? {
        let before = framing(parsed.head, isRequest)
        parsed.head.removeHopByHopFields(keepUpgrade: false)
        let name: StaticString = "X-Martlet"
        let wasAdded = parsed.head.add(name: name.bytes, value: name.bytes) == .done
        guard let sent = parsed.serialized(isRequest: isRequest, connection: .close) else { return "does not fit" }
        var limits = HTTPLimits()
        limits.fieldCount += 2
        let again = ParsedHead(sent, isRequest: isRequest, limits: limits)
        defer { withExtendedLifetime((parsed, again)) {} }
        guard again.result == .complete(headLength: sent.count) else { return "edited \(text(sent)): \(again.result)" }
        guard framing(again.head, isRequest) == before else { return "framing changed by an edit" }
        guard again.head.connectionDirectives.contains(.close) else { return "lost Connection: \(text(sent))" }
        guard again.head.firstIndex(named: name.bytes) != nil || !wasAdded else { return "lost the added field" }
        return nil
    }

    private static func framing(_ head: MessageHead, _ isRequest: Bool) -> BodyFraming {
        isRequest ? head.requestFraming : head.responseFraming(requestMethod: .get)
    }

    /// No accessor traps, whatever the message says.
    private static func exerciseAccessors(_ head: MessageHead) {
        let slices = [head.pathSlice, head.querySlice, head.pathAndQuerySlice, head.authoritySlice]
        for slice in slices { _ = head.span(slice).count }
        _ = head.connectionDirectives
        for header in KnownHeader.allCases { _ = head.firstValue(of: header)?.count }
    }

    /// A chunked body ends at the same place, with the same content, however it is cut and whichever way it is read.
    static func chunked(_ input: [UInt8]) -> String? {
        let small = HTTPLimits(chunkHeaderBytes: 32, chunkExtensionBytes: 40, trailerBytes: 64)
        for limits in [HTTPLimits(), small] {
            let whole = decode(input, limits: limits, step: max(input.count, 1))
            for step in [1, 3] {
                let pieces = decode(input, limits: limits, step: step)
                guard pieces == whole else { return "whole: \(whole), in pieces of \(step): \(pieces)" }
            }
            for step in [1, 5, max(input.count, 1)] {
                let end = advance(input, limits: limits, step: step)
                guard end == whole.end else { return "next: \(whole.end), advance by \(step): \(end)" }
                if let problem = withoutExtensions(input, whole, limits: limits, step: step) { return problem }
            }
        }
        return nil
    }

    /// A body whose extensions were taken out has the same content, ends before the same bytes, and has no extensions.
    private static func withoutExtensions(
        _ input: [UInt8], _ whole: Decoded, limits: HTTPLimits, step: Int
    ) -> String? {
        var decoder = ChunkedDecoder(limits: limits)
        var body: [UInt8] = []
        var end = ChunkedEvent.needMore
        var rest = 0
        for start in stride(from: 0, to: input.count, by: step) where end == .needMore {
            var piece = Array(input[start..<min(start + step, input.count)])
            var count = piece.count
            // SAFETY: the bytes are only used during the call, and are this function's own.
            end = unsafe piece.withUnsafeMutableBytes { unsafe decoder.advanceRemovingExtensions($0, count: &count) }
            if case .complete(let index) = end {
                rest = input.count - start - piece.count + count - index
                count = index
            }
            body += piece[..<count]
        }
        if case .failed(let error) = end {
            if case .failed(let expected) = whole.end, expected.kind == error.kind { return nil }
            return "removing extensions by \(step): \(end), else \(whole.end)"
        }
        if case .complete(let index) = whole.end {
            guard case .complete = end, rest == input.count - index else {
                return "removing extensions by \(step): \(end) and \(rest) bytes, else \(whole.end)"
            }
        }
        var reader = ChunkedDecoder()
        // SAFETY: the bytes are only used during the call.
        let event = unsafe body.withUnsafeBytes { unsafe reader.advance($0) }
        let isSame = event == (whole.end == .needMore ? .needMore : .complete(end: body.count))
        guard isSame, reader.extensionByteCount == 0, decode(body, step: max(body.count, 1)).content == whole.content
        else {
            return "without extensions, by \(step): \(text(body))"
        }
        return nil
    }

    struct Decoded: Equatable {
        var content: [UInt8] = []
        var end = ChunkedEvent.needMore
    }

    /// Reads a body event by event.
    static func decode(_ input: [UInt8], limits: HTTPLimits = HTTPLimits(), step: Int) -> Decoded {
        var decoder = ChunkedDecoder(limits: limits)
        var decoded = Decoded()
        for start in stride(from: 0, to: input.count, by: step) {
            let piece = Array(input[start..<min(start + step, input.count)])
            var index = 0
            reading: while true {
                // SAFETY: the bytes are only used during the call.
                let event = unsafe piece.withUnsafeBytes { unsafe decoder.next($0, from: index) }
                switch event {
                case .needMore: break reading
                case .data(let range):
                    decoded.content += piece[range]
                    index = range.upperBound
                case .complete, .failed:
                    decoded.end = shifted(event, by: start)
                    return decoded
                }
            }
        }
        return decoded
    }

    /// Judges a body as it would be forwarded.
    static func advance(_ input: [UInt8], limits: HTTPLimits = HTTPLimits(), step: Int) -> ChunkedEvent {
        var decoder = ChunkedDecoder(limits: limits)
        for start in stride(from: 0, to: input.count, by: step) {
            let piece = Array(input[start..<min(start + step, input.count)])
            // SAFETY: the bytes are only used during the call.
            let event = unsafe piece.withUnsafeBytes { unsafe decoder.advance($0) }
            if event != .needMore { return shifted(event, by: start) }
        }
        return .needMore
    }

    private static func shifted(_ event: ChunkedEvent, by start: Int) -> ChunkedEvent {
        switch event {
        case .needMore, .data: event
        case .complete(let end): .complete(end: end + start)
        case .failed(let error): .failed(HTTPParseError(error.kind, at: error.position + start))
        }
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
