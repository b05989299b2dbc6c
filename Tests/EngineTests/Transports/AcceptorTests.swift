import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// Keeps what it accepts.
private final class Collector: Acceptor {
    var connections: [Int32] = []
    var peers: [SocketAddress] = []

    override func accepted(_ fd: Int32, from peer: SocketAddress, on worker: Worker) {
        connections.append(fd)
        peers.append(peer)
    }
}

@Suite("Acceptor")
struct AcceptorTests {
    let kernel = TestKernel()
    let group: WorkerGroup
    let socket: Int32
    let address: SocketAddress

    init() throws {
        var options = WorkerGroup.Options()
        options.maxDescriptors = 1024
        // The calls of accept are spoilt, and a ring makes none.
        options.pollers.remove(.uring)
        group = try WorkerGroup(options, kernel: kernel)
        socket = try kernel.openListener(SocketAddress(ipv4: 0x7F00_0001, port: 0))
        var address = SocketAddress()
        try #require(kernel.localAddress(socket, &address) >= 0)
        self.address = address
    }

    private func insert(_ collector: Collector) {
        group.workers[0].insert(socket, collector, kind: .listener)
        group.workers[0].want(socket, .read)
    }

    private func connect() -> Int32 {
        let fd = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = Rig.kernel.connect(fd, address)
        return fd
    }

    @Test("connections come with their peer's address, at most as many in a turn as asked")
    func accepts() {
        let collector = Collector(connectionsPerTurn: 2)
        insert(collector)
        let clients = (0..<3).map { _ in connect() }
        group.workers[0].turnOnce()
        #expect(collector.connections.count == 2)
        #expect(Rig.turn(group) { collector.connections.count == 3 })
        var own = SocketAddress()
        _ = Rig.kernel.localAddress(clients[0], &own)
        #expect(collector.peers.contains(own))
        for fd in clients + collector.connections { _ = Rig.kernel.close(fd) }
        group.workers[0].remove(socket)
    }

    @Test("E2: without descriptors or memory the listener pauses, and goes on by itself", arguments: [EMFILE, ENOMEM])
    func exhausted(code: Int32) {
        let collector = Collector()
        insert(collector)
        kernel.acceptFailure.store(code, ordering: .relaxed)
        let client = connect()
        #expect(Rig.turn(group) { !group.workers[0].isActive(socket, .read) })
        let calls = group.workers[0].activity.value(.handlerCalls)
        for _ in 0..<5 { group.workers[0].turnOnce() }
        #expect(group.workers[0].activity.value(.handlerCalls) == calls, "nobody asks meanwhile")
        kernel.acceptFailure.store(0, ordering: .relaxed)
        #expect(Rig.turn(group) { collector.connections.count == 1 })
        for fd in [client] + collector.connections { _ = Rig.kernel.close(fd) }
        group.workers[0].remove(socket)
    }

    @Test("a connection that broke before it was accepted stops nothing")
    func broken() {
        let collector = Collector()
        insert(collector)
        kernel.acceptFailure.store(ECONNABORTED, ordering: .relaxed)
        let client = connect()
        group.workers[0].turnOnce()
        group.workers[0].turnOnce()
        #expect(group.workers[0].isActive(socket, .read))
        kernel.acceptFailure.store(0, ordering: .relaxed)
        #expect(Rig.turn(group) { collector.connections.count == 1 })
        for fd in [client] + collector.connections { _ = Rig.kernel.close(fd) }
        group.workers[0].remove(socket)
    }

    @Test("E4: the end of a pause does nothing to a number that means something else by now")
    func reusedWhilePaused() {
        let collector = Collector()
        insert(collector)
        kernel.acceptFailure.store(EMFILE, ordering: .relaxed)
        let client = connect()
        #expect(Rig.turn(group) { !group.workers[0].isActive(socket, .read) })
        let worker = group.workers[0]
        worker.remove(socket, close: false)
        worker.insert(socket, Handler { _, _, _ in }, kind: .shared)
        var passed = false
        let later = Job { _, _, _ in passed = true }
        worker.schedule(later, at: worker.now.adding(milliseconds: Limits.exhaustedPauseMilliseconds + 20))
        #expect(Rig.turn(group) { passed })
        #expect(!worker.isActive(socket, .read), "nobody has wanted it")
        worker.remove(socket)
        _ = Rig.kernel.close(client)
    }

    @Test("an address that is in use is the system's error")
    func addressInUse() {
        #expect(throws: SystemError(code: EADDRINUSE)) { try kernel.openListener(address) }
        _ = kernel.close(socket)
    }
}
