import Base
import CInterleave

/// Plays the threads and the clock of a simulation, from one seed.
///
/// Threads are fibres: each runs until it gives way, blocks or ends, and then the seed decides which of those that can
/// run goes on. The clock is virtual: it stands still while anything can run, and then jumps to the next event. So the
/// same seed gives the same run, step by step (`trace.hash`).
///
/// Thread-safety: one thread of the operating system, the one that calls `run`. Outside of `run` (while a simulation is
/// set up or looked at) nothing blocks.
// SAFETY: contexts and stacks are those of fibres that the scheduler holds; it unmaps the stacks of fibres that have
// ended only.
@safe
public final class SimScheduler {
    public struct Options: Sendable {
        /// Bytes of a fibre's stack; below it is a page that traps.
        public var stackBytes = 256 * 1024
        /// Fibres that may exist at a time.
        public var fibres = 4096
        /// How likely a scheduling point changes fibres, 0 to 1.
        public var switchProbability = 0.25
        /// Steps without the clock moving that count as a livelock.
        public var stepsAtOneTime: UInt64 = 2_000_000
        /// Steps after which a run is given up.
        public var steps: UInt64 = 1_000_000_000

        public init() {}
    }

    /// How a run has ended.
    public enum Outcome: Equatable, Sendable {
        /// Every fibre has ended.
        case finished
        /// The clock has reached the time that `run` was given.
        case timeReached
        /// These fibres wait for something that will not come.
        case deadlock([String])
        /// Fibres run, but the clock stands still.
        case livelock(String)
        /// A fibre called `fail`.
        case failed(String)
    }

    public let seed: UInt64
    public let options: Options
    /// Nanoseconds since some time before the start. Never goes back.
    public private(set) var now: UInt64
    /// The one source of chance.
    public var random: Random
    public var trace = SimTrace()
    /// Steps so far.
    public private(set) var steps: UInt64 = 0
    /// Switches from one fibre to another so far.
    public private(set) var switches: UInt64 = 0
    /// Fibres that have been spawned.
    public private(set) var spawned = 0
    /// The fibre that is running; nil outside of `run`, and in events.
    public private(set) var current: SimFibre?

    private var events = EventQueue()
    private var ready: [SimFibre] = []
    /// Those that have not ended.
    private var fibres: [SimFibre] = []
    private var stacks: [UnsafeMutableRawPointer] = unsafe []
    /// Where the caller of `run` goes on.
    private let home: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private var lastIdleStep: UInt64 = 0
    private var timeLimit = UInt64.max
    private var failure: Outcome?
    private var ended: SimFibre?

    /// The virtual clock starts at a time that differs by seed, a few days after zero.
    public init(seed: UInt64, options: Options = Options()) {
        self.seed = seed
        self.options = options
        random = Random(seed: seed)
        now = 1_000_000_000_000 + UInt64(random.below(1_000_000_000)) * 100_000
        unsafe home = .allocate(capacity: 1)
        unsafe home.initialize(to: nil)
    }

    deinit {
        releaseStacks()
        // SAFETY: nobody switches to a scheduler without references.
        unsafe home.deallocate()
    }

    /// Gives the stacks of fibres that have ended back to the system, between runs: for whoever makes many simulations
    /// in a process and cannot tell when the last reference to one goes.
    public func releaseStacks() {
        precondition(current == nil, "on a fibre's own stack")
        bury()
        // SAFETY: stacks that no fibre uses any more. Those of fibres that have not ended are never given back: what
        // their frames own is still referred to.
        while let stack = unsafe stacks.popLast() { unsafe il_stack_unmap(stack, options.stackBytes) }
    }

    // MARK: Chance

    /// True with the given probability; draws nothing at 0.
    public func chance(_ probability: Double) -> Bool {
        guard probability > 0 else { return false }
        return Double(random.next() >> 11) < probability * 9_007_199_254_740_992
    }

    /// A number of the range, both ends included.
    public func draw(_ range: ClosedRange<UInt64>) -> UInt64 {
        let span = range.upperBound - range.lowerBound
        if span == 0 { return range.lowerBound }
        if span == .max { return random.next() }
        return range.lowerBound + random.next().multipliedFullWidth(by: span + 1).high
    }

    // MARK: Fibres

    /// Makes a fibre that runs the body. It starts when the seed picks it.
    @discardableResult
    public func spawn(_ name: String, _ body: @escaping () -> Void) -> SimFibre {
        precondition(fibres.count < options.fibres, "more fibres than SimScheduler.Options.fibres")
        let fibre = SimFibre(self, name: name, number: spawned, body: body)
        spawned += 1
        fibres.append(fibre)
        ready.append(fibre)
        return fibre
    }

