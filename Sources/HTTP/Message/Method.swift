/// A request method (RFC 9110 section 9, PATCH: RFC 5789).
///
/// The methods that change how a message is framed or retried have a case of their own; every other token is `.other`,
/// and its bytes are the head's `method`.
public enum HTTPMethod: UInt8, Sendable, CaseIterable {
    case get, head, post, put, delete, connect, options, trace, patch, other

    /// The token as it stands on the wire; empty for `.other`.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other: ""
        }
    }

    /// Whether a repeated request has the same effect as one (RFC 9110 section 9.2.2).
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .connect, .patch, .other: false
        }
    }

    /// Whether the request asks for no change of state (RFC 9110 section 9.2.1).
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        case .post, .put, .delete, .connect, .patch, .other: false
        }
    }

    /// The method of a token; methods are case-sensitive (RFC 9110 section 9.1).
    @inlinable
    public init(token: Span<UInt8>) {
        let candidate: HTTPMethod =
            switch token.count {
            case 3: token[0] == 0x47 ? .get : .put
            case 4: token[0] == 0x48 ? .head : .post
            case 5: token[0] == 0x54 ? .trace : .patch
            case 6: .delete
            case 7: token[0] == 0x43 ? .connect : .options
            default: .other
            }
        self = token.equals(candidate.name) ? candidate : .other
    }
}

/// A version of the protocol, as a start line states it (RFC 9112 section 2.3).
public struct HTTPVersion: Sendable, Equatable, Comparable {
    /// The digit before the point.
    public let major: UInt8
    /// The digit after the point.
    public let minor: UInt8

    @inlinable
    public init(major: UInt8, minor: UInt8) {
        self.major = major
        self.minor = minor
    }

    /// HTTP/1.0.
    @inlinable public static var http10: HTTPVersion { HTTPVersion(major: 1, minor: 0) }
    /// HTTP/1.1.
    @inlinable public static var http11: HTTPVersion { HTTPVersion(major: 1, minor: 1) }

    @inlinable
    public static func < (left: HTTPVersion, right: HTTPVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
