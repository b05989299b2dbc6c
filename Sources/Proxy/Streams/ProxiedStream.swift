import Base
import Buffers
import Configuration
import Engine
import Glibc
import HTTP

/// Why a stream did not reach a server.
enum ServerFailure {
    /// No server is usable, or the backend has none.
    case noServer
    /// Nobody came free in time (`timeout queue`).
    case queueTimeout
    /// As many wait for the server as may (`maxqueue`).
    case queueFull
    /// The last attempt to connect failed.
    case connectFailed
    /// The last attempt to connect was not answered in time (`timeout connect`).
    case connectTimeout
    /// The proxy has no descriptor, port or memory left for a connection.
    case resource
}

/// What a stream has of its server.
enum ServerPhase {
    case none
    /// Waiting in the backend's queue.
    case queued
    /// Waiting before the next attempt on the same server.
    case turnAround
    case connecting
    case connected
}

/// The half of a stream that TCP and HTTP share: it finds a server, waits for one, connects, and tries again.
///
/// Subclasses say what happens once there is a connection. Source: manual, section 4.2 (`retries`, `option redispatch`,
/// `timeout connect`, `timeout queue`) and section 5.2.
///
/// Thread-safety: its worker's thread only.
// SAFETY: `connectionReference` owns a reference, and the worker, whose pool it is, outlives its streams.
@safe
class ProxiedStream: QueuedStream {
    final let context: WorkerContext
    /// The context's, stored: reading it through would count a reference each time.
    final let worker: Worker
    /// The worker's, for the same reason.
    private final let pool: Unmanaged<ChunkPool>
    /// Set before use; a spare exchange keeps that of its last request.
    final var frontend: Frontend! {
        get { frontendReference.object }
        set { frontendReference = Lasting(newValue) }
    }
    final var backend: Backend? {
        get { backendReference.object }
        set { backendReference = Lasting(newValue) }
    }
    // SAFETY: frontends, backends and servers live as long as the runtime, which outlives the streams.
    final var frontendReference = Lasting<Frontend>()
    final var backendReference = Lasting<Backend>()
    final var record = LogRecord()
    /// What rules have to do with the stream; nil until one has.
    final var rules: RuleState?

    /// The server that the stream holds a place on.
    final var server: Server? {
        get { serverReference.object }
        set { serverReference = Lasting(newValue) }
    }
    private final var serverReference = Lasting<Server>()
    /// The server that was tried last.
    private final var lastServer: Server? {
        get { lastServerReference.object }
        set { lastServerReference = Lasting(newValue) }
    }
    private final var lastServerReference = Lasting<Server>()
    final var connection: ServerConnection? {
        get { unsafe connectionReference?.takeUnretainedValue() }
        set {
            let before = unsafe connectionReference
            unsafe connectionReference = newValue.map { unsafe Unmanaged.passRetained($0) }
            unsafe before?.release()
        }
    }
    private final var connectionReference: Unmanaged<ServerConnection>?
    /// Sets the connection to one that was just made: its reference is moved, not counted.
    private final func hold(_ made: consuming ServerConnection) {
        let before = unsafe connectionReference
        unsafe connectionReference = Unmanaged.passRetained(made)
        unsafe before?.release()
    }
    /// The connection to the server, which is the caller's now, with the reference to it.
    @inline(__always)
    final func takeConnection() -> Unmanaged<ServerConnection>? {
        guard let taken = unsafe connectionReference else { return nil }
        unsafe connectionReference = nil
        return unsafe taken
    }
    /// Calls the body with the connection to the server, if there is one, without counting a reference. Where the body
    /// lets go of the connection, that is the last it does.
    @inline(__always)
    @discardableResult
    final func withConnection<Result>(_ body: (ServerConnection) -> Result) -> Result? {
        guard let reference = unsafe connectionReference else { return nil }
        return unsafe reference._withUnsafeGuaranteedRef(body)
    }
    final var lanes = SpliceLanes()
    final var serverPhase = ServerPhase.none
    private final var ticket: QueueTicket?
    final var retriesLeft = 0

    /// When the wait for the client, and for the server, is over.
    final var clientDeadline = Ticks.never
    final var serverDeadline = Ticks.never

    final var acceptTicks = Ticks.zero
    final var queueStart = Ticks.zero
    final var connectStart = Ticks.zero
    /// Address and port that the client connected to; read when a server needs the port.
    var clientTransport: Transport? { nil }

