import Base
import Buffers
import CPlatform
import Glibc
import Testing

@testable import Engine
@testable import Simulation

/// Workers with rings on a played kernel, and a fibre that plays their peers.
// SAFETY: everything runs on the one thread of the simulation.
private final class RingStage: @unchecked Sendable {
    let scheduler: SimScheduler
    let machine: SimMachine
    let kernel: SimKernel
    /// The peers' process.
    let rig: KernelRig
    let group: WorkerGroup

    init(
        seed: UInt64, threads: Int = 1, ring: RingSize = RingSize(), streamBytes: Int = 64 * 1024,
        latency: ClosedRange<UInt64> = 5_000...500_000
    ) throws {
        scheduler = SimScheduler(seed: seed)
        var network = SimMachine.Options()
        network.streamBytes = streamBytes
        network.latencyNanoseconds = latency
        machine = SimMachine(scheduler, options: network)
        var options = SimKernel.Options()
        options.offersRings = true
        options.ringSize = ring
        kernel = SimKernel(machine, name: "engine", options: options)
        rig = KernelRig(kernel: SimKernel(machine, name: "peers"))
        var groupOptions = WorkerGroup.Options()
        groupOptions.threads = threads
        groupOptions.maxDescriptors = 512
        groupOptions.pollers = .uring
        group = try WorkerGroup(groupOptions, kernel: kernel)
    }

    /// Runs the workers, and the script beside them; then everything has to be as it was.
    func play(_ script: @escaping (RingStage) -> Void) {
        let before = kernel.openDescriptors
        scheduler.spawn("main") { [self] in
            try? group.start()
            group.runMain()
        }
        scheduler.spawn("script") { [self] in
            script(self)
            pause(milliseconds: 1000)
            group.stop()
        }
        #expect(scheduler.run(until: scheduler.now + 600_000_000_000) == .finished)
        #expect(machine.unsupported == [])
        group.table.checkInvariants()
        #expect(kernel.openDescriptors == before)
    }

    func pause(milliseconds: UInt64) { scheduler.sleep(milliseconds * 1_000_000) }

    /// Has a worker do something, and waits until it is done; false after a minute.
    @discardableResult
    func order(_ worker: Int = 0, _ body: @escaping (Worker) -> Void) -> Bool {
        var isDone = false
        group.post(
            Order {
                body($0)
                isDone = true
            }, to: worker)
        for _ in 0..<60_000 where !isDone { pause(milliseconds: 1) }
        return isDone
    }

    /// A listener of the engine's process.
    func listener(_ handler: FDHandler) -> (fd: Int32, address: SocketAddress) {
        let opened = KernelRig(kernel: kernel).listener(backlog: 64)
        order { worker in
            worker.insert(opened.fd, handler, kind: .listener, threads: .all(self.group.options.threads))
            worker.want(opened.fd, .read)
        }
        return opened
    }

    var blocksAreBack: Bool {
        group.workers.allSatisfy { $0.blocksInUse == 0 && $0.uring?.blocksLent == kernel.ringSize.buffers }
    }
}

private final class Order: Message {
    private let body: (Worker) -> Void

    init(_ body: @escaping (Worker) -> Void) {
        self.body = body
        super.init()
    }

    override func deliver(on worker: Worker) { body(worker) }
}

/// Accepts up to a limit of connections, and keeps them until the end.
private final class Doorman: Acceptor {
    let limit: Int
    var guests: [Guest] = []
    var mostAtATime = 0
    var taken = 0

    init(limit: Int = 1000) {
        self.limit = limit
        super.init()
    }

    override func acceptCredit(on worker: Worker) -> Int { min(16, limit - guests.count) }

    override func accepted(_ fd: Int32, from peer: SocketAddress, on worker: Worker) {
        taken += 1
        guests.append(Guest(fd, worker))
        mostAtATime = max(mostAtATime, guests.count)
    }

    /// Sends everybody away, on one worker.
    func clear() {
        for guest in guests { guest.leave() }
        guests = []
    }
}

/// A connection that takes what comes.
private final class Guest: TransportConsumer {
    private(set) var transport: Transport?
    let worker: Worker
    var bytes: [UInt8] = []
    private var turn: UInt64 = 0
    private var inTurn = 0
    var mostInATurn = 0

    init(_ fd: Int32, _ worker: Worker) {
        self.worker = worker
        super.init()
        transport = worker.makeTransport(accepted: fd, consumer: self)
        transport?.receive(credit: 16384)
    }

    /// Takes a connection over.
    init?(_ offer: FDOffer, _ worker: Worker) {
        self.worker = worker
        super.init()
        guard let taken = worker.takeTransport(offer) else { return nil }
        transport = taken
        taken.setConsumer(self)
        taken.receive(credit: 16384)
    }

