import Base
import CPlatform

/// Asks a thread to cancel what its ring has armed for a descriptor that was revoked.
private final class Withdrawal: Message {
    private let fd: Int32

    init(_ fd: Int32) {
        self.fd = fd
    }

    override func deliver(on worker: Worker) { worker.poller.withdraw(fd, worker.memory[fd], worker) }
}

/// Asks a thread to cancel its poll of a local descriptor that is not its own any more.
private final class PollWithdrawal: Message {
    private let token: FDToken

    init(_ token: FDToken) {
        self.token = token
    }

    override func deliver(on worker: Worker) { worker.poller.forget(token) }
}

/// The descriptors of a worker group: one slot per number, and the lists and masks that its threads share.
///
/// What one thread does alone stands in `Worker`; here is what threads do with each other: entering and leaving a
/// shared slot, posting and taking updates, the global ready list, closing, and waking.
// SAFETY: Sendable because everything that changes is in atomic cells, but for `pollers` and `wakers`, which are
// set once by the group before its threads start.
public final class FDTable: @unchecked Sendable {
    let memory: FDMemory
    let kernel: Kernel
    let threads: Int
    /// One poller serves the process: an update taken by one thread is taken for all.
    let isProcessWide: Bool
    /// Pollers keep open what they watch, and only their own threads let go.
    let keepsFiles: Bool

    let block: CellBlock
    /// Shared descriptors with updates that not every thread has taken.
    let updateList: FDList
    /// Shared descriptors that are ready and active.
    let readyList: FDList
    /// The same of each thread's local descriptors.
    let localReady: [FDList]
    /// Grows with every update posted: a thread whose last scan began with this value owes nothing.
    let posts: AtomicCell
    /// Threads that have entries in the global ready list.
    let readyThreads: AtomicCell
    /// Threads that take updates; a thread leaves it when it stops.
    let live: AtomicCell
    /// One more than the highest number that was ever inserted.
    private let used: AtomicCell
    let alarms: [Alarm]

    var pollers: [Poller] = []
    var wakers: [Waker] = []

    private enum Line {
        static let updates = 0
        static let ready = 1
        static let posts = 2
        static let readyThreads = 3
        static let live = 4
        static let perThread = 5
    }

    init?(capacity: Int, threads: Int, kernel: Kernel, isProcessWide: Bool, keepsFiles: Bool = false) {
        guard let memory = FDMemory(capacity: capacity) else { return nil }
        self.memory = memory
        self.kernel = kernel
        self.threads = threads
        self.isProcessWide = isProcessWide
        self.keepsFiles = keepsFiles
        let block = CellBlock(lines: Line.perThread + 3 * threads)
        self.block = block
        updateList = FDList(memory, .update, head: block, line: Line.updates)
        readyList = FDList(memory, .ready, head: block, line: Line.ready)
        localReady = (0..<threads).map { FDList(memory, .ready, head: block, line: Line.perThread + 3 * $0) }
        alarms = (0..<threads).map { Alarm(word: block.cell(line: Line.perThread + 3 * $0 + 1)) }
        posts = block.cell(line: Line.posts)
        readyThreads = block.cell(line: Line.readyThreads)
        live = block.cell(line: Line.live)
        used = block.cell(line: Line.live, 8)
        live.store(ThreadSet.all(threads).bits, .sequential)
    }

    /// Numbers that the table covers.
    public var capacity: Int { memory.capacity }

    /// Where the newest message for a thread is kept.
    func mailboxCell(_ thread: Int) -> AtomicCell { block.cell(line: Line.perThread + 3 * thread + 2) }

    /// No number from here on was ever inserted.
    var highestUsed: Int { Int(truncatingIfNeeded: used.load(.relaxed)) }

    /// Notes that a number is inserted.
    func noteUsed(_ fd: Int32) {
        let wanted = UInt64(truncatingIfNeeded: Int(fd) + 1)
        while true {
            let before = used.load(.relaxed)
            if before >= wanted || used.compareExchange(before, wanted, .relaxed) { return }
        }
    }

    /// Lets go of every handler and of the pollers; descriptors stay open. No thread runs any more.
    func abandon() {
        // The pollers first: what a ring still sends is the handlers' memory.
        for poller in pollers { poller.close() }
        for waker in wakers { waker.close() }
        for number in 0..<Int32(clamping: highestUsed) {
            FDTable.releaseHandler(memory[number].handler.exchange(0, .acquireRelease))
        }
        wakers = []
        pollers = []
    }

