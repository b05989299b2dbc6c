import Base
import Glibc
import Testing

@testable import Engine
@testable import Proxy

@Suite("Streams in mode tcp, over sockets")
struct TCPStreamTests {
    private func bench(_ options: String = "", server: String = "") throws -> ProxyBench {
        try ProxyBench(
            """
            defaults
             mode tcp
             timeout connect 2s
             timeout client 5s
             timeout server 5s
             \(options)
            listen l
             bind FD
             server s1 ORIGIN \(server)
            """)
    }

    @Test("bytes go both ways; what the client sent before there was a connection is not lost")
    func relay() throws {
        let bench = try bench()
        let client = try bench.client()
        client.send("early")
        let server = try bench.accept()
        #expect(bench.turn { server.text == "early" })
        server.send("answer")
        #expect(bench.turn { client.text == "answer" })
        client.send(" and late")
        #expect(bench.turn { server.text == "early and late" })
        #expect(bench.worker.blocksInUse == 0)
        bench.expectRest([client, server])
    }

    @Test("each side's end is passed on, and the other way goes on")
    func halfClose() throws {
        for clientFirst in [true, false] {
            let bench = try bench()
            let client = try bench.client()
            client.send("x")
            let server = try bench.accept()
            let (first, second) = clientFirst ? (client, server) : (server, client)
            first.send("last words")
            first.finish()
            #expect(bench.turn { second.hasEnded && second.text.hasSuffix("last words") })
            second.send("reply")
            #expect(bench.turn { first.text.hasSuffix("reply") })
            #expect(!first.hasEnded)
            second.finish()
            #expect(bench.turn { first.hasEnded })
            bench.expectRest([client, server])
        }
    }

    @Test("a slow reader holds the sender back, and gets everything")
    func backPressure() throws {
        let bench = try bench()
        let client = try Peer(bench.kernel, connectingTo: bench.entrance, receiveBytes: 4096)
        let server = try bench.accept()
        let size = 8_000_000
        let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 11) }
        var sent = 0, most = 0
        func push() {
            if sent < size { sent += max(0, server.send(Array(data[sent...].prefix(65536)))) }
            most = max(most, bench.worker.blocksInUse)
        }
        bench.turn(milliseconds: 50) {
            push()
            return false
        }
        #expect(sent < size)
        server.finish()
        sent = 0
        let whole = bench.turn(milliseconds: 30_000) {
            client.receive(limit: 200_000)
            return client.isEnded
        }
        #expect(whole)
        #expect(client.bytes == Array(data.prefix(client.bytes.count)) && client.bytes.count > 65536)
        #expect(most <= 12)
        bench.expectRest([client, server])
    }

    @Test("single bytes for a server that is not there yet, or does not read, do not take a block each")
    func singleBytes() throws {
        let bench = try bench("timeout queue 5s", server: "maxconn 1")
        let first = try bench.client()
        let server = try bench.accept()
        let client = try bench.client()
        _ = bench.kernel.setOption(client.fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        var most = 0
        for _ in 0..<300 {
            client.send("x")
            bench.turnOnce()
            most = max(most, bench.worker.blocksInUse)
        }
        #expect(most <= 3)
        #expect(bench.backend.queue.count == 1)
        first.close()
        server.close()
        let second = try bench.accept()
        #expect(bench.turn { second.text.count == 300 })
        bench.expectRest([client, second])
    }

    @Test("a queue's place is left by who goes, and granted to who stays")
    func queue() throws {
        let bench = try bench("timeout queue 5s\n option abortonclose", server: "maxconn 1")
        let first = try bench.client()
        let server = try bench.accept()
        let waiting = try (0..<3).map { _ in try bench.client() }
        #expect(bench.turn { bench.backend.queue.count == 3 })
        waiting[0].close()
        waiting[1].close(reset: true)
        #expect(bench.turn { bench.backend.queue.count == 1 })
        first.close()
        server.close()
        let second = try bench.accept()
        #expect(bench.backend.servers[0].current == 1)
        bench.expectRest([waiting[2], second])
    }

    @Test("a server that cannot be reached ends the stream after the retries")
    func unreachable() throws {
        let bench = try ProxyBench(
            """
            defaults
             mode tcp
             timeout connect 10
             timeout client 5s
             timeout server 5s
             retries 2
            listen l
             bind FD
             server s1 unix@/nonexistent/martlet.sock
             server s2 unix@/nonexistent/martlet2.sock
             option redispatch 1
            """)
        let client = try bench.client()
        #expect(bench.turn { client.hasEnded })
        #expect(bench.backend.counters.value(.retries) == 2)
        bench.expectRest([client])
    }

    @Test("thousands of connections that end at any point, on either side, leave nothing behind")
    func aborts() throws {
        let bench = try bench("timeout queue 100", server: "maxconn 6")
        var seed: UInt64 = 7
        func roll(_ bound: UInt64) -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (seed >> 33) % bound
        }
        var peers: [Peer] = []
        for _ in 0..<3000 {
            let client = try bench.client()
            client.send([UInt8](repeating: 1, count: Int(roll(3000))))
            if roll(3) == 0 { client.finish() }
            peers.append(client)
            bench.turnOnce()
            if let server = bench.origin.accept() {
                server.send([UInt8](repeating: 2, count: Int(roll(3000))))
                if roll(3) == 0 { server.finish() }
                peers.append(server)
            }
            if peers.count > 24 { peers.remove(at: Int(roll(24))).close(reset: roll(2) == 0) }
        }
        for peer in peers { peer.close() }
        // Whoever still waits in the backlog is accepted by nobody: the streams to it end by themselves.
        bench.turn {
            while let server = bench.origin.accept() { server.close() }
            return bench.isAtRest
        }
        bench.expectRest()
    }
}
