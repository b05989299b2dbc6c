import Base

/// Fetches of a TLS client hello that passes through (manual, section 7.3.5).
enum TLSHelloFetches {
    static let all: [FetchKeyword] =
        [
            sni("req.ssl_sni"), sni("req_ssl_sni", alias: true), version("req.ssl_ver"),
            version("req_ssl_ver", alias: true), type("req.ssl_hello_type", .request),
            type("req_ssl_hello_type", .request, alias: true), type("res.ssl_hello_type", .response),
            type("rep_ssl_hello_type", .response, alias: true),
        ] + extensions

    private static let section = "7.3.5"

    private static func sni(_ name: String, alias: Bool = false) -> FetchKeyword {
        FetchKeyword(
            name, .none, .string, .request, section: section, "The server's name in a TLS client hello", alias: alias
        ) { scope, _ in
            guard let (data, hello) = hello(scope), let range = hello.serverName(data.span) else { return nil }
            return part(data, range)
        }
    }

    private static func part(_ data: Sample, _ range: Range<Int>) -> Sample {
        var part = data
        part.narrow(from: range.lowerBound, count: range.count)
        part.retype(.string)
        return part
    }

    private static func version(_ name: String, alias: Bool = false) -> FetchKeyword {
        FetchKeyword(
            name, .none, .integer, .request, section: section, "The version in a TLS client hello: 3.1 is 196609",
            alias: alias
        ) { scope, _ in
            let data = PayloadFetches.bytes(scope, response: false)
            switch ClientHello.version(data.span) {
            case .value(let version): return Sample(Int64(version))
            case .incomplete: return PayloadFetches.later(scope)
            case .none: return nil
            }
        }
    }

    private static func type(_ name: String, _ side: HeaderFetches.Side, alias: Bool = false) -> FetchKeyword {
        FetchKeyword(
            name, .none, .integer, side.source, section: section, "The type of a complete TLS hello: 1 or 2",
            alias: alias
        ) { scope, _ in
            let data = PayloadFetches.bytes(scope, response: side == .response)
            switch ClientHello.type(data.span) {
            case .value(let type): return Sample(Int64(type))
            case .incomplete: return PayloadFetches.later(scope)
            case .none: return nil
            }
        }
    }

    private static let extensions: [FetchKeyword] = [
        FetchKeyword(
            "req.ssl_alpn", .none, .string, .request, section: section,
            "A protocol in a TLS client hello: the first, or in ACLs one after the other"
        ) { scope, _ in
            guard let (data, hello) = hello(scope), let list = hello.find(16, data.span) else { return nil }
            // RFC 7301: the length of the list, then strings with a length each.
            let start = scope.place.isInside ? scope.place.offset : list.lowerBound + 2
            guard start < list.upperBound else { return nil }
            let end = start + 1 + Int(data.span[start])
            guard end <= list.upperBound else { return nil }
            if scope.iterates {
                scope.place = SampleScope.Place(isInside: true, index: 0, offset: end)
                scope.hasMore = true
            }
            return part(data, (start + 1)..<end)
        },
        FetchKeyword(
            "req.ssl_ec_ext", .none, .boolean, .request, section: section,
            "Whether a TLS client hello names elliptic curves"
        ) { scope, _ in
            hello(scope).flatMap { data, hello in hello.find(10, data.span).map { _ in Sample(true) } }
        },
        FetchKeyword(
            "req.ssl_st_ext", .none, .integer, .request, section: section,
            "Session ticket in a TLS client hello: 0 not known, 1 known, 2 sent"
        ) { scope, _ in
            guard let (data, hello) = hello(scope) else { return nil }
            guard let ticket = hello.find(35, data.span) else { return Sample(0) }
            return Sample(ticket.isEmpty ? 1 : 2)
        },
    ]

    private static func hello(_ scope: SampleScope) -> (Sample, ClientHello)? {
        let data = PayloadFetches.bytes(scope, response: false)
        switch ClientHello.parse(data.span) {
        case .value(let hello): return (data, hello)
        case .incomplete: _ = PayloadFetches.later(scope)
        case .none: break
        }
        return nil
    }
}

/// What was found in bytes that are still coming.
enum Partial<Value> {
    case value(Value)
    /// So far it is what it should be.
    case incomplete
    case none
}

/// A TLS client hello in one record (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2): where its extensions stand.
///
/// Every offset is checked against the bytes that are there; nothing is assumed of the sender.
struct ClientHello {
    /// Type, version and length of a record.
    private static let recordHeader = 5
    private let extensions: Range<Int>

