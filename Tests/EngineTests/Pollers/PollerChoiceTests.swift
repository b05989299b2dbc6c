import Base
import CPlatform
import Glibc
import Testing

@testable import Engine

@Suite("PollerChoice")
struct PollerChoiceTests {
    func expect(_ group: WorkerGroup, _ name: String) { #expect(group.pollerName == name) }

    @Test("the best poller that is allowed is used")
    func preference() throws {
        expect(try Rig.group(.all), Rig.hasRings ? "io_uring" : "epoll")
        expect(try Rig.group(PollerChoice.all.subtracting(.uring)), "epoll")
        expect(try Rig.group([.uring, .poll, .select]), Rig.hasRings ? "io_uring" : "poll")
        expect(try Rig.group([.kqueue, .poll, .select]), "kqueue")
        expect(try Rig.group([.poll, .select]), "poll")
        expect(try Rig.group(.select), "select")
        #expect(throws: SystemError(code: ENOSYS)) { try Rig.group([]) }
    }

    @Test("the program does not offer an emulated kqueue")
    func emulation() throws {
        var options = WorkerGroup.Options()
        options.pollers = [.kqueue, .poll]
        options.maxDescriptors = 1024
        let group = try WorkerGroup(options, kernel: HostKernel())
        #expect(group.pollerName == (HostKernel().offersKqueue ? "kqueue" : "poll"))
    }

    @Test("reports list the pollers by preference, with what was tried")
    func reports() {
        let reports = PollerChoice.reports(allowed: [.epoll, .select], kernel: Rig.kernel)
        #expect(reports.map(\.name) == ["io_uring", "epoll", "kqueue", "poll", "select"])
        #expect(reports.map(\.preference) == [350, 300, 300, 200, 150])
        #expect(reports.map(\.isAllowed) == [false, true, false, false, true])
        #expect(reports.prefix(4).map(\.works) == [Rig.hasRings, true, true, true])
        #expect(reports.filter { !$0.works && $0.name == "io_uring" }.allSatisfy { $0.reason != nil })
        #expect(!PollerChoice.reports(allowed: .all, kernel: HostKernel()).contains { $0.name == "kqueue" })
    }

    @Test("B11: select refuses a table beyond FD_SETSIZE at start")
    func selectLimit() throws {
        #expect(PollerKind.select.test(Rig.kernel, SelectPoller.size).works)
        #expect(!PollerKind.select.test(Rig.kernel, SelectPoller.size + 1).works)
        #expect(throws: SystemError.self) {
            try PollerKind.select.make(
                Rig.kernel, PollerPlan(threads: 1, maxEvents: 10, capacity: SelectPoller.size + 1))
        }
    }

    @Test("B10: what a group opens for itself is within what it declares", arguments: [1, 4])
    func ownDescriptors(_ threads: Int) throws {
        for choice in [PollerChoice.epoll, .poll] {
            let kernel = TestKernel()
            var options = WorkerGroup.Options()
            options.threads = threads
            options.pollers = choice
            options.maxDescriptors = 1024
            do {
                let group = try WorkerGroup(options, kernel: kernel)
                // One descriptor was opened and closed again by the test of epoll.
                let kept = kernel.opened.value - kernel.closed.value
                #expect(kept <= WorkerGroup.ownDescriptors(threads: group.options.threads))
            }
            #expect(kernel.opened.value == kernel.closed.value, "F: each is closed once")
        }
    }

    @Test("a bad number of threads is refused", arguments: [0, -1, 65])
    func badThreads(_ threads: Int) {
        #expect(throws: SystemError(code: EINVAL)) { try Rig.group(.epoll, threads: threads) }
    }
}

@Suite("Epoll")
struct EpollTests {
    func group(_ kernel: TestKernel) throws -> WorkerGroup {
        var options = WorkerGroup.Options()
        options.maxDescriptors = 1024
        options.pollers = .epoll
        return try WorkerGroup(options, kernel: kernel)
    }

    @Test("a local descriptor costs one registration for its life, and want and stop none")
    func registeredOnce() throws {
        let kernel = TestKernel()
        let group = try group(kernel)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        worker.insert(near, FDHandler(), kind: .stream)
        worker.want(near, .read)
        worker.turnOnce()
        let controls = kernel.controls.value
        for _ in 0..<5 {
            worker.stop(near, .read)
            worker.want(near, .both)
            worker.cannot(near, .write)
            worker.stop(near, .write)
            worker.turnOnce()
        }
        #expect(kernel.controls.value == controls)
        worker.remove(near)
        #expect(kernel.controls.value == controls, "close alone removes it")
        _ = Rig.kernel.close(far)
    }

    @Test("a connection that is served in the turn in which it came is never registered")
    func neverRegistered() throws {
        let kernel = TestKernel()
        let group = try group(kernel)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        Rig.write(far, "request")
        let controls = kernel.controls.value
        var served = false
        let handler = Handler { fd, _, worker in
            served = Rig.read(fd).text == "request"
            worker.remove(fd)
        }
        worker.insert(near, handler, kind: .stream)
        worker.want(near, .read)
        worker.may(near, .read)
        worker.turnOnce()
        #expect(served && kernel.controls.value == controls)
        _ = Rig.kernel.close(far)
    }

