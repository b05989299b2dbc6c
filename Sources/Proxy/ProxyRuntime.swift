import Base
import CPlatform
import Configuration
import Engine
import Glibc
import Synchronization

/// Why a configuration that is well-formed cannot be run here: names without addresses, ports in use, missing rights.
public struct StartError: Error, Sendable {
    /// All of them, one sentence each.
    public let messages: [String]
    public init(_ messages: [String]) { self.messages = messages }
}

/// A running proxy: listeners, frontends, backends and the workers that serve them.
///
/// Use: make it from a configuration, `openListeners` (with the rights that ports need), `prepareEngine` (after the
/// last fork), `run` (returns when all is over). `drain` and `stop` end it.
///
/// Thread-safety: `stop` may be called on any thread, `drain` on a worker's; the rest by the thread that runs it.
public final class ProxyRuntime {
    public struct Options: Sendable {
        /// Pollers that may be used.
        public var pollers = PollerChoice.all
        /// `-n`: overrides the configuration's `maxconn`.
        public var maxconnOverride: Int?
        /// `log-tag` unless the configuration has one.
        public var logTag = "martlet"
        /// Whether options may splice (`-dS`: no).
        public var splices = true
        /// Whether the limit of open files is raised as the configuration asks; not to look whether it is valid.
        public var raisesLimits = true
        public init() {}
    }

    public let tree: ConfigurationTree
    public let tuning: ProxyTuning
    public let kernel: Kernel
    public let statistics: ProcessStatistics
    public let threadCount: Int
    /// Connections of the process at most.
    public let maximumConnections: Int
    let frontends: [Frontend]
    let backends: [Backend]
    /// Variables of the process.
    let variables: ProcessVariables
    /// The logs of the process itself.
    public let logger: Logger
    private let options: Options
    private let pendingBinds: [PendingBind]
    private(set) var listeners: [Listener] = []
    private(set) var contexts: [WorkerContext] = []
    /// The same, referred to without counting.
    // SAFETY: `contexts` keeps them.
    private var contextReferences: [Lasting<WorkerContext>] = []
    /// The engine; there is one from `prepareEngine` on.
    public private(set) var group: WorkerGroup!

    private let places = Places()
    /// Sessions of the runtime API are still being answered: a drain waits for them.
    let awaitsRuntimeAPI = Atomic<Bool>(false)
    /// `maxconnrate`, `maxsessrate`; nil: no limit.
    let sessionRate: SessionRate?
    private let limitedListeners = Atomic<Int>(0)
    private let isDraining = Atomic<Bool>(false)
    private let isStopping = Atomic<Bool>(false)
    /// When draining began.
    private let drainStart = Atomic<UInt64>(0)
    private let reportedExhaustion = Atomic<UInt64>(0)
    /// Whether paths of unix sockets stay when listeners close: another process has taken them over.
    public var keepsSocketPaths = false

    /// Builds everything that needs no socket.
    public init(_ tree: ConfigurationTree, options: Options = Options(), kernel: Kernel) throws(StartError) {
        self.tree = tree
        self.options = options
        self.kernel = kernel
        variables = ProcessVariables(limitBytes: ProxyTuning(tree.global).variableLimits.totalBytes)
        var tuning = ProxyTuning(tree.global)
        let rate = tree.global.sessionsPerSecond
        sessionRate = rate > 0 ? SessionRate(perSecond: rate) : nil
        threadCount = tree.global.nbthread ?? min(max(1, kernel.processorCount()), Limits.threads)
        statistics = ProcessStatistics(workerCount: threadCount, startMicroseconds: kernel.wallClockMicroseconds())
        var builder = RuntimeBuilder(tree, options: options, kernel: kernel, threadCount: threadCount)
        maximumConnections = builder.settleLimits()
        let pipes = builder.pipes(for: maximumConnections)
        tuning.pipesPerWorker = pipes == 0 ? 0 : max(1, pipes / threadCount)
        self.tuning = tuning
        frontends = builder.buildAll()
        backends = builder.backends
        logger = builder.processLogger
        pendingBinds = builder.pendingBinds
        if !builder.errors.isEmpty { throw StartError(builder.errors) }
        StartScope(kernel: kernel, variables: variables, valueLimit: tuning.bufferBytes).set(tree.global.variables)
    }

    /// How many processors this process may run on, at most as many as there can be threads: `nbthread`'s default.
    public static var processorCount: Int {
        min(max(1, Int(host_processor_count())), Limits.threads)
    }

    // MARK: Start

    /// Opens every listening socket. All failures are reported at once; what was opened is then closed again.
    public func openListeners() throws(StartError) {
        let opener = SocketOpener(kernel: kernel, tuning: tuning)
        var errors: [String] = []
        for pending in pendingBinds {
            do {
                let opened = try pending.open(with: opener, maximumConnections: maximumConnections)
                let listener = Listener(
                    frontend: pending.frontend, settings: pending.settings, opened: opened,
                    id: pending.id, threads: pending.threads(of: threadCount), runtime: self)
                pending.frontend.add(listener)
                listeners.append(listener)
            } catch {
                errors.append("\(pending.subject): \(error.text) [\(pending.text(kernel))]")
            }
        }
        if errors.isEmpty { return }
        for listener in listeners { _ = kernel.close(listener.fd) }
        listeners.removeAll()
        throw StartError(errors)
    }

