import Synchronization

/// What one worker counts. Only its thread writes; any thread reads.
///
/// Padded on both sides, so that no two workers write to one cache line.
public final class WorkerStatistics: Sendable {
    private let padBefore = InlineArray<16, UInt64>(repeating: 0)
    /// Connections accepted on frontends.
    public let connections = Counter()
    /// HTTP requests received.
    public let requests = Counter()
    /// Bytes received from clients.
    public let bytesIn = Counter()
    /// Bytes sent to clients.
    public let bytesOut = Counter()
    /// Sessions (streams) started.
    public let sessions = Counter()
    /// Connections that were accepted and at once closed for a limit.
    public let refusedConnections = Counter()
    /// Log lines that could not be sent.
    public let droppedLogs = Counter()
    /// Connections made to servers.
    public let serverConnections = Counter()
    /// Connections to servers that were used again.
    public let reusedServerConnections = Counter()
    /// Runtime API sessions accepted.
    public let runtimeSessions = Counter()
    private let padAfter = InlineArray<16, UInt64>(repeating: 0)

    public init() {}
}

/// What the process counts as a whole.
///
/// Thread-safety: everything may be read by any thread; `workers[i]` is written by worker i only.
public final class ProcessStatistics: Sendable {
    public let workers: [WorkerStatistics]
    /// Connections on frontends, against the process's `maxconn`.
    public let connections = Gauge()
    /// Listening sockets that are open.
    public let listeners = Gauge()
    /// Sessions on the runtime API.
    public let runtimeSessions = Gauge()
    /// Connections to servers that are idle.
    public let idleServerConnections = Gauge()
    /// Microseconds since the epoch, when the process started.
    public let startMicroseconds: Int64

    public init(workerCount: Int, startMicroseconds: Int64) {
        workers = (0..<max(workerCount, 1)).map { _ in WorkerStatistics() }
        self.startMicroseconds = startMicroseconds
    }

    private let requestNumbers = Atomic<UInt32>(0)

    /// The number of a request that a log or a rule asks for (`%rt`).
    func nextRequestNumber() -> UInt32 { requestNumbers.wrappingAdd(1, ordering: .relaxed).oldValue }

    /// A worker's own counters.
    public func worker(_ index: Int) -> WorkerStatistics { workers[index] }

    /// The sum over all workers of what `read` reads.
    public func sum(_ read: (WorkerStatistics) -> UInt64) -> UInt64 {
        workers.reduce(0) { $0 &+ read($1) }
    }
}
