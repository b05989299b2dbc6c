import CPlatform
import Glibc

extension SocketAddress: CustomStringConvertible {
    /// The host alone: "127.0.0.1", "::1", a path, or "@name" for the abstract space.
    public var host: String {
        switch family {
        case .ipv4:
            let address = ipv4 ?? 0
            return "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
        case .ipv6:
            let (high, low) = ipv6 ?? (0, 0)
            return SocketAddress.text(high, low)
        case .unix: return path ?? ""
        case .abstract: return "@" + (path ?? "")
        case .unspecified: return "<unspecified>"
        }
    }

    /// "127.0.0.1:80", "[::1]:80", "unix:/path" or "abns:name".
    public var description: String {
        switch family {
        case .ipv4: return "\(host):\(port)"
        case .ipv6: return "[\(host)]:\(port)"
        case .unix: return "unix:\(path ?? "")"
        case .abstract: return "abns:\(path ?? "")"
        case .unspecified: return host
        }
    }

    /// The text form of RFC 5952, and of RFC 4291 section 2.5.5.2 for addresses that hold an IPv4 one.
    static func text(_ high: UInt64, _ low: UInt64) -> String {
        var groups: [UInt16] = []
        for shift in [48, 32, 16, 0] as [UInt64] { groups.append(UInt16(truncatingIfNeeded: high >> shift)) }
        for shift in [48, 32, 16, 0] as [UInt64] { groups.append(UInt16(truncatingIfNeeded: low >> shift)) }
        if high == 0 && low >> 32 == 0xFFFF {
            return "::ffff:\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)"
        }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8 && groups[end] == 0 { end += 1 }
            if end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        func join(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard best.count > 1 else { return join(groups[...]) }
        return join(groups[..<best.lowerBound]) + "::" + join(groups[best.upperBound...])
    }

    /// Reads a numeric IPv4 ("10.0.0.1") or IPv6 address ("::1", "fe80::1%eth0"); nil for anything else.
    public init?(numeric text: String, port: UInt16) {
        var four = in_addr()
        // SAFETY: inet_pton reads a NUL-terminated string and writes an in_addr.
        if unsafe inet_pton(AF_INET, text, &four) == 1 {
            self.init(ipv4: UInt32(bigEndian: four.s_addr), port: port)
            return
        }
        var scope: UInt32 = 0
        var address = Substring(text)
        if let percent = text.firstIndex(of: "%") {
            address = text[..<percent]
            let zone = String(text[text.index(after: percent)...])
            // SAFETY: if_nametoindex reads a NUL-terminated string.
            scope = unsafe UInt32(zone) ?? if_nametoindex(zone)
            guard scope != 0 else { return nil }
        }
        var words: (UInt64, UInt64) = (0, 0)
        // SAFETY: inet_pton reads a NUL-terminated string and writes the 16 bytes of the tuple.
        guard unsafe inet_pton(AF_INET6, String(address), &words) == 1 else { return nil }
        self.init(ipv6: UInt64(bigEndian: words.0), UInt64(bigEndian: words.1), port: port, scope: scope)
    }

    /// Whether an IP address lies in the network of `prefixBits` bits around `network`; false across families.
    public func isWithin(_ network: SocketAddress, prefixBits: Int) -> Bool {
        if let mine = ipv4, let other = network.ipv4 {
            return (mine ^ other) & SocketAddress.mask32(prefixBits) == 0
        }
        if let mine = ipv6, let other = network.ipv6 {
            let mask = SocketAddress.mask128(prefixBits)
            return (mine.high ^ other.high) & mask.high == 0 && (mine.low ^ other.low) & mask.low == 0
        }
        return false
    }

    /// The address with all but the first bits cleared (a /24 of 10.1.2.3 is 10.1.2.0); other families unchanged.
    public func masked(ipv4Bits: Int, ipv6Bits: Int) -> SocketAddress {
        if let mine = ipv4 { return SocketAddress(ipv4: mine & SocketAddress.mask32(ipv4Bits), port: port) }
        if let mine = ipv6 {
            let mask = SocketAddress.mask128(ipv6Bits)
            return SocketAddress(ipv6: mine.high & mask.high, mine.low & mask.low, port: port, scope: scope)
        }
        return self
    }

    static func mask32(_ bits: Int) -> UInt32 {
        bits <= 0 ? 0 : bits >= 32 ? ~0 : ~0 << UInt32(32 - bits)
    }

    static func mask128(_ bits: Int) -> (high: UInt64, low: UInt64) {
        func mask64(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? ~0 : ~0 << UInt64(64 - bits) }
        return (mask64(bits), mask64(bits - 64))
    }
}

extension SocketAddress {
    public static func == (left: SocketAddress, right: SocketAddress) -> Bool {
        guard left.sizeBytes == right.sizeBytes else { return false }
        let mine = left.storage.words
        let other = right.storage.words
        return mine.0 == other.0 && mine.1 == other.1 && mine.2 == other.2 && mine.3 == other.3
            && mine.4 == other.4 && mine.5 == other.5 && mine.6 == other.6 && mine.7 == other.7
            && mine.8 == other.8 && mine.9 == other.9 && mine.10 == other.10 && mine.11 == other.11
            && mine.12 == other.12 && mine.13 == other.13 && mine.14 == other.14 && mine.15 == other.15
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(sizeBytes)
        hasher.combine(storage.words.0)
        hasher.combine(storage.words.1)
        hasher.combine(storage.words.2)
        hasher.combine(storage.words.3)
    }
}
