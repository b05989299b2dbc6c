import Base
import Configuration
import Engine
import Samples
import Synchronization

/// What commands may look at: handed over by the program, so that no command reaches for a global.
///
/// Thread-safety: everything may be read on any thread.
public final class RuntimeContext: Sendable {
    /// One address of the runtime API, as `show cli sockets` lists it.
    public struct Socket: Sendable, Equatable {
        public let address: String
        public let level: AccessLevel

        public init(address: String, level: AccessLevel) {
            self.address = address
            self.level = level
        }
    }

    /// What stays the same while the process runs.
    public struct Product: Sendable {
        /// The name of the program ("Martlet").
        public var name = "Martlet"
        /// The version of the program.
        public var version = ""
        /// The date of the version, "2026/11/22".
        public var releaseDate = ""
        /// The name of this node: `node`, or the system's name.
        public var node = ""
        /// `description`.
        public var description: String?
        public var processID: Int32 = 0
        public var threadCount = 1
        /// The limit of descriptors.
        public var descriptorLimit = 0
        /// Descriptors that the configuration needs at most.
        public var maximumSockets = 0
        /// `maxconn` in force.
        public var maximumConnections = 0
        /// `-m`, in megabytes; 0 for no limit.
        public var memoryLimitMegabytes = 0

        public init() {}
    }

    public let product: Product
    public let statistics: ProcessStatistics
    public let rates: RateSampler
    public let engine: EngineView
    public let sockets: [Socket]
    /// Patterns of ACLs and maps.
    public let patternSets: [PatternSet]
    private let stopping = Atomic<Bool>(false)

    public init(
        product: Product, statistics: ProcessStatistics, engine: EngineView, sockets: [Socket] = [],
        patternSets: [PatternSet] = []
    ) {
        self.product = product
        self.statistics = statistics
        self.engine = engine
        self.sockets = sockets
        self.patternSets = patternSets
        rates = RateSampler(statistics: statistics)
    }

    /// Whether the process is on its way out; any thread may set it.
    public var isStopping: Bool {
        get { stopping.load(ordering: .relaxed) }
        set { stopping.store(newValue, ordering: .relaxed) }
    }
}

/// What commands may see of the engine. The base class shows nothing: for tests of commands.
///
/// Thread-safety: any thread.
// SAFETY: Sendable because subclasses hold what any thread may read; the base class holds nothing.
open class EngineView: @unchecked Sendable {
    public init() {}

    /// The counters of each thread, in the same order for all.
    open func counters() -> [[(name: String, value: UInt64)]] { [] }

    /// The descriptors in use. `worker` is that of the calling thread.
    open func descriptors(on worker: Worker?) -> [FDDescription] { [] }

    /// Wall clock time in microseconds since the epoch.
    open func nowMicroseconds() -> Int64 { 0 }
}

/// The engine as it runs.
// SAFETY: Sendable because the group outlives the runtime API, and what is read of it may be read by any thread.
public final class WorkerGroupView: EngineView, @unchecked Sendable {
    private let group: WorkerGroup

    public init(_ group: WorkerGroup) { self.group = group }

    public override func counters() -> [[(name: String, value: UInt64)]] {
        group.workers.map { $0.activity.counters }
    }

    public override func descriptors(on worker: Worker?) -> [FDDescription] {
        group.table.descriptions(on: worker)
    }

    public override func nowMicroseconds() -> Int64 { group.kernel.wallClockMicroseconds() }
}
