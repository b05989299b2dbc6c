import Base
import CPlatform

// The verbs. For a local descriptor they are plain loads and stores of its own thread, and with a poller that
// registers once no system call; for a shared one, atomic updates between `enter` and `leave`.

extension Worker {
    static func number(of handler: FDHandler) -> UInt64 {
        // SAFETY: retained here; `FDTable.releaseHandler` or a farewell gives the reference back.
        unsafe UInt64(UInt(bitPattern: Unmanaged.passRetained(handler).toOpaque()))
    }

    /// Puts an open, non-blocking descriptor into the table, which keeps the handler until `remove`.
    ///
    /// - Parameters:
    ///   - fd: its number, which must not be in the table.
    ///   - handler: called when it is wanted and ready.
    ///   - kind: `.stream` belongs to this thread alone; the other kinds to `threads`.
    ///   - threads: who may handle a shared one; nil for this thread.
    public func insert(_ fd: Int32, _ handler: FDHandler, kind: FDKind, threads: ThreadSet? = nil) {
        let slot = memory[fd]
        let state = slot.loadState(.acquire)
        precondition(!state.isOpen, "a descriptor was closed behind the engine's back, and its number came again")
        table.noteUsed(fd)
        activity.add(.inserted)
        let identity = UInt64(state.generation) &<< 32 | FDState.open
        slot.handler.store(Worker.number(of: handler), .relaxed)
        slot.updateMask.store(0, .relaxed)
        if kind == .stream {
            let tenure = FDTenure(bits: slot.tenure.load(.relaxed)).next(owner: index, offered: false)
            slot.tenure.store(tenure.bits, .relaxed)
            slot.threadMask.store(bit, .relaxed)
            slot.state.store(identity | FDState.local, .release)
            return
        }
        let mask = (threads ?? ThreadSet(bits: bit)).intersection(.all(table.threads))
        precondition(!mask.isEmpty, "a descriptor without a thread")
        slot.state.store(identity | (kind == .listener ? FDState.listener : 0), .sequential)
        slot.threadMask.store(mask.bits, .sequential)
    }

    // MARK: Active

    /// Somebody wants the event: the handler is called when the direction is ready. A shared descriptor's from any
    /// worker's thread.
    @inlinable
    public func want(_ fd: Int32, _ interest: Interest) {
        let slot = memory[fd]
        let state = slot.loadState(.relaxed)
        let wanted = UInt64(interest.rawValue)
        guard state.isLocal else { return wantShared(fd, slot, wanted) }
        if state.bits & wanted == wanted { return }
        let new = FDState(bits: state.bits | wanted)
        slot.state.store(new.bits, .relaxed)
        localChanged(fd, slot, new)
    }

    /// Nobody wants the event any more. A shared descriptor's from any worker's thread; the pollers of its other
    /// threads follow when they next wake.
    @inlinable
    public func stop(_ fd: Int32, _ interest: Interest) {
        let slot = memory[fd]
        let state = slot.loadState(.relaxed)
        let unwanted = UInt64(interest.rawValue)
        guard state.isLocal else { return stopShared(fd, slot, unwanted) }
        if state.bits & unwanted == 0 { return }
        let new = FDState(bits: state.bits & ~unwanted)
        slot.state.store(new.bits, .relaxed)
        localChanged(fd, slot, new)
    }

    // MARK: Ready

    /// EAGAIN, or a short count, was seen: the direction is not ready until the kernel says so again.
    ///
    /// A stream whose peer has closed, or that has an error, stays ready to be read: a short count does not mean that
    /// there is nothing behind it, and the kernel will not report the end a second time.
    @inlinable
    public func cannot(_ fd: Int32, _ interest: Interest) {
        let slot = memory[fd]
        let state = slot.loadState(.relaxed)
        var spent = UInt64(interest.rawValue) &<< 2
        guard state.isLocal else { return cannotShared(fd, slot, spent) }
        if state.bits & (FDState.hangup | FDState.error) != 0 { spent &= ~FDState.readyRead }
        if state.bits & spent == 0 && state.bits & FDState.registered != 0 { return }
        let new = FDState(bits: state.bits & ~spent)
        slot.state.store(new.bits, .relaxed)
        localChanged(fd, slot, new)
    }

