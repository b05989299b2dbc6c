import Base
import CPlatform
import Engine
import Glibc

/// The polling engine alone, as a server that echoes: shared listeners and datagram sockets that random threads pause,
/// resume, close and open again; connections that change threads while they are idle; timers and messages between
/// threads. Clients check every byte, and that nobody waits for ever.
final class EngineWorld {
    let seed: UInt64
    let scheduler: SimScheduler
    let machine: SimMachine
    let host: PeerHost
    let kernel: SimKernel
    let poller: String
    let threads: Int
    let faults: WorldPlan.FaultLevel
    /// Listeners are closed and opened again under their clients.
    let reopens: Bool
    var dice: Dice
    private(set) var group: WorkerGroup?
    private(set) var violations: [String] = []

    var doors: [EngineDoor] = []
    var datagrams: [EngineDatagram] = []
    var postmen: [EnginePostman] = []
    var connections = 0, checked = 0, whole = 0
    var openConnections = 0
    var hasEnded = false
    let patienceMilliseconds: UInt64 = 600_000

    init(seed: UInt64, _ options: WorldOptions) {
        self.seed = seed
        var dice = Dice(seed: seed, 11)
        poller = dice.pick(options.pollers.isEmpty ? WorldPlan.pollers : options.pollers)
        threads = dice.between(1, 4)
        faults = options.allowsFaults ? dice.pick(weighted: [(3, .none), (5, .harmless), (3, .breaking)]) : .none
        reopens = dice.chance(1, of: 3)
        var schedule = SimScheduler.Options()
        schedule.switchProbability = dice.pick([0.02, 0.25, 0.5])
        scheduler = SimScheduler(seed: seed, options: schedule)
        machine = SimMachine(scheduler)
        host = PeerHost(SimKernel(machine, name: "peers"))
        kernel = SimKernel(machine, name: "engine", options: WorldPlan.system(seed: seed))
        self.dice = dice
    }

    static func run(seed: UInt64, _ options: WorldOptions, _ recorder: TraceRecorder) -> Sweep.Report {
        let world = EngineWorld(seed: seed, options)
        if recorder.isWanted { world.scheduler.trace.sink = { recorder.add($0) } }
        let start = world.scheduler.now
        world.run(options)
        world.scheduler.releaseStacks()
        var report = Sweep.Report(seed: seed, kind: .engine)
        report.violations = world.violations
        report.traceHash = world.scheduler.trace.hash
        report.faults = world.machine.faultCounts
        report.connections = world.connections
        report.checked = world.checked
        report.whole = world.whole
        report.steps = world.scheduler.steps
        report.virtualNanoseconds = world.scheduler.now - start
        for worker in world.group?.workers ?? [] { report.add(worker.activity) }
        report.summary =
            "\(world.poller), \(world.threads) threads, \(world.doors.count) listeners, \(world.datagrams.count) "
            + "datagram sockets, faults \(world.faults)\(world.reopens ? ", listeners come and go" : "")"
        return report
    }

    func violation(_ text: String) {
        if violations.count < 20 { violations.append(text) }
        scheduler.trace.sink?("\(scheduler.now) VIOLATION: \(text)")
    }

    /// Whether connections may break without anybody's fault.
    var mayBreak: Bool { faults == .breaking }

    // MARK: The run

    private func run(_ options: WorldOptions) {
        guard let group = makeGroup() else { return }
        self.group = group
        for number in 0..<dice.between(1, 3) { doors.append(EngineDoor(self, number, group)) }
        for number in 0..<dice.between(1, 2) { datagrams.append(EngineDatagram(self, number, group)) }
        for worker in group.workers {
            let postman = EnginePostman(self, worker)
            postmen.append(postman)
            postman.start()
        }
        injectFaults()
        host.spawn("worker 0") { [self] in
            do throws(SystemError) {
                try group.start()
                group.runMain()
            } catch {
                violation("the threads do not start: \(error)")
            }
            hasEnded = true
        }
        let clients = startClients(options.connections)
        host.spawn("controller") { [self] in control(clients, group) }
        let outcome = scheduler.run(until: scheduler.now + 4 * 3600 * 1_000_000_000)
        switch outcome {
        case .finished: checkEnd(group)
        case .timeReached: violation("four hours have passed, and these still run: \(scheduler.living.map(\.name))")
        case .deadlock(let names): violation("these wait for ever: \(names)")
        case .livelock(let text): violation("nothing gets on: \(text)")
        case .failed(let text): violation(text)
        }
        for text in machine.unsupported { violation("the simulated kernel does not know \(text)") }
    }

