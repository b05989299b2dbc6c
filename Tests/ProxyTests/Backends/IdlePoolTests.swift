import Base
import Configuration
import Glibc
import Testing

@testable import Engine
@testable import Proxy

@Suite("Idle connections of a server (manual, section 5.2, pool-max-conn, pool-purge-delay)")
struct IdlePoolTests {
    private let group: WorkerGroup
    private let backend: Backend
    private let kernel = HostKernel()
    private var worker: Worker { group.workers[0] }
    private var server: Server { backend.servers[0] }

    init() throws {
        group = try WorkerGroup(WorkerGroup.Options(), kernel: HostKernel())
        backend = try Backends.make([""])
    }

    private func pool(_ maximum: Int = -1, purge: Int = 5000) -> IdlePool {
        var settings = ServerSettings()
        settings.poolMaxConn = maximum
        settings.poolPurgeDelayMilliseconds = purge
        return IdlePool(settings)
    }

    /// A connection, and the server's side of it.
    private func connection() throws -> (ServerConnection, Peer) {
        var pair: (Int32, Int32) = (-1, -1)
        try #require(kernel.socketpair(Int32(SOCK_STREAM.rawValue), &pair) >= 0)
        let transport = SocketTransport(accepted: pair.0, worker: worker, consumer: TransportConsumer())
        return (ServerConnection(transport: transport, server: server), Peer(kernel, pair.1))
    }

    private func turn(_ count: Int = 3) {
        for _ in 0..<count { worker.turnBriefly() }
    }

    @Test("the connection used last is taken first")
    func lastInFirstOut() throws {
        let pool = pool()
        let made = try (0..<3).map { _ in try connection() }
        for (connection, _) in made { connection.enter(pool, at: worker.now) }
        for (connection, _) in made { pool.put(connection, on: worker) }
        #expect(pool.count == 3)
        #expect(pool.take(on: worker) === made[2].0)
        pool.put(made[2].0, on: worker)
        #expect(pool.take(on: worker) === made[2].0)
        #expect(pool.take(on: worker) === made[1].0)
        #expect(pool.take(on: worker) === made[0].0)
        #expect(pool.take(on: worker) == nil)
        #expect(pool.count == 0)
        for (connection, _) in made { connection.transport.close() }
    }

    @Test("data, the end or a reset of an idle connection closes it, and it is not handed out again")
    func whatIsNotAskedFor() throws {
        let pool = pool()
        let made = try (0..<4).map { _ in try connection() }
        for (connection, _) in made { pool.put(connection, on: worker) }
        made[0].1.send("x")
        made[1].1.finish()
        made[3].1.close()
        turn()
        #expect(pool.count == 1)
        #expect(made.map { $0.0.transport.isClosed } == [true, true, false, true])
        #expect(pool.take(on: worker) === made[2].0)
        #expect(worker.blocksInUse == 0)
        made[2].0.transport.close()
    }

    @Test("more than pool-max-conn are closed at once; 0 keeps none")
    func maximum() throws {
        let pool = pool(1)
        let made = try (0..<2).map { _ in try connection() }
        for (connection, _) in made { pool.put(connection, on: worker) }
        #expect(made.map { $0.0.transport.isClosed } == [false, true])
        #expect(made[1].1.hasEnded)
        made[0].0.transport.close()
        let none = self.pool(0)
        let (extra, _) = try connection()
        none.put(extra, on: worker)
        #expect(extra.transport.isClosed)
    }

    @Test("no more are kept than were in use at once lately, so that connections that nobody takes do not pile up")
    func demand() throws {
        let pool = pool()
        let (first, _) = try connection()
        let (second, secondPeer) = try connection()
        first.enter(pool, at: worker.now)
        pool.put(first, on: worker)
        #expect(pool.count == 1)
        // One at a time was in use, and one is idle: another is one too many.
        second.enter(pool, at: worker.now)
        pool.put(second, on: worker)
        #expect(second.transport.isClosed)
        #expect(secondPeer.hasEnded)
        #expect(pool.count == 1)
        // Two in use at once: both are kept.
        let (third, _) = try connection()
        let taken = try #require(pool.take(on: worker))
        third.enter(pool, at: worker.now)
        pool.put(taken, on: worker)
        pool.put(third, on: worker)
        #expect(pool.count == 2)
        first.transport.close()
        third.transport.close()
    }

    @Test("what has been idle for longer than pool-purge-delay is closed, the rest stays")
    func purge() throws {
        let pool = pool(purge: 600)
        let (old, _) = try connection()
        let (young, youngPeer) = try connection()
        pool.put(old, on: worker)
        let limit = kernel.monotonicNanoseconds() + 20_000_000_000
        let start = worker.now
        while worker.now.milliseconds(since: start) < 500 { worker.turnBriefly() }
        pool.put(young, on: worker)
        while !old.transport.isClosed && kernel.monotonicNanoseconds() < limit { worker.turnBriefly() }
        #expect(old.transport.isClosed)
        #expect(!young.transport.isClosed)
        while !young.transport.isClosed && kernel.monotonicNanoseconds() < limit { worker.turnBriefly() }
        #expect(young.transport.isClosed)
        #expect(youngPeer.hasEnded)
        #expect(pool.count == 0)
    }
}
