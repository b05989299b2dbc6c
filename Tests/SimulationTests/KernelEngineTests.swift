import Base
import Buffers
import CPlatform
import Engine
import Glibc
import Testing

@testable import Simulation

/// Accepts on a listener that several workers share, and sends back what comes. At a limit of connections it pauses the
/// listener, and some worker, whether the listener is its own or not, lets it go on.
// SAFETY: what changes is touched on the one thread of the simulation.
private final class Echo: FDHandler, @unchecked Sendable {
    var accepted = [Int](repeating: 0, count: 64)
    var pauses = 0
    private let budget: Int
    private let limit: Int
    private let listening: Int32
    private var living = 0
    private var isPaused = false

    init(_ listening: Int32, budget: Int, limit: Int) {
        self.listening = listening
        self.budget = budget
        self.limit = limit
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        for _ in 0..<budget {
            if isPaused { return }
            if living >= limit {
                isPaused = true
                pauses += 1
                worker.stop(fd, .read)
                // The last connection may have ended meanwhile, on another worker, and have found nothing to resume.
                if living < limit { resume(on: worker) }
                return
            }
            living += 1
            var peer = SocketAddress()
            let connection = worker.kernel.accept(fd, &peer)
            worker.countAccept(found: connection >= 0)
            if connection >= 0 {
                accepted[worker.index] += 1
                EchoConnection(connection, worker, self).begin()
                continue
            }
            living -= 1
            if living < limit && isPaused { resume(on: worker) }
            // Out of descriptors, or the client has gone: the listener stays readable while somebody waits.
            if connection == -EAGAIN { return worker.cannot(fd, .read) }
        }
    }

    func ended(on worker: Worker) {
        living -= 1
        guard isPaused else { return }
        worker.post(Resume(self), to: (worker.index + 1) % worker.group.options.threads)
    }

    fileprivate func resume(on worker: Worker) {
        guard isPaused, living < limit else { return }
        isPaused = false
        worker.want(listening, .read)
    }
}

/// Lets the listener go on, from a worker that may be no thread of it.
private final class Resume: Message {
    private let echo: Echo

    init(_ echo: Echo) {
        self.echo = echo
        super.init()
    }

    override func deliver(on worker: Worker) { echo.resume(on: worker) }
}

private final class EchoConnection: TransportConsumer {
    private var transport: Transport?
    private let number: Int32
    private let worker: Worker
    private let echo: Echo
    private var hasEnded = false
    private var itself: EchoConnection?

    init(_ number: Int32, _ worker: Worker, _ echo: Echo) {
        self.number = number
        self.worker = worker
        self.echo = echo
        super.init()
    }

    func begin() {
        itself = self
        transport = worker.makeTransport(accepted: number, consumer: self)
        transport?.receive(credit: 20_000)
    }

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        transport.send(chunk)
        flush(transport)
    }

    private func flush(_ transport: Transport) {
        switch transport.flush() {
        case .done: hasEnded ? end() : transport.receive(credit: 20_000)
        case .pending: transport.receive(credit: 0)
        case .failed: end()
        }
    }

    override func transportDrained(_ transport: Transport) {
        hasEnded ? end() : transport.receive(credit: 20_000)
    }
    override func transportReceivedEnd(_ transport: Transport) {
        hasEnded = true
        if transport.queuedByteCount == 0 { end() }
    }
    override func transport(_ transport: Transport, failed error: SystemError) { end() }

    private func end() {
        guard transport != nil else { return }
        transport?.close()
        transport = nil
        echo.ended(on: worker)
        // It goes in a later turn: see `Transport.consumer`.
        worker.wake(self, .woken)
    }

    override func run(on worker: Worker, _ reason: WakeReason) { itself = nil }
}

/// Workers that echo, and clients on fibres that check every byte.
private struct EchoWorld {
    let seed: UInt64
    let choice: PollerChoice
    var connections = 6
    var networkFaults = FaultPlan()
    var serverFaults = FaultPlan()
    var sink: ((String) -> Void)?

