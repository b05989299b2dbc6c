import Base
import Configuration
import Testing

@testable import Engine
@testable import Proxy

/// Backends made of `server` lines.
enum Backends {
    static func make(_ servers: [String], _ options: String = "") throws -> Backend {
        let lines = servers.enumerated().map { " server s\($0) 127.0.0.1:\(1000 + $0) \($1)" }
        let text = "global\n nbthread 1\n maxconn 100\nbackend be\n \(options)\n" + lines.joined(separator: "\n") + "\n"
        let loaded = ConfigurationLoader().load(text: text)
        try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
        let runtime = try ProxyRuntime(loaded.tree, kernel: HostKernel())
        return runtime.backends[0]
    }
}

extension Backend {
    /// The index of the server assigned, "full" or "none".
    fileprivate func next(avoiding avoided: Int? = nil, hash: UInt32? = nil) -> String {
        switch assign(avoiding: avoided.map { servers[$0] }, hash: hash) {
        case .server(let server): return "\(server.object!.index)"
        case .full: return "full"
        case .busy(let server): return "wait for \(server.object!.index)"
        case .none: return "none"
        }
    }
}

@Suite("Assigning servers (manual, sections 4.2 and 5.2)")
struct BackendTests {
    @Test("servers in turn; one that is disabled, or weighs nothing, gets none")
    func turns() throws {
        let backend = try Backends.make(["", "disabled", "", "weight 0"])
        #expect((0..<4).map { _ in backend.next() } == ["0", "2", "0", "2"])
    }

    @Test("no server that is up: none")
    func noServer() throws {
        #expect(try Backends.make(["disabled", "disabled"]).next() == "none")
        #expect(try Backends.make([]).next() == "none")
        #expect(try Backends.make(["weight 0"]).next() == "none")
    }

    @Test("a server at its limit is passed over; all at their limit: full, until a place is given back")
    func limits() throws {
        let backend = try Backends.make(["maxconn 1", "maxconn 2"])
        #expect((0..<3).map { _ in backend.next() }.sorted() == ["0", "1", "1"])
        #expect(backend.next() == "full")
        #expect(backend.servers.map(\.current) == [1, 2])
        backend.servers[0].leave()
        #expect(backend.next() == "0")
    }

