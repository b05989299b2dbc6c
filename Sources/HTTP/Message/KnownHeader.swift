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

    /// The field that a name denotes; names are case-insensitive (RFC 9110 section 5.1).
    public init(name: Span<UInt8>) {
        let count = name.count
        guard count >= 2, count <= KnownHeader.longest else {
            self = .other
            return
        }
        // SAFETY: each load lies within the name.
        self = unsafe name.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return .other }
            if count < 8 {
                var word: UInt64 = 0
                for index in 0..<count {
                    word |= unsafe UInt64(start.load(fromByteOffset: index, as: UInt8.self)) &<< UInt64(index &* 8)
                }
                return Self.named(short: word, count: count)
            }
            return unsafe Self.named(
                first: Self.word(start, 0), middle: count > 16 ? Self.word(start, 8) : 0,
                last: Self.word(start, count - 8),
                count: count)
        }
    }

    /// The field of a name of fewer than eight bytes.
    ///
    /// - Parameter short: the bytes, the first one lowest; none above `count`.
    @inline(__always)
    static func named(short: UInt64, count: Int) -> KnownHeader {
        switch count {
        case 2:
            if short.spells("te") { return .te }
        case 3:
            if short.spells("age") { return .age }
            if short.spells("via") { return .via }
        case 4:
            if short.spells("date") { return .date }
            if short.spells("host") { return .host }
            if short.spells("vary") { return .vary }
            if short.spells("etag") { return .etag }
        case 5:
            if short.spells("allow") { return .allow }
        case 6:
            if short.spells("accept") { return .accept }
            if short.spells("cookie") { return .cookie }
            if short.spells("expect") { return .expect }
            if short.spells("origin") { return .origin }
            if short.spells("pragma") { return .pragma }
            if short.spells("server") { return .server }
        case 7:
            if short.spells("expires") { return .expires }
            if short.spells("referer") { return .referer }
            if short.spells("trailer") { return .trailer }
            if short.spells("upgrade") { return .upgrade }
        default: break
        }
        return .other
    }

    /// The field of a name of eight bytes and more.
    ///
    /// - Parameters:
    ///   - first: its first eight bytes, the first one lowest.
    ///   - middle: the eight bytes behind those, if it has more than 16 bytes.
    ///   - last: its last eight bytes.
    @inline(__always)
    static func named(first: UInt64, middle: UInt64, last: UInt64, count: Int) -> KnownHeader {
        switch count {
        case 8:
            if first.spells("location") { return .location }
        case 9:
            if first.spells("forwarde") && last.spells("orwarded") { return .forwarded }
        case 10:
            if first.spells("connecti") && last.spells("nnection") { return .connection }
            if first.spells("keep-ali") && last.spells("ep-alive") { return .keepAlive }
            if first.spells("set-cook") && last.spells("t-cookie") { return .setCookie }
            if first.spells("user-age") && last.spells("er-agent") { return .userAgent }
            if first.spells("early-da") && last.spells("rly-data") { return .earlyData }
        case 11:
            if first.spells("retry-af") && last.spells("ry-after") { return .retryAfter }
        case 12:
            if first.spells("content-") && last.spells("ent-type") { return .contentType }
            if first.spells("max-forw") && last.spells("forwards") { return .maxForwards }
        case 13:
            if first.spells("authoriz") && last.spells("rization") { return .authorization }
            if first.spells("cache-co") && last.spells("-control") { return .cacheControl }
            if first.spells("x-origin") && last.spells("ginal-to") { return .xOriginalTo }
            if first.spells("if-none-") && last.spells("ne-match") { return .ifNoneMatch }
            if first.spells("last-mod") && last.spells("modified") { return .lastModified }
        case 14:
            if first.spells("content-") && last.spells("t-length") { return .contentLength }
            if first.spells("http2-se") && last.spells("settings") { return .http2Settings }
        case 15:
            if first.spells("x-forwar") && last.spells("rded-for") { return .xForwardedFor }
            if first.spells("accept-e") && last.spells("encoding") { return .acceptEncoding }
            if first.spells("accept-l") && last.spells("language") { return .acceptLanguage }
        case 16:
            if first.spells("content-") && last.spells("encoding") { return .contentEncoding }
            if first.spells("proxy-co") && last.spells("nnection") { return .proxyConnection }
            if first.spells("www-auth") && last.spells("enticate") { return .wwwAuthenticate }
        case 17:
            if first.spells("transfer") && middle.spells("-encodin") && last.spells("encoding") {
                return .transferEncoding
            }
            if first.spells("x-forwar") && middle.spells("ded-prot") && last.spells("ed-proto") {
                return .xForwardedProto
            }
            if first.spells("if-modif") && middle.spells("ied-sinc") && last.spells("ed-since") {
                return .ifModifiedSince
            }
        case 18:
            if first.spells("proxy-au") && middle.spells("thentica") && last.spells("enticate") {
                return .proxyAuthenticate
            }
        case 19:
            if first.spells("proxy-au") && middle.spells("thorizat") && last.spells("rization") {
                return .proxyAuthorization
            }
        default: break
        }
        return .other
    }

    /// No known name is longer.
    private static var longest: Int { 19 }

    @unsafe
    private static func word(_ start: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        // SAFETY: the caller sees to it that eight bytes lie there.
        unsafe UInt64(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

extension UInt64 {
    /// Whether these bytes, the first one lowest, are a literal of up to eight lower case letters, digits and `-`, the
    /// case of letters being ignored here. The literal is a number by the time this runs.
    ///
    /// Of what the literal may hold, letters alone have bit 6; where it has one, bit 5 of these bytes does not count.
    @inline(__always)
    func spells(_ literal: StaticString) -> Bool {
        var wanted: UInt64 = 0
        // SAFETY: every literal of this program is stored as UTF-8.
        let bytes = unsafe literal.utf8Start
        for index in 0..<literal.utf8CodeUnitCount { wanted |= unsafe UInt64(bytes[index]) &<< UInt64(index &* 8) }
        return self | (wanted &>> 1 & 0x2020_2020_2020_2020) == wanted
    }
}
