import Base

/// Finds the entry of a set that matches, by one method: the part of a generation that one matcher searches.
///
/// Thread-safety: one writer; any number of readers, each within a `PatternReader`'s `enter` and `leave`. What readers
/// may still see is handed to the recycler.
// SAFETY: pointers that are handed on are to records of the generation that this index belongs to.
class PatternIndex {
    let recycler: PatternRecycler

    init(_ recycler: PatternRecycler) { self.recycler = recycler }

    /// Adds an entry, or fails when its pattern is none of this method.
    func insert(_ record: RecordPointer) throws(PatternFailure) {}
    /// Takes an entry out.
    func remove(_ record: RecordPointer) {}
    // The entry that wins among those that match, by what the sample was cast to; nil in an index of other things.

    func find(_ bytes: UnsafeRawBufferPointer, _ scope: SampleScope) -> RecordPointer? { nil }
    func find(number: Int64) -> RecordPointer? { nil }
    func find(ipv4: UInt32) -> RecordPointer? { nil }
    func find(ipv6: IPv6Address) -> RecordPointer? { nil }
    /// As the runtime API tells it: a list is searched from its beginning.
    var isTree: Bool { true }

    static func make(_ method: MatchMethod, ignoresCase: Bool, isVersion: Bool, _ recycler: PatternRecycler)
        -> PatternIndex
    {
        switch method {
        case .found, .boolean: PatternIndex(recycler)
        case .integer, .length: RangeIndex(recycler, isVersion: isVersion)
        case .ip: AddressIndex(recycler)
        case .binary: HashIndex(.hexadecimal, recycler)
        case .string: HashIndex(ignoresCase ? .folded : .exact, recycler)
        case .prefix: TextTrieIndex(recycler, isReversed: false, ignoresCase: ignoresCase, longestWins: !ignoresCase)
        case .suffix: TextTrieIndex(recycler, isReversed: true, ignoresCase: ignoresCase, longestWins: false)
        case .substring, .subdirectory, .domain: TextListIndex(method, ignoresCase: ignoresCase, recycler)
        case .regex: RegexIndex(recycler, ignoresCase: ignoresCase)
        }
    }

    /// Of two entries, the one that stands first in the set.
    static func first(_ left: RecordPointer?, _ right: RecordPointer?) -> RecordPointer? {
        guard let left = unsafe left else { return unsafe right }
        guard let right = unsafe right else { return unsafe left }
        return unsafe left.pointee.order <= right.pointee.order ? left : right
    }
}
