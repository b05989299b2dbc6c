import Base
import Glibc
import HTTP
import Synchronization

/// Whole patterns in a hash table: exact strings, with or without case, and blocks of bytes.
///
/// Open addressing; a slot is the address of a record and 16 bits of its hash. About 11 to 21 bytes an entry.
// SAFETY: `table` points to what `owner` keeps, or to what the recycler keeps for readers that loaded it before.
@safe
final class HashIndex: PatternIndex {
    enum Key {
        /// The pattern as it stands; without regard to the case of ASCII letters; the bytes that its digits name.
        case exact, folded, hexadecimal
    }

    private let key: Key
    private let table: Atomic<UnsafeRawPointer?>
    /// Keeps what `table` points to.
    private var owner: HashSlots
    private var count = 0
    /// Slots that were emptied and that searches still pass.
    private var tombstones = 0

    init(_ key: Key, _ recycler: PatternRecycler) {
        self.key = key
        owner = HashSlots(capacity: 8)
        unsafe table = Atomic(UnsafeRawPointer(Unmanaged.passUnretained(owner).toOpaque()))
        super.init(recycler)
    }

    /// As HAProxy calls what it does here: case is ignored by searching a list there.
    override var isTree: Bool { key == .exact }

    override func insert(_ record: RecordPointer) throws(PatternFailure) {
        guard let hash = unsafe hash(of: record) else {
            let text = unsafe String(decoding: record.pattern, as: UTF8.self)
            throw PatternFailure("'\(text)' is no even number of hexadecimal digits")
        }
        if (count + tombstones + 1) * 4 > owner.capacity * 3 { grow() }
        // SAFETY: the record is alive as long as a slot holds it.
        unsafe owner.add(record, hash)
        count += 1
    }

    override func remove(_ record: RecordPointer) {
        guard let hash = unsafe hash(of: record), unsafe owner.remove(record, hash) else { return }
        count -= 1
        tombstones += 1
    }

    private func grow() {
        var capacity = 8
        while capacity * 5 < (count + 1) * 8 { capacity *= 2 }
        let larger = HashSlots(capacity: capacity)
        // SAFETY: records in slots are alive.
        unsafe owner.forEach { record in unsafe larger.add(record, hash(of: record) ?? 0) }
        let old = owner
        owner = larger
        unsafe table.store(UnsafeRawPointer(Unmanaged.passUnretained(larger).toOpaque()), ordering: .releasing)
        unsafe recycler.retire(.object(old))
        tombstones = 0
    }

    /// The first entry whose key these bytes are.
    override func find(_ bytes: UnsafeRawBufferPointer, _ scope: SampleScope) -> RecordPointer? { unsafe find(bytes) }

    func find(_ bytes: UnsafeRawBufferPointer) -> RecordPointer? {
        guard let pointer = unsafe table.load(ordering: .acquiring) else { return nil }
        let hash = unsafe key == .folded ? PatternHash.folded(bytes) : PatternHash.exact(bytes)
        // SAFETY: the table is retired, not freed, while a reader may have loaded it.
        return unsafe Unmanaged<HashSlots>.fromOpaque(pointer)._withUnsafeGuaranteedRef { slots in
            var best: RecordPointer?
            var index = slots.first(hash)
            // The bound is never reached: a quarter of the slots is free.
            for _ in 0..<slots.capacity {
                let slot = slots.load(index)
                if slot == HashSlots.empty { break }
                if HashSlots.tag(slot) == HashSlots.tag(hash), let record = unsafe HashSlots.record(slot),
                    unsafe matches(record, bytes)
                {
                    unsafe best = PatternIndex.first(best, record)
                }
                index = slots.next(index)
            }
            return unsafe best
        }
    }

    private func matches(_ record: RecordPointer, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let pattern = unsafe record.pattern
        switch key {
        case .exact: return unsafe pattern.count == bytes.count && PatternBytes.equal(pattern, bytes)
        case .folded: return unsafe pattern.count == bytes.count && PatternBytes.equalFolded(pattern, bytes)
        case .hexadecimal:
            guard pattern.count == 2 * bytes.count else { return false }
            for index in 0..<bytes.count where unsafe PatternBytes.pair(pattern, index) != bytes[index] {
                return false
            }
            return true
        }
    }

    private func hash(of record: RecordPointer) -> UInt64? {
        let pattern = unsafe record.pattern
        switch key {
        case .exact: return unsafe PatternHash.exact(pattern)
        case .folded: return unsafe PatternHash.folded(pattern)
        case .hexadecimal:
            guard pattern.count % 2 == 0 else { return nil }
            var bytes: [UInt8] = []
            for index in 0..<(pattern.count / 2) {
                guard let byte = unsafe PatternBytes.pair(pattern, index) else { return nil }
                bytes.append(byte)
            }
            return unsafe bytes.withUnsafeBytes { unsafe PatternHash.exact($0) }
        }
    }
}

