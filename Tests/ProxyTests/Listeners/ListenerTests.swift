import Base
import Configuration
import Glibc
import Testing

@testable import Engine
@testable import Proxy

/// A kernel whose `accept` is made to fail.
// SAFETY: used by one thread.
private final class StarvedKernel: HostKernel, @unchecked Sendable {
    var refusal: Int32 = 0
    var refusals = 0
    /// A ring makes no calls of accept that could fail.
    override var offersRings: Bool { false }

    override func accept(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        if refusal == 0 { return super.accept(fd, &address) }
        refusals += 1
        return -refusal
    }
}

@Suite("Limits of listeners (manual, sections 3.2, 4.2 and 5.1, maxconn)")
struct ListenerTests {
    private let tcp = "defaults\n mode tcp\n timeout client 5s\n timeout connect 1s\n timeout server 5s\n"

    /// Connects five clients where two are let in, ends them one by one, and expects every one to be served.
    private func serveFive(_ bench: ProxyBench, limit: Int) throws {
        let clients = try (0..<5).map { number in
            let client = try bench.client()
            client.send("\(number)")
            return client
        }
        var servers: [Peer] = []
        func accept() {
            while let server = bench.origin.accept() { servers.append(server) }
        }
        for round in 0..<5 {
            let expected = min(round + limit, 5)
            #expect(
                bench.turn {
                    accept()
                    return servers.count == expected && servers.allSatisfy { !$0.text.isEmpty }
                }, "\(round)")
            bench.turn(forMilliseconds: 5)
            accept()
            #expect(servers.count == expected, "no one beyond the limit")
            #expect(bench.runtime.currentConnections == min(limit, 5 - round))
            let ended = try #require(Int(servers[round].text))
            clients[ended].close()
            servers[round].close()
        }
        bench.expectRest()
    }

    @Test("the frontend's limit")
    func frontend() throws {
        let bench = try ProxyBench(
            tcp + "frontend fe\n maxconn 2\n backlog 100\n bind FD\n default_backend be\nbackend be\n server s ORIGIN")
        try serveFive(bench, limit: 2)
    }

    @Test("the limit of a bind line")
    func bind() throws {
        let bench = try ProxyBench(
            tcp + "frontend fe\n backlog 100\n bind FD maxconn 1\n default_backend be\nbackend be\n server s ORIGIN")
        try serveFive(bench, limit: 1)
    }

    @Test("the process's limit")
    func process() throws {
        let bench = try ProxyBench(
            tcp + "frontend fe\n backlog 100\n bind FD\n default_backend be\nbackend be\n server s ORIGIN",
            global: " maxconn 2")
        try serveFive(bench, limit: 2)
    }

    @Test("no call of accept finds nothing when connections come one by one")
    func nothingAcceptedInVain() throws {
        let bench = try ProxyBench(
            tcp + "frontend fe\n backlog 100\n bind FD\n default_backend be\nbackend be\n server s ORIGIN")
        let activity = bench.runtime.group.workers[0].activity
        for number in 1...20 {
            let client = try bench.client()
            var server: Peer?
            #expect(
                bench.turn {
                    server = server ?? bench.origin.accept()
                    return server != nil
                }, "\(number)")
            client.close()
            server?.close()
            #expect(bench.turn { bench.runtime.currentConnections == 0 }, "\(number)")
        }
        #expect(activity.value(.accepts) == 20)
        #expect(activity.value(.acceptsEmpty) == 0)
        bench.expectRest()
    }

    @Test("connections that wait together are all let in, whatever one report is worth")
    func burst() throws {
        let bench = try ProxyBench(
            tcp + "frontend fe\n backlog 100\n bind FD\n default_backend be\nbackend be\n server s ORIGIN")
        let clients = try (0..<60).map { _ in try bench.client() }
        #expect(bench.turn { bench.runtime.currentConnections == 60 })
        #expect(bench.runtime.group.workers[0].activity.value(.acceptsEmpty) <= 1)
        for client in clients { client.close() }
        var servers: [Peer] = []
        #expect(
            bench.turn {
                while let server = bench.origin.accept() { servers.append(server) }
                return servers.count == 60
            })
        for server in servers { server.close() }
        bench.expectRest()
    }

    @Test("a listener at its limit lets the loop sleep")
    func noSpin() throws {
        let bench = try ProxyBench(
            tcp + "frontend fe\n maxconn 1\n backlog 100\n bind FD\n default_backend be\nbackend be\n server s ORIGIN")
        let clients = try (0..<3).map { _ in try bench.client() }
        _ = try bench.accept()
        bench.turn(forMilliseconds: 10)
        var turns = 0
        bench.turn(milliseconds: 100) {
            turns += 1
            return false
        }
        // One turn each two milliseconds, by the test's own timer.
        #expect(turns < 80)
        for client in clients { client.close() }
        bench.turn { bench.runtime.currentConnections == 0 }
    }

    @Test("without descriptors a listener waits instead of spinning, and takes its clients when there are some again")
    func exhaustion() throws {
        let kernel = StarvedKernel()
        let bench = try ProxyBench(
            tcp + "frontend fe\n backlog 100\n bind FD\n default_backend be\nbackend be\n server s ORIGIN",
            kernel: kernel)
        kernel.refusal = EMFILE
        let client = try bench.client()
        bench.turn(milliseconds: 150) { false }
        #expect((1...4).contains(kernel.refusals), "\(kernel.refusals) attempts")
        kernel.refusal = 0
        let server = try bench.accept()
        bench.expectRest([client, server])
    }

    @Test("an attempt that finds nobody gives its places back, and resumes who waited for them")
    func emptyAttempt() throws {
        let kernel = StarvedKernel()
        let bench = try ProxyBench(
            tcp + "frontend fe\n maxconn 1\n backlog 100\n bind FD\n default_backend be\nbackend be\n server s ORIGIN",
            kernel: kernel)
        let listener = bench.frontend.listeners[0]
        kernel.refusal = EAGAIN
        // Another thread has the one place while this one looks, and finds nobody to accept.
        #expect(bench.runtime.reserveConnection() && bench.frontend.reserve())
        listener.ready(listener.fd, .readable, on: bench.worker)
        #expect(!bench.worker.isActive(listener.fd, .read))
        bench.frontend.leave()
        bench.runtime.leaveConnection()
        bench.runtime.connectionEnded(on: bench.worker)
        #expect(bench.worker.isActive(listener.fd, .read))
        listener.ready(listener.fd, .readable, on: bench.worker)
        #expect(bench.isAtRest)
        #expect(bench.worker.isActive(listener.fd, .read))
    }

    @Test("many threads that pause and resume it at once never leave it deaf")
    func noLostResume() throws {
        let bench = try ProxyBench(
            tcp + "frontend fe\n maxconn 1\n backlog 100\n bind FD\n default_backend be\nbackend be\n server s ORIGIN",
            global: " nbthread 4")
        let listener = bench.frontend.listeners[0]
        let runtime = bench.runtime
        let threads = try (0..<4).map { index in
            try Thread {
                let worker = runtime.group.workers[index]
                for _ in 0..<3000 {
                    // Each sees "nobody to accept" or "at the limit" as the others let it.
                    listener.ready(listener.fd, .readable, on: worker)
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(bench.runtime.currentConnections == 0 && bench.frontend.current == 0 && listener.current == 0)
        #expect(bench.worker.isActive(listener.fd, .read))
    }

    @Test("draining closes the listeners, lets a request end, closes idle connections and then the process is over")
    func drain() throws {
        let bench = try ProxyBench.http()
        let (client, server) = try bench.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        let idle = try bench.client()
        idle.send("GET /idle HTTP/1.1\r\nhost: a\r\n\r\n")
        let other = try bench.accept()
        #expect(bench.turn { other.text.hasSuffix("\r\n\r\n") && server.text.hasSuffix("\r\n\r\n") })
        other.send("HTTP/1.1 204 No Content\r\n\r\n")
        #expect(bench.turn { idle.text.hasSuffix("\r\n\r\n") })
        bench.runtime.drain(on: bench.worker)
        #expect(bench.turn { idle.hasEnded })
        #expect(!client.hasEnded && !bench.runtime.group.isStopping)
        server.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        #expect(bench.turn { client.hasEnded })
        #expect(client.text.contains("connection: close") && client.text.hasSuffix("ok"))
        #expect(bench.runtime.group.isStopping)
        #expect(bench.isAtRest)
    }
}