    /// The direction is taken for ready without a report of the kernel: for a first try that probably succeeds. If it
    /// is active, the handler is called in the next turn.
    @inlinable
    public func may(_ fd: Int32, _ interest: Interest) {
        let slot = memory[fd]
        let state = slot.loadState(.relaxed)
        let ready = UInt64(interest.rawValue) &<< 2
        guard state.isLocal else { return mayShared(fd, slot, ready) }
        let new = FDState(bits: state.bits | ready)
        slot.state.store(new.bits, .relaxed)
        localChanged(fd, slot, new)
    }

    /// Whether the direction is ready as far as is known.
    @inlinable
    public func isReady(_ fd: Int32, _ interest: Interest) -> Bool {
        memory[fd].loadState(.relaxed).ready.isSuperset(of: interest)
    }

    /// Whether somebody wants the direction.
    @inlinable
    public func isActive(_ fd: Int32, _ interest: Interest) -> Bool {
        memory[fd].loadState(.relaxed).active.isSuperset(of: interest)
    }

    /// Whether a poller that registers once has the local descriptor, and so reports whatever becomes of it.
    public func isRegistered(_ fd: Int32) -> Bool { memory[fd].loadState(.relaxed).has(FDState.registered) }

    /// What the kernel has said of the end of the descriptor (`.hangup`, `.error`), and the directions that are active
    /// and ready.
    @inlinable
    public func reportedEvents(_ fd: Int32) -> FDEvents { memory[fd].loadState(.relaxed).events }

    /// After any change of a local state: a direction both active and ready goes to the ready list, and the poller is
    /// told if it has to be.
    @inlinable
    @inline(__always)
    func localChanged(_ fd: Int32, _ slot: FDSlot, _ state: FDState) {
        if state.served != 0 { putLocalReady(fd) }
        if !registersOnce || (!state.has(FDState.registered) && !state.active.isEmpty) {
            noteLocalUpdate(fd, slot)
        }
    }

    /// Local: remembers that the poller has to look at the descriptor before the next wait.
    @usableFromInline
    func noteLocalUpdate(_ fd: Int32, _ slot: FDSlot) {
        let mask = slot.updateMask.load(.relaxed)
        if mask & bit != 0 { return }
        slot.updateMask.store(mask | bit, .relaxed)
        updates.append(fd)
    }

    /// Local: into this thread's ready list. Not while its handler runs: what is left is seen on return.
    @usableFromInline
    func putLocalReady(_ fd: Int32) {
        if fd != serving && table.localReady[index].add(fd) { localReadyCount &+= 1 }
    }

    // MARK: Shared

    /// From inside: whether the slot still is a shared descriptor's. A thread that comes late may find it free, or
    /// find the number with somebody's connection.
    private func hasSharedOwner(_ slot: FDSlot) -> Bool {
        slot.threadMask.load(.sequential) != 0 && !slot.loadState(.sequential).isLocal
    }

    @usableFromInline
    func wantShared(_ fd: Int32, _ slot: FDSlot, _ wanted: UInt64) {
        let entered = table.enter(slot, bit)
        defer { if entered { table.leave(fd, slot, bit, self) } }
        guard hasSharedOwner(slot) else { return }
        let before = FDState(bits: slot.state.fetchOr(wanted, .sequential))
        guard before.bits & wanted != wanted else { return }
        if FDState(bits: before.bits | wanted).served != 0 { table.putReady(fd, slot) }
        table.postUpdate(fd, slot, self, added: true)
    }

    @usableFromInline
    func stopShared(_ fd: Int32, _ slot: FDSlot, _ unwanted: UInt64) {
        let entered = table.enter(slot, bit)
        defer { if entered { table.leave(fd, slot, bit, self) } }
        guard hasSharedOwner(slot) else { return }
        let before = slot.state.fetchAnd(~unwanted, .sequential)
        if before & unwanted != 0 { table.postUpdate(fd, slot, self, added: false) }
    }

    @usableFromInline
    func cannotShared(_ fd: Int32, _ slot: FDSlot, _ spent: UInt64) {
        let entered = table.enter(slot, bit)
        defer { if entered { table.leave(fd, slot, bit, self) } }
        guard hasSharedOwner(slot) else { return }
        // Level-triggered: what is still there is reported again, an error too.
        slot.state.fetchAnd(~(spent | FDState.hangup | FDState.error), .acquireRelease)
    }

