import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// What threads do with each other, step by step: two or more workers of a group, played by the one thread of the test.
@Suite("Shared descriptors")
struct SharedDescriptorTests {
    let kernel = TestKernel()
    let group: WorkerGroup
    let first: Worker
    let second: Worker
    let table: FDTable
    let fd: Int32
    let address: SocketAddress
    let slot: FDSlot
    let calls = Counter()

    init() throws {
        var options = WorkerGroup.Options()
        options.threads = 3
        options.maxDescriptors = 1024
        options.pollers = .epoll
        group = try WorkerGroup(options, kernel: kernel)
        (first, second) = (group.workers[0], group.workers[1])
        table = group.table
        (fd, address) = try Rig.datagram()
        slot = table.memory[fd]
        first.insert(fd, handler(), kind: .shared, threads: .all(2))
    }

    func handler() -> Handler {
        let calls = calls
        return Handler { fd, _, worker in
            calls.add()
            _ = Rig.read(fd)
            worker.cannot(fd, .read)
        }
    }

    /// Takes the updates that a worker owes, as its loop does before it sleeps.
    func update(_ worker: Worker) {
        #expect(table.takeUpdates(worker))
        table.updateList.checkInvariants()
    }

    /// Whether the thread of a worker would find work before it sleeps.
    func owes(_ worker: Worker) -> Bool { slot.updateMask.load(.sequential) & worker.bit != 0 }

    func polled(_ worker: Worker) -> Bool { slot.polledRead.load(.sequential) & worker.bit != 0 }

    @Test("an update stays in the list until each thread of the mask has taken it")
    func everyThread() {
        first.want(fd, .read)
        #expect(owes(first) && owes(second) && !owes(group.workers[2]))
        update(first)
        #expect(polled(first) && !polled(second))
        #expect(table.updateList.holds(fd))
        update(second)
        #expect(polled(second))
        #expect(!table.updateList.holds(fd))
        table.checkInvariants()
        first.remove(fd)
    }

    @Test("A1: removing and inserting again while an update is due leaves the descriptor linked once, or not")
    func removingWhileLinked() throws {
        first.want(fd, .read)
        #expect(table.updateList.holds(fd))
        first.remove(fd, close: false)
        #expect(!table.updateList.holds(fd) && slot.updateMask.load(.sequential) == 0)
        first.insert(fd, handler(), kind: .shared, threads: .all(2))
        second.want(fd, .read)
        #expect(owes(first) && owes(second) && table.updateList.holds(fd))
        update(second)
        update(first)
        #expect(polled(first) && polled(second) && !table.updateList.holds(fd))
        first.remove(fd)
        table.checkInvariants()
    }

    @Test("A4: armed again between the clearing of the last bit and the unlinking, it is linked again")
    func armedWhileUnlinking() {
        first.want(fd, .read)
        update(first)
        // Second has cleared the last bit; before it unlinks, first arms it again and finds it still linked.
        slot.updateMask.fetchAnd(~second.bit, .sequential)
        slot.updateMask.fetchOr(first.bit, .sequential)
        #expect(!table.updateList.add(fd))
        _ = table.settle(fd, slot)
        #expect(table.updateList.holds(fd), "first still owes it")
        slot.updateMask.store(0, .sequential)
        _ = table.settle(fd, slot)
        #expect(!table.updateList.holds(fd))
        first.remove(fd)
    }

    @Test("A5: a late thread leaves no bit on a closed descriptor, and its successor's updates arrive")
    func lateThread() throws {
        first.remove(fd, close: false)
        second.want(fd, .read)
        #expect(slot.updateMask.load(.sequential) == 0 && !table.updateList.holds(fd))
        first.insert(fd, handler(), kind: .shared, threads: .all(2))
        // Even a bit that somebody left suppresses nothing.
        slot.updateMask.fetchOr(second.bit, .sequential)
        first.want(fd, .read)
        #expect(table.updateList.holds(fd))
        update(second)
        #expect(polled(second))
        first.remove(fd)
    }

    @Test("A6: every early exit leaves the slot")
    func earlyExits() {
        first.want(fd, .read)
        first.remove(fd, close: false)
        second.want(fd, .read)
        second.stop(fd, .read)
        second.cannot(fd, .read)
        second.may(fd, .read)
        second.remove(fd)
        second.reportShared(fd, slot, generation: 0, FDState.readyRead)
        #expect(slot.runningMask.load(.sequential) == 0)
        #expect(calls.value == 0)
        _ = Rig.kernel.close(fd)
    }

