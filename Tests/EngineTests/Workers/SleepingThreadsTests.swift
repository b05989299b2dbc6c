import Base
import CPlatform
import Glibc
import Testing

@testable import Engine

/// Real threads that sleep without a timer: who forgets to wake them lets these tests run into their limit.
@Suite("Sleeping threads", .serialized)
struct SleepingThreadsTests {
    /// Runs a group whose workers from 1 on sleep; the body is a task of worker 0, run again each millisecond until it
    /// returns true. Returns whether it did within half a minute.
    func run(_ group: WorkerGroup, _ body: @escaping (Worker) -> Bool) throws -> Bool {
        var done = false
        let limit = Rig.kernel.monotonicNanoseconds() + 30_000_000_000
        let task = Job { job, worker, _ in
            done = body(worker)
            if done || Rig.kernel.monotonicNanoseconds() > limit { return group.stop() }
            worker.schedule(job, at: worker.now.adding(milliseconds: 1))
        }
        group.workers[0].wake(task)
        try group.start()
        group.runMain()
        return done
    }

    func allAsleep(_ group: WorkerGroup) -> Bool {
        group.table.alarms.dropFirst().allSatisfy(\.isSleeping)
    }

    @Test("a message ends the receiver's sleep", arguments: PollerTests.all)
    func message(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice, threads: 3)
        let received = Counter()
        var sent = 0
        let done = try run(group) { worker in
            if received.value == 6 { return true }
            if received.value == sent && allAsleep(group) {
                worker.post(Note { _ in received.add() }, to: 1 + sent % 2)
                sent += 1
            }
            return false
        }
        #expect(done)
    }

    @Test("D7: interest added by a thread outside the mask wakes one thread of it", arguments: PollerTests.all)
    func interest(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice, threads: 3)
        let (fd, address) = try Rig.datagram()
        let sender = try Rig.datagram().fd
        let received = Counter()
        let handler = Handler { fd, _, worker in
            #expect(worker.index > 0)
            while Rig.read(fd).result > 0 { received.add() }
            worker.cannot(fd, .read)
            worker.stop(fd, .read)
        }
        group.workers[0].insert(fd, handler, kind: .shared, threads: ThreadSet(bits: 0b110))
        var rounds = 0
        var rings: UInt64 = 0
        let done = try run(group) { worker in
            guard received.value == rounds else { return false }
            if rounds == 4 { return true }
            guard allAsleep(group) else { return false }
            var byte: UInt8 = 1
            // SAFETY: one byte of a local.
            _ = unsafe Rig.kernel.sendto(sender, &byte, 1, address)
            rings = worker.activity.value(.rings)
            worker.want(fd, .read)
            #expect(worker.activity.value(.rings) == rings + 1, "one of two")
            rounds += 1
            return false
        }
        #expect(done)
        group.workers[0].remove(fd)
        _ = Rig.kernel.close(sender)
    }

    @Test("D7: nobody is woken when a thread of the mask is awake")
    func awakeMember() throws {
        let group = try Rig.group(.epoll, threads: 2)
        let (fd, _) = try Rig.datagram()
        group.workers[0].insert(fd, FDHandler(), kind: .shared, threads: .all(2))
        var waited = 0
        let done = try run(group) { worker in
            guard allAsleep(group) else { return false }
            worker.want(fd, .read)
            #expect(worker.activity.value(.rings) == 0)
            waited += 1
            return waited == 3
        }
        #expect(done)
        group.workers[0].remove(fd)
    }

    @Test("D8: stopping wakes everybody", arguments: PollerTests.all)
    func stopping(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice, threads: 4)
        let start = Rig.kernel.monotonicNanoseconds()
        #expect(try run(group) { _ in allAsleep(group) })
        #expect(Rig.kernel.monotonicNanoseconds() - start < 35_000_000_000)
    }

    @Test("F: a group of one thread needs nobody to wake it")
    func alone() throws {
        let group = try Rig.group(.epoll, threads: 1)
        let (fd, _) = try Rig.datagram()
        group.workers[0].insert(fd, FDHandler(), kind: .shared)
        let done = try run(group) { worker in
            worker.want(fd, .read)
            worker.stop(fd, .read)
            return worker.activity.value(.loops) > 5
        }
        #expect(done)
        group.workers[0].remove(fd)
    }

    @Test("one connection while all threads sleep wakes one thread, or few", arguments: Rig.ownSets)
    func exclusive(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice, threads: 4)
        let (fd, address) = try Rig.listener()
        let turnstile = Turnstile()
        group.workers[0].insert(fd, turnstile, kind: .listener, threads: ThreadSet(bits: 0b1110))
        group.workers[0].want(fd, .read)
        var connections = 0
        let done = try run(group) { _ in
            guard turnstile.accepted.value == connections, allAsleep(group) else { return false }
            if connections == 20 { return true }
            let client = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            _ = Rig.kernel.connect(client, address)
            _ = Rig.kernel.close(client)
            connections += 1
            return false
        }
        #expect(done)
        let calls = group.workers.reduce(0) { $0 + Int($1.activity.value(.handlerCalls)) }
        if choice == .epoll { #expect(calls < 40, "three threads called each time would be 60") }
        group.workers[0].remove(fd)
    }
}