    /// Makes the engine. After the last fork: pollers do not survive one.
    public func prepareEngine() throws(StartError) {
        var settings = WorkerGroup.Options()
        settings.threads = threadCount
        settings.maxPollEvents = tuning.pollEvents
        settings.pollers = options.pollers
        settings.blockSizeBytes = tuning.bufferBytes
        let made: WorkerGroup
        do {
            made = try WorkerGroup(settings, kernel: kernel)
        } catch {
            throw StartError(["cannot start the polling engine: \(error)"])
        }
        group = made
        contexts = made.workers.map { WorkerContext(worker: $0, process: statistics, tuning: tuning, runtime: self) }
        contextReferences = contexts.map { Lasting($0) }
        guard let first = made.workers.first else { return }
        for listener in listeners {
            listener.open(on: first)
            statistics.listeners.enter()
        }
    }

    /// Serves until `stop`, or until the last connection is gone after `drain`. The calling thread becomes a worker.
    public func run() throws(StartError) {
        do {
            try group.start()
        } catch {
            throw StartError(["cannot start the threads: \(error)"])
        }
        group.runMain()
    }

    /// Says in the log of each proxy that it takes no more connections.
    private func logStopped(_ worker: Worker) {
        for frontend in frontends {
            let served = frontend.counters.value(.connections)
            let backend = backends.first { $0.name == frontend.name }
            frontend.logger.event(
                .warning,
                "Proxy \(frontend.name) stopped (cumulated conns: FE: \(served), "
                    + "BE: \(backend?.counters.value(.sessions) ?? 0)).",
                on: contexts[worker.index].logWriter, at: worker.wallClockMicroseconds)
        }
    }

    // MARK: Connections

    /// What the streams of a worker share.
    func context(of worker: Worker) -> WorkerContext { contexts[worker.index] }

    /// Calls the body with what the streams of a worker share; no reference is counted.
    @inline(__always)
    func withContext(of worker: Worker, _ body: (WorkerContext) -> Void) {
        contextReferences[worker.index].with(body)
    }

    /// A connection was accepted; its places are taken.
    func start(_ fd: Int32, from peer: SocketAddress, at listener: Listener, on worker: Worker) {
        withContext(of: worker) { start(fd, from: peer, at: listener, $0, on: worker) }
    }