    // What rules ask and keep.
    /// The listener that accepted the client's connection.
    var acceptor: Listener? { nil }
    /// Whether this is the first request of its connection.
    var isFirstRequest: Bool { true }
    /// The server that the stream has, or had last.
    final var reachedServer: Server? { lastServer }
    /// What is here of the request's body, in one run of bytes: copied if it is in pieces.
    @unsafe
    func requestBodyBytes(copiedTo room: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        // SAFETY: no bytes at all.
        unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
    /// The same of the response's body.
    @unsafe
    func responseBodyBytes(copiedTo room: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        // SAFETY: no bytes at all.
        unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
    /// Whether the response at hand is one of our own.
    var responseIsOurs: Bool { false }
    /// The version of the server's response, once its head has been sent on.
    var forwardedVersion: HTTPVersion? { nil }
    /// Whether the response at hand may have content.
    var responseHasContent: Bool { true }
    /// What is here of a stream of bytes and was not sent on, in the same way.
    @unsafe
    func waitingBytes(response: Bool, copiedTo room: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        // SAFETY: no bytes at all.
        unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
    /// Variables of the session; made when one is set.
    var sessionVariables: VariableTable? {
        get { nil }
        set {}
    }
    /// Variables of the transaction, and of the message at hand.
    final var transactionVariables: VariableTable?
    final var messageVariables: VariableTable?
    final var messageVariablesAreOfResponse = false

    init(context: WorkerContext) {
        self.context = context
        worker = context.worker
        unsafe pool = Unmanaged.passUnretained(context.worker.pool)
        super.init()
    }

    deinit { unsafe connectionReference?.release() }

    /// A block of the worker's pool.
    @inline(__always)
    final func takeBlock() -> Chunk? {
        var block: Chunk?
        unsafe pool._withUnsafeGuaranteedRef { block = $0.take() }
        return block
    }

    // MARK: What subclasses do

    /// A place on the server is taken: connect, or use a connection that is there.
    func serverAssigned(_ server: Server) { openConnection(to: server) }
    /// The connection is established.
    func serverConnected() {}
    /// There will be no connection.
    func serverUnavailable(_ failure: ServerFailure) {}
    /// The wait for the client is over.
    func clientTimedOut() {}
    /// The wait for the server, once connected, is over.
    func serverTimedOut() {}

    /// Makes what is hashed for `balance` available.
    func showForBalance(_ scope: StreamScope) { scope.attach(self) }

    // MARK: Timers

    /// Sets the timer to whichever comes first.
    final func arm() { worker.schedule(self, at: min(clientDeadline, serverDeadline)) }

    final func deadline(_ milliseconds: Int?) -> Ticks {
        guard let milliseconds else { return .never }
        return worker.now.adding(milliseconds: milliseconds)
    }

    final override func run(on worker: Worker, _ reason: WakeReason) {
        if serverDeadline <= worker.now {
            serverDeadline = .never
            switch serverPhase {
            case .queued: queueTimedOut()
            case .turnAround: retryServer()
            case .connecting: connectFailed(SystemError(code: ETIMEDOUT))
            case .none, .connected: serverTimedOut()
            }
        } else if clientDeadline <= worker.now {
            clientDeadline = .never
            clientTimedOut()
        } else {
            arm()
        }
    }

    final func elapsed(since start: Ticks) -> Int32 {
        Int32(clamping: worker.now.milliseconds(since: start))
    }

    // MARK: Finding a server

    /// Enters a backend: from now on the stream counts there.
    final func enter(_ backend: Backend) {
        self.backend = backend
        record.backend = backend.name
        retriesLeft = backend.settings.retries
        queueStart = worker.now
        backend.enter()
        backend.counters.add(.sessions, on: worker.index)
    }

    /// Asks the backend for a server.
    /// - Parameter avoided: a server that was tried, and is not to be if there is another one.
    final func requestServer(avoiding avoided: Server? = nil) {
        if backendReference.isEmpty { return serverUnavailable(.noServer) }
        backendReference.with { backend in
            if rules?.preferredServer != nil && takePreferred(of: backend) { return }
            take(backend.assign(avoiding: avoided, hash: backend.hashes ? balanceHash(backend) : nil), of: backend)
        }
    }

    /// Asks for the server that rules prefer. False: another one will do.
    @inline(never)
    private final func takePreferred(of backend: Backend) -> Bool {
        guard let preferred = rules?.preferredServer.take() else { return false }
        let isEvenDown = rules?.forcesServer == true || backend.settings.options.contains(.persist)
        switch backend.assign(preferred: preferred, evenDown: isEvenDown) {
        case .server: place(on: preferred)
        case .full:
            let limit = preferred.settings.maxqueue
            if limit == 0 || preferred.queue.count < limit {
                wait(for: preferred, of: backend)
                return true
            }
            // Manual, section 5.2, `maxqueue`.
            if backend.settings.redispatchInterval != nil {
                record.isRedispatched = true
                backend.counters.add(.redispatches, on: worker.index)
                return false
            }
            lastServer = preferred
            record.server = preferred.name
            serverUnavailable(.queueFull)
        case .none, .busy: return false
        }
        return true
    }

    private final func take(_ assignment: Assignment, of backend: Backend) {
        switch assignment {
        case .server(let server): server.with { place(on: $0) }
        case .none: serverUnavailable(.noServer)
        case .full: wait(for: nil, of: backend)
        case .busy(let server): server.with { wait(busy: $0, of: backend) }
        }
    }

    private final func wait(busy server: Server, of backend: Backend) {
        let limit = server.settings.maxqueue
        if limit == 0 || server.queue.count < limit { return wait(for: server, of: backend) }
        // As many wait as may: any other server does.
        take(backend.assign(avoiding: server), of: backend)
    }

    /// Waits in the backend's queue, or in that of a certain server.
    private final func wait(for wanted: Server?, of backend: Backend) {
        let key = QueueKey(
            priorityClass: rules?.priorityClass ?? 0, now: worker.now, offsetMilliseconds: rules?.priorityOffset ?? 0)
        let ticket = QueueTicket(stream: self, backend: backend, wanted: wanted, key: key, worker: worker)
        self.ticket = ticket
        serverPhase = .queued
        if let wanted {
            lastServer = wanted
            record.server = wanted.name
        }
        ticket.queue.insert(ticket)
        serverDeadline = deadline(
            backend.settings.timeouts.queueMilliseconds ?? backend.settings.timeouts.connectMilliseconds)
        arm()
        // A place may have come free between the look and the entry.
        if let wanted { backend.serveQueue(of: wanted, on: worker) } else { backend.serveQueue(on: worker) }
    }

    private final func place(on server: Server) {
        self.server = server
        lastServer = server
        server.counters.add(.sessions, on: worker.index)
        record.server = server.name
        if wantsServerSource { ruleState.serverAddress = LogAddress(destination(of: server)) }
        record.queueMilliseconds = elapsed(since: queueStart)
        if connectStart == .zero { connectStart = worker.now }
        serverDeadline = .never
        serverAssigned(server)
    }

    final override func granted(_ server: Server, ticket: QueueTicket) {
        guard ticket === self.ticket else {
            ticket.backend.release(server, on: worker)
            return
        }
        self.ticket = nil
        ticket.stream = nil
        serverPhase = .none
        let position = Int32(clamping: ticket.position)
        if ticket.wanted == nil { record.backendQueue = position } else { record.serverQueue = position }
        place(on: server)
    }

    private final func queueTimedOut() {
        leaveQueue()
        serverUnavailable(.queueTimeout)
    }

    private final func leaveQueue() {
        guard let ticket else { return }
        self.ticket = nil
        // A granted ticket is on its way as a message; without its stream it gives the place back.
        _ = ticket.queue.remove(ticket)
        ticket.stream = nil
        record.queueMilliseconds = elapsed(since: queueStart)
        serverPhase = .none
    }

    // MARK: Connecting

    /// Starts a new connection to the server.
    final func openConnection(to server: Server) {
        serverPhase = .connecting
        if context.descriptorUse.isAboveHigh(worker) { server.closeIdle(on: worker) }
        do {
            let transport = try Connector.connect(to: server, of: backendReference, for: self, on: worker)
            hold(ServerConnection(transport: transport, server: server))
        } catch {
            return connectFailed(error)
        }
        withConnection { made in server.withPool(of: worker) { made.enter($0, at: worker.now) } }
        context.statistics.serverConnections.add()
        serverDeadline = deadline(backendReference.with { $0.settings.timeouts.connectMilliseconds } ?? nil)
        arm()
    }

    /// Where to connect: where the client did, or where rules say it did, with `option transparent`.
    final func destination(of server: Server) -> SocketAddress {
        if server.address.family != .unspecified { return server.address }
        context.scope.attach(self)
        defer { context.scope.detach() }
        return context.scope.address(.destination)
    }

    final override func transportConnected(_ transport: Transport) {
        guard transport === connection?.transport else { return }
        connectionEstablished()
    }

    /// A connection, new or used again, may carry the stream.
    final func connectionEstablished() {
        serverPhase = .connected
        serverDeadline = .never
        record.connectMilliseconds = elapsed(since: connectStart)
        if wantsServerSource { recordServerSource() }
        serverConnected()
    }

    /// An attempt has failed: tries again as `retries` and `option redispatch` say.
    final func connectFailed(_ error: SystemError) {
        dropConnection()
        guard let server, let backend else { return }
        server.counters.add(.connectErrors, on: worker.index)
        backend.counters.add(.connectErrors, on: worker.index)
        let isResource = [EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL].contains(error.code)
        let isTimeout = error.code == ETIMEDOUT
        // Trying again would keep the client's descriptor while it waits for one: without, it comes free.
        if isResource || retriesLeft <= 0 || !backend.settings.retryOn.contains(.connFailure) {
            releaseServer()
            serverPhase = .none
            return serverUnavailable(isResource ? .resource : isTimeout ? .connectTimeout : .connectFailed)
        }
        countRetry()
        // Another server is tried at once, and so is one that has kept the stream waiting; but by the timer, so that
        // many attempts that fail at once are as many turns and not as many calls inside each other.
        let isImmediate = redispatches(backend) || isTimeout
        let wait = isImmediate ? 0 : min(backend.settings.timeouts.connectMilliseconds ?? 1000, 1000)
        serverPhase = .turnAround
        serverDeadline = worker.now.adding(milliseconds: wait)
        arm()
    }

    /// Uses up one of the retries.
    final func countRetry() {
        retriesLeft -= 1
        record.retries += 1
        backend?.counters.add(.retries, on: worker.index)
        server?.counters.add(.retries, on: worker.index)
    }

    /// Goes to another server if a redispatch is due, else to the same one, at once.
    final func retryServer() {
        guard let server, let backend else { return }
        if !redispatches(backend) { return openConnection(to: server) }
        record.isRedispatched = true
        backend.counters.add(.redispatches, on: worker.index)
        releaseServer()
        serverPhase = .none
        requestServer(avoiding: server)
    }

    private final func redispatches(_ backend: Backend) -> Bool {
        guard let server else { return false }
        return isRedispatchDue(backend) && backend.hasAlternative(to: server)
    }

    /// Whether the next attempt goes to another server (manual, section 4.2, `option redispatch`).
    private final func isRedispatchDue(_ backend: Backend) -> Bool {
        guard let interval = backend.settings.redispatchInterval, interval != 0, rules?.forcesServer != true else {
            return false
        }
        if interval > 0 { return Int(record.retries) % interval == 0 }
        return retriesLeft == -interval - 1
    }

    private final var wantsServerSource: Bool { frontendReference.with { $0.logger.wantsServerSource } ?? false }

    // MARK: Letting go

    /// Closes the connection to the server, if there is one.
    final func dropConnection(reset: Bool = false) {
        if let dropped = unsafe takeConnection() {
            // SAFETY: the reference is ours now.
            unsafe dropped._withUnsafeGuaranteedRef { $0.close(reset: reset) }
            unsafe dropped.release()
        }
        if serverPhase == .connected || serverPhase == .connecting { serverPhase = .none }
    }

    /// Neither waits for a server nor keeps a connection to one.
    final func stopSeekingServer() {
        leaveQueue()
        dropConnection()
        serverPhase = .none
        serverDeadline = .never
    }

    /// Gives the place on the server back.
    final func releaseServer() {
        if serverReference.isEmpty { return }
        let released = serverReference.take()
        backendReference.with { backend in released.with { backend.release($0, on: worker) } }
    }

    /// States how busy everything is, for the log.
    final func recordCounts() { recordCounts(backendReference, lastServerReference) }

    private final func recordCounts(_ backend: Lasting<Backend>, _ server: Lasting<Server>) {
        record.processConnections = Int32(clamping: context.process.connections.current)
        record.frontendConnections = Int32(clamping: frontendReference.with { $0.current } ?? 0)
        record.backendConnections = Int32(clamping: backend.with { $0.current } ?? 0)
        record.serverConnections = Int32(clamping: server.with { $0.current } ?? 0)
    }

    /// Counts what has passed since this was done last (`option contstats`).
    final func countSoFar() {
        guard frontend.settings.options.contains(.continuousStatistics), let backend else { return }
        let up = record.uncountedUploaded, down = record.uncountedRead
        if up | down == 0 { return }
        context.statistics.bytesIn.add(up)
        context.statistics.bytesOut.add(down)
        for counters in [frontend.counters, backend.counters, lastServer?.counters] {
            counters?.count(bytesIn: up, bytesOut: down, on: worker.index)
        }
        record.countedUploaded = record.bytesUploaded
        record.countedRead = record.bytesRead
    }

    /// Leaves queue, server and backend, and counts the stream there. As the manual's section 8.2 has it, the counts of
    /// the log line are those after the stream has left.
    final func leaveBackend() {
        closeLanes()
        leaveQueue()
        dropConnection()
        releaseServer()
        let backend = backendReference.take(), server = lastServerReference.take()
        backend.with { $0.leave() }
        recordCounts(backend, server)
        backend.with { count(in: $0.counters) }
        server.with { count(in: $0.counters) }
        serverPhase = .none
        connectStart = .zero
        clientDeadline = .never
        serverDeadline = .never
    }

    /// Counts what has ended: its bytes and the class of its status. Numbers are handed on, not the record: that would
    /// be copied.
    @inline(__always)
    final func count(in counters: ProxyCounters) {
        counters.count(
            bytesIn: record.uncountedUploaded, bytesOut: record.uncountedRead, status: record.status, on: worker.index)
    }
}
