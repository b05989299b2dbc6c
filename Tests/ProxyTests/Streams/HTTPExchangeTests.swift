import Testing

@testable import Proxy

private let okay = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

@Suite("HTTP exchanges over sockets")
struct HTTPExchangeTests {
    @Test("a client's connection carries one request after another, on one connection to the server")
    func keepAlive() throws {
        let bench = try ProxyBench.http()
        let (client, server) = try bench.exchange("GET /1 HTTP/1.1\r\nhost: a\r\n\r\n")
        for number in 1...20 {
            #expect(bench.turn { server.text.contains("GET /\(number) ") })
            server.clear()
            server.send(okay)
            #expect(bench.turn { client.text.hasSuffix("\r\n\r\nok") })
            client.clear()
            #expect(bench.worker.blocksInUse == 0)
            if number == 20 { break }
            client.send("GET /\(number + 1) HTTP/1.1\r\nhost: a\r\n\r\n")
        }
        bench.expectRest([client, server])
    }

    @Test(
        "pipelined requests and bodies straddle blocks, wherever the pieces are cut",
        arguments: [1024, 2048], [1, 7, 100, 1023, 1024, 1500, 100_000])
    func pipelining(blockBytes: Int, pieceBytes: Int) throws {
        let bench = try ProxyBench.http(global: " tune.bufsize \(blockBytes)\n tune.maxrewrite 256")
        var requests: [UInt8] = []
        var expected: [String] = []
        for number in 1...8 {
            let body = String(repeating: "b", count: number * 150)
            let padding = String(repeating: "p", count: number * 40)
            let head = "POST /\(number) HTTP/1.1\r\nhost: a\r\npad: \(padding)\r\n"
            requests += Array((head + "content-length: \(body.utf8.count)\r\n\r\n\(body)").utf8)
            expected.append("/\(number) \(body.utf8.count)")
        }
        let client = try bench.client()
        var sent = 0
        var seen: [String] = []
        var servers: [Peer] = []
        let finished = bench.turn(milliseconds: 30_000) {
            if sent < requests.count {
                let count = client.send(Array(requests[sent..<min(sent + pieceBytes, requests.count)]))
                sent += max(0, count)
            }
            if let server = bench.origin.accept() { servers.append(server) }
            for server in servers {
                guard let request = wholeRequest(server.text) else { continue }
                seen.append(request)
                server.clear()
                server.send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n\(seen.count)")
            }
            return seen.count == 8 && client.text.hasSuffix("\r\n8")
        }
        #expect(finished)
        #expect(seen == expected)
        #expect(servers.count == 1)
        bench.expectRest([client] + servers)
    }

    /// "path, length of the body" of a request that is there whole.
    private func wholeRequest(_ text: String) -> String? {
        guard let end = text.firstRange(of: "\r\n\r\n"), let field = text.firstRange(of: "content-length: ") else {
            return nil
        }
        let length = Int(text[field.upperBound...].prefix { $0.isNumber }) ?? -1
        let body = text[end.upperBound...]
        guard body.utf8.count == length else { return nil }
        return "\(text.split(separator: " ")[1]) \(length)"
    }

    @Test(
        "a response's head that comes in two pieces, with a body that fills the rest of the block, is no bad response")
    func splitResponseHead() throws {
        let bench = try ProxyBench.http()
        let (client, server) = try bench.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        #expect(bench.turn { server.text.hasSuffix("\r\n\r\n") })
        server.send("HTTP/1.1 200 OK\r\n")
        bench.turn(forMilliseconds: 10)
        let body = String(repeating: "x", count: 20_000)
        server.send("content-length: 20000\r\n\r\n" + body)
        #expect(bench.turn { client.text.hasSuffix("\r\n\r\n" + body) })
        #expect(client.text.hasPrefix("HTTP/1.1 200 "))
        bench.expectRest([client, server])
    }

