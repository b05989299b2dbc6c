import Simulation

/// One seed, alone: its outcome, and with `--trace` everything on the way.
struct Replay {
    let command: MartletSim

    func run(_ seed: UInt64) -> Int32 {
        var status: Int32 = 0
        for kind in command.kinds {
            let depth = command.trace ? Sweep.TraceDepth.all { Process.say($0) } : .last(40)
            let report = Sweep.run(seed: seed, kind, command.options, trace: depth)
            Process.say("seed \(seed), \(kind.rawValue): \(report.summary)")
            Process.say(
                "trace hash \(String(report.traceHash, radix: 16)), \(report.steps) steps, "
                    + "\(report.virtualNanoseconds / 1_000_000) ms of virtual time, "
                    + "\(report.checked) exchanges checked, \(report.whole) of them whole, "
                    + "\(report.faults.total) faults"
            )
            if report.isGood { continue }
            status = 1
            if !command.trace { for line in report.trace { Process.say("  \(line)") } }
            for violation in report.violations { Process.say("FAILED: \(violation)") }
        }
        return status
    }
}
