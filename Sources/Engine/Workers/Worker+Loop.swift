import Base
import CPlatform

// The loop of a worker, in the five steps of a turn.

extension Worker {
    /// Runs turns until the group stops, and then retires from it.
    func run() {
        readyToRun()
        while !group.isStopping { turn() }
        table.retire(self)
        releaseFarewells()
    }

    private func readyToRun() {
        readClock()
    }

    /// One turn, with a wait if there is nothing to do.
    func turn() {
        activity.add(.loops)
        turnNumber &+= 1
        runDue()
        serveReady()
        applyUpdates()
        releaseFarewells()
        let events = wait()
        readClock()
        if events > 0 {
            activity.add(.pollEvents, events)
            poller.dispatch(events, self)
        }
    }

    // MARK: 1. What is due

    private func runDue() {
        if wheel.count != 0 {
            activity.add(.timersFired, wheel.advance(to: now, into: queue, limit: Limits.timersPerTurn))
        }
        var messages = 0
        while messages < Limits.messagesPerTurn, let message = mailbox.take() {
            message.deliver(on: self)
            messages &+= 1
        }
        if messages > 0 { activity.add(.messagesReceived, messages) }
        // Tasks queued from here on run in the next turn.
        var left = min(queue.count, Limits.tasksPerTurn)
        while left > 0, let task = queue.take() {
            left &-= 1
            let reasons = task.reasons
            if reasons.isEmpty { continue }
            task.reasons = []
            activity.add(.tasksRun)
            task.run(on: self, reasons)
        }
    }

    // MARK: 2. The ready lists

    private func serveReady() {
        if localReadyCount > 0 { serveLocalReady() }
        if table.readyThreads.load(.sequential) & bit != 0 { serveSharedReady() }
    }

    private func serveLocalReady() {
        let list = table.localReady[index]
        // What is put back meanwhile waits for the next turn.
        var left = min(localReadyCount, Limits.readyPerTurn)
        while left > 0, let fd = list.head() {
            left &-= 1
            if list.remove(fd) { localReadyCount &-= 1 }
            let slot = memory[fd]
            let state = slot.loadState(.relaxed)
            guard state.served != 0, FDTenure(bits: slot.tenure.load(.relaxed)).isHeld(by: index) else { continue }
            activity.add(.readyServed)
            callLocal(fd, slot, state)
        }
    }

    private func serveSharedReady() {
        // The bit first: who puts an entry in from now on sets it again.
        table.readyThreads.fetchAnd(~bit, .sequential)
        let list = table.readyList
        let departures = list.departures
        var own: UInt64 = 0
        var found = InlineNumbers()
        var cursor = list.head()
        while let fd = cursor, !found.isFull {
            cursor = list.successor(of: fd)
            if memory[fd].threadMask.load(.sequential) & bit != 0, list.remove(fd) {
                own &+= 1
                found.append(fd)
            }
        }
        if cursor != nil || list.departures != departures &+ own {
            // More may be left, or was jumped over: look again before sleeping.
            table.readyThreads.fetchOr(bit, .sequential)
        }
        for position in 0..<found.count {
            let fd = found[position]
            activity.add(.readyServed)
            reportShared(fd, memory[fd], generation: nil, 0)
        }
    }

    // MARK: 3. Updates

    private func applyUpdates() {
        let count = updates.count
        if count > 0 {
            var position = 0
            while position < count {
                applyLocal(updates[position])
                position &+= 1
            }
            updates.removeFirst(count)
        }
        let posts = table.posts.load(.sequential)
        if posts != postsSeen && table.takeUpdates(self) { postsSeen = posts }
    }

    /// Brings the poller into line for one local descriptor, if it still has to.
    func applyLocal(_ fd: Int32) {
        let slot = memory[fd]
        let state = slot.loadState(.acquire)
        guard state.isOpen, state.isLocal, FDTenure(bits: slot.tenure.load(.relaxed)).isHeld(by: index),
            slot.updateMask.load(.relaxed) & bit != 0
        else {
            activity.add(.droppedUpdates)
            return
        }
        slot.updateMask.store(0, .relaxed)
        // Nothing to watch for yet: registered when the first try has found nothing.
        if registersOnce && state.active.rawValue & ~state.ready.rawValue == 0 { return }
        activity.add(.localUpdates)
        poller.update(fd, slot, self)
    }

    // MARK: 4. The wait

    /// Everything that forbids to sleep. It is asked after "asleep" has been published, and covers every kind of work.
    var hasWork: Bool {
        !queue.isEmpty || localReadyCount > 0 || updates.count > 0 || farewells.count > 0 || !mailbox.isEmpty
            || table.readyThreads.load(.sequential) & bit != 0 || table.posts.load(.sequential) != postsSeen
            || group.isStopping
    }

    private func wait() -> Int {
        let timeout = hasWork ? 0 : waitMilliseconds()
        if timeout == 0 { return max(0, poller.wait(0, self)) }
        alarm.goToSleep()
        if hasWork {
            _ = alarm.getUp()
            return max(0, poller.wait(0, self))
        }
        activity.add(.waits)
        let events = poller.wait(timeout, self)
        if alarm.getUp() { activity.add(.wakesByThread) }
        if events > 0 {
            activity.add(.wakesByPoller)
        } else {
            activity.add(events == 0 ? .wakesByTimeout : .emptyPolls)
        }
        return max(0, events)
    }

