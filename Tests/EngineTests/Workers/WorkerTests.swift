import Base
import CPlatform
import Glibc
import Testing

@testable import Engine

@Suite("Worker")
struct WorkerTests {
    let group: WorkerGroup
    let worker: Worker

    init() throws {
        group = try Rig.group()
        worker = group.workers[0]
    }

    @Test("a local descriptor's handler is called when it becomes readable")
    func readable() throws {
        let (near, far) = try Rig.pair()
        var seen: [String] = []
        let handler = Handler { fd, events, worker in
            #expect(events.contains(.readable))
            let (count, text) = Rig.read(fd)
            if count > 0 { seen.append(text) }
            worker.cannot(fd, .read)
        }
        worker.insert(near, handler, kind: .stream)
        worker.want(near, .read)
        Rig.write(far, "one")
        #expect(Rig.turn(group) { seen == ["one"] })
        Rig.write(far, "two")
        #expect(Rig.turn(group) { seen == ["one", "two"] })
        worker.remove(near)
        _ = Rig.kernel.close(far)
        group.table.checkInvariants()
    }

    @Test("what is left active and ready is served in the next turn, without the kernel, until it is empty")
    func readyList() throws {
        let (near, far) = try Rig.pair()
        var turns: [UInt64] = []
        var text = ""
        let handler = Handler { fd, _, worker in
            turns.append(worker.activity.value(.loops))
            let (count, part) = Rig.read(fd, 1)
            if count < 0 { return worker.cannot(fd, .read) }
            text += part
        }
        worker.insert(near, handler, kind: .stream)
        worker.want(near, .read)
        Rig.write(far, "abc")
        #expect(Rig.turn(group) { turns.count == 4 })
        #expect(text == "abc")
        #expect(Set(turns).count == 4, "once in a turn")
        #expect(worker.activity.value(.readyServed) == 3)
        #expect(worker.localReadyCount == 0)
        worker.remove(near)
        _ = Rig.kernel.close(far)
        group.table.checkInvariants()
    }

    @Test("a removed descriptor's handler is let go of at the end of the turn, not inside its own call")
    func handlerLifetime() throws {
        let (near, far) = try Rig.pair()
        weak var gone: Handler?
        var aliveInside = false
        do {
            let handler = Handler { fd, _, worker in
                worker.remove(fd)
                aliveInside = gone != nil
            }
            gone = handler
            worker.insert(near, handler, kind: .stream)
        }
        worker.want(near, .read)
        Rig.write(far, "x")
        worker.turnOnce()
        worker.turnOnce()
        #expect(aliveInside && gone == nil)
        _ = Rig.kernel.close(far)
    }

    @Test("verbs on a stream are seen in its state")
    func verbs() throws {
        let (near, far) = try Rig.pair()
        worker.insert(near, FDHandler(), kind: .stream)
        #expect(!worker.isActive(near, .read) && !worker.isReady(near, .read))
        worker.want(near, .both)
        #expect(worker.isActive(near, .both))
        worker.stop(near, .read)
        #expect(!worker.isActive(near, .read) && worker.isActive(near, .write))
        worker.may(near, .read)
        #expect(worker.isReady(near, .read) && !worker.isReady(near, .write))
        worker.cannot(near, .read)
        #expect(!worker.isReady(near, .read))
        #expect(worker.reportedEvents(near) == [])
        worker.remove(near)
        _ = Rig.kernel.close(far)
    }

    @Test("a descriptor is taken out of the table without closing it, and put in again")
    func withoutClosing() throws {
        let (near, far) = try Rig.pair()
        var calls = 0
        for round in 1...2 {
            let handler = Handler { fd, _, worker in
                calls += 1
                _ = Rig.read(fd)
                worker.cannot(fd, .read)
            }
            worker.insert(near, handler, kind: .stream)
            worker.want(near, .read)
            Rig.write(far, "x")
            #expect(Rig.turn(group) { calls == round })
            worker.remove(near, close: false)
        }
        Rig.write(far, "nobody")
        worker.turnOnce()
        #expect(calls == 2)
        #expect(Rig.read(near).text == "nobody")
        _ = Rig.kernel.close(near)
        _ = Rig.kernel.close(far)
    }

