import Synchronization

/// An entry of a set: a pattern as it was written, and where its value is. The pattern's bytes follow it in memory.
///
/// Indices of all matchers of a set point to the same record. Readers see the order, the pattern and the value; the
/// links are the writer's.
// SAFETY: blocks come from the arena of the record's generation and go back to it with the size they had.
@unsafe
struct PatternRecord: ~Copyable {
    /// Its rank among the entries of the set: where the first one wins, the smallest order does.
    let order: UInt64
    /// A `PatternValue`, or nil.
    let value: Atomic<UnsafeRawPointer?>
    let patternCount: Int
    /// The next entry with the same pattern text, which no index knows.
    var nextSame: UnsafeMutablePointer<PatternRecord>?
    var previous: UnsafeMutablePointer<PatternRecord>?
    var next: UnsafeMutablePointer<PatternRecord>?

    init(order: UInt64, patternCount: Int, value: UnsafeRawPointer?) {
        unsafe self.order = order
        unsafe self.patternCount = patternCount
        unsafe self.value = Atomic(value)
        unsafe nextSame = nil
        unsafe previous = nil
        unsafe next = nil
    }

    static let headerBytes = unsafe MemoryLayout<PatternRecord>.stride
}

typealias RecordPointer = UnsafeMutablePointer<PatternRecord>

extension UnsafeMutablePointer where Pointee == PatternRecord {
    /// The pattern as it was written.
    var pattern: UnsafeRawBufferPointer {
        // SAFETY: a record is allocated with room for its pattern behind it.
        unsafe UnsafeRawBufferPointer(
            start: UnsafeRawPointer(self) + PatternRecord.headerBytes, count: pointee.patternCount)
    }

    /// The value's bytes; nil for an entry without one.
    var valueBytes: UnsafeRawBufferPointer? {
        // SAFETY: a value is a count and as many bytes, constant once it was published.
        guard let block = unsafe pointee.value.load(ordering: .acquiring) else { return nil }
        return unsafe UnsafeRawBufferPointer(
            start: block + MemoryLayout<Int>.stride, count: block.load(as: Int.self))
    }
}

/// Memory of one generation of a set: blocks of many sizes without headers, reused when they are freed, and given back
/// together when the generation goes.
///
/// Thread-safety: the set's writer. Bytes behind the pointers are read by others.
// SAFETY: chunks are allocated here and freed in `deinit`; a block lies within one chunk and is handed out once until
// it is given back with the same size.
@safe
final class PatternArena {
    private var chunks: [UnsafeMutableRawPointer] = unsafe []
    private var bump: UnsafeMutableRawPointer?
    private var room = 0
    private var nextChunkBytes = 1024
    /// Freed blocks by size.
    private var free: [Int: [UnsafeMutableRawPointer]] = unsafe [:]
    /// Bytes of all chunks.
    private(set) var sizeBytes = 0

    private static let largestChunkBytes = 1 << 20

    deinit { unsafe chunks.forEach { unsafe $0.deallocate() } }

    private static func rounded(_ count: Int) -> Int {
        let size = max(16, (count + 15) & ~15)
        guard size > 1024 else { return size }
        var power = 2048
        while power < size { power *= 2 }
        return power
    }

    @unsafe
    func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        let size = PatternArena.rounded(count)
        if unsafe !free.isEmpty, let block = unsafe free[size]?.popLast() { return unsafe block }
        if room < size {
            let bytes = max(nextChunkBytes, size)
            let chunk = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
            unsafe chunks.append(chunk)
            sizeBytes += bytes
            unsafe bump = unsafe chunk
            room = bytes
            nextChunkBytes = min(nextChunkBytes * 2, PatternArena.largestChunkBytes)
        }
        let block = unsafe bump!
        unsafe bump = unsafe block + size
        room -= size
        return unsafe block
    }

    @unsafe
    func release(_ block: UnsafeMutableRawPointer, _ count: Int) {
        unsafe free[PatternArena.rounded(count), default: []].append(block)
    }

    @unsafe
    func makeValue(_ value: [UInt8]) -> UnsafeRawPointer {
        let block = unsafe allocate(MemoryLayout<Int>.stride + value.count)
        unsafe block.storeBytes(of: value.count, as: Int.self)
        unsafe (block + MemoryLayout<Int>.stride).copyMemory(from: value, byteCount: value.count)
        return UnsafeRawPointer(block)
    }

    @unsafe
    func makeRecord(_ pattern: [UInt8], value: [UInt8]?, order: UInt64) -> RecordPointer {
        let block = unsafe allocate(PatternRecord.headerBytes + pattern.count)
        let record = unsafe block.bindMemory(to: PatternRecord.self, capacity: 1)
        unsafe record.initialize(
            to: PatternRecord(order: order, patternCount: pattern.count, value: value.map { unsafe makeValue($0) }))
        unsafe (block + PatternRecord.headerBytes).copyMemory(from: pattern, byteCount: pattern.count)
        return unsafe record
    }

    @unsafe
    func releaseValue(_ value: UnsafeRawPointer) {
        unsafe release(
            UnsafeMutableRawPointer(mutating: value), MemoryLayout<Int>.stride + value.load(as: Int.self))
    }

    @unsafe
    func releaseRecord(_ record: RecordPointer) {
        if let value = unsafe record.pointee.value.load(ordering: .relaxed) { unsafe releaseValue(value) }
        let size = unsafe PatternRecord.headerBytes + record.pointee.patternCount
        unsafe release(UnsafeMutableRawPointer(record), size)
    }
}

/// What was taken out and waits until no reader can see it.
// SAFETY: blocks come from the arena of the record's generation and go back to it with the size they had.
@unsafe
enum PatternGarbage {
    /// Dropping the reference frees it.
    case nothing
    case object(AnyObject)
    case record(RecordPointer, PatternArena)
    case value(UnsafeRawPointer, PatternArena)

    func dispose() {
        switch unsafe self {
        case .nothing, .object: break
        // SAFETY: nobody can reach the block any more; it came from that arena.
        case .record(let record, let arena): unsafe arena.releaseRecord(record)
        case .value(let value, let arena): unsafe arena.releaseValue(value)
        }
    }
}

/// The line of what waits to be freed. The set's writer only.
// SAFETY: garbage is disposed of once, when no reader can see it.
@safe
final class PatternRecycler {
    private var waiting: [(epoch: UInt64, garbage: PatternGarbage)] = unsafe []
    private var first = 0

    func retire(_ garbage: PatternGarbage) {
        unsafe waiting.append((PatternReaders.shared.endEpoch(), garbage))
    }

    var isEmpty: Bool { unsafe first == waiting.count }

    /// Frees what nobody can see.
    func collect() {
        guard !isEmpty else { return }
        let oldest = PatternReaders.shared.oldestInUse()
        while unsafe first < waiting.count, unsafe waiting[first].epoch < oldest {
            unsafe waiting[first].garbage.dispose()
            unsafe waiting[first].garbage = .nothing
            first += 1
        }
        if isEmpty {
            unsafe waiting.removeAll(keepingCapacity: waiting.count <= 64)
            first = 0
        } else if first > 1024 {
            unsafe waiting.removeFirst(first)
            first = 0
        }
    }
}
