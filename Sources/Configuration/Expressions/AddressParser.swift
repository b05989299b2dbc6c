import Base

/// Reads addresses of `bind`, `server`, `source`, `log` and `stats socket` (manual, chapter 11).
struct AddressParser {
    /// What the keyword at hand can take.
    struct Rules: OptionSet, Sendable {
        let rawValue: UInt32

        /// A port must be written.
        static let portRequired = Rules(rawValue: 1 << 0)
        static let portAllowed = Rules(rawValue: 1 << 1)
        static let portRange = Rules(rawValue: 1 << 2)
        static let portOffset = Rules(rawValue: 1 << 3)
        static let unix = Rules(rawValue: 1 << 4)
        static let fileDescriptor = Rules(rawValue: 1 << 5)
        static let socketPair = Rules(rawValue: 1 << 6)
        static let names = Rules(rawValue: 1 << 7)
        static let stream = Rules(rawValue: 1 << 8)
        static let datagram = Rules(rawValue: 1 << 9)

        static let bind: Rules = [
            .portRequired, .portAllowed, .portRange, .unix, .fileDescriptor, .socketPair, .names, .stream,
        ]
        static let server: Rules = [.portAllowed, .portOffset, .unix, .socketPair, .names, .stream]
        static let dispatch: Rules = [.portRequired, .portAllowed, .names, .stream]
        static let source: Rules = [.portAllowed, .names, .stream]
        static let serverSource: Rules = [.portAllowed, .portRange, .names, .stream]
        static let log: Rules = [.portAllowed, .unix, .fileDescriptor, .names, .datagram]
    }

    struct Failure: Error, Equatable {
        var message: String
        var bytes: Range<Int>
        var help: Help?
    }

    private struct Prefix {
        var kind: Kind
        var transport: AddressSpec.Transport?

        enum Kind { case any, ipv4, ipv6, unix, abstract, fileDescriptor, socketPair }
    }

    /// The prefixes of sections 11.1 to 11.3, before the '@'.
    private static let prefixes: [String: Prefix] = [
        "ip": Prefix(kind: .any), "ipv4": Prefix(kind: .ipv4), "ipv6": Prefix(kind: .ipv6),
        "unix": Prefix(kind: .unix), "abns": Prefix(kind: .abstract), "fd": Prefix(kind: .fileDescriptor),
        "sockpair": Prefix(kind: .socketPair),
        "tcp": Prefix(kind: .any, transport: .stream), "tcp4": Prefix(kind: .ipv4, transport: .stream),
        "tcp6": Prefix(kind: .ipv6, transport: .stream), "uxst": Prefix(kind: .unix, transport: .stream),
        "udp": Prefix(kind: .any, transport: .datagram), "udp4": Prefix(kind: .ipv4, transport: .datagram),
        "udp6": Prefix(kind: .ipv6, transport: .datagram), "uxdg": Prefix(kind: .unix, transport: .datagram),
    ]

    /// Known to HAProxy, for the message.
    private static let unsupportedPrefixes: Set<String> = [
        "quic4", "quic6", "quic+ip", "quic+ipv4", "quic+ipv6", "mptcp", "mptcp4", "mptcp6", "ring", "rev", "rhttp",
        "abnsz", "vsock", "backend",
    ]

    /// sun_path holds 108 bytes with its terminator.
    private static let unixPathLimitBytes = 107

    let bytes: [UInt8]
    let rules: Rules
    /// Offset of `bytes` within the word, for ranges.
    let base: Int

    init(_ bytes: [UInt8], rules: Rules, base: Int = 0) {
        self.bytes = bytes
        self.rules = rules
        self.base = base
    }

    private var text: String { String(decoding: bytes, as: UTF8.self) }

    private func failure(_ message: String, _ range: Range<Int>? = nil, help: Help? = nil) -> Failure {
        let range = range ?? 0..<bytes.count
        return Failure(message: message, bytes: (range.lowerBound + base)..<(range.upperBound + base), help: help)
    }

