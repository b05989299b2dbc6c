import Base
import Buffers
import Configuration
import Engine
import HTTP

/// One HTTP request and its response: from the first byte of the one to the last byte of the other.
///
/// An exchange is taken from its worker's spare ones when a request begins and given back when it is over, so that a
/// request allocates nothing and an idle connection holds nothing. While it lasts it is the consumer of both
/// transports.
///
/// Files: this one holds the state, the beginning and the end; `+Request` what comes from the client, `+Response` what
/// comes from the server, `+Failures` what goes wrong.
///
/// Thread-safety: its worker's thread only.
// SAFETY: `nextSpare` is the worker's list's, which keeps what it links.
@safe
final class HTTPExchange: ProxiedStream {
    /// What the exchange is doing.
    enum State {
        /// Nothing: it waits among the spare ones.
        case spare
        /// The request's head is being received.
        case requestHead
        /// A server is being found.
        case server
        /// The response's head is awaited; the request's body may still be on its way.
        case responseHead
        /// The response's body is being forwarded.
        case responseBody
        /// No more HTTP: bytes both ways.
        case tunnel
        /// The response is complete; its last bytes, or those of the request, are on their way.
        case finishing
    }

    /// How far a message's body has come.
    struct Body {
        var framing = BodyFraming.none
        var remaining: UInt64 = 0
        var decoder: ChunkedDecoder
        /// Whether the end of the body was seen.
        var isDone = false
        /// Whether only the content is passed on, because the recipient does not know the chunked coding.
        var unchunks = false

        mutating func start(_ framing: BodyFraming, _ limits: HTTPLimits) {
            self.framing = framing
            if framing == .chunked { decoder = ChunkedDecoder(limits: limits) }
            unchunks = false
            remaining = 0
            isDone = framing == .none
            if case .length(let count) = framing { remaining = count }
        }

        /// Bytes that belong to the body for certain, of at most so many to come.
        func bulk(upTo limit: Int) -> Int {
            switch framing {
            case .length: Int(min(remaining, UInt64(max(0, limit))))
            case .tunnel: max(0, limit)
            default: 0
            }
        }

        /// Judges bytes of a chunked body that are passed on with their framing. Chunk extensions concern one hop only
        /// (RFC 9112 section 7.1.1) and are taken out; without any, the bytes stay as they are.
        mutating func decode(_ chunk: inout Chunk) -> ChunkedEvent {
            var probe = decoder
            // SAFETY: the bytes are read while the chunk lives.
            let event = unsafe probe.advance(chunk.bytes)
            if probe.extensionByteCount == decoder.extensionByteCount {
                decoder = probe
                return event
            }
            var count = chunk.count
            // SAFETY: bytes of a body are referred to by this slice of their block alone.
            let filtered = unsafe decoder.advanceRemovingExtensions(chunk.mutableBytes, count: &count)
            chunk.removeLast(chunk.count - count)
            return filtered
        }
    }

    /// The client's connection; nil in a spare exchange.
    var client: HTTPConnection! {
        get { clientReference.object }
        set { clientReference = Lasting(newValue) }
    }
    // SAFETY: a connection lives until the turn after its end, and has an exchange until then at most; its transport is
    // its own.
    var clientReference = Lasting<HTTPConnection>()
    /// The client's transport.
    private(set) var clientLine = Lasting<Transport>()
    /// Its identity, to tell it from the server's.
    private var clientTransportID: ObjectIdentifier?
    var state = State.spare
    let request: MessageHead
    let response: MessageHead
    /// The block in which the request's head lies, until the response has begun.
    var requestChunk: Chunk?
    /// The part of the body that came with the head, kept while the request may have to be sent again.
    var replay: Chunk?
    var responseChunk: Chunk?
    var requestBody: Body
    var responseBody: Body
    /// Request body that waits for a connection to the server.
    var upload = ChunkChain()
    /// What has come of the next request.
    var surplus: Chunk?

