import Base
import Configuration
import Engine
import Synchronization

/// One server of a backend, as it runs.
///
/// Thread-safety: what changes is atomic, or belongs to one worker (the idle pools).
final class Server {
    let name: LogName
    let settings: ServerSettings
    /// Where to connect. With `portOffset`, the port that the client connected to is added.
    let address: SocketAddress
    let portOffset: Int?
    let index: Int
    /// Whether it is a `server` line's; else it stands for what `dispatch` or `option transparent` mean.
    let isListed: Bool
    /// Whose server it is.
    let backendName: LogName
    let counters: ServerCounters

    /// Where connections to it come from; nil: as the backend says.
    let source: ConnectionSource?
    private let places = Places()
    /// Streams that wait for this server and no other.
    let queue = ServerQueue()
    /// Streams that use the server now.
    var current: Int { places.current }
    /// Streams that use the server or wait for it.
    var load: Int { places.current + queue.count }
    /// What `balance first` and consistent hashes go by: its `id`, or its place among the backend's servers.
    var number: Int { settings.id ?? index + 1 }
    /// Whether the server may get new streams.
    let isUp: Atomic<Bool>
    /// Whether the server has a share of new streams.
    var isUsable: Bool { settings.weight > 0 && isUp.load(ordering: .relaxed) }
    /// Idle connections, a pool for each worker.
    let idle: [IdlePool]
    /// The same, referred to without counting.
    // SAFETY: `idle` keeps them.
    private let pools: [Lasting<IdlePool>]
    /// Calls the body with a worker's pool.
    @inline(__always)
    func withPool<Result>(of worker: Worker, _ body: (IdlePool) -> Result) -> Result? {
        pools[worker.index].with(body)
    }
    /// Idle connections of all workers, as far as they have seen what others took from them. Any thread.
    var idleCount: Int { idle.reduce(0) { $0 + $1.count } }

    init(
        name: LogName, settings: ServerSettings, address: SocketAddress, portOffset: Int?, index: Int, workerCount: Int,
        counters: ServerCounters, source: ConnectionSource?, sharesIdle: Bool = false,
        backendName: LogName = LogName(static: ""), isListed: Bool = true
    ) {
        self.isListed = isListed
        self.backendName = backendName
        self.source = source
        self.name = name
        self.settings = settings
        self.address = address
        self.portOffset = portOffset
        self.index = index
        self.counters = counters
        isUp = Atomic(!settings.isDisabled)
        let isShared = sharesIdle && workerCount > 1
        idle = (0..<workerCount).map { IdlePool(settings, worker: $0, isShared: isShared) }
        pools = idle.map { Lasting($0) }
    }

    /// Takes a place on the server if one is free under `limit` (0: no limit).
    func reserve(limit: Int) -> Bool {
        guard places.reserve(limit: limit == 0 ? .max : limit) else { return false }
        counters.sessions.enter()
        return true
    }

    /// Whether a place is free under `limit` (0: no limit).
    func hasRoom(_ limit: Int) -> Bool { limit == 0 || current < limit }

    /// Gives a place back.
    func leave() {
        places.leave()
        counters.sessions.leave()
    }
}