    deinit {
        memory.unmap()
    }

    // MARK: Entering and leaving a shared slot

    /// Announces that the thread is inside the slot; the caller then verifies the identity, and leaves if it is gone.
    /// Returns false when the thread was inside already: then the outer caller leaves.
    @inline(__always)
    func enter(_ slot: FDSlot, _ me: UInt64) -> Bool {
        // Only the thread itself changes its bit, so a relaxed look is exact.
        if slot.runningMask.load(.relaxed) & me != 0 { return false }
        slot.runningMask.fetchOr(me, .sequential)
        return true
    }

    /// The other end of `enter`. The last to leave a revoked slot closes it.
    @inline(__always)
    func leave(_ fd: Int32, _ slot: FDSlot, _ me: UInt64, _ worker: Worker) {
        let before = slot.runningMask.fetchAnd(~me, .sequential)
        guard before & ~me == 0, slot.loadState(.sequential).has(FDState.closing) else { return }
        // Between leaving and looking somebody may have entered, and found an owner, before the slot was revoked: then
        // that one closes. Who enters from here on finds no owner.
        if slot.runningMask.load(.sequential) == 0 { finish(fd, slot, worker) }
    }

    // MARK: Closing

    /// Revokes a shared slot of a generation. The caller is inside. Returns false when somebody else has revoked it,
    /// whatever the number stands for by now.
    func revoke(_ slot: FDSlot, generation: UInt32, closesNumber: Bool) -> Bool {
        let state = slot.loadState(.sequential)
        guard state.isOpen, !state.isLocal, state.generation == generation else { return false }
        guard slot.threadMask.exchange(0, .sequential) != 0 else { return false }
        let token = FDState.closing | (closesNumber ? FDState.closesNumber : 0)
        slot.state.fetchOr(token, .sequential)
        return true
    }

    /// Closes a revoked slot that nobody is inside of any more. Several threads may get here; the one that takes the
    /// `closing` bit goes on. From then on nobody touches the slot: who enters late finds no owner, and leaves.
    func finish(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        let state = FDState(bits: slot.state.fetchAnd(~FDState.closing, .sequential))
        guard state.has(FDState.closing) else { return }
        updateList.remove(fd)
        readyList.remove(fd)
        if keepsFiles && startWithdrawal(fd, slot, worker) { return }
        forgetInPollers(fd, slot, worker)
        release(fd, slot, state, worker)
    }

    /// The last step of closing: the slot is free for the next descriptor of the number.
    private func release(_ fd: Int32, _ slot: FDSlot, _ state: FDState, _ worker: Worker) {
        slot.updateMask.store(0, .sequential)
        let handler = slot.handler.exchange(0, .acquireRelease)
        slot.state.store(FDTable.freed(state), .sequential)
        if state.has(FDState.closesNumber) { _ = kernel.close(fd) }
        worker.activity.add(.removed)
        FDTable.releaseHandler(handler)
    }

    /// The state word of a free slot: the next generation, and nothing else.
    static func freed(_ state: FDState) -> UInt64 {
        UInt64(state.generation &+ 1) &<< 32
    }

    /// Removes the registration from every poller that has it, before the number is closed: the open file may live on
    /// in another process.
    func forgetInPollers(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        let polled = ThreadSet(bits: slot.polledRead.load(.sequential) | slot.polledWrite.load(.sequential))
        slot.polledRead.store(0, .sequential)
        slot.polledWrite.store(0, .sequential)
        if isProcessWide {
            if !polled.isEmpty { pollers.first?.forget(fd, slot) }
            return
        }
        for thread in polled where thread < pollers.count {
            if keepsFiles && thread != worker.index {
                let token = FDToken(fd: fd, generation: slot.loadState(.sequential).generation)
                send(PollWithdrawal(token), to: thread, from: worker)
            } else {
                pollers[thread].forget(fd, slot)
            }
        }
    }

    // MARK: Closing what rings have armed

