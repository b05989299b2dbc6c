import Base
import Interleave
import Testing

@testable import EngineModel

/// Class E: listeners, which threads pause, resume and close under each other.
@Suite struct ListenerTests {
    /// Pausing and resuming races with the EAGAIN of an accept.
    @Test func e1PauseRacesEmptyAccept() {
        holds([.bounded(preemptions: 2), .random(depth: 5, seed: 1)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(readable: 1)
            let reader = Reader(rig, fd)
            rig.worker(0).insert(fd, reader, kind: .listener, threads: .all(2))
            rig.worker(0).want(fd, .read)
            rig.loops(0) { worker in
                worker.stop(fd, .read)
                worker.want(fd, .read)
            }
            rig.loops(1)
            run.thread { rig.kernel.arrive(fd) }
            run.atRest {
                verify(reader.taken == 2, "a connection waits, and everybody sleeps")
                verify(rig.worker(0).isActive(fd, .read), "the resumption is lost")
            }
        }
    }

    /// Who takes one connection of several and says "not ready" is told of the others, or another thread is.
    @Test func e1OneTakenForEachReport() {
        final class Taker: Reader {
            override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
                calls += 1
                check(fd, worker)
                if rig.kernel.take(fd) > 0 { taken += 1 }
                worker.cannot(fd, .read)
            }
        }
        holds([.bounded(preemptions: 2), .random(depth: 5, seed: 5)], schedules: 4000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(readable: 2)
            let taker = Taker(rig, fd)
            rig.worker(0).insert(fd, taker, kind: .listener, threads: .all(2))
            rig.worker(0).want(fd, .read)
            rig.loops(0)
            rig.loops(1)
            run.thread { rig.kernel.arrive(fd) }
            run.atRest {
                verify(taker.taken == 3, "a connection waits, and everybody sleeps")
            }
        }
    }