    private func makeGroup() -> WorkerGroup? {
        var options = WorkerGroup.Options()
        options.threads = threads
        options.maxDescriptors = 512
        options.maxPollEvents = dice.pick([1, 3, 64])
        options.pollers = WorldPlan.choice(of: poller)
        do {
            return try WorkerGroup(options, kernel: kernel)
        } catch {
            violation("the engine does not start: \(error)")
            return nil
        }
    }

    private func injectFaults() {
        guard faults != .none else { return }
        var plan = WorldPlan(faults: faults, seed: seed)
        plan.faults = faults
        plan.injectFaults(into: machine, kernel)
    }

    private func startClients(_ count: Int) -> [SimFibre] {
        (0..<count).map { number in
            let start = dice.between(0, 400)
            let key = dice.next()
            if number % 4 == 3 {
                let datagram = dice.pick(datagrams)
                let client = EngineDatagramClient(self, datagram, number, key)
                return host.spawn("datagrams \(number)") { client.run(afterMilliseconds: start) }
            }
            let client = EngineClient(self, dice.pick(doors), number, key)
            return host.spawn("client \(number)") { client.run(afterMilliseconds: start) }
        }
    }

    /// Runs the body on a worker of the engine.
    func order(_ worker: Int, _ body: @escaping (Worker) -> Void) {
        group?.post(EngineOrder(body), to: worker)
    }

    private func control(_ clients: [SimFibre], _ group: WorkerGroup) {
        let meddler = host.spawn("meddler") { [self] in meddle() }
        for client in clients { host.join(client) }
        host.join(meddler)
        for postman in postmen { postman.isOver = true }
        host.sleep(milliseconds: 1000)
        if openConnections != 0 { violation("\(openConnections) connections are left when every client is done") }
        for postman in postmen { postman.checkRest() }
        for door in doors { order(dice.between(0, threads - 1)) { door.close(on: $0) } }
        for datagram in datagrams { order(dice.between(0, threads - 1)) { datagram.close(on: $0) } }
        host.sleep(milliseconds: 500)
        if kernel.openSockets != 0 { violation("\(kernel.openSockets) sockets are left open") }
        group.stop()
        while !hasEnded { host.sleep(milliseconds: 50) }
    }

    /// Pauses, resumes, closes and opens what is shared, on any thread.
    private func meddle() {
        for _ in 0..<dice.between(5, 60) {
            host.sleep(milliseconds: dice.between(0, 20))
            let worker = dice.between(0, threads - 1), other = dice.between(0, threads - 1)
            switch dice.between(0, 3) {
            case 0, 1:
                let door = dice.pick(doors)
                if reopens && dice.chance(1, of: 3) {
                    order(worker) { door.reopen(on: $0) }
                } else {
                    order(worker) { door.pause(on: $0) }
                    if dice.chance(1, of: 2) { host.sleep(milliseconds: dice.between(0, 10)) }
                    order(other) { door.resume(on: $0) }
                }
            default:
                let datagram = dice.pick(datagrams)
                order(worker) { datagram.pause(on: $0) }
                if dice.chance(1, of: 2) { host.sleep(milliseconds: dice.between(0, 10)) }
                order(other) { datagram.resume(on: $0) }
            }
        }
        // Orders of two threads may arrive in either order: whoever was paused last goes on now.
        host.sleep(milliseconds: 100)
        for door in doors { order(0) { door.resume(on: $0) } }
        for datagram in datagrams { order(0) { datagram.resume(on: $0) } }
    }

    private func checkEnd(_ group: WorkerGroup) {
        group.table.checkInvariants()
        let left = group.table.descriptions(on: nil)
        if !left.isEmpty { violation("\(left.count) descriptors are left in the table") }
    }
}

/// A piece of work for a worker's thread.
final class EngineOrder: Message {
    private let body: (Worker) -> Void

    init(_ body: @escaping (Worker) -> Void) {
        self.body = body
        super.init()
    }

    override func deliver(on worker: Worker) { body(worker) }
}

extension SimKernel {
    /// Sockets of any kind that the process has open.
    var openSockets: Int { descriptors.reduce(0) { $0 + ($1?.isSocket == true ? 1 : 0) } }
}
