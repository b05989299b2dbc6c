import Base
import Synchronization

/// The bits of a key: bytes, read forwards or backwards, with or without regard to case.
// SAFETY: nodes and labels live as long as the tree; keys are read within their bytes; records are alive for readers.
@unsafe
struct TrieKey {
    let bytes: UnsafeRawBufferPointer
    var isReversed = false
    var ignoresCase = false
    /// Bits that count.
    let bitCount: Int

    init(_ bytes: UnsafeRawBufferPointer, isReversed: Bool = false, ignoresCase: Bool = false, bitCount: Int? = nil) {
        unsafe self.bytes = bytes
        unsafe self.isReversed = isReversed
        unsafe self.ignoresCase = ignoresCase
        unsafe self.bitCount = bitCount ?? bytes.count * 8
    }

    func byte(_ index: Int) -> UInt8 {
        // SAFETY: callers keep to the bytes of `bitCount`.
        let byte = unsafe bytes[isReversed ? bytes.count - 1 - index : index]
        return unsafe ignoresCase ? byte.lowercased : byte
    }

    func bit(_ index: Int) -> Int { unsafe Int(byte(index >> 3) >> UInt8(7 - index & 7)) & 1 }
}

/// A node: the prefix that it stands for, an entry if one ends here, and what follows with a 0 bit and a 1 bit.
///
/// The bytes of the prefix from `labelStart` on follow the node in memory; those before are known from its parents.
// SAFETY: nodes and labels live as long as the tree; keys are read within their bytes; records are alive for readers.
@unsafe
struct TrieNode: ~Copyable {
    let bitCount: UInt32
    /// The first byte of the label, counted from the key's beginning.
    let labelStart: UInt32
    let record: Atomic<RecordPointer?>
    let zero: Atomic<UnsafeMutablePointer<TrieNode>?>
    let one: Atomic<UnsafeMutablePointer<TrieNode>?>

    init(bitCount: Int, labelStart: Int, record: RecordPointer?) {
        unsafe self.bitCount = UInt32(truncatingIfNeeded: bitCount)
        unsafe self.labelStart = UInt32(truncatingIfNeeded: labelStart)
        unsafe self.record = Atomic(record)
        unsafe zero = Atomic(nil)
        unsafe one = Atomic(nil)
    }

    static let headerBytes = unsafe MemoryLayout<TrieNode>.stride
    /// Bytes that the label has.
    var labelCount: Int { unsafe (Int(bitCount) + 7) / 8 - Int(labelStart) }
}

typealias NodePointer = UnsafeMutablePointer<TrieNode>

// SAFETY: nodes and labels live as long as the tree; keys are read within their bytes; records are alive for readers.
extension UnsafeMutablePointer where Pointee == TrieNode {
    fileprivate var label: UnsafeMutablePointer<UInt8> {
        // SAFETY: a node is allocated with room for its label behind it.
        unsafe (UnsafeMutableRawPointer(self) + TrieNode.headerBytes).assumingMemoryBound(to: UInt8.self)
    }

    fileprivate func child(_ bit: Int, _ ordering: AtomicLoadOrdering) -> NodePointer? {
        if bit == 0 { return unsafe pointee.zero.load(ordering: .acquiring) }
        return unsafe pointee.one.load(ordering: .acquiring)
    }

    fileprivate func setChild(_ bit: Int, _ node: NodePointer?) {
        if bit == 0 {
            unsafe pointee.zero.store(node, ordering: .releasing)
        } else {
            unsafe pointee.one.store(node, ordering: .releasing)
        }
    }
}

/// A binary tree of prefixes that skips bits which do not branch: finds those that a key begins with, in one walk.
///
/// Nodes are published whole and stay until the generation of the set goes: taking an entry out empties its node.
/// About 60 to 110 bytes an entry, with those nodes that only branch.
///
/// Thread-safety: one writer; readers within `enter` and `leave`.
// SAFETY: nodes come from the arena, which outlives the tree; a node's prefix and label are constant.
@safe
final class PatternTrie {
    private let arena = PatternArena()
    private let root: NodePointer
    /// Entries of other texts with the same prefix, which are no winners yet. The writer only.
    private var others: [UInt: [RecordPointer]] = unsafe [:]