    @Test("what epoll refuses to watch is told to the handler as an error", arguments: [FDKind.stream, .shared])
    func refusal(_ kind: FDKind) throws {
        let kernel = TestKernel()
        let group = try group(kernel)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        kernel.refusal.store(ENOSPC, ordering: .relaxed)
        var told: FDEvents = []
        let handler = Handler { fd, events, worker in
            told = events
            worker.remove(fd)
        }
        worker.insert(near, handler, kind: kind)
        worker.want(near, .read)
        worker.turnOnce()
        worker.turnOnce()
        #expect(told.contains(.error))
        #expect(worker.activity.value(.pollerErrors) == 1)
        _ = Rig.kernel.close(far)
    }

    @Test("B7: an interrupted wait loses nothing")
    func interrupted() throws {
        let kernel = TestKernel()
        let group = try group(kernel)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        var seen = false
        let handler = Handler { fd, _, worker in
            seen = true
            worker.stop(fd, .read)
        }
        worker.insert(near, handler, kind: .stream)
        worker.want(near, .read)
        kernel.interruptions.store(3, ordering: .relaxed)
        Rig.write(far, "x")
        #expect(Rig.turn(group) { seen })
        #expect(kernel.waits.value >= 4)
        worker.remove(near)
        _ = Rig.kernel.close(far)
    }

    @Test("B4: a listener that the kernel has already, or has lost, is brought into line")
    func converging() throws {
        let group = try Rig.group(.epoll)
        let worker = group.workers[0]
        let (fd, _) = try Rig.listener()
        let slot = group.table.memory[fd]
        worker.insert(fd, FDHandler(), kind: .listener)
        worker.want(fd, .read)
        worker.turnOnce()
        // The mirror says "not there", the kernel has it.
        slot.polledRead.store(0, .sequential)
        group.table.pollers[0].update(fd, slot, worker)
        #expect(slot.polledRead.load(.sequential) == 1)
        // The mirror says "there", the kernel has lost it.
        group.table.pollers[0].forget(fd, slot)
        worker.stop(fd, .read)
        worker.turnOnce()
        #expect(slot.polledRead.load(.sequential) == 0)
        #expect(worker.activity.value(.pollerErrors) == 0)
        worker.remove(fd)
    }
}

@Suite("PollSet")
struct PollSetTests {
    @Test("the bound follows the highest number that is watched")
    func bound() throws {
        let set = try #require(PollSet(capacity: 1000))
        #expect(set.usedWords == 0)
        set.watch(70, .read)
        set.watch(999, .write)
        #expect(set.usedWords == 16)
        #expect(set.watched(999) == .write && set.watched(70) == .read && set.watched(71) == [])
        set.watch(999, [])
        #expect(set.usedWords == 2)
        set.watch(70, [])
        #expect(set.usedWords == 0)
        set.watch(3, .both)
        #expect(set.usedWords == 1 && set.watched(3) == .both)
    }

    @Test("threads that add and remove high numbers lose none")
    func threads() throws {
        let set = try #require(PollSet(capacity: 1024))
        let workers = try (0..<3).map { index in
            try Parallel {
                var random = Random(seed: UInt64(index))
                for _ in 0..<5000 {
                    let fd = Int32(random.below(340) * 3 + index)
                    set.watch(fd, random.below(2) == 0 ? .read : [])
                }
                set.watch(Int32(600 + index), .both)
                for fd in stride(from: Int32(606 + index), to: 1020, by: 3) { set.watch(fd, []) }
            }
        }
        for worker in workers { worker.join() }
        #expect(set.usedWords >= 10)
        for fd in 600..<603 as Range<Int32> { #expect(set.watched(fd) == .both) }
    }

    @Test("A11: a change between reading the state and changing the set is found, and applied")
    func changedMeanwhile() throws {
        let group = try Rig.group(.poll, threads: 2)
        let (fd, _) = try Rig.datagram()
        let (first, second) = (group.workers[0], group.workers[1])
        let slot = group.table.memory[fd]
        first.insert(fd, FDHandler(), kind: .shared, threads: .all(2))
        first.want(fd, .read)
        #expect(group.table.takeUpdates(first))
        let poller = try #require(group.table.pollers[1] as? SetPoller)
        #expect(poller.set.watched(fd) == .read)
        #expect(slot.updateMask.load(.sequential) == 0, "the first thread takes it for all")
        #expect(group.table.takeUpdates(second))
        // A second thread that sees no bit finds the set changed already: the set comes before the bits.
        first.stop(fd, .read)
        let watching = BitWatcher(poller.set, slot)
        let real = group.table.pollers[0]
        group.table.pollers[0] = watching
        #expect(group.table.takeUpdates(first))
        group.table.pollers[0] = real
        #expect(watching.maskAtFirstChange & first.bit != 0)
        #expect(watching.changes == 2, "before clearing the bits, and after")
        #expect(poller.set.watched(fd) == [])
        first.remove(fd)
    }
}

/// Notes what the update mask was when the set was changed.
final class BitWatcher: SetPoller {
    let slot: FDSlot
    var maskAtFirstChange: UInt64 = 0
    var changes = 0

    init(_ set: PollSet, _ slot: FDSlot) {
        self.slot = slot
        super.init(set)
    }

    override func update(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        if changes == 0 { maskAtFirstChange = self.slot.updateMask.load(.sequential) }
        changes += 1
        super.update(fd, slot, worker)
    }
}
