/// Comparisons of bytes with the names that are declared in this module.

extension Span where Element == UInt8 {
    /// Whether these are exactly the bytes of an ASCII literal.
    @inlinable
    public func equals(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard self.count == count else { return false }
        // SAFETY: every literal of this program is stored as UTF-8 (more than one scalar, or none), and index < its
        // length.
        let bytes = unsafe literal.utf8Start
        for index in 0..<count where unsafe bytes[index] != self[index] { return false }
        return true
    }

    /// Whether these are the bytes of an ASCII literal in lower case, ignoring the case of letters here.
    @inlinable
    public func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard self.count == count else { return false }
        // SAFETY: as in `equals`.
        let bytes = unsafe literal.utf8Start
        for index in 0..<count where unsafe lowercased(self[index]) != bytes[index] { return false }
        return true
    }

    /// Whether these bytes, of which none is a control character, are a name of lower case letters, digits and `-`, the
    /// case of letters being ignored here: eight bytes at a time, the last ones overlapping those before.
    ///
    /// Setting bit 5 makes letters lower case and leaves digits and `-`; only control characters could become those.
    @inlinable
    public func isName(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard self.count == count else { return false }
        // SAFETY: every literal of this program is stored as UTF-8; both runs have `count` bytes, and each load lies
        // within them.
        return unsafe withUnsafeBytes { mine in
            guard let left = mine.baseAddress else { return true }
            let right = unsafe UnsafeRawPointer(literal.utf8Start)
            if count >= 8 {
                var index = 0
                while index < count {
                    let place = min(index, count - 8)
                    let word = unsafe left.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                    let wanted = unsafe right.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                    if word | 0x2020_2020_2020_2020 != wanted { return false }
                    index += 8
                }
                return true
            }
            if count >= 4 {
                let first = unsafe left.loadUnaligned(as: UInt32.self) | 0x2020_2020
                let last = unsafe left.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self) | 0x2020_2020
                return unsafe first == right.loadUnaligned(as: UInt32.self)
                    && last == right.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
            }
            for index in 0..<count {
                let byte = unsafe left.load(fromByteOffset: index, as: UInt8.self) | 0x20
                if unsafe byte != right.load(fromByteOffset: index, as: UInt8.self) { return false }
            }
            return true
        }
    }

    /// Whether two runs of bytes are equal when the case of ASCII letters is ignored.
    @inlinable
    public func equalsIgnoringCase(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        let count = count
        // SAFETY: both runs have `count` bytes, and each load lies within them.
        return unsafe withUnsafeBytes { left in
            unsafe other.withUnsafeBytes { right in
                var index = 0
                if count >= 8 {
                    // The last eight bytes first, which overlap those before: that is where names tend to differ.
                    index = count - 8
                    while true {
                        let mine = unsafe left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                        let theirs = unsafe right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                        if mine != theirs && lowercased(mine) != lowercased(theirs) { return false }
                        if index == 0 { return true }
                        index = max(index - 8, 0)
                    }
                }
                while index < count {
                    if unsafe lowercased(left[index]) != lowercased(right[index]) { return false }
                    index += 1
                }
                return true
            }
        }
    }

    /// Whether two runs of bytes are equal.
    @inlinable
    public func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index] != other[index] { return false }
        return true
    }

    /// A copy of the bytes; not for a hot path.
    public var array: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for index in 0..<count { bytes.append(self[index]) }
        return bytes
    }

    /// The bytes as text, for logs and tests; bytes that are not UTF-8 are replaced.
    public var text: String { String(decoding: array, as: UTF8.self) }
}

/// Eight bytes at a time: ASCII letters in lower case, other bytes as they are.
@inlinable
@inline(__always)
public func lowercased(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let low = word & (0x7F &* ones)
    let atLeastA = low &+ ones &* (0x80 - 0x41)
    let aboveZ = low &+ ones &* (0x80 - 0x5B)
    return word | (atLeastA & ~aboveZ & ~word & (0x80 &* ones)) >> 2
}

/// An ASCII letter in lower case; any other byte as it is.
@inlinable
@inline(__always)
public func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
}
