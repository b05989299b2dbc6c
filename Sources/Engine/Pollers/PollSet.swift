import Base
import CPlatform

/// The set of descriptors that poll and select watch: one for the process, two bits for each number.
///
/// Any thread may change it; each copies what concerns it before it waits. The highest number in use bounds the copy.
// SAFETY: Sendable and safe because the memory is mapped for its life and made of atomic cells.
@safe
final class PollSet: @unchecked Sendable {
    private let memory: UnsafeMutableRawPointer
    private let words: Int
    let block = CellBlock(lines: 1)
    /// One more than the highest number in the set, in the lower half; in the upper half a number that grows with every
    /// bit that somebody relies on.
    private let bound: AtomicCell

    private static let numbers: UInt64 = 0xFFFF_FFFF
    private static let step: UInt64 = 1 << 32

    /// A set for the numbers below `capacity`; nil when the address space is exhausted.
    init?(capacity: Int) {
        words = (capacity + 63) / 64
        guard let memory = unsafe host_map_zeroed(max(1, words) * 16) else { return nil }
        unsafe self.memory = unsafe memory
        bound = block.cell(line: 0)
    }

    /// The words of 64 numbers: reading, writing.
    func cells(_ word: Int) -> (read: AtomicCell, write: AtomicCell) {
        precondition(word >= 0 && word < words)
        // SAFETY: two cells for each word, within the mapping by the line above.
        return unsafe (AtomicCell(at: memory + word * 16), AtomicCell(at: memory + word * 16 + 8))
    }

    /// What the set holds for the numbers from 64 * word on, one bit each.
    func bits(_ word: Int) -> (read: UInt64, write: UInt64) {
        let cells = cells(word)
        return (cells.read.load(.sequential), cells.write.load(.sequential))
    }

    /// Words that may hold a bit.
    var usedWords: Int { min(words, (Int(truncatingIfNeeded: bound.load(.sequential) & PollSet.numbers) + 63) / 64) }

    /// What the set holds for one number.
    func watched(_ fd: Int32) -> Interest {
        let bits = bits(Int(fd) / 64)
        let mask: UInt64 = 1 << UInt64(fd & 63)
        var interest: Interest = bits.read & mask != 0 ? .read : []
        if bits.write & mask != 0 { interest.insert(.write) }
        return interest
    }

    /// Sets what is watched of a number.
    func watch(_ fd: Int32, _ interest: Interest) {
        let cells = cells(Int(fd) / 64)
        let mask: UInt64 = 1 << UInt64(fd & 63)
        if interest.contains(.read) {
            cells.read.fetchOr(mask, .sequential)
        } else {
            cells.read.fetchAnd(~mask, .sequential)
        }
        if interest.contains(.write) {
            cells.write.fetchOr(mask, .sequential)
        } else {
            cells.write.fetchAnd(~mask, .sequential)
        }
        interest.isEmpty ? lower(from: fd) : cover(fd)
    }

    /// Makes the copies reach a number whose bit is set. Who has set it calls this, and so does who has found it set
    /// and tells other threads that the set is in line: the one that set it may not have come so far.
    func cover(_ fd: Int32) {
        let wanted = UInt64(truncatingIfNeeded: Int(fd) + 1)
        while true {
            let before = bound.load(.sequential)
            let counted = (before &+ PollSet.step) & ~PollSet.numbers
            if bound.compareExchange(before, counted | max(before & PollSet.numbers, wanted), .sequential) { return }
        }
    }

    /// The highest number has left: the bound goes down to what is still there. If somebody has set or relied on a bit
    /// since the bound was read, the exchange fails, because that counts; a bound too high harms nobody.
    private func lower(from fd: Int32) {
        let before = bound.load(.sequential)
        let limit = UInt64(truncatingIfNeeded: Int(fd) + 1)
        guard before & PollSet.numbers == limit else { return }
        _ = bound.compareExchange(before, before & ~PollSet.numbers | highest(below: limit), .sequential)
    }

    /// One more than the highest number in the set below `limit`.
    private func highest(below limit: UInt64) -> UInt64 {
        var word = Int(limit / 64)
        while word >= 0 {
            if word < words {
                let bits = bits(word)
                let any = bits.read | bits.write
                if any != 0 { return UInt64(word * 64 + 64 - any.leadingZeroBitCount) }
            }
            word -= 1
        }
        return 0
    }

    deinit {
        // SAFETY: mapped in init, unmapped here only.
        unsafe host_unmap(memory, max(1, words) * 16)
    }
}

/// What poll and select have in common: one set, kept in line by whichever thread takes an update first.
class SetPoller: Poller {
    let set: PollSet

    init(_ set: PollSet) {
        self.set = set
    }

    override var isProcessWide: Bool { true }

    /// What is to be watched: of a local descriptor only what is not known to be ready; of a shared one what is
    /// active.
    private func wanted(_ slot: FDSlot) -> Interest {
        let state = slot.loadState(.sequential)
        guard state.isOpen, slot.threadMask.load(.sequential) != 0 else { return [] }
        return state.isLocal ? state.active.subtracting(state.ready) : state.active
    }

    /// Changes the set, and looks at the state again until both agree: another thread's change may have come between
    /// reading and writing.
    override func update(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        while true {
            let interest = wanted(slot)
            if set.watched(fd) != interest {
                set.watch(fd, interest)
                // The set is everybody's, so the masks name everybody.
                slot.polledRead.store(interest.contains(.read) ? ~0 : 0, .sequential)
                slot.polledWrite.store(interest.contains(.write) ? ~0 : 0, .sequential)
            } else if !interest.isEmpty {
                set.cover(fd)
            }
            if wanted(slot) == interest && set.watched(fd) == interest { return }
        }
    }

    override func forget(_ fd: Int32, _ slot: FDSlot) { set.watch(fd, []) }

    override func makeWaker(_ kernel: Kernel) throws(SystemError) -> Waker {
        let waker: Waker
        do {
            waker = try EventFDWaker(kernel)
        } catch {
            waker = try PipeWaker(kernel)
        }
        watchWaker(waker.fd)
        return waker
    }

    /// Adds the descriptor of the thread's waker to what it waits for.
    func watchWaker(_ fd: Int32) {}

    /// Calls the body for each descriptor of the set that is this thread's, with its token.
    func forEachOwn(_ worker: Worker, _ body: (FDToken, Interest) -> Void) {
        for word in 0..<set.usedWords {
            let (read, write) = set.bits(word)
            var any = read | write
            while any != 0 {
                let position = any.trailingZeroBitCount
                any &= any &- 1
                let fd = Int32(truncatingIfNeeded: word * 64 + position)
                let slot = worker.memory[fd]
                guard slot.threadMask.load(.acquire) & worker.bit != 0 else { continue }
                let state = slot.loadState(.acquire)
                // Closed since the set was read: what poll says of a number that is free must not be taken for the
                // next one's, whose generation a free slot has already.
                guard state.isOpen else { continue }
                var interest: Interest = read >> UInt64(position) & 1 != 0 ? .read : []
                if write >> UInt64(position) & 1 != 0 { interest.insert(.write) }
                body(FDToken(fd: fd, generation: state.generation), interest)
            }
        }
    }
}
