import Base
import CPlatform
import Glibc

/// What the processes of a simulation share: scheduler, network, names of sockets and files, wall clock.
///
/// Each process is a `SimKernel`. Every address is local: a connect finds a listener of any process.
public final class SimMachine {
    public struct Options: Sendable {
        /// How long a packet takes, one way. The first value of a connection is drawn from it, and each packet may
        /// take up to as long again.
        public var latencyNanoseconds: ClosedRange<UInt64> = 5_000...500_000
        /// Bytes of a stream that may be on their way or unread.
        public var streamBytes = 64 * 1024
        /// The same of a connection with a slow peer.
        public var slowStreamBytes = 2048
        /// Bytes that may wait in a datagram socket.
        public var datagramBytes = 64 * 1024
        /// How long a connect tries when nothing answers.
        public var connectTimeoutNanoseconds: UInt64 = 127_000_000_000
        /// The wall clock at the start, in microseconds since 1970.
        public var wallClockMicroseconds: Int64 = 1_700_000_000_000_000

        public init() {}
    }

    public let scheduler: SimScheduler
    public let options: Options
    /// Faults of the network. Those of calls are in `SimKernel.faults`.
    public var faults = FaultPlan()
    /// Every fault that has happened, of the network and of all kernels.
    public private(set) var faultCounts = FaultCounts()
    /// Addresses (without regard to the port) whose packets are lost: a connect there ends in ETIMEDOUT.
    public var blackHoles: [SocketAddress] = []
    /// Calls, options and the like that the simulation does not know, each once. A run that has any proves nothing.
    public private(set) var unsupported: [String] = []
    /// What the wall clock has been set by, in microseconds.
    public var wallClockOffset: Int64 = 0

    var streams: [SimStream] = []
    var datagrams: [SimDatagram] = []
    /// Names in the file system and in the abstract space.
    var nodes: [SimNode] = []
    private var nextPort: UInt16 = 32768
    private var nextProcess: Int32 = 100
    private let started: UInt64

    public init(_ scheduler: SimScheduler, options: Options = Options()) {
        self.scheduler = scheduler
        self.options = options
        started = scheduler.now
        nextPort = UInt16(32768 + scheduler.random.below(20000))
    }

    /// The wall clock, in microseconds since 1970.
    public var wallClockMicroseconds: Int64 {
        options.wallClockMicroseconds &+ Int64(bitPattern: (scheduler.now - started) / 1000) &+ wallClockOffset
    }

    // MARK: Faults

    /// Whether a fault happens now.
    func inject(_ plan: FaultPlan, _ fault: SimFault) -> Bool {
        guard scheduler.chance(plan[fault]) else { return false }
        faultCounts[fault] += 1
        scheduler.trace.mix(0xFA17 << 16 | UInt64(fault.rawValue))
        if let sink = scheduler.trace.sink { sink("\(scheduler.now) fault \(fault)") }
        return true
    }

    /// Notes that something was asked for that is not simulated.
    func refuse(_ what: String) {
        if !unsupported.contains(what) && unsupported.count < 1000 { unsupported.append(what) }
        scheduler.trace.mix(0x0BAD)
        if let sink = scheduler.trace.sink { sink("\(scheduler.now) unsupported: \(what)") }
    }

    // MARK: Network

    func processNumber() -> Int32 {
        nextProcess += 1
        return nextProcess
    }

    func latency() -> UInt64 { scheduler.draw(options.latencyNanoseconds) }

    /// A port that nobody is bound to.
    func ephemeralPort() -> UInt16 {
        for _ in 0..<28232 {
            nextPort = nextPort >= 60999 ? 32768 : nextPort + 1
            let port = nextPort
            let isTaken =
                streams.contains { $0.local.port == port && $0.isBound }
                || datagrams.contains { $0.local.port == port }
            if !isTaken { return port }
        }
        return 0
    }

    func isBlackHole(_ address: SocketAddress) -> Bool {
        blackHoles.contains { hole in
            if let mine = address.ipv4 { return hole.ipv4 == mine }
            if let mine = address.ipv6, let other = hole.ipv6 {
                return mine.high == other.high && mine.low == other.low
            }
            return hole == address
        }
    }

    /// The listener that a connect to the address finds: one bound to it rather than to any address; of several with
    /// SO_REUSEPORT, whichever chance picks.
    func listener(for address: SocketAddress) -> SimStream? {
        var best: [SimStream] = []
        var bestRank = 0
        for stream in streams where stream.isListening {
            let rank = SimMachine.rank(stream.local, for: address, v6only: stream.option(IPV6_V6ONLY) != 0)
            if rank == 0 || rank < bestRank { continue }
            if rank > bestRank { best = [] }
            bestRank = rank
            best.append(stream)
        }
        if best.isEmpty { return nil }
        return best[best.count == 1 ? 0 : scheduler.random.below(best.count)]
    }

    /// How well a bound address fits: 2 exactly, 1 as a wildcard, 0 not at all.
    static func rank(_ bound: SocketAddress, for address: SocketAddress, v6only: Bool) -> Int {
        guard bound.port == address.port else { return 0 }
        if let mine = bound.ipv4 {
            guard let other = address.ipv4 else { return 0 }
            return mine == other ? 2 : mine == 0 ? 1 : 0
        }
        guard let mine = bound.ipv6 else { return 0 }
        if let other = address.ipv6 {
            if mine.high == other.high && mine.low == other.low { return 2 }
            return mine.high == 0 && mine.low == 0 ? 1 : 0
        }
        return mine.high == 0 && mine.low == 0 && !v6only ? 1 : 0
    }

    /// Whether two bound addresses claim the same port.
    static func overlap(_ one: SocketAddress, _ other: SocketAddress) -> Bool {
        guard one.port == other.port else { return false }
        return rank(one, for: other, v6only: true) != 0 || rank(other, for: one, v6only: true) != 0
    }

    // MARK: Names

    func node(_ path: String) -> SimNode? { nodes.first { $0.path == path } }

    /// The text of a file of the simulation; nil when there is none.
    public func contents(of path: String) -> [UInt8]? { (node(path)?.object as? SimInode)?.bytes }

    /// Makes a file, or replaces what is in it.
    public func setContents(of path: String, _ bytes: [UInt8]) {
        if let inode = node(path)?.object as? SimInode {
            inode.bytes = bytes
        } else {
            nodes.removeAll { $0.path == path }
            nodes.append(SimNode(path: path, object: SimInode(bytes)))
        }
    }
}

/// A name and what it stands for: a `SimInode`, or a unix socket that is bound to it.
struct SimNode {
    var path: String
    var object: AnyObject
}

/// What is in a file.
final class SimInode {
    var bytes: [UInt8]
    var mode: UInt32 = 0o644

    init(_ bytes: [UInt8] = []) {
        self.bytes = bytes
    }
}
