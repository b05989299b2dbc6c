import Base
import Buffers
import CPlatform
import Glibc
import Testing

@testable import Engine

/// Notes what a transport tells.
private final class Listener: TransportConsumer {
    var bytes: [UInt8] = []
    var events: [String] = []
    var spliced: [Int] = []
    var onSplice: ((Transport) -> Void)?
    override func transport(_ transport: Transport, spliced byteCount: Int) {
        spliced.append(byteCount)
        onSplice?(transport)
    }
    /// What to do when something came.
    var onReceive: ((Transport) -> Void)?

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        // SAFETY: the bytes are copied while the chunk lives.
        unsafe bytes.append(contentsOf: chunk.bytes)
        onReceive?(transport)
    }
    override func transportReceivedEnd(_ transport: Transport) { events.append("end") }
    override func transport(_ transport: Transport, failed error: SystemError) { events.append("failed \(error.code)") }
    override func transportConnected(_ transport: Transport) { events.append("connected") }
    override func transportDrained(_ transport: Transport) { events.append("drained") }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

@Suite("Transports over sockets")
struct SocketTransportTests {
    private let group: WorkerGroup
    private let consumer = Listener()
    private var worker: Worker { group.workers[0] }

    init() throws { group = try Rig.group() }

    /// A transport, and the other end of its socket.
    private func transport(sendBytes: Int32 = 0) throws -> (SocketTransport, Int32) {
        let (near, far) = try Rig.pair()
        if sendBytes > 0 { _ = Rig.kernel.setOption(near, SOL_SOCKET, SO_SNDBUF, sendBytes) }
        return (SocketTransport(accepted: near, worker: worker, consumer: consumer), far)
    }

    private func send(_ text: String, on transport: SocketTransport) {
        send(Array(text.utf8), on: transport)
    }

