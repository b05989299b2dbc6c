import Base
import Buffers
import CPlatform
import Glibc
import Testing

@testable import Engine

/// Where io_uring is refused, or gives up half-way, another poller does the work.
@Suite("io_uring where it does not work")
struct UringFallbackTests {
    private func group(_ kernel: RingKernel, threads: Int = 1) throws -> WorkerGroup {
        var options = WorkerGroup.Options()
        options.threads = threads
        options.maxDescriptors = 1024
        options.pollers = [.uring, .poll]
        return try WorkerGroup(options, kernel: kernel)
    }

    @Test(
        "a system that refuses rings is served by the next poller, and one line says why",
        arguments: [EPERM, ENOSYS, ENOMEM])
    func refused(code: Int32) throws {
        let group = try group(RingKernel(refusal: code))
        #expect(group.pollerName == "poll")
        #expect(
            group.pollerRefusals == ["io_uring is not used: creating a ring: \(SystemError(code: code).name)"])
        let report = PollerChoice.reports(allowed: .all, kernel: RingKernel(refusal: code)).first {
            $0.name == "io_uring"
        }
        #expect(report?.works == false && report?.reason == "creating a ring: \(SystemError(code: code).name)")
    }

    @Test(
        "too many rings: those that were made are closed again, and the next poller serves", .enabled(if: Rig.hasRings))
    func tooMany() throws {
        // One is for trying.
        let kernel = RingKernel(refusal: ENOMEM, after: 4)
        let group = try group(kernel, threads: 4)
        #expect(group.pollerName == "poll")
        #expect(group.pollerRefusals.count == 1 && group.pollerRefusals[0].contains("ENOMEM"))
        #expect(kernel.made.value == 4 && kernel.closed.value == 4)
    }

    @Test("rings are tried once at a start", .enabled(if: Rig.hasRings))
    func triedOnce() throws {
        let kernel = RingKernel()
        var options = WorkerGroup.Options()
        options.threads = 2
        options.maxDescriptors = 1024
        #expect(try WorkerGroup(options, kernel: kernel).pollerName == "io_uring")
        #expect(kernel.made.value == 3)
    }

    @Test("receives that do not repeat are armed one by one", .enabled(if: Rig.hasRings))
    func singleReceives() throws {
        #expect(try UringProbe.run(Lacking.totals).repeatsReceives == false)
    }

    @Test(
        "rings that lack something come behind epoll, and say nothing", .enabled(if: Rig.hasRings),
        arguments: [Lacking.totals, Lacking.options])
    func incomplete(kernel: RingKernel) throws {
        var options = WorkerGroup.Options()
        options.maxDescriptors = 1024
        let preferred = try WorkerGroup(options, kernel: kernel)
        #expect(preferred.pollerName == "epoll" && preferred.pollerRefusals == [])
        options.pollers.remove(.epoll)
        #expect(try WorkerGroup(options, kernel: kernel).pollerName == "io_uring")
        let reports = PollerChoice.reports(allowed: .all, kernel: kernel)
        #expect(reports.prefix(2).map(\.name) == ["epoll", "io_uring"])
        #expect(reports.prefix(2).map(\.preference) == [300, 250])
    }
}

/// What only completions can get wrong: class U of docs/engine-tests.md.
@Suite("io_uring", .serialized, .enabled(if: Rig.hasRings))
struct UringTests {
    final class Taker: Acceptor {
        let taken = Counter()
        var credit = 4

        override func accepted(_ fd: Int32, from peer: SocketAddress, on worker: Worker) {
            taken.add()
            _ = worker.kernel.close(fd)
        }
        override func acceptCredit(on worker: Worker) -> Int { credit }
    }

    private func turn(_ group: WorkerGroup, _ times: Int = 5) { for _ in 0..<times { group.workers[0].turnOnce() } }

    private func refuses(_ address: SocketAddress) -> Bool {
        let client = Rig.dial(address)
        var wait = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
        // SAFETY: one entry, a local.
        _ = unsafe Rig.kernel.poll(&wait, 1, 1000)
        defer { _ = Rig.kernel.close(client) }
        return Rig.kernel.getOption(client, SOL_SOCKET, SO_ERROR) == Int(ECONNREFUSED)
    }

