import Synchronization

/// `balance roundrobin`: each server in turn, as often as its weight says, spread as evenly as the weights allow
/// (manual, section 4.2, `balance`).
///
/// The turn order of one whole cycle is laid out when the set of servers changes; choosing is then one atomic addition
/// that all threads share, so the order is strict across threads, and costs the same for one server and for ten
/// thousand.
///
/// Thread-safety: `next` may be called on any thread.
final class RoundRobin: Sendable {
    /// Indexes of servers, in turn; at most `cycleLimit`.
    private let cycle: [UInt32]
    private let position = Atomic<UInt>(0)

    /// Bound on the length of a cycle: beyond it weights are scaled down.
    static let cycleLimit = 1 << 18

    /// - Parameter weights: the weight of each server, 0 to 256; 0 gets no turns.
    init(weights: [Int]) {
        cycle = RoundRobin.layOut(RoundRobin.reduced(weights))
    }

    /// Whether no server has a turn.
    var isEmpty: Bool { cycle.isEmpty }
    /// How many turns one cycle has.
    var count: Int { cycle.count }

    /// The server whose turn it is.
    func next() -> Int {
        let turn = position.wrappingAdd(1, ordering: .relaxed).oldValue
        // A division costs more than all the rest.
        return Int(cycle[cycle.count == 1 ? 0 : Int(turn % UInt(cycle.count))])
    }

    /// The server of a turn, whichever comes next.
    func turn(_ turn: Int) -> Int { Int(cycle[turn % cycle.count]) }

    /// The servers of one cycle, in turn.
    var order: [UInt32] { cycle }

    private static func reduced(_ weights: [Int]) -> [Int] {
        var divisor = 0
        for weight in weights where weight > 0 {
            var a = divisor, b = weight
            while b != 0 { (a, b) = (b, a % b) }
            divisor = a
        }
        guard divisor > 0 else { return [] }
        var result = weights.map { $0 / divisor }
        let total = result.reduce(0, +)
        if total > cycleLimit {
            result = result.map { $0 == 0 ? 0 : max(1, $0 * cycleLimit / (2 * total)) }
        }
        return result
    }

    /// The smoothest order: turn k of a server of weight w in a cycle of n belongs near (k + 1/2) * n / w; servers of
    /// equal positions keep the order of the configuration.
    private static func layOut(_ weights: [Int]) -> [UInt32] {
        let total = weights.reduce(0, +)
        guard total > 0 else { return [] }
        var turns: [(place: Int, server: Int)] = []
        turns.reserveCapacity(total)
        for (server, weight) in weights.enumerated() where weight > 0 {
            for turn in 0..<weight {
                turns.append(((2 * turn + 1) * total * 512 / weight, server))
            }
        }
        turns.sort { ($0.place, $0.server) < ($1.place, $1.server) }
        return turns.map { UInt32(truncatingIfNeeded: $0.server) }
    }
}
