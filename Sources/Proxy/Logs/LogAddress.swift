import Base
import Samples

/// An address as log lines print it, in 24 bytes instead of the 136 of a `SocketAddress`.
///
/// A unix socket is printed as "unix:" and the number of the listener (manual, section 8.2.1).
public struct LogAddress: Sendable, Equatable {
    enum Kind: UInt8, Sendable { case unknown, ipv4, ipv6, unix }

    var high: UInt64
    var low: UInt64
    var number: UInt32
    var kind: Kind

    /// An unknown address; printed as "-".
    public init() {
        (high, low, number, kind) = (0, 0, 0, .unknown)
    }

    /// - Parameter listenerID: printed instead of the port when the address is that of a unix socket.
    public init(_ address: SocketAddress, listenerID: Int = 0) {
        self.init()
        if let four = address.ipv4 {
            (low, number, kind) = (UInt64(four), UInt32(address.port), .ipv4)
        } else if let six = address.ipv6 {
            (high, low, number, kind) = (six.high, six.low, UInt32(address.port), .ipv6)
        } else if address.family == .unix || address.family == .abstract || listenerID != 0 {
            (number, kind) = (UInt32(clamping: listenerID), .unix)
        }
    }

    /// Appends "host:port" ("127.0.0.1:80", "::1:80", "unix:1").
    func append(to line: inout LogLine) {
        switch kind {
        case .unknown: line.append("-:0")
        case .ipv4:
            appendIPv4(to: &line)
            line.append(UInt8(ascii: ":"))
            line.append(decimal: Int64(number))
        case .ipv6:
            appendIPv6(to: &line)
            line.append(UInt8(ascii: ":"))
            line.append(decimal: Int64(number))
        case .unix:
            line.append("unix:")
            line.append(decimal: Int64(number))
        }
    }

    /// Appends the host alone ("127.0.0.1", "::1", "unix").
    func appendHost(to line: inout LogLine) {
        switch kind {
        case .unknown: line.append(UInt8(ascii: "-"))
        case .ipv4:
            appendIPv4(to: &line)
        case .ipv6: appendIPv6(to: &line)
        case .unix: line.append("unix")
        }
    }

    private func appendIPv4(to line: inout LogLine) {
        for index in 0..<4 as Range<UInt64> {
            if index != 0 { line.append(UInt8(ascii: ".")) }
            line.append(decimal: low >> (24 - index * 8) & 255)
        }
    }

    private func group(_ index: Int) -> UInt64 {
        (index < 4 ? high : low) >> UInt64((3 - index & 3) * 16) & 0xFFFF
    }

    /// The text form of RFC 5952.
    private func appendIPv6(to line: inout LogLine) {
        if high == 0 && low >> 32 == 0xFFFF {
            line.append("::ffff:")
            appendIPv4(to: &line)
            return
        }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8 && group(end) == 0 { end += 1 }
            if end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        if best.count < 2 { best = 8..<8 }
        for index in 0..<8 {
            if index == best.lowerBound { line.append("::") }
            if best.contains(index) { continue }
            if index != 0 && index != best.upperBound { line.append(UInt8(ascii: ":")) }
            line.append(hexadecimal: group(index))
        }
    }
}

extension LogAddress {
    /// The address as sockets have it; the unspecified one for a unix socket.
    var socketAddress: SocketAddress {
        switch kind {
        case .ipv4:
            return SocketAddress(ipv4: UInt32(truncatingIfNeeded: low), port: UInt16(truncatingIfNeeded: number))
        case .ipv6: return SocketAddress(ipv6: high, low, port: UInt16(truncatingIfNeeded: number))
        case .unknown, .unix: return SocketAddress()
        }
    }
}
