import Base
import Buffers
import CPlatform
import Glibc
import Testing

@testable import Engine

/// Receives into several blocks, and queues that are too small.
@Suite("io_uring under load", .serialized, .enabled(if: Rig.hasRings))
struct UringBulkTests {
    /// A worker with a ring.
    private final class Bench {
        let group: WorkerGroup
        let kernel: RingKernel
        var worker: Worker { group.workers[0] }
        var lent: Int { worker.uring?.blocksLent ?? 0 }
        /// Receives into several blocks.
        var bulkReceives: Int { kernel.bulkReceives.value }

        init(size: RingSize? = nil) throws {
            kernel = RingKernel(size: size)
            var options = WorkerGroup.Options()
            options.maxDescriptors = 2048
            options.pollers = .uring
            group = try WorkerGroup(options, kernel: kernel)
            worker.turnOnce()
        }

        /// A transport whose peer has sent so many bytes, and a consumer that goes on taking four blocks at a time.
        func transport(_ sent: [UInt8]) throws -> (transport: Transport, far: Int32, consumer: Notes) {
            let (near, far) = try Rig.pair()
            _ = Rig.kernel.setOption(far, SOL_SOCKET, SO_SNDBUF, 4_000_000)
            let consumer = Notes()
            let transport = worker.makeTransport(accepted: near, consumer: consumer)
            let window = 4 * worker.pool.blockSizeBytes
            consumer.onReceive = { transport in
                if transport.deliversMore { return }
                transport.receive(credit: window)
                transport.bulk = window
            }
            #expect(Rig.write(far, sent) == sent.count)
            return (transport, far, consumer)
        }
    }