    override func transportTaken(_ transport: Transport) { self.transport = nil }

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        let loops = worker.activity.value(.loops)
        if loops != turn { (turn, inTurn) = (loops, 0) }
        inTurn += chunk.count
        mostInATurn = max(mostInATurn, inTurn)
        // SAFETY: the bytes are copied while the chunk lives.
        unsafe bytes.append(contentsOf: chunk.bytes)
        transport.receive(credit: 16384)
    }

    override func transportReceivedEnd(_ transport: Transport) { leave() }
    override func transport(_ transport: Transport, failed error: SystemError) { leave() }

    func leave() {
        transport?.close()
        transport = nil
    }
}

/// A task that keeps its loop from sleeping.
private final class Busy: LoopTask {
    var isOver = false
    /// Of a loop that lets nobody else run, there would be no end.
    private(set) var runsLeft = 200_000

    override func run(on worker: Worker, _ reason: WakeReason) {
        runsLeft -= 1
        if !isOver && runsLeft > 0 { worker.wake(self) }
    }
}

/// Reads what its descriptor reports.
private final class Reader: FDHandler {
    var count = 0

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        let found = KernelRig(kernel: worker.kernel).recv(fd, 1000)
        if found.result > 0 { count += found.result } else { worker.cannot(fd, .read) }
    }
}

/// What only completions can get wrong (class U of docs/engine-tests.md), on played rings.
@Suite("The engine on played rings")
struct RingEngineTests {
    @Test("U1: each thread's ring lets go of a listener itself", arguments: 1...10 as ClosedRange<UInt64>)
    func u1LetGoByTheirOwnThreads(seed: UInt64) throws {
        try RingStage(seed: seed, threads: 3).play { stage in
            let (fd, address) = stage.listener(Doorman())
            stage.pause(milliseconds: 50)
            stage.order(1) { $0.remove(fd) }
            stage.pause(milliseconds: 50)
            #expect(stage.rig.connect(address) == -ECONNREFUSED)
        }
    }

