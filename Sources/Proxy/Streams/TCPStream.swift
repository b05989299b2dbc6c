import Base
import Buffers
import Configuration
import Engine

/// One connection in `mode tcp`: bytes both ways, each way ended on its own (manual, section 4.2, `mode`).
///
/// Back pressure: each way keeps at most a window of bytes that the other side has not taken; a full window leaves the
/// rest in the sender's socket.
///
/// Thread-safety: its worker's thread only.
final class TCPStream: ProxiedStream {
    private let client: Transport
    private let listener: Listener
    /// What the client sent before there was a connection to send it on.
    var early = ChunkChain()
    /// The peer has ended its side.
    private(set) var clientEnded = false, serverEnded = false
    /// We have passed that on to the other peer.
    private var clientFinished = false, serverFinished = false
    private var isOver = false
    /// Whether the log has its line already (`option logasap`).
    private var isLogged = false
    /// The server's transport while both ways are open.
    private var relay: Transport?

    /// What data from one side renews: the waits for both, as a rule. nil: that wait is not renewed, or has no limit.
    private struct Renewal {
        var clientMilliseconds: Int?
        var serverMilliseconds: Int?
    }
    private var renewals = (client: Renewal(), server: Renewal())
    private var slot = 0

    override var clientTransport: Transport? { client }
    override var acceptor: Listener? { listener }
    override func waitingBytes(
        response: Bool, copiedTo room: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        // SAFETY: the chains keep their bytes while rules look at them; the room is the scope's.
        if !response { return unsafe early.contents(nil, copiedTo: room) }
        guard let rules else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe rules.late.contents(nil, copiedTo: room)
    }
    override var sessionVariables: VariableTable? {
        get { variables }
        set { variables = newValue }
    }
    private var variables: VariableTable?

    /// Takes over an accepted socket; `start` begins.
    init(_ fd: Int32, context: WorkerContext, listener: Listener) {
        self.listener = listener
        client = context.worker.makeTransport(accepted: fd)
        super.init(context: context)
        frontend = listener.frontend
    }

    /// Starts with an accepted socket.
    func start(from address: SocketAddress) {
        slot = context.adopt(self)
        acceptTicks = worker.now
        client.setConsumer(self)
        record.client = LogAddress(address, listenerID: listener.id)
        record.acceptDateMicroseconds = worker.wallClockMicroseconds
        record.requestDateMicroseconds = worker.wallClockMicroseconds
        record.frontend = frontend.name
        record.backend = frontend.name
        clientDeadline = deadline(frontend.settings.timeouts.clientMilliseconds)
        if frontend.processing.touchesConnections && !passesConnectionRules() { return refuse() }
        // Rules look at a block at most.
        client.receive(credit: frontend.processing.touchesRequests ? context.bufferBytes : window)
        if frontend.processing.touchesRequests { return beginRules() }
        guard let chosen = chooseBackend() else { return serverUnavailable(.noServer) }
        if chosen.settings.mode == .http { return upgrade(for: chosen) }
        enter(chosen)
        if chosen.processing.touchesRequests || !chosen.processing.useServers.isEmpty {
            ruleState.phase = .backendContent
            return advanceRules()
        }
        seekServer()
    }

    /// All rules let the connection pass.
    func seekServer() {
        if backend?.processing.responseContentRules.isEmpty == false { ruleState.isHoldingResponse = true }
        requestServer()
        if !isOver { arm() }
    }

    /// A rule for new connections refuses this one: nothing is logged (manual, `tcp-request connection reject`).
    private func refuse() {
        isLogged = true
        end(.proxy, .none)
    }

    func chooseBackend() -> Backend? {
        if frontend.rules.isEmpty { return frontend.defaultBackend }
        let scope = context.scope
        scope.attach(self)
        defer { scope.detach() }
        return frontend.backend(for: scope, context.texts)
    }

    private var window: Int { context.windowBytes }

    // MARK: Timeouts

    private func touchClient() {
        let timeouts = frontend.settings.timeouts
        var limit = timeouts.clientMilliseconds
        if clientEnded || clientFinished {
            if clientEnded && client.queuedByteCount == 0 { limit = nil }
            limit = timeouts.clientFinMilliseconds ?? limit
        } else if serverPhase == .connected, let tunnel = tunnelMilliseconds {
            limit = tunnel
        }
        clientDeadline = deadline(limit)
        arm()
    }

    private func touchServer() {
        guard serverPhase == .connected, connection != nil, let timeouts = backend?.settings.timeouts else { return }
        var limit = timeouts.serverMilliseconds
        if serverEnded || serverFinished {
            if serverEnded && connection?.transport.queuedByteCount == 0 { limit = nil }
            limit = timeouts.serverFinMilliseconds ?? limit
        } else if let tunnel = tunnelMilliseconds {
            limit = tunnel
        }
        serverDeadline = deadline(limit)
        arm()
    }