    @Test("a response larger than the window reaches a slow client whole, and waits in the server's socket meanwhile")
    func slowClient() throws {
        let bench = try ProxyBench.http()
        let client = try Peer(bench.kernel, connectingTo: bench.entrance, receiveBytes: 4096)
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        let server = try bench.accept()
        let size = 16_000_000
        let response = Array("HTTP/1.1 200 OK\r\ncontent-length: \(size)\r\n\r\n".utf8) + pattern(size)
        var sent = 0
        var most = 0
        bench.turn(milliseconds: 50) {
            sent += max(0, server.send(Array(response[sent...].prefix(65536))))
            most = max(most, bench.worker.blocksInUse)
            return false
        }
        #expect(sent < response.count, "back pressure reaches the server")
        #expect(most <= 12, "a window of blocks is kept, and no more")
        let whole = bench.turn(milliseconds: 30_000) {
            if sent < response.count { sent += max(0, server.send(Array(response[sent...].prefix(65536)))) }
            client.receive(limit: 60_000)
            return client.bytes.count >= size + 40
        }
        #expect(whole)
        #expect(client.bytes.suffix(size) == pattern(size)[...])
        bench.expectRest([client, server])
    }

    @Test("an upload larger than the window reaches a slow server whole", arguments: [1024, 16384])
    func slowServer(blockBytes: Int) throws {
        let bench = try ProxyBench.http(global: " tune.bufsize \(blockBytes)\n tune.maxrewrite 256")
        let size = 1_000_000
        let request = Array("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: \(size)\r\n\r\n".utf8) + pattern(size)
        let expected = pattern(size)
        let client = try bench.client()
        var sent = max(0, client.send(Array(request.prefix(500))))
        let server = try bench.accept()
        let whole = bench.turn(milliseconds: 30_000) {
            if sent < request.count { sent += max(0, client.send(Array(request[sent...].prefix(40_000)))) }
            server.receive(limit: 10_000)
            return server.bytes.count >= size && server.bytes.suffix(size) == expected[...]
        }
        #expect(whole)
        server.send(okay)
        #expect(bench.turn { client.text.hasSuffix("ok") })
        bench.expectRest([client, server])
    }

