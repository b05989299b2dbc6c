import ArgumentParser
import Simulation

/// The options of `martlet-sim`: see docs/simulation.md.
struct MartletSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-sim",
        abstract: "Runs Martlet on simulated machines, one for each seed, and checks every byte.",
        discussion: """
            Without --seed it sweeps: --seeds worlds from --first on. A failure prints the command that replays it. \
            The exit status is 1 if any seed failed.
            """)

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = 100

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "Run this seed alone.")
    var seed: UInt64?

    @Flag(help: "With --seed: print everything that happens.")
    var trace = false

    @Option(help: "Connections that the clients of a world make.")
    var connections = 50

    @Option(help: "The kind of world: proxy, engine or all.")
    var world = "all"

    @Option(help: "Pollers to draw from: epoll, io_uring, kqueue, poll, select. May be given several times.")
    var poller: [String] = []

    @Option(help: "Processes to run at a time.")
    var jobs = 2

    @Option(help: "End a sweep after so many failures; 0 for never.")
    var failures = 0

    @Flag(help: "Inject no faults.")
    var noFaults = false

    /// Of a sweep's own processes.
    @Flag(help: .hidden)
    var worker = false

    /// The distance between the seeds of one process.
    @Option(help: .hidden)
    var stride = 1

    var options: WorldOptions {
        var options = WorldOptions()
        options.connections = connections
        options.pollers = poller
        options.allowsFaults = !noFaults
        return options
    }

    var kinds: [Sweep.Kind] {
        world == "all" ? Sweep.Kind.allCases : Sweep.Kind(rawValue: world).map { [$0] } ?? []
    }

    func validate() throws {
        if kinds.isEmpty { throw ValidationError("--world is one of proxy, engine and all") }
        if connections < 1 || jobs < 1 { throw ValidationError("--connections and --jobs are at least 1") }
    }

    func run() throws {
        Process.becomeDeterministic()
        let status: Int32
        if let seed {
            status = Replay(command: self).run(seed)
        } else if worker {
            status = SweepWorker(command: self).run()
        } else {
            status = SweepMaster(command: self).run()
        }
        if status != 0 { throw ExitCode(status) }
    }

    /// The command that replays a seed.
    func replay(_ seed: UInt64, _ kind: Sweep.Kind) -> String {
        var words = ["martlet-sim", "--seed", "\(seed)", "--world", kind.rawValue, "--connections", "\(connections)"]
        for name in poller { words += ["--poller", name] }
        if noFaults { words.append("--no-faults") }
        return (words + ["--trace"]).joined(separator: " ")
    }
}