    @usableFromInline
    func mayShared(_ fd: Int32, _ slot: FDSlot, _ ready: UInt64) {
        let entered = table.enter(slot, bit)
        defer { if entered { table.leave(fd, slot, bit, self) } }
        let owners = slot.threadMask.load(.sequential)
        guard hasSharedOwner(slot) else { return }
        let before = slot.state.fetchOr(ready, .sequential)
        guard FDState(bits: before | ready).served != 0 else { return }
        table.putReady(fd, slot)
        if owners & bit == 0 { table.wakeOne(of: owners, self) }
    }

    // MARK: Removing

    /// Takes a descriptor out of the table, and closes it unless told otherwise. No handler is called for it any more,
    /// except those that are running. A shared one is closed by the last thread to leave it, which may be another one
    /// and a moment later; with a poller that keeps files (io_uring) always in a later turn, when what was armed is
    /// cancelled. The handler is let go of once no thread can be inside it.
    public func remove(_ fd: Int32, close: Bool = true) {
        let slot = memory[fd]
        let state = slot.loadState(.relaxed)
        guard state.isOpen else { return }
        if state.isLocal { return removeLocal(fd, slot, state, close) }
        let entered = table.enter(slot, bit)
        let revoked = table.revoke(slot, generation: state.generation, closesNumber: close)
        if !revoked { activity.add(.removedLate) }
        if entered { table.leave(fd, slot, bit, self) }
    }

    private func removeLocal(_ fd: Int32, _ slot: FDSlot, _ state: FDState, _ close: Bool) {
        precondition(
            FDTenure(bits: slot.tenure.load(.relaxed)).isHeld(by: index), "a local descriptor is removed by its thread")
        activity.add(.removed)
        if table.localReady[index].remove(fd) { localReadyCount &-= 1 }
        // Closing a stream that is in no other process removes it from epoll and kqueue; what they may still report of
        // it carries a dead generation. Sets of numbers must forget it.
        if !close || !registersOnce || table.keepsFiles { table.forgetInPollers(fd, slot, self) }
        slot.polledRead.store(0, .relaxed)
        slot.polledWrite.store(0, .relaxed)
        slot.updateMask.store(0, .relaxed)
        slot.threadMask.store(0, .relaxed)
        // The handler may be the one that is running: it is let go of at the end of the turn.
        farewells.append(slot.handler.load(.relaxed))
        slot.handler.store(0, .relaxed)
        slot.state.store(FDTable.freed(state), .release)
        if close { _ = kernel.close(fd) }
    }

    // MARK: For the pollers

    /// A local descriptor is registered now, for good.
    func registered(_ slot: FDSlot) {
        slot.state.store(slot.state.load(.relaxed) | FDState.registered, .relaxed)
    }

    /// The kernel refuses to watch a descriptor: its handler finds out by `.error`. A shared one is tried again: others
    /// than its handler depend on it, and an error that its next EAGAIN takes back would leave it deaf on this thread.
    func registrationFailed(_ fd: Int32, _ slot: FDSlot) {
        activity.add(.pollerErrors)
        let flags = FDState.error | FDState.ready
        if slot.loadState(.relaxed).isLocal {
            let new = FDState(bits: slot.state.load(.relaxed) | flags)
            slot.state.store(new.bits, .relaxed)
            if new.served != 0 { putLocalReady(fd) }
            return
        }
        let before = slot.state.fetchOr(flags, .sequential)
        if FDState(bits: before | flags).served != 0 { table.putReady(fd, slot) }
        let retry = RegistrationRetry(fd, generation: FDState(bits: before).generation)
        schedule(retry, at: now.adding(milliseconds: Limits.registrationRetryMilliseconds))
    }

    /// Has the pollers of a shared descriptor look at it again, if it is still the same.
    fileprivate func registerAgain(_ fd: Int32, generation: UInt32) {
        let slot = memory[fd]
        let entered = table.enter(slot, bit)
        defer { if entered { table.leave(fd, slot, bit, self) } }
        let state = slot.loadState(.sequential)
        guard state.isOpen, !state.isLocal, state.generation == generation else { return }
        table.postUpdate(fd, slot, self, added: false)
    }
}

/// Tries once more to watch a shared descriptor. Its timer keeps it alive until it has run.
private final class RegistrationRetry: LoopTask {
    private let fd: Int32
    private let generation: UInt32

    init(_ fd: Int32, generation: UInt32) {
        self.fd = fd
        self.generation = generation
        super.init()
    }

    override func run(on worker: Worker, _ reason: WakeReason) { worker.registerAgain(fd, generation: generation) }
}