    var requestStart = Ticks.zero
    var connectedAt = Ticks.zero
    var directives: ConnectionDirectives = []
    var connectionMode = HTTPConnectionMode.keepAlive
    /// Whether the client's connection, and the server's, go on after this exchange.
    var keepsClient = false, keepsServer = false
    /// Whether the server's connection had carried requests before.
    var isReused = false
    /// Whether any byte of the response has come.
    var hasResponseBytes = false
    /// Whether any byte of the response has been sent to the client.
    var hasResponded = false
    var isUpgrade = false
    /// `option abortonclose` of the frontend or the backend.
    var aborts = false
    /// `option http-no-delay`: no part of a response waits for the next one.
    var sendsAtOnce = false
    var isLogged = false
    /// A response of our own is being sent: rules have had their say.
    var isDelivering = false
    var clientEnded = false, serverEnded = false
    var clientFinished = false, serverFinished = false

    let parserLimits: HTTPLimits
    /// The next of its worker's spare exchanges.
    var nextSpare: Unmanaged<HTTPExchange>?

    override init(context: WorkerContext) {
        parserLimits = context.httpLimits
        request = MessageHead(limits: parserLimits)
        response = MessageHead(limits: parserLimits)
        requestBody = Body(decoder: ChunkedDecoder(limits: parserLimits))
        responseBody = requestBody
        super.init(context: context)
    }

    override var clientTransport: Transport? { client.transport }
    override var acceptor: Listener? { client.listener }
    override var isFirstRequest: Bool { client.requestCount <= 1 }
    override func requestBodyBytes(copiedTo room: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        let isChunked = requestBody.framing == .chunked
        // SAFETY: the caller reads the bytes while the chain has them.
        return unsafe upload.contents(isChunked ? ChunkedDecoder(limits: parserLimits) : nil, copiedTo: room)
    }
    override func responseBodyBytes(copiedTo room: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        // SAFETY: the response's block stays where it is while rules look at it.
        unsafe heldContent(copiedTo: room)
    }
    // An answer of our own has what its head says.
    override var responseIsOurs: Bool { isDelivering }
    override var forwardedVersion: HTTPVersion? {
        hasResponded && !isDelivering && record.responseMilliseconds >= 0 ? response.version : nil
    }
    override var responseHasContent: Bool { isDelivering || responseBody.framing != .none }
    override var sessionVariables: VariableTable? {
        get { client.variables }
        set { client.variables = newValue }
    }

    // MARK: What the shared half asks for

    override func serverAssigned(_ server: Server) { assigned(server) }
    override func serverConnected() {
        connectedAt = worker.now
        sendRequest()
    }
    override func serverUnavailable(_ failure: ServerFailure) { unavailable(failure) }
    override func showForBalance(_ scope: StreamScope) { scope.attach(self, request: requestForRules) }
    override func clientTimedOut() { clientWaitOver() }
    override func serverTimedOut() { serverWaitOver() }

    // MARK: The beginning

    /// Prepares for a request on the connection.
    func attach(to connection: HTTPConnection) {
        clientReference = Lasting(connection)
        clientLine = Lasting(connection.transport)
        clientTransportID = ObjectIdentifier(connection.transport)
        frontendReference = Lasting(connection.listener.frontend)
        state = .requestHead
        acceptTicks = connection.idleSince
        requestStart = worker.now
        record.client = connection.client
        frontendReference.with { frontend in
            record.frontend = frontend.name
            connectionMode = frontend.settings.httpConnectionMode
        }
        record.reset()
        record.acceptDateMicroseconds = connection.acceptDateMicroseconds
        record.requestDateMicroseconds = worker.wallClockMicroseconds
        record.idleMilliseconds = elapsed(since: connection.idleSince)
        if connection.variables != nil { takeDestination() }
    }