    /// The address, without its range in the file.
    func parse() throws(Failure) -> AddressSpec {
        guard !bytes.isEmpty else { throw failure("missing address") }
        var rest = 0
        var kind = Prefix.Kind.any
        var transport: AddressSpec.Transport?
        if let at = bytes.firstIndex(of: UInt8(ascii: "@")), bytes.first != UInt8(ascii: "/") {
            (kind, transport) = try prefix(String(decoding: bytes[..<at], as: UTF8.self), end: at)
            rest = at + 1
        }
        let resolved = transport ?? (rules.contains(.stream) ? .stream : .datagram)
        guard rules.contains(resolved == .stream ? .stream : .datagram) else {
            if rules == .log {
                throw failure(
                    "a log target over a stream ('\(text)') is known to HAProxy but not supported by this version of "
                        + "Martlet")
            }
            throw failure("a \(resolved == .stream ? "stream" : "datagram") address cannot be used here: '\(text)'")
        }
        if kind == .any, rest < bytes.count, bytes[rest] == UInt8(ascii: "/") { kind = .unix }
        var spec: AddressSpec
        switch kind {
        case .unix, .abstract: spec = try local(kind, from: rest)
        case .fileDescriptor, .socketPair: spec = try descriptor(kind, from: rest)
        case .any, .ipv4, .ipv6: spec = try internet(kind, from: rest)
        }
        spec.transport = resolved
        return spec
    }

    private func prefix(_ name: String, end: Int) throws(Failure) -> (Prefix.Kind, AddressSpec.Transport?) {
        var short = name
        var forced: AddressSpec.Transport?
        if name.hasPrefix("stream+") {
            forced = .stream
            short = String(name.dropFirst("stream+".count))
        } else if name.hasPrefix("dgram+") {
            forced = .datagram
            short = String(name.dropFirst("dgram+".count))
        }
        if let found = Self.prefixes[short] { return (found.kind, forced ?? found.transport) }
        if Self.unsupportedPrefixes.contains(short) {
            throw failure(
                "address prefix '\(name)@' is known to HAProxy but not supported by this version of Martlet", 0..<end)
        }
        throw failure(
            "unknown address prefix '\(name)@'", 0..<end,
            help: Suggestions.help(for: short, among: Self.prefixes.keys.sorted()))
    }

    private func local(_ kind: Prefix.Kind, from start: Int) throws(Failure) -> AddressSpec {
        guard rules.contains(.unix) else { throw failure("a unix socket cannot be used here: '\(text)'") }
        let path = bytes[start...]
        guard !path.isEmpty else {
            throw failure("missing \(kind == .unix ? "path" : "name") after '\(text)'")
        }
        guard path.count <= Self.unixPathLimitBytes else {
            throw failure("socket path too long: at most \(Self.unixPathLimitBytes) bytes, not \(path.count)")
        }
        let name = String(decoding: path, as: UTF8.self)
        return AddressSpec(host: kind == .unix ? .unix(name) : .abstract(name))
    }

    private func descriptor(_ kind: Prefix.Kind, from start: Int) throws(Failure) -> AddressSpec {
        let isPair = kind == .socketPair
        guard rules.contains(isPair ? .socketPair : .fileDescriptor) else {
            throw failure("a \(isPair ? "socket pair" : "file descriptor") cannot be used here: '\(text)'")
        }
        let digits = bytes[start...]
        guard digits.allSatisfy(\.isDigit), let number = try? Quantities.integer(digits), number <= 1 << 24 else {
            throw failure(
                "file descriptor '\(String(decoding: digits, as: UTF8.self))' is no valid number", start..<bytes.count)
        }
        let value = Int32(number)
        return AddressSpec(host: isPair ? .socketPair(value) : .fileDescriptor(value))
    }

