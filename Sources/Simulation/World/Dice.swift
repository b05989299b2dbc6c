import Base

/// Choices drawn from a seed. Each part of a world has dice of its own, so that one more choice in one part leaves the
/// others as they are.
struct Dice {
    private var random: Random

    init(seed: UInt64, _ part: UInt64) {
        random = Random(seed: seed &* 0x2545_F491_4F6C_DD1D ^ (part &* 0x9E37_79B9_7F4A_7C15))
    }

    mutating func next() -> UInt64 { random.next() }

    /// True `count` times out of `total`.
    mutating func chance(_ count: Int, of total: Int) -> Bool { random.below(total) < count }

    mutating func between(_ least: Int, _ most: Int) -> Int { least + random.below(most - least + 1) }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[random.below(values.count)] }

    /// One of the values, each as likely as its weight says.
    mutating func pick<Value>(weighted values: [(weight: Int, value: Value)]) -> Value {
        var left = random.below(values.reduce(0) { $0 + $1.weight })
        for (weight, value) in values {
            if left < weight { return value }
            left -= weight
        }
        return values[values.count - 1].value
    }

    /// Bytes of a body: mostly few, sometimes around the sizes at which buffers end, seldom many.
    mutating func bodySize(bufferBytes: Int) -> Int {
        switch random.below(20) {
        case 0...2: return 0
        case 3: return 1
        case 4...11: return between(2, 2000)
        case 12...14: return max(0, bufferBytes + between(-2, 2))
        case 15: return max(0, 4 * bufferBytes + between(-3, 3))
        case 16...18: return between(2000, 40_000)
        default: return between(40_000, 200_000)
        }
    }
}
