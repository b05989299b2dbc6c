import Base
import Buffers
import Glibc
import Synchronization
import Testing

@testable import Engine
@testable import Proxy

private let hasRings = (try? UringProbe.run(HostKernel())) != nil

@Suite("Idle connections that threads with rings take from each other", .enabled(if: hasRings))
struct RingSharingTests {
    private let kernel = HostKernel()

    private typealias Bench = SharingBench

    @Test("a connection that has been idle for a while is taken, and served by the other thread from then on")
    func taken() throws {
        let bench = try Bench(.uring)
        let (connection, peer) = try bench.connection(0, requests: 3)
        bench.pool(0).put(connection, on: bench[0])
        #expect(bench.server.acquireIdle(on: bench[1]) == nil, "its owner may want it back at once")
        bench.ripen(0)
        let found = try #require(bench.server.acquireIdle(on: bench[1]))
        #expect(found !== connection && found.requestCount == 3 && bench.server.acquireIdle(on: bench[1]) == nil)
        let transport = found.transport
        transport.setConsumer(bench.collector)
        transport.receive(credit: 100)
        peer.send("response")
        #expect(bench.turn(1) { bench.collector.text == "response" })
        #expect(bench.turn(0) { connection.transport.isClosed && bench.pool(0).count == 0 }, "who had it has heard")
        found.close(reset: false)
        #expect(bench.turn(0, 1) { peer.hasEnded }, "U3: the poll of who had it does not keep it open")
        bench.end()
    }

    @Test("the owner takes its connection back from the shelf, and receives from it again")
    func ownerIsFaster() throws {
        let bench = try Bench(.uring)
        let (connection, peer) = try bench.connection(0)
        for _ in 0..<3 {
            bench.pool(0).put(connection, on: bench[0])
            bench.ripen(0)
            try #require(bench.pool(0).take(on: bench[0]) === connection)
            #expect(bench.server.acquireIdle(on: bench[1]) == nil)
            bench.collector.text = ""
            connection.transport.setConsumer(bench.collector)
            connection.transport.receive(credit: 100)
            peer.send("one")
            #expect(bench.turn(0) { bench.collector.text == "one" })
            peer.send("two")
            #expect(bench.turn(0) { bench.collector.text == "onetwo" })
        }
        // Wanted again while its receive is being cancelled. Not in the pool, which could come first.
        #expect(connection.transport.offer() == nil)
        connection.transport.receive(credit: 100)
        for _ in 0..<5 { bench[0].turnBriefly() }
        peer.send("three")
        #expect(bench.turn(0) { bench.collector.text == "onetwothree" })
        connection.close(reset: true)
        bench.end()
    }

    @Test("what its server ends is closed by its owner, or refused by who wants it, whoever comes first")
    func ended() throws {
        let bench = try Bench(.uring)
        let (seen, seenPeer) = try bench.connection(0)
        bench.pool(0).put(seen, on: bench[0])
        bench.ripen(0)
        seenPeer.finish()
        #expect(bench.turn(0) { bench.pool(0).count == 0 && seenPeer.hasEnded })
        for text in ["", "?"] {
            let (unseen, peer) = try bench.connection(0)
            bench.pool(0).put(unseen, on: bench[0])
            bench.ripen(0)
            if text.isEmpty { peer.finish() } else { peer.send(text) }
            #expect(bench.server.acquireIdle(on: bench[1]) == nil)
            #expect(bench.turn(0, 1) { peer.hasEnded && bench.server.idleCount == 0 })
        }
        bench.end()
    }

    @Test("more than the shelf has places for: the rest is their own thread's")
    func fullShelf() throws {
        let bench = try Bench(.uring)
        for _ in 0..<(OfferShelf.places + 2) { bench.pool(0).put(try bench.connection(0).0, on: bench[0]) }
        bench.ripen(0)
        var taken = 0
        while let found = bench.server.acquireIdle(on: bench[1]) {
            found.close(reset: true)
            taken += 1
        }
        #expect(taken == OfferShelf.places)
        #expect(bench.turn(0, 1) { bench.server.idleCount == 2 })
        bench.end()
    }