    @Test("U2: a paused listener accepts nothing, whoever has armed", arguments: 1...10 as ClosedRange<UInt64>)
    func u2PausedListenerAcceptsNothing(seed: UInt64) throws {
        try RingStage(seed: seed, threads: 3).play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            stage.pause(milliseconds: 50)
            stage.order { $0.stop(fd, .read) }
            stage.pause(milliseconds: 50)
            let client = stage.rig.connect(address)
            stage.pause(milliseconds: 50)
            #expect(doorman.taken == 0)
            stage.order(2) { $0.want(fd, .read) }
            stage.pause(milliseconds: 50)
            #expect(doorman.taken == 1)
            _ = stage.rig.kernel.close(client)
            stage.pause(milliseconds: 50)
            stage.order { $0.remove(fd) }
        }
    }

    @Test("U3: the peer of a closed connection sees its end, although a receive was armed")
    func u3PeerSeesTheEnd() throws {
        try RingStage(seed: 3).play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            let client = stage.rig.connect(address)
            stage.pause(milliseconds: 50)
            stage.order { _ in doorman.clear() }
            #expect(stage.rig.waitFor(client, Mask.input, milliseconds: 1000) & Mask.input != 0)
            #expect(stage.rig.recv(client, 10).result == 0)
            _ = stage.rig.kernel.close(client)
            stage.order { $0.remove(fd) }
        }
    }

    /// A connection, and its worker's offer of it.
    private func offered(_ stage: RingStage, _ address: SocketAddress, _ doorman: Doorman) -> (Int32, Guest, FDOffer?) {
        let client = stage.rig.connect(address)
        stage.pause(milliseconds: 50)
        let guest = doorman.guests[0]
        var offer: FDOffer?
        stage.order(guest.worker.index) { _ in offer = guest.transport?.offer() }
        #expect(offer == nil, "its receive has to end first")
        stage.pause(milliseconds: 50)
        stage.order(guest.worker.index) { _ in offer = guest.transport?.offer() }
        return (client, guest, offer)
    }

    @Test("U3: the peer of a connection that another thread took, and closed, sees its end", arguments: 30..<34)
    func u3TakenConnectionEnds(seed: UInt64) throws {
        try RingStage(seed: seed, threads: 2).play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            let (client, guest, offer) = self.offered(stage, address, doorman)
            let other = 1 - guest.worker.index
            var taker: Guest?
            if let offer { stage.order(other) { taker = Guest(offer, $0) } }
            #expect(taker != nil)
            stage.pause(milliseconds: 50)
            #expect(guest.transport == nil)
            stage.order(other) { _ in taker?.leave() }
            #expect(stage.rig.waitFor(client, Mask.input, milliseconds: 1000) & Mask.input != 0)
            #expect(stage.rig.recv(client, 10).result == 0)
            _ = stage.rig.kernel.close(client)
            stage.order { $0.remove(fd) }
            stage.pause(milliseconds: 50)
            #expect(stage.blocksAreBack)
        }
    }

    @Test("C9: what comes on a connection that is offered takes the offer back", arguments: 34..<38)
    func c9CompletionTakesTheOfferBack(seed: UInt64) throws {
        try RingStage(seed: seed, threads: 2).play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            let (client, guest, offer) = self.offered(stage, address, doorman)
            _ = stage.rig.send(client, [1])
            stage.pause(milliseconds: 50)
            var taker: Guest?
            if let offer { stage.order(1 - guest.worker.index) { taker = Guest(offer, $0) } }
            #expect(offer != nil && taker == nil && guest.bytes == [1])
            _ = stage.rig.send(client, [2])
            stage.pause(milliseconds: 50)
            #expect(guest.bytes == [1, 2])
            _ = stage.rig.kernel.close(client)
            stage.pause(milliseconds: 50)
            stage.order { $0.remove(fd) }
        }
    }

    @Test("U4: no more is accepted than there is credit for")
    func u4AcceptsByCredit() throws {
        try RingStage(seed: 4).play { stage in
            let doorman = Doorman(limit: 3)
            let (fd, address) = stage.listener(doorman)
            let clients = (0..<20).map { _ in stage.rig.connect(address) }
            for _ in 0..<20 {
                stage.pause(milliseconds: 20)
                stage.order { worker in
                    doorman.clear()
                    worker.stop(fd, .read)
                    worker.want(fd, .read)
                }
            }
            #expect(doorman.taken == 20 && doorman.mostAtATime == 3)
            for client in clients { _ = stage.rig.kernel.close(client) }
            stage.order { worker in
                doorman.clear()
                worker.remove(fd)
            }
        }
    }

    @Test("U5: one connection brings at most its credit and the overshoot in a turn")
    func u5OneConnectionDoesNotFillATurn() throws {
        try RingStage(seed: 5, streamBytes: 4_000_000).play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            let client = stage.rig.connect(address)
            let bytes = pattern(5, 1_000_000)
            #expect(stage.rig.sendAll(client, bytes) == 0)
            stage.pause(milliseconds: 1000)
            #expect(doorman.guests.first?.bytes == bytes)
            #expect((doorman.guests.first?.mostInATurn ?? 0) <= 16384 + Limits.receiveOvershoot)
            _ = stage.rig.kernel.close(client)
            // The guest has to hear of it before it goes with its doorman.
            stage.pause(milliseconds: 50)
            stage.order { $0.remove(fd) }
        }
    }

    @Test("U6: what ends by itself is armed again: receives, polls, the waker", arguments: [0.3, 0.7])
    func u6ArmedAgain(probability: Double) throws {
        let stage = try RingStage(seed: 6)
        stage.kernel.faults[.endedRepeat] = probability
        stage.play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            let client = stage.rig.connect(address)
            let pair = KernelRig(kernel: stage.kernel).pair()
            let reader = Reader()
            stage.order { worker in
                worker.insert(pair.0, reader, kind: .stream)
                worker.want(pair.0, .read)
            }
            let rounds = 20
            for round in 1...rounds {
                #expect(stage.rig.send(client, pattern(round, 100)) == 100)
                #expect(KernelRig(kernel: stage.kernel).send(pair.1, [1, 2, 3]) == 3)
                stage.pause(milliseconds: 20)
                #expect(stage.order { _ in })
            }
            #expect(doorman.guests.first?.bytes == (1...rounds).flatMap { pattern($0, 100) })
            #expect(reader.count == 3 * rounds)
            _ = stage.rig.kernel.close(client)
            stage.pause(milliseconds: 50)
            stage.order { worker in
                worker.remove(pair.0)
                worker.remove(fd)
            }
            _ = stage.kernel.close(pair.1)
        }
    }

    @Test("U7: a number is free when nothing completes for it any more", arguments: 1...10 as ClosedRange<UInt64>)
    func u7NothingComesForTheDead(seed: UInt64) throws {
        let stage = try RingStage(seed: seed)
        for fault in [SimFault.lateCompletion, .lostCancel, .reorderedCompletions] { stage.kernel.faults[fault] = 0.3 }
        stage.play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            for round in 0..<30 {
                let client = stage.rig.connect(address)
                let text = pattern(round, 10)
                _ = stage.rig.send(client, text)
                for _ in 0..<1000 where (doorman.guests.first?.bytes.count ?? 0) < 10 { stage.pause(milliseconds: 1) }
                #expect(doorman.guests.first?.bytes == text)
                _ = stage.rig.send(client, pattern(99, 10))
                stage.order { _ in doorman.clear() }
                _ = stage.rig.kernel.close(client)
            }
            stage.order { $0.remove(fd) }
            stage.pause(milliseconds: 100)
            #expect(stage.group.workers[0].activity.value(.staleGeneration) == 0)
            #expect(stage.blocksAreBack)
        }
    }

    @Test("E2: a listener that found no descriptor goes on by itself")
    func e2PausedGoesOn() throws {
        try RingStage(seed: 22).play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            stage.kernel.faults[.noDescriptor] = 1
            let client = stage.rig.connect(address)
            stage.pause(milliseconds: UInt64(2 * Limits.exhaustedPauseMilliseconds))
            #expect(doorman.taken == 0)
            stage.kernel.faults[.noDescriptor] = 0
            stage.pause(milliseconds: UInt64(2 * Limits.exhaustedPauseMilliseconds))
            #expect(doorman.taken == 1)
            _ = stage.rig.kernel.close(client)
            stage.order { _ in doorman.clear() }
            stage.order { $0.remove(fd) }
        }
    }

    @Test("U8: a loop that never sleeps sees its completions")
    func u8BusyLoop() throws {
        try RingStage(seed: 8, latency: 0...0).play { stage in
            let busy = Busy()
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            let client = stage.rig.connect(address)
            stage.pause(milliseconds: 20)
            // From here on the clock stands still.
            stage.group.post(Order { $0.wake(busy) }, to: 0)
            for _ in 0..<100 { stage.scheduler.yield() }
            _ = stage.rig.send(client, pattern(8, 50))
            for _ in 0..<5000 { stage.scheduler.yield() }
            busy.isOver = true
            let seen = doorman.guests.first?.bytes.count
            #expect(seen == 50)
            #expect(busy.runsLeft > 0, "it has kept the thread for itself")
            _ = stage.rig.kernel.close(client)
            stage.pause(milliseconds: 20)
            stage.order { $0.remove(fd) }
        }
    }

    @Test("U9: every buffer comes back, and who found none receives later", arguments: 1...5 as ClosedRange<UInt64>)
    func u9BuffersComeBack(seed: UInt64) throws {
        let stage = try RingStage(seed: seed, ring: RingSize(entries: 8, completions: 16, buffers: 4))
        for fault in [SimFault.noRingBuffer, .lostCancel, .lateCompletion] { stage.kernel.faults[fault] = 0.4 }
        stage.play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            for round in 0..<10 {
                let clients = (0..<10).map { _ in stage.rig.connect(address) }
                for client in clients { _ = stage.rig.send(client, pattern(round, 300)) }
                stage.pause(milliseconds: 200)
                #expect(doorman.guests.count == 10)
                #expect(doorman.guests.allSatisfy { $0.bytes == pattern(round, 300) })
                // And once more, closed while it is under way.
                for client in clients { _ = stage.rig.send(client, pattern(round, 300)) }
                stage.order { _ in doorman.clear() }
                for client in clients { _ = stage.rig.kernel.close(client) }
            }
            stage.order { $0.remove(fd) }
            stage.pause(milliseconds: 200)
            #expect(stage.blocksAreBack)
        }
    }

    @Test("what is closing when the loop ends is closed, and its peer told", arguments: 1...5 as ClosedRange<UInt64>)
    func closesBeforeTheEnd(seed: UInt64) throws {
        let stage = try RingStage(seed: seed)
        stage.kernel.faults[.lateCompletion] = 0.5
        stage.play { stage in
            let doorman = Doorman()
            let (fd, address) = stage.listener(doorman)
            let client = stage.rig.connect(address)
            stage.pause(milliseconds: 50)
            stage.order { worker in
                worker.remove(fd)
                doorman.clear()
                stage.group.stop()
            }
            #expect(stage.rig.waitFor(client, Mask.input, milliseconds: 1000) & Mask.input != 0)
            _ = stage.rig.kernel.close(client)
        }
    }

    @Test("what a ring refuses is tried again: nothing stays open, nobody waits for ever")
    func refusedIsTriedAgain() throws {
        for seed in 1...10 as ClosedRange<UInt64> {
            let stage = try RingStage(seed: seed, threads: 2)
            stage.kernel.faults[.ringFull] = 0.5
            stage.play { stage in
                let doorman = Doorman()
                let (fd, address) = stage.listener(doorman)
                for round in 0..<5 {
                    let client = stage.rig.connect(address)
                    _ = stage.rig.send(client, pattern(round, 100))
                    stage.pause(milliseconds: 1000)
                    #expect(doorman.guests.last?.bytes == pattern(round, 100), "seed \(seed)")
                    _ = stage.rig.kernel.close(client)
                    stage.pause(milliseconds: 200)
                }
                #expect(stage.order(1) { $0.remove(fd) })
            }
        }
    }
}