    @Test("A8: a scan that was led astray starts again, and no update is left")
    func ledAstray() throws {
        let others = try (0..<2).map { _ in try Rig.datagram().fd }
        for other in others { first.insert(other, handler(), kind: .shared, threads: .all(2)) }
        let all = [fd] + others
        for number in all { first.want(number, .read) }
        // While second is at the first entry, the next one is unlinked and linked at the end: from there the scan would
        // end, and the third be jumped over.
        let poller = JumpingPoller(table, jumps: 1)
        poller.target = others[0]
        let real = table.pollers[1]
        table.pollers[1] = poller
        #expect(table.takeUpdates(second))
        table.pollers[1] = real
        #expect(poller.seen.sorted() == all.sorted())
        for number in all { #expect(table.memory[number].updateMask.load(.sequential) & second.bit == 0) }
        for number in all { first.remove(number) }
        table.checkInvariants()
    }

    @Test("A8: a thread whose scans never come to rest does not sleep")
    func neverAtRest() throws {
        first.want(fd, .read)
        let poller = JumpingPoller(table, jumps: 1000)
        let real = table.pollers[1]
        table.pollers[1] = poller
        poller.bits = second.bit
        #expect(!table.takeUpdates(second))
        table.pollers[1] = real
        #expect(second.hasWork, "its count of posts is behind")
        first.remove(fd)
    }

    @Test("A9: a new update does not wipe out one that is still owed")
    func pendingRemoval() {
        first.want(fd, .read)
        update(first)
        update(second)
        first.stop(fd, .read)
        update(first)
        #expect(owes(second), "second still polls it")
        // Somebody posts again for first alone.
        table.live.fetchAnd(~second.bit, .sequential)
        first.want(fd, .read)
        table.live.fetchOr(second.bit, .sequential)
        #expect(owes(second))
        first.remove(fd)
    }

    @Test("A10: a thread that stops acknowledges what it owes, and nothing is posted for it any more")
    func stoppingThread() {
        first.want(fd, .read)
        update(first)
        table.retire(second)
        #expect(!owes(second) && !table.updateList.holds(fd))
        first.stop(fd, .read)
        #expect(!owes(second))
        update(first)
        #expect(!table.updateList.holds(fd))
        first.remove(fd)
    }

    @Test("an entry whose descriptor has no owner any more is acknowledged, dropped and counted")
    func withoutOwner() {
        first.want(fd, .read)
        let entered = table.enter(slot, group.workers[2].bit)
        #expect(entered)
        first.remove(fd)
        #expect(table.updateList.holds(fd), "somebody is inside, so it is not closed yet")
        let before = second.activity.value(.droppedUpdates)
        update(second)
        #expect(second.activity.value(.droppedUpdates) == before + 1)
        #expect(!polled(second))
        table.leave(fd, slot, group.workers[2].bit, group.workers[2])
        #expect(!table.updateList.holds(fd))
        table.checkInvariants()
    }

    @Test("C4 E4: a descriptor that is removed while a thread is inside is closed by the last to leave")
    func lastToLeave() {
        weak var handler: Handler?
        do {
            let mine = self.handler()
            handler = mine
            first.remove(fd, close: false)
            first.insert(fd, mine, kind: .shared, threads: .all(2))
        }
        let closed = kernel.closed.value
        #expect(table.enter(slot, second.bit))
        first.remove(fd)
        #expect(kernel.closed.value == closed && handler != nil)
        #expect(slot.loadState(.sequential).has(FDState.closing))
        table.leave(fd, slot, second.bit, second)
        #expect(kernel.closed.value == closed + 1 && handler == nil)
        #expect(!slot.loadState(.sequential).isOpen)
    }

    @Test("C2 C7: threads inside of each other's descriptors remove them without waiting, and each is closed once")
    func crossedRemovals() throws {
        let (other, _) = try Rig.datagram()
        first.insert(other, self.handler(), kind: .shared, threads: .all(2))
        let otherSlot = table.memory[other]
        let closed = kernel.closed.value
        #expect(table.enter(slot, first.bit))
        #expect(table.enter(otherSlot, second.bit))
        // Each call returns while the other thread still is where it was.
        first.remove(other)
        second.remove(fd)
        #expect(kernel.closed.value == closed)
        table.leave(fd, slot, first.bit, first)
        table.leave(other, otherSlot, second.bit, second)
        #expect(kernel.closed.value == closed + 2)
        table.checkInvariants()
    }

    @Test("C6: of two threads that leave, and of two that remove, one closes")
    func closedOnce() {
        let closed = kernel.closed.value
        #expect(table.enter(slot, second.bit))
        #expect(table.enter(slot, first.bit))
        first.remove(fd)
        second.remove(fd)
        table.leave(fd, slot, first.bit, first)
        table.leave(fd, slot, second.bit, second)
        table.leave(fd, slot, second.bit, second)
        #expect(kernel.closed.value == closed + 1)
        #expect(second.activity.value(.removedLate) == 1)
    }

    @Test("C6: two threads that both found the slot empty behind them close it once")
    func oneToken() {
        let closed = kernel.closed.value
        let generation = slot.loadState(.sequential).generation
        #expect(table.enter(slot, second.bit))
        first.remove(fd)
        // Second leaves; before it looks on, a late thread has come and gone, and looks too.
        slot.runningMask.fetchAnd(~second.bit, .sequential)
        table.finish(fd, slot, second)
        table.finish(fd, slot, first)
        #expect(kernel.closed.value == closed + 1)
        #expect(slot.loadState(.sequential).generation == generation + 1)
        #expect(first.activity.value(.removed) + second.activity.value(.removed) == 1)
    }

    @Test("C3: a thread that comes too late publishes itself, finds no owner, and calls nobody")
    func tooLate() {
        first.want(fd, .read)
        #expect(table.enter(slot, first.bit))
        first.remove(fd)
        second.reportShared(fd, slot, generation: 0, FDState.readyRead)
        #expect(calls.value == 0)
        table.leave(fd, slot, first.bit, first)
        #expect(!slot.loadState(.sequential).isOpen)
    }

    @Test("a thread outside the mask gets no handler call")
    func outsideMask() {
        first.want(fd, .read)
        group.workers[2].reportShared(fd, slot, generation: 0, FDState.readyRead)
        #expect(calls.value == 0)
        #expect(group.workers[2].activity.value(.notOwner) == 1)
        first.remove(fd)
    }

    @Test("B3: closing removes the registration of an open file that lives on elsewhere", arguments: [0, 1])
    func livesOn(_ who: Int) {
        let copy = Rig.kernel.dup(fd)
        first.want(fd, .read)
        update(first)
        update(second)
        group.workers[who].remove(fd)
        let sender = Rig.kernel.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var byte: UInt8 = 1
        // SAFETY: one byte of a local.
        _ = unsafe Rig.kernel.sendto(sender, &byte, 1, address)
        #expect(Rig.wait(table.pollers[0], 20, first) == 0)
        #expect(table.pollers[1].wait(0, second) == 0)
        _ = Rig.kernel.close(copy)
        _ = Rig.kernel.close(sender)
    }

    @Test("E1: a pause that races EAGAIN takes nothing away: wanted again, it is reported again")
    func pauseAndEmpty() {
        first.want(fd, .read)
        second.stop(fd, .read)
        first.cannot(fd, .read)
        second.want(fd, .read)
        update(first)
        update(second)
        #expect(polled(first) && polled(second))
        first.remove(fd)
    }

    @Test("a shared descriptor left active and ready is served from the global ready list by a thread of its mask")
    func globalReady() {
        first.want(fd, .read)
        update(first)
        first.may(fd, .read)
        #expect(table.readyList.holds(fd))
        #expect(table.readyThreads.load(.sequential) == ThreadSet.all(2).bits)
        #expect(first.hasWork && second.hasWork)
        first.turnOnce()
        #expect(calls.value == 1)
        #expect(!table.readyList.holds(fd))
        #expect(table.readyThreads.load(.sequential) & first.bit == 0)
        first.remove(fd)
    }
}

/// Unlinks and links again what it is asked to update, as another thread would in that moment.
final class JumpingPoller: Poller {
    let table: FDTable
    var jumps: Int
    var seen: [Int32] = []
    /// The descriptor that jumps; nil for the one that is being updated.
    var target: Int32?
    /// Bits that are set again with every jump.
    var bits: UInt64 = 0

    init(_ table: FDTable, jumps: Int) {
        self.table = table
        self.jumps = jumps
    }

    override func update(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        seen.append(fd)
        guard jumps > 0 else { return }
        jumps -= 1
        slot.updateMask.fetchOr(bits, .sequential)
        table.updateList.remove(target ?? fd)
        table.updateList.add(target ?? fd)
    }
}