    /// The message in the first record: its end, once all of it is here.
    private static func record(_ data: Span<UInt8>) -> Partial<Range<Int>> {
        guard data.count > 0 else { return .incomplete }
        guard data[0] == 0x16 else { return .none }
        guard data.count >= 3 else { return .incomplete }
        // SSL 3 and later; a minor version says nothing here.
        guard data[1] >= 3 else { return .none }
        guard data.count >= recordHeader else { return .incomplete }
        let length = word(data, 3)
        guard length >= 4, length <= 16384 + 2048 else { return .none }
        guard data.count >= recordHeader + length else { return .incomplete }
        return .value(recordHeader..<(recordHeader + length))
    }

    /// The type of the handshake message that a complete first record begins with.
    static func type(_ data: Span<UInt8>) -> Partial<UInt8> {
        switch record(data) {
        case .value(let body):
            // A hello may not be longer than its record.
            let length = Int(data[body.lowerBound + 1]) << 16 | word(data, body.lowerBound + 2)
            guard length <= body.count - 4 else { return .none }
            return .value(data[body.lowerBound])
        case .incomplete: return .incomplete
        case .none: return .none
        }
    }

    /// Major version times 65536 plus minor version, as the hello has it; also of SSL 2.
    static func version(_ data: Span<UInt8>) -> Partial<UInt32> {
        guard data.count >= 3 else { return data.count > 0 && data[0] != 0x16 && data[0] < 0x80 ? .none : .incomplete }
        guard data[0] == 0x16 else { return oldVersion(data) }
        guard data[1] >= 3 else { return .none }
        guard data.count >= 11 else { return .incomplete }
        let length = word(data, 3)
        guard length >= 4, length <= 16384, data[5] == 1 else { return .none }
        switch record(data) {
        case .value: return .value(UInt32(data[9]) << 16 | UInt32(data[10]))
        case .incomplete: return .incomplete
        case .none: return .none
        }
    }

    /// SSL 2: a length of 15 bits, type 1, the version, and lengths of three fields.
    private static func oldVersion(_ data: Span<UInt8>) -> Partial<UInt32> {
        guard data[0] >= 0x80 else { return .none }
        let length = word(data, 0) & 0x7FFF
        guard data[2] == 1, length >= 9, length <= 16384 else { return .none }
        guard data.count >= 11 else { return .incomplete }
        let fields = word(data, 5) + word(data, 7) + word(data, 9)
        guard fields + 9 == length else { return .none }
        guard data.count >= length + 2 else { return .incomplete }
        return .value(UInt32(data[3]) << 16 | UInt32(data[4]))
    }

    static func parse(_ data: Span<UInt8>) -> Partial<ClientHello> {
        switch record(data) {
        case .incomplete: return .incomplete
        case .none: return .none
        case .value(let body):
            guard data[body.lowerBound] == 1, let hello = ClientHello(data, body) else { return .none }
            return .value(hello)
        }
    }

    private init?(_ data: Span<UInt8>, _ body: Range<Int>) {
        let length = Int(data[body.lowerBound + 1]) << 16 | ClientHello.word(data, body.lowerBound + 2)
        let end = body.lowerBound + 4 + length
        // Version, random bytes, then three fields with a length each.
        var place = body.lowerBound + 4 + 2 + 32
        guard end <= body.upperBound, place < end else { return nil }
        place += 1 + Int(data[place])
        guard place + 2 <= end else { return nil }
        place += 2 + ClientHello.word(data, place)
        guard place + 1 <= end else { return nil }
        place += 1 + Int(data[place])
        guard place + 2 <= end else { return nil }
        let size = ClientHello.word(data, place)
        guard place + 2 + size <= end else { return nil }
        extensions = (place + 2)..<(place + 2 + size)
    }

    /// Where the contents of an extension stand.
    func find(_ type: Int, _ data: Span<UInt8>) -> Range<Int>? {
        var place = extensions.lowerBound
        while place + 4 <= extensions.upperBound {
            let end = place + 4 + ClientHello.word(data, place + 2)
            guard end <= extensions.upperBound else { return nil }
            if ClientHello.word(data, place) == type { return (place + 4)..<end }
            place = end
        }
        return nil
    }

    /// The first host name of the extension `server_name` (RFC 6066 section 3).
    func serverName(_ data: Span<UInt8>) -> Range<Int>? {
        guard let list = find(0, data), list.count >= 2 else { return nil }
        var place = list.lowerBound + 2
        while place + 3 <= list.upperBound {
            let end = place + 3 + ClientHello.word(data, place + 1)
            guard end <= list.upperBound else { return nil }
            if data[place] == 0 { return (place + 3)..<end }
            place = end
        }
        return nil
    }

    private static func word(_ data: Span<UInt8>, _ place: Int) -> Int { Int(data[place]) << 8 | Int(data[place + 1]) }
}