    /// What the threads of the test below share. Any thread.
    private final class Market: Sendable {
        let uses = Atomic<Int>(0), working = Atomic<Int>(3), cleaning = Atomic<Int>(3)
        let far = Mutex<[Int32]>([])
    }

    @Test("three threads use, take and close connections: what is sent on one comes to its peer, and none is lost")
    func threads() throws {
        let bench = try Bench(.uring, threads: 3)
        let market = Market()
        let threads = try (0..<3).map { thread in
            try Thread {
                let worker = bench[thread], pool = bench.pool(thread), nobody = TransportConsumer()
                for round in 0..<300 {
                    var found = bench.server.acquireIdle(on: worker)
                    var pair: (Int32, Int32) = (-1, -1)
                    // The last lives from what the others have.
                    if found == nil, thread < 2, round % 10 == 0,
                        bench.kernel.socketpair(Int32(SOCK_STREAM.rawValue), &pair) >= 0
                    {
                        let other = pair.1
                        market.far.withLock { $0.append(other) }
                        let made = worker.makeTransport(accepted: pair.0, consumer: nobody)
                        found = ServerConnection(transport: made, server: bench.server)
                    }
                    if let found, var chunk = worker.pool.take() {
                        chunk.append([1])
                        found.transport.setConsumer(nobody)
                        found.transport.send(chunk)
                        _ = found.transport.flush()
                        for _ in 0..<1000 where found.transport.queuedByteCount > 0 { worker.turnBriefly() }
                        if found.transport.queuedByteCount == 0 { market.uses.add(1, ordering: .relaxed) }
                        pool.put(found, on: worker)
                    }
                    // The others leave theirs alone for a while now and then.
                    let pause = thread < 2 && round % 20 == 19 ? 30 : 1
                    for _ in 0..<pause { worker.turnBriefly() }
                }
                market.working.subtract(1, ordering: .sequentiallyConsistent)
                while market.working.load(ordering: .sequentiallyConsistent) > 0 { worker.turnBriefly() }
                // Who took one has it, who had it lets go of it: on each ring's own thread.
                while pool.closeOldest() {}
                var hasCleaned = false
                for _ in 0..<2000 where market.cleaning.load(ordering: .sequentiallyConsistent) > 0 {
                    worker.turnBriefly()
                    if !hasCleaned && pool.count == 0 && worker.mailbox.isEmpty {
                        hasCleaned = true
                        market.cleaning.subtract(1, ordering: .sequentiallyConsistent)
                    }
                }
                for _ in 0..<5 { worker.turnBriefly() }
            }
        }
        // Peers receive meanwhile: a socket has room for a few hundred bytes that come one by one.
        var received = 0
        var room = [UInt8](repeating: 0, count: 4096)
        while market.working.load(ordering: .sequentiallyConsistent) > 0 {
            for far in market.far.withLock({ $0 }) {
                // SAFETY: the array is valid inside the closure.
                let count = unsafe room.withUnsafeMutableBytes { unsafe kernel.recv(far, $0.baseAddress!, 4096) }
                received += max(0, count)
            }
            usleep(1000)
        }
        for thread in threads { thread.join() }
        #expect(bench.group.workers.reduce(0) { $0 + $1.activity.value(.takeovers) } > 0)
        #expect(bench.server.idleCount == 0 && bench.group.descriptorsInUse == 0)
        bench.group.table.checkInvariants()
        for far in market.far.withLock({ $0 }) {
            let peer = Peer(kernel, far)
            #expect(peer.hasEnded, "its connection is closed")
            received += peer.bytes.count
        }
        #expect(received == market.uses.load(ordering: .relaxed), "what was sent came to the right one")
    }
}