    @Test("U1: what one thread removes is cancelled by the rings of all, and then closed", arguments: [2, 4])
    func u1CancelledByItsOwnThread(threads: Int) throws {
        let group = try Rig.group(.uring, threads: threads)
        let (fd, address) = try Rig.listener()
        let taker = Taker()
        let done = Counter()
        group.workers[0].insert(fd, taker, kind: .listener, threads: .all(threads))
        group.workers[0].want(fd, .read)
        for thread in 1..<threads { group.workers[thread].post(Note { _ in }, to: thread) }
        try group.start()
        let control = try Parallel {
            // Everybody has armed its accepts, then the last thread removes.
            usleep(50_000)
            group.post(Note { $0.remove(fd) }, to: threads - 1)
            for _ in 0..<500 where !Rig.isFree(fd, group) { usleep(10_000) }
            if Rig.isFree(fd, group) && self.refuses(address) { done.add() }
            group.stop()
        }
        group.runMain()
        control.join()
        #expect(done.value == 1, "the number is closed, and nobody listens")
        group.table.checkInvariants()
    }

    @Test("U2: a listener that was closed, or paused, accepts nothing, whatever was armed")
    func u2ClosedListenerAcceptsNothing() throws {
        let group = try Rig.group(.uring)
        let worker = group.workers[0]
        let (fd, address) = try Rig.listener()
        let taker = Taker()
        worker.insert(fd, taker, kind: .listener)
        worker.want(fd, .read)
        let first = Rig.dial(address)
        #expect(Rig.turn(group) { taker.taken.value == 1 })
        worker.stop(fd, .read)
        turn(group)
        let second = Rig.dial(address)
        turn(group)
        #expect(taker.taken.value == 1)
        worker.want(fd, .read)
        #expect(Rig.turn(group) { taker.taken.value == 2 })
        worker.remove(fd)
        #expect(Rig.turn(group) { Rig.isFree(fd, group) })
        #expect(refuses(address))
        turn(group)
        #expect(taker.taken.value == 2)
        for client in [first, second] { _ = Rig.kernel.close(client) }
        group.table.checkInvariants()
    }

    @Test("U2: a listener whose open file lives on elsewhere is not shut down")
    func u2InheritedListenerGoesOn() throws {
        let group = try Rig.group(.uring)
        let worker = group.workers[0]
        let (fd, address) = try Rig.listener()
        let heir = Rig.kernel.dup(fd)
        let taker = Taker()
        worker.insert(fd, taker, kind: .listener)
        worker.want(fd, .read)
        turn(group)
        worker.remove(fd)
        #expect(Rig.turn(group) { Rig.isFree(fd, group) })
        #expect(Rig.kernel.getOption(heir, SOL_SOCKET, SO_ACCEPTCONN) == 1)
        let (client, accepted) = try Rig.connected(to: heir, address)
        turn(group)
        #expect(taker.taken.value == 0)
        for number in [heir, client, accepted] { _ = Rig.kernel.close(number) }
    }

    @Test("U3: the peer of a closed connection sees its end, although a receive was armed")
    func u3PeerSeesTheEnd() throws {
        let group = try Rig.group(.uring)
        let (near, far) = try Rig.pair()
        let transport = group.workers[0].makeTransport(accepted: near, consumer: Notes())
        transport.receive(credit: 100)
        turn(group)
        transport.close()
        #expect(Rig.turn(group) { Rig.read(far).result == 0 })
        #expect(Rig.isFree(near, group))
        _ = Rig.kernel.close(far)
    }

    @Test("U4: no more accepts are armed than the listener would take")
    func u4AcceptsByCredit() throws {
        let rings = RingBox()
        let kernel = RingKernel { rings.rings.append($0) }
        var options = WorkerGroup.Options()
        options.maxDescriptors = 1024
        options.pollers = .uring
        let group = try WorkerGroup(options, kernel: kernel)
        let (fd, address) = try Rig.listener()
        let taker = Taker()
        taker.credit = 3
        group.workers[0].insert(fd, taker, kind: .listener)
        group.workers[0].want(fd, .read)
        let clients = (0..<60).map { _ in Rig.dial(address) }
        #expect(Rig.turn(group) { taker.taken.value == 60 })
        let ring = try #require(rings.rings.last)
        #expect(ring.mostAccepts == 3, "they grow with demand, up to the credit")
        taker.credit = 0
        let late = Rig.dial(address)
        turn(group)
        #expect(ring.outstandingAccepts <= 3)
        _ = Rig.kernel.close(late)
        for client in clients { _ = Rig.kernel.close(client) }
    }

