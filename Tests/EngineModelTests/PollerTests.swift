import Base
import CPlatform
import Glibc
import Interleave
import Testing

@testable import EngineModel

/// Class B: pollers and the kernel.
@Suite struct PollerTests {
    /// No polled bit survives the removal, so the reused number is added again.
    @Test func b1ReusedNumberIsAdded() {
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: .all(2))
            rig.worker(0).want(fd, .read)
            for index in 0..<2 { _ = rig.table.takeUpdates(rig.worker(index)) }
            var second: Reader?
            rig.loops(0) { worker in
                worker.remove(fd)
                guard rig.kernel.file(fd) == nil else { return }
                _ = rig.socket(readable: 1)
                let reader = Reader(rig, fd)
                second = reader
                worker.insert(fd, reader, kind: .shared, threads: .all(2))
                worker.want(fd, .read)
            }
            rig.loops(1)
            run.atRest { verify(second == nil || second?.taken == 1, "the second life is read") }
        }
    }

    /// A handler of a batch closes a descriptor that has an event in the same batch, and the number comes again.
    @Test func b2EventOfADeadGenerationReachesNobody() {
        final class Closer: Reader {
            var other: Int32 = -1
            var newcomer: Reader?

            override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
                if newcomer == nil {
                    worker.remove(other)
                    _ = rig.socket()
                    let reader = Reader(rig, other)
                    newcomer = reader
                    worker.insert(other, reader, kind: .stream)
                    worker.want(other, .read)
                }
                super.ready(fd, events, on: worker)
            }
        }
        for kind in [FDKind.stream, .shared] {
            holds([.bounded(preemptions: 0)]) { run in
                let rig = Rig(run, threads: 1)
                let (first, second) = (rig.socket(readable: 1), rig.socket(readable: 1))
                let closer = Closer(rig, first)
                closer.other = second
                rig.loops(0) { worker in
                    worker.insert(first, closer, kind: kind)
                    worker.insert(second, Reader(rig, second), kind: kind)
                    worker.want(first, .read)
                    worker.want(second, .read)
                }
                run.atRest { verify(closer.newcomer?.calls == 0, "nothing came for the newcomer") }
            }
        }
    }

    /// The open file lives on in another process: closing the number here does not end its registration.
    @Test func b3RegistrationIsRemovedBeforeClosing() {
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket(livesElsewhere: true)
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .listener, threads: .all(2))
            rig.loops(0) { $0.want(fd, .read) }
            rig.loops(1) { $0.remove(fd) }
            run.atRest {
                for thread in 0..<2 {
                    verify(rig.kernel.deadRegistrations(rig.pollerNumber(thread)) == 0, "a dead registration")
                }
            }
        }
    }

    /// What the kernel holds is not what the masks say (an earlier owner's registration): it converges.
    @Test func b4ExistingRegistrationIsReplaced() {
        for kind in [FDKind.stream, .shared, .listener] {
            holds([.bounded(preemptions: 0)]) { run in
                let rig = Rig(run, threads: 1)
                let fd = rig.socket(readable: 1)
                let reader = Reader(rig, fd)
                _ = rig.kernel.epollControl(rig.pollerNumber(0), HOST_EPOLL_CTL_ADD, fd, 0, 12345)
                rig.loops(0) { worker in
                    worker.insert(fd, reader, kind: kind)
                    worker.want(fd, .read)
                }
                run.atRest {
                    verify(reader.taken == 1, "read")
                    verify(rig.worker(0).activity.value(.pollerErrors) == 0, "no error")
                }
            }
        }
    }

    /// After a takeover only the new owner's poller has the descriptor.
    @Test func b5LoserStopsPolling() {
        holds { run in
            let rig = Rig(run, threads: 2)
            let fd = rig.socket()
            let (old, new) = (Reader(rig, fd, threads: 1), Reader(rig, fd, threads: 2))
            let worker = rig.worker(0)
            worker.insert(fd, old, kind: .stream)
            worker.want(fd, .read)
            worker.turnUpdates()
            guard let offer = worker.offer(fd) else { return verify(false, "nothing to offer") }
            rig.loops(0)
            rig.loops(1) { _ = $0.take(offer, new) }
            run.thread { rig.kernel.arrive(fd) }
            run.atRest {
                let owner = FDTenure(bits: rig.slot(fd).tenure.load(.relaxed)).owner
                verify(rig.kernel.watched(fd, by: rig.pollerNumber(1 - owner)) == 0, "the loser polls")
                verify(rig.kernel.watched(fd, by: rig.pollerNumber(owner)) != 0, "the owner does not poll")
                verify(old.taken + new.taken == 1, "read once")
            }
        }
    }

    /// Poll and select carry no token: what they polled keeps its generation.
    @Test(arguments: [PollerChoice.poll, .select]) func b13PolledGenerationsAreKept(poller: PollerChoice) {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 13)], schedules: 3000) { run in
            let rig = Rig(run, threads: 2, poller)
            let fd = rig.socket(readable: 1)
            rig.worker(0).insert(fd, Silent(rig, fd), kind: .shared, threads: .all(2))
            rig.worker(0).want(fd, .read)
            var newcomer: Reader?
            rig.does(0) { worker in
                worker.remove(fd)
                guard rig.kernel.file(fd) == nil else { return }
                _ = rig.socket()
                let reader = Reader(rig, fd)
                newcomer = reader
                worker.insert(fd, reader, kind: .shared, threads: .all(2))
                worker.want(fd, .read)
            }
            rig.loops(1)
            run.atRest { verify(newcomer?.calls ?? 0 == 0, "an event of the dead reaches the newcomer") }
        }
    }

    /// A number that was closed before it is polled has no generation: what is reported of it does not reach the
    /// descriptor that gets the number next.
    @Test(arguments: [PollerChoice.poll, .select]) func b13FreeNumberHasNoGeneration(poller: PollerChoice) {
        holds([.bounded(preemptions: 2), .random(depth: 4, seed: 14)], schedules: 3000) { run in
            let rig = Rig(run, threads: 3, poller)
            let fd = rig.socket()
            rig.worker(0).insert(fd, Reader(rig, fd), kind: .shared, threads: ThreadSet.single(1))
            rig.worker(0).want(fd, .read)
            _ = rig.table.takeUpdates(rig.worker(1))
            var newcomer: Reader?
            rig.does(0) { $0.remove(fd) }
            rig.loops(1)
            rig.does(2) { worker in
                guard rig.kernel.take(fd) == -Int(EBADF) else { return }
                _ = rig.socket()
                let reader = Reader(rig, fd)
                newcomer = reader
                worker.insert(fd, reader, kind: .shared, threads: ThreadSet.single(1))
                worker.want(fd, .read)
            }
            run.atRest { verify(newcomer?.calls ?? 0 == 0, "an event of nobody reaches the newcomer") }
        }
    }

    /// Reads once, so that the descriptor is not readable for ever.
    private final class Silent: Reader {
        override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
            calls += 1
            if rig.kernel.file(fd)?.identity == identity { _ = rig.kernel.take(fd) }
            worker.cannot(fd, .read)
        }
    }
}

extension Worker {
    /// Tells the poller what it has to know of this thread's descriptors, while nothing runs.
    func turnUpdates() {
        for position in 0..<updates.count { applyLocal(updates[position]) }
        updates.removeFirst(updates.count)
    }
}