    private func pattern(_ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) } }

    @Test("requests that a client sends ahead are served in their order, with option abortonclose too")
    func pipelinedAheadWithAbortOnClose() throws {
        let bench = try ProxyBench.http("option abortonclose")
        let (client, server) = try bench.exchange("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HT")
        #expect(bench.turn { server.text.contains("GET /1 ") })
        server.send(okay)
        // The rest comes with the response's end, before the exchange that is due has begun.
        client.send("TP/1.1\r\nhost: a\r\n\r\n")
        #expect(bench.turn { server.text.contains("GET /2 HTTP/1.1\r\n") })
        server.send(okay)
        #expect(bench.turn { client.text.components(of: "200 OK") == 2 })
        #expect(!client.text.contains(" 400 "))
        bench.expectRest([client, server])
    }

    @Test("interim responses without end do not pile up before a client that does not read")
    func interimFlood() throws {
        let bench = try ProxyBench.http()
        let client = try Peer(bench.kernel, connectingTo: bench.entrance, receiveBytes: 4096)
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        let server = try bench.accept()
        let flood = Array(String(repeating: "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", count: 1000).utf8)
        var most = 0
        var place = 0
        bench.turn(milliseconds: 300) {
            place = (place + max(0, server.send(Array(flood[place...])))) % flood.count
            most = max(most, bench.worker.blocksInUse)
            return false
        }
        #expect(most <= 16)
        // Once the client reads, they and the response pass.
        var rest = Array(flood[place...]) + Array(okay.utf8)
        if place == 0 { rest = Array(okay.utf8) }
        let whole = bench.turn(milliseconds: 30_000) {
            if !rest.isEmpty { rest.removeFirst(max(0, server.send(rest))) }
            client.receive()
            return String(decoding: client.bytes.suffix(4), as: UTF8.self) == "\r\nok"
        }
        #expect(whole, "\(client.bytes.count) bytes have come, \(rest.count) are left")
        bench.expectRest([client, server])
    }

    @Test("a response that comes before the request is whole is delivered, though the server listens no more")
    func earlyRefusal() throws {
        let bench = try ProxyBench.http()
        for _ in 0..<10 {
            let (client, server) = try bench.exchange(
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\nbody")
            #expect(bench.turn { server.text.hasSuffix("body") })
            client.send([UInt8](repeating: 1, count: 200_000))
            // Unread bytes make the server's close a reset, which the proxy may meet as it sends.
            server.send("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
            server.close()
            #expect(bench.turn { client.text.contains("\r\n\r\nbig") })
            #expect(client.text.hasPrefix("HTTP/1.1 413 "))
            bench.expectRest([client])
        }
    }

    @Test("in a tunnel the tunnel's time counts, not the server's")
    func tunnelTimeout() throws {
        let bench = try ProxyBench.http("timeout tunnel 20s\n timeout server 300")
        let (client, server) = try bench.exchange(
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        #expect(bench.turn { server.text.hasSuffix("\r\n\r\n") })
        server.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        #expect(bench.turn { client.text.hasSuffix("\r\n\r\n") })
        client.send("ping")
        #expect(bench.turn { server.text.hasSuffix("ping") })
        bench.turn(forMilliseconds: 600)
        #expect(!server.hasEnded)
        server.send("pong")
        #expect(bench.turn { client.text.hasSuffix("pong") })
        bench.expectRest([client, server])
    }

    @Test("an upload that stalls after the response is over when its time is")
    func stalledUploadAfterResponse() throws {
        let bench = try ProxyBench.http("timeout server 300\n timeout client 500")
        let (client, server) = try bench.exchange("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nbody")
        #expect(bench.turn { server.text.hasSuffix("body") })
        server.send(okay)
        #expect(bench.turn { client.text.hasSuffix("ok") })
        client.send("more")
        #expect(bench.turn { client.hasEnded }, "the connection is not kept for ever")
        bench.expectRest([client, server])
    }

    @Test("a client that is made to wait for a slow server is not taken for a slow client")
    func clientDeadlineUnderBackPressure() throws {
        let bench = try ProxyBench.http("timeout client 300\n timeout server 20s")
        let (client, server) = try bench.exchange("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 40000000\r\n\r\n")
        var sent = 0
        bench.turn(milliseconds: 900) {
            while true {
                let count = client.send([UInt8](repeating: 1, count: min(65536, 40_000_000 - sent)))
                if count <= 0 { break }
                sent += count
            }
            return false
        }
        #expect(sent < 40_000_000)
        #expect(!client.text.contains("408"))
        bench.expectRest([client, server])
    }

    @Test("thousands of clients that abort at any point leave nothing behind")
    func aborts() throws {
        let bench = try ProxyBench.http("timeout queue 100", server: "maxconn 8")
        var seed: UInt64 = 22
        func roll(_ bound: UInt64) -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (seed >> 33) % bound
        }
        let script = Array("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 30\r\n\r\n0123456789".utf8)
        var clients: [Peer] = [], servers: [Peer] = []
        for _ in 0..<3000 {
            let client = try bench.client()
            client.send(Array(script.prefix(Int(roll(UInt64(script.count) + 1)))))
            if roll(3) == 0 { client.finish() }
            clients.append(client)
            bench.turnOnce()
            if let server = bench.origin.accept() { servers.append(server) }
            if !servers.isEmpty {
                let index = Int(roll(UInt64(servers.count)))
                switch roll(5) {
                case 0: servers.remove(at: index).close(reset: true)
                case 1: servers.remove(at: index).close()
                case 2: servers[index].send(okay)
                case 3: servers[index].send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab")
                default: servers[index].send("junk")
                }
            }
            if clients.count > 24 { clients.remove(at: Int(roll(24))).close(reset: roll(2) == 0) }
        }
        bench.expectRest(clients + servers)
        #expect(bench.backend.servers[0].idle[0].count == 0)
    }
}

extension String {
    func components(of part: String) -> Int { ranges(of: part).count }
}
