/// The header fields that the proxy itself reads or writes, so that they are found without comparing names.
///
/// The table of names is `name`; a name outside it is `.other`.
public enum KnownHeader: UInt8, Sendable, CaseIterable {
    case other
    case age, accept, allow, authorization, cacheControl, connection, contentEncoding, contentLength, contentType,
        cookie
    case date, expect, expires, host, http2Settings, keepAlive, location, maxForwards, origin, pragma
    case proxyAuthenticate, proxyAuthorization, proxyConnection, referer, retryAfter, server, setCookie
    case te, trailer, transferEncoding, upgrade, userAgent, vary, via, wwwAuthenticate
    case xForwardedFor, xForwardedProto, xOriginalTo, forwarded, earlyData, acceptEncoding, acceptLanguage, etag
    case ifNoneMatch, ifModifiedSince, lastModified

    /// The field's name in lower case; empty for `.other`.
    public var name: StaticString {
        switch self {
        case .other: ""
        case .age: "age"
        case .accept: "accept"
        case .allow: "allow"
        case .authorization: "authorization"
        case .cacheControl: "cache-control"
        case .connection: "connection"
        case .contentEncoding: "content-encoding"
        case .contentLength: "content-length"
        case .contentType: "content-type"
        case .cookie: "cookie"
        case .date: "date"
        case .expect: "expect"
        case .expires: "expires"
        case .host: "host"
        case .http2Settings: "http2-settings"
        case .keepAlive: "keep-alive"
        case .location: "location"
        case .maxForwards: "max-forwards"
        case .origin: "origin"
        case .pragma: "pragma"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyConnection: "proxy-connection"
        case .referer: "referer"
        case .retryAfter: "retry-after"
        case .server: "server"
        case .setCookie: "set-cookie"
        case .te: "te"
        case .trailer: "trailer"
        case .transferEncoding: "transfer-encoding"
        case .upgrade: "upgrade"
        case .userAgent: "user-agent"
        case .vary: "vary"
        case .via: "via"
        case .wwwAuthenticate: "www-authenticate"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedProto: "x-forwarded-proto"
        case .xOriginalTo: "x-original-to"
        case .forwarded: "forwarded"
        case .earlyData: "early-data"
        case .acceptEncoding: "accept-encoding"
        case .acceptLanguage: "accept-language"
        case .etag: "etag"
        case .ifNoneMatch: "if-none-match"
        case .ifModifiedSince: "if-modified-since"
        case .lastModified: "last-modified"
        }
    }

    /// The field that a name denotes; names are case-insensitive (RFC 9110 section 5.1). The name holds no control
    /// character: it is a token, or part of a field's value.
    public init(name: Span<UInt8>) {
        let candidate = Self.candidate(name)
        self = candidate != .other && name.isName(candidate.name) ? candidate : .other
    }

    /// The only known field that a name of this length and with these letters can be: the lengths narrow it to a few,
    /// and one letter that differs among those decides. A test checks that every known name finds itself.
    private static func candidate(_ name: Span<UInt8>) -> KnownHeader {
        let count = name.count
        guard count >= 2, count <= 19 else { return .other }
        let first = name[0] | 0x20
        switch count {
        case 2: return .te
        case 3: return first == UInt8(ascii: "a") ? .age : .via
        case 4: return shortest(first)
        case 5: return .allow
        case 6: return six(first, name[2] | 0x20)
        case 7: return seven(first, name[1] | 0x20)
        case 8: return .location
        case 9: return .forwarded
        case 10: return ten(first)
        case 11: return .retryAfter
        case 12: return first == UInt8(ascii: "c") ? .contentType : .maxForwards
        case 13: return thirteen(first, name[1] | 0x20)
        case 14: return first == UInt8(ascii: "c") ? .contentLength : .http2Settings
        case 15: return first == UInt8(ascii: "x") ? .xForwardedFor : fifteen(name[7] | 0x20)
        case 16: return sixteen(first, name[1] | 0x20)
        case 17: return seventeen(first)
        case 18: return .proxyAuthenticate
        default: return .proxyAuthorization
        }
    }

    private static func shortest(_ first: UInt8) -> KnownHeader {
        switch first {
        case UInt8(ascii: "d"): .date
        case UInt8(ascii: "h"): .host
        case UInt8(ascii: "e"): .etag
        default: .vary
        }
    }

    private static func six(_ first: UInt8, _ third: UInt8) -> KnownHeader {
        switch first {
        case UInt8(ascii: "a"): .accept
        case UInt8(ascii: "c"): .cookie
        case UInt8(ascii: "e"): .expect
        case UInt8(ascii: "o"): .origin
        case UInt8(ascii: "p"): .pragma
        default: .server
        }
    }

    private static func seven(_ first: UInt8, _ second: UInt8) -> KnownHeader {
        switch first {
        case UInt8(ascii: "e"): .expires
        case UInt8(ascii: "r"): .referer
        case UInt8(ascii: "t"): .trailer
        default: .upgrade
        }
    }

    private static func ten(_ first: UInt8) -> KnownHeader {
        switch first {
        case UInt8(ascii: "c"): .connection
        case UInt8(ascii: "e"): .earlyData
        case UInt8(ascii: "k"): .keepAlive
        case UInt8(ascii: "s"): .setCookie
        default: .userAgent
        }
    }

    private static func thirteen(_ first: UInt8, _ second: UInt8) -> KnownHeader {
        switch first {
        case UInt8(ascii: "a"): .authorization
        case UInt8(ascii: "c"): .cacheControl
        case UInt8(ascii: "i"): .ifNoneMatch
        case UInt8(ascii: "l"): .lastModified
        default: .xOriginalTo
        }
    }

    private static func fifteen(_ eighth: UInt8) -> KnownHeader {
        eighth == UInt8(ascii: "e") ? .acceptEncoding : .acceptLanguage
    }

    private static func sixteen(_ first: UInt8, _ second: UInt8) -> KnownHeader {
        switch first {
        case UInt8(ascii: "c"): .contentEncoding
        case UInt8(ascii: "w"): .wwwAuthenticate
        default: .proxyConnection
        }
    }

    private static func seventeen(_ first: UInt8) -> KnownHeader {
        switch first {
        case UInt8(ascii: "i"): .ifModifiedSince
        case UInt8(ascii: "t"): .transferEncoding
        default: .xForwardedProto
        }
    }
}