    /// One side was active: its wait starts again, and, as what it sent or took came from or goes to the other one, so
    /// does that one's, unless `option independent-streams` says otherwise (manual, section 4.2).
    private func touch(client isClient: Bool) {
        if isClient || !frontend.settings.options.contains(.independentStreams) { touchClient() }
        if !isClient || backend?.settings.options.contains(.independentStreams) != true { touchServer() }
    }

    private var tunnelMilliseconds: Int? {
        backend?.settings.timeouts.tunnelMilliseconds ?? frontend.settings.timeouts.tunnelMilliseconds
    }

    override func clientTimedOut() {
        end(.clientTimeout, currentPhase)
    }

    override func serverTimedOut() {
        if let rules, rules.wait == .contents || (rules.isHoldingResponse && rules.inspectionDeadline <= worker.now) {
            rules.inspectionDeadline = .never
            return inspectionOver()
        }
        end(.serverTimeout, .data)
    }

    private var currentPhase: TerminationPhase {
        switch serverPhase {
        case .none: return .none
        case .queued: return .queue
        case .turnAround, .connecting: return .connect
        case .connected: return serverEnded ? .last : .data
        }
    }

    // MARK: The server's side

    override func serverConnected() {
        guard let transport = connection?.transport else { return }
        while let chunk = early.popFirst() { transport.send(chunk) }
        early.releaseStorage()
        transport.receive(credit: window)
        touchClient()
        touchServer()
        if frontend.logger.logsEarly { logEarly() }
        flush(transport)
        if !isOver && !clientEnded && rules?.isHoldingResponse != true { startRelay(transport) }
    }

    /// What the server sent first has passed: it goes out, and both ways are open.
    func releaseResponse() {
        ruleState.isHoldingResponse = false
        ruleState.inspectionDeadline = .never
        touch(client: false)
        while let chunk = ruleState.late.popFirst() { client.send(chunk) }
        ruleState.late.releaseStorage()
        if ruleState.closesServer { return closeServer() }
        if !clientEnded, !serverEnded, let transport = connection?.transport { startRelay(transport) }
        flush(client)
    }

    /// `tcp-response content close`: the server's connection ends at once, the client's when it has what came.
    private func closeServer() {
        serverEnded = true
        serverFinished = true
        dropConnection(reset: true)
        // The place on the server is kept until the client has everything.
        serverPhase = .connected
        serverDeadline = .never
        client.receive(credit: 0)
        flush(client)
    }

    /// `option logasap`: the line is written when the connection is there, with what is known then.
    private func logEarly() {
        record.isEarly = true
        record.totalMilliseconds = elapsed(since: acceptTicks)
        recordCounts()
        context.log(self)
        isLogged = true
    }

    /// Both ways are open: works out once what each piece of data renews.
    private func startRelay(_ server: Transport) {
        relay = server
        let tunnel = tunnelMilliseconds
        let client = tunnel ?? frontend.settings.timeouts.clientMilliseconds
        let wait = tunnel ?? backend?.settings.timeouts.serverMilliseconds
        let clientAlone = frontend.settings.options.contains(.independentStreams)
        let serverAlone = backend?.settings.options.contains(.independentStreams) == true
        renewals.client = Renewal(clientMilliseconds: client, serverMilliseconds: serverAlone ? nil : wait)
        renewals.server = Renewal(clientMilliseconds: clientAlone ? nil : client, serverMilliseconds: wait)
    }

    override func serverUnavailable(_ failure: ServerFailure) {
        switch failure {
        case .noServer, .connectFailed: end(.server, .connect)
        case .queueTimeout: end(.serverTimeout, .queue)
        case .queueFull: end(.server, .queue)
        case .connectTimeout: end(.serverTimeout, .connect)
        case .resource: end(.resource, .connect)
        }
    }

