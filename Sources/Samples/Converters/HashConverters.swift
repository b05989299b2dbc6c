import Base

/// Hashes that are not meant for secrets (manual, section 7.3.1).
enum HashConverters {
    static let all: [ConverterKeyword] = [
        short("crc32", "CRC-32") { ShortHashes.crc32($0) },
        short("crc32c", "CRC-32C") { ShortHashes.crc32c($0) },
        short("djb2", "The DJB2 hash") { ShortHashes.djb2($0) },
        short("sdbm", "The SDBM hash") { ShortHashes.sdbm($0) },
        short("wt6", "The WT6 hash") { ShortHashes.wt6($0) },
        seeded("xxh32", "xxHash of 32 bits") { Int64(XXHash.hash32($0, seed: UInt32(truncatingIfNeeded: $1))) },
        seeded("xxh64", "xxHash of 64 bits") {
            Int64(bitPattern: XXHash.hash64($0, seed: UInt64(bitPattern: $1)))
        },
        seeded("xxh3", "XXH3 of 64 bits") { Int64(bitPattern: XXHash.hash3($0, seed: UInt64(bitPattern: $1))) },
    ]

    /// A hash of 32 bits, spread over all bits if the argument says so.
    private static func short(
        _ name: String, _ documentation: String, _ hash: @escaping @Sendable (Span<UInt8>) -> UInt32
    ) -> ConverterKeyword {
        ConverterKeyword(
            name, ArgumentShape(optional: [.integer]), .type(.binary), .type(.integer), documentation
        ) { sample, _, arguments in
            let value = hash(sample.span)
            return Sample(Int64(arguments.integer(0) != 0 ? ShortHashes.avalanche(value) : value))
        }
    }

    /// A hash with a seed.
    private static func seeded(
        _ name: String, _ documentation: String, _ hash: @escaping @Sendable (Span<UInt8>, Int64) -> Int64
    ) -> ConverterKeyword {
        ConverterKeyword(
            name, ArgumentShape(optional: [.integer]), .type(.binary), .type(.integer), documentation
        ) { sample, _, arguments in
            Sample(hash(sample.span, arguments.integer(0)))
        }
    }
}
