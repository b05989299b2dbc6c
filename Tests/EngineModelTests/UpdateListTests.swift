import Base
import Interleave
import Testing

@testable import EngineModel

/// Class A of docs/engine-tests.md: updates of shared descriptors. `Rig` checks at rest what has to hold always.
@Suite struct UpdateListTests {
    /// One thread enables a shared descriptor while the other is on its way to sleep: both watch it, or somebody does
    /// and the other has not looked yet.
    @Test func a1EnabledDescriptorIsWatched() {
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            let reader = Reader(rig, fd)
            rig.worker(0).insert(fd, reader, kind: .shared, threads: .all(2))
            rig.loops(0) { $0.want(fd, .read) }
            rig.loops(1)
            run.thread { rig.kernel.arrive(fd) }
            run.atRest { verify(reader.taken == 1, "what has arrived is read once") }
        }
    }

    /// Closing takes the descriptor off the list before the masks are cleared.
    @Test func a1ClosedDescriptorIsInNoList() {
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(2))
            rig.loops(0) {
                $0.want(fd, .read)
                $0.remove(fd)
            }
            rig.loops(1)
            run.atRest { verify(rig.kernel.file(fd) == nil, "closed") }
        }
    }

    /// An adder that meets a link locked by a remover waits, and does not take it for linked.
    @Test func a2LockedIsNotPresent() {
        holds([.exhaustive], schedules: 100_000) { run in
            let list = Lists.make(run, entries: 1)
            list.list.add(0)
            var removed = 0
            var added = 0
            run.thread { if list.list.remove(0) { removed += 1 } }
            run.thread {
                // Behind the remover's lock: once that is gone the entry is not linked, and adding must have linked it.
                if list.list.add(0) { added += 1 }
            }
            run.atEnd {
                verify(list.list.holds(0) == (added == removed), "linked as often as the results say")
                list.check()
            }
        }
    }

    /// One thread stops a direction, which wakes nobody, and holds the link locked on its way into the list; another
    /// wants the other direction, and wakes the owner, who has to find the descriptor in the list.
    @Test func a2AdderWaitsForAnotherAdder() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 2)]) { run in
            let rig = Rig(run, threads: 3)
            let fd = rig.socket(readable: 1)
            let reader = Reader(rig, fd, threads: 4)
            rig.worker(0).insert(fd, reader, kind: .shared, threads: ThreadSet.single(2))
            rig.worker(0).want(fd, .write)
            _ = rig.table.takeUpdates(rig.worker(2))
            rig.does(0) { $0.stop(fd, .write) }
            rig.does(1) { $0.want(fd, .read) }
            rig.loops(2)
            run.atRest { verify(reader.taken == 1, "wanted, readable, and the owner sleeps") }
        }
    }

    /// Two lists' worth of adding and removing at both ends: whoever waits for a link looks at it again.
    @Test func a3WaitsEnd() {
        holds([.bounded(preemptions: 3), .random(depth: 5, seed: 3)], schedules: 8000) { run in
            let list = Lists.make(run, entries: 3)
            list.list.add(0)
            for thread in 0..<2 {
                run.thread {
                    let mine = Int32(thread + 1)
                    list.list.add(mine)
                    list.list.remove(thread == 0 ? 0 : mine)
                    list.list.add(0)
                }
            }
            run.atEnd {
                list.check()
                verify(list.list.holds(1) && list.list.holds(0), "linked")
                verify(!list.list.holds(2), "not linked")
            }
        }
    }

    /// Neighbours leave the list at the same time, and the last entry moves while another is added behind it.
    @Test func a3NeighboursLeaveTogether() {
        holds([.bounded(preemptions: 3), .random(depth: 5, seed: 4)], schedules: 8000) { run in
            let list = Lists.make(run, entries: 4)
            for fd in 0..<3 as Range<Int32> { list.list.add(fd) }
            run.thread { list.list.remove(1) }
            run.thread { list.list.remove(2) }
            run.thread {
                list.list.add(3)
                list.list.remove(0)
            }
            run.atEnd {
                list.check()
                verify(list.list.holds(3) && !list.list.holds(0) && !list.list.holds(1), "linked as asked")
            }
        }
    }

    /// The tail that an adder stands behind moves to another list meanwhile.
    @Test func a3TailMovesToAnotherList() {
        holds([.bounded(preemptions: 3), .random(depth: 5, seed: 5)], schedules: 8000) { run in
            let list = Lists.make(run, entries: 3)
            list.list.add(0)
            run.thread { list.list.add(1) }
            run.thread {
                list.list.remove(0)
                list.other.add(0)
            }
            run.atEnd {
                list.check()
                verify(list.list.head() == 1 && list.list.successor(of: 1) == nil, "1 alone")
                verify(list.other.head() == 0 && list.other.successor(of: 0) == nil, "0 alone")
            }
        }
    }

    /// An update that comes while the last thread unlinks the descriptor is linked again; one that is taken before it
    /// is linked leaves nothing in the list.
    @Test func a4RearmedWhileUnlinked() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 6)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: ThreadSet.single(1))
            rig.worker(0).want(fd, .read)
            rig.does(0) { worker in
                worker.stop(fd, .read)
                worker.want(fd, .read)
            }
            rig.loops(1)
        }
    }

    /// A late thread that still holds the number of a closed descriptor does not spoil its next life.
    @Test func a5ReusedNumberIsUpdated() {
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(2))
            rig.worker(0).want(fd, .read)
            rig.loops(0) { worker in
                worker.remove(fd)
                guard rig.kernel.file(fd) == nil else { return }
                let again = rig.socket(readable: 1)
                verify(again == fd, "the lowest free number")
                worker.insert(fd, Reader(rig, fd), kind: .shared, threads: ThreadSet.single(1))
                worker.want(fd, .read)
            }
            rig.loops(1) { $0.stop(fd, .write) }
        }
    }

    /// Verbs that come too late leave the slot as they found it.
    @Test func a6LateVerbsLeaveTheSlot() {
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(2))
            rig.does(0) { $0.remove(fd) }
            rig.does(1) { worker in
                worker.want(fd, .read)
                worker.stop(fd, .read)
                worker.may(fd, .read)
                worker.cannot(fd, .read)
            }
            run.atRest {
                verify(rig.closes == 1, "closed once")
                verify(rig.kernel.file(fd) == nil, "closed")
            }
        }
    }

    /// The scanner stands on an entry that leaves and comes back at the end: what it jumped over is not forgotten.
    @Test func a8ScannerIsNotLedAstray() {
        holds([.bounded(preemptions: 3), .random(depth: 4, seed: 8)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            let moving = rig.socket()
            let owed = rig.socket()
            rig.worker(0).insert(moving, Reader(rig, moving), kind: .shared, threads: ThreadSet.single(0))
            rig.worker(0).insert(owed, Reader(rig, owed), kind: .shared, threads: ThreadSet.single(1))
            rig.worker(0).want(moving, .read)
            rig.worker(0).want(owed, .read)
            rig.does(0) { worker in
                _ = rig.table.acknowledge(moving, rig.slot(moving), worker)
                worker.stop(moving, .read)
            }
            rig.loops(1)
        }
    }

    /// A removal that somebody still owes survives an update by somebody else.
    @Test func a9PendingRemovalSurvives() {
        holds { run in
            let rig = Rig(run, threads: 3)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(3))
            rig.worker(0).want(fd, .read)
            for index in 0..<3 { _ = rig.table.takeUpdates(rig.worker(index)) }
            rig.does(0) { $0.stop(fd, .read) }
            rig.loops(1) { $0.want(fd, .write) }
            rig.loops(2)
        }
    }

    /// A worker that stops leaves no bit behind in anything that is posted before, meanwhile or later.
    @Test func a10StoppedWorkerOwesNothing() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 10)], schedules: 6000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(2))
            rig.loops(0) { worker in
                worker.want(fd, .read)
                worker.stop(fd, .read)
            }
            rig.does(1) { rig.table.retire($0) }
            run.atRest {
                verify(rig.slot(fd).updateMask.load(.sequential) & 2 == 0, "a thread that has stopped owes an update")
            }
        }
    }

    /// One set for the process: a thread that finds its bit cleared by another finds the set changed too.
    @Test(arguments: [PollerChoice.poll, .select]) func a11SetIsChangedBeforeBitsAreCleared(poller: PollerChoice) {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 11)], schedules: 3000) { run in
            let rig = Rig(run, threads: 2, poller)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(2))
            rig.loops(0) { $0.want(fd, .read) }
            rig.loops(1)
        }
    }

    /// Three threads, several descriptors, everything at once.
    @Test func aEverythingAtOnce() {
        holds([.random(depth: 6, seed: 99)], schedules: 3000) { run in
            let rig = Rig(run, threads: 3)
            let fds = (0..<3).map { _ in rig.socket() }
            for (index, fd) in fds.enumerated() {
                rig.worker(0).insert(
                    fd, Reader(rig, fd), kind: index == 0 ? .listener : .shared, threads: .all(3))
            }
            rig.loops(0) { worker in
                for fd in fds { worker.want(fd, .read) }
                worker.stop(fds[0], .read)
            }
            rig.loops(1) { worker in
                worker.stop(fds[1], .read)
                worker.want(fds[0], .read)
            }
            rig.loops(2) { worker in
                worker.want(fds[2], .read)
                worker.remove(fds[1])
            }
            run.thread { for fd in fds { rig.kernel.arrive(fd) } }
        }
    }
}

