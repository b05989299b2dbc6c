import HTTP
import Synchronization
import Testing

extension String {
    /// The text's bytes, each scalar below 256 as one byte, so that any byte can be written in a test.
    var bytes: [UInt8] { unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
}

/// The kind of fault that a request is refused for; nil if it is not. Checked whole and byte by byte.
func refusal(_ request: String, isRequest: Bool = true, limits: HTTPLimits = HTTPLimits()) -> HTTPParseError.Kind? {
    let whole = ParsedHead(request.bytes, isRequest: isRequest, limits: limits)
    let pieces = ParsedHead(request.bytes, isRequest: isRequest, limits: limits, step: 1)
    #expect(whole.result == pieces.result, "\(request)")
    switch whole.result {
    case .failed(let error): return error.kind
    case .complete, .needMore: return nil
    }
}

/// A request's head; the test fails if it is refused or not complete.
func request(_ text: String, _ location: SourceLocation = #_sourceLocation) -> ParsedHead {
    accepted(ParsedHead(text.bytes), text, location)
}

/// A response's head; the test fails if it is refused or not complete.
func response(_ text: String, _ location: SourceLocation = #_sourceLocation) -> ParsedHead {
    accepted(ParsedHead(text.bytes, isRequest: false), text, location)
}

/// Heads live until the run ends, so that a test may keep a head without its bytes' owner.
private let kept = Mutex<[ParsedHead]>([])

private func accepted(_ parsed: ParsedHead, _ text: String, _ location: SourceLocation) -> ParsedHead {
    kept.withLock { $0.append(parsed) }
    guard case .complete = parsed.result else {
        Issue.record("\(text): \(parsed.result)", sourceLocation: location)
        return parsed
    }
    return parsed
}

/// A request with these fields and a Host.
func requestText(_ fields: String..., method: String = "GET", version: String = "1.1") -> String {
    "\(method) / HTTP/\(version)\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
}

/// A response with these fields.
func responseText(_ fields: String..., status: String = "200 OK", version: String = "1.1") -> String {
    "HTTP/\(version) \(status)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
}

// `#expect` takes its operands apart, and a span may not leave the call it was made in: tests compare copies.
extension MessageHead {
    func text(_ slice: HeadSlice) -> String { span(slice).text }
    func valueBytes(_ index: Int) -> [UInt8] { value(index).array }
    func firstText(of header: KnownHeader) -> String? {
        guard let index = firstIndex(of: header) else { return nil }
        return text(valueSlice(index))
    }
    func index(named name: String, from start: Int = 0) -> Int? {
        let bytes = name.bytes
        return firstIndex(named: bytes.span, from: start)
    }
    func last(named name: String, before end: Int? = nil) -> Int? {
        let bytes = name.bytes
        return lastIndex(named: bytes.span, before: end)
    }
    func add(_ name: String, _ value: String) -> HeadEditResult {
        let (name, value) = (name.bytes, value.bytes)
        return add(name: name.span, value: value.span)
    }
    func set(_ name: String, _ value: String) -> HeadEditResult {
        let (name, value) = (name.bytes, value.bytes)
        return set(name: name.span, value: value.span)
    }
}

/// What a name denotes.
func known(_ name: [UInt8]) -> KnownHeader { KnownHeader(name: name.span) }
