/// A small, fast, seedable generator (xoshiro256**, public domain algorithm by Blackman and Vigna). Not for secrets.
///
/// The same seed gives the same sequence on every machine: the simulator and the tests rely on it.
@frozen
public struct Random: RandomNumberGenerator, Sendable {
    @usableFromInline
    var state: (UInt64, UInt64, UInt64, UInt64)

    public init(seed: UInt64) {
        // SplitMix64 spreads any seed, 0 included, over the whole state.
        var mix = seed
        func next() -> UInt64 {
            mix &+= 0x9E37_79B9_7F4A_7C15
            var value = mix
            value = (value ^ (value &>> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value &>> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value &>> 31)
        }
        state = (next(), next(), next(), next())
    }

    /// A generator seeded by the operating system.
    public static func seededBySystem() -> Random {
        var system = SystemRandomNumberGenerator()
        return Random(seed: system.next())
    }

    @inlinable
    public mutating func next() -> UInt64 {
        let scrambled = Random.rotate(state.1 &* 5, by: 7) &* 9
        let shifted = state.1 &<< 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = Random.rotate(state.3, by: 45)
        return scrambled
    }

    @inlinable
    static func rotate(_ value: UInt64, by count: UInt64) -> UInt64 {
        (value &<< count) | (value &>> (64 &- count))
    }

    /// A number within 0..<bound; 0 when the bound is 0 or 1.
    @inlinable
    public mutating func below(_ bound: Int) -> Int {
        guard bound > 1 else { return 0 }
        // The high half of a 64 by 64 bit product: its bias is below 2^-32 for every bound that occurs here.
        return Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }
}
