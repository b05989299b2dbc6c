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
        let number: Int32
        var sample: Sample
        var bytes: UnsafeMutableRawBufferPointer
    }

    private var slots: [Slot] = []
    /// What all variables take, as the limits count it.
    private(set) var sizeBytes = 0
    /// What a variable takes besides its bytes.
    static let overheadBytes = 48
    private let total: VariableTotal
    /// Of a session: what a rule for its connection has put in place of the address that the client connected to.
    var destination: RewrittenAddress?

    init(_ total: VariableTotal) { self.total = total }

    deinit {
        for slot in slots { unsafe slot.bytes.deallocate() }
        total.add(-sizeBytes)
    }

    /// The value of a variable.
    func value(_ number: Int32) -> Sample? {
        for index in slots.indices where slots[index].number == number {
            return slots[index].sample
        }
        return nil
    }

    /// Sets a variable to a copy of a value; false when there is no room.
    /// - Parameter limitBytes: that this table may take; 0: no limit.
    func set(_ number: Int32, _ value: Sample, limitBytes: Int) -> Bool {
        let index = slots.firstIndex { $0.number == number }
        let old = index.map { unsafe slots[$0].bytes.count + VariableTable.overheadBytes } ?? 0
        let size = value.byteCount + VariableTable.overheadBytes
        guard limitBytes == 0 || sizeBytes - old + size <= limitBytes, total.fits(size - old) else { return false }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: value.byteCount, alignment: 1)
        // The value may be the variable's own: copied first, freed then.
        unsafe bytes.copyMemory(from: value.bytes)
        let kept = unsafe value.isText ? Sample(value.type, UnsafeRawBufferPointer(bytes)) : value
        let slot = unsafe Slot(number: number, sample: kept, bytes: bytes)
        if let index {
            unsafe slots[index].bytes.deallocate()
            slots[index] = slot
        } else {
            slots.append(slot)
        }
        sizeBytes += size - old
        total.add(size - old)
        return true
    }

    func remove(_ number: Int32) {
        guard let index = slots.firstIndex(where: { $0.number == number }) else { return }
        let slot = slots.remove(at: index)
        let size = unsafe slot.bytes.count + VariableTable.overheadBytes
        sizeBytes -= size
        total.add(-size)
        unsafe slot.bytes.deallocate()
    }

    /// Numbers and values, for the runtime API.
    func forEach(_ body: (Int32, Sample) -> Void) {
        for index in slots.indices { body(slots[index].number, slots[index].sample) }
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
}
