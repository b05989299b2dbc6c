import Testing

@testable import Proxy

@Suite("balance roundrobin (manual, section 4.2)")
struct RoundRobinTests {
    private func turns(_ weights: [Int], _ count: Int) -> [Int] {
        let turns = RoundRobin(weights: weights)
        return (0..<count).map { _ in turns.next() }
    }

    @Test("servers of one weight are used in the order of the configuration, again and again")
    func equalWeights() {
        #expect(turns([1, 1, 1], 7) == [0, 1, 2, 0, 1, 2, 0])
        #expect(turns([100, 100], 4) == [0, 1, 0, 1])
    }

    @Test(
        "in a cycle each server has as many turns as its weight says",
        arguments: [[1, 2, 3], [5, 1, 1], [256, 1], [10, 20, 70], [3, 3, 7, 11]])
    func weights(weights: [Int]) {
        let turns = RoundRobin(weights: weights)
        var counts = [Int](repeating: 0, count: weights.count)
        for _ in 0..<turns.count { counts[turns.next()] += 1 }
        for index in weights.indices {
            #expect(counts[index] * weights[0] == counts[0] * weights[index])
        }
    }

    @Test("turns are spread evenly: at any moment no server is ahead of its share by more than a turn")
    func evenness() {
        for weights in [[5, 1, 1], [7, 3, 2, 1], [50, 25, 25], [256, 255, 1]] {
            let turns = RoundRobin(weights: weights)
            let total = weights.reduce(0, +)
            var counts = [Double](repeating: 0, count: weights.count)
            for turn in 1...turns.count {
                counts[turns.next()] += 1
                for index in weights.indices {
                    let share = Double(turn) * Double(weights[index]) / Double(total)
                    #expect(abs(counts[index] - share) <= 1.001, "\(weights) after \(turn)")
                }
            }
        }
    }

    @Test("a weight of 0 gets no turns")
    func zeroWeights() {
        #expect(turns([0, 1, 0, 1], 4) == [1, 3, 1, 3])
        #expect(RoundRobin(weights: [0, 0]).isEmpty)
        #expect(RoundRobin(weights: []).isEmpty)
    }

    @Test("weights are reduced by what divides them all")
    func reduction() {
        #expect(RoundRobin(weights: [100, 200]).count == 3)
        #expect(RoundRobin(weights: [256]).count == 1)
        #expect(RoundRobin(weights: [0, 6, 4]).count == 5)
    }

    @Test("ten thousand servers keep the cycle bounded, and each has turns")
    func manyServers() {
        let equal = RoundRobin(weights: [Int](repeating: 100, count: 10_000))
        #expect(equal.count == 10_000)
        let mixed = RoundRobin(weights: (0..<10_000).map { 1 + $0 % 256 })
        #expect(mixed.count <= RoundRobin.cycleLimit)
        var met = Set<Int>()
        for _ in 0..<mixed.count { met.insert(mixed.next()) }
        #expect(met.count == 10_000)
    }
}
