import Testing

@testable import Engine
@testable import Proxy

/// Bytes of an instance of a class, without what its fields refer to.
///
/// Source: the Swift ABI's TypeMetadata.rst, "Class Metadata" (no Objective-C): kind, superclass, flags and address
/// point, and then the size of an instance.
private func instanceBytes(_ type: AnyClass) -> Int {
    // SAFETY: a class object is its metadata, which outlives the process's use of it.
    let metadata = unsafe unsafeBitCast(type, to: UnsafeRawPointer.self)
    return Int(unsafe metadata.load(fromByteOffset: 24, as: UInt32.self))
}

private class Sixteen {}
private class ThirtyTwo: Sixteen { var first = 1, second = 2 }

/// What a connection costs in memory; docs/performance.md lists it. A growth here is to be meant.
@Suite("Memory of connections")
struct ConnectionMemoryTests {
    @Test("the sizes of instances are read rightly")
    func instrument() {
        #expect(instanceBytes(Sixteen.self) == 16)
        #expect(instanceBytes(ThirtyTwo.self) == 32)
    }

    @Test(
        "an object of a connection is no larger than it was",
        arguments: [
            (HTTPConnection.self as AnyClass, 200), (SocketTransport.self, 152), (RingTransport.self, 152),
            (TCPStream.self, 896), (HTTPExchange.self, 1280), (ServerConnection.self, 72),
        ])
    func size(type: AnyClass, bytes: Int) {
        #expect(instanceBytes(type) <= bytes, "\(type)")
    }

    @Test("a slot of the descriptor table is two cache lines")
    func slot() {
        #expect(FDSlot.sizeBytes == 128)
    }

    @Test("an idle client connection holds no block, before its first request and between requests")
    func idleHTTP() throws {
        let bench = try ProxyBench.http()
        let clients = try (0..<10).map { _ in try bench.client() }
        #expect(bench.turn { bench.runtime.currentConnections == 10 })
        #expect(bench.worker.blocksInUse == 0)
        for client in clients {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let server = try bench.accept()
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
            #expect(bench.turn { client.text.hasSuffix("hi") })
            server.close()
        }
        #expect(bench.turn { bench.worker.blocksInUse == 0 })
        #expect(bench.runtime.currentConnections == 10)
        bench.expectRest(clients)
    }

    @Test("a relayed connection holds no block while nobody sends")
    func idleTCP() throws {
        let bench = try ProxyBench(
            """
            defaults
             mode tcp
             timeout connect 1s
             timeout client 5s
             timeout server 5s
            frontend fe
             bind FD
             default_backend be
            backend be
             server s ORIGIN
            """)
        let (client, server) = try bench.exchange("hello")
        #expect(bench.turn { server.text == "hello" })
        server.send("answer")
        #expect(bench.turn { client.text == "answer" })
        #expect(bench.turn { bench.worker.blocksInUse == 0 })
        bench.expectRest([client, server])
    }
}
