import CPlatform

/// An error of the operating system: a positive `errno`.
@frozen
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    public var code: Int32

    @inlinable
    public init(code: Int32) {
        self.code = code
    }

    /// The symbolic name ("ECONNREFUSED"), or "E" and the number for one without a name.
    public var name: String {
        // SAFETY: host_error_name returns a static string or null.
        if let text = unsafe host_error_name(code) { return unsafe String(cString: text) }
        return "E\(code)"
    }

    /// The message as `strerror` gives it ("Connection refused").
    public var description: String {
        // SAFETY: host_error_text returns a static string or null; unlike strerror it is thread-safe.
        if let text = unsafe host_error_text(code) { return unsafe String(cString: text) }
        return "Unknown error \(code)"
    }
}

extension SystemError {
    /// The error in a result of `Kernel` (a value >= 0, or -errno), or nil when the call succeeded.
    @inlinable
    public init?(result: Int) {
        guard result < 0 else { return nil }
        self.init(code: Int32(truncatingIfNeeded: 0 &- result))
    }

    @inlinable
    public init?(result: Int32) {
        guard result < 0 else { return nil }
        self.init(code: 0 &- result)
    }
}
