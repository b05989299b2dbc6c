import Base
import Interleave
import Testing

@testable import EngineModel

/// Class C: takeover and close.
@Suite struct TakeoverTests {
    /// The handler runs on one thread while another closes: the last to leave closes, once, and nobody is called for a
    /// closed descriptor.
    @Test func c3HandlerNeverRunsOnAClosedDescriptor() {
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(readable: 1)
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(2))
            rig.worker(0).want(fd, .read)
            rig.loops(1)
            rig.does(0) { $0.remove(fd) }
            run.atRest {
                verify(rig.kernel.file(fd) == nil && rig.closes == 1, "closed once")
            }
        }
    }

    /// The number comes again while a thread is on its way into the handler: it must not end up in the newcomer's.
    @Test func c3EventOfTheClosedReachesNobody() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 3)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(readable: 1)
            var newcomer: Reader?
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(2))
            rig.worker(0).want(fd, .read)
            rig.loops(1)
            rig.loops(0) { worker in
                worker.remove(fd)
                guard rig.kernel.file(fd) == nil else { return }
                _ = rig.socket()
                let reader = Reader(rig, fd)
                newcomer = reader
                worker.insert(fd, reader, kind: .shared, threads: .all(2))
                worker.want(fd, .read)
            }
            run.atRest { verify(newcomer?.calls ?? 0 == 0, "nothing has come for the newcomer") }
        }
    }

    /// A handler that removes its own descriptor, while another thread is in it too.
    @Test func c4CloserNeverWaits() {
        final class Leaver: Reader {
            override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
                calls += 1
                check(fd, worker)
                worker.remove(fd)
                check(fd, worker)
            }
        }
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(readable: 2)
            rig.worker(0).insert(fd, Leaver(rig, fd), kind: .shared, threads: .all(2))
            rig.worker(0).want(fd, .read)
            rig.loops(0)
            rig.loops(1)
            run.atRest { verify(rig.kernel.file(fd) == nil && rig.closes == 1, "closed once") }
        }
    }

    /// Whether a thread is inside of the slot already is asked once, when a verb begins: one that the handler calls
    /// does not leave in the handler's place.
    @Test func c1VerbsInTheHandlerStayInside() {
        final class Pauser: Reader {
            override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
                calls += 1
                worker.stop(fd, .read)
                check(fd, worker)
                worker.want(fd, .read)
                check(fd, worker)
                _ = rig.kernel.take(fd)
                worker.cannot(fd, .read)
                check(fd, worker)
            }
        }
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(readable: 1)
            // Kept to the end: it is to say that it runs for a closed descriptor.
            let pauser = Pauser(rig, fd)
            rig.worker(0).insert(fd, pauser, kind: .shared, threads: .all(2))
            rig.worker(0).want(fd, .read)
            rig.loops(0)
            rig.does(1) { $0.remove(fd) }
            run.atRest { verify(rig.kernel.file(fd) == nil && rig.closes == 1, "closed once") }
            run.atEnd { withExtendedLifetime(pauser) {} }
        }
    }

    /// Several close, several leave: one closes.
    @Test func c6ClosedExactlyOnce() {
        holds([.bounded(preemptions: 3), .random(depth: 4, seed: 6)], schedules: 4000) { run in
            let rig = Rig(run, threads: 3)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(3))
            rig.does(0) { $0.remove(fd) }
            rig.does(1) { $0.remove(fd) }
            rig.does(2) { $0.cannot(fd, .read) }
            run.atRest { verify(rig.kernel.file(fd) == nil && rig.closes == 1, "closed once") }
        }
    }

    /// A whole foreign takeover, and another one back, fit between looking at an offer and taking it.
    @Test func c5OldOfferIsRefused() {
        holds([.bounded(preemptions: 3), .random(depth: 5, seed: 5)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            let owner = rig.worker(0)
            owner.insert(fd, Reader(rig, fd, threads: 1), kind: .stream)
            owner.want(fd, .read)
            owner.turnUpdates()
            guard let first = owner.offer(fd) else { return verify(false, "nothing to offer") }
            var isSecondOffered = false
            rig.does(0) { worker in
                guard worker.withdraw(first) else { return }
                isSecondOffered = worker.offer(fd) != nil
            }
            rig.does(1) { worker in
                if worker.take(first, Reader(rig, fd, threads: 2)) {
                    verify(!isSecondOffered, "an offer was taken that had been withdrawn")
                }
            }
        }
    }

    /// An offer has one winner: of two takers and the owner, who serves an event, one has the descriptor.
    @Test func c8LosersChangeNothing() {
        holds([.bounded(preemptions: 2), .random(depth: 5, seed: 8)], schedules: 4000) { run in
            let rig = Rig(run, threads: 3)
            let fd = rig.socket()
            let readers = (0..<3).map { Reader(rig, fd, threads: 1 << UInt64($0)) }
            let owner = rig.worker(0)
            owner.insert(fd, readers[0], kind: .stream)
            owner.want(fd, .read)
            owner.turnUpdates()
            guard let offer = owner.offer(fd) else { return verify(false, "nothing to offer") }
            var winners: [Int] = []
            rig.loops(0)
            for index in 1..<3 {
                rig.loops(index) { worker in
                    if worker.take(offer, readers[index]) { winners.append(index) }
                }
            }
            run.thread { rig.kernel.arrive(fd) }
            run.atRest {
                verify(winners.count <= 1, "two winners")
                let holder = FDTenure(bits: rig.slot(fd).tenure.load(.relaxed)).owner
                verify(winners.isEmpty ? holder == 0 : holder == winners[0], "the winner owns it")
                verify(readers.reduce(0) { $0 + $1.taken } == 1, "read exactly once")
                verify(readers[holder].taken == 1, "by the winner")
            }
        }
    }

    /// What is linked in the ready list of its thread is not offered: the taker would unlink it through its own.
    @Test func a7LinkedDescriptorIsNotOffered() {
        final class Offerer: LoopTask {
            let fd: Int32
            let note: (FDOffer) -> Note

            init(_ fd: Int32, _ note: @escaping (FDOffer) -> Note) {
                self.fd = fd
                self.note = note
            }

            override func run(on worker: Worker, _ reason: WakeReason) {
                guard let offer = worker.offer(fd) else { return worker.wake(self) }
                worker.post(note(offer), to: 1)
            }
        }
        final class Leaver: Reader {
            override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
                super.ready(fd, events, on: worker)
                worker.remove(fd)
            }
        }
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 7)], schedules: 3000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(readable: 1)
            let (old, new) = (Reader(rig, fd, threads: 1), Leaver(rig, fd, threads: 2))
            rig.worker(0).insert(fd, old, kind: .stream)
            // Kept to the end, for their addresses.
            var notes: [Note] = []
            rig.loops(0) { worker in
                worker.want(fd, .read)
                worker.may(fd, .read)
                worker.stop(fd, .read)
                worker.wake(
                    Offerer(fd) { offer in
                        notes.append(Note { verify($0.take(offer, new), "offered, and nobody else takes it") })
                        return notes[0]
                    })
            }
            rig.loops(1)
            run.atRest {
                verify(notes.count == 1 && new.taken == 1 && rig.closes == 1, "taken, read and closed")
                for index in 0..<2 {
                    rig.table.localReady[index].checkInvariants()
                    let isEmpty = rig.table.localReady[index].isEmpty && rig.worker(index).localReadyCount == 0
                    verify(isEmpty, "thread \(index) has an entry that is nobody's")
                }
            }
        }
    }

    /// While an event is served, nobody takes the descriptor away: its handler has it alone.
    @Test func c9HandlerHasItsDescriptorAlone() {
        final class Holder: Reader {
            override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
                calls += 1
                let tenure = FDTenure(bits: rig.slot(fd).tenure.load(.sequential))
                verify(tenure.isHeld(by: worker.index), "served without being held")
                super.ready(fd, events, on: worker)
                let after = FDTenure(bits: rig.slot(fd).tenure.load(.sequential))
                verify(after.isHeld(by: worker.index), "taken away while it was served")
            }
        }
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 9)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            let owner = rig.worker(0)
            owner.insert(fd, Holder(rig, fd, threads: 1), kind: .stream)
            owner.want(fd, .read)
            owner.turnUpdates()
            guard let offer = owner.offer(fd) else { return verify(false, "nothing to offer") }
            rig.loops(0)
            rig.loops(1) { _ = $0.take(offer, Holder(rig, fd, threads: 2)) }
            run.thread { rig.kernel.arrive(fd) }
        }
    }
}