    /// Asks every thread whose ring has something armed for a revoked descriptor to let go. Returns whether any has.
    private func startWithdrawal(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) -> Bool {
        let polled = slot.polledRead.load(.sequential) | slot.polledWrite.load(.sequential)
        let owing = polled & live.load(.sequential)
        if owing == 0 { return false }
        slot.state.fetchOr(FDState.withdrawing, .sequential)
        // Nobody posts updates for a revoked slot: its mask says who has not let go yet.
        slot.updateMask.store(owing, .sequential)
        for thread in ThreadSet(bits: owing) where thread < threads && thread != worker.index {
            send(Withdrawal(fd), to: thread, from: worker)
        }
        // A thread that has stopped meanwhile may have looked before it was asked: it lets go of everything anyway.
        let stopped = owing & ~live.load(.sequential)
        if stopped & ~worker.bit != 0 { letGo(fd, slot, stopped & ~worker.bit, worker) }
        if owing & worker.bit != 0 { pollers[worker.index].withdraw(fd, slot, worker) }
        return true
    }

    /// A thread's ring has nothing armed any more for a revoked descriptor. The last one closes.
    func withdrawn(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        slot.polledRead.fetchAnd(~worker.bit, .sequential)
        slot.polledWrite.fetchAnd(~worker.bit, .sequential)
        letGo(fd, slot, worker.bit, worker)
    }

    private func letGo(_ fd: Int32, _ slot: FDSlot, _ threads: UInt64, _ worker: Worker) {
        let state = slot.loadState(.sequential)
        guard state.has(FDState.withdrawing) else { return }
        let before = slot.updateMask.fetchAnd(~threads, .sequential)
        if before & threads != 0 && before & ~threads == 0 { release(fd, slot, state, worker) }
    }

    /// Sends a message to a thread of the group, and ends its sleep.
    private func send(_ message: Message, to thread: Int, from worker: Worker) {
        worker.group.workers[thread].mailbox.put(message)
        worker.activity.add(.messagesSent)
        ring(thread, worker)
    }

