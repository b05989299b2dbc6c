import Base

/// Hashes of 32 bits that load balancing and the converters use.
public enum ShortHashes {
    /// CRC-32 of Ethernet and gzip (polynomial 0xEDB88320, reflected).
    public static func crc32(_ bytes: Span<UInt8>) -> UInt32 { crc(bytes, crc32Table) }

    /// CRC-32C (RFC 9260, appendix A: polynomial 0x82F63B78, reflected).
    public static func crc32c(_ bytes: Span<UInt8>) -> UInt32 { crc(bytes, crc32cTable) }

    private static let crc32Table = table(0xEDB8_8320)
    private static let crc32cTable = table(0x82F6_3B78)

    private static func table(_ polynomial: UInt32) -> [UInt32] {
        (UInt32(0)..<256).map { index in
            (0..<8).reduce(index) { value, _ in value & 1 != 0 ? value >> 1 ^ polynomial : value >> 1 }
        }
    }

    private static func crc(_ bytes: Span<UInt8>, _ table: [UInt32]) -> UInt32 {
        var value: UInt32 = .max
        for index in bytes.indices { value = value >> 8 ^ table[Int((value ^ UInt32(bytes[index])) & 255)] }
        return ~value
    }

    /// Bernstein's hash: times 33, plus the byte.
    public static func djb2(_ bytes: Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 5381
        for index in bytes.indices { hash = hash &* 33 &+ UInt32(bytes[index]) }
        return hash
    }

    /// The hash of the sdbm library: times 65599, plus the byte.
    public static func sdbm(_ bytes: Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 0
        for index in bytes.indices { hash = hash &* 65599 &+ UInt32(bytes[index]) }
        return hash
    }

    /// A mixer whose rotations depend on the data.
    public static func wt6(_ bytes: Span<UInt8>) -> UInt32 {
        var (left, right): (UInt32, UInt32) = (0xA53C_965A, 0x5CA6_953A)
        var (first, second): (UInt32, UInt32) = (6, 18)
        for index in bytes.indices {
            let byte = UInt32(bytes[index])
            left = ~(left ^ byte)
            right = ~(right &+ byte)
            (left, right) = (rotate(right, first), rotate(left, second))
            let steps = (left >> 16 ^ right) & 0xFFFF
            first = steps & 31
            second = steps >> 11
        }
        return left ^ right
    }

    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value &<< count | value &>> (32 &- count) }

    /// Spreads each bit of the input over the whole output (Bob Jenkins, "4-byte integer hashing", and a
    /// multiplication as HAProxy has it).
    public static func avalanche(_ value: UInt32) -> UInt32 {
        var mixed = (value &+ 0x7ED5_5D16) &+ (value << 12)
        mixed = (mixed ^ 0xC761_C23C) ^ (mixed >> 19)
        mixed = (mixed &+ 0x1656_67B1) &+ (mixed << 5)
        mixed = (mixed &+ 0xD3A2_646C) ^ (mixed << 9)
        mixed = (mixed &+ 0xFD70_46C5) &+ (mixed << 3)
        mixed = (mixed ^ 0xB55A_4F09) ^ (mixed >> 16)
        // 2^32 - 2^30 + 1: the low bits go to the top once more.
        return mixed &* 0xC000_0001
    }
}
