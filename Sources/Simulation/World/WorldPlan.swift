import Base
import Engine

/// What a sweep asks of every world.
public struct WorldOptions: Sendable {
    /// Connections that clients make, at least.
    public var connections = 50
    /// The pollers to choose from, by name; empty for all.
    public var pollers: [String] = []
    /// Whether faults are injected in those seeds that ask for them.
    public var allowsFaults = true
    /// Bytes of a body at most.
    public var largestBodyBytes = 200_000

    public init() {}
}

/// The requests of one client.
struct ClientPlan {
    var number: Int
    var entrance: SocketAddress
    var exchanges: [Exchange] = []
    var stream: Stream?
    var isPipelined = false
    var startMilliseconds = 0
    /// Bytes of the client's receive buffer; 0 for the system's.
    var receiveBytes: Int32 = 0
}

/// A server's address and how it behaves towards connections.
struct ServerPlan {
    enum Kind {
        case serves
        /// Nobody listens there.
        case refuses
        /// Listens from some time on.
        case late(milliseconds: Int)
    }
    var address: SocketAddress
    var kind = Kind.serves
}

/// What may keep an exchange from going as it should, for the whole world.
struct Troubles: OptionSet {
    let rawValue: UInt32

    /// Connections break: resets, no descriptors, refused connects.
    static let breaks = Troubles(rawValue: 1 << 0)
    /// Waits may be longer than the proxy's timeouts.
    static let delays = Troubles(rawValue: 1 << 1)
    /// A server that does not listen.
    static let badServer = Troubles(rawValue: 1 << 2)
    /// Waits in queues may end by their timeout.
    static let limits = Troubles(rawValue: 1 << 3)
    /// Servers close connections that they kept.
    static let idleCloses = Troubles(rawValue: 1 << 4)
    /// The proxy stops while clients still come.
    static let stops = Troubles(rawValue: 1 << 5)
    /// Clients may wait longer between requests than the proxy does.
    static let idleClients = Troubles(rawValue: 1 << 6)
}

/// Everything about a world that its seed decides before it begins.
struct WorldPlan {
    let seed: UInt64
    var isHTTP = true
    var poller = "epoll"
    var threads = 1
    var bufferBytes = 16384
    var largestBodyBytes = 200_000
    var configuration = ""
    var entrances: [SocketAddress] = []
    var servers: [ServerPlan] = []
    var clients: [ClientPlan] = []
    var troubles: Troubles = []
    var faults = FaultLevel.none
    var forwardsFor = false
    var rules = RulePlan()
    var abortsOnClose = false
    /// Whether a request that may have been served may be sent again (`retry-on`).
    var retriesAnything = false
    var retries = 3
    /// Requests after which a server closes; 0 for never.
    var serverRequestsPerConnection = 0
    /// When the proxy is asked to finish, after the start; nil: when everyone is done.
    var drainMilliseconds: Int?
    /// Times at which all listeners are paused and resumed again.
    var pauses: [(fromMilliseconds: Int, forMilliseconds: Int)] = []
    var statsAddress: SocketAddress?
    var commandSessions = 0
    var logAddress: SocketAddress?
    /// Descriptors that the proxy may have: fewer than its clients need.
    var descriptorLimit: Int?
    /// The longest of the proxy's waits.
    var longestTimeoutMilliseconds = 0

    /// How likely a kernel call lets another thread go on.
    var switchProbability = 0.25
    var machineOptions = SimMachine.Options()

    var pollerChoice: PollerChoice { WorldPlan.choice(of: poller) }

    static func choice(of poller: String) -> PollerChoice {
        switch poller {
        case "epoll": return .epoll
        case "kqueue": return .kqueue
        case "poll": return .poll
        case "select": return .select
        case "io_uring": return .uring
        default: return .all
        }
    }

    /// What the system of a world has to offer.
    static func system(seed: UInt64) -> SimKernel.Options {
        var options = SimKernel.Options()
        options.offersKqueue = true
        options.offersRings = true
        var dice = Dice(seed: seed, 5)
        // Small rings are full, and run out of buffers, by themselves.
        options.ringSize = dice.pick([
            RingSize(), RingSize(entries: 4, completions: 8, buffers: 4),
            RingSize(entries: 64, completions: 32, buffers: 16), RingSize(entries: 8, completions: 128, buffers: 64),
        ])
        return options
    }

    /// How much goes wrong in the kernel.
    enum FaultLevel: Sendable {
        case none
        /// What a correct program must not notice: short counts, EAGAIN, EINTR, late and spurious events.
        case harmless
        /// What breaks connections, and lets descriptors run out.
        case breaking
    }

    /// A plan of nothing but faults.
    init(faults: FaultLevel, seed: UInt64) {
        self.seed = seed
        self.faults = faults
    }

    static let pollers = ["epoll", "io_uring", "kqueue", "poll", "select"]
}
