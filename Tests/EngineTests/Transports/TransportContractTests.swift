import Base
import Buffers
import CPlatform
import Glibc
import Testing

@testable import Engine

/// Notes what a transport tells.
final class Notes: TransportConsumer {
    var bytes: [UInt8] = []
    var events: [String] = []
    /// The most bytes that came in one piece.
    var largest = 0
    /// What to do when something came.
    var onReceive: ((Transport) -> Void)?

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        // SAFETY: the bytes are copied while the chunk lives.
        unsafe bytes.append(contentsOf: chunk.bytes)
        largest = max(largest, chunk.count)
        onReceive?(transport)
    }
    override func transportReceivedEnd(_ transport: Transport) { events.append("end") }
    override func transport(_ transport: Transport, failed error: SystemError) { events.append("failed \(error.code)") }
    override func transportConnected(_ transport: Transport) { events.append("connected") }
    override func transportDrained(_ transport: Transport) { events.append("drained") }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// Kernels of tests that lack things which this one has.
enum Lacking {
    /// Rings whose receives cannot repeat up to a total: those before Linux 6.17.
    static let totals = RingKernel { ring in ring.refusesTotals = true }
    /// Rings that set no options of sockets: those before Linux 6.7.
    static let options = RingKernel { ring in ring.refusesOptions = true }
}

/// What the consumer of a transport may rely on, whatever carries the bytes: run once for each poller, and for a ring
/// whose receives do not repeat.
@Suite("The contract of transports", .serialized)
struct TransportContractTests {
    enum Carrier: String, CaseIterable, CustomTestStringConvertible {
        case epoll, poll, ring, ringOfSingleReceives

        var testDescription: String { rawValue }

        static var available: [Carrier] { allCases.filter { Rig.hasRings || $0 == .epoll || $0 == .poll } }
    }

    /// One worker, turned by the test.
    final class Bench {
        let group: WorkerGroup
        let consumer = Notes()
        var worker: Worker { group.workers[0] }

        init(_ carrier: Carrier) throws {
            var options = WorkerGroup.Options()
            options.maxDescriptors = 1024
            options.pollers = carrier == .epoll ? .epoll : carrier == .poll ? .poll : .uring
            group = try WorkerGroup(options, kernel: carrier == .ringOfSingleReceives ? Lacking.totals : Rig.kernel)
            turn()
        }

        func transport(sendBytes: Int32 = 0) throws -> (Transport, Int32) {
            let (near, far) = try Rig.pair()
            if sendBytes > 0 { _ = Rig.kernel.setOption(near, SOL_SOCKET, SO_SNDBUF, sendBytes) }
            return (worker.makeTransport(accepted: near, consumer: consumer), far)
        }

        func send(_ text: String, on transport: Transport) { send(Array(text.utf8), on: transport) }

        func send(_ bytes: [UInt8], on transport: Transport) {
            var rest = bytes[...]
            while !rest.isEmpty {
                guard var chunk = worker.pool.take() else { return }
                let piece = Array(rest.prefix(chunk.room))
                chunk.append(piece)
                rest = rest.dropFirst(piece.count)
                transport.send(chunk)
            }
        }

        func turn(until condition: () -> Bool) -> Bool { Rig.turn(group, until: condition) }

        /// A few turns in which something could happen that must not.
        func turn() {
            var left = 5
            _ = turn {
                left -= 1
                return left < 0
            }
        }
    }

    @Test("nothing is handed up without credit, and never more than it allows", arguments: Carrier.available)
    func credit(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let consumer = bench.consumer
        let (transport, far) = try bench.transport()
        Rig.write(far, "0123456789")
        bench.turn()
        #expect(consumer.bytes.isEmpty)
        transport.receive(credit: 4)
        #expect(bench.turn { consumer.bytes.count == 4 })
        bench.turn()
        #expect(consumer.text == "0123")
        #expect(transport.credit == 0)
        transport.receive(credit: 2)
        #expect(bench.turn { consumer.bytes.count == 6 })
        transport.receive(credit: 100)
        #expect(bench.turn { consumer.text == "0123456789" })
        #expect(transport.credit == 96)
        #expect(transport.receivedByteCount == 10)
        transport.receive(credit: 0)
        Rig.write(far, "x")
        bench.turn()
        #expect(consumer.bytes.count == 10)
        transport.close()
        _ = Rig.kernel.close(far)
        bench.turn()
        #expect(bench.worker.blocksInUse == 0)
    }

