import Simulation

/// A process of a sweep: runs every nth seed, and says what came of each in lines for the master.
struct SweepWorker {
    let command: MartletSim

    func run() -> Int32 {
        var seed = command.first
        var left = SweepWorker.seedsPerProcess
        let end = command.first + command.seeds
        while seed < end && left > 0 {
            left -= 1
            for kind in command.kinds {
                Process.say("begin \(kind.rawValue) \(seed)")
                let report = Sweep.run(seed: seed, kind, command.options, trace: .last(30))
                if !report.isGood {
                    for line in report.trace.flatMap({ $0.split(separator: "\n") }) { Process.say("trace \(line)") }
                    for violation in report.violations {
                        Process.say("fail \(violation.replacing("\n", with: " "))")
                    }
                }
                Process.say("done \(report.traceHash) " + SweepTotals(report).words)
            }
            seed += UInt64(command.stride)
        }
        Process.say(seed < end ? "more" : "end")
        return 0
    }

    /// What a configuration makes lives as long as its process: so that it does not add up, a process ends early.
    private static let seedsPerProcess = 200
}

/// What is added up over a sweep.
struct SweepTotals {
    var worlds: UInt64 = 0
    var checked: UInt64 = 0, whole: UInt64 = 0, connections: UInt64 = 0
    var steps: UInt64 = 0, virtualMilliseconds: UInt64 = 0
    var events: UInt64 = 0, eventsForNothing: UInt64 = 0
    var commands: UInt64 = 0, logLines: UInt64 = 0
    var faults = [UInt64](repeating: 0, count: SimFault.allCases.count)

    init() {}

    init(_ report: Sweep.Report) {
        worlds = 1
        checked = UInt64(report.checked)
        whole = UInt64(report.whole)
        connections = UInt64(report.connections)
        steps = report.steps
        virtualMilliseconds = report.virtualNanoseconds / 1_000_000
        events = report.events
        eventsForNothing = report.eventsForNothing
        commands = UInt64(report.commands)
        logLines = UInt64(report.logLines)
        faults = SimFault.allCases.map { report.faults[$0] }
    }

    private static var numbers: [WritableKeyPath<SweepTotals, UInt64>] {
        [
            \.worlds, \.checked, \.whole, \.connections, \.steps, \.virtualMilliseconds, \.events,
            \.eventsForNothing, \.commands, \.logLines,
        ]
    }

    /// As a line between processes.
    var words: String {
        (SweepTotals.numbers.map { self[keyPath: $0] } + faults).map { "\($0)" }.joined(separator: " ")
    }

    mutating func add(_ words: [Substring]) {
        let values = words.compactMap { UInt64($0) }
        guard values.count == SweepTotals.numbers.count + faults.count else { return }
        for (place, number) in SweepTotals.numbers.enumerated() { self[keyPath: number] += values[place] }
        for place in faults.indices { faults[place] += values[SweepTotals.numbers.count + place] }
    }
}
