/// A running hash of everything that happened in a simulation, and, where asked for, its text.
///
/// Two runs are the same if their hashes are: each step goes in with its time, its fibre, its arguments and its result.
public struct SimTrace {
    /// The hash so far.
    public private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    /// Gets each line, if set.
    public var sink: ((String) -> Void)?

    init() {}

    /// Mixes a word in.
    @inline(__always)
    mutating func mix(_ word: UInt64) {
        let mixed = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        hash = mixed ^ (mixed &>> 29)
    }

    /// Mixes bytes in.
    mutating func mix(_ bytes: UnsafeRawBufferPointer) {
        mix(UInt64(bytes.count))
        var position = 0
        // SAFETY: every load lies within the buffer.
        while position + 8 <= bytes.count {
            mix(unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            position += 8
        }
        while position < bytes.count {
            mix(UInt64(unsafe bytes[position]))
            position += 1
        }
    }
}
