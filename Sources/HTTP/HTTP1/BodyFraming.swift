/// How the end of a message's content is found (RFC 9112 section 6.3).
public enum BodyFraming: Sendable, Equatable {
    /// There is no content.
    case none
    /// This many bytes, at most `Int.max`.
    case length(UInt64)
    /// The chunked transfer coding.
    case chunked
    /// Everything until the peer ends the connection (responses only).
    case untilClose
    /// No more HTTP: bytes in both directions (CONNECT answered with 2xx, or 101).
    case tunnel

    /// Whether the length was declared.
    @inlinable public var isLength: Bool {
        if case .length = self { return true }
        return false
    }
}

// SAFETY: the head's state is initialized for the life of the head, and an index of a field is below the count of its
// fields.
extension MessageHead {
    /// How the content of this request is framed. CONNECT has none, whatever its fields say.
    public var requestFraming: BodyFraming {
        if method == .connect { return .none }
        return declaredFraming ?? .none
    }

    /// How the content of this response is framed, which depends on the method of the request that it answers.
    public func responseFraming(requestMethod: HTTPMethod) -> BodyFraming {
        if status.code == 101 { return .tunnel }
        if requestMethod == .head || status.forbidsContent { return .none }
        if requestMethod == .connect && status.code < 300 { return .tunnel }
        return declaredFraming ?? .untilClose
    }

    /// Whether the connection must end after this message although its framing is legal: it had both a coding and a
    /// length, or a coding where there should be none (RFC 9112 section 6.1).
    public var isFramingDoubtful: Bool {
        unsafe state.pointee.framing.contains(.doubtful)
    }

    /// The number in Content-Length; nil if there is none, or a transfer coding overrides it.
    public var contentLength: UInt64? {
        let facts = unsafe state.pointee.framing
        return facts.contains(.contentLength) ? unsafe state.pointee.contentLength : nil
    }

    /// What the fields say; nil if they say nothing. The parsers let no coding pass but chunked.
    private var declaredFraming: BodyFraming? {
        let facts = unsafe state.pointee.framing
        if facts.contains(.transferEncoding) { return .chunked }
        guard let contentLength else { return nil }
        return contentLength == 0 ? BodyFraming.none : .length(contentLength)
    }
}
