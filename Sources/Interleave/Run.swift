/// One run of a scenario, while it is set up: its cells, its threads and what has to hold. The scenario is set up anew
/// for every schedule, and has to do the same each time. (All runs of an exploration are the same object.)
public final class Run {
    // SAFETY: the scheduler owns it, and lets go of it before it goes itself.
    private var scheduler: Scheduler { unsafe schedulerReference }
    private unowned(unsafe) let schedulerReference: Scheduler
    var bodies: [() -> Void] = []
    var restChecks: [() -> Void] = []
    var endChecks: [() -> Void] = []

    init(_ scheduler: Scheduler) {
        unsafe schedulerReference = scheduler
    }

    /// The end of a run: what it was made of goes.
    func clear() {
        bodies.removeAll(keepingCapacity: true)
        restChecks.removeAll(keepingCapacity: true)
        endChecks.removeAll(keepingCapacity: true)
    }

    /// A new cell with a value. The name stands in traces.
    public func cell(_ value: UInt64 = 0, _ name: @autoclosure () -> String = "") -> Cell {
        let cell = scheduler.newCell(value)
        if scheduler.isTracing { self.name(cell, name()) }
        return cell
    }

    // SAFETY: the addresses are only compared.

    /// Gives a cell a name in traces. It is not asked for where there is no trace.
    public func name(_ cell: Cell, _ name: @autoclosure () -> String) {
        if scheduler.isTracing { unsafe scheduler.name(UnsafeMutableRawPointer(cell.word), name()) }
    }

    /// Gives a cell a name in traces. It is not asked for where there is no trace.
    public func name(_ cell: Cell32, _ name: @autoclosure () -> String) {
        if scheduler.isTracing { unsafe scheduler.name(UnsafeMutableRawPointer(cell.word), name()) }
    }

    /// Something that takes long to build: made in the first run of an exploration, and given to every later one. The
    /// caller puts it back into its first state, with the cells in its own memory; `cell` makes new ones each time.
    /// `Kept` is the class itself, not one that it derives from. After a failure it is made anew.
    public func kept<Kept: AnyObject>(_ make: () -> Kept) -> Kept {
        defer { scheduler.keptCount += 1 }
        if scheduler.keptCount < scheduler.kept.count {
            let kept = scheduler.kept[scheduler.keptCount]
            precondition(type(of: kept) == Kept.self, "a run asks for the same things in the same order as others did")
            // SAFETY: it is what the line above says; a cast that asks the runtime takes as long as ten steps.
            return unsafe unsafeDowncast(kept, to: Kept.self)
        }
        let made = make()
        scheduler.kept.append(made)
        return made
    }

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
