import Base
import Configuration
import Glibc
import Testing

@testable import Engine
@testable import Proxy

/// A whole proxy of one thread inside the test: its loop is turned by the test, which also plays clients and servers.
final class ProxyBench {
    let kernel: HostKernel
    let runtime: ProxyRuntime
    let entrance: SocketAddress
    let origin: Origin
    private let entranceNumber: Int32

    /// `configuration` holds what follows `global`; `FD` stands for the listening descriptor, `ORIGIN` for the address
    /// of the origin server.
    init(_ configuration: String, global: String = "", kernel: HostKernel = HostKernel()) throws {
        self.kernel = kernel
        let (number, address) = try Origin.listen(kernel)
        entranceNumber = number
        entrance = address
        origin = try Origin(kernel)
        let text =
            "global\n nbthread 1\n maxconn 200\n\(global)\n"
            + configuration.replacing("FD", with: "fd@\(number)").replacing("ORIGIN", with: "\(origin.address)") + "\n"
        let loaded = ConfigurationLoader().load(text: text)
        try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
        runtime = try ProxyRuntime(loaded.tree, kernel: kernel)
        try runtime.openListeners()
        try runtime.prepareEngine()
    }

    /// A proxy in HTTP mode with one frontend, one backend and one server.
    static func http(_ options: String = "", server: String = "", global: String = "") throws -> ProxyBench {
        try ProxyBench(
            """
            defaults
             mode http
             timeout connect 2s
             timeout client 5s
             timeout server 5s
             \(options)
            frontend fe
             bind FD
             default_backend be
            backend be
             server s1 ORIGIN \(server)
            """, global: global)
    }

    deinit {
        // A listener that was closed has closed its descriptor, whose number may be another test's by now.
        if runtime.frontends[0].listeners[0].isOpen { _ = kernel.close(entranceNumber) }
    }

    var worker: Worker { runtime.group.workers[0] }
    var frontend: Frontend { runtime.frontends[0] }
    var backend: Backend { runtime.backends[0] }

    /// A client's connection to the proxy.
    func client() throws -> Peer { try Peer(kernel, connectingTo: entrance) }

    /// A client's request, and the server's side of the connection that it came on.
    func exchange(_ request: String) throws -> (client: Peer, server: Peer) {
        let client = try client()
        client.send(request)
        return (client, try accept())
    }

    /// The next connection that the proxy makes to the origin server.
    func accept() throws -> Peer {
        var peer: Peer?
        #expect(
            turn {
                peer = origin.accept()
                return peer != nil
            }, "the proxy connects to the server")
        return try #require(peer)
    }

    /// Turns the loop until the condition holds; false if it does not within the time.
    @discardableResult
    func turn(milliseconds: UInt64 = 20_000, until condition: () -> Bool) -> Bool {
        let limit = kernel.monotonicNanoseconds() + milliseconds * 1_000_000
        let alarm = Alarm()
        while !condition() {
            if kernel.monotonicNanoseconds() > limit { return false }
            worker.schedule(alarm, at: worker.now.adding(milliseconds: 2))
            worker.turn()
        }
        worker.cancel(alarm)
        return true
    }

    /// One turn, which waits a millisecond at most.
    func turnOnce() { worker.turnBriefly() }

    /// Turns the loop for a while.
    func turn(forMilliseconds milliseconds: UInt64) {
        turn(milliseconds: milliseconds) { false }
    }

    /// Whether what is left of streams is nothing: no block, and no place taken anywhere.
    var isAtRest: Bool {
        worker.blocksInUse == 0 && runtime.currentConnections == 0
            && runtime.frontends.allSatisfy { $0.current == 0 && $0.listeners.allSatisfy { $0.current == 0 } }
            && runtime.backends.allSatisfy {
                $0.current == 0 && $0.queue.count == 0 && $0.servers.allSatisfy { $0.current == 0 }
            }
    }

    /// Lets what is under way end, and expects nothing to be left of it.
    func expectRest(_ peers: [Peer] = [], sourceLocation: SourceLocation = #_sourceLocation) {
        for peer in peers { peer.close() }
        if !turn(until: { isAtRest }) {
            Issue.record(
                """
                left: \(worker.blocksInUse) blocks, \(runtime.currentConnections) connections, \
                frontend \(frontend.current), backend \(backend.current), queue \(backend.queue.count), \
                servers \(backend.servers.map(\.current))
                """, sourceLocation: sourceLocation)
        }
    }

    private final class Alarm: LoopTask {}
}

