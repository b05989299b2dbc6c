import Base
import Configuration
import Engine
import Proxy

/// A whole proxy on a simulated kernel, its clients and its servers: one run of one seed.
///
/// Everything that the proxy is given and gives is checked: see `Judge` for what an exchange may come to, and
/// `ProxyWorld+End` for what must be true when all is over.
final class ProxyWorld {
    let plan: WorldPlan
    let scheduler: SimScheduler
    let machine: SimMachine
    /// The clients' and servers' process.
    let host: PeerHost
    /// The proxy's process.
    let kernel: SimKernel
    var runtime: ProxyRuntime?
    var runtimeAPI: RuntimeAPI?

    private var exchanges: [Int: Exchange] = [:]
    private var streams: [Int: Stream] = [:]
    /// Streams whose clients are done, to be judged at the end.
    var streamEnds: [Stream] = []
    private(set) var violations: [String] = []
    /// Set once clients, servers and proxy are done: the servers' doors close.
    var isOver = false
    /// The proxy has been asked to finish.
    var isStopping = false
    /// The proxy's loops have ended.
    var hasEnded = false

    var connectionsMade = 0
    var exchangesChecked = 0
    var exchangesWhole = 0
    var commandsChecked = 0
    var logLines = 0

    /// How long a client waits for anything: who waits longer waits for ever.
    let patienceMilliseconds: UInt64 = 7_200_000

    var mayRefuse: Bool { plan.troubles.contains(.breaks) || isStopping }
    var mayBreak: Bool { plan.troubles.contains(.breaks) || isStopping }

    init(_ plan: WorldPlan) {
        self.plan = plan
        var options = SimScheduler.Options()
        options.switchProbability = plan.switchProbability
        scheduler = SimScheduler(seed: plan.seed, options: options)
        machine = SimMachine(scheduler, options: plan.machineOptions)
        var peers = SimKernel.Options()
        peers.softLimit = 4096
        host = PeerHost(SimKernel(machine, name: "peers", options: peers))
        var own = WorldPlan.system(seed: plan.seed)
        if let limit = plan.descriptorLimit {
            own.softLimit = UInt64(limit)
            own.hardLimit = UInt64(limit)
        }
        kernel = SimKernel(machine, name: "proxy", options: own)
        for client in plan.clients {
            for exchange in client.exchanges { exchanges[exchange.id] = exchange }
            if let stream = client.stream { streams[stream.id] = stream }
        }
    }

    func exchange(_ id: Int) -> Exchange? { exchanges[id] }
    func stream(_ id: Int) -> Stream? { streams[id] }

    /// Something happened that must not.
    func violation(_ text: String) {
        if violations.count < 20 { violations.append(text) }
        scheduler.trace.sink?("\(scheduler.now) VIOLATION: \(text)")
    }

    // MARK: The run

    func run() {
        startServers()
        guard startProxy() else { return }
        // Before, there would be no world: a proxy that cannot open its listeners says so and ends.
        plan.injectFaults(into: machine, kernel)
        let clients = startClients()
        host.spawn("controller") { [self] in control(clients) }
        let limit = scheduler.now + 48 * 3600 * 1_000_000_000
        let outcome = scheduler.run(until: limit)
        switch outcome {
        case .finished: break
        case .timeReached: violation("two days have passed, and these still run: \(scheduler.living.map(\.name))")
        case .deadlock(let names): violation("these wait for ever: \(names)")
        case .livelock(let text): violation("nothing gets on: \(text)")
        case .failed(let text): violation(text)
        }
        for text in machine.unsupported { violation("the simulated kernel does not know \(text)") }
        if outcome == .finished { checkEnd() }
    }