    struct Result: Equatable {
        var outcome: SimScheduler.Outcome
        var hash: UInt64
        var steps: UInt64
        var whole = 0
        var broken = 0
        var wrong = 0
        var busyThreads = 0
        var pauses = 0
        var leftOpen: [Int32] = []
        var unsupported: [String] = []
        var faults = FaultCounts()
    }

    func run() throws -> Result {
        var bounds = SimScheduler.Options()
        bounds.stepsAtOneTime = 50_000
        let scheduler = SimScheduler(seed: seed, options: bounds)
        scheduler.trace.sink = sink
        let machine = SimMachine(scheduler)
        var options = SimKernel.Options()
        options.offersKqueue = true
        options.offersRings = true
        let server = SimKernel(machine, name: "server", options: options)
        let clients = KernelRig(kernel: SimKernel(machine, name: "clients"))
        let before = server.openDescriptors
        let rig = KernelRig(kernel: server)
        let (listening, address) = rig.listener(backlog: 64)
        var groupOptions = WorkerGroup.Options()
        groupOptions.threads = 4
        groupOptions.pollers = choice
        groupOptions.maxDescriptors = 512
        var group: WorkerGroup? = try WorkerGroup(groupOptions, kernel: server)
        let echo = Echo(listening, budget: 1 + scheduler.random.below(4), limit: 1 + scheduler.random.below(4))
        // Any of the threads, but for none of them.
        let threads = ThreadSet(bits: UInt64(1 + scheduler.random.below(15)))
        machine.faults = networkFaults
        server.faults = serverFaults
        var result = Result(outcome: .finished, hash: 0, steps: 0)
        var left = connections
        scheduler.spawn("main") { [group] in
            guard let group else { return }
            let worker = group.workers[0]
            worker.insert(listening, echo, kind: .listener, threads: threads)
            worker.want(listening, .read)
            try? group.start()
            group.runMain()
        }
        for number in 0..<connections {
            scheduler.spawn("client \(number)") { [group] in
                scheduler.sleep(scheduler.draw(0...50_000_000))
                let bytes = pattern(number, 1 + scheduler.random.below(15_000))
                switch EchoWorld.exchange(clients, address, bytes) {
                case .some(true): result.whole += 1
                case .some(false): result.wrong += 1
                case nil: result.broken += 1
                }
                left -= 1
                if left > 0 { return }
                // The server has yet to hear that the last connection has ended.
                scheduler.sleep(1_000_000_000)
                group?.stop()
            }
        }
        result.outcome = scheduler.run(until: scheduler.now + 600_000_000_000)
        result.hash = scheduler.trace.hash
        result.steps = scheduler.steps
        result.busyThreads = echo.accepted.count { $0 > 0 }
        result.pauses = echo.pauses
        result.unsupported = machine.unsupported
        result.faults = machine.faultCounts
        if result.outcome == .finished {
            group?.table.checkInvariants()
            group = nil
            _ = server.close(listening)
            result.leftOpen = server.openDescriptors.filter { !before.contains($0) }
        }
        return result
    }

    /// Sends everything while receiving; true if all of it came back, nil if the connection broke.
    private static func exchange(_ rig: KernelRig, _ address: SocketAddress, _ bytes: [UInt8]) -> Bool? {
        let fd = rig.connect(address)
        if fd < 0 { return nil }
        defer { _ = rig.kernel.close(fd) }
        var sent = 0
        var received: [UInt8] = []
        let endsEarly = bytes.count % 2 == 0
        while received.count < bytes.count {
            if sent < bytes.count {
                let result = rig.send(fd, Array(bytes[sent..<min(sent + 5000, bytes.count)]))
                if result > 0 { sent += result } else if result != -Int(EAGAIN) { return nil }
                if sent == bytes.count && endsEarly { _ = rig.kernel.shutdown(fd, Int32(SHUT_WR)) }
            }
            let (result, more) = rig.recv(fd, 3000)
            if result == 0 || result < 0 && result != -Int(EAGAIN) { return nil }
            received += more
            if result < 0 {
                let wanted = sent < bytes.count ? Mask.input | Mask.output : Mask.input
                if rig.waitFor(fd, wanted) == 0 { return false }
            }
        }
        // With the end of the echo, where one was sent.
        if endsEarly && received == bytes {
            let (rest, error) = rig.receiveAll(fd, 1)
            return error == 0 && rest.isEmpty ? true : error < 0 && error != -Int(ETIMEDOUT) ? nil : false
        }
        return received == bytes
    }
}

