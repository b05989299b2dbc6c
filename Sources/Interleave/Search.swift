import CInterleave

/// How to look for a schedule under which a scenario fails.
///
///     let report = Search(.exhaustive).explore { run in
///         let flag = run.cell()
///         var seen: UInt64 = 0
///         run.thread { flag.store(1, .release) }
///         run.thread { seen = flag.load(.acquire) }
///         run.atEnd { verify(seen <= 1, "a bit") }
///     }
///
/// An exploration belongs to the thread that calls it; several threads may each have one.
public struct Search: Sendable {
    public enum Strategy: Sendable, Equatable {
        /// Every schedule, up to equivalence: depth-first, with dynamic partial-order reduction and sleep sets.
        case exhaustive
        /// Every schedule that takes the processor from a thread which could go on at most this often. Schedules that
        /// differ in the order of independent steps only are left out, as far as the bound allows.
        case bounded(preemptions: Int)
        /// Random priorities, with `depth` - 1 changes of priority at random steps (PCT): finds a bug that needs
        /// `depth` ordered steps with a probability of at least 1 / (threads * steps^(depth - 1)) in each schedule.
        case random(depth: Int, seed: UInt64)
    }

    public var strategy: Strategy
    /// Loads may return older values where the orderings allow it; see the documentation for what that covers.
    public var weakMemory = false
    /// How many values back a load may look, and how often in a schedule each thread does.
    public var history = 4
    public var staleReads = 3
    /// Schedules after which to stop.
    public var maxSchedules = 1_000_000
    /// Seconds after which to stop.
    public var maxSeconds = 600.0
    /// Steps of a schedule beyond which it is a livelock.
    public var maxSteps = 10_000
    /// Leaves out equivalent schedules. Only a test of the reduction itself turns it off.
    public var reduces = true

    public init(_ strategy: Strategy) {
        self.strategy = strategy
    }

    /// Runs the scenario again and again, each time with another schedule, until one fails, all are done, or a limit is
    /// reached. The closure sets a run up, and must do the same every time.
    public func explore(_ scenario: (Run) -> Void) -> Report {
        let scheduler = Scheduler(self)
        defer { scheduler.dispose() }
        return scheduler.explore(scenario)
    }

    /// Runs the scenario once with the schedule of a `Failure`; the report has the failure again, with a trace. Behind
    /// the end of the schedule threads go on one after the other. Nil when the text is not a schedule.
    public func replay(_ schedule: String, _ scenario: (Run) -> Void) -> Report? {
        guard let steps = Notation.steps(schedule) else { return nil }
        let scheduler = Scheduler(self)
        defer { scheduler.dispose() }
        return scheduler.replay(steps, scenario)
    }
}
