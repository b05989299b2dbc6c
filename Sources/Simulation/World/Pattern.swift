/// Content that both ends can tell without storing it: a stream of bytes that a key determines.
///
/// Byte `i` of two different keys, or bytes at two offsets of one key, agree no more often than chance has it, so bytes
/// that were lost, doubled, swapped or taken from another stream are seen at once.
struct Pattern: Sendable, Equatable {
    let key: UInt64

    init(_ key: UInt64) {
        self.key = key &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1
    }

    /// The eight bytes from `8 * index` on, the lowest first.
    @inline(__always)
    private func word(_ index: UInt64) -> UInt64 {
        var value = key &+ index &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value &>> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value &>> 31)
    }

    @inline(__always)
    func byte(at offset: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: word(offset &>> 3) &>> ((offset & 7) &<< 3))
    }

    /// The bytes of a range.
    func bytes(from offset: UInt64, count: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        append(from: offset, count: count, to: &result)
        return result
    }

    func append(from offset: UInt64, count: Int, to bytes: inout [UInt8]) {
        var place = offset
        let end = offset &+ UInt64(count)
        while place < end {
            var value = word(place &>> 3) &>> ((place & 7) &<< 3)
            var left = min(8 &- (place & 7), end &- place)
            while left > 0 {
                bytes.append(UInt8(truncatingIfNeeded: value))
                value = value &>> 8
                place &+= 1
                left &-= 1
            }
        }
    }

    /// The first place where bytes that stand at `offset` of the stream differ from it, counted from their start.
    func firstDifference(in bytes: ArraySlice<UInt8>, at offset: UInt64) -> Int? {
        var place = offset
        var index = bytes.startIndex
        while index < bytes.endIndex {
            var value = word(place &>> 3) &>> ((place & 7) &<< 3)
            var left = min(8 &- Int(place & 7), bytes.endIndex &- index)
            while left > 0 {
                if bytes[index] != UInt8(truncatingIfNeeded: value) { return index - bytes.startIndex }
                value = value &>> 8
                place &+= 1
                index &+= 1
                left &-= 1
            }
        }
        return nil
    }
}