    /// Milliseconds until the next timer. The clock was read before the wait began, and waits last at least as long as
    /// asked, so the timer is due when the wait has ended: no turn is spent a millisecond early.
    func waitMilliseconds() -> Int32 {
        let next = wheel.nextExpiry
        if next == .never { return Int32(Limits.longestWaitMilliseconds) }
        return Int32(clamping: min(next.milliseconds(since: now), UInt64(Limits.longestWaitMilliseconds)))
    }

    // MARK: 5. Reports

    /// Whether other threads accept what this one is told of.
    var sharesListeners: Bool { table.threads > 1 }

    /// Whether a token is a listener's. It is for the order of reports alone: a stale one is told from others later.
    @inline(__always)
    func isListener(_ token: FDToken) -> Bool {
        token != .waker && memory[token.fd].loadState(.relaxed).has(FDState.listener)
    }

    /// What a poller found out about the descriptor of a token.
    @inline(__always)
    func report(_ token: FDToken, _ flags: UInt64) {
        if token == .waker {
            waker.drain()
            return
        }
        let fd = token.fd
        let slot = memory[fd]
        let state = slot.loadState(.acquire)
        guard state.generation == token.generation && state.isOpen else {
            activity.add(.staleGeneration)
            return
        }
        if state.isLocal {
            reportLocal(fd, slot, state, flags)
        } else {
            reportShared(fd, slot, generation: token.generation, flags)
        }
    }

    @inline(__always)
    private func reportLocal(_ fd: Int32, _ slot: FDSlot, _ state: FDState, _ flags: UInt64) {
        var state = state
        if !FDTenure(bits: slot.tenure.load(.relaxed)).isHeld(by: index) {
            guard regain(fd, slot) else {
                activity.add(.notOwner)
                return
            }
            state = slot.loadState(.acquire)
        }
        let new = FDState(bits: state.bits | flags)
        slot.state.store(new.bits, .relaxed)
        guard new.served != 0 else {
            activity.add(.notActive)
            if !registersOnce { noteLocalUpdate(fd, slot) }
            return
        }
        callLocal(fd, slot, new)
    }

    /// Calls the handler of a local descriptor; what is left active and ready goes to the ready list.
    @inline(__always)
    private func callLocal(_ fd: Int32, _ slot: FDSlot, _ state: FDState) {
        activity.add(.handlerCalls)
        serving = fd
        Worker.call(slot.handler.load(.relaxed), fd, state.events, self)
        serving = -1
        // It may be another descriptor under the same number by now: what it is in, counts.
        let after = slot.loadState(.relaxed)
        guard after.isLocal, after.served != 0, FDTenure(bits: slot.tenure.load(.relaxed)).isHeld(by: index)
        else { return }
        putLocalReady(fd)
    }

    /// A shared descriptor: inside the slot, verified, then served. Without a generation it comes from the ready list.
    func reportShared(_ fd: Int32, _ slot: FDSlot, generation: UInt32?, _ flags: UInt64) {
        let entered = table.enter(slot, bit)
        defer { if entered { table.leave(fd, slot, bit, self) } }
        let owners = slot.threadMask.load(.sequential)
        let state = slot.loadState(.sequential)
        guard owners & bit != 0, state.isOpen, !state.isLocal, generation == nil || generation == state.generation
        else {
            activity.add(owners == 0 ? .staleGeneration : .notOwner)
            return
        }
        let before = slot.state.fetchOr(flags, .acquireRelease)
        let new = FDState(bits: before | flags)
        guard new.served != 0 else {
            activity.add(.notActive)
            return
        }
        activity.add(.handlerCalls)
        Worker.call(slot.handler.load(.acquire), fd, new.events, self)
        if slot.loadState(.sequential).served != 0 && slot.threadMask.load(.sequential) != 0 {
            table.putReady(fd, slot)
        }
    }

    /// Calls a handler without counting references.
    @inline(__always)
    private static func call(_ number: UInt64, _ fd: Int32, _ events: FDEvents, _ worker: Worker) {
        // SAFETY: the slot holds a retained reference while it is open. A local one is released at the end of the turn
        // at the earliest, a shared one only when no thread is inside.
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(number)) else { return }
        unsafe Unmanaged<FDHandler>.fromOpaque(pointer)._withUnsafeGuaranteedRef { $0.ready(fd, events, on: worker) }
    }

    /// Lets go of every message, task and handler, once no thread runs the loop any more.
    func letGo() {
        mailbox.clear()
        queue.clear()
        wheel.clear()
        releaseFarewells()
    }

    func releaseFarewells() {
        var position = 0
        // A handler's end may remove descriptors of its own.
        while position < farewells.count {
            FDTable.releaseHandler(farewells[position])
            position &+= 1
        }
        farewells.removeFirst(position)
    }
}

/// Up to 32 descriptor numbers without allocation.
struct InlineNumbers {
    private var numbers: InlineArray<32, Int32> = .init(repeating: -1)
    private(set) var count = 0

    var isFull: Bool { count == 32 }

    mutating func append(_ number: Int32) {
        precondition(count < 32)
        numbers[count] = number
        count += 1
    }

    subscript(position: Int) -> Int32 { numbers[position] }
}
