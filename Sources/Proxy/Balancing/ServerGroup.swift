import Configuration
import Synchronization

/// The servers of a backend that are used together, the active ones or the backups, and what finds one among them.
///
/// Thread-safety: any thread.
struct ServerGroup: ~Copyable {
    // SAFETY: the backend keeps its servers.
    let servers: [Lasting<Server>]
    let turns: RoundRobin
    /// `balance first`: by their numbers.
    let inOrder: [Server]
    private let ring: HashRing?
    private let draw = Atomic<UInt64>(0)
    private let start = Atomic<UInt>(0)

    init(_ servers: [Server], _ balance: Balance) {
        self.servers = servers.map { Lasting($0) }
        turns = RoundRobin(weights: servers.map(\.settings.weight))
        inOrder = servers.sorted { $0.number < $1.number }
        if case .hash = balance.algorithm {
            // Who is down when the process starts has no share.
            let weights = servers.map { $0.isUsable ? $0.settings.weight : 0 }
            ring = HashRing(weights: weights, numbers: servers.map(\.number), isConsistent: balance.isConsistent)
        } else {
            ring = nil
        }
    }

    /// The server with the least load for its weight that has room; those of equal load take turns.
    func least(avoiding avoided: Server?, _ backend: Backend) -> Server? {
        if servers.isEmpty { return nil }
        let first = Int(start.wrappingAdd(1, ordering: .relaxed).oldValue % UInt(servers.count))
        var best: Server?
        var bestLoad = 0
        for step in 0..<servers.count {
            let place = first + step
            let next = servers[place < servers.count ? place : place - servers.count]
            guard let server = next.object else { continue }
            if !server.isUsable || server === avoided { continue }
            let load = server.load
            if load == 0 { return server }
            if let best, load * best.settings.weight >= bestLoad * server.settings.weight { continue }
            guard server.hasRoom(backend.limit(of: server)) else { continue }
            (best, bestLoad) = (server, load)
        }
        return best
    }

    /// The least loaded of some servers that are drawn by their weights.
    func drawn(_ draws: Int, avoiding avoided: Server?, _ backend: Backend) -> Server? {
        if turns.isEmpty { return nil }
        var best: Server?
        for _ in 0..<draws {
            let next = servers[turns.turn(Int(truncatingIfNeeded: nextRandom() >> 1))]
            guard let server = next.object, server.isUsable, server !== avoided,
                server.hasRoom(backend.limit(of: server))
            else { continue }
            if let best, server.load * best.settings.weight >= best.load * server.settings.weight { continue }
            best = server
        }
        return best
    }

    /// The server that a hash leads to, or the next one on from there that is usable.
    /// - Parameter factor: the load that it may have, in percent of the average; 0: any.
    func owner(of hash: UInt32, avoiding avoided: Server?, _ factor: Int) -> Server? {
        guard let ring, ring.count > 0 else { return nil }
        var room = 0, shares = 0
        if factor > 0 {
            for server in inOrder where server.isUsable {
                room += server.load
                shares += server.settings.weight
            }
            room = (room + 1) * factor
        }
        let place = ring.place(of: hash)
        for step in 0..<ring.count {
            guard let server = servers[ring.owner(place + step)].object else { continue }
            if !server.isUsable || server === avoided { continue }
            if factor > 0 && server.load * shares * 100 >= room * server.settings.weight { continue }
            return server
        }
        return nil
    }

    /// SplitMix64, its state shared by all threads.
    private func nextRandom() -> UInt64 {
        var value = draw.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// Where hashes lead: an array that each server has its share of (`hash-type map-based`), or points on a circle, where
/// each hash leads to the next point's server (`consistent`).
///
/// Thread-safety: immutable.
struct HashRing: Sendable {
    /// The points in their order; empty when it is an array.
    private let points: [UInt32]
    private let owners: [UInt32]

    /// Points for each unit of weight: as many as make shares even enough.
    private static let pointsPerWeight = 16
    /// Bound on the points of all servers.
    private static let pointLimit = 1 << 20

    /// - Parameters:
    ///   - weights: the share of each server, 0 to 256.
    ///   - numbers: what its points are made of: the same number gets the same ones.
    init(weights: [Int], numbers: [Int], isConsistent: Bool) {
        guard isConsistent else {
            points = []
            owners = RoundRobin(weights: weights).order
            return
        }
        let total = weights.reduce(0, +)
        var placed: [(point: UInt32, owner: UInt32)] = []
        for (owner, weight) in weights.enumerated() where weight > 0 {
            let wanted = weight * HashRing.pointsPerWeight
            let count =
                total * HashRing.pointsPerWeight > HashRing.pointLimit
                ? max(1, wanted * (HashRing.pointLimit / HashRing.pointsPerWeight) / total) : wanted
            for index in 0..<count {
                placed.append((HashRing.point(numbers[owner], index), UInt32(truncatingIfNeeded: owner)))
            }
        }
        placed.sort { ($0.point, $0.owner) < ($1.point, $1.owner) }
        points = placed.map(\.point)
        owners = placed.map(\.owner)
    }

    var count: Int { owners.count }

    func owner(_ place: Int) -> Int { Int(owners[place % owners.count]) }

    /// The place that a hash leads to.
    func place(of hash: UInt32) -> Int {
        if points.isEmpty { return Int(hash) % owners.count }
        var low = 0, high = points.count
        while low < high {
            let middle = (low + high) / 2
            if points[middle] < hash { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func point(_ number: Int, _ index: Int) -> UInt32 {
        var value = UInt64(truncatingIfNeeded: number) << 32 | UInt64(truncatingIfNeeded: index)
        value = (value ^ (value >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        value = (value ^ (value >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return UInt32(truncatingIfNeeded: value >> 32)
    }
}