    // MARK: Transports

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        if let server = relay {
            if transport === client {
                record.bytesUploaded &+= UInt64(chunk.count)
                return pass(chunk, from: client, to: server, renewals.client)
            }
            record.bytesRead &+= UInt64(chunk.count)
            return pass(chunk, from: server, to: client, renewals.server)
        }
        if transport === client {
            record.bytesUploaded &+= UInt64(chunk.count)
            touch(client: true)
            guard serverPhase == .connected, let target = connection?.transport else {
                if rules?.closesServer == true { return }
                if !early.absorb(chunk, upTo: Limits.copiedSendBytes) { early.append(chunk) }
                let limit = rules?.wait == .contents ? context.bufferBytes : window
                client.receive(credit: max(0, limit - early.byteCount))
                return inspectMore()
            }
            target.send(chunk)
            flush(target)
        } else {
            record.bytesRead &+= UInt64(chunk.count)
            touch(client: false)
            if let rules, rules.isHoldingResponse {
                rules.late.append(chunk)
                connection?.transport.receive(credit: max(0, window - rules.late.byteCount))
                return inspectResponse()
            }
            client.send(chunk)
            flush(client)
        }
    }

    /// The common case, both ways open: bytes go straight through.
    private func pass(
        _ chunk: consuming Chunk, from source: Transport, to target: Transport, _ renewal: Renewal
    ) {
        let now = worker.now
        if let limit = renewal.clientMilliseconds { clientDeadline = now.adding(milliseconds: limit) }
        if let limit = renewal.serverMilliseconds { serverDeadline = now.adding(milliseconds: limit) }
        arm()
        let isFull = chunk.count == context.bufferBytes
        target.send(chunk)
        if source.deliversMore { return }
        source.bulk = window
        if isFull { if target === client { openResponseLane() } else { openRequestLane() } }
        passOn(from: source, to: target)
    }

    private func passOn(from source: Transport, to target: Transport) {
        switch target.flush() {
        case .done: source.receive(credit: window)
        case .pending: source.receive(credit: room(for: source, to: target))
        case .failed(let error): transport(target, failed: error)
        }
    }

    /// Bytes came from one side into the pipe to the other.
    override func transport(_ transport: Transport, spliced byteCount: Int) {
        if isOver { return }
        touch(client: transport === client)
        transport.bulk = window
        if transport === client {
            record.bytesUploaded &+= UInt64(byteCount)
            if let server = connection?.transport { passOn(from: client, to: server) }
        } else {
            record.bytesRead &+= UInt64(byteCount)
            passOn(from: transport, to: client)
        }
    }

    /// What one side may send while the other has not taken everything; nothing while the pipe between them is in use.
    private func room(for source: Transport, to target: Transport) -> Int {
        SpliceLanes.count(source.inlet) > 0 ? 0 : max(0, window - target.queuedByteCount)
    }

    /// Hands bytes on, and asks the other side for as many as may follow.
    private func flush(_ target: Transport) {
        if case .failed(let error) = target.flush() { return transport(target, failed: error) }
        opened(target)
    }

    /// `target` can take more, or has nothing left to send: the other side may send on, or its end is passed on.
    private func opened(_ target: Transport) {
        if target === client {
            if !serverEnded, let server = connection?.transport {
                server.receive(credit: room(for: server, to: target))
            }
        } else if !clientEnded {
            client.receive(credit: room(for: client, to: target))
        }
        settle()
    }

    override func transportDrained(_ transport: Transport) {
        touch(client: transport === client)
        if transport === client { opened(client) } else if let target = connection?.transport { opened(target) }
    }

    override func transportReceivedEnd(_ transport: Transport) {
        relay = nil
        if transport === client {
            clientEnded = true
            if serverPhase != .connected && aborts { return end(.client, currentPhase) }
            touchClient()
            inspectMore()
        } else {
            serverEnded = true
            touchServer()
            inspectResponse()
        }
        settle()
    }

    private var aborts: Bool {
        frontend.settings.options.contains(.abortOnClose) || backend?.settings.options.contains(.abortOnClose) == true
    }

    /// Passes ends of streams on, and ends when both have been.
    private func settle() {
        if isOver || serverPhase != .connected { return }
        if clientEnded && !serverFinished, let target = connection?.transport, target.queuedByteCount == 0 {
            serverFinished = true
            if !serverEnded { target.finish() }
            touchServer()
        }
        if serverEnded && !clientFinished && rules?.isHoldingResponse != true && client.queuedByteCount == 0 {
            clientFinished = true
            if !clientEnded { client.finish() }
            touchClient()
        }
        if clientFinished && serverFinished { end(.none, .none) }
    }

    override func transport(_ transport: Transport, failed error: SystemError) {
        if transport === client {
            end(.client, currentPhase)
        } else if serverPhase == .connecting {
            connectFailed(error)
        } else {
            end(.server, .data)
        }
    }

    // MARK: The end

    /// What comes is HTTP from now on (manual, chapter 4): a connection in `mode http` goes on with what has come and
    /// with what rules have said.
    /// - Parameter chosen: The backend that makes it so; nil: `switch-mode` did.
    func upgrade(for chosen: Backend? = nil) {
        if isOver { return }
        isOver = true
        worker.cancel(self)
        var bytes = early.popFirst()
        while let more = early.popFirst() {
            guard let first = bytes.take() else { break }
            bytes = worker.pool.join(first, more)
        }
        early.removeAll()
        early.releaseStorage()
        ruleState.resumes = chosen == nil ? .frontendBody : .backend
        ruleState.chosenBackend = chosen
        let connection = HTTPConnection(client, context: context, listener: listener, client: record.client)
        connection.takeOver(self, bytes)
        context.bury(slot)
    }

    func end(_ cause: TerminationCause, _ phase: TerminationPhase) {
        if isOver { return }
        isOver = true
        relay = nil
        record.cause = cause
        record.phase = phase
        record.totalMilliseconds = elapsed(since: acceptTicks)
        worker.cancel(self)
        early.removeAll()
        rules?.late.removeAll()
        let up = record.uncountedUploaded, down = record.uncountedRead
        context.statistics.bytesIn.add(up)
        context.statistics.bytesOut.add(down)
        frontend.counters.count(bytesIn: up, bytesOut: down, on: worker.index)
        leaveBackend()
        if !isLogged { context.log(self) }
        client.close(reset: cause != .none && frontend.settings.options.contains(.noLinger))
        listener.connectionEnded(on: worker)
        context.bury(slot)
    }
}