/// The slots of a hash table. Their number does not change.
// SAFETY: the slots are allocated in `init` and freed in `deinit`; indices are masked.
@safe
final class HashSlots {
    private let slots: UnsafeMutablePointer<Atomic<UInt64>>
    let capacity: Int

    static let empty: UInt64 = 0
    private static let tombstone: UInt64 = 1
    private static let addressBits: UInt64 = 0xFFFF_FFFF_FFFF

    /// - Parameter capacity: a power of two.
    init(capacity: Int) {
        self.capacity = capacity
        unsafe slots = .allocate(capacity: capacity)
        for index in 0..<capacity { unsafe (slots + index).initialize(to: Atomic(HashSlots.empty)) }
    }

    deinit { unsafe slots.deallocate() }

    static func tag(_ word: UInt64) -> UInt64 { word >> 48 }

    /// The record of a slot; nil for a slot that holds none.
    static func record(_ slot: UInt64) -> RecordPointer? {
        let address = slot & addressBits
        return address <= tombstone ? nil : unsafe RecordPointer(bitPattern: UInt(address))
    }

    func first(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (capacity - 1) }
    func next(_ index: Int) -> Int { (index + 1) & (capacity - 1) }
    func load(_ index: Int) -> UInt64 { unsafe slots[index].load(ordering: .acquiring) }

    /// Puts a record into a free slot; there is one.
    @unsafe
    func add(_ record: RecordPointer, _ hash: UInt64) {
        var index = first(hash)
        while unsafe HashSlots.record(load(index)) != nil { index = next(index) }
        // User space has 48 bits of address on the processors that we run on.
        let address = UInt64(UInt(bitPattern: record))
        precondition(address & ~HashSlots.addressBits == 0)
        unsafe slots[index].store(hash & ~HashSlots.addressBits | address, ordering: .releasing)
    }

    /// Empties the slot of a record; false when it has none.
    @unsafe
    func remove(_ record: RecordPointer, _ hash: UInt64) -> Bool {
        var index = first(hash)
        for _ in 0..<capacity {
            let slot = load(index)
            if slot == HashSlots.empty { return false }
            if unsafe HashSlots.record(slot) == record {
                unsafe slots[index].store(HashSlots.tombstone, ordering: .releasing)
                return true
            }
            index = next(index)
        }
        return false
    }

    @unsafe
    func forEach(_ body: (RecordPointer) -> Void) {
        for index in 0..<capacity {
            if let record = unsafe HashSlots.record(load(index)) { unsafe body(record) }
        }
    }
}

/// Hashes of patterns, with a seed of the process: who can choose what is looked up, or added by a rule, cannot choose
/// what collides.
// SAFETY: records in slots are alive; places stay within the buffers that are given.
enum PatternHash {
    private static let seed = UInt64.random(in: .min ... .max)
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    static func exact(_ bytes: UnsafeRawBufferPointer) -> UInt64 { unsafe hash(bytes) { $0 } }

    /// Without regard to the case of ASCII letters.
    static func folded(_ bytes: UnsafeRawBufferPointer) -> UInt64 { unsafe hash(bytes, lowercased) }

    private static func hash(_ bytes: UnsafeRawBufferPointer, _ map: (UInt64) -> UInt64) -> UInt64 {
        var hash = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var index = 0
        while index + 8 <= bytes.count {
            hash = mix(hash ^ map(unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index += 8
        }
        var tail: UInt64 = 0
        while index < bytes.count {
            tail = tail << 8 | UInt64(unsafe bytes[index])
            index += 1
        }
        return mix(hash ^ map(tail))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: multiplier)
        return product.high ^ product.low ^ seed
    }
}

/// Comparisons of as many bytes on both sides.
// SAFETY: records in slots are alive; places stay within the buffers that are given.
enum PatternBytes {
    static func equal(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard let first = left.baseAddress, let second = right.baseAddress else { return true }
        return unsafe memcmp(first, second, left.count) == 0
    }

    static func equalFolded(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index + 8 <= left.count {
            let first = unsafe left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let second = unsafe right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if first != second, lowercased(first) != lowercased(second) { return false }
            index += 8
        }
        while index < left.count {
            if unsafe left[index].lowercased != right[index].lowercased { return false }
            index += 1
        }
        return true
    }

    /// The byte that two hexadecimal digits name.
    static func pair(_ digits: UnsafeRawBufferPointer, _ index: Int) -> UInt8? {
        guard let high = unsafe digits[2 * index].hexValue, let low = unsafe digits[2 * index + 1].hexValue else {
            return nil
        }
        return high << 4 | low
    }
}
