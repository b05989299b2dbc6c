import Base

/// The xxHash family (specification at <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>).
public enum XXHash {
    private static let prime32: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F, 0x1656_67B1
    )
    private static let prime64: (UInt64, UInt64, UInt64, UInt64, UInt64) = (
        0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
        0x27D4_EB2F_1656_67C5
    )

    private static func read32(_ bytes: Span<UInt8>, _ index: Int) -> UInt32 {
        UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
            | UInt32(bytes[index + 3]) << 24
    }

    private static func read64(_ bytes: Span<UInt8>, _ index: Int) -> UInt64 {
        UInt64(read32(bytes, index)) | UInt64(read32(bytes, index + 4)) << 32
    }

    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
    private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }

    // MARK: XXH32

    public static func hash32(_ bytes: Span<UInt8>, seed: UInt32 = 0) -> UInt32 {
        var index = 0
        var hash: UInt32
        if bytes.count >= 16 {
            var lanes = (seed &+ prime32.0 &+ prime32.1, seed &+ prime32.1, seed, seed &- prime32.0)
            func round(_ lane: UInt32, _ at: Int) -> UInt32 {
                rotate(lane &+ read32(bytes, at) &* prime32.1, 13) &* prime32.0
            }
            while index + 16 <= bytes.count {
                lanes = (
                    round(lanes.0, index), round(lanes.1, index + 4), round(lanes.2, index + 8),
                    round(lanes.3, index + 12)
                )
                index += 16
            }
            hash = rotate(lanes.0, 1) &+ rotate(lanes.1, 7) &+ rotate(lanes.2, 12) &+ rotate(lanes.3, 18)
        } else {
            hash = seed &+ prime32.4
        }
        hash = hash &+ UInt32(truncatingIfNeeded: bytes.count)
        while index + 4 <= bytes.count {
            hash = rotate(hash &+ read32(bytes, index) &* prime32.2, 17) &* prime32.3
            index += 4
        }
        while index < bytes.count {
            hash = rotate(hash &+ UInt32(bytes[index]) &* prime32.4, 11) &* prime32.0
            index += 1
        }
        hash = (hash ^ hash >> 15) &* prime32.1
        hash = (hash ^ hash >> 13) &* prime32.2
        return hash ^ hash >> 16
    }

    // MARK: XXH64

    private static func round64(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* prime64.1, 31) &* prime64.0
    }

    private static func avalanche64(_ value: UInt64) -> UInt64 {
        var hash = (value ^ value >> 33) &* prime64.1
        hash = (hash ^ hash >> 29) &* prime64.2
        return hash ^ hash >> 32
    }

    public static func hash64(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        var index = 0
        var hash: UInt64
        if bytes.count >= 32 {
            var lanes = (seed &+ prime64.0 &+ prime64.1, seed &+ prime64.1, seed, seed &- prime64.0)
            while index + 32 <= bytes.count {
                lanes = (
                    round64(lanes.0, read64(bytes, index)), round64(lanes.1, read64(bytes, index + 8)),
                    round64(lanes.2, read64(bytes, index + 16)), round64(lanes.3, read64(bytes, index + 24))
                )
                index += 32
            }
            hash = rotate(lanes.0, 1) &+ rotate(lanes.1, 7) &+ rotate(lanes.2, 12) &+ rotate(lanes.3, 18)
            func merge(_ lane: UInt64) { hash = (hash ^ round64(0, lane)) &* prime64.0 &+ prime64.3 }
            merge(lanes.0)
            merge(lanes.1)
            merge(lanes.2)
            merge(lanes.3)
        } else {
            hash = seed &+ prime64.4
        }
        hash = hash &+ UInt64(truncatingIfNeeded: bytes.count)
        while index + 8 <= bytes.count {
            hash = rotate(hash ^ round64(0, read64(bytes, index)), 27) &* prime64.0 &+ prime64.3
            index += 8
        }
        if index + 4 <= bytes.count {
            hash = rotate(hash ^ UInt64(read32(bytes, index)) &* prime64.0, 23) &* prime64.1 &+ prime64.2
            index += 4
        }
        while index < bytes.count {
            hash = rotate(hash ^ UInt64(bytes[index]) &* prime64.4, 11) &* prime64.0
            index += 1
        }
        return avalanche64(hash)
    }

    // MARK: XXH3 of 64 bits

    private static let secretCount = 192

    private static let secret: [UInt8] = [
        0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
        0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
        0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
        0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
        0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
        0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
        0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
        0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
        0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
        0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
        0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
        0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
    ]

    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    private static func avalanche3(_ value: UInt64) -> UInt64 {
        let hash = (value ^ value >> 37) &* 0x1656_6791_9E37_79F9
        return hash ^ hash >> 32
    }

    public static func hash3(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        let key = secret.span
        switch bytes.count {
        case 0: return avalanche64(seed ^ read64(key, 56) ^ read64(key, 64))
        case 1...16: return short3(bytes, seed, key)
        case 17...240: return middle3(bytes, seed, key)
        default: return long3(bytes, seed, key)
        }
    }

    private static func short3(_ bytes: Span<UInt8>, _ seed: UInt64, _ key: Span<UInt8>) -> UInt64 {
        let count = bytes.count
        if count <= 3 {
            let combined =
                UInt32(bytes[0]) << 16 | UInt32(bytes[count >> 1]) << 24 | UInt32(bytes[count - 1])
                | UInt32(count) << 8
            return avalanche64(UInt64(combined) ^ (UInt64(read32(key, 0) ^ read32(key, 4)) &+ seed))
        }
        if count <= 8 {
            let mixed = seed ^ UInt64(UInt32(truncatingIfNeeded: seed).byteSwapped) << 32
            let input = UInt64(read32(bytes, count - 4)) &+ UInt64(read32(bytes, 0)) << 32
            var hash = input ^ ((read64(key, 8) ^ read64(key, 16)) &- mixed)
            hash ^= rotate(hash, 49) ^ rotate(hash, 24)
            hash = hash &* 0x9FB2_1C65_1E98_DF25
            hash ^= hash >> 35 &+ UInt64(count)
            hash = hash &* 0x9FB2_1C65_1E98_DF25
            return hash ^ hash >> 28
        }
        let low = read64(bytes, 0) ^ ((read64(key, 24) ^ read64(key, 32)) &+ seed)
        let high = read64(bytes, count - 8) ^ ((read64(key, 40) ^ read64(key, 48)) &- seed)
        return avalanche3(UInt64(count) &+ low.byteSwapped &+ high &+ fold(low, high))
    }

    private static func mix16(
        _ bytes: Span<UInt8>, _ at: Int, _ key: Span<UInt8>, _ keyAt: Int, _ seed: UInt64
    ) -> UInt64 {
        fold(
            read64(bytes, at) ^ (read64(key, keyAt) &+ seed), read64(bytes, at + 8) ^ (read64(key, keyAt + 8) &- seed))
    }

    private static func middle3(_ bytes: Span<UInt8>, _ seed: UInt64, _ key: Span<UInt8>) -> UInt64 {
        let count = bytes.count
        var sum = UInt64(count) &* prime64.0
        if count <= 128 {
            // Pairs of blocks from both ends towards the middle.
            for pair in 0...((count - 1) / 32) {
                sum = sum &+ mix16(bytes, 16 * pair, key, 32 * pair, seed)
                sum = sum &+ mix16(bytes, count - 16 * (pair + 1), key, 32 * pair + 16, seed)
            }
            return avalanche3(sum)
        }
        for block in 0..<8 { sum = sum &+ mix16(bytes, 16 * block, key, 16 * block, seed) }
        sum = avalanche3(sum)
        for block in 8..<(count / 16) { sum = sum &+ mix16(bytes, 16 * block, key, 16 * (block - 8) + 3, seed) }
        sum = sum &+ mix16(bytes, count - 16, key, 136 - 17, seed)
        return avalanche3(sum)
    }

    private static func long3(_ bytes: Span<UInt8>, _ seed: UInt64, _ plain: Span<UInt8>) -> UInt64 {
        var derived: InlineArray<192, UInt8> = .init(repeating: 0)
        for index in 0..<(secretCount / 16) {
            let words = (read64(plain, 16 * index) &+ seed, read64(plain, 16 * index + 8) &- seed)
            for byte in 0..<8 {
                derived[16 * index + byte] = UInt8(truncatingIfNeeded: words.0 >> UInt64(8 * byte))
                derived[16 * index + 8 + byte] = UInt8(truncatingIfNeeded: words.1 >> UInt64(8 * byte))
            }
        }
        let key = derived.span
        var lanes: InlineArray<8, UInt64> = [
            UInt64(prime32.2), prime64.0, prime64.1, prime64.2, prime64.3, UInt64(prime32.1), prime64.4,
            UInt64(prime32.0),
        ]
        func accumulate(_ at: Int, _ keyAt: Int) {
            for lane in 0..<8 {
                let value = read64(bytes, at + 8 * lane)
                let keyed = value ^ read64(key, keyAt + 8 * lane)
                lanes[lane ^ 1] = lanes[lane ^ 1] &+ value
                lanes[lane] = lanes[lane] &+ (keyed & 0xFFFF_FFFF) &* (keyed >> 32)
            }
        }
        let count = bytes.count
        let stripes = (secretCount - 64) / 8
        let blocks = (count - 1) / (64 * stripes)
        for block in 0..<blocks {
            for stripe in 0..<stripes { accumulate(64 * (block * stripes + stripe), 8 * stripe) }
            for lane in 0..<8 {
                let value = lanes[lane]
                lanes[lane] =
                    (value ^ value >> 47 ^ read64(key, secretCount - 64 + 8 * lane)) &* UInt64(prime32.0)
            }
        }
        let done = 64 * stripes * blocks
        for stripe in 0..<((count - 1 - done) / 64) { accumulate(done + 64 * stripe, 8 * stripe) }
        accumulate(count - 64, secretCount - 64 - 7)
        var hash = UInt64(count) &* prime64.0
        for pair in 0..<4 {
            hash =
                hash
                &+ fold(
                    lanes[2 * pair] ^ read64(key, 11 + 16 * pair),
                    lanes[2 * pair + 1] ^ read64(key, 11 + 16 * pair + 8))
        }
        return avalanche3(hash)
    }
}