    /// Fibres that have not ended.
    public var living: [SimFibre] { fibres }

    /// Whether the caller is a fibre, and so may block.
    public var isInFibre: Bool { current != nil }

    /// Suspends the calling fibre until `wake`, or until the clock has reached the deadline; false at the deadline.
    /// Outside of a fibre it returns false at once.
    @discardableResult
    public func block(until deadline: UInt64 = .max) -> Bool {
        guard let fibre = current else { return false }
        fibre.block += 1
        fibre.state = .blocked
        fibre.timedOut = false
        if deadline != .max { events.put(.deadline(fibre, block: fibre.block), at: max(deadline, now)) }
        leave(fibre)
        return !fibre.timedOut
    }

    /// Lets a blocked fibre go on. Does nothing if it is not blocked.
    public func wake(_ fibre: SimFibre) {
        guard fibre.state == .blocked else { return }
        fibre.state = .ready
        ready.append(fibre)
    }

    /// Suspends the calling fibre for a time, in nanoseconds.
    public func sleep(_ nanoseconds: UInt64) {
        guard let fibre = current else { return }
        let (end, overflow) = now.addingReportingOverflow(nanoseconds)
        let deadline = overflow ? UInt64.max - 1 : end
        // Somebody may wake it meanwhile for what it waited for before: it sleeps on.
        while now < deadline && !fibre.hasEnded { block(until: deadline) }
    }

    /// Lets the seed pick who goes on, the caller among them.
    public func yield() {
        guard let fibre = current else { return }
        fibre.state = .ready
        ready.append(fibre)
        leave(fibre)
    }

    /// Waits for the end of a fibre. Outside of a fibre it runs the simulation until then.
    public func join(_ fibre: SimFibre) {
        guard let mine = current else {
            while !fibre.hasEnded && failure == nil && advance() {}
            return
        }
        while !fibre.hasEnded {
            fibre.joiners.append(mine)
            block()
        }
    }

    /// One step of the calling fibre. Then, by chance, it is another one's turn.
    public func step() {
        note()
        if current != nil && chance(options.switchProbability) { yield() }
    }

    /// Counts a step without giving way.
    func note() {
        steps += 1
        guard let fibre = current else { return }
        fibre.steps += 1
        if steps - lastIdleStep > options.stepsAtOneTime {
            stop(.livelock("\(options.stepsAtOneTime) steps at \(now) ns, the last by \(fibre.name)"))
        } else if steps > options.steps {
            stop(.livelock("\(options.steps) steps"))
        }
    }

    /// Ends the run with a failure. On a fibre it does not return.
    public func fail(_ message: String) { stop(.failed(message)) }

    private func stop(_ outcome: Outcome) {
        if failure == nil { failure = outcome }
        guard let fibre = current else { return }
        fibre.state = .blocked
        fibre.block += 1
        leave(fibre)
    }

    // MARK: Time

    /// Calls the action when the clock has reached the time. Actions run between fibres and do not block.
    public func at(_ time: UInt64, _ action: @escaping () -> Void) { events.put(.action(action), at: max(time, now)) }

    /// Calls the action after a time, in nanoseconds.
    public func after(_ nanoseconds: UInt64, _ action: @escaping () -> Void) {
        let (time, overflow) = now.addingReportingOverflow(nanoseconds)
        at(overflow ? .max : time, action)
    }

    /// Runs what is due by now.
    func runDue() {
        while let time = events.nextTime, time <= now { take() }
    }

    /// Moves the clock on without running anything but what falls due; for the setting up of tests.
    public func advanceClock(_ nanoseconds: UInt64) {
        precondition(current == nil, "a fibre sleeps instead")
        let end = now &+ nanoseconds
        while let time = events.nextTime, time <= end {
            now = max(now, time)
            take()
        }
        now = end
    }

    private func take() {
        switch events.take() {
        case .deadline(let fibre, let block):
            guard fibre.state == .blocked && fibre.block == block else { return }
            fibre.timedOut = true
            wake(fibre)
        case .action(let action): action()
        case nil: break
        }
    }

    // MARK: Running

    /// Runs until every fibre has ended, the clock has reached `time`, or something has failed. May be called again.
    public func run(until time: UInt64 = .max) -> Outcome {
        precondition(current == nil, "a simulation within a simulation")
        timeLimit = time
        while failure == nil && !fibres.isEmpty && advance() {}
        timeLimit = .max
        if let failure { return failure }
        if fibres.isEmpty { return .finished }
        if let next = events.nextTime, next > time || !ready.isEmpty { return .timeReached }
        return .deadlock(fibres.map(\.name))
    }

