import Base
import Configuration
import Engine
import Glibc
import Synchronization

/// A listening socket, shared by all its threads.
///
/// A limit that is reached pauses it in the poller of every thread; a connection that ends resumes it. Nothing spins
/// meanwhile: a paused listener's connections wait in the kernel's backlog.
///
/// Thread-safety: `ready` may run on several threads at once; all state is atomic.
final class Listener: FDHandler {
    let frontend: Frontend
    let settings: BindSettings
    let address: SocketAddress
    /// Whether the socket's path was made by it, and goes with it.
    let ownsPath: Bool
    /// Number of the listener in its frontend, from 1, as logs print it for unix sockets.
    let id: Int
    let fd: Int32
    /// `name`, for rules.
    let name: LogName?
    let threads: ThreadSet
    // SAFETY: the runtime holds its listeners and outlives the workers.
    private var runtime: ProxyRuntime { runtimeReference.object! }
    /// The same, for what is done with each connection: no reference is counted.
    private let runtimeReference: Lasting<ProxyRuntime>
    private let acceptsPerTurn: Int
    private let places = Places()
    private let state = Atomic<UInt8>(State.closed)
    /// Held while the state and the pollers' interest change together: taken apart, a late stop would undo a want that
    /// came after it, and the listener would be deaf. It is not taken to accept.
    private let gate = KernelGate()
    /// Connections that the kernel had accepted for us when a limit was reached: they wait as they would in the
    /// backlog. At most as many as accepts were armed. Touched with the gate held.
    private var parked: [(fd: Int32, peer: SocketAddress)] = []

    enum State {
        static let closed: UInt8 = 0
        static let listening: UInt8 = 1
        /// Paused at a limit; a connection that ends resumes it.
        static let limited: UInt8 = 2
        /// Paused by order, until it is ordered to go on.
        static let suspended: UInt8 = 3
    }

    init(
        frontend: Frontend, settings: BindSettings, opened: SocketOpener.Opened, id: Int, threads: ThreadSet,
        runtime: ProxyRuntime
    ) {
        self.frontend = frontend
        self.settings = settings
        address = opened.address
        ownsPath = opened.ownsPath
        fd = opened.fd
        name = settings.name.map { LogName($0) }
        self.id = id
        self.threads = threads
        runtimeReference = Lasting(runtime)
        acceptsPerTurn = runtime.tuning.acceptsPerTurn
        super.init()
    }

    /// Connections through this listener now.
    var current: Int { places.current }
    /// Whether it takes connections, or would but for a limit.
    var isOpen: Bool { state.load(ordering: .acquiring) != State.closed }

    /// Puts the socket into the pollers of its threads; on the thread of `worker`, or before the workers run.
    func open(on worker: Worker) {
        gate.hold(worker.kernel) {
            state.store(State.listening, ordering: .sequentiallyConsistent)
            worker.insert(fd, self, kind: .listener, threads: threads)
            worker.want(fd, .read)
        }
    }

    /// Stops taking connections and closes the socket; on any worker's thread.
    func close(on worker: Worker) {
        let wasOpen = gate.hold(worker.kernel) {
            let before = state.exchange(State.closed, ordering: .sequentiallyConsistent)
            if before == State.limited { runtime.listenerResumed() }
            if before != State.closed { worker.remove(fd, close: true) }
            for waiting in parked { _ = worker.kernel.close(waiting.fd) }
            parked = []
            return before != State.closed
        }
        guard wasOpen else { return }
        if ownsPath, let path = address.path, !runtimeKeepsPaths { _ = worker.kernel.unlink(path) }
    }

    private var runtimeKeepsPaths: Bool { runtime.keepsSocketPaths }

