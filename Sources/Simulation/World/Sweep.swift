import Base
import Engine

/// Runs worlds by their seeds, and adds up what came of them.
public enum Sweep {
    /// A kind of world.
    public enum Kind: String, Sendable, CaseIterable {
        /// A whole proxy between clients and servers.
        case proxy
        /// The polling engine alone.
        case engine
    }

    /// What came of one seed.
    public struct Report: Sendable {
        public var seed: UInt64
        public var kind: Kind
        /// What must not happen and did; empty for a good run.
        public var violations: [String] = []
        /// The hash of everything that happened: the same for the same seed.
        public var traceHash: UInt64 = 0
        public var faults = FaultCounts()
        /// Requests and streams whose outcome was checked, and those of them that went as if nothing had happened.
        public var checked = 0, whole = 0
        public var connections = 0
        public var steps: UInt64 = 0
        public var virtualNanoseconds: UInt64 = 0
        /// Events that led to nothing, of all events.
        public var eventsForNothing: UInt64 = 0, events: UInt64 = 0
        public var commands = 0, logLines = 0
        /// What the world was, in a line.
        public var summary = ""
        /// The last lines of the trace, or all of them.
        public var trace: [String] = []

        public var isGood: Bool { violations.isEmpty }
    }

    /// How much of the trace to keep.
    public enum TraceDepth: Sendable {
        case none
        case last(Int)
        /// Every line, to this function.
        case all(@Sendable (String) -> Void)
    }

    /// Runs one world.
    public static func run(
        seed: UInt64, _ kind: Kind, _ options: WorldOptions = WorldOptions(), trace: TraceDepth = .none
    ) -> Report {
        let recorder = TraceRecorder(trace)
        var report: Report
        switch kind {
        case .proxy: report = runProxy(seed, options, recorder)
        case .engine: report = EngineWorld.run(seed: seed, options, recorder)
        }
        report.trace = recorder.lines
        return report
    }

    private static func runProxy(_ seed: UInt64, _ options: WorldOptions, _ recorder: TraceRecorder) -> Report {
        let plan = WorldPlan(seed: seed, options)
        let world = ProxyWorld(plan)
        if recorder.isWanted { world.scheduler.trace.sink = { recorder.add($0) } }
        recorder.add("configuration:\n\(plan.configuration)")
        let start = world.scheduler.now
        world.run()
        world.scheduler.releaseStacks()
        var report = Report(seed: seed, kind: .proxy)
        report.violations = world.violations
        report.traceHash = world.scheduler.trace.hash
        report.faults = world.machine.faultCounts
        report.checked = world.exchangesChecked
        report.whole = world.exchangesWhole
        report.connections = world.connectionsMade
        report.steps = world.scheduler.steps
        report.virtualNanoseconds = world.scheduler.now - start
        report.commands = world.commandsChecked
        report.logLines = world.logLines
        for worker in world.runtime?.group?.workers ?? [] { report.add(worker.activity) }
        report.summary =
            "\(plan.isHTTP ? "http" : "tcp"), \(plan.poller), \(plan.threads) threads, \(plan.clients.count) clients, "
            + "\(plan.servers.count) servers, faults \(plan.faults)"
        return report
    }
}

extension Sweep.Report {
    mutating func add(_ activity: Activity) {
        events += activity.value(.pollEvents)
        for counter in [Activity.Counter.staleGeneration, .notOwner, .notActive, .acceptsEmpty] {
            eventsForNothing += activity.value(counter)
        }
    }
}

/// Keeps lines of a trace.
final class TraceRecorder {
    private let depth: Sweep.TraceDepth
    private var ring: [String] = []
    private var next = 0

    init(_ depth: Sweep.TraceDepth) { self.depth = depth }

    var isWanted: Bool {
        if case .none = depth { return false }
        return true
    }

    func add(_ line: String) {
        switch depth {
        case .none: return
        case .all(let sink): sink(line)
        case .last(let limit):
            if ring.count < limit {
                ring.append(line)
            } else {
                ring[next] = line
                next = (next + 1) % limit
            }
        }
    }

    /// The lines kept, oldest first.
    var lines: [String] { Array(ring[next...] + ring[..<next]) }
}
