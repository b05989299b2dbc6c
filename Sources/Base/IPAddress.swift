/// An IPv4 address, as a number in host order (127.0.0.1 is 0x7f000001).
public struct IPv4Address: Sendable, Hashable {
    public var value: UInt32
    public init(value: UInt32) { self.value = value }
    public static let any = IPv4Address(value: 0)
}

/// An IPv6 address as two halves in host order: `high` holds the first eight bytes.
public struct IPv6Address: Sendable, Hashable {
    public var high: UInt64
    public var low: UInt64
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
    public static let any = IPv6Address(high: 0, low: 0)
}

/// An address with a mask (manual, section 7.1.6).
public enum IPNetwork: Sendable, Hashable {
    case ipv4(IPv4Address, mask: UInt32)
    case ipv6(IPv6Address, prefixLength: UInt8)
}

/// Reads addresses from text. No names, no system calls.
public enum IPText {
    /// Four decimal numbers, or fewer with HAProxy's abbreviation: `10.12` is 10.0.0.12, and `12` is
    /// 0.0.0.12 (manual, section 7.1.6).
    public static func ipv4(_ bytes: some Collection<UInt8>, abbreviated: Bool = false) -> IPv4Address? {
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 || (abbreviated && parts.count < 4) else { return nil }
        var values: [UInt32] = []
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy(\.isDigit) else { return nil }
            let value = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 &- UInt8(ascii: "0")) }
            guard value <= 255 else { return nil }
            values.append(value)
        }
        // What is abbreviated stands before the last number.
        let last = values.removeLast()
        while values.count < 3 { values.append(0) }
        values.append(last)
        return IPv4Address(value: values.reduce(0) { $0 << 8 | $1 })
    }

    /// RFC 4291, section 2.2: eight groups, `::` once, an IPv4 address in the last two groups.
    public static func ipv6(_ text: some Collection<UInt8>) -> IPv6Address? {
        let bytes = Array(text)
        guard bytes.count >= 2, bytes.count <= 45 else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var cursor = 0
        if bytes[0] == UInt8(ascii: ":") {
            guard bytes[1] == UInt8(ascii: ":") else { return nil }
            gap = 0
            cursor = 2
        }
        while cursor < bytes.count {
            let end = bytes[cursor...].firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
            let part = bytes[cursor..<end]
            if part.contains(UInt8(ascii: ".")) {
                guard end == bytes.count, let tail = ipv4(part) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: tail.value >> 16))
                groups.append(UInt16(truncatingIfNeeded: tail.value))
                cursor = end
                break
            }
            guard let group = group(part) else { return nil }
            groups.append(group)
            if groups.count > 8 { return nil }
            guard end < bytes.count else {
                cursor = end
                break
            }
            cursor = end + 1
            guard cursor < bytes.count else { return nil }
            if bytes[cursor] == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = groups.count
                cursor += 1
            }
        }
        if let gap {
            guard groups.count <= 7 else { return nil }
            groups.insert(contentsOf: Array(repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        let high = groups[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        let low = groups[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        return IPv6Address(high: high, low: low)
    }

    private static func group(_ part: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(part.count) else { return nil }
        var value: UInt16 = 0
        for byte in part {
            guard let digit = byte.hexValue else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    /// An address with an optional mask: `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32`.
    public static func network(_ bytes: [UInt8]) -> IPNetwork? {
        let parts = bytes.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        let mask = parts.count > 1 ? parts[1] : nil
        if let address = ipv4(parts[0], abbreviated: true) {
            guard let mask else { return .ipv4(address, mask: .max) }
            if let dotted = ipv4(mask) { return .ipv4(address, mask: dotted.value) }
            guard let length = prefixLength(mask, limit: 32) else { return nil }
            return .ipv4(address, mask: length == 0 ? 0 : UInt32.max << UInt32(32 - length))
        }
        guard let address = ipv6(parts[0]) else { return nil }
        guard let mask else { return .ipv6(address, prefixLength: 128) }
        guard let length = prefixLength(mask, limit: 128) else { return nil }
        return .ipv6(address, prefixLength: UInt8(length))
    }

    private static func prefixLength(_ digits: ArraySlice<UInt8>, limit: Int) -> Int? {
        guard (1...3).contains(digits.count), digits.allSatisfy(\.isDigit),
            digits.reduce(0, { $0 * 10 + Int($1 &- UInt8(ascii: "0")) }) <= limit
        else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 &- UInt8(ascii: "0")) }
    }
}