    @Test("a free server is found however the turns fall, behind hundreds that are full")
    func freeAmongFull() throws {
        let backend = try Backends.make([String](repeating: "maxconn 1", count: 300))
        for server in backend.servers where server.index != 217 { #expect(server.reserve(limit: 1)) }
        #expect(backend.next() == "217")
        #expect(backend.next() == "full")
    }

    @Test("leastconn: the least loaded for its weight, equal ones in turn, none that is full or down")
    func leastConnections() throws {
        let backend = try Backends.make(["", "weight 2", "disabled", "maxconn 1"], "balance leastconn")
        #expect((0..<3).map { _ in backend.next() }.sorted() == ["0", "1", "3"])
        // One each: the second has half a connection for its weight.
        #expect(backend.next() == "1")
        #expect((0..<2).map { _ in backend.next() }.sorted() == ["0", "1"])
        backend.servers[3].leave()
        #expect(backend.next() == "3")
        #expect(try Backends.make([], "balance leastconn").next() == "none")
    }

    @Test("first: by number, as far as there is room")
    func first() throws {
        let backend = try Backends.make(["maxconn 1 id 30", "maxconn 2 id 10", "id 20 disabled"], "balance first")
        #expect((0..<4).map { _ in backend.next() } == ["1", "1", "0", "full"])
        backend.servers[1].leave()
        #expect(backend.next(avoiding: 0) == "1")
    }

    @Test("random: only what has weight and is up; of many draws, the least loaded")
    func random() throws {
        let backend = try Backends.make(["", "weight 0", "disabled", ""], "balance random(100)")
        #expect((0..<2).map { _ in backend.next() }.sorted() == ["0", "3"])
        #expect(try Backends.make(["maxconn 1"], "balance random").next() == "0")
    }

    @Test("a hash leads to its server, to the next one where that is down, and waits for one that is full")
    func hashes() throws {
        let backend = try Backends.make(["", "", "disabled", "maxconn 1"], "balance source")
        #expect((0..<4).map { backend.next(hash: UInt32($0)) } == ["0", "1", "3", "0"])
        #expect(backend.next(hash: 2) == "wait for 3")
        #expect(backend.next(avoiding: 0, hash: 0) == "1")
        backend.servers[1].isUp.store(false, ordering: .relaxed)
        #expect(backend.next(avoiding: 3, hash: 1) == "0")
        // Without anything to hash, servers take turns.
        #expect((0..<2).map { _ in backend.next() } == ["0", "0"])
        #expect(try Backends.make(["disabled"], "balance source").next(hash: 5) == "none")
    }

    @Test("hash-balance-factor: a server with more than its share is passed over")
    func boundedLoad() throws {
        let options = "balance source\n hash-type consistent\n hash-balance-factor "
        let bounded = try Backends.make(["", "", ""], options + "101")
        for _ in 0..<9 { _ = bounded.next(hash: 7) }
        #expect(bounded.servers.map(\.current).sorted() == [2, 3, 4])
        let free = try Backends.make(["", "", ""], options + "0")
        for _ in 0..<9 { _ = free.next(hash: 7) }
        #expect(free.servers.map(\.current).sorted() == [0, 0, 9])
    }

    @Test("a server that just failed is avoided while another can be used, and used again when none can")
    func avoiding() throws {
        let backend = try Backends.make(["", ""])
        #expect((0..<3).map { _ in backend.next(avoiding: 0) } == ["1", "1", "1"])
        let alone = try Backends.make(["", "disabled"])
        #expect(alone.next(avoiding: 0) == "0")
    }

    @Test("a backup serves only when no other server is up, the first one alone")
    func backup() throws {
        let backend = try Backends.make(["", "backup", "backup"])
        #expect((0..<2).map { _ in backend.next() } == ["0", "0"])
        backend.servers[0].isUp.store(false, ordering: .relaxed)
        #expect((0..<2).map { _ in backend.next() } == ["1", "1"])
        backend.servers[1].isUp.store(false, ordering: .relaxed)
        #expect(backend.next() == "2")
    }

    @Test("a full server is no reason to use a backup")
    func backupWhenFull() throws {
        let backend = try Backends.make(["maxconn 1", "backup"])
        #expect(backend.next() == "0")
        #expect(backend.next() == "full")
    }

    @Test("that a server could not be reached once is no reason to use a backup")
    func backupWhenAvoiding() throws {
        let backend = try Backends.make(["", "backup"])
        #expect(backend.next(avoiding: 0) == "0")
        #expect(!backend.hasAlternative(to: backend.servers[0]))
        #expect(try Backends.make(["", ""]).hasAlternative(to: backend.servers[0]))
    }

    @Test("option allbackups spreads over all backups")
    func allBackups() throws {
        let backend = try Backends.make(["disabled", "backup", "backup"], "option allbackups")
        #expect((0..<4).map { _ in backend.next() } == ["1", "2", "1", "2"])
    }

    @Test("minconn: the limit grows with the load, from minconn to maxconn")
    func minconn() throws {
        // maxconn 100 makes the default of fullconn 10.
        let backend = try Backends.make(["minconn 2 maxconn 20"])
        let server = backend.servers[0]
        #expect(backend.fullconn == 10)
        #expect(backend.limit(of: server) == 2)
        for _ in 0..<5 { backend.enter() }
        #expect(backend.limit(of: server) == 10)
        for _ in 0..<5 { backend.enter() }
        #expect(backend.limit(of: server) == 20)
        for _ in 0..<10 { backend.leave() }
        #expect(backend.current == 0)
    }

    @Test("places: never more than the limit, and none lost, however many threads compete")
    func places() throws {
        let backend = try Backends.make(["maxconn 2"])
        let server = backend.servers[0]
        let threads = try (0..<4).map { _ in
            try Thread {
                for _ in 0..<20_000 where server.reserve(limit: 2) {
                    if server.current > 2 { Issue.record("more places than there are") }
                    server.leave()
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(server.current == 0)
        #expect(server.reserve(limit: 2))
        #expect(server.reserve(limit: 2))
        #expect(!server.reserve(limit: 2))
    }

    @Test("with a server down, every thread finds the other one")
    func noSpuriousRefusal() throws {
        let backend = try Backends.make(["disabled", ""])
        let threads = try (0..<3).map { _ in
            try Thread {
                for _ in 0..<20_000 {
                    guard case .server(let server) = backend.assign() else {
                        Issue.record("a server that is up was not found")
                        return
                    }
                    server.with { $0.leave() }
                }
            }
        }
        for thread in threads { thread.join() }
    }
}
