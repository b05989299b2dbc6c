import Base
import Buffers
import Configuration
import Engine
import HTTP

/// A connection to a server: a transport, and what must be known to use it again.
// SAFETY: `previous` points to a connection that the pool's list, held from its newest on, keeps.
@safe
final class ServerConnection {
    let transport: Transport
    let server: Server
    /// Requests that it has carried.
    var requestCount = 0
    /// Since when it is idle.
    fileprivate(set) var idleSince = Ticks.never
    fileprivate(set) var next: ServerConnection?
    fileprivate(set) unowned(unsafe) var previous: ServerConnection?
    /// The pool that counts it as used, while it is.
    // SAFETY: pools live as long as their server, which the connection keeps.
    fileprivate var demand: Unmanaged<IdlePool>?

    init(transport: Transport, server: Server) {
        self.transport = transport
        self.server = server
    }

    /// Counts as used, in the pool of its server and worker.
    func enter(_ pool: IdlePool, at now: Ticks) {
        unsafe demand = Unmanaged.passUnretained(pool)
        pool.connectionEntered(at: now)
    }

    /// Closes, in use or not.
    ///
    /// With `reset` the socket's address is free at once. It is the way for a connection on which nothing is owed any
    /// more: many that were closed orderly would use up the ports, each for the minute of its TIME_WAIT.
    func close(reset: Bool) {
        if let pool = unsafe demand { unsafe pool._withUnsafeGuaranteedRef { $0.connectionLeft() } }
        unsafe demand = nil
        transport.close(reset: reset)
    }
}

/// The idle connections of one server on one worker, last in, first out: the most recently used one is the least
/// likely to have been closed by the server.
///
/// The pool is the consumer of its connections' transports: data, the end of the stream or an error on an idle
/// connection closes it (RFC 9112, section 9.3.1: what is not asked for is not an answer).
///
/// Thread-safety: its worker's thread only.
// SAFETY: `oldest` and the links backwards point to connections that the list, held from `newest` on, keeps.
@safe
final class IdlePool: TransportConsumer {
    private var newest: ServerConnection?
    private unowned(unsafe) var oldest: ServerConnection?
    private(set) var count = 0
    /// Whether the connection that would be taken next has served more than one request.
    var newestWasReused: Bool { (newest?.requestCount ?? 0) > 1 }
    private let maximum: Int
    private let purgeDelayMilliseconds: Int
    /// Connections in use now, and at most in this period and in the one before. As many, idle ones included, are worth
    /// keeping: more would not be used, but cost the server and this process.
    private var used = 0
    private var peak = 0, peakBefore = 0
    private var periodStart = Ticks.zero

    init(_ settings: ServerSettings) {
        maximum = settings.poolMaxConn < 0 ? .max : settings.poolMaxConn
        purgeDelayMilliseconds = settings.poolPurgeDelayMilliseconds
        super.init()
    }

    /// The most recently used connection, no longer the pool's; nil when there is none.
    func take(on worker: Worker) -> ServerConnection? {
        guard let connection = newest.take() else { return nil }
        newest = connection.next.take()
        if let newest { unsafe newest.previous = nil } else { unsafe oldest = nil }
        count -= 1
        connection.transport.setContext(nil)
        connection.enter(self, at: worker.now)
        return connection
    }

    fileprivate func connectionEntered(at now: Ticks) {
        if now.milliseconds(since: periodStart) >= UInt64(clamping: purgeDelayMilliseconds) {
            peakBefore = peak
            peak = used
            periodStart = now
        }
        used += 1
        peak = max(peak, used)
    }

    fileprivate func connectionLeft() { used -= 1 }

    /// Keeps a connection, or closes it when there are too many. Nothing may be owed on it.
    func put(_ connection: ServerConnection, on worker: Worker) {
        let wasCounted = unsafe connection.demand != nil
        let isSpare = wasCounted && count + used > max(peak, peakBefore)
        if isSpare || count >= maximum || purgeDelayMilliseconds == 0 { return connection.close(reset: true) }
        if wasCounted { connectionLeft() }
        unsafe connection.demand = nil
        connection.idleSince = worker.now
        unsafe connection.previous = nil
        if let newest { unsafe newest.previous = connection } else { unsafe oldest = connection }
        connection.next = newest.take()
        newest = connection
        count += 1
        let transport = connection.transport
        transport.setConsumer(self)
        transport.setContext(connection)
        transport.receive(credit: 1)
        if count == 1 { worker.schedule(self, at: worker.now.adding(milliseconds: purgeDelayMilliseconds)) }
    }

    private func unlink(_ connection: ServerConnection) {
        let next = connection.next
        // SAFETY: links point to connections that the list, held from `newest`, keeps.
        if let previous = unsafe connection.previous { previous.next = next } else { newest = next }
        if let next { unsafe next.previous = connection.previous } else { unsafe oldest = connection.previous }
        connection.next = nil
        unsafe connection.previous = nil
        connection.transport.setContext(nil)
        count -= 1
    }

    private func drop(_ transport: Transport) {
        if let connection = transport.context as? ServerConnection { unlink(connection) }
        transport.close()
    }

    override func transport(_ transport: Transport, received chunk: consuming Chunk) { drop(transport) }
    override func transportReceivedEnd(_ transport: Transport) { drop(transport) }
    override func transport(_ transport: Transport, failed error: SystemError) { drop(transport) }

    /// Closes what has been idle for longer than `pool-purge-delay`.
    override func run(on worker: Worker, _ reason: WakeReason) {
        while let connection = unsafe oldest {
            let due = connection.idleSince.adding(milliseconds: purgeDelayMilliseconds)
            if due > worker.now {
                worker.schedule(self, at: due)
                return
            }
            unlink(connection)
            connection.close(reset: true)
        }
    }
}