    @Test("B9: a number that was closed behind the engine's back is noticed when it comes again")
    func behindTheBack() async {
        await #expect(processExitsWith: .failure) {
            let group = try Rig.group()
            let (near, far) = try Rig.pair()
            group.workers[0].insert(near, FDHandler(), kind: .stream)
            // In one step: another thread of the process may be given a number that is free.
            _ = dup2(far, near)
            group.workers[0].insert(near, FDHandler(), kind: .stream)
        }
    }

    // MARK: Tasks

    @Test("D1: a task that is woken while it runs runs again, in the next turn")
    func wokenWhileRunning() {
        var turns: [UInt64] = []
        let task = Job { job, worker, _ in
            turns.append(worker.activity.value(.loops))
            if turns.count < 3 { worker.wake(job) }
        }
        worker.wake(task)
        #expect(Rig.turn(group) { turns.count == 3 })
        #expect(turns[1] == turns[0] + 1 && turns[2] == turns[1] + 1)
    }

    @Test("F: a timer is never early, and waiting for it takes few turns")
    func timers() {
        var late: [UInt64] = []
        let start = worker.now
        // A wait may be interrupted, by what the end of another test's ring still does on this thread.
        let turns = { worker.activity.value(.loops) - worker.activity.value(.emptyPolls) }
        let before = turns()
        let task = Job { _, worker, reason in
            #expect(reason == .timer)
            late.append(worker.now.milliseconds(since: start))
        }
        worker.schedule(task, at: start.adding(milliseconds: 12))
        let limit = Job { _, _, _ in }
        worker.schedule(limit, at: start.adding(milliseconds: 1500))
        while late.isEmpty && limit.deadline != .never { worker.turn() }
        #expect(late.count == 1 && late[0] >= 12)
        #expect(turns() - before <= 4, "no turn is spent a millisecond early")
        worker.cancel(limit)
    }

    @Test("a cancelled task does not run, by timer or by waking")
    func cancelled() {
        var runs = 0
        let task = Job { _, _, _ in runs += 1 }
        worker.wake(task)
        worker.schedule(task, at: worker.now)
        worker.cancel(task)
        for _ in 0..<3 { worker.turnOnce() }
        #expect(runs == 0)
    }

    // MARK: Sleeping

    @Test("D3: each kind of work forbids to sleep")
    func hasWork() throws {
        #expect(!worker.hasWork)
        let task = Job { _, _, _ in }
        worker.wake(task)
        #expect(worker.hasWork, "the run queue")
        worker.turnOnce()
        #expect(!worker.hasWork)
        worker.post(Note { _ in }, to: 0)
        #expect(worker.hasWork, "the mailbox")
        worker.turnOnce()
        worker.turnOnce()
        #expect(!worker.hasWork)
        let (near, far) = try Rig.pair()
        worker.insert(near, FDHandler(), kind: .stream)
        worker.want(near, .read)
        #expect(worker.hasWork, "local updates")
        worker.turnOnce()
        #expect(!worker.hasWork)
        worker.may(near, .read)
        #expect(worker.hasWork, "the local ready list")
        worker.stop(near, .read)
        worker.turnOnce()
        #expect(!worker.hasWork)
        worker.remove(near)
        #expect(worker.hasWork, "a handler to let go of")
        worker.turnOnce()
        let (shared, _) = try Rig.datagram()
        worker.insert(shared, FDHandler(), kind: .shared)
        worker.want(shared, .read)
        #expect(worker.hasWork, "the global update list")
        worker.turnOnce()
        #expect(!worker.hasWork)
        worker.may(shared, .read)
        #expect(worker.hasWork, "the global ready list")
        worker.remove(shared)
        worker.turnOnce()
        #expect(!worker.hasWork)
        _ = Rig.kernel.close(far)
        group.stop()
        #expect(worker.hasWork, "the end of the group")
    }

    @Test("D2 D4 D5: a sleeper is rung once, and only while it sleeps")
    func alarm() {
        let alarm = worker.alarm
        #expect(!alarm.mustRing(), "awake: it looks once more before it sleeps")
        alarm.goToSleep()
        #expect(alarm.isSleeping)
        #expect(alarm.mustRing())
        #expect(!alarm.mustRing(), "notified already")
        #expect(!alarm.isSleeping)
        #expect(alarm.getUp())
        alarm.goToSleep()
        #expect(!alarm.getUp())
        #expect(!alarm.mustRing())
    }

    @Test("D6: a ring between the last check and the wait ends the wait", arguments: PollerTests.all)
    func ringBeforeWait(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        worker.alarm.goToSleep()
        #expect(!worker.hasWork)
        group.post(Note { _ in }, to: 0)
        let start = Rig.kernel.monotonicNanoseconds()
        _ = worker.poller.wait(2000, worker)
        #expect(Rig.kernel.monotonicNanoseconds() - start < 1_500_000_000)
        #expect(worker.alarm.getUp())
    }

    @Test("a waker's ring is taken back, so that the next wait lasts", arguments: [0, 1])
    func wakers(_ kind: Int) throws {
        let waker: Waker = kind == 0 ? try EventFDWaker(Rig.kernel) : try PipeWaker(Rig.kernel)
        var polled = pollfd(fd: waker.fd, events: Int16(POLLIN), revents: 0)
        // SAFETY: the structure lives on the stack during the call.
        func isReadable() -> Bool { unsafe Rig.kernel.poll(&polled, 1, 0) == 1 }
        #expect(!isReadable())
        waker.ring()
        waker.ring()
        #expect(isReadable())
        waker.drain()
        #expect(!isReadable())
        waker.close()
    }

    // MARK: Showing

    @Test("show fd: the slots in use, with what they are in")
    func descriptions() throws {
        let (near, far) = try Rig.pair()
        worker.insert(near, EchoConnection(), kind: .stream)
        worker.want(near, .read)
        worker.turnOnce()
        let found = group.table.descriptions(on: worker).first { $0.fd == near }
        let slot = try #require(found)
        #expect(slot.kind == .stream && slot.active == .read && slot.ready == .write)
        #expect(slot.registered && slot.threads == .single(0) && slot.handler == "EchoConnection")
        worker.remove(near)
        #expect(!group.table.descriptions().contains { $0.fd == near })
        _ = Rig.kernel.close(far)
    }

    @Test("show activity: every counter has a name of its own")
    func counters() {
        worker.turnOnce()
        let counters = worker.activity.counters
        #expect(Set(counters.map(\.name)).count == counters.count)
        #expect(counters.first { $0.name == "loops" }?.value == 1)
    }
}