/// Lists of the engine over a few bare slots.
final class Lists {
    private let memory: FDMemory
    private let block = CellBlock(lines: 2)
    private(set) var list: FDList
    /// Through the same links: an entry is in one of the two.
    private(set) var other: FDList

    private init(entries: Int) {
        guard let memory = FDMemory(capacity: entries) else { fatalError("no memory") }
        self.memory = memory
        list = FDList(memory, .update, head: block, line: 0)
        other = FDList(memory, .update, head: block, line: 1)
    }

    /// The same memory for every run, with empty lists.
    static func make(_ run: Run, entries: Int) -> Lists {
        let lists = run.kept { Lists(entries: entries) }
        lists.start(run)
        return lists
    }

    // SAFETY: the words are numbers, and no thread runs.
    private func start(_ run: Run) {
        unsafe memory.base.initializeMemory(as: UInt8.self, repeating: 0, count: memory.capacity * FDSlot.sizeBytes)
        unsafe block.words.update(repeating: 0)
        list = FDList(memory, .update, head: block, line: 0)
        other = FDList(memory, .update, head: block, line: 1)
        run.name(block.link(line: 0, 0).model, "first")
        run.name(block.link(line: 0, 1).model, "last")
        for fd in 0..<Int32(memory.capacity) {
            run.name(memory.link(fd, 96).model, "next of \(fd)")
            run.name(memory.link(fd, 100).model, "previous of \(fd)")
        }
    }

    func check() {
        list.checkInvariants()
        other.checkInvariants()
    }

    deinit {
        memory.unmap()
    }
}
