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
    let threads: ThreadSet
    // SAFETY: the runtime holds its listeners and outlives the workers.
    private var runtime: ProxyRuntime { unsafe runtimeReference }
    private unowned(unsafe) let runtimeReference: ProxyRuntime
    private let acceptsPerTurn: Int
    private let level = Atomic<Int>(0)
    private let state = Atomic<UInt8>(State.closed)

    enum State {
        static let closed: UInt8 = 0
        static let listening: UInt8 = 1
        /// Paused at a limit; a connection that ends resumes it.
        static let limited: UInt8 = 2
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
        self.id = id
        self.threads = threads
        unsafe runtimeReference = runtime
        acceptsPerTurn = runtime.tuning.acceptsPerTurn
        super.init()
    }

    /// Connections through this listener now.
    var current: Int { level.load(ordering: .relaxed) }
    /// Whether it takes connections, or would but for a limit.
    var isOpen: Bool { state.load(ordering: .acquiring) != State.closed }

    /// Puts the socket into the pollers of its threads; on the thread of `worker`, or before the workers run.
    func open(on worker: Worker) {
        state.store(State.listening, ordering: .releasing)
        worker.insert(fd, self, kind: .listener, threads: threads)
        worker.want(fd, .read)
    }

    /// Stops taking connections and closes the socket; on any worker's thread.
    func close(on worker: Worker) {
        if state.exchange(State.closed, ordering: .acquiringAndReleasing) == State.closed { return }
        worker.remove(fd, close: true)
        if ownsPath, let path = address.path, !runtimeKeepsPaths { _ = worker.kernel.unlink(path) }
    }

    private var runtimeKeepsPaths: Bool { runtime.keepsSocketPaths }

    // MARK: Accepting

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        for _ in 0..<acceptsPerTurn {
            guard state.load(ordering: .acquiring) == State.listening else { return }
            guard reserve() else { return pause(on: worker) }
            var peer = SocketAddress()
            let accepted = worker.kernel.accept(fd, &peer)
            if accepted < 0 {
                release(on: worker)
                if !acceptFailed(-accepted, on: worker) { return }
                continue
            }
            runtime.start(accepted, from: peer, at: self, on: worker)
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
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            runtime.acceptExhausted(self, SystemError(code: code), on: worker)
            pause(on: worker)
            // Nothing of ours may ever end while others hold the descriptors: look again after a while too.
            let retry = ListenerRetry(self)
            worker.schedule(retry, at: worker.now.adding(milliseconds: ListenerRetry.delayMilliseconds))
            return false
        default:
            worker.cannot(fd, .read)
            return false
        }
    }

    /// Takes a place with the process, the frontend and the listener; all or none.
    private func reserve() -> Bool {
        guard runtime.reserveConnection() else { return false }
        if frontend.reserve() {
            let limit = settings.maxconn ?? 0
            let before = level.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
            if limit == 0 || before < limit { return true }
            level.wrappingSubtract(1, ordering: .acquiringAndReleasing)
            frontend.leave()
        }
        runtime.leaveConnection()
        return false
    }

    private func release(on worker: Worker) {
        level.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        frontend.leave()
        runtime.leaveConnection()
    }

    // MARK: Limits

    /// Pauses at a limit, in every thread's poller, unless room has come meanwhile.
    private func pause(on worker: Worker) {
        let (paused, _) = state.compareExchange(
            expected: State.listening, desired: State.limited, ordering: .acquiringAndReleasing)
        guard paused else { return }
        runtime.listenerLimited()
        worker.stop(fd, .read)
        // A connection that ended before the state was set has resumed nobody: look once more.
        if hasRoom { resume(on: worker) }
    }

    private var hasRoom: Bool {
        let own = settings.maxconn ?? 0
        return (own == 0 || current < own)
            && (frontend.maximumConnections == 0 || frontend.current < frontend.maximumConnections)
            && runtime.hasRoomForConnections
    }

    /// Takes connections again if the limits allow it.
    func resumeIfRoom(on worker: Worker) {
        if state.load(ordering: .acquiring) == State.limited && hasRoom { resume(on: worker) }
    }

    fileprivate func resume(on worker: Worker) {
        let (resumed, _) = state.compareExchange(
            expected: State.limited, desired: State.listening, ordering: .acquiringAndReleasing)
        guard resumed else { return }
        runtime.listenerResumed()
        worker.want(fd, .read)
    }

    /// A connection that came through here has ended.
    func connectionEnded(on worker: Worker) {
        release(on: worker)
        runtime.connectionEnded(on: worker)
    }
}

/// Looks at a listener again some time after descriptors ran out. It keeps itself alive until then.
private final class ListenerRetry: LoopTask {
    static let delayMilliseconds = 100
    private let listener: Listener
    private var keepAlive: ListenerRetry?

    init(_ listener: Listener) {
        self.listener = listener
        super.init()
        keepAlive = self
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        let current = keepAlive
        keepAlive = nil
        listener.resumeIfRoom(on: worker)
        withExtendedLifetime(current) {}
    }
}