    static func releaseHandler(_ number: UInt64) {
        // SAFETY: `insert` stored a retained reference; the slot was emptied by the caller alone.
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(number)) else { return }
        unsafe Unmanaged<FDHandler>.fromOpaque(pointer).release()
    }

    // MARK: Updates of shared descriptors

    /// Says that the pollers of a shared descriptor's threads have to look at it. The caller is inside the slot.
    ///
    /// The bits are OR-ed in, so that a removal somebody still owes survives; and the list is asked for the descriptor
    /// even if every bit was set before, because the list alone knows whether it is linked.
    func postUpdate(_ fd: Int32, _ slot: FDSlot, _ worker: Worker, added: Bool) {
        let owners = slot.threadMask.load(.sequential)
        let watchers = slot.polledRead.load(.sequential) | slot.polledWrite.load(.sequential)
        let mask = (owners | watchers) & live.load(.sequential)
        if mask == 0 { return }
        slot.updateMask.fetchOr(mask, .sequential)
        updateList.add(fd)
        posts.fetchAdd(1, .sequential)
        // A thread that stopped meanwhile has made its last scan: acknowledge in its place.
        let stopped = mask & ~live.load(.sequential)
        if stopped != 0 { slot.updateMask.fetchAnd(~stopped, .sequential) }
        // Nobody owes it any more: who did has stopped, or found it linked before and took it. Nobody else unlinks it.
        if slot.updateMask.load(.sequential) == 0 { _ = settle(fd, slot, worker) }
        if added && owners & worker.bit == 0 { wakeOne(of: owners, worker) }
        // What a ring has armed goes on accepting: who has to cancel does not sleep.
        if keepsFiles && !added {
            for thread in ThreadSet(bits: watchers & ~worker.bit) where thread < threads { ring(thread, worker) }
        }
    }

    /// Unlinks a descriptor that no thread owes an update; links it again if somebody re-armed it meanwhile. Returns
    /// the number of times that this call unlinked it.
    func settle(_ fd: Int32, _ slot: FDSlot, _ worker: Worker? = nil) -> UInt64 {
        var removed: UInt64 = 0
        while true {
            if updateList.remove(fd) { removed &+= 1 }
            if slot.updateMask.load(.sequential) == 0 { return removed }
            updateList.add(fd)
            // Whoever re-armed it may have found it linked, then unlinked in its own scan, and sleep by now.
            posts.fetchAdd(1, .sequential)
            let owing = slot.updateMask.load(.sequential)
            for thread in ThreadSet(bits: owing & live.load(.sequential)) where thread < threads {
                ring(thread, worker)
            }
            if owing != 0 { return removed }
        }
    }

    /// Takes every update that the thread owes. Returns false when entries kept leaving under the scan, so that it may
    /// have jumped over some: then the thread must not sleep.
    func takeUpdates(_ worker: Worker) -> Bool {
        for _ in 0..<Limits.updateRescans {
            let departures = updateList.departures
            var own: UInt64 = 0
            var cursor = updateList.head()
            while let fd = cursor {
                // Read before the entry is acknowledged, which may unlink it.
                cursor = updateList.successor(of: fd)
                let slot = memory[fd]
                if slot.updateMask.load(.sequential) & worker.bit != 0 { own &+= acknowledge(fd, slot, worker) }
            }
            if updateList.departures == departures &+ own { return true }
            worker.activity.add(.updateRescans)
        }
        return false
    }

    /// Takes one update: clears the bit, and only then reads the state. Returns how often it unlinked the entry.
    func acknowledge(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) -> UInt64 {
        let entered = enter(slot, worker.bit)
        defer { if entered { leave(fd, slot, worker.bit, worker) } }
        if isProcessWide && slot.threadMask.load(.sequential) != 0 {
            // The set first, then the bits, then the set again: a second thread that sees no bit copies the new set.
            pollerOf(worker).update(fd, slot, worker)
        }
        let taken = isProcessWide ? ~UInt64(0) : worker.bit
        let before = slot.updateMask.fetchAnd(~taken, .sequential)
        // Looked at behind the bit, as all of the state: the number may have been closed and opened again meanwhile,
        // and the bit may be the newcomer's.
        if slot.threadMask.load(.sequential) != 0 {
            pollerOf(worker).update(fd, slot, worker)
            worker.activity.add(.globalUpdates)
        } else {
            worker.activity.add(.droppedUpdates)
        }
        return before != 0 && before & ~taken == 0 ? settle(fd, slot, worker) : 0
    }

    private func pollerOf(_ worker: Worker) -> Poller { pollers[worker.index] }

    // MARK: Ready shared descriptors

    /// Puts a shared descriptor that is ready and active where its threads look before they sleep. The caller is
    /// inside.
    func putReady(_ fd: Int32, _ slot: FDSlot) {
        readyList.add(fd)
        readyThreads.fetchOr(slot.threadMask.load(.sequential), .sequential)
    }

    // MARK: Waking

    /// Makes sure that one thread of the mask looks at its lists without waiting for a timeout: one that is awake
    /// will, because it looks once more before it sleeps; if all sleep, one is woken.
    func wakeOne(of mask: UInt64, _ worker: Worker) {
        let candidates = ThreadSet(bits: mask & live.load(.sequential))
        for thread in candidates where thread < threads {
            if !alarms[thread].isSleeping { return }
        }
        for thread in candidates where thread < threads {
            if ring(thread, worker) { return }
        }
    }

    /// Ends a thread's sleep, if it sleeps. Whether it had to be rung.
    @discardableResult
    func ring(_ thread: Int, _ worker: Worker?) -> Bool {
        guard alarms[thread].mustRing() else { return false }
        worker?.activity.add(.rings)
        wakers[thread].ring()
        return true
    }

    // MARK: Stopping

    /// The end of a thread's part: no update is posted for it any more, and it acknowledges every entry with its bit.
    func retire(_ worker: Worker) {
        live.fetchAnd(~worker.bit, .sequential)
        var clean = false
        var rounds = 0
        while !clean && rounds < 1000 {
            clean = takeUpdates(worker)
            rounds += 1
        }
        if keepsFiles { pollers[worker.index].retire(worker) }
    }

    /// Traps unless the lists and masks agree. Only while no thread runs.
    public func checkInvariants() {
        updateList.checkInvariants()
        readyList.checkInvariants()
        for list in localReady { list.checkInvariants() }
        for number in 0..<Int32(clamping: highestUsed) {
            let slot = memory[number]
            let state = slot.loadState(.sequential)
            guard state.isOpen || state.generation != 0 else { continue }
            precondition(slot.runningMask.load(.sequential) == 0, "nobody is inside")
            precondition(!state.has(FDState.closing), "nothing is left half closed")
            if !state.isOpen {
                precondition(slot.threadMask.load(.sequential) == 0 && slot.handler.load(.sequential) == 0)
                precondition(!updateList.holds(number) && !readyList.holds(number), "a free slot is in no list")
            } else if !state.isLocal && !state.has(FDState.withdrawing) && slot.updateMask.load(.sequential) != 0 {
                precondition(updateList.holds(number), "a descriptor with updates to take is in the list")
            }
        }
    }
}