    init() {
        unsafe root = PatternTrie.makeNode(arena, 0, 0, nil)
    }

    private static func makeNode(
        _ arena: PatternArena, _ bitCount: Int, _ labelStart: Int, _ record: RecordPointer?
    ) -> NodePointer {
        let node = unsafe TrieNode(bitCount: bitCount, labelStart: labelStart, record: unsafe record)
        let block = unsafe arena.allocate(TrieNode.headerBytes + node.labelCount)
        let pointer = unsafe block.bindMemory(to: TrieNode.self, capacity: 1)
        unsafe pointer.initialize(to: node)
        return unsafe pointer
    }

    private func makeNode(_ key: TrieKey, _ bitCount: Int, _ labelStart: Int, _ record: RecordPointer?) -> NodePointer {
        let node = unsafe PatternTrie.makeNode(arena, bitCount, labelStart, record)
        let label = unsafe node.label
        for index in unsafe 0..<node.pointee.labelCount { unsafe label[index] = key.byte(labelStart + index) }
        return unsafe node
    }

    /// Bits that a key and a node's prefix have in common, from bit `start` on, where they are known to be equal.
    private func common(_ key: TrieKey, _ node: NodePointer, from start: Int) -> Int {
        let limit = unsafe min(key.bitCount, Int(node.pointee.bitCount))
        let labelStart = unsafe Int(node.pointee.labelStart)
        let label = unsafe node.label
        var position = start
        while position < limit {
            let index = position >> 3
            let difference = unsafe key.byte(index) ^ label[index - labelStart]
            if difference != 0 {
                // Bits before `start` in this byte are equal, so the first difference is at or after it.
                return min(limit, index * 8 + difference.leadingZeroBitCount)
            }
            position = index * 8 + 8
        }
        return limit
    }

    /// Adds an entry under a prefix.
    func insert(_ key: TrieKey, _ record: RecordPointer) {
        var node = unsafe root
        while true {
            let depth = unsafe Int(node.pointee.bitCount)
            if unsafe depth == key.bitCount {
                unsafe take(node, record)
                return
            }
            let bit = unsafe key.bit(depth)
            guard let child = unsafe node.child(bit, .acquiring) else {
                unsafe node.setChild(bit, makeNode(key, key.bitCount, depth >> 3, record))
                return
            }
            let equal = unsafe common(key, child, from: depth)
            if equal == Int(unsafe child.pointee.bitCount) {
                unsafe node = child
                continue
            }
            // The paths part above the child: a node in between.
            let isEnd = unsafe equal == key.bitCount
            let between = unsafe makeNode(key, equal, depth >> 3, isEnd ? record : nil)
            let childBit =
                unsafe Int(child.label[equal >> 3 - Int(child.pointee.labelStart)] >> UInt8(7 - equal & 7)) & 1
            unsafe between.setChild(childBit, child)
            if !isEnd { unsafe between.setChild(1 - childBit, makeNode(key, key.bitCount, equal >> 3, record)) }
            unsafe node.setChild(bit, between)
            return
        }
    }

    /// Several entries may have one prefix (`10.0.0.0/8` and `10.1.0.0/8`): the first one of the set wins.
    private func take(_ node: NodePointer, _ record: RecordPointer) {
        guard let present = unsafe node.pointee.record.load(ordering: .relaxed) else {
            unsafe node.pointee.record.store(record, ordering: .releasing)
            return
        }
        let isFirst = unsafe record.pointee.order < present.pointee.order
        unsafe others[UInt(bitPattern: node), default: []].append(isFirst ? present : record)
        if isFirst { unsafe node.pointee.record.store(record, ordering: .releasing) }
    }