extension Worker {
    /// One turn, which waits a millisecond at most.
    func turnBriefly() {
        schedule(LoopTask(), at: now.adding(milliseconds: 1))
        turn()
    }
}

/// A listening socket of the test.
final class Origin {
    let fd: Int32
    let address: SocketAddress
    private let kernel: HostKernel

    init(_ kernel: HostKernel) throws {
        self.kernel = kernel
        (fd, address) = try Origin.listen(kernel)
    }

    deinit { _ = kernel.close(fd) }

    static func listen(_ kernel: HostKernel) throws -> (Int32, SocketAddress) {
        let fd = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(fd >= 0)
        // Small, so that little data shows back pressure.
        for option in [SO_SNDBUF, SO_RCVBUF] { _ = kernel.setOption(fd, SOL_SOCKET, option, 65536) }
        try #require(kernel.bind(fd, SocketAddress(ipv4: 0x7F00_0001, port: 0)) >= 0)
        try #require(kernel.listen(fd, 512) >= 0)
        var address = SocketAddress()
        try #require(kernel.localAddress(fd, &address) >= 0)
        return (fd, address)
    }

    func accept() -> Peer? {
        var address = SocketAddress()
        let accepted = kernel.accept(fd, &address)
        return accepted < 0 ? nil : Peer(kernel, accepted)
    }
}

/// A client or server of the test: a non-blocking socket, and everything that it has received.
final class Peer {
    let fd: Int32
    private let kernel: HostKernel
    private(set) var bytes: [UInt8] = []
    private(set) var isEnded = false
    private(set) var isReset = false
    private var isClosed = false

    init(_ kernel: HostKernel, _ fd: Int32) {
        self.kernel = kernel
        self.fd = fd
    }

    convenience init(_ kernel: HostKernel, connectingTo address: SocketAddress, receiveBytes: Int32 = 0) throws {
        let fd = kernel.socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        try #require(fd >= 0)
        if receiveBytes > 0 { _ = kernel.setOption(fd, SOL_SOCKET, SO_RCVBUF, receiveBytes) }
        let result = kernel.connect(fd, address)
        try #require(result >= 0 || result == -EINPROGRESS)
        self.init(kernel, fd)
    }

    deinit { close() }

    func close(reset: Bool = false) {
        if isClosed { return }
        isClosed = true
        if reset {
            var value = linger(l_onoff: 1, l_linger: 0)
            // SAFETY: the option's value lives on the stack during the call.
            _ = unsafe setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        }
        _ = kernel.close(fd)
    }

    func finish() { _ = kernel.shutdown(fd, Int32(SHUT_WR)) }

    @discardableResult
    func send(_ text: String) -> Int { send(Array(text.utf8)) }

    /// Sends what the socket takes now; returns how many bytes it took.
    @discardableResult
    func send(_ data: [UInt8]) -> Int {
        // SAFETY: the array is valid inside the closure.
        unsafe data.withUnsafeBytes { unsafe $0.isEmpty ? 0 : kernel.send(fd, $0.baseAddress!, $0.count, more: false) }
    }

    /// Receives what there is, at most `limit` bytes.
    func receive(limit: Int = .max) {
        var buffer = [UInt8](repeating: 0, count: 16384)
        var left = limit
        while left > 0, !isEnded, !isReset, !isClosed {
            let count = min(left, buffer.count)
            // SAFETY: the array is valid inside the closure.
            let result = unsafe buffer.withUnsafeMutableBytes { unsafe kernel.recv(fd, $0.baseAddress!, count) }
            if result == 0 { isEnded = true }
            if result < 0 {
                if result != -Int(EAGAIN) { isReset = true }
                return
            }
            bytes.append(contentsOf: buffer[..<result])
            left -= result
        }
    }

    var text: String {
        receive()
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Forgets what was received.
    func clear() { bytes.removeAll() }

    var hasEnded: Bool {
        receive()
        return isEnded || isReset
    }
}
