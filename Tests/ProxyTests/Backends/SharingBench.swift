import Base
import Buffers
import Configuration
import Glibc
import Testing

@testable import Engine
@testable import Proxy

/// A server and the threads that use it, all with one kind of poller; the test turns their loops.
final class SharingBench {
    /// Keeps what it is told.
    final class Collector: TransportConsumer {
        var text = ""
        override func transport(_ transport: Transport, received chunk: consuming Chunk) {
            // SAFETY: the chunk's bytes are copied at once.
            text += unsafe String(decoding: chunk.bytes, as: UTF8.self)
        }
    }

    let kernel = HostKernel()
    let group: WorkerGroup
    let server: Server
    let collector = Collector()
    /// Kept: a peer that is let go of ends its connection.
    private var peers: [Peer] = []

    init(_ poller: PollerChoice, threads: Int = 2, server parameters: String = "", global: String = "") throws {
        var options = WorkerGroup.Options()
        options.threads = threads
        options.pollers = poller
        options.maxDescriptors = 4096
        group = try WorkerGroup(options, kernel: kernel)
        let text =
            "global\n nbthread \(threads)\n maxconn 100\n \(global)\nbackend be\n mode http\n"
            + " server s 127.0.0.1:80 \(parameters)\n"
        let loaded = ConfigurationLoader().load(text: text)
        try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
        server = try ProxyRuntime(loaded.tree, kernel: kernel).backends[0].servers[0]
    }

    subscript(thread: Int) -> Worker { group.workers[thread] }

    func pool(_ thread: Int) -> IdlePool { server.idle[thread] }

    /// A connection of a thread that has carried requests, and the server's side of it.
    func connection(_ thread: Int, requests: Int32 = 1) throws -> (ServerConnection, Peer) {
        var pair: (Int32, Int32) = (-1, -1)
        try #require(kernel.socketpair(Int32(SOCK_STREAM.rawValue), &pair) >= 0)
        let worker = self[thread]
        // A server's connection is not tried for its first bytes.
        let transport =
            worker.uring == nil
            ? SocketTransport(accepted: pair.0, worker: worker, consumer: collector)
            : worker.makeTransport(accepted: pair.0, consumer: collector)
        // A readiness poller says once that it may be written.
        turn(thread)
        let connection = ServerConnection(transport: transport, server: server)
        connection.requestCount = requests
        let peer = Peer(kernel, pair.1)
        peers.append(peer)
        return (connection, peer)
    }

    /// Turns the loops a few times: enough for what has been reported already.
    func turn(_ threads: Int...) {
        for thread in threads { for _ in 0..<3 { self[thread].turnBriefly() } }
    }

    /// Turns the loops until something is so, for ten seconds at most.
    func turn(_ threads: Int..., until isDone: () -> Bool) -> Bool { turn(threads, until: isDone) }

    private func turn(_ threads: [Int], until isDone: () -> Bool) -> Bool {
        let limit = kernel.monotonicNanoseconds() + 10_000_000_000
        while kernel.monotonicNanoseconds() < limit {
            for thread in threads { self[thread].turnBriefly() }
            if isDone() { return true }
        }
        return false
    }

    /// Turns a thread's loop until what is idle there has been offered, where that takes its time, or there is no
    /// place for more.
    func ripen(_ thread: Int) {
        #expect(turn(thread) { !pool(thread).isAboutToOffer })
    }

    /// Closes what is idle, and looks at what is left.
    func end() {
        let threads = Array(0..<group.workers.count)
        for thread in threads {
            turn(thread)
            while pool(thread).closeOldest() {}
        }
        _ = turn(threads) { server.idleCount == 0 && group.descriptorsInUse == 0 }
        #expect(server.idleCount == 0 && group.descriptorsInUse == 0)
        group.table.checkInvariants()
    }
}