    @inline(never)
    private func takeDestination() {
        guard let rewritten = sessionVariables?.destination else { return }
        ruleState.destination = rewritten.address
        ruleState.changesDestination = true
    }

    /// Gives the exchange back when there was no request: it served rules for a connection.
    func giveUp() {
        leaveBackend()
        reset()
    }

    /// The first bytes of the request.
    func begin(with chunk: consuming Chunk) {
        beginCounting()
        receivedHead(chunk)
    }

    private func beginCounting() {
        context.statistics.requests.add()
        frontendReference.with { frontend in
            clientDeadline = deadline(
                frontend.settings.timeouts.httpRequestMilliseconds ?? frontend.settings.timeouts.clientMilliseconds)
            frontend.counters.add(.requests, on: worker.index)
        }
    }

    /// Waits for the first bytes of a request that counts already.
    func awaitHead() {
        beginCounting()
        client.transport.receive(credit: context.bufferBytes)
        arm()
    }

    // MARK: The end

    /// Whether both messages are complete and sent: the exchange is over.
    func settle() {
        guard state == .finishing, clientLine.with({ $0.queuedByteCount }) == 0 else { return }
        if !requestBody.isDone && keepsClient && connection != nil { return }
        if isUploadLeft { return }
        complete()
    }

    /// Whether the last bytes of the request are still on their way, to a server whose connection goes on.
    private var isUploadLeft: Bool {
        guard keepsServer, requestBody.isDone, !serverEnded,
            withConnection({ $0.transport.queuedByteCount > 0 }) == true
        else { return false }
        if serverDeadline == .never {
            serverDeadline = deadline(backend?.settings.timeouts.serverMilliseconds)
            arm()
        }
        return true
    }

    /// Ends an exchange that went as it should, or whose error response has been sent.
    func complete() {
        if state == .spare { return }
        let goesOn =
            keepsClient && requestBody.isDone && !clientEnded
            && (!context.isDraining || context.closeSpreadEnd != nil)
        releaseConnection()
        report()
        let client = clientReference
        var rest = surplus.take()
        if goesOn {
            reset()
            client.with { $0.exchangeCompleted(rest: rest.take()) }
        } else {
            let isLeft = rest != nil || !requestBody.isDone
            _ = consume rest
            client.with { connection in
                let mustLinger = isLeft || hasSentMore(connection.transport)
                reset()
                if mustLinger { connection.transport.finish() }
                connection.exchangeEndedConnection(reset: false, lingers: mustLinger)
            }
        }
    }

    /// Whether bytes of the client lie unread behind its request. A client that has said that this was its last one,
    /// and had no body to send, is believed.
    private func hasSentMore(_ transport: Transport) -> Bool {
        if clientEnded { return false }
        let isBelieved = requestBody.framing == .none && !directives.contains(.persistent)
        return transport.holdsUnreadBytes(asking: !isBelieved)
    }

    /// Ends an exchange at once: the client's connection is closed, whatever it was doing.
    func abort(_ cause: TerminationCause, _ phase: TerminationPhase) {
        if state == .spare { return }
        if record.cause == .none { (record.cause, record.phase) = (cause, phase) }
        report()
        let connection = client!
        let resets = frontend.settings.options.contains(.noLinger)
        reset()
        connection.exchangeEndedConnection(reset: resets, lingers: false)
    }

    /// Writes the log line and counts.
    private func report() {
        record.activeMilliseconds = elapsed(since: requestStart)
        record.totalMilliseconds = record.idleMilliseconds &+ record.activeMilliseconds
        context.statistics.bytesIn.add(record.uncountedUploaded)
        context.statistics.bytesOut.add(record.uncountedRead)
        frontendReference.with { count(in: $0.counters) }
        leaveBackend()
        if !isLogged { context.log(self) }
    }

