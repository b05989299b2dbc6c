import Base
import Buffers
import Configuration
import Engine
import HTTP

/// One client connection in `mode http`. Between requests it is all there is: no buffer, no parser.
///
/// The first byte of a request makes it take an `HTTPExchange`, which uses the transport until the response is sent and
/// then hands it back, with the bytes of the next request that came along (pipelining, RFC 9112 section 9.3.2).
///
/// Thread-safety: its worker's thread only.
// SAFETY: `lastServerReference` is a server's, and servers live as long as the runtime, which outlives connections.
@safe
final class HTTPConnection: TransportConsumer {
    let context: WorkerContext
    let transport: Transport
    let listener: Listener
    /// Variables of the session; made when one is set.
    var variables: VariableTable?
    var frontend: Frontend { listener.frontend }

    /// The client's address, compact.
    var client: LogAddress
    // Flags stand where the address leaves room for them: an idle connection is little more than this object.
    private var isOver = false
    private var isLingering = false
    /// Requests keep to the server of the first, and to the connection to it.
    var isBound = false
    private(set) var acceptDateMicroseconds: Int64 = 0
    /// Since when the connection waits for a request: accept, or the end of the response before.
    private(set) var idleSince = Ticks.zero
    private(set) var requestCount: Int32 = 0
    private var slot: Int32 = 0
    // SAFETY: the reference is the connection's while an exchange serves it, which then gives itself back.
    private var exchange: Unmanaged<HTTPExchange>?
    /// The bytes of the next request, received with those of the last.
    private var pending: Chunk?
    /// A server connection that no other client may use (`http-reuse never`).
    var ownServer: ServerConnection?
    /// The server that the next request prefers.
    var lastServer: Server? {
        get { unsafe lastServerReference?.takeUnretainedValue() }
        set { unsafe lastServerReference = newValue.map { unsafe Unmanaged.passUnretained($0) } }
    }
    private var lastServerReference: Unmanaged<Server>?
    /// Whether there is a server that the next request might prefer.
    var hasLastServer: Bool { unsafe lastServerReference != nil }

    /// The connection that no other client may use, now the caller's.
    func takeOwnServer() -> ServerConnection? { ownServer == nil ? nil : ownServer.take() }

    /// Takes over an accepted socket; `start` begins.
    init(_ fd: Int32, context: WorkerContext, listener: Listener, client: LogAddress) {
        self.context = context
        worker = context.worker
        self.listener = listener
        transport = context.worker.makeTransport(accepted: fd)
        self.client = client
        super.init()
    }

    /// Takes over the transport of a stream; `takeOver` begins.
    init(_ transport: Transport, context: WorkerContext, listener: Listener, client: LogAddress) {
        self.context = context
        worker = context.worker
        self.listener = listener
        self.transport = transport
        self.client = client
        super.init()
    }

    deinit { unsafe exchange?.release() }

    /// The context's, stored: reading it through would count a reference each time.
    private let worker: Worker

    /// The client's host as text ("127.0.0.1", "::1"); empty for a unix socket. Made once, when it is first needed.
    lazy var addressText: [UInt8] = {
        let address = client.socketAddress
        switch address.family {
        case .ipv4, .ipv6: return Array(address.host.utf8)
        default: return []
        }
    }()

    func start() {
        slot = Int32(truncatingIfNeeded: context.adopt(self))
        transport.setConsumer(self)
        acceptDateMicroseconds = worker.wallClockMicroseconds
        idleSince = worker.now
        if frontend.processing.touchesConnections && !passesConnectionRules() { return end() }
        let timeouts = frontend.settings.timeouts
        wait(timeouts.httpRequestMilliseconds ?? timeouts.clientMilliseconds)
        transport.receive(credit: context.bufferBytes)
    }

    /// Goes on with what began in `mode tcp`: the first request is what has come so far, perhaps nothing.
    func takeOver(_ stream: TCPStream, _ bytes: consuming Chunk?) {
        slot = Int32(truncatingIfNeeded: context.adopt(self))
        acceptDateMicroseconds = stream.record.acceptDateMicroseconds
        idleSince = stream.acceptTicks
        variables = stream.sessionVariables
        let taken = unsafe beginExchange()
        let exchange = unsafe taken.takeUnretainedValue()
        exchange.takeOver(stream, bytes)
        guard stream.clientEnded else { return }
        let goesOn = unsafe self.exchange?.toOpaque() == taken.toOpaque()
        if goesOn { exchange.transportReceivedEnd(transport) } else { end() }
    }

    private func wait(_ milliseconds: Int?) {
        guard let milliseconds else { return worker.schedule(self, at: .never) }
        worker.schedule(self, at: worker.now.adding(milliseconds: milliseconds))
    }

