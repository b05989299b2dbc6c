import Base
import Configuration
import Glibc
import Synchronization
import Testing

@testable import Engine
@testable import Proxy

@Suite("Idle connections that threads take from each other (manual, section 3.2, tune.idle-pool.shared)")
struct IdleSharingTests {
    private let kernel = HostKernel()

    private typealias Bench = SharingBench

    @Test("a thread that has none takes another's, which is served there from then on")
    func taken() throws {
        let bench = try Bench(.epoll)
        let (connection, peer) = try bench.connection(0, requests: 3)
        bench.pool(0).put(connection, on: bench[0])
        let found = try #require(bench.server.acquireIdle(on: bench[1]))
        #expect(found !== connection && found.requestCount == 3)
        #expect(bench.server.acquireIdle(on: bench[1]) == nil)
        bench.turn(0)
        #expect(connection.transport.isClosed && bench.pool(0).count == 0, "who had it has heard")
        bench.pool(1).put(found, on: bench[1])
        peer.send("nobody asked for this")
        bench.turn(0)
        #expect(bench.pool(1).count == 1, "it is another thread's event")
        bench.turn(1)
        #expect(bench.pool(1).count == 0 && peer.hasEnded)
        bench.end()
    }

    @Test("a thread's own come first")
    func ownFirst() throws {
        let bench = try Bench(.epoll)
        let (theirs, _) = try bench.connection(0)
        let (own, _) = try bench.connection(1)
        bench.pool(0).put(theirs, on: bench[0])
        bench.pool(1).put(own, on: bench[1])
        #expect(bench.server.acquireIdle(on: bench[1]) === own)
        own.close(reset: true)
        bench.end()
    }

    @Test("what its owner uses is not offered, and what it gives back is again")
    func ownerIsFaster() throws {
        let bench = try Bench(.epoll)
        let (connection, _) = try bench.connection(0)
        bench.pool(0).put(connection, on: bench[0])
        #expect(bench.pool(0).take(on: bench[0]) === connection)
        #expect(bench.server.acquireIdle(on: bench[1]) == nil)
        bench.pool(0).put(connection, on: bench[0])
        let found = try #require(bench.server.acquireIdle(on: bench[1]))
        found.close(reset: true)
        bench.end()
    }

    @Test("an owner that has not heard yet finds the next one, and closes none that is gone")
    func ownerIsLate() throws {
        let bench = try Bench(.epoll, server: "pool-purge-delay 1ms")
        let (first, _) = try bench.connection(0)
        let (second, secondPeer) = try bench.connection(0)
        bench.pool(0).put(first, on: bench[0])
        bench.pool(0).put(second, on: bench[0])
        let taken = try #require(bench.server.acquireIdle(on: bench[1]))
        let number = taken.transport.descriptor
        let left = try #require(bench.pool(0).take(on: bench[0]))
        #expect(left.transport.descriptor != number && bench.pool(0).take(on: bench[0]) == nil)
        bench.pool(1).put(taken, on: bench[1])
        let again = try #require(bench.server.acquireIdle(on: bench[0]))
        #expect(again.transport.descriptor == number)
        bench.turn(0, 1)
        #expect(!again.transport.isClosed && bench.server.idleCount == 0)
        again.close(reset: true)
        left.close(reset: true)
        #expect(secondPeer.hasEnded)
        bench.end()
    }

    @Test("one that its server has closed is refused, though its own thread has not seen it")
    func closedUnseen() throws {
        let bench = try Bench(.epoll)
        let (ended, endedPeer) = try bench.connection(0)
        let (speaking, speaker) = try bench.connection(0)
        bench.pool(0).put(ended, on: bench[0])
        bench.pool(0).put(speaking, on: bench[0])
        endedPeer.finish()
        speaker.send("?")
        #expect(bench.server.acquireIdle(on: bench[1]) == nil)
        #expect(endedPeer.hasEnded && speaker.hasEnded)
        bench.turn(0)
        #expect(bench.server.idleCount == 0)
        bench.end()
    }