extension PollerChoice {
    fileprivate static let each: [PollerChoice] = [.epoll, .kqueue, .uring, .poll, .select]
}

@Suite("The engine on a played kernel")
struct KernelEngineTests {
    @Test(
        "workers share a listener, pause it and go on: every byte comes back, and nothing stays open",
        arguments: PollerChoice.each)
    func echo(choice: PollerChoice) throws {
        var (busy, pauses) = (0, 0)
        for seed in 1...50 as ClosedRange<UInt64> {
            let result = try EchoWorld(seed: seed, choice: choice).run()
            #expect(result.outcome == .finished, "seed \(seed)")
            #expect(result.whole == 6 && result.broken == 0 && result.wrong == 0, "seed \(seed): \(result)")
            #expect(result.leftOpen == [] && result.unsupported == [], "seed \(seed): \(result.leftOpen)")
            busy = max(busy, result.busyThreads)
            pauses += result.pauses
        }
        #expect(busy > 2, "the schedule lets several workers accept")
        #expect(pauses > 20)
    }

    @Test("the same seed plays the same run, step by step", arguments: PollerChoice.each)
    func replay(choice: PollerChoice) throws {
        var hashes: Set<UInt64> = []
        for seed in 1...5 as ClosedRange<UInt64> {
            var world = EchoWorld(seed: seed, choice: choice, connections: 4)
            world.networkFaults = .all(0.01)
            world.serverFaults = .all(0.02)
            let first = try world.run()
            #expect(try world.run() == first)
            var lines = 0
            world.sink = { _ in lines += 1 }
            #expect(try world.run() == first, "writing the trace changes nothing")
            #expect(lines > 100)
            hashes.insert(first.hash)
        }
        #expect(hashes.count == 5, "another seed, another run")
    }

    @Test("no fault makes a byte go wrong or a descriptor stay open; each kind happens", arguments: PollerChoice.each)
    func faults(choice: PollerChoice) throws {
        var counts = FaultCounts()
        var whole = 0
        for seed in 1...30 as ClosedRange<UInt64> {
            var world = EchoWorld(seed: seed, choice: choice)
            world.networkFaults = .all(0.03)
            world.networkFaults[.reset] = 0.006
            world.serverFaults = .all(0.03)
            (world.serverFaults[.completionBacklog], world.serverFaults[.lostCancel]) = (0.5, 0.5)
            let result = try world.run()
            #expect(result.outcome == .finished, "seed \(seed)")
            #expect(result.wrong == 0 && result.whole + result.broken == 6, "seed \(seed): \(result)")
            #expect(result.leftOpen == [] && result.unsupported == [], "seed \(seed): \(result)")
            counts.add(result.faults)
            whole += result.whole
        }
        #expect(whole > 90, "most connections live through it: \(whole)")
        let hasRegistrations = [.epoll, .kqueue, .uring].contains(choice)
        for fault in SimFault.allCases where fault != .wallClockJump {
            if fault == .crowdWake && choice != .epoll && choice != .uring { continue }
            if fault == .noRegistration && !hasRegistrations { continue }
            if SimFault.ofRings.contains(fault) && choice != .uring { continue }
            #expect(counts[fault] > 0, "\(fault)")
        }
    }

    @Test(
        "a poller that cannot watch a descriptor: a connection breaks, a listener goes on, nobody turns round for ever",
        arguments: [PollerChoice.epoll, .kqueue])
    func registrations(choice: PollerChoice) throws {
        var failures: UInt64 = 0
        for seed in 1...20 as ClosedRange<UInt64> {
            var world = EchoWorld(seed: seed, choice: choice)
            world.serverFaults[.noRegistration] = 0.3
            let result = try world.run()
            #expect(result.outcome == .finished, "seed \(seed)")
            #expect(result.wrong == 0 && result.whole + result.broken == 6, "seed \(seed): \(result)")
            #expect(result.leftOpen == [], "seed \(seed)")
            failures += result.faults[.noRegistration]
        }
        #expect(failures > 20)
    }
}
