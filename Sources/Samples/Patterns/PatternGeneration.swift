import Base
import Synchronization

/// The entries of one version of a set, and the indices of the set's matchers over them.
///
/// Only the first of several entries with the same pattern text is in the indices: it wins in all of them.
///
/// Thread-safety: under the set's lock; indices are read without it.
// SAFETY: records come from the arena, which lives as long as the generation; links are only followed here.
@safe
final class PatternGeneration {
    private let arena = PatternArena()
    private let recycler: PatternRecycler
    /// Finds an entry by the text of its pattern.
    private let texts: HashIndex
    /// One for each matcher of the set.
    private(set) var indices: [PatternIndex] = []
    private var head: RecordPointer?
    private var tail: RecordPointer?
    private var nextOrder: UInt64 = 0
    private(set) var count = 0

    /// One entry, as it is shown.
    struct Entry: Equatable {
        /// A number by which it can be named as long as it is there.
        var reference: UInt
        var pattern: [UInt8]
        var value: [UInt8]?
    }

    init(_ recycler: PatternRecycler) {
        self.recycler = recycler
        texts = HashIndex(.exact, recycler)
    }

    var sizeBytes: Int { arena.sizeBytes }

    /// Adds an index, which takes the entries that are there.
    func add(_ index: PatternIndex) throws(PatternFailure) {
        var next = unsafe head
        while let record = unsafe next {
            if unsafe first(of: record) == record { try unsafe index.insert(record) }
            unsafe next = record.pointee.next
        }
        indices.append(index)
    }

    private func first(of record: RecordPointer) -> RecordPointer? { unsafe texts.find(record.pattern) }

    private func find(_ pattern: [UInt8]) -> RecordPointer? {
        unsafe pattern.withUnsafeBytes { unsafe texts.find($0) }
    }

    func contains(_ pattern: [UInt8]) -> Bool { unsafe find(pattern) != nil }

    func add(_ pattern: [UInt8], _ value: [UInt8]?) throws(PatternFailure) {
        guard count < PatternSet.entryLimit else { throw PatternFailure("more than \(PatternSet.entryLimit) entries") }
        let record = unsafe arena.makeRecord(pattern, value: value, order: nextOrder)
        if let known = unsafe find(pattern) {
            var last = unsafe known
            while let next = unsafe last.pointee.nextSame { unsafe last = next }
            unsafe last.pointee.nextSame = record
        } else {
            for (position, index) in indices.enumerated() {
                do throws(PatternFailure) { try unsafe index.insert(record) } catch {
                    for index in indices[..<position] { unsafe index.remove(record) }
                    unsafe recycler.retire(.record(record, arena))
                    throw error
                }
            }
            try unsafe texts.insert(record)
        }
        nextOrder += 1
        count += 1
        unsafe record.pointee.previous = tail
        if let tail = unsafe tail { unsafe tail.pointee.next = record } else { unsafe head = record }
        unsafe tail = record
    }

    /// Sets the value of all entries of a pattern; false when there is none.
    func set(_ pattern: [UInt8], _ value: [UInt8]) -> Bool {
        var next = unsafe find(pattern)
        guard unsafe next != nil else { return false }
        while let record = unsafe next {
            unsafe setValue(record, value)
            unsafe next = record.pointee.nextSame
        }
        return true
    }

    private func setValue(_ record: RecordPointer, _ value: [UInt8]) {
        let block = unsafe arena.makeValue(value)
        if let old = unsafe record.pointee.value.exchange(block, ordering: .acquiringAndReleasing) {
            unsafe recycler.retire(.value(old, arena))
        }
    }

    /// Deletes all entries of a pattern; false when there is none.
    func remove(_ pattern: [UInt8]) -> Bool {
        guard let first = unsafe find(pattern) else { return false }
        unsafe texts.remove(first)
        for index in indices { unsafe index.remove(first) }
        var next: RecordPointer? = unsafe first
        while let record = unsafe next {
            unsafe next = record.pointee.nextSame
            unsafe unlink(record)
        }
        return true
    }

    /// Deletes the entry of that reference, or sets its value; false when it is not there.
    func change(reference: UInt, value: [UInt8]?) -> Bool {
        var next = unsafe head
        while let record = unsafe next, UInt(bitPattern: record) != reference {
            unsafe next = record.pointee.next
        }
        guard let record = unsafe next else { return false }
        if let value {
            unsafe setValue(record, value)
            return true
        }
        guard let first = unsafe first(of: record) else { return false }
        if unsafe first == record {
            // The next one with the same pattern takes its place; lookups find one of the two at any time.
            if let heir = unsafe record.pointee.nextSame {
                for index in indices + [texts] { try? unsafe index.insert(heir) }
            }
            for index in indices + [texts] { unsafe index.remove(record) }
        } else {
            var before = unsafe first
            while let next = unsafe before.pointee.nextSame, unsafe next != record { unsafe before = next }
            unsafe before.pointee.nextSame = record.pointee.nextSame
        }
        unsafe unlink(record)
        return true
    }

    /// Takes an entry out of the order, and frees it when nobody can see it.
    private func unlink(_ record: RecordPointer) {
        let (previous, next) = unsafe (record.pointee.previous, record.pointee.next)
        if let previous = unsafe previous { unsafe previous.pointee.next = next } else { unsafe head = next }
        if let next = unsafe next { unsafe next.pointee.previous = previous } else { unsafe tail = previous }
        count -= 1
        unsafe recycler.retire(.record(record, arena))
    }

    func entries() -> [Entry] {
        var list: [Entry] = []
        list.reserveCapacity(count)
        var next = unsafe head
        while let record = unsafe next {
            list.append(
                Entry(
                    reference: UInt(bitPattern: record), pattern: unsafe Array(record.pattern),
                    value: unsafe record.valueBytes.map { unsafe Array($0) }))
            unsafe next = record.pointee.next
        }
        return list
    }
}