    @Test("a first request of http-reuse aggressive takes one that has proven itself, its own or another's")
    func proven() throws {
        let bench = try Bench(.epoll)
        let (fresh, _) = try bench.connection(0)
        bench.pool(0).put(fresh, on: bench[0])
        #expect(bench.server.acquireIdle(provenOnly: true, on: bench[0]) == nil)
        #expect(bench.server.acquireIdle(provenOnly: true, on: bench[1]) == nil)
        let (used, _) = try bench.connection(0, requests: 2)
        bench.pool(0).put(used, on: bench[0])
        let found = try #require(bench.server.acquireIdle(provenOnly: true, on: bench[1]))
        #expect(found.requestCount == 2)
        found.close(reset: true)
        bench.end()
    }

    @Test("with fewer than pool-low-conn idle nothing is taken from others")
    func lowConnections() throws {
        let bench = try Bench(.epoll, server: "pool-low-conn 2")
        let (first, _) = try bench.connection(0)
        bench.pool(0).put(first, on: bench[0])
        #expect(bench.server.acquireIdle(on: bench[1]) == nil)
        let (second, _) = try bench.connection(0)
        bench.pool(0).put(second, on: bench[0])
        let found = try #require(bench.server.acquireIdle(on: bench[1]))
        bench.turn(0)
        #expect(bench.server.acquireIdle(on: bench[1]) == nil)
        #expect(bench.server.acquireIdle(on: bench[0]) != nil, "one's own is always there")
        found.close(reset: true)
        for connection in [first, second] where !connection.transport.isClosed { connection.close(reset: true) }
        bench.end()
    }

    @Test("pool-max-conn counts those of all threads")
    func maximum() throws {
        let bench = try Bench(.epoll, server: "pool-max-conn 1")
        let (first, _) = try bench.connection(0)
        let (second, secondPeer) = try bench.connection(1)
        bench.pool(0).put(first, on: bench[0])
        bench.pool(1).put(second, on: bench[1])
        #expect(bench.server.idleCount == 1 && secondPeer.hasEnded)
        bench.end()
    }

    @Test("tune.idle-pool.shared off: each thread for itself")
    func unshared() throws {
        let bench = try Bench(.epoll, global: "tune.idle-pool.shared off")
        let (connection, _) = try bench.connection(0)
        bench.pool(0).put(connection, on: bench[0])
        #expect(bench.server.acquireIdle(on: bench[1]) == nil)
        #expect(bench.server.acquireIdle(on: bench[0]) === connection)
        connection.close(reset: true)
        bench.end()
    }

    @Test("a server whose port follows the client's connection shares none")
    func portOfClient() throws {
        let bench = try Bench(.epoll)
        #expect(bench.server.mayShare)
        let loaded = ConfigurationLoader().load(text: "backend be\n mode http\n server s 127.0.0.1:+1\n")
        #expect(try !ProxyRuntime(loaded.tree, kernel: kernel).backends[0].servers[0].mayShare)
    }

    @Test("where descriptors are scarce one's own oldest connection is closed first, then another thread's")
    func scarce() throws {
        let bench = try Bench(.epoll)
        let (old, oldPeer) = try bench.connection(0)
        let (young, _) = try bench.connection(0)
        let (other, otherPeer) = try bench.connection(1)
        bench.pool(0).put(old, on: bench[0])
        bench.pool(0).put(young, on: bench[0])
        bench.pool(1).put(other, on: bench[1])
        bench.server.closeIdle(on: bench[0])
        #expect(oldPeer.hasEnded && !young.transport.isClosed && !otherPeer.hasEnded)
        bench.server.closeIdle(on: bench[0])
        bench.server.closeIdle(on: bench[0])
        #expect(otherPeer.hasEnded)
        bench.turn(1)
        #expect(bench.server.idleCount == 0)
        bench.end()
    }

    @Test("more than the shelf has places for: the rest is their own thread's")
    func fullShelf() throws {
        let bench = try Bench(.epoll)
        for _ in 0..<(OfferShelf.places + 2) { bench.pool(0).put(try bench.connection(0).0, on: bench[0]) }
        var taken = 0
        while let found = bench.server.acquireIdle(on: bench[1]) {
            found.close(reset: true)
            taken += 1
        }
        bench.turn(0)
        #expect(taken == OfferShelf.places && bench.server.idleCount == 2)
        bench.end()
    }

