/// A set of the up to 64 threads of a worker group, one bit each.
@frozen
public struct ThreadSet: Hashable, Sendable, CustomStringConvertible {
    public var bits: UInt64

    @inlinable
    public init(bits: UInt64) {
        self.bits = bits
    }

    @inlinable
    public static var none: ThreadSet { ThreadSet(bits: 0) }

    /// The first `count` threads; all 64 when `count` is larger.
    @inlinable
    public static func all(_ count: Int) -> ThreadSet {
        ThreadSet(bits: count >= 64 ? ~0 : count <= 0 ? 0 : (1 &<< UInt64(count)) &- 1)
    }

    /// One thread; empty when the index is not within 0..<64.
    @inlinable
    public static func single(_ index: Int) -> ThreadSet {
        ThreadSet(bits: index >= 0 && index < 64 ? 1 &<< UInt64(index) : 0)
    }

    @inlinable
    public func contains(_ index: Int) -> Bool { bits & ThreadSet.single(index).bits != 0 }
    @inlinable
    public func union(_ other: ThreadSet) -> ThreadSet { ThreadSet(bits: bits | other.bits) }
    @inlinable
    public func intersection(_ other: ThreadSet) -> ThreadSet { ThreadSet(bits: bits & other.bits) }
    @inlinable
    public func subtracting(_ other: ThreadSet) -> ThreadSet { ThreadSet(bits: bits & ~other.bits) }
    @inlinable
    public mutating func insert(_ index: Int) { bits |= ThreadSet.single(index).bits }
    @inlinable
    public mutating func remove(_ index: Int) { bits &= ~ThreadSet.single(index).bits }

    @inlinable
    public var isEmpty: Bool { bits == 0 }
    @inlinable
    public var count: Int { bits.nonzeroBitCount }
    /// The lowest thread of the set, or nil when it is empty.
    @inlinable
    public var first: Int? { bits == 0 ? nil : bits.trailingZeroBitCount }

    public var description: String { "0x" + String(bits, radix: 16) }
}

extension ThreadSet: Sequence {
    @frozen
    public struct Iterator: IteratorProtocol {
        @usableFromInline
        var rest: UInt64

        @inlinable
        init(_ bits: UInt64) {
            rest = bits
        }

        @inlinable
        public mutating func next() -> Int? {
            guard rest != 0 else { return nil }
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            return index
        }
    }

    @inlinable
    public func makeIterator() -> Iterator { Iterator(bits) }
}