    @Test("U5: one connection brings at most its credit and the overshoot in a turn")
    func u5OneConnectionDoesNotFillATurn() throws {
        let group = try Rig.group(.uring)
        let (near, far) = try Rig.pair()
        _ = Rig.kernel.setOption(far, SOL_SOCKET, SO_SNDBUF, 4_000_000)
        let consumer = Notes()
        let transport = group.workers[0].makeTransport(accepted: near, consumer: consumer)
        let flood = [UInt8](repeating: 1, count: 400_000)
        var sent = 0
        while sent < flood.count {
            // SAFETY: the array is valid during the call.
            let count = unsafe flood.withUnsafeBytes { unsafe Rig.kernel.write(far, $0.baseAddress! + sent, 20_000) }
            if count <= 0 { break }
            sent += count
        }
        var most = 0
        consumer.onReceive = { $0.receive(credit: 16384) }
        transport.receive(credit: 16384)
        for _ in 0..<200 where consumer.bytes.count < sent {
            let before = consumer.bytes.count
            group.workers[0].turnOnce()
            most = max(most, consumer.bytes.count - before)
        }
        #expect(consumer.bytes.count == sent)
        #expect(most <= 16384 + Limits.receiveOvershoot)
        transport.receive(credit: 0)
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("U6: receives, polls and the waker are armed again when no more is to follow")
    func u6ArmedAgain() throws {
        let group = try Rig.group(.uring)
        let (near, far) = try Rig.pair()
        let consumer = Notes()
        let transport = group.workers[0].makeTransport(accepted: near, consumer: consumer)
        consumer.onReceive = { $0.receive(credit: 16384) }
        transport.receive(credit: 16384)
        // Three totals of a receive, in pieces.
        let piece = String(repeating: "x", count: 1000)
        var expected = 0
        for _ in 0..<200 {
            expected += Rig.write(far, piece)
            #expect(Rig.turn(group) { consumer.bytes.count == expected })
        }
        #expect(expected == 200_000)
        transport.close()
        _ = Rig.kernel.close(far)
        // A shared descriptor is polled anew after each event; the waker goes on waking.
        let (datagram, address) = try Rig.datagram()
        var received = 0
        let handler = Handler { fd, _, worker in
            if Rig.read(fd).result > 0 { received += 1 }
            worker.cannot(fd, .read)
        }
        group.workers[0].insert(datagram, handler, kind: .shared)
        group.workers[0].want(datagram, .read)
        let sender = Rig.kernel.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        for round in 1...10 {
            var byte: UInt8 = 1
            // SAFETY: one byte of a local.
            _ = unsafe Rig.kernel.sendto(sender, &byte, 1, address)
            #expect(Rig.turn(group) { received == round })
            group.workers[0].waker.ring()
            turn(group, 2)
        }
        group.workers[0].remove(datagram)
        #expect(Rig.turn(group) { Rig.isFree(datagram, group) })
        _ = Rig.kernel.close(sender)
    }

    @Test("U7: what came for a closed connection never reaches the next one of its number")
    func u7DeadGenerations() throws {
        let group = try Rig.group(.uring)
        let worker = group.workers[0]
        var reused = 0
        var seen: Set<Int32> = []
        for round in 0..<200 {
            let (near, far) = try Rig.pair()
            if !seen.insert(near).inserted { reused += 1 }
            let consumer = Notes()
            let transport = worker.makeTransport(accepted: near, consumer: consumer)
            transport.receive(credit: 1000)
            worker.turnOnce()
            Rig.write(far, "r\(round)")
            #expect(Rig.turn(group) { !consumer.bytes.isEmpty })
            #expect(consumer.text == "r\(round)")
            // Under way when it is closed; in every second round the kernel has already reported it.
            Rig.write(far, "late")
            if round % 2 == 0 { _ = worker.poller.wait(0, worker) }
            transport.close()
            #expect(Rig.turn(group) { Rig.isFree(near, group) })
            #expect(consumer.text == "r\(round)")
            _ = Rig.kernel.close(far)
        }
        #expect(reused > 0)
        #expect(worker.blocksInUse == 0)
        group.table.checkInvariants()
    }

    @Test("U8: a loop that never waits sees its completions")
    func u8BusyLoop() throws {
        let group = try Rig.group(.uring)
        let (near, far) = try Rig.pair()
        let consumer = Notes()
        let transport = group.workers[0].makeTransport(accepted: near, consumer: consumer)
        transport.receive(credit: 100)
        turn(group, 2)
        Rig.write(far, "seen")
        turn(group, 3)
        #expect(consumer.text == "seen")
        transport.close()
        turn(group, 3)
        #expect(Rig.read(far).result == 0)
        _ = Rig.kernel.close(far)
    }

    @Test("U9: more receives than there are blocks: all is received, and every block comes back")
    func u9NoBuffers() throws {
        let group = try Rig.group(.uring)
        let worker = group.workers[0]
        turn(group, 1)
        let lent = try #require(worker.uring?.blocksLent)
        #expect(lent == Limits.ringBuffers)
        let pairs = try (0..<300).map { _ in try Rig.pair() }
        let consumers = pairs.map { _ in Notes() }
        let transports = zip(pairs, consumers).map { worker.makeTransport(accepted: $0.0.0, consumer: $0.1) }
        for transport in transports { transport.receive(credit: 1000) }
        worker.turnOnce()
        for pair in pairs { Rig.write(pair.1, "all at once") }
        // The kernel fills some in each look: more than there are blocks, before any is dispatched.
        for _ in 0..<100 { _ = worker.poller.wait(0, worker) }
        #expect(Rig.turn(group) { consumers.allSatisfy { $0.text == "all at once" } })
        #expect(worker.activity.value(.starved) > 0, "some had to wait")
        #expect(worker.blocksInUse == 0 && worker.uring?.blocksLent == lent)
        // And again, closed while the bytes are under way.
        for pair in pairs { Rig.write(pair.1, "never seen") }
        for transport in transports { transport.close() }
        #expect(Rig.turn(group) { pairs.allSatisfy { Rig.isFree($0.0, group) } })
        #expect(worker.blocksInUse == 0 && worker.uring?.blocksLent == lent)
        for pair in pairs { _ = Rig.kernel.close(pair.1) }
        group.table.checkInvariants()
    }

    @Test("connections that are opened and aborted, one after another, leave everything as it was")
    func aborted() throws {
        let count = getenvNumber("MARTLET_ABORTS") ?? 3000
        let group = try Rig.group(.uring)
        let worker = group.workers[0]
        let (fd, address) = try Rig.listener()
        let host = AbortHost()
        worker.insert(fd, host, kind: .listener)
        worker.want(fd, .read)
        turn(group, 2)
        let lent = try #require(worker.uring?.blocksLent)
        for round in 1...count {
            let client = Rig.dial(address)
            let sends = round % 3 == 0
            try #require(Rig.turn(group) { host.opened == round })
            if sends { Rig.write(client, "and then nothing") }
            if round % 2 == 0 { worker.turnOnce() }
            Rig.abort(client)
            try #require(Rig.turn(group) { host.ended == round })
        }
        turn(group)
        #expect(worker.blocksInUse == 0 && worker.uring?.blocksLent == lent)
        #expect(worker.pool.blocksInUse == lent)
        worker.remove(fd)
        #expect(Rig.turn(group) { Rig.isFree(fd, group) })
        #expect(worker.activity.value(.inserted) == worker.activity.value(.removed))
        #expect(worker.activity.value(.staleGeneration) == 0)
        group.table.checkInvariants()
    }

    private func getenvNumber(_ name: String) -> Int? {
        // SAFETY: the environment is not changed meanwhile.
        guard let text = unsafe getenv(name) else { return nil }
        return unsafe Int(String(cString: text))
    }
}

private final class RingBox {
    var rings: [SpoiltRing] = []
}

/// Keeps connections until they break.
private final class AbortHost: Acceptor {
    var opened = 0
    var ended = 0
    var guests: [ObjectIdentifier: Guest] = [:]

    final class Guest: TransportConsumer {
        unowned let host: AbortHost
        var transport: Transport?

        init(_ host: AbortHost) { self.host = host }

        func leave() {
            transport?.close()
            transport = nil
            host.ended += 1
            host.guests[ObjectIdentifier(self)] = nil
        }
        override func transport(_ transport: Transport, received chunk: consuming Chunk) {}
        override func transportReceivedEnd(_ transport: Transport) { leave() }
        override func transport(_ transport: Transport, failed error: SystemError) { leave() }
    }

    override func accepted(_ fd: Int32, from peer: SocketAddress, on worker: Worker) {
        let guest = Guest(self)
        opened += 1
        guests[ObjectIdentifier(guest)] = guest
        let transport = worker.makeTransport(accepted: fd, consumer: guest)
        guest.transport = transport
        transport.receive(credit: 1000)
    }
}