    @Test("how many descriptors are in use decides what is kept")
    func descriptorUse() throws {
        let bench = try Bench(.epoll)
        /// Whether the use is above the limits, with 10 and 20 percent of ten.
        func isAbove() -> [Bool] {
            var use = DescriptorUse(capacity: 10, lowPercent: 10, highPercent: 20)
            return [use.isAboveLow(bench[0]), use.isAboveHigh(bench[0])]
        }
        let first = try bench.connection(0).0
        #expect(isAbove() == [false, false])
        let second = try bench.connection(1).0
        #expect(isAbove() == [true, false])
        let third = try bench.connection(1).0
        #expect(isAbove() == [true, true])
        for connection in [first, second, third] { connection.close(reset: true) }
        #expect(isAbove() == [false, false])
        bench.end()
    }

    /// What the threads of the test below share. Any thread.
    // SAFETY: Sendable because its fields are atomic, or changed behind the lock.
    private final class Market: @unchecked Sendable {
        let inUse = InlineArray<4096, Atomic<Bool>> { _ in Atomic(false) }
        let uses = Atomic<Int>(0), collisions = Atomic<Int>(0), made = Atomic<Int>(0)
        private let far = Mutex<[Int32]>([])

        func note(_ peer: Int32) { far.withLock { $0.append(peer) } }
        var peers: [Int32] { far.withLock { $0 } }
    }

    /// Uses a connection as an exchange does, and gives it back.
    private static func use(_ connection: ServerConnection, _ market: Market, _ pool: IdlePool, _ worker: Worker) {
        let number = Int(connection.transport.descriptor)
        if market.inUse[number].exchange(true, ordering: .relaxed) { market.collisions.add(1, ordering: .relaxed) }
        if var chunk = worker.pool.take() {
            chunk.append([1])
            connection.transport.send(chunk)
            if connection.transport.flush() == .done { market.uses.add(1, ordering: .relaxed) }
        }
        worker.turnBriefly()
        market.inUse[number].store(false, ordering: .relaxed)
        pool.put(connection, on: worker)
    }

    @Test("four threads use, take and close connections: each is one thread's at any time, and none is lost")
    func threads() throws {
        let bench = try Bench(.epoll, threads: 4)
        let market = Market()
        let threads = try (0..<4).map { thread in
            try Thread {
                let worker = bench[thread], pool = bench.pool(thread)
                for round in 0..<800 {
                    if let found = bench.server.acquireIdle(on: worker) {
                        IdleSharingTests.use(found, market, pool, worker)
                        // Some are left to others for a while.
                        if round % 7 == thread { for _ in 0..<3 { worker.turnBriefly() } }
                        continue
                    }
                    worker.turnBriefly()
                    var pair: (Int32, Int32) = (-1, -1)
                    // Two of the threads live from what the others have.
                    guard thread < 2, market.made.load(ordering: .relaxed) < 60 || round % 50 == 0,
                        bench.kernel.socketpair(Int32(SOCK_STREAM.rawValue), &pair) >= 0
                    else { continue }
                    market.made.add(1, ordering: .relaxed)
                    market.note(pair.1)
                    let transport = worker.makeTransport(accepted: pair.0, consumer: bench.collector)
                    worker.turnBriefly()
                    pool.put(ServerConnection(transport: transport, server: bench.server), on: worker)
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(market.collisions.load(ordering: .relaxed) == 0)
        #expect(bench.group.workers.reduce(0) { $0 + $1.activity.value(.takeovers) } > 0)
        bench.end()
        var received = 0
        for far in market.peers {
            let peer = Peer(kernel, far)
            #expect(peer.hasEnded, "its connection is closed")
            received += peer.bytes.count
        }
        #expect(received == market.uses.load(ordering: .relaxed), "what was sent came to the right one")
    }
}
