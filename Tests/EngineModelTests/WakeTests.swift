import Base
import Interleave
import Testing

@testable import EngineModel

/// Class D: no task, message or update is slept through.
@Suite struct WakeTests {
    final class Again: LoopTask {
        var runs = 0

        override func run(on worker: Worker, _ reason: WakeReason) {
            runs += 1
            if runs < 3 { worker.wake(self) }
        }
    }

    /// A task that is queued while it runs runs again.
    @Test func d1TaskQueuedWhileItRuns() {
        holds([.bounded(preemptions: 0)]) { run in
            let rig = Rig(run, threads: 1)
            let task = Again()
            rig.loops(0) { $0.wake(task) }
            run.atRest { verify(task.runs == 3, "ran three times") }
        }
    }

    private func messages(_ run: Run) {
        let rig = Rig(run, threads: 2)
        var delivered: [Int] = []
        // Kept to the end: an address that comes again would make the model depend on the allocator.
        let notes = (0..<3).map { number in Note { _ in delivered.append(number) } }
        rig.loops(1)
        rig.does(0) { worker in
            worker.post(notes[0], to: 1)
            worker.post(notes[1], to: 1)
        }
        run.thread { rig.group.post(notes[2], to: 1) }
        run.atEnd { verify(notes.count == 3, "kept") }
        run.atRest {
            verify(delivered.sorted() == [0, 1, 2], "a message was slept through")
            verify(delivered.filter { $0 < 2 } == [0, 1], "one sender's messages come in their order")
        }
    }

    /// Messages of two threads to one that goes to sleep.
    @Test func d3MessagesAreNotSleptThrough() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 3)], schedules: 4000) { messages($0) }
    }

    /// The same where loads may be stale.
    @Test func d9MessagesAreNotSleptThroughInWeakMemory() {
        holds([.bounded(preemptions: 1), .random(depth: 4, seed: 9)], schedules: 4000, weakMemory: true) {
            messages($0)
        }
    }

    private func enabling(_ run: Run, mask: ThreadSet, threads: Int) {
        let rig = Rig(run, threads: threads)
        let fd = rig.socket(readable: 1)
        let reader = Reader(rig, fd, threads: mask.bits)
        rig.worker(0).insert(fd, reader, kind: .shared, threads: mask)
        for index in 1..<threads { rig.loops(index) }
        rig.does(0) { $0.want(fd, .read) }
        run.atRest { verify(reader.taken == 1, "enabled, readable, and nobody was woken") }
    }

    /// A thread that does not poll the descriptor enables it: one that does is woken.
    @Test func d7EnabledByAStranger() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 7)], schedules: 4000) {
            enabling($0, mask: ThreadSet.single(1), threads: 2)
        }
    }

    /// Several could be woken: one is, and it is enough, while their alarms tell the truth for the next ring.
    @Test func d2OneOfSeveralIsWoken() {
        holds([.bounded(preemptions: 1), .random(depth: 4, seed: 2)], schedules: 3000) { run in
            let rig = Rig(run, threads: 3)
            let fd = rig.socket(readable: 1)
            let mask = ThreadSet(bits: 6)
            let reader = Reader(rig, fd, threads: 6)
            var delivered = 0
            rig.worker(0).insert(fd, reader, kind: .shared, threads: mask)
            rig.loops(1)
            rig.loops(2)
            rig.does(0) { worker in
                worker.want(fd, .read)
                worker.post(Note { _ in delivered += 1 }, to: 2)
                worker.post(Note { _ in delivered += 1 }, to: 1)
            }
            run.atRest { verify(reader.taken == 1 && delivered == 2, "everything has come") }
        }
    }

    @Test func d9EnabledByAStrangerInWeakMemory() {
        holds([.bounded(preemptions: 1), .random(depth: 4, seed: 17)], schedules: 4000, weakMemory: true) {
            enabling($0, mask: ThreadSet.single(1), threads: 2)
        }
    }

    /// "Asleep" and "notified" are one word: a ring that came while the thread was awake is not taken for the next one.
    @Test func d5EarlierRingIsNotTakenForTheNext() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 5)], schedules: 4000) { run in
            let rig = Rig(run, threads: 1)
            var delivered = 0
            let notes = (0..<2).map { _ in Note { _ in delivered += 1 } }
            rig.loops(0)
            for note in notes { run.thread { rig.group.post(note, to: 0) } }
            run.atRest { verify(delivered == 2 && notes.count == 2, "a message was slept through") }
        }
    }

    /// A local descriptor's thread and its own kernel: what arrives while it goes to sleep is seen.
    @Test func d6ArrivalBetweenCheckAndSleep() {
        holds { run in
            let rig = Rig(run, threads: 1)
            let fd = rig.socket()
            let reader = Reader(rig, fd)
            rig.loops(0) { worker in
                worker.insert(fd, reader, kind: .stream)
                worker.want(fd, .read)
            }
            run.thread { for _ in 0..<2 { rig.kernel.arrive(fd) } }
            run.atRest { verify(reader.taken == 2, "all is read") }
        }
    }

    /// Whoever calls `stop` ends every loop, however deep it sleeps.
    @Test func d8StopWakesEverybody() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 8)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            var ended = 0
            for index in 0..<2 {
                rig.does(index) { worker in
                    worker.run()
                    // A loop that was let go of at rest has slept through the call.
                    if !rig.isAtRest { ended += 1 }
                }
            }
            run.thread { rig.group.stop() }
            run.atEnd { verify(ended == 2, "a loop sleeps on") }
        }
    }

    /// What one thread says is ready is served by another that may, asleep or not.
    @Test func d10ReadyEntriesOfOthersAreServed() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 10)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            let fds = [rig.socket(), rig.socket()]
            let readers = fds.map { Reader(rig, $0, threads: 2) }
            for (fd, reader) in zip(fds, readers) {
                rig.worker(0).insert(fd, reader, kind: .shared, threads: ThreadSet.single(1))
                rig.worker(0).want(fd, .read)
            }
            rig.loops(1)
            rig.does(0) { worker in for fd in fds { worker.may(fd, .read) } }
            run.atRest { verify(readers.allSatisfy { $0.calls >= 1 }, "ready, active, and not served") }
        }
    }

    /// Two threads serve the ready list at once: each entry once, none lost.
    @Test func d10ReadyListIsServedWhole() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 20)], schedules: 3000) { run in
            let rig = Rig(run, threads: 2)
            let fds = [rig.socket(), rig.socket()]
            let readers = fds.map { Reader(rig, $0) }
            for (fd, reader) in zip(fds, readers) {
                rig.worker(0).insert(fd, reader, kind: .shared, threads: .all(2))
                rig.worker(0).want(fd, .read)
            }
            rig.loops(0) { worker in worker.may(fds[0], .read) }
            rig.loops(1) { worker in worker.may(fds[1], .read) }
            run.atRest {
                verify(readers[0].calls >= 1 && readers[1].calls >= 1, "an entry was lost")
                verify(rig.table.readyList.isEmpty, "an entry is left")
            }
        }
    }
}