    // MARK: Between requests

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        guard transport === self.transport else { return dropOwnServer() }
        if isLingering {
            if transport.credit == 0 { end() }
            return
        }
        begin(with: chunk)
    }

    private func begin(with chunk: consuming Chunk) {
        var first: Chunk? = consume chunk
        let exchange = unsafe beginExchange()
        unsafe exchange._withUnsafeGuaranteedRef { if let chunk = first.take() { $0.begin(with: chunk) } }
    }

    private func abandon(_ cause: TerminationCause) {
        let exchange = unsafe beginExchange()
        unsafe exchange._withUnsafeGuaranteedRef { $0.abandonedBeforeRequest(cause) }
    }

    /// Keeps the server connection for this client's next request.
    func keep(_ connection: ServerConnection) {
        ownServer = connection
        connection.transport.setConsumer(self)
        connection.transport.receive(credit: 1)
    }

    /// An idle server connection said something, or ended: it cannot be used again.
    private func dropOwnServer() {
        ownServer?.close(reset: true)
        ownServer = nil
    }

    private func beginExchange() -> Unmanaged<HTTPExchange> {
        worker.disarm(self)
        requestCount += 1
        let taken = unsafe context.takeExchange()
        unsafe exchange = taken
        unsafe taken._withUnsafeGuaranteedRef { exchange in
            transport.setConsumer(exchange)
            exchange.attach(to: self)
        }
        return unsafe taken
    }

    override func transportReceivedEnd(_ transport: Transport) {
        guard transport === self.transport else { return dropOwnServer() }
        if requestCount > 0 || isLingering { return end() }
        abandon(.client)
    }

    override func transport(_ transport: Transport, failed error: SystemError) {
        guard transport === self.transport else { return dropOwnServer() }
        if requestCount > 0 || isLingering { return end() }
        abandon(.client)
    }

    /// The wait for a request is over, or a pipelined request is due.
    override func run(on worker: Worker, _ reason: WakeReason) {
        if unsafe isOver || exchange != nil { return }
        if let chunk = pending.take() {
            begin(with: chunk)
            return
        }
        guard reason.contains(.timer), deadline <= worker.now || deadline == .never else { return }
        if requestCount > 0 || isLingering { return end() }
        abandon(.clientTimeout)
    }

    // MARK: After an exchange

    /// The response has been sent and the connection goes on. `rest` is what has come of the next request.
    func exchangeCompleted(rest: consuming Chunk?) {
        unsafe exchange = nil
        transport.setConsumer(self)
        idleSince = worker.now
        if let rest {
            pending = consume rest
            // What comes after it waits until it has been looked at.
            transport.receive(credit: 0)
            worker.wake(self)
            return
        }
        let timeouts = frontend.settings.timeouts
        wait(timeouts.httpKeepAliveMilliseconds ?? timeouts.httpRequestMilliseconds ?? timeouts.clientMilliseconds)
        if context.isDraining { closeInTime() }
        transport.receive(credit: context.bufferBytes)
    }

    /// The exchange was the last: the connection is closed.
    ///
    /// With bytes of the client on their way, closing would reset the connection and take the response from the client
    /// (RFC 9112 section 9.6): with `lingers` what still comes is read and dropped, for a short while.
    func exchangeEndedConnection(reset: Bool, lingers: Bool) {
        unsafe exchange = nil
        guard lingers else { return end(reset: reset) }
        transport.setConsumer(self)
        isLingering = true
        transport.receive(credit: HTTPConnection.lingerBytes)
        wait(HTTPConnection.lingerMilliseconds)
    }

    private static let lingerBytes = 1 << 20
    private static let lingerMilliseconds = 1000

    /// Counts what has passed of the request that is being served.
    func countSoFar() { unsafe exchange?._withUnsafeGuaranteedRef { $0.countSoFar() } }

    /// Closes at once if no request is being served; for stopping.
    func closeIfIdle() {
        if frontend.settings.options.contains(.idleCloseOnResponse) { return }
        guard unsafe exchange == nil && pending == nil && requestCount > 0 && !isOver && !isLingering else { return }
        if context.closeSpreadEnd == nil { end() } else { closeInTime() }
    }

    /// A stop spreads the closing of idle connections: this one gets its moment.
    private func closeInTime() {
        guard let end = context.closeSpreadEnd, end != .never else { return }
        let left = max(1, end.milliseconds(since: worker.now))
        let due = worker.now.adding(milliseconds: Int(clamping: context.scope.random() % left))
        if due < deadline { worker.schedule(self, at: due) }
    }

    private func end(reset: Bool = false) {
        if isOver { return }
        isOver = true
        worker.cancel(self)
        _ = pending.take()
        ownServer?.close(reset: true)
        ownServer = nil
        transport.close(reset: reset)
        listener.connectionEnded(on: worker)
        context.bury(Int(slot))
    }
}