    /// Keeps the server's connection for another request, or closes it.
    private func releaseConnection() {
        closeLanes()
        guard let queued = withConnection({ $0.transport.queuedByteCount }) else { return }
        let isDone = !serverEnded && responseBody.isDone && requestBody.isDone
        guard keepsServer, isDone, queued == 0 else {
            // What was asked for has come: nothing is lost with a reset.
            return dropConnection(reset: isDone && state != .tunnel)
        }
        guard let taken = unsafe takeConnection() else { return }
        if serverPhase == .connected { serverPhase = .none }
        // SAFETY: the reference is ours now, and the pool's or nobody's then.
        let isIdle = unsafe taken._withUnsafeGuaranteedRef { used in
            guard becomesIdle(used) else { return false }
            used.server.withPool(of: worker) { unsafe $0.put(taken, on: worker) }
            return true
        }
        if !isIdle { unsafe taken.release() }
    }

    /// Whether the connection to the server is to wait in the pool; if not, it is closed, or the client's from now on.
    private func becomesIdle(_ used: ServerConnection) -> Bool {
        let isShared = backendReference.with { backend in
            keepInMind(used.server, backend)
            return backend.settings.httpReuse != .never && used.server.mayShare
        }
        let limit = used.server.settings.maxReuse
        if limit >= 0 && Int(used.requestCount) > limit {
            used.close(reset: true)
        } else if isShared != true || clientReference.with({ $0.isBound }) == true {
            if client.ownServer == nil && keepsClient { client.keep(used) } else { used.close(reset: true) }
        } else if context.descriptorUse.isAboveLow(worker) {
            used.close(reset: true)
        } else {
            return true
        }
        return false
    }

    /// Back among the spare exchanges.
    private func reset() {
        worker.disarm(self)
        state = .spare
        clientReference = Lasting()
        clientLine = Lasting()
        clientTransportID = nil
        _ = requestChunk.take()
        _ = replay.take()
        _ = responseChunk.take()
        _ = surplus.take()
        request.reset()
        response.reset()
        transactionVariables?.removeAll()
        messageVariables?.removeAll()
        upload.removeAll()
        isReused = false
        hasResponseBytes = false
        hasResponded = false
        isUpgrade = false
        isLogged = false
        isDelivering = false
        rules?.reset()
        clientEnded = false
        serverEnded = false
        clientFinished = false
        serverFinished = false
        keepsClient = false
        keepsServer = false
        requestBody.isDone = false
        responseBody.isDone = false
        context.recycle(self)
    }

    // MARK: Transports

    private func isClient(_ transport: Transport) -> Bool { ObjectIdentifier(transport) == clientTransportID }

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        if state == .spare { return }
        if isClient(transport) { return receivedFromClient(chunk) }
        receivedFromServer(chunk)
    }

    override func transport(_ transport: Transport, spliced byteCount: Int) {
        if state == .spare { return }
        if isClient(transport) { splicedFromClient(byteCount) } else { splicedFromServer(byteCount) }
    }

    override func transportReceivedEnd(_ transport: Transport) {
        if state == .spare { return }
        if isClient(transport) { clientReceivedEnd() } else { serverReceivedEnd() }
    }

    override func transport(_ transport: Transport, failed error: SystemError) {
        if state == .spare { return }
        if isClient(transport) { return clientFailed() }
        if serverPhase == .connecting { return connectFailed(error) }
        serverFailed()
    }

    override func transportDrained(_ transport: Transport) {
        if state == .spare { return }
        if isClient(transport) { clientDrained() } else { serverDrained() }
    }

    /// What the exchange was doing, for the log, when the client left.
    var clientAbortPhase: TerminationPhase {
        switch state {
        case .spare: return .none
        case .requestHead: return .request
        case .server:
            switch serverPhase {
            case .queued: return .queue
            case .none: return .request
            default: return .connect
            }
        case .responseHead: return requestBody.isDone ? .headers : .data
        case .responseBody, .tunnel: return .data
        case .finishing: return .last
        }
    }
}