    /// What an empty accept writes back leaves alone what others say of the same listener meanwhile.
    @Test func e1EmptyAcceptKeepsWhatOthersSay() {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 11)], schedules: 3000) { run in
            let rig = Rig(run, threads: 3)
            let fd = rig.socket(readable: 1)
            let reader = Reader(rig, fd, threads: 4)
            rig.worker(0).insert(fd, reader, kind: .listener, threads: ThreadSet.single(2))
            rig.does(0) { $0.want(fd, .read) }
            rig.does(1) { $0.cannot(fd, .read) }
            rig.loops(2)
            run.atRest {
                verify(rig.worker(0).isActive(fd, .read), "the resumption is lost")
                verify(reader.taken == 1, "a connection waits, and everybody sleeps")
            }
        }
    }

    /// The handler pauses at a limit; who gives a place back resumes.
    @Test func e2LimitPausesAndResumes() {
        final class Limited: Reader {
            let places: Cell
            let limit: UInt64

            init(_ rig: Rig, _ fd: Int32, _ places: Cell, limit: UInt64) {
                self.places = places
                self.limit = limit
                super.init(rig, fd)
            }

            override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
                calls += 1
                check(fd, worker)
                if places.fetchAdd(1, .sequential) >= limit {
                    places.fetchAdd(~0, .sequential)
                    worker.stop(fd, .read)
                    // Somebody may have given a place back between looking and pausing.
                    if places.load(.sequential) < limit { worker.want(fd, .read) }
                    return
                }
                if rig.kernel.take(fd) > 0 {
                    taken += 1
                } else {
                    places.fetchAdd(~0, .sequential)
                    worker.cannot(fd, .read)
                }
            }
        }
        holds([.bounded(preemptions: 1), .random(depth: 5, seed: 2)], schedules: 3000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(readable: 2)
            let places = run.cell(0, "places")
            let reader = Limited(rig, fd, places, limit: 1)
            rig.worker(0).insert(fd, reader, kind: .listener, threads: .all(2))
            rig.worker(0).want(fd, .read)
            rig.loops(0)
            rig.loops(1) { worker in
                // A connection ends as soon as there is one.
                if places.load(.sequential) > 0 && reader.taken == 1 {
                    places.fetchAdd(~0, .sequential)
                    worker.want(fd, .read)
                }
            }
            run.atRest {
                verify(reader.taken >= 1, "accepted")
                verify(places.peek <= 1, "past the limit")
            }
        }
    }

    /// Pauses, goes on and closes as the proxy's listener does: its state and what the pollers are to watch change
    /// together, with its gate held.
    private final class Gated: Reader {
        static let (closed, listening, limited): (UInt64, UInt64, UInt64) = (0, 1, 2)
        let gate = KernelGate()
        let state: Cell

        init(_ rig: Rig, _ fd: Int32, _ state: Cell) {
            self.state = state
            super.init(rig, fd)
        }

        func pause(_ fd: Int32, on worker: Worker) {
            gate.hold(worker.kernel) {
                if state.compareExchange(Gated.listening, Gated.limited, .sequential) { worker.stop(fd, .read) }
            }
        }

        func goOn(_ fd: Int32, on worker: Worker) {
            gate.hold(worker.kernel) {
                if state.compareExchange(Gated.limited, Gated.listening, .sequential) { worker.want(fd, .read) }
            }
        }

        func close(_ fd: Int32, on worker: Worker) {
            gate.hold(worker.kernel) {
                if state.exchange(Gated.closed, .sequential) != Gated.closed { worker.remove(fd) }
            }
        }
    }

    /// A listener that says that it listens does: a pause that is under way does not undo what resumes it.
    @Test func e3PauseAndResumeAreOneAfterTheOther() {
        holds([.bounded(preemptions: 2), .random(depth: 5, seed: 3)], schedules: 3000) { run in
            let rig = Rig(run, threads: 3)
            let fd = rig.socket(readable: 1)
            let listener = Gated(rig, fd, run.cell(Gated.listening, "listener"))
            rig.worker(0).insert(fd, listener, kind: .listener, threads: ThreadSet.single(2))
            rig.worker(0).want(fd, .read)
            rig.does(0) { listener.pause(fd, on: $0) }
            rig.does(1) { listener.goOn(fd, on: $0) }
            rig.loops(2)
            run.atRest {
                let listens = listener.state.peek == Gated.listening
                verify(rig.worker(2).isActive(fd, .read) == listens, "it says one thing and does another")
            }
        }
    }

    /// A pause that is under way does not reach the listener that gets the number next.
    @Test func e3PauseAndCloseAreOneAfterTheOther() {
        holds([.bounded(preemptions: 2), .random(depth: 5, seed: 6)], schedules: 3000) { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            let listener = Gated(rig, fd, run.cell(Gated.listening, "listener"))
            rig.worker(0).insert(fd, listener, kind: .listener, threads: .all(2))
            rig.worker(0).want(fd, .read)
            var isOpenAgain = false
            rig.does(0) { listener.pause(fd, on: $0) }
            rig.loops(1) { worker in
                listener.close(fd, on: worker)
                guard rig.kernel.file(fd) == nil else { return }
                let again = rig.socket(readable: 1)
                worker.insert(again, Reader(rig, again), kind: .listener, threads: .all(2))
                worker.want(again, .read)
                isOpenAgain = true
            }
            run.atRest {
                verify(!isOpenAgain || rig.worker(1).isActive(fd, .read), "the next listener was paused")
            }
        }
    }

    /// A listener is closed while another thread accepts, and a third pauses and resumes it.
    @Test func e4ClosedWhileAccepting() {
        holds([.bounded(preemptions: 2), .random(depth: 5, seed: 4)], schedules: 4000) { run in
            let rig = Rig(run, threads: 3)
            let fd = rig.socket(readable: 1)
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .listener, threads: .all(3))
            rig.worker(0).want(fd, .read)
            rig.loops(0)
            rig.does(1) { worker in
                worker.stop(fd, .read)
                worker.want(fd, .read)
            }
            rig.does(2) { $0.remove(fd) }
            run.atRest { verify(rig.kernel.file(fd) == nil && rig.closes == 1, "closed once") }
        }
    }
}
