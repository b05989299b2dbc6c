import Base
import CPlatform
import Glibc
import Synchronization

@testable import Engine

/// The real kernel, whose rings are spoilt in the ways that a test chooses.
// SAFETY: Sendable because its fields are constants or atomic.
final class RingKernel: HostKernel, @unchecked Sendable {
    private let spoil: (SpoiltRing) -> Void
    /// The errno with which rings are refused, or 0, and how many are made before.
    private let refusal: Int32
    private let granted: Int
    /// The size of rings, whatever was asked for.
    private let size: RingSize?
    /// Calls that received into several blocks.
    let bulkReceives = Counter()
    let made = Counter()
    let closed = Counter()

    init(
        refusal: Int32 = 0, after granted: Int = 0, size: RingSize? = nil,
        _ spoil: @escaping (SpoiltRing) -> Void = { _ in }
    ) {
        self.size = size
        self.spoil = spoil
        self.refusal = refusal
        self.granted = granted
        super.init(kqueueEmulation: false)
    }

    override func recvv(_ fd: Int32, _ vectors: UnsafePointer<iovec>, _ count: Int) -> Int {
        bulkReceives.add()
        return unsafe super.recvv(fd, vectors, count)
    }

    override func makeRing(_ size: RingSize) throws(SystemError) -> Ring {
        if refusal != 0 && made.value >= granted { throw SystemError(code: refusal) }
        let ring = SpoiltRing(try HostRing(self.size ?? size), closed)
        made.add()
        spoil(ring)
        return ring
    }
}

/// A ring that hands on to a real one, but for what is spoilt.
// SAFETY: as `Ring`; pointers are handed on.
@safe
final class SpoiltRing: Ring, @unchecked Sendable {
    private let real: HostRing
    private let closed: Counter
    private var isClosed = false
    /// Receives that repeat fail.
    var refusesTotals = false
    /// Options fail.
    var refusesOptions = false
    var outstandingAccepts = 0
    var mostAccepts = 0

    init(_ real: HostRing, _ closed: Counter) {
        self.real = real
        self.closed = closed
    }

    override func enable() -> Int32 { real.enable() }
    override func close() {
        if !isClosed { closed.add() }
        isClosed = true
        real.close()
    }
    override func provide(_ number: Int, _ bytes: UnsafeMutableRawBufferPointer) { unsafe real.provide(number, bytes) }
    override func submitAndWait(_ timeoutMilliseconds: Int32) -> Int { real.submitAndWait(timeoutMilliseconds) }

    override func completion(_ index: Int) -> RingCompletion {
        let completion = real.completion(index)
        if completion.token.operation == .accept { outstandingAccepts -= 1 }
        return completion
    }

    override func consumed(_ count: Int) { real.consumed(count) }
    override func poll(_ fd: Int32, _ events: UInt32, repeats: Bool, _ token: RingToken) -> Int32 {
        real.poll(fd, events, repeats: repeats, token)
    }
    override func receive(_ fd: Int32, count: Int, total: Int, _ token: RingToken) -> Int32 {
        real.receive(total > 0 && refusesTotals ? -1 : fd, count: count, total: total, token)
    }
    override func send(
        _ fd: Int32, _ bytes: UnsafeRawPointer, _ count: Int, more: Bool, _ token: RingToken
    ) -> Int32 { unsafe real.send(fd, bytes, count, more: more, token) }
    override func send(
        _ fd: Int32, _ vectors: UnsafePointer<iovec>, vectorCount: Int, more: Bool, _ token: RingToken
    ) -> Int32 { unsafe real.send(fd, vectors, vectorCount: vectorCount, more: more, token) }
    override func accept(
        _ fd: Int32, _ address: UnsafeMutablePointer<sockaddr>, _ size: UnsafeMutablePointer<socklen_t>,
        _ token: RingToken
    ) -> Int32 {
        outstandingAccepts += 1
        mostAccepts = max(mostAccepts, outstandingAccepts)
        return unsafe real.accept(fd, address, size, token)
    }
    override func connect(_ fd: Int32, _ address: SocketAddress, _ token: RingToken) -> Int32 {
        real.connect(fd, address, token)
    }
    override func disconnect(_ fd: Int32, _ token: RingToken) -> Int32 { real.disconnect(fd, token) }
    override func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        real.setOption(refusesOptions ? -1 : fd, level, name, value)
    }
    override func cancel(_ target: RingToken) -> Int32 { real.cancel(target) }
    override func close(descriptor: Int32) -> Int32 { real.close(descriptor: descriptor) }
}

extension Rig {
    /// A TCP connection over the loopback interface: the client's socket, and the accepted one.
    static func connected() throws -> (client: Int32, accepted: Int32) {
        let (fd, address) = try listener()
        defer { _ = kernel.close(fd) }
        return try connected(to: fd, address)
    }

    static func connected(to listener: Int32, _ address: SocketAddress) throws -> (client: Int32, accepted: Int32) {
        let client = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard kernel.connect(client, address) >= -EINPROGRESS else { throw SystemError(code: ECONNREFUSED) }
        var wait = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        // SAFETY: one entry, a local.
        _ = unsafe kernel.poll(&wait, 1, 5000)
        var peer = SocketAddress()
        let accepted = kernel.accept(listener, &peer)
        if accepted < 0 { throw SystemError(code: -accepted) }
        return (client, accepted)
    }

    /// A client that connects, without waiting for anybody to accept.
    static func dial(_ address: SocketAddress) -> Int32 {
        let client = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = kernel.connect(client, address)
        return client
    }

    /// Whether a number is nobody's in a group's table. (The kernel may have given it to another test by now.)
    static func isFree(_ fd: Int32, _ group: WorkerGroup) -> Bool {
        !group.workers[0].memory[fd].loadState(.sequential).isOpen
    }

    /// Closes with a reset.
    static func abort(_ fd: Int32) {
        var value = linger(l_onoff: 1, l_linger: 0)
        // SAFETY: the option's value lives on the stack during the call.
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        _ = kernel.close(fd)
    }
}
