/// One run of a scenario, while it is set up: its cells, its threads and what has to hold. The scenario is set up anew
/// for every schedule, and has to do the same each time.
public final class Run {
    private let scheduler: Scheduler
    var bodies: [() -> Void] = []
    var restChecks: [() -> Void] = []
    var endChecks: [() -> Void] = []

    init(_ scheduler: Scheduler) {
        self.scheduler = scheduler
    }

    /// A new cell with a value. The name stands in traces.
    public func cell(_ value: UInt64 = 0, _ name: String = "") -> Cell { scheduler.newCell(value, name) }

    // SAFETY: the addresses are only compared.

    /// Gives a cell a name in traces.
    public func name(_ cell: Cell, _ name: String) { unsafe scheduler.name(UnsafeMutableRawPointer(cell.word), name) }

    /// Gives a cell a name in traces.
    public func name(_ cell: Cell32, _ name: String) { unsafe scheduler.name(UnsafeMutableRawPointer(cell.word), name) }

    /// A thread. Threads run from the first access of each on in the order that the search decides; what they do before
    /// it has to be their own business.
    public func thread(_ body: @escaping () -> Void) {
        precondition(bodies.count < Scheduler.maxThreads, "at most \(Scheduler.maxThreads) threads")
        bodies.append(body)
    }

    /// In a thread that goes round without getting anywhere (it polls, say): the others go first, which costs none of
    /// them a preemption. Searches that bound or draw schedules stay fair by it; an exhaustive one is incomplete then.
    public func yield() { scheduler.yield() }

    /// Checked when every thread has ended, or sleeps in `Cell.park` with nobody left to wake it. It may let go of
    /// sleepers by changing what they look at; they all go on afterwards.
    public func atRest(_ check: @escaping () -> Void) { restChecks.append(check) }

    /// Checked when every thread has ended.
    public func atEnd(_ check: @escaping () -> Void) { endChecks.append(check) }
}

/// States what has to hold, in a thread or in a check of a scenario; the first time it does not, the run is over and
/// its schedule is reported.
public func verify(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { Scheduler.violation(message()) }
}
