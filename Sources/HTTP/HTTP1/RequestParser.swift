/// Parses the head of an HTTP/1 request (RFC 9112 sections 2, 3, 5 and 6), strictly.
///
/// The parser itself holds nothing but its limits: the place in an unfinished head is kept in the `MessageHead`, so one
/// parser serves any number of connections. Thread-safety: a value; the head belongs to one thread.
public struct RequestParser: Sendable {
    /// The bounds on a head.
    public let limits: HTTPLimits

    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
    }

    /// Parses a head that begins with the first of these bytes (empty lines may come before it).
    ///
    /// The bytes must stay where they are until the head is reset, or `MessageHead.rebase` is called. After `.needMore`
    /// call again with the same bytes and more; after another result, `reset()` the head first.
    @unsafe
    public func parse(_ bytes: UnsafeRawBufferPointer, into head: MessageHead) -> HeadParseResult {
        // SAFETY: the caller keeps `bytes` alive and in place, as the contract says.
        if let base = bytes.baseAddress { unsafe head.rebase(base) }
        let phase = unsafe head.state.pointee.phase
        if phase == .failed { return unsafe .failed(head.state.pointee.error) }
        if phase == .complete { return .complete(headLength: head.headLength) }
        unsafe head.state.pointee.isRequest = true
        var scanner = unsafe HeadScanner(bytes, head: head, limits: limits)
        let result = scanner.run(from: phase)
        guard case .complete = result else { return result }
        guard let error = head.checkRequest() else { return result }
        unsafe head.state.pointee.phase = .failed
        unsafe head.state.pointee.error = error
        return .failed(error)
    }
}

/// Parses the head of an HTTP/1 response (RFC 9112 sections 4, 5 and 6). See `RequestParser` for the contract.
public struct ResponseParser: Sendable {
    /// The bounds on a head.
    public let limits: HTTPLimits

    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
    }

    /// Parses a head that begins with the first of these bytes.
    @unsafe
    public func parse(_ bytes: UnsafeRawBufferPointer, into head: MessageHead) -> HeadParseResult {
        // SAFETY: the caller keeps `bytes` alive and in place, as the contract says.
        if let base = bytes.baseAddress { unsafe head.rebase(base) }
        var phase = unsafe head.state.pointee.phase
        if phase == .failed { return unsafe .failed(head.state.pointee.error) }
        if phase == .complete { return .complete(headLength: head.headLength) }
        if phase == .leading { phase = .statusVersion }
        unsafe head.state.pointee.isRequest = false
        var scanner = unsafe HeadScanner(bytes, head: head, limits: limits)
        let result = scanner.run(from: phase)
        guard case .complete = result else { return result }
        guard let error = head.checkResponse() else { return result }
        unsafe head.state.pointee.phase = .failed
        unsafe head.state.pointee.error = error
        return .failed(error)
    }
}