    private func startProxy() -> Bool {
        let loaded = ConfigurationLoader().load(text: plan.configuration)
        if loaded.hasErrors {
            violation("the configuration is refused: \(loaded.diagnostics.map(\.message))")
            return false
        }
        do {
            var options = ProxyRuntime.Options()
            options.pollers = plan.pollerChoice
            let runtime = try ProxyRuntime(loaded.tree, options: options, kernel: kernel)
            try runtime.openListeners()
            let runtimeAPI = RuntimeAPI(
                timeoutMilliseconds: loaded.tree.global.statsTimeoutMilliseconds,
                maximumSessions: loaded.tree.global.statsMaxconn)
            try runtimeAPI.open(loaded.tree.global.statsSockets, kernel: kernel)
            try runtime.prepareEngine()
            if runtime.group.pollerName != plan.poller {
                violation("the proxy has chosen \(runtime.group.pollerName) instead of \(plan.poller)")
            }
            self.runtime = runtime
            self.runtimeAPI = runtimeAPI
            var product = RuntimeContext.Product()
            product.threadCount = runtime.threadCount
            product.maximumConnections = runtime.maximumConnections
            let context = RuntimeContext(
                product: product, statistics: runtime.statistics, engine: WorkerGroupView(runtime.group),
                sockets: runtimeAPI.socketNames)
            runtimeAPI.start(on: runtime.group.workers[0], context: context)
        } catch let error as StartError {
            violation("the proxy does not start: \(error.messages)")
            return false
        } catch {
            violation("the proxy does not start: \(error)")
            return false
        }
        host.spawn("worker 0") { [self] in
            do throws(StartError) {
                try runtime?.run()
            } catch {
                violation("the proxy does not run: \(error.messages)")
            }
            hasEnded = true
        }
        return true
    }

    private func startClients() -> [SimFibre] {
        let http = plan.isHTTP
        let tcp = TCPPeers(self)
        var clients = plan.clients.map { client in
            host.spawn("client \(client.number)") { [self] in
                if http {
                    HTTPClientPeer(self, client).run()
                } else if let stream = client.stream {
                    tcp.runClient(client, stream)
                }
            }
        }
        if let address = plan.statsAddress {
            clients.append(
                host.spawn("commands") { [self] in
                    var dice = Dice(seed: plan.seed, 3)
                    CommandPeer(self).run(address, sessions: plan.commandSessions, &dice)
                })
        }
        return clients
    }

    // MARK: The end

    /// Pauses and resumes listeners, waits for the clients, lets the proxy come to rest, and asks it to finish.
    private func control(_ clients: [SimFibre]) {
        guard let runtime, let runtimeAPI else { return }
        for pause in plan.pauses {
            host.spawn("pause") { [self] in
                host.sleep(milliseconds: pause.fromMilliseconds)
                // Another worker may be the faster one: what was paused after it was resumed would stay so.
                if let paused = order(.pause) {
                    while !paused.isDone && !hasEnded { host.sleep(milliseconds: 1) }
                }
                host.sleep(milliseconds: pause.forMilliseconds)
                order(.resume)
            }
        }
        if let time = plan.drainMilliseconds {
            host.spawn("drain") { [self] in
                host.sleep(milliseconds: time)
                isStopping = true
                order(.drain)
            }
        }
        for client in clients { host.join(client) }
        if !isStopping {
            // Longer than idle server connections are kept, after the longest wait for a server whose client has left.
            host.sleep(milliseconds: 25_000 + plan.longestTimeoutMilliseconds)
        }
        if !isStopping {
            checkRest(runtime)
            isStopping = true
            order(.drain)
        }
        while !hasEnded && host.milliseconds < .max { host.sleep(milliseconds: 50) }
        _ = runtimeAPI
        isOver = true
    }

    @discardableResult
    private func order(_ kind: Order.Kind) -> Order? {
        guard let runtime, let runtimeAPI, !hasEnded, let group = runtime.group else { return nil }
        let worker = kind == .drain ? 0 : Int(scheduler.random.next() % UInt64(group.workers.count))
        let order = Order(kind, runtime, runtimeAPI)
        group.post(order, to: worker)
        return order
    }
}

/// What the controller tells a worker of the proxy to do.
private final class Order: Message {
    enum Kind { case pause, resume, drain }

    private let kind: Kind
    private let runtime: ProxyRuntime
    private let runtimeAPI: RuntimeAPI
    private(set) var isDone = false

    init(_ kind: Kind, _ runtime: ProxyRuntime, _ runtimeAPI: RuntimeAPI) {
        self.kind = kind
        self.runtime = runtime
        self.runtimeAPI = runtimeAPI
        super.init()
    }

    override func deliver(on worker: Worker) {
        isDone = true
        switch kind {
        case .pause: runtime.pauseListeners(on: worker)
        case .resume: runtime.resumeListeners(on: worker)
        case .drain:
            runtimeAPI.stop(on: worker, drainsFor: runtime)
            runtime.drain(on: worker)
        }
    }
}