    @Test("the end comes after all bytes and not without credit, and writing goes on", arguments: Carrier.available)
    func end(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let consumer = bench.consumer
        let (transport, far) = try bench.transport()
        Rig.write(far, "last")
        _ = Rig.kernel.shutdown(far, Int32(SHUT_WR))
        bench.turn()
        #expect(consumer.events.isEmpty)
        transport.receive(credit: 4)
        #expect(bench.turn { consumer.text == "last" })
        bench.turn()
        #expect(consumer.events.isEmpty)
        transport.receive(credit: 1)
        #expect(bench.turn { consumer.events == ["end"] })
        bench.send("answer", on: transport)
        _ = transport.flush()
        #expect(bench.turn { transport.queuedByteCount == 0 })
        #expect(Rig.read(far).text == "answer")
        transport.finish()
        #expect(Rig.read(far).result == 0)
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("a reset is a failure, told once", arguments: Carrier.available)
    func reset(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let consumer = bench.consumer
        let (client, accepted) = try Rig.connected()
        let transport = bench.worker.makeTransport(accepted: accepted, consumer: consumer)
        transport.receive(credit: 10)
        bench.turn()
        Rig.abort(client)
        #expect(bench.turn { !consumer.events.isEmpty })
        bench.turn()
        #expect(consumer.events == ["failed \(ECONNRESET)"])
        transport.close()
    }

    @Test("closing with a reset tells the peer so", arguments: Carrier.available)
    func closeByReset(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let (client, accepted) = try Rig.connected()
        let transport = bench.worker.makeTransport(accepted: accepted, consumer: bench.consumer)
        transport.receive(credit: 10)
        bench.turn()
        transport.close(reset: true)
        #expect(bench.turn { Rig.read(client).result == -Int(ECONNRESET) })
        #expect(bench.turn { Rig.isFree(accepted, bench.group) })
        _ = Rig.kernel.close(client)
        #expect(bench.consumer.events.isEmpty)
    }

    @Test(
        "what a full socket does not take goes out in order, and an empty queue is told", arguments: Carrier.available)
    func shortSends(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let (transport, far) = try bench.transport(sendBytes: 4096)
        let data = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        bench.send(data, on: transport)
        #expect(transport.flush() == .pending)
        #expect(transport.flush() == .pending)
        var received: [UInt8] = []
        let whole = bench.turn {
            var buffer = [UInt8](repeating: 0, count: 5000)
            // SAFETY: the array is valid during the call.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Rig.kernel.read(far, $0.baseAddress!, 5000) }
            if count > 0 { received += buffer[..<count] }
            return received.count == data.count
        }
        #expect(whole)
        #expect(received == data)
        bench.turn()
        #expect(bench.consumer.events == ["drained"])
        #expect(transport.sentByteCount == 300_000)
        #expect(bench.worker.blocksInUse == 0)
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("a broken connection takes nothing more, and says so", arguments: Carrier.available)
    func failedSend(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let (transport, far) = try bench.transport()
        _ = Rig.kernel.close(far)
        bench.send("x", on: transport)
        if transport.flush() == .pending {
            #expect(bench.turn { bench.consumer.events == ["failed \(EPIPE)"] })
        }
        bench.send("x", on: transport)
        guard case .failed = transport.flush() else {
            Issue.record("a broken connection took bytes")
            return
        }
        bench.turn()
        #expect(bench.consumer.events.count <= 1)
        transport.close()
        bench.turn()
        #expect(bench.worker.blocksInUse == 0)
    }

    @Test(
        "what the peer sent before it left comes, although nothing can be sent any more", arguments: Carrier.available)
    func answerBeforeFailure(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let consumer = bench.consumer
        let (transport, far) = try bench.transport()
        Rig.write(far, "answer")
        _ = Rig.kernel.close(far)
        bench.send("x", on: transport)
        _ = transport.flush()
        transport.receive(credit: 100)
        #expect(bench.turn { consumer.text == "answer" && !consumer.events.isEmpty })
        // That the rest of the queue goes nowhere may be told behind it.
        #expect(consumer.events.first == "end")
        transport.close()
    }

    @Test("a connection is made, and what was queued before is sent", arguments: Carrier.available)
    func connect(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let (fd, address) = try Rig.listener()
        defer { _ = Rig.kernel.close(fd) }
        let client = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let transport = try bench.worker.connect(client, to: address, consumer: bench.consumer)
        #expect(!transport.isConnected)
        bench.send("early", on: transport)
        #expect(transport.flush() == .pending)
        #expect(bench.turn { bench.consumer.events.first == "connected" })
        #expect(transport.isConnected)
        var peer = SocketAddress()
        let accepted = Rig.kernel.accept(fd, &peer)
        #expect(bench.turn { Rig.read(accepted).text == "early" })
        transport.close()
        #expect(bench.turn { Rig.read(accepted).result == 0 })
        _ = Rig.kernel.close(accepted)
    }

    @Test("a connection that is refused fails with the system's reason", arguments: Carrier.available)
    func refused(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let (fd, address) = try Rig.listener()
        _ = Rig.kernel.close(fd)
        let client = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        do {
            let transport = try bench.worker.connect(client, to: address, consumer: bench.consumer)
            #expect(bench.turn { !bench.consumer.events.isEmpty })
            #expect(bench.consumer.events == ["failed \(ECONNREFUSED)"])
            transport.close()
            #expect(bench.turn { Rig.isFree(client, bench.group) })
        } catch {
            #expect(error == SystemError(code: ECONNREFUSED))
            _ = Rig.kernel.close(client)
        }
    }

    @Test(
        "after closing no callback comes, and every block and the number are given back", arguments: Carrier.available)
    func close(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let (transport, far) = try bench.transport(sendBytes: 4096)
        let number = transport.descriptor
        transport.receive(credit: 1000)
        bench.send([UInt8](repeating: 1, count: 300_000), on: transport)
        #expect(transport.flush() == .pending)
        bench.turn()
        let events = bench.consumer.events
        Rig.write(far, "unread")
        transport.close()
        transport.close()
        #expect(transport.isClosed && transport.descriptor == -1)
        #expect(bench.turn { Rig.isFree(number, bench.group) })
        #expect(bench.worker.blocksInUse == 0)
        #expect(bench.consumer.bytes.isEmpty && bench.consumer.events == events)
        transport.receive(credit: 5)
        bench.turn()
        #expect(bench.consumer.bytes.isEmpty && bench.consumer.events == events)
        _ = Rig.kernel.close(far)
        bench.group.table.checkInvariants()
    }

    @Test("a consumer may close the transport while it is told of bytes", arguments: Carrier.available)
    func closeFromCallback(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let (transport, far) = try bench.transport()
        bench.consumer.onReceive = { $0.close() }
        transport.receive(credit: 1_000_000)
        Rig.write(far, "one")
        _ = Rig.kernel.close(far)
        #expect(bench.turn { transport.isClosed })
        bench.turn()
        #expect(bench.consumer.text == "one")
        #expect(bench.consumer.events.isEmpty)
        #expect(bench.worker.blocksInUse == 0)
    }

    @Test("bytes that come in one go are handed to whoever is the consumer then", arguments: Carrier.available)
    func changeOfConsumer(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let (transport, far) = try bench.transport()
        let second = Notes()
        bench.consumer.onReceive = { transport in
            transport.setConsumer(second)
            transport.receive(credit: 3)
        }
        transport.receive(credit: 3)
        Rig.write(far, "abcdef")
        #expect(bench.turn { second.bytes.count == 3 })
        #expect(bench.consumer.text == "abc" && second.text == "def")
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("a megabyte in both directions arrives whole, by a small credit", arguments: Carrier.available)
    func bothWays(_ carrier: Carrier) throws {
        let bench = try Bench(carrier)
        let consumer = bench.consumer
        let (near, far) = try Rig.pair()
        let other = Notes()
        let left = bench.worker.makeTransport(accepted: near, consumer: consumer)
        let right = bench.worker.makeTransport(accepted: far, consumer: other)
        let data = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
        consumer.onReceive = { $0.receive(credit: 3000) }
        other.onReceive = { $0.receive(credit: 20_000) }
        bench.send(data, on: left)
        bench.send(Array(data.reversed()), on: right)
        left.receive(credit: 3000)
        right.receive(credit: 20_000)
        _ = left.flush()
        _ = right.flush()
        #expect(bench.turn { consumer.bytes.count == data.count && other.bytes.count == data.count })
        #expect(other.bytes == data && consumer.bytes == Array(data.reversed()))
        #expect(consumer.largest <= 3000 && other.largest <= 16384)
        left.close()
        right.close()
        bench.turn()
        #expect(bench.worker.blocksInUse == 0)
    }
}