    // MARK: Accepting

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        runtimeReference.with { runtime in runtime.withContext(of: worker) { accept(on: worker, runtime, $0) } }
    }

    @inline(__always)
    private func accept(on worker: Worker, _ runtime: ProxyRuntime, _ pace: WorkerContext) {
        let turn = worker.activity.value(.loops)
        let batch = pace.acceptPace.reported(inTurn: turn, limit: acceptsPerTurn)
        var accepted = 0
        for _ in 0..<batch {
            guard state.load(ordering: .acquiring) == State.listening else { return }
            guard reserve(at: worker.now) else { return pause(on: worker) }
            var peer = SocketAddress()
            let number = worker.kernel.accept(fd, &peer)
            worker.countAccept(found: number >= 0)
            if number < 0 {
                if number == -EAGAIN { pace.acceptPace.foundNothing(after: accepted) }
                giveRateBack()
                if Listener.isExhaustion(-number) {
                    release(on: worker)
                    return exhausted(SystemError(code: -number), on: worker)
                }
                let goesOn = acceptFailed(-number, on: worker)
                // Meanwhile the place was missing to others: who found none, and waits, is told.
                connectionEnded(on: worker)
                if !goesOn { return }
                continue
            }
            accepted &+= 1
            runtime.start(number, from: peer, at: self, on: worker)
        }
        pace.acceptPace.filled(accepted, limit: acceptsPerTurn)
        // Level-triggered: whoever else waits is reported, to this thread or another one. Not asked here, the kernel is
        // asked for everything at once in the next turn.
        worker.cannot(fd, .read)
    }

    // MARK: Accepting by completion

    override func acceptCredit(on worker: Worker) -> Int {
        guard state.load(ordering: .acquiring) == State.listening else { return 0 }
        let room = rateWait(at: worker.now) > 0 ? 0 : room
        if room <= 0 { pause(on: worker) }
        return max(0, min(room, acceptsPerTurn))
    }

    override func acceptCompleted(_ fd: Int32, _ result: Int32, from peer: SocketAddress, on worker: Worker) {
        if result < 0 {
            switch -result {
            case EAGAIN, ECONNABORTED, EINTR, EPROTO, EPERM: return
            default: return exhausted(SystemError(code: -result), on: worker)
            }
        }
        worker.countAccept(found: true)
        if state.load(ordering: .acquiring) == State.listening && reserve(at: worker.now) {
            return runtime.start(result, from: peer, at: self, on: worker)
        }
        let isParked = gate.hold(worker.kernel) {
            if state.load(ordering: .sequentiallyConsistent) == State.closed { return false }
            parked.append((result, peer))
            return true
        }
        guard isParked else {
            _ = worker.kernel.close(result)
            return
        }
        pause(on: worker)
        // Paused by another thread before, and going on by now: whoever resumed may not have seen this one.
        if state.load(ordering: .sequentiallyConsistent) == State.listening { worker.wake(ParkedStart(self)) }
    }

    /// Serves those that wait, as far as there is room for them.
    fileprivate func startParked(on worker: Worker) {
        while state.load(ordering: .sequentiallyConsistent) == State.listening {
            guard !gate.hold(worker.kernel, { parked.isEmpty }) else { return }
            guard reserve(at: worker.now) else { return pause(on: worker) }
            let first = gate.hold(worker.kernel) { parked.isEmpty ? nil : parked.removeFirst() }
            guard let first else {
                giveRateBack()
                return release(on: worker)
            }
            runtime.start(first.fd, from: first.peer, at: self, on: worker)
        }
    }

    /// Returns whether to try again at once.
    private func acceptFailed(_ code: Int32, on worker: Worker) -> Bool {
        switch code {
        case EAGAIN:
            worker.cannot(fd, .read)
            return false
        case ECONNABORTED, EINTR, EPROTO, EPERM:
            return true
        default:
            worker.cannot(fd, .read)
            return false
        }
    }

    private static func isExhaustion(_ code: Int32) -> Bool {
        code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM
    }

    /// There is no descriptor or memory for a connection, whatever room the limits leave: waits until one has ended.
    private func exhausted(_ error: SystemError, on worker: Worker) {
        runtime.acceptExhausted(self, error, on: worker)
        _ = stopListening(on: worker)
        // Nothing of ours may ever end while others hold the descriptors: look again after a while too.
        let retry = ListenerRetry(runtime)
        worker.schedule(retry, at: worker.now.adding(milliseconds: ListenerRetry.delayMilliseconds))
    }

    /// Whether somebody looks again when the rate of sessions lets another one in.
    private let awaitsRate = Atomic<Bool>(false)

    private func awaitRate(_ milliseconds: UInt64, on worker: Worker) {
        if awaitsRate.exchange(true, ordering: .sequentiallyConsistent) { return }
        let retry = ListenerRetry(runtime, self)
        worker.schedule(retry, at: worker.now.adding(milliseconds: Int(clamping: milliseconds)))
    }

    fileprivate func rateAwaited() { awaitsRate.store(false, ordering: .sequentiallyConsistent) }

    /// Takes a place with the process, the frontend and the listener, and a share of the rate of sessions; all or none.
    private func reserve(at now: Ticks) -> Bool {
        guard runtimeReference.with({ $0.reserveConnection() }) == true else { return false }
        if frontend.reserve() {
            let limit = settings.maxconn ?? 0
            if places.reserve(limit: limit == 0 ? .max : limit) {
                if takeRate(at: now) { return true }
                places.leave()
            }
            frontend.leave()
        }
        runtime.leaveConnection()
        return false
    }

    private func takeRate(at now: Ticks) -> Bool {
        if runtimeReference.with({ $0.sessionRate?.take(at: now) == false }) == true { return false }
        if frontend.sessionRate?.take(at: now) != false { return true }
        runtime.sessionRate?.giveBack()
        return false
    }

    /// A place was taken for a session that there is not.
    private func giveRateBack() {
        runtime.sessionRate?.giveBack()
        frontend.sessionRate?.giveBack()
    }

    /// Milliseconds until the rate of sessions lets another one in; 0: now.
    private func rateWait(at now: Ticks) -> UInt64 {
        max(runtime.sessionRate?.wait(at: now) ?? 0, frontend.sessionRate?.wait(at: now) ?? 0)
    }

    private func release(on worker: Worker) {
        places.leave()
        frontend.leave()
        runtimeReference.with { $0.leaveConnection() }
    }

    // MARK: Limits

    /// Pauses at a limit, in every thread's poller, unless room has come meanwhile.
    private func pause(on worker: Worker) {
        guard stopListening(on: worker) else { return }
        // A connection that ended before the state was set has resumed nobody: look once more.
        let wait = rateWait(at: worker.now)
        if wait > 0 { awaitRate(wait, on: worker) } else if hasRoom { resume(on: worker) }
    }

    /// Returns false if it was not listening.
    private func stopListening(on worker: Worker) -> Bool {
        gate.hold(worker.kernel) {
            let (paused, _) = state.compareExchange(
                expected: State.listening, desired: State.limited, ordering: .sequentiallyConsistent)
            guard paused else { return false }
            runtime.listenerLimited()
            worker.stop(fd, .read)
            return true
        }
    }

    private var hasRoom: Bool { room > 0 }

    /// Connections that the limits leave room for.
    private var room: Int {
        let own = settings.maxconn ?? 0
        var room = runtime.roomForConnections
        if own != 0 { room = min(room, own - current) }
        if frontend.maximumConnections != 0 { room = min(room, frontend.maximumConnections - frontend.current) }
        return room
    }

    /// Takes connections again if the limits allow it.
    func resumeIfRoom(on worker: Worker) {
        guard state.load(ordering: .sequentiallyConsistent) == State.limited, hasRoom else { return }
        let wait = rateWait(at: worker.now)
        if wait > 0 { awaitRate(wait, on: worker) } else { resume(on: worker) }
    }

    fileprivate func resume(on worker: Worker) {
        gate.hold(worker.kernel) {
            let (resumed, _) = state.compareExchange(
                expected: State.limited, desired: State.listening, ordering: .sequentiallyConsistent)
            guard resumed else { return }
            runtime.listenerResumed()
            worker.want(fd, .read)
            if !parked.isEmpty { worker.wake(ParkedStart(self)) }
        }
    }

    /// Takes no more connections until `goOn`, whatever room there is. On any worker's thread.
    func suspend(on worker: Worker) {
        gate.hold(worker.kernel) {
            let before = state.load(ordering: .sequentiallyConsistent)
            guard before == State.listening || before == State.limited else { return }
            state.store(State.suspended, ordering: .sequentiallyConsistent)
            if before == State.limited { runtime.listenerResumed() } else { worker.stop(fd, .read) }
        }
    }

    /// Takes connections again after `suspend`. On any worker's thread.
    func goOn(on worker: Worker) {
        gate.hold(worker.kernel) {
            let (wasSuspended, _) = state.compareExchange(
                expected: State.suspended, desired: State.listening, ordering: .sequentiallyConsistent)
            guard wasSuspended else { return }
            worker.want(fd, .read)
            if !parked.isEmpty { worker.wake(ParkedStart(self)) }
        }
    }

    /// A connection that came through here has ended.
    func connectionEnded(on worker: Worker) {
        release(on: worker)
        runtimeReference.with { $0.connectionEnded(on: worker) }
    }
}

/// The turn of those that a listener has parked. The run queue keeps it.
private final class ParkedStart: LoopTask {
    private let listener: Listener

    init(_ listener: Listener) {
        self.listener = listener
        super.init()
    }

    override func run(on worker: Worker, _ reason: WakeReason) { listener.startParked(on: worker) }
}

/// Looks at the listeners again some time after descriptors, or the rate of sessions, ran out. The timer keeps it alive
/// until then.
private final class ListenerRetry: LoopTask {
    static let delayMilliseconds = 100
    // SAFETY: the runtime holds the listeners, which outlive the workers.
    private unowned(unsafe) let runtime: ProxyRuntime
    /// The listener that waits for the rate of sessions.
    private let listener: Listener?

    init(_ runtime: ProxyRuntime, _ listener: Listener? = nil) {
        unsafe self.runtime = runtime
        self.listener = listener
        super.init()
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        // First: who finds the rate used up again asks for another look.
        listener?.rateAwaited()
        // SAFETY: as above.
        unsafe runtime.connectionEnded(on: worker)
    }
}