    private static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) } }

    @Test("a full block is followed by several at once, in order, within the credit, and the last is told as such")
    func severalBlocks() throws {
        let bench = try Bench()
        let block = bench.worker.pool.blockSizeBytes
        let sent = Self.bytes(300_000)
        let (transport, far, consumer) = try bench.transport(sent)
        let goOn = consumer.onReceive
        var together = 0
        consumer.onReceive = { transport in
            #expect(transport.credit >= 0)
            if transport.deliversMore { together += 1 }
            goOn?(transport)
        }
        transport.receive(credit: block)
        #expect(Rig.turn(bench.group) { consumer.bytes.count == sent.count })
        #expect(consumer.bytes == sent)
        #expect(consumer.largest == block && together > 0 && bench.bulkReceives > 0)
        // Nothing more is there: it is polled, and found when it comes; and so is the end.
        for text in ["a little", "and more"] {
            Rig.write(far, text)
            #expect(Rig.turn(bench.group) { consumer.text.hasSuffix(text) })
        }
        _ = Rig.kernel.close(far)
        #expect(Rig.turn(bench.group) { consumer.events == ["end"] })
        transport.close()
        #expect(bench.worker.blocksInUse == 0)
    }

    @Test("no more than the credit is received into several blocks, and without credit nothing")
    func exactCredit() throws {
        let bench = try Bench()
        let block = bench.worker.pool.blockSizeBytes
        let sent = Self.bytes(12 * block)
        let (transport, far, consumer) = try bench.transport(sent)
        let goOn = consumer.onReceive
        transport.receive(credit: block)
        // Past the first receive, which may go ahead of its credit.
        consumer.onReceive = { transport in if bench.bulkReceives == 0 { goOn?(transport) } }
        #expect(Rig.turn(bench.group) { bench.bulkReceives > 0 })
        var left = 5
        _ = Rig.turn(bench.group) {
            left -= 1
            return left < 0
        }
        let had = consumer.bytes.count
        for credit in [2 * block + 1, 1] {
            transport.receive(credit: credit)
            transport.bulk = credit
            #expect(Rig.turn(bench.group) { transport.credit == 0 })
        }
        #expect(consumer.bytes.count == had + 2 * block + 2)
        consumer.onReceive = goOn
        transport.receive(credit: block)
        #expect(Rig.turn(bench.group) { consumer.bytes.count == sent.count })
        #expect(consumer.bytes == sent)
        transport.close()
        _ = Rig.kernel.close(far)
        #expect(bench.worker.blocksInUse == 0)
    }

    @Test("closed between the blocks of a receive, or while the socket is polled: nothing more is told, all comes back")
    func closed() throws {
        let bench = try Bench()
        let worker = bench.worker
        for round in 0..<20 {
            let (transport, far, consumer) = try bench.transport(Self.bytes(round % 2 == 0 ? 200_000 : 65536))
            let near = transport.descriptor
            let goOn = consumer.onReceive
            transport.receive(credit: worker.pool.blockSizeBytes)
            if round % 2 == 0 {
                consumer.onReceive = { transport in
                    if transport.deliversMore { transport.close() } else { goOn?(transport) }
                }
                #expect(Rig.turn(bench.group) { transport.isClosed })
            } else {
                #expect(Rig.turn(bench.group) { consumer.bytes.count == 65536 })
                for _ in 0..<3 { worker.turnOnce() }
                Rig.write(far, "under way")
                transport.close()
            }
            let had = consumer.bytes.count
            #expect(Rig.turn(bench.group) { worker.blocksInUse == 0 && Rig.isFree(near, bench.group) })
            #expect(consumer.bytes.count == had && consumer.events.isEmpty)
            _ = Rig.kernel.close(far)
        }
        bench.group.table.checkInvariants()
    }

    @Test("what is queued in bulk is sent by a call, what the socket has no room for by the ring, in order")
    func sends() throws {
        let bench = try Bench()
        let worker = bench.worker
        let (near, far) = try Rig.pair()
        _ = Rig.kernel.setOption(near, SOL_SOCKET, SO_SNDBUF, 4608)
        let consumer = Notes()
        let transport = worker.makeTransport(accepted: near, consumer: consumer)
        let sent = Self.bytes(100_000)
        func queue(_ bytes: ArraySlice<UInt8>) {
            var rest = bytes
            while !rest.isEmpty, var chunk = worker.pool.take() {
                let piece = Array(rest.prefix(chunk.room))
                chunk.append(piece)
                rest = rest.dropFirst(piece.count)
                transport.send(chunk)
            }
        }
        queue(sent[..<50_000])
        #expect(transport.flush() == .pending)
        #expect(transport.sentByteCount > 0, "at once, as far as there was room")
        queue(sent[50_000...])
        #expect(transport.flush() == .pending)
        var arrived: [UInt8] = []
        #expect(
            Rig.turn(bench.group) {
                arrived += Rig.readBytes(far)
                return arrived.count == sent.count && consumer.events == ["drained"]
            })
        #expect(arrived == sent)
        // With room for all of it, nothing is pending.
        let (roomy, other) = try Rig.pair()
        let second = worker.makeTransport(accepted: roomy, consumer: Notes())
        guard var chunk = worker.pool.take() else {
            Issue.record("there is no block")
            return
        }
        chunk.append(Self.bytes(chunk.room))
        second.send(chunk)
        #expect(second.flush() == .done)
        #expect(Rig.readBytes(other).count == worker.pool.blockSizeBytes)
        for transport in [transport, second] { transport.close() }
        #expect(Rig.turn(bench.group) { worker.blocksInUse == 0 })
        for fd in [far, other] { _ = Rig.kernel.close(fd) }
    }

    @Test("U9: many more completions than the queue holds: nothing is lost, and every block comes back")
    func overflow() throws {
        let bench = try Bench(size: RingSize(entries: 4, completions: 8, buffers: Limits.ringBuffers))
        let worker = bench.worker
        let lent = bench.lent
        #expect(lent == Limits.ringBuffers)
        let pairs = try (0..<200).map { _ in try Rig.pair() }
        let consumers = pairs.map { _ in Notes() }
        let transports = zip(pairs, consumers).map { worker.makeTransport(accepted: $0.0.0, consumer: $0.1) }
        for round in 0..<3 {
            let text = "number \(round) "
            for pair in pairs { Rig.write(pair.1, text) }
            // The queue of operations is full again and again: what waits in the sockets completes at once.
            for transport in transports { transport.receive(credit: 1000) }
            #expect(worker.poller.wait(0, worker) == 8, "it is full")
            #expect(Rig.turn(bench.group) { consumers.allSatisfy { $0.text.hasSuffix(text) } })
            for transport in transports {
                guard var chunk = worker.pool.take() else {
                    Issue.record("there is no block")
                    return
                }
                chunk.append("answer")
                transport.send(chunk)
                #expect(transport.flush() == .pending)
            }
            var answers = 0
            #expect(
                Rig.turn(bench.group) {
                    for pair in pairs where Rig.read(pair.1).result == 6 { answers += 1 }
                    return answers == pairs.count
                })
            for transport in transports { transport.receive(credit: 0) }
        }
        #expect(Rig.turn(bench.group) { worker.blocksInUse == 0 && bench.lent == lent })
        // And closed, with something armed and something under way for each.
        for (transport, pair) in zip(transports, pairs) {
            transport.receive(credit: 1000)
            Rig.write(pair.1, "never seen")
            transport.close()
        }
        #expect(Rig.turn(bench.group) { pairs.allSatisfy { Rig.isFree($0.0, bench.group) } })
        #expect(worker.blocksInUse == 0 && bench.lent == lent)
        #expect(worker.activity.value(.inserted) == worker.activity.value(.removed))
        for pair in pairs { _ = Rig.kernel.close(pair.1) }
        bench.group.table.checkInvariants()
    }

    @Test("an option is set by the ring where it can, and otherwise by a call", arguments: [true, false])
    func options(byRing: Bool) throws {
        var options = WorkerGroup.Options()
        options.maxDescriptors = 1024
        options.pollers = .uring
        let group = try WorkerGroup(options, kernel: byRing ? Rig.kernel : Lacking.options)
        let worker = group.workers[0]
        if !byRing { #expect(worker.uring?.features.setsOptions == false) }
        let tcp = Int32(IPPROTO_TCP)
        let fd = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        worker.setOption(fd, tcp, TCP_NODELAY, 1)
        if worker.uring?.features.setsOptions == true { #expect(Rig.kernel.getOption(fd, tcp, TCP_NODELAY) == 0) }
        worker.turnOnce()
        #expect(Rig.kernel.getOption(fd, tcp, TCP_NODELAY) == 1)
        _ = Rig.kernel.close(fd)
    }

    /// Takes what comes into blocks, and sees to it that what comes into the pipe is sent on.
    private final class Relay: TransportConsumer {
        let target: Transport
        var bytes: [UInt8] = []
        var spliced = 0
        var events: [String] = []
        weak var source: Transport?

        init(to target: Transport) { self.target = target }

        override func transport(_ transport: Transport, received chunk: consuming Chunk) {
            // SAFETY: the bytes are copied while the chunk lives.
            unsafe bytes.append(contentsOf: chunk.bytes)
            transport.bulk = 1 << 20
            transport.receive(credit: 1 << 20)
        }
        override func transport(_ transport: Transport, spliced byteCount: Int) {
            spliced += byteCount
            transport.bulk = 1 << 20
            transport.receive(credit: target.flush() == .pending ? 0 : 1 << 20)
        }
        override func transportDrained(_ transport: Transport) {
            events.append("drained")
            source?.receive(credit: 1 << 20)
        }
        override func transportReceivedEnd(_ transport: Transport) { events.append("end") }
        override func transport(_ transport: Transport, failed error: SystemError) {
            events.append("failed \(error.code)")
        }
    }

    @Test("bytes are spliced past full blocks, also to a socket that is full, in order to the end")
    func splices() throws {
        let bench = try Bench()
        let worker = bench.worker
        let (near, sender) = try Rig.pair()
        let (other, receiver) = try Rig.pair()
        _ = Rig.kernel.setOption(sender, SOL_SOCKET, SO_SNDBUF, 4_000_000)
        _ = Rig.kernel.setOption(other, SOL_SOCKET, SO_SNDBUF, 4608)
        let target = worker.makeTransport(accepted: other)
        let relay = Relay(to: target)
        target.setConsumer(relay)
        let source = worker.makeTransport(accepted: near, consumer: relay)
        relay.source = source
        let pipes = PipePool(kernel: Rig.kernel, maximum: 1)
        let pipe = try #require(pipes.take())
        let sent = Self.bytes(200_000)
        #expect(Rig.write(sender, sent) == sent.count)
        #expect(source.canSplice && target.canSplice)
        source.inlet = pipe
        target.outlet = pipe
        source.receive(credit: worker.pool.blockSizeBytes)
        var arrived: [UInt8] = []
        #expect(
            Rig.turn(bench.group) {
                arrived += Rig.readBytes(receiver)
                return relay.bytes.count + arrived.count >= sent.count
            })
        #expect(relay.bytes + arrived == sent)
        #expect(arrived.count == relay.spliced && relay.spliced > 100_000 && relay.events.contains("drained"))
        // Nothing is left: what comes late, and the end, are found by a poll.
        let had = relay.bytes.count + relay.spliced
        Rig.write(sender, "late")
        #expect(Rig.turn(bench.group) { relay.bytes.count + relay.spliced == had + 4 })
        _ = Rig.kernel.close(sender)
        #expect(Rig.turn(bench.group) { relay.events.last == "end" })
        source.close()
        target.close()
        pipes.put(pipe)
        #expect(Rig.turn(bench.group) { worker.blocksInUse == 0 && Rig.isFree(other, bench.group) })
        _ = Rig.kernel.close(receiver)
    }

    @Test("a transport that is closed while the socket is full of spliced bytes frees its slot")
    func splicesToNobody() throws {
        let bench = try Bench()
        let worker = bench.worker
        let (other, receiver) = try Rig.pair()
        while Rig.write(other, Self.bytes(10_000)) > 0 {}
        let target = worker.makeTransport(accepted: other, consumer: Notes())
        let pipes = PipePool(kernel: Rig.kernel, maximum: 1)
        let pipe = try #require(pipes.take())
        pipe.byteCount = Rig.write(pipe.writeEnd, Self.bytes(60_000))
        target.outlet = pipe
        #expect(target.flush() == .pending)
        worker.turnOnce()
        target.close()
        pipes.put(pipe)
        #expect(pipes.freeCount == 0)
        #expect(Rig.turn(bench.group) { Rig.isFree(other, bench.group) })
        _ = Rig.kernel.close(receiver)
    }
}