    func remove(_ key: TrieKey, _ record: RecordPointer) {
        var node = unsafe root
        while unsafe Int(node.pointee.bitCount) < key.bitCount {
            guard let child = unsafe node.child(key.bit(Int(node.pointee.bitCount)), .acquiring) else { return }
            unsafe node = child
        }
        let id = UInt(bitPattern: node)
        var rest = unsafe others.removeValue(forKey: id) ?? []
        if unsafe node.pointee.record.load(ordering: .relaxed) == record {
            var next: RecordPointer?
            unsafe rest.forEach { unsafe next = PatternIndex.first(next, $0) }
            unsafe node.pointee.record.store(next, ordering: .releasing)
            if let next = unsafe next { unsafe rest.removeAll { unsafe $0 == next } }
        } else {
            unsafe rest.removeAll { unsafe $0 == record }
        }
        if unsafe !rest.isEmpty { unsafe others[id] = rest }
    }

    /// Among the entries whose prefix the key has: the longest, or the one that is first in the set.
    func find(_ key: TrieKey, longest: Bool) -> RecordPointer? {
        var node = unsafe root
        var best: RecordPointer?
        while true {
            if let record = unsafe node.pointee.record.load(ordering: .acquiring) {
                unsafe best = longest ? record : PatternIndex.first(best, record)
            }
            let depth = unsafe Int(node.pointee.bitCount)
            guard unsafe depth < key.bitCount, let child = unsafe node.child(key.bit(depth), .acquiring),
                unsafe Int(child.pointee.bitCount) <= key.bitCount,
                unsafe common(key, child, from: depth) == Int(child.pointee.bitCount)
            else { return unsafe best }
            unsafe node = child
        }
    }
}

/// Beginnings and ends of strings.
// SAFETY: nodes and labels live as long as the tree; keys are read within their bytes; records are alive for readers.
final class TextTrieIndex: PatternIndex {
    private let trie = PatternTrie()
    private let isReversed: Bool
    private let ignoresCase: Bool
    private let longestWins: Bool

    init(_ recycler: PatternRecycler, isReversed: Bool, ignoresCase: Bool, longestWins: Bool) {
        self.isReversed = isReversed
        self.ignoresCase = ignoresCase
        self.longestWins = longestWins
        super.init(recycler)
    }

    override var isTree: Bool { longestWins }

    private func key(_ bytes: UnsafeRawBufferPointer) -> TrieKey {
        unsafe TrieKey(bytes, isReversed: isReversed, ignoresCase: ignoresCase)
    }

    override func insert(_ record: RecordPointer) throws(PatternFailure) {
        unsafe trie.insert(key(record.pattern), record)
    }

    override func remove(_ record: RecordPointer) { unsafe trie.remove(key(record.pattern), record) }

    override func find(_ bytes: UnsafeRawBufferPointer, _ scope: SampleScope) -> RecordPointer? {
        unsafe trie.find(key(bytes), longest: longestWins)
    }
}

/// Addresses and networks: a tree for each family, and a list for masks that are no prefix.
// SAFETY: nodes and labels live as long as the tree; keys are read within their bytes; records are alive for readers.
final class AddressIndex: PatternIndex {
    private let ipv4 = PatternTrie()
    private let ipv6 = PatternTrie()
    private let odd: OrderedItems<Masked>

    private struct Masked: BitwiseCopyable {
        var address: UInt32
        var mask: UInt32
    }

    private enum Place {
        case ipv4(UInt32, bitCount: Int)
        case ipv6(IPv6Address, bitCount: Int)
        case odd(Masked)
    }

    override init(_ recycler: PatternRecycler) {
        odd = OrderedItems(recycler)
        super.init(recycler)
    }

