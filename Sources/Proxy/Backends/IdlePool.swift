import Base
import Buffers
import Configuration
import Engine
import HTTP
import Synchronization

/// A connection to a server: a transport, and what must be known to use it again.
// SAFETY: `previous` points to a connection that the pool's list, held from its newest on, keeps.
@safe
final class ServerConnection {
    let transport: Transport
    let server: Server
    /// Requests that it has carried.
    var requestCount: Int32 = 0
    /// Where it lies on its pool's shelf; -1: on none.
    fileprivate var place: Int8 = -1
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
/// Where threads share, its connections are also offered on an `OfferShelf`, from which another thread may take them
/// over. So each is withdrawn before it is used here, and is gone when that fails.
///
/// Thread-safety: its worker's thread only, except for `count` and `takeOver`.
// SAFETY: `oldest` and the links backwards point to connections that the list, held from `newest` on, keeps.
@safe
final class IdlePool: TransportConsumer {
    private var newest: ServerConnection?
    private unowned(unsafe) var oldest: ServerConnection?
    /// How many there are, those included that another thread has taken meanwhile. Any thread.
    var count: Int { level.load(ordering: .relaxed) }
    private let level = Atomic<Int>(0)
    private let owner: Int
    private let isShared: Bool
    private let shelf = AtomicLazyReference<OfferShelf>()
    /// Offers what has been idle for a while, where an offer has its price; scheduled while there may be such.
    private var offering: IdleOffering?
    /// Whether something is idle that will be offered in a while. For tests.
    var isAboutToOffer: Bool { offering.map { $0.deadline != .never } ?? false }
    private let maximum: Int
    private let purgeDelayMilliseconds: Int
    /// Connections in use now, and at most in this period and in the one before. As many, idle ones included, are worth
    /// keeping: more would not be used, but cost the server and this process.
    private var used = 0
    private var peak = 0, peakBefore = 0
    private var periodStart = Ticks.zero

    init(_ settings: ServerSettings, worker: Int = 0, isShared: Bool = false) {
        owner = worker
        self.isShared = isShared
        maximum = settings.poolMaxConn < 0 ? .max : settings.poolMaxConn
        purgeDelayMilliseconds = settings.poolPurgeDelayMilliseconds
        super.init()
    }

    private func add(_ change: Int) { level.store(count &+ change, ordering: .relaxed) }

    /// The most recently used connection, no longer the pool's; nil when there is none. With `provenOnly` it must have
    /// carried more than one request.
    func take(provenOnly: Bool = false, on worker: Worker) -> ServerConnection? {
        // Bounded by the connections: each round takes one out.
        // Taken, not read: that counts no reference.
        while let connection = newest.take() {
            if provenOnly && connection.requestCount <= 1 {
                newest = connection
                return nil
            }
            newest = connection.next.take()
            if let newest { unsafe newest.previous = nil } else { unsafe oldest = nil }
            connection.transport.setContext(nil)
            add(-1)
            if connection.place >= 0 && !withdraw(connection) { continue }
            connection.enter(self, at: worker.now)
            return connection
        }
        return nil
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
        // SAFETY: retained here, as `put` asks.
        unsafe put(Unmanaged.passRetained(connection), on: worker)
    }

    /// The same for a reference that is the caller's, and the pool's from then on.
    func put(_ connection: Unmanaged<ServerConnection>, on worker: Worker) {
        // SAFETY: the reference is retained, as stated; the list holds it, or nobody does.
        let isKept = unsafe connection._withUnsafeGuaranteedRef { keeps($0, on: worker) }
        if isKept { newest = unsafe connection.takeRetainedValue() } else { unsafe connection.release() }
    }

    /// Makes a connection the list's newest but for the reference to it; false: it was closed instead.
    private func keeps(_ connection: ServerConnection, on worker: Worker) -> Bool {
        let wasCounted = unsafe connection.demand != nil
        let isSpare = wasCounted && count + used > max(peak, peakBefore)
        if isSpare || isFull(connection.server) || purgeDelayMilliseconds == 0 {
            connection.close(reset: true)
            return false
        }
        if wasCounted { connectionLeft() }
        unsafe connection.demand = nil
        connection.idleSince = worker.now
        unsafe connection.previous = nil
        // Moved from place to place: that counts no reference.
        if let first = newest.take() {
            unsafe first.previous = connection
            connection.next = consume first
        } else {
            unsafe oldest = connection
        }
        add(1)
        let transport = connection.transport
        transport.setConsumer(self)
        transport.setContext(connection)
        transport.receive(credit: 1)
        if isShared { share(connection, on: worker) }
        if count == 1 { worker.schedule(self, at: worker.now.adding(milliseconds: purgeDelayMilliseconds)) }
        return true
    }

    private func unlink(_ connection: ServerConnection) {
        let next = connection.next
        // SAFETY: links point to connections that the list, held from `newest`, keeps.
        if let previous = unsafe connection.previous { previous.next = next } else { newest = next }
        if let next { unsafe next.previous = connection.previous } else { unsafe oldest = connection.previous }
        connection.next = nil
        unsafe connection.previous = nil
        connection.transport.setContext(nil)
        add(-1)
    }

