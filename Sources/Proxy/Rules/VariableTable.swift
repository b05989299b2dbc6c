import Base
import Samples
import Synchronization

/// The variables of one scope: of a session, a transaction, a message, or the process (manual, `set-var`).
///
/// Few, and looked up by the numbers of their names. Each owns its bytes, which stand until it is set again.
///
/// Thread-safety: none; a table belongs to one thread at a time.
// SAFETY: the table alone knows its bytes: allocated when a variable is set, freed when it is set again or removed.
@safe
final class VariableTable {
    // SAFETY: as for the table, which is the only one to follow the pointer.
    @safe
    private struct Slot {
        var number: Int32
        /// nil: the slot is free; its bytes are kept for the next value.
        var sample: Sample?
        var bytes: UnsafeMutableRawBufferPointer
    }

    private var slots: [Slot] = []
    /// What all variables take, as the limits count it.
    private(set) var sizeBytes = 0
    /// What a variable takes besides its bytes.
    static let overheadBytes = 48
    /// What a table that is emptied keeps for the next request, so that the same rules find the room that they need.
    static let keptSlots = 64, keptBytes = 256
    private let total: VariableTotal
    /// Of a session: what a rule for its connection has put in place of the address that the client connected to.
    var destination: RewrittenAddress?

    init(_ total: VariableTotal) { self.total = total }

    deinit {
        for slot in slots { unsafe slot.bytes.deallocate() }
        total.add(-sizeBytes)
    }

    private func index(of number: Int32) -> Int? {
        for index in slots.indices where slots[index].number == number { return index }
        return nil
    }

    private static func size(_ sample: Sample?) -> Int { sample.map { $0.byteCount + overheadBytes } ?? 0 }

    /// The value of a variable.
    func value(_ number: Int32) -> Sample? { index(of: number).flatMap { slots[$0].sample } }

    /// Sets a variable to a copy of a value; false when there is no room.
    /// - Parameter limitBytes: that this table may take; 0: no limit.
    func set(_ number: Int32, _ value: Sample, limitBytes: Int) -> Bool {
        let known = index(of: number)
        let old = VariableTable.size(known.flatMap { slots[$0].sample })
        let size = VariableTable.size(value)
        guard limitBytes == 0 || sizeBytes - old + size <= limitBytes, total.fits(size - old) else { return false }
        let index = known ?? slots.count
        if known == nil {
            let none = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
            slots.append(unsafe Slot(number: number, sample: nil, bytes: none))
        }
        slots[index].sample = keep(value, in: index)
        sizeBytes += size - old
        total.add(size - old)
        return true
    }

    /// The value with its bytes in the slot's memory. They may be a part of what the slot has now.
    private func keep(_ value: Sample, in index: Int) -> Sample {
        guard value.isText else { return value }
        let count = value.byteCount
        let room = unsafe slots[index].bytes
        if room.count >= count {
            unsafe room.copyMemory(from: value.bytes)
            return unsafe Sample(value.type, UnsafeRawBufferPointer(rebasing: room[..<count]))
        }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 32), alignment: 1)
        // Copied first, freed then.
        unsafe larger.copyMemory(from: value.bytes)
        unsafe room.deallocate()
        unsafe slots[index].bytes = unsafe larger
        return unsafe Sample(value.type, UnsafeRawBufferPointer(rebasing: larger[..<count]))
    }

    func remove(_ number: Int32) {
        guard let index = index(of: number) else { return }
        let size = VariableTable.size(slots[index].sample)
        forget(index)
        sizeBytes -= size
        total.add(-size)
    }

    /// Frees a slot; its memory, too, where that is much.
    private func forget(_ index: Int) {
        slots[index].sample = nil
        guard unsafe slots[index].bytes.count > VariableTable.keptBytes else { return }
        unsafe slots[index].bytes.deallocate()
        unsafe slots[index].bytes = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// Removes all variables.
    func removeAll() {
        if sizeBytes > 0 { total.add(-sizeBytes) }
        sizeBytes = 0
        while slots.count > VariableTable.keptSlots {
            if let slot = slots.popLast() { unsafe slot.bytes.deallocate() }
        }
        for index in slots.indices { forget(index) }
    }

    /// Numbers and values, for the runtime API.
    func forEach(_ body: (Int32, Sample) -> Void) {
        for slot in slots {
            if let sample = slot.sample { body(slot.number, sample) }
        }
    }
}

/// The variables of the process: `proc.`.
///
/// Thread-safety: any thread; a value is copied out under the lock, so that it is whole.
// SAFETY: Sendable because the table is used under the lock only.
final class ProcessVariables: @unchecked Sendable {
    private let lock = Mutex(())
    private let table: VariableTable
    /// What all variables of the process and of all streams take.
    let total: VariableTotal

    init(limitBytes: Int) {
        total = VariableTotal(limitBytes: limitBytes)
        table = VariableTable(total)
    }

    /// A copy of the value in the scratch memory.
    func value(_ number: Int32, _ scratch: SampleScratch) -> Sample? {
        var copy: Sample?
        lock.withLock { _ in
            let value = table.value(number)
            copy = value?.isText == true ? value.flatMap { scratch.copy($0) } : value
        }
        return copy
    }

    func set(_ number: Int32, _ value: Sample) -> Bool {
        lock.withLock { _ in table.set(number, value, limitBytes: 0) }
    }

    func remove(_ number: Int32) { lock.withLock { _ in table.remove(number) } }
}

/// What all variables take.
///
/// Thread-safety: any thread. Two that are set at once may exceed the limit by the one of them.
final class VariableTotal: Sendable {
    private let size = Atomic<Int>(0)
    private let limitBytes: Int

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    var sizeBytes: Int { size.load(ordering: .relaxed) }

    func fits(_ added: Int) -> Bool { limitBytes == 0 || sizeBytes + added <= limitBytes }

    func add(_ bytes: Int) { size.wrappingAdd(bytes, ordering: .relaxed) }
}

/// How large variables may get together (`tune.vars.*-max-size`); 0: no limit. Those of a session include those of its
/// transactions, and those of a transaction the ones of its messages.
struct VariableLimits: Sendable {
    /// Of all variables.
    var totalBytes = 0
    var sessionBytes = 0
    var transactionBytes = 0
    var messageBytes = 0

    /// Whether there is a limit besides that of all variables.
    var boundsStreams: Bool { sessionBytes > 0 || transactionBytes > 0 || messageBytes > 0 }
}