    /// `host:port`, `[host]:port`, `host`, `:port`; the port stands behind the last colon.
    private func internet(_ kind: Prefix.Kind, from start: Int) throws(Failure) -> AddressSpec {
        var hostEnd = bytes.count
        var portStart: Int?
        if let last = bytes[start...].lastIndex(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "]") }),
            bytes[last] == UInt8(ascii: ":")
        {
            hostEnd = last
            portStart = last + 1
        }
        var host = bytes[start..<hostEnd]
        let isBracketed = host.first == UInt8(ascii: "[")
        if isBracketed {
            guard host.last == UInt8(ascii: "]") else { throw failure("missing ']' in '\(text)'", start..<hostEnd) }
            host = host.dropFirst().dropLast()
        }
        let port = try self.port(portStart)
        var spec = try self.host(host, kind: kind, isBracketed: isBracketed)
        spec.port = port
        return spec
    }

    private func host(
        _ host: ArraySlice<UInt8>, kind: Prefix.Kind, isBracketed: Bool
    ) throws(Failure) -> AddressSpec {
        let span = host.startIndex..<max(host.endIndex, host.startIndex)
        if host.isEmpty || (host.elementsEqual("*".utf8) && !isBracketed) {
            if isBracketed { throw failure("missing address between the brackets of '\(text)'", span) }
            if kind == .ipv6 { return AddressSpec(host: .ipv6(.any), family: .ipv6) }
            return AddressSpec(host: .ipv4(.any), family: kind == .ipv4 ? .ipv4 : .any)
        }
        let name = String(decoding: host, as: UTF8.self)
        if !isBracketed, let address = IPText.ipv4(host) {
            if kind == .ipv6 { throw failure("'\(name)' is no IPv6 address", span) }
            return AddressSpec(host: .ipv4(address), family: kind == .ipv4 ? .ipv4 : .any)
        }
        if host.contains(UInt8(ascii: ":")) || isBracketed {
            guard let address = IPText.ipv6(host) else {
                throw failure(
                    "invalid IPv6 address '\(name)' in '\(text)'", span,
                    help: "the port stands behind the last colon: write [address] or address:port")
            }
            if kind == .ipv4 { throw failure("'\(name)' is no IPv4 address", span) }
            return AddressSpec(host: .ipv6(address), family: kind == .ipv6 ? .ipv6 : .any)
        }
        guard rules.contains(.names) else { throw failure("'\(name)' is no address", span) }
        let isName = host.allSatisfy { byte in
            byte.isLetter || byte.isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: ".")
        }
        let looksNumeric = host.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
        guard isName, !looksNumeric, host.count <= 255 else {
            throw failure("invalid address '\(name)' in '\(text)'", span)
        }
        let family: AddressSpec.Family = kind == .ipv4 ? .ipv4 : kind == .ipv6 ? .ipv6 : .any
        return AddressSpec(host: .name(name), family: family)
    }

    private func port(_ start: Int?) throws(Failure) -> AddressSpec.Port {
        let digits = start.map { bytes[$0...] } ?? []
        guard let start, !digits.isEmpty else {
            if rules.contains(.portRequired) { throw failure("missing port in '\(text)'", help: "write address:port") }
            return .none
        }
        guard rules.contains(.portAllowed) else { throw failure("a port cannot be given here: '\(text)'") }
        let span = start..<bytes.count
        let shown = String(decoding: digits, as: UTF8.self)
        if let sign = digits.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
            guard rules.contains(.portOffset) else {
                throw failure("a port offset cannot be used here: '\(text)'", span)
            }
            guard let offset = try? Quantities.integer(digits), (-65_535...65_535).contains(offset) else {
                throw failure("invalid port offset '\(shown)'", span)
            }
            return .offset(Int32(offset))
        }
        let ends = digits.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
        var numbers: [UInt16] = []
        for end in ends {
            guard !end.isEmpty, end.allSatisfy(\.isDigit), let number = try? Quantities.integer(end),
                number <= 65_535, number > 0 || !rules.contains(.portRequired)
            else { throw failure("invalid port '\(shown)'", span, help: "ports go from 1 to 65535") }
            numbers.append(UInt16(number))
        }
        guard numbers.count == 2 else { return .fixed(numbers[0]) }
        guard rules.contains(.portRange) else { throw failure("a port range cannot be used here: '\(text)'", span) }
        guard numbers[0] <= numbers[1] else { throw failure("invalid port range '\(shown)'", span) }
        return numbers[0] == numbers[1] ? .fixed(numbers[0]) : .range(numbers[0], numbers[1])
    }
}