    private func place(_ record: RecordPointer) throws(PatternFailure) -> Place {
        let text = unsafe Array(record.pattern)
        switch IPText.network(text) {
        case .ipv4(let address, let mask):
            let bitCount = (~mask).leadingZeroBitCount
            if mask == (bitCount == 0 ? 0 : UInt32.max << UInt32(32 - bitCount)) {
                return .ipv4(address.value, bitCount: bitCount)
            }
            return .odd(Masked(address: address.value & mask, mask: mask))
        case .ipv6(let address, let prefixLength): return .ipv6(address, bitCount: Int(prefixLength))
        case nil:
            throw PatternFailure(
                "'\(String(decoding: text, as: UTF8.self))' is no valid IPv4 or IPv6 address or network",
                help: "write an address, or a network such as 10.0.0.0/8; host names are not resolved here")
        }
    }

    override func insert(_ record: RecordPointer) throws(PatternFailure) {
        switch try unsafe place(record) {
        case .ipv4(let value, let bitCount):
            unsafe AddressIndex.withKey(value, bitCount) { unsafe ipv4.insert($0, record) }
        case .ipv6(let address, let bitCount):
            unsafe AddressIndex.withKey(address, bitCount) { unsafe ipv6.insert($0, record) }
        case .odd(let masked): unsafe odd.insert(record, masked)
        }
    }

    override func remove(_ record: RecordPointer) {
        switch try? unsafe place(record) {
        case .ipv4(let value, let bitCount):
            unsafe AddressIndex.withKey(value, bitCount) { unsafe ipv4.remove($0, record) }
        case .ipv6(let address, let bitCount):
            unsafe AddressIndex.withKey(address, bitCount) { unsafe ipv6.remove($0, record) }
        case .odd: unsafe odd.remove(record)
        case nil: break
        }
    }

    private static func withKey<Result>(_ value: UInt32, _ bitCount: Int, _ body: (TrieKey) -> Result) -> Result {
        // SAFETY: the bytes are used during the call.
        unsafe withUnsafeBytes(of: value.bigEndian) { unsafe body(TrieKey($0, bitCount: bitCount)) }
    }

    private static func withKey<Result>(_ address: IPv6Address, _ bitCount: Int, _ body: (TrieKey) -> Result) -> Result
    {
        let words = (address.high.bigEndian, address.low.bigEndian)
        // SAFETY: the bytes are used during the call.
        return unsafe withUnsafeBytes(of: words) { unsafe body(TrieKey($0, bitCount: bitCount)) }
    }

    // Addresses of one family match patterns of the other by the rules of section 7.1.6.

    override func find(ipv4 value: UInt32) -> RecordPointer? {
        if let found = unsafe find(value) { return unsafe found }
        return unsafe find(IPv6Address(high: 0, low: 0xFFFF << 32 | UInt64(value)))
    }

    override func find(ipv6 address: IPv6Address) -> RecordPointer? {
        if let found = unsafe find(address) { return unsafe found }
        guard let embedded = AddressIndex.embedded(address) else { return nil }
        return unsafe find(embedded)
    }

    private func find(_ value: UInt32) -> RecordPointer? {
        let found = unsafe AddressIndex.withKey(value, 32) { unsafe ipv4.find($0, longest: true) }
        if let found = unsafe found { return unsafe found }
        return unsafe odd.first { _, masked in value & masked.mask == masked.address }
    }

    private func find(_ address: IPv6Address) -> RecordPointer? {
        unsafe AddressIndex.withKey(address, 128) { unsafe ipv6.find($0, longest: true) }
    }

    /// The IPv4 address in `2002:IPV4::`, `::IPV4` or `::ffff:IPV4`.
    static func embedded(_ address: IPv6Address) -> UInt32? {
        if address.high == 0, address.low >> 32 == 0 || address.low >> 32 == 0xFFFF {
            return UInt32(truncatingIfNeeded: address.low)
        }
        if address.high >> 48 == 0x2002 { return UInt32(truncatingIfNeeded: address.high >> 16) }
        return nil
    }
}
