import Base

/// Converters of addresses (manual, section 7.3.1).
enum AddressConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "ipmask", ArgumentShape([.ipv4Mask], optional: [.ipv6Mask]), .address, .type(.ipv4),
            "The network of an address"
        ) { sample, _, arguments in
            if let address = sample.ipv4 ?? sample.ipv6.flatMap(SampleCasts.mapped) {
                guard case .ipv4Mask(let mask) = arguments[0] else { return nil }
                return Sample(IPv4Address(value: address.value & mask))
            }
            guard let address = sample.ipv6, case .ipv6Mask(let mask) = arguments[1] else { return nil }
            return Sample(IPv6Address(high: address.high & mask.high, low: address.low & mask.low))
        }
    ]
}