    private func send(_ bytes: [UInt8], on transport: SocketTransport) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard var chunk = worker.pool.take() else { return }
            let piece = Array(rest.prefix(chunk.room))
            chunk.append(piece)
            rest = rest.dropFirst(piece.count)
            transport.send(chunk)
        }
    }

    private func turn(until condition: () -> Bool) -> Bool { Rig.turn(group, until: condition) }

    /// A few turns in which something could happen that must not.
    private func turn(times: Int = 5) {
        var left = times
        _ = turn {
            left -= 1
            return left < 0
        }
    }

    @Test("nothing is received without credit, and never more than it allows")
    func credit() throws {
        let (transport, far) = try transport()
        Rig.write(far, "0123456789")
        turn()
        #expect(consumer.bytes.isEmpty)
        transport.receive(credit: 4)
        #expect(turn { consumer.bytes.count == 4 })
        turn()
        #expect(consumer.text == "0123")
        #expect(transport.credit == 0)
        transport.receive(credit: 100)
        #expect(turn { consumer.text == "0123456789" })
        #expect(transport.credit == 94)
        #expect(transport.receivedByteCount == 10)
        transport.receive(credit: 0)
        Rig.write(far, "x")
        turn()
        #expect(consumer.bytes.count == 10)
        transport.close()
        _ = Rig.kernel.close(far)
        #expect(worker.pool.blocksInUse == 0)
    }

    @Test("the end of the stream comes after all bytes, once, and writing goes on")
    func end() throws {
        let (transport, far) = try transport()
        Rig.write(far, "last")
        _ = Rig.kernel.shutdown(far, Int32(SHUT_WR))
        turn()
        #expect(consumer.events.isEmpty, "not without credit")
        transport.receive(credit: 4)
        #expect(turn { consumer.text == "last" })
        turn()
        #expect(consumer.events.isEmpty)
        transport.receive(credit: 1)
        #expect(turn { consumer.events == ["end"] })
        transport.receive(credit: 1)
        turn()
        send("answer", on: transport)
        #expect(transport.flush() == .done)
        #expect(Rig.read(far).text == "answer")
        transport.finish()
        #expect(Rig.read(far).result == 0)
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("a reset is a failure, told once")
    func reset() throws {
        let (fd, address) = try Rig.listener()
        defer { _ = Rig.kernel.close(fd) }
        let client = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(Rig.kernel.connect(client, address) >= -EINPROGRESS)
        var accepted: Int32 = -1
        var peer = SocketAddress()
        #expect(
            turn {
                accepted = Rig.kernel.accept(fd, &peer)
                return accepted >= 0
            })
        let transport = SocketTransport(accepted: accepted, worker: worker, consumer: consumer)
        transport.receive(credit: 10)
        turn()
        var value = linger(l_onoff: 1, l_linger: 0)
        // SAFETY: the option's value lives on the stack during the call.
        _ = unsafe setsockopt(client, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        _ = Rig.kernel.close(client)
        #expect(turn { !consumer.events.isEmpty })
        turn()
        #expect(consumer.events == ["failed \(ECONNRESET)"])
        transport.close()
    }

    @Test("what a full socket does not take goes out later, in order, and the drained queue is told once")
    func shortSends() throws {
        let (transport, far) = try transport(sendBytes: 4096)
        let data = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        send(data, on: transport)
        #expect(transport.flush() == .pending)
        #expect(transport.flush() == .pending)
        #expect(transport.queuedByteCount > 0)
        var received: [UInt8] = []
        let whole = turn {
            var buffer = [UInt8](repeating: 0, count: 5000)
            // SAFETY: the array is valid during the call.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Rig.kernel.read(far, $0.baseAddress!, 5000) }
            if count > 0 { received += buffer[..<count] }
            return received.count == data.count
        }
        #expect(whole)
        #expect(received == data)
        turn()
        #expect(consumer.events == ["drained"])
        #expect(transport.sentByteCount == 300_000)
        #expect(worker.pool.blocksInUse == 0)
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("few bytes join what is queued: a thousand single ones take a block")
    func smallPieces() throws {
        let (transport, far) = try transport()
        for _ in 0..<1000 { send("x", on: transport) }
        #expect(worker.pool.blocksInUse == 1)
        #expect(transport.flush() == .done)
        #expect(Rig.read(far).text.count == 1000)
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("a failure that a flush meets is its result, and is not told again")
    func failedFlush() throws {
        let (transport, far) = try transport()
        _ = Rig.kernel.close(far)
        send("x", on: transport)
        guard case .failed = transport.flush() else {
            Issue.record("a broken connection took bytes")
            return
        }
        turn()
        #expect(consumer.events.isEmpty)
        transport.close()
        #expect(worker.pool.blocksInUse == 0)
    }

    @Test("a connection is made, and what was queued before is sent")
    func connect() throws {
        let (fd, address) = try Rig.listener()
        defer { _ = Rig.kernel.close(fd) }
        let client = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let result = Rig.kernel.connect(client, address)
        try #require(result == 0 || result == -EINPROGRESS)
        let transport = SocketTransport(connecting: client, worker: worker, consumer: consumer)
        #expect(!transport.isConnected)
        send("early", on: transport)
        #expect(transport.flush() == .pending)
        #expect(turn { consumer.events.first == "connected" })
        #expect(transport.isConnected)
        var peer = SocketAddress()
        let accepted = Rig.kernel.accept(fd, &peer)
        #expect(turn { Rig.read(accepted).text == "early" })
        transport.close()
        _ = Rig.kernel.close(accepted)
    }

    @Test("a connection that is refused fails with the system's reason")
    func refused() throws {
        let (fd, address) = try Rig.listener()
        _ = Rig.kernel.close(fd)
        let client = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let result = Rig.kernel.connect(client, address)
        if result != -EINPROGRESS {
            #expect(result == -ECONNREFUSED)
            _ = Rig.kernel.close(client)
            return
        }
        let transport = SocketTransport(connecting: client, worker: worker, consumer: consumer)
        #expect(turn { !consumer.events.isEmpty })
        #expect(consumer.events == ["failed \(ECONNREFUSED)"])
        transport.close()
    }

    @Test("closing drops what is queued, gives its blocks back, and no callback comes any more")
    func close() throws {
        let (transport, far) = try transport(sendBytes: 4096)
        transport.receive(credit: 1000)
        send([UInt8](repeating: 1, count: 300_000), on: transport)
        #expect(transport.flush() == .pending)
        Rig.write(far, "unread")
        transport.close()
        transport.close()
        #expect(transport.isClosed && transport.descriptor == -1)
        #expect(worker.pool.blocksInUse == 0)
        _ = Rig.read(far, 100_000)
        turn()
        #expect(consumer.bytes.isEmpty && consumer.events.isEmpty)
        transport.receive(credit: 5)
        _ = Rig.kernel.close(far)
    }

    @Test("a consumer may close the transport while it is told of bytes")
    func closeFromCallback() throws {
        let (transport, far) = try transport()
        consumer.onReceive = { $0.close() }
        transport.receive(credit: 1_000_000)
        Rig.write(far, "one")
        _ = Rig.kernel.close(far)
        #expect(turn { transport.isClosed })
        turn()
        #expect(consumer.text == "one")
        #expect(consumer.events.isEmpty)
        #expect(worker.pool.blocksInUse == 0)
    }

    @Test("a full block is followed by several with one call, within the credit, and the last is told as such")
    func bulk() throws {
        let (transport, far) = try transport()
        let block = worker.pool.blockSizeBytes
        let sent = (0..<(3 * block + 100)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var pieces: [(count: Int, more: Bool)] = []
        consumer.onReceive = { transport in
            pieces.append((consumer.bytes.count, transport.deliversMore))
            transport.bulk = 1 << 20
        }
        Rig.write(far, sent)
        transport.receive(credit: 3 * block + 50)
        #expect(turn { transport.credit == 0 })
        #expect(consumer.bytes == Array(sent.prefix(3 * block + 50)))
        // One block, then two and the rest of the credit together.
        #expect(pieces.map(\.count) == [block, 2 * block, 3 * block, 3 * block + 50])
        #expect(pieces.map(\.more) == [false, true, true, false])
        transport.receive(credit: 1000)
        #expect(turn { consumer.bytes == sent })
        transport.close()
        #expect(worker.pool.blocksInUse == 0)
        #expect(Rig.kernel.close(far) == 0)
    }

    @Test("a consumer may close the transport between the pieces of one receive: the rest is dropped")
    func closeWithinBulk() throws {
        let (transport, far) = try transport()
        let block = worker.pool.blockSizeBytes
        consumer.onReceive = { transport in
            transport.bulk = 1 << 20
            if consumer.bytes.count == 2 * block { transport.close() }
        }
        Rig.write(far, [UInt8](repeating: 1, count: 4 * block))
        transport.receive(credit: 8 * block)
        #expect(turn { transport.isClosed })
        #expect(consumer.bytes.count == 2 * block)
        #expect(worker.pool.blocksInUse == 0)
        #expect(Rig.kernel.close(far) == 0)
    }

    @Test("with a pipe, what follows a full block goes to the other socket without being received")
    func splice() throws {
        let (source, sender) = try transport()
        let (target, receiver) = try transport()
        let pipes = PipePool(kernel: Rig.kernel, maximum: 1)
        let pipe = try #require(pipes.take())
        #expect(pipes.take() == nil && pipes.usedCount == 1)
        let block = worker.pool.blockSizeBytes
        let sent = (0..<(5 * block)).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        source.inlet = pipe
        target.outlet = pipe
        consumer.onReceive = { transport in transport.bulk = 1 << 20 }
        consumer.onSplice = { transport in
            #expect(target.queuedByteCount > 0)
            _ = target.flush()
            transport.receive(credit: target.queuedByteCount > 0 ? 0 : 1 << 20)
        }
        Rig.write(sender, sent)
        source.receive(credit: 1 << 20)
        var arrived: [UInt8] = []
        #expect(
            turn {
                arrived += Rig.readBytes(receiver)
                return consumer.bytes.count + arrived.count >= sent.count
            })
        #expect(consumer.bytes == Array(sent.prefix(block)) && arrived == Array(sent.dropFirst(block)))
        #expect(consumer.spliced.reduce(0, +) == 4 * block && pipe.byteCount == 0)
        source.close()
        target.close()
        pipes.put(pipe)
        #expect(pipes.usedCount == 0 && pipes.freeCount == 1)
        for fd in [sender, receiver] { #expect(Rig.kernel.close(fd) == 0) }
    }

    @Test("what a full socket leaves in the pipe is sent when there is room, after what was queued")
    func spliceToFullSocket() throws {
        let (source, sender) = try transport()
        let (target, receiver) = try transport(sendBytes: 4608)
        let pipes = PipePool(kernel: Rig.kernel, maximum: 1)
        let pipe = try #require(pipes.take())
        let block = worker.pool.blockSizeBytes
        consumer.onReceive = { [self] transport in
            send(consumer.bytes, on: target)
            transport.bulk = 1 << 20
            source.inlet = pipe
            target.outlet = pipe
        }
        consumer.onSplice = { transport in
            #expect(target.flush() == .pending)
            transport.receive(credit: 0)
        }
        let sent = (0..<(3 * block)).map { UInt8(truncatingIfNeeded: $0 &* 11) }
        Rig.write(sender, sent)
        source.receive(credit: 1 << 20)
        var arrived: [UInt8] = []
        #expect(
            turn {
                arrived += Rig.readBytes(receiver)
                return arrived.count >= sent.count
            })
        #expect(arrived == sent)
        #expect(consumer.events.filter { $0 == "drained" }.count == 1)
        source.close()
        target.close()
        pipes.put(pipe)
        for fd in [sender, receiver] { #expect(Rig.kernel.close(fd) == 0) }
    }

    @Test("a pipe that still holds bytes is not used again")
    func pipeWithBytes() throws {
        let (source, sender) = try transport()
        let pipes = PipePool(kernel: Rig.kernel, maximum: 1)
        let pipe = try #require(pipes.take())
        source.inlet = pipe
        consumer.onReceive = { transport in transport.bulk = 1 << 20 }
        consumer.onSplice = { transport in transport.receive(credit: 0) }
        Rig.write(sender, [UInt8](repeating: 1, count: 2 * worker.pool.blockSizeBytes))
        source.receive(credit: 1 << 20)
        #expect(turn { pipe.byteCount > 0 })
        source.close()
        pipes.put(pipe)
        #expect(pipes.usedCount == 0 && pipes.freeCount == 0)
        #expect(Rig.kernel.close(sender) == 0)
    }

    @Test("bytes that come in one go are handed over to whoever is the consumer then")
    func changeOfConsumer() throws {
        let (transport, far) = try transport()
        let second = Listener()
        consumer.onReceive = { transport in
            transport.setConsumer(second)
            transport.receive(credit: 3)
        }
        transport.receive(credit: 3)
        Rig.write(far, "abcdef")
        #expect(turn { second.bytes.count == 3 })
        #expect(consumer.text == "abc" && second.text == "def")
        transport.close()
        _ = Rig.kernel.close(far)
    }
}