    /// Runs a fibre, or else what comes next. False when there is nothing, or nothing before the limit.
    private func advance() -> Bool {
        runDue()
        if let next = pick() {
            resume(next)
            return true
        }
        lastIdleStep = steps
        while let time = events.nextTime {
            // Deadlines that are out of date move no clock.
            if case .deadline(let fibre, let block) = events.next, fibre.state != .blocked || fibre.block != block {
                _ = events.take()
                continue
            }
            guard time <= timeLimit else { return false }
            now = max(now, time)
            return true
        }
        return false
    }

    private func pick() -> SimFibre? {
        if ready.isEmpty { return nil }
        let position = random.below(ready.count)
        ready.swapAt(position, ready.count - 1)
        return ready.removeLast()
    }

    /// Goes on with a fibre from outside, until some fibre comes back.
    private func resume(_ fibre: SimFibre) {
        enter(fibre)
        // SAFETY: both contexts are memory of fibres that the scheduler holds.
        unsafe il_fibre_switch(home, fibre.context.pointee!)
        current = nil
        bury()
    }

    /// The fibre is the next one to run.
    private func enter(_ fibre: SimFibre) {
        fibre.state = .running
        current = fibre
        switches += 1
        if unsafe fibre.stack == nil { prepare(fibre) }
    }

    /// Leaves the calling fibre, whose state says why, for the next that can run. Returns when it is picked again.
    private func leave(_ fibre: SimFibre) {
        let next = unsafe successor()
        // SAFETY: as in `resume`.
        if unsafe next != fibre.context { unsafe il_fibre_switch(fibre.context, next.pointee!) }
        bury()
    }

    /// Where to go on: at the next fibre that can run, or outside.
    private func successor() -> UnsafeMutablePointer<UnsafeMutableRawPointer?> {
        guard failure == nil else { return unsafe home }
        current = nil
        runDue()
        guard let next = pick() else { return unsafe home }
        enter(next)
        return unsafe next.context
    }

    // MARK: Stacks

    private func prepare(_ fibre: SimFibre) {
        let stack: UnsafeMutableRawPointer
        if let old = unsafe stacks.popLast() {
            unsafe stack = unsafe old
        } else {
            guard let new = unsafe il_stack_map(options.stackBytes) else { fatalError("no memory for a fibre's stack") }
            unsafe stack = unsafe new
        }
        unsafe fibre.stack = unsafe stack
        // SAFETY: the fibre is held by the scheduler until it has ended.
        unsafe fibre.context.pointee = il_fibre_prepare(
            stack, options.stackBytes,
            { argument in
                // Nothing here owns anything: the fibre is left for good on the last line.
                unsafe SimScheduler.run(Unmanaged<SimFibre>.fromOpaque(argument!))
                let last = unsafe SimScheduler.end(Unmanaged<SimFibre>.fromOpaque(argument!))
                unsafe il_fibre_switch(last.from, last.to)
            }, unsafe Unmanaged.passUnretained(fibre).toOpaque())
    }

    /// A call of its own, so that nothing on the stack owns anything when the fibre is left for good.
    @inline(never)
    private static func run(_ reference: Unmanaged<SimFibre>) {
        // SAFETY: see `prepare`.
        let fibre = unsafe reference.takeUnretainedValue()
        let body = fibre.body
        fibre.body = nil
        fibre.scheduler.bury()
        body?()
    }

    private typealias Jump = (from: UnsafeMutablePointer<UnsafeMutableRawPointer?>, to: UnsafeMutableRawPointer)

    @inline(never)
    private static func end(_ reference: Unmanaged<SimFibre>) -> Jump {
        // SAFETY: see `prepare`.
        let fibre = unsafe reference.takeUnretainedValue()
        let scheduler = fibre.scheduler
        fibre.state = .ended
        fibre.hasEnded = true
        for joiner in fibre.joiners { scheduler.wake(joiner) }
        fibre.joiners = []
        scheduler.remove(fibre)
        return unsafe (fibre.context, scheduler.successor().pointee!)
    }

    private func remove(_ fibre: SimFibre) {
        if let position = fibres.firstIndex(where: { $0 === fibre }) { fibres.remove(at: position) }
        // Kept until somebody else runs: it still stands on its stack.
        ended = fibre
    }

    /// Takes over the stack of a fibre that has ended, on another one.
    private func bury() {
        guard let fibre = ended, let stack = unsafe fibre.stack else { return }
        ended = nil
        unsafe fibre.stack = nil
        unsafe stacks.append(stack)
    }
}
