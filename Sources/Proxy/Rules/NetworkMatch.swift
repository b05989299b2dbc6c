import Base

extension SocketAddress {
    /// Whether the address lies in a network; an IPv4 address mapped into IPv6 counts as IPv4.
    func isIn(_ network: IPNetwork) -> Bool {
        switch network {
        case .ipv4(let base, let mask):
            guard let address = ipv4 ?? mappedIPv4 else { return false }
            return address & mask == base.value & mask
        case .ipv6(let base, let prefix):
            guard let address = ipv6 else { return false }
            let length = Int(prefix)
            let high: UInt64 = length >= 64 ? .max : length == 0 ? 0 : .max << UInt64(64 - length)
            let low: UInt64 = length <= 64 ? 0 : length >= 128 ? .max : .max << UInt64(128 - length)
            return address.high & high == base.high & high && address.low & low == base.low & low
        }
    }

    private var mappedIPv4: UInt32? {
        guard let address = ipv6, address.high == 0, address.low >> 32 == 0xFFFF else { return nil }
        return UInt32(truncatingIfNeeded: address.low)
    }
}