    private func start(
        _ fd: Int32, from peer: SocketAddress, at listener: Listener, _ context: WorkerContext, on worker: Worker
    ) {
        let frontend = listener.frontend
        context.statistics.connections.add()
        context.statistics.sessions.add()
        frontend.counters.add(.connections, on: worker.index)
        frontend.counters.add(.sessions, on: worker.index)
        if Int(fd) >= worker.table.capacity {
            _ = kernel.close(fd)
            context.statistics.refusedConnections.add()
            listener.connectionEnded(on: worker)
            return
        }
        if frontend.settings.options.contains(.tcpSmartAccept) {
            _ = kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_QUICKACK, 0)
        }
        let client = LogAddress(peer, listenerID: listener.id)
        if frontend.logger.logsAtAccept { logAccept(fd, client, frontend, context) }
        if frontend.settings.mode == .http {
            HTTPConnection(fd, context: context, listener: listener, client: client).start()
        } else {
            TCPStream(fd, context: context, listener: listener).start(from: peer)
        }
    }

    private func logAccept(_ fd: Int32, _ client: LogAddress, _ frontend: Frontend, _ context: WorkerContext) {
        var local = SocketAddress()
        _ = kernel.localAddress(fd, &local)
        frontend.logger.accepted(
            from: client, to: LogAddress(local, listenerID: 1), frontend: frontend.name, mode: frontend.settings.mode,
            on: context.logWriter, at: context.worker.wallClockMicroseconds)
    }

    /// Takes a place among the process's connections; false at `maxconn`.
    func reserveConnection() -> Bool {
        guard places.reserve(limit: maximumConnections) else { return false }
        statistics.connections.enter()
        return true
    }

    func leaveConnection() {
        places.leave()
        statistics.connections.leave()
    }

    /// Connections now.
    var currentConnections: Int { places.current }
    /// Connections that the process's limit leaves room for.
    var roomForConnections: Int { maximumConnections - places.current }

    func listenerLimited() { limitedListeners.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    func listenerResumed() { limitedListeners.wrappingSubtract(1, ordering: .sequentiallyConsistent) }

    /// A connection has ended: listeners that wait at a limit may go on; a drained process may end.
    func connectionEnded(on worker: Worker) {
        if limitedListeners.load(ordering: .sequentiallyConsistent) > 0 {
            for listener in listeners { listener.resumeIfRoom(on: worker) }
        }
        endIfDrained()
    }

    /// Ends a drained process: neither a connection nor a session of the runtime API is left. On any thread.
    func endIfDrained() {
        if isDraining.load(ordering: .sequentiallyConsistent) && places.current == 0
            && !awaitsRuntimeAPI.load(ordering: .sequentiallyConsistent)
        {
            group.stop()
        }
    }

    /// Descriptors or memory ran out at accept; said in the log at most once a second.
    func acceptExhausted(_ listener: Listener, _ error: SystemError, on worker: Worker) {
        contexts[worker.index].statistics.refusedConnections.add()
        let second = worker.now.milliseconds / 1000 + 1
        let before = reportedExhaustion.load(ordering: .relaxed)
        guard before != second,
            reportedExhaustion.compareExchange(expected: before, desired: second, ordering: .relaxed).exchanged
        else { return }
        let text: String
        switch error.code {
        case EMFILE:
            text = "reached process FD limit (maxsock=\(group.table.capacity)). Please check 'ulimit-n' and restart."
        case ENFILE: text = "reached system FD limit. Please check system tunables."
        default: text = "reached system memory limit. Please check system tunables."
        }
        logger.event(
            .emerg, "Proxy \(listener.frontend.name) \(text)", on: contexts[worker.index].logWriter,
            at: worker.wallClockMicroseconds)
    }

    // MARK: The end

    /// Whether the process takes no new connections any more.
    public var draining: Bool { isDraining.load(ordering: .acquiring) }

    /// Whether it was ordered to stop; with `grace` it may still take connections.
    var stopping: Bool { isStopping.load(ordering: .acquiring) }

    /// Closes the listeners, lets connections finish, then ends (`SIGUSR1`); with `grace`, after that time. On the
    /// thread of `worker`.
    public func drain(on worker: Worker) {
        if isStopping.exchange(true, ordering: .sequentiallyConsistent) { return }
        let grace = tree.global.graceMilliseconds
        if grace == 0 { return drainNow(on: worker) }
        worker.schedule(GraceEnd(self), at: worker.now.adding(milliseconds: grace))
    }

    fileprivate func drainNow(on worker: Worker) {
        drainStart.store(worker.now.milliseconds, ordering: .relaxed)
        if isDraining.exchange(true, ordering: .sequentiallyConsistent) { return }
        for listener in listeners where listener.isOpen {
            listener.close(on: worker)
            statistics.listeners.leave()
        }
        logStopped(worker)
        for context in contexts { worker.post(DrainMessage(context), to: context.worker.index) }
        endIfDrained()
    }

    /// Until when a stop spreads the closing of connections; nil: they close at once, `.never`: they are not closed.
    var closeSpreadEnd: Ticks? {
        let window = tree.global.closeSpreadMilliseconds
        if window == 0 { return nil }
        if window == .max { return .never }
        return Ticks(milliseconds: drainStart.load(ordering: .relaxed)).adding(milliseconds: window)
    }

    /// Ends at once; on any thread.
    public func stop() { group.stop() }

    /// Removes what would outlive the process: the paths of unix sockets.
    public func removeSocketPaths() {
        if keepsSocketPaths { return }
        for listener in listeners where listener.ownsPath && listener.isOpen {
            if let path = listener.address.path { _ = kernel.unlink(path) }
        }
    }

    /// The state of each server, a line each, as `SIGHUP` prints it.
    public func serverStatusLines() -> [String] {
        var lines: [String] = []
        for backend in backends {
            for server in backend.servers {
                let state = server.isUp.load(ordering: .relaxed) ? "UP" : "DOWN"
                let counters = server.counters
                lines.append(
                    "SIGHUP: Server \(backend.name)/\(server.name) is \(state). Conn: \(server.current) act, "
                        + "\(server.queue.count) pend, \(counters.value(.sessions)) tot.")
            }
            let active = backend.servers.filter { !$0.settings.isBackup && $0.isUp.load(ordering: .relaxed) }.count
            let backup = backend.servers.filter { $0.settings.isBackup && $0.isUp.load(ordering: .relaxed) }.count
            lines.append(
                "SIGHUP: Proxy \(backend.name) has "
                    + (active + backup == 0
                        ? "no server available!" : "\(active) active servers and \(backup) backup servers available.")
                    + " Conn: act(FE+BE): 0+\(backend.current), \(backend.waitingCount) pend "
                    + "(\(backend.queue.count) unass), tot(FE+BE): 0+\(backend.counters.value(.sessions)).")
        }
        return lines
    }
}

/// The end of `grace`. The timer keeps it alive until then.
private final class GraceEnd: LoopTask {
    // SAFETY: the runtime outlives the workers.
    private unowned(unsafe) let runtime: ProxyRuntime

    init(_ runtime: ProxyRuntime) {
        unsafe self.runtime = runtime
        super.init()
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        // SAFETY: as above.
        unsafe runtime.drainNow(on: worker)
    }
}

/// Tells a worker that the process drains: connections without a request are closed.
private final class DrainMessage: Message {
    private let context: WorkerContext
    init(_ context: WorkerContext) {
        self.context = context
        super.init()
    }
    override func deliver(on worker: Worker) {
        context.forEach { ($0 as? HTTPConnection)?.closeIfIdle() }
    }
}
