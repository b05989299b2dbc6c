import Base
import Configuration
import Engine

/// The runtime API: the sockets of `stats socket`, and the sessions on them (management guide, section 9.3).
///
/// Use: `open` before privileges are given up; then `start` with the context that commands look at, on the thread of
/// one worker (or before the workers run), which serves all of it; `stop` on the same thread.
///
/// From the outside in: `StatsSocketOpening` makes the sockets; `StatsListener` and `CommandSession` are their
/// descriptors and transports; `CommandInterpreter` is a session without its socket, bytes in and bytes out;
/// `CommandParser` cuts lines, `CommandTable` finds the `Command`; `RuntimeContext` is all that commands may look at.
///
/// Thread-safety: after `start`, that worker's thread only.
public final class RuntimeAPI: LoopTask {
    private let timeoutMilliseconds: Int
    private let maximumSessions: Int
    private let table: CommandTable
    private var listeners: [StatsListener] = []
    private var names: [RuntimeContext.Socket] = []
    private var sessions: [CommandSession] = []
    /// Sessions that have ended, kept until the next turn so that none dies under its own call.
    private var ended: [CommandSession] = []
    private var context: RuntimeContext?
    private var sampler: RateTask?
    private var mustResume = false
    /// After `stop`: what waits for the last session.
    private var drainingRuntime: ProxyRuntime?

    /// How soon listeners look again after descriptors ran out.
    private static let retryMilliseconds = 100

    /// - Parameters:
    ///   - timeoutMilliseconds: `stats timeout`; 0 for none.
    ///   - maximumSessions: `stats maxconn`.
    public init(timeoutMilliseconds: Int = 10_000, maximumSessions: Int = 10, table: CommandTable = .standard) {
        self.timeoutMilliseconds = timeoutMilliseconds
        self.maximumSessions = max(maximumSessions, 1)
        self.table = table
        super.init()
    }

    /// Opens all addresses, or none.
    /// - Parameter resolve: finds the address of a host name; the system's resolver unless given.
    public func open(
        _ sockets: [StatsSocket], kernel: Kernel,
        resolve: ((AddressSpec) -> SocketAddress?)? = nil
    ) throws(StatsSocketError) {
        let lookUp = resolve ?? { NameResolver.address($0, port: $0.fixedPort, kernel) }
        let opening = StatsSocketOpening(kernel: kernel, resolve: lookUp)
        do throws(StatsSocketError) {
            for socket in sockets {
                for address in socket.addresses {
                    for opened in try opening.open(address, socket.bind) {
                        listeners.append(
                            StatsListener(
                                address: opened.address, level: socket.bind.level,
                                severity: socket.bind.severityOutput, fd: opened.fd, ownsPath: !opened.isInherited,
                                owner: self))
                        names.append(RuntimeContext.Socket(address: opened.name, level: socket.bind.level))
                    }
                }
            }
        } catch {
            for listener in listeners { listener.discard(kernel) }
            listeners = []
            names = []
            throw error
        }
    }

    /// The addresses that were opened, for the context.
    public var socketNames: [RuntimeContext.Socket] { names }
    /// How many listening sockets there are.
    public var listenerCount: Int { listeners.count }

    /// Serves from now on, on the worker's thread.
    public func start(on worker: Worker, context: RuntimeContext) {
        self.context = context
        for listener in listeners {
            listener.start(on: worker)
            context.statistics.listeners.enter()
        }
        if listeners.isEmpty { return }
        let sampler = RateTask(context.rates)
        self.sampler = sampler
        sampler.start(on: worker)
    }

    /// Closes the listeners; sessions end when what they were asked is answered.
    /// - Parameters:
    ///   - keepingPaths: leave the paths of unix sockets to the process that takes over.
    ///   - runtime: what is about to drain; it does not end before the last session.
    public func stop(on worker: Worker, keepingPaths: Bool = false, drainsFor runtime: ProxyRuntime? = nil) {
        for listener in listeners {
            listener.close(on: worker, keepingPath: keepingPaths)
            context?.statistics.listeners.leave()
        }
        listeners = []
        if let sampler { worker.cancel(sampler) }
        sampler = nil
        drainingRuntime = runtime
        tellRuntime()
        for session in sessions { session.finish() }
    }

    private func tellRuntime() {
        guard let drainingRuntime else { return }
        drainingRuntime.awaitsRuntimeAPI.store(!sessions.isEmpty, ordering: .sequentiallyConsistent)
        if sessions.isEmpty { drainingRuntime.endIfDrained() }
    }

    // MARK: Sessions

    var hasRoom: Bool { sessions.count < maximumSessions }

    func start(_ fd: Int32, level: AccessLevel, severity: SeverityOutput, on worker: Worker) {
        guard let context else {
            _ = worker.kernel.close(fd)
            return
        }
        let interpreter = CommandInterpreter(
            level: level, severity: severity, table: table, context: context, worker: worker)
        let session = CommandSession(
            interpreter: interpreter, timeoutMilliseconds: timeoutMilliseconds, owner: self, worker: worker)
        sessions.append(session)
        context.statistics.runtimeSessions.enter()
        context.statistics.worker(worker.index).runtimeSessions.add()
        session.start(fd)
    }

    func ended(_ session: CommandSession, on worker: Worker) {
        guard let index = sessions.firstIndex(where: { $0 === session }) else { return }
        // In this order: the list may hold the last reference to the session, which is on the stack.
        ended.append(session)
        sessions.remove(at: index)
        context?.statistics.runtimeSessions.leave()
        tellRuntime()
        mustResume = true
        worker.wake(self)
    }

    func retryLater(on worker: Worker) {
        mustResume = true
        worker.schedule(self, at: worker.now.adding(milliseconds: RuntimeAPI.retryMilliseconds))
    }

    public override func run(on worker: Worker, _ reason: WakeReason) {
        ended.removeAll()
        if mustResume && hasRoom {
            mustResume = false
            for listener in listeners { listener.resume(on: worker) }
        }
    }
}

/// Takes the rates once a second.
private final class RateTask: LoopTask {
    private let rates: RateSampler
    private var last = Ticks.zero
    private static let periodMilliseconds = 1000

    init(_ rates: RateSampler) {
        self.rates = rates
        super.init()
    }

    func start(on worker: Worker) {
        last = worker.now
        worker.schedule(self, at: last.adding(milliseconds: RateTask.periodMilliseconds))
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        rates.sample(elapsedMilliseconds: worker.now.milliseconds(since: last))
        last = worker.now
        worker.schedule(self, at: last.adding(milliseconds: RateTask.periodMilliseconds))
    }
}