    /// Whether the server has as many idle connections as `pool-max-conn` allows, on all threads together.
    private func isFull(_ server: Server) -> Bool {
        maximum != .max && (count >= maximum || server.idleCount >= maximum)
    }

    private func drop(_ transport: Transport) {
        forget(transport)
        transport.close()
    }

    /// The connection of a transport is the pool's no more, and its offer does not stand.
    private func forget(_ transport: Transport) {
        guard let connection = transport.context as? ServerConnection else { return }
        unlink(connection)
        clearPlace(of: connection)
    }

    override func transport(_ transport: Transport, received chunk: consuming Chunk) { drop(transport) }
    override func transportReceivedEnd(_ transport: Transport) { drop(transport) }
    override func transport(_ transport: Transport, failed error: SystemError) { drop(transport) }
    override func transportTaken(_ transport: Transport) { forget(transport) }

    /// Closes what has been idle for longer than `pool-purge-delay`.
    override func run(on worker: Worker, _ reason: WakeReason) {
        while let connection = unsafe oldest {
            let due = connection.idleSince.adding(milliseconds: purgeDelayMilliseconds)
            if due > worker.now {
                worker.schedule(self, at: due)
                return
            }
            closeOldest()
        }
    }

    /// Closes the connection that has been idle longest. False when there is none.
    @discardableResult
    func closeOldest() -> Bool {
        // Bounded by the connections: each round takes one out.
        while let connection = unsafe oldest {
            unlink(connection)
            if connection.place >= 0 && !withdraw(connection) { continue }
            connection.close(reset: true)
            return true
        }
        return false
    }

    // MARK: Sharing

    /// Offers a connection that has become idle, at once or, if it stays idle, in a while.
    @inline(never)
    private func share(_ connection: ServerConnection, on worker: Worker) {
        if connection.transport.offersAtOnce { return offer(connection) }
        if let offering, offering.deadline != .never { return }
        let task = offering ?? IdleOffering(self)
        offering = task
        worker.schedule(task, at: worker.now.adding(milliseconds: Limits.offerDelayMilliseconds))
    }

    /// Offers those that have been idle for a while, as far as there are places, and comes back for the others.
    fileprivate func offerIdle(on worker: Worker, _ task: IdleOffering) {
        var due = Ticks.never
        var tries = 2 * OfferShelf.places
        // SAFETY: links point to connections that the list, held from `newest`, keeps.
        var older = unsafe oldest
        while let connection = older, tries > 0 {
            older = unsafe connection.previous
            if connection.place >= 0 { continue }
            if let shelf = shelf.load(), shelf.freePlace == nil { return }
            let ripe = connection.idleSince.adding(milliseconds: Limits.offerDelayMilliseconds)
            if ripe > worker.now {
                due = min(due, ripe)
                break
            }
            tries -= 1
            offer(connection)
            // It had to be prepared first.
            if connection.place < 0 { due = worker.now.adding(milliseconds: Limits.offerDelayMilliseconds) }
        }
        if due != .never { worker.schedule(task, at: due) }
    }

    /// Puts a connection on the shelf, if there is a place.
    @inline(never)
    private func offer(_ connection: ServerConnection) {
        let shelf = shelf.load() ?? shelf.storeIfNil(OfferShelf())
        guard let place = shelf.freePlace, let offer = connection.transport.offer() else { return }
        shelf.publish(offer, requests: connection.requestCount, at: place)
        connection.place = Int8(truncatingIfNeeded: place)
    }

    /// Takes the offer of a connection that is in the list no more back. False: another thread has it.
    @inline(never)
    private func withdraw(_ connection: ServerConnection) -> Bool {
        guard let offer = clearPlace(of: connection) else { return true }
        return connection.transport.withdraw(offer)
    }

    @discardableResult
    private func clearPlace(of connection: ServerConnection) -> FDOffer? {
        guard connection.place >= 0, let shelf = shelf.load() else { return nil }
        let offer = shelf.clear(Int(connection.place))
        connection.place = -1
        return offer
    }

    /// Takes a connection of this pool over to another worker, by the engine's protocol; nil when none is to be had.
    /// On the thread of `worker`, which is not the pool's own.
    func takeOver(provenOnly: Bool, from server: Server, by worker: Worker) -> ServerConnection? {
        guard count > 0, let shelf = shelf.load() else { return nil }
        for place in 0..<OfferShelf.places {
            guard let (word, requests) = shelf.look(at: place), !provenOnly || requests > 1,
                let offer = worker.offer(in: word, of: owner), let transport = worker.takeTransport(offer)
            else { continue }
            if server.address.isIP { transport.preventSendDelay() }
            let connection = ServerConnection(transport: transport, server: server)
            connection.requestCount = requests
            return connection
        }
        return nil
    }
}

/// Comes back to the idle connections of a pool that are to be offered.
// SAFETY: the pool keeps its task, and lives as long as the process serves.
@safe
private final class IdleOffering: LoopTask {
    private unowned(unsafe) let pool: IdlePool

    init(_ pool: IdlePool) {
        unsafe self.pool = pool
        super.init()
    }

    override func run(on worker: Worker, _ reason: WakeReason) { unsafe pool.offerIdle(on: worker, self) }
}
