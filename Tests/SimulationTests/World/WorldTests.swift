import Testing

@testable import Simulation

@Suite("Worlds: a proxy, or the engine, on a machine of a seed")
struct WorldTests {
    private func options(_ connections: Int) -> WorldOptions {
        var options = WorldOptions()
        options.connections = connections
        // Without optimisation bytes are slow.
        options.largestBodyBytes = 6000
        return options
    }

    private func expectGood(_ report: Sweep.Report) {
        #expect(report.isGood, "seed \(report.seed) (\(report.summary)): \(report.violations)")
        #expect(report.checked > 0, "seed \(report.seed) checks something")
    }

    @Test("a short sweep over proxies", arguments: 1...20 as ClosedRange<UInt64>)
    func proxies(seed: UInt64) {
        expectGood(Sweep.run(seed: seed, .proxy, options(8)))
    }

    @Test("a short sweep over engines", arguments: 1...20 as ClosedRange<UInt64>)
    func engines(seed: UInt64) {
        expectGood(Sweep.run(seed: seed, .engine, options(8)))
    }

    @Test("each poller serves a proxy and an engine", arguments: WorldPlan.pollers)
    func pollers(name: String) {
        var chosen = options(6)
        chosen.pollers = [name]
        for kind in Sweep.Kind.allCases {
            let report = Sweep.run(seed: 77, kind, chosen)
            expectGood(report)
            #expect(report.summary.contains(name))
        }
    }

    @Test("without faults every exchange of smooth peers is whole")
    func withoutFaults() {
        var chosen = options(8)
        chosen.allowsFaults = false
        for seed in 1...4 as ClosedRange<UInt64> {
            let report = Sweep.run(seed: seed, .proxy, chosen)
            expectGood(report)
            #expect(report.faults.total == 0)
        }
    }
}

@Suite("Replay: the same seed is the same run")
struct ReplayTests {
    /// Everything that happened, as text.
    private func text(_ seed: UInt64, _ kind: Sweep.Kind) -> (report: Sweep.Report, lines: [String]) {
        var options = WorldOptions()
        options.connections = 6
        let report = Sweep.run(seed: seed, kind, options, trace: .last(1_000_000))
        return (report, report.trace)
    }

    @Test("the trace of a seed is the same byte for byte", arguments: Sweep.Kind.allCases)
    func sameSeed(kind: Sweep.Kind) {
        for seed in [3, 8, 21] as [UInt64] {
            let first = text(seed, kind), second = text(seed, kind)
            #expect(first.report.traceHash == second.report.traceHash)
            #expect(first.lines == second.lines)
            #expect(first.lines.count > 100)
        }
    }

    @Test("another seed is another run", arguments: Sweep.Kind.allCases)
    func otherSeeds(kind: Sweep.Kind) {
        let hashes = (1...8 as ClosedRange<UInt64>).map { text($0, kind).report.traceHash }
        #expect(Set(hashes).count == hashes.count)
    }

    @Test("writing the trace down changes nothing")
    func silently() {
        var options = WorldOptions()
        options.connections = 6
        let silent = Sweep.run(seed: 5, .proxy, options)
        #expect(silent.traceHash == text(5, .proxy).report.traceHash)
    }
}

@Suite("What worlds are checked with")
struct PatternTests {
    @Test("bytes are the same wherever they are cut")
    func cuts() {
        let pattern = Pattern(7)
        let whole = pattern.bytes(from: 0, count: 100)
        for start in 0..<40 {
            #expect(pattern.bytes(from: UInt64(start), count: 30) == Array(whole[start..<start + 30]))
            #expect(pattern.firstDifference(in: whole[start...], at: UInt64(start)) == nil)
            #expect(pattern.byte(at: UInt64(start)) == whole[start])
        }
    }

    @Test("a byte lost, doubled or changed is found where it is")
    func differences() {
        let pattern = Pattern(8)
        let whole = pattern.bytes(from: 0, count: 200)
        var lost = whole
        lost.remove(at: 50)
        #expect(pattern.firstDifference(in: lost[...], at: 0).map { (50...60).contains($0) } == true)
        var changed = whole
        changed[120] ^= 1
        #expect(pattern.firstDifference(in: changed[...], at: 0) == 120)
        #expect(Pattern(9).firstDifference(in: whole[...], at: 0).map { $0 < 10 } == true)
    }
}
