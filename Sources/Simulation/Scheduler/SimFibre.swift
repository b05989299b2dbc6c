import CInterleave

/// One thread of a simulation: a stack of its own on the one thread of the operating system.
///
/// What a caller holds of it is a name for `SimScheduler.wake` and `join`.
// SAFETY: `context` and the stack belong to the scheduler, which gives them back.
@safe
public final class SimFibre {
    /// What it is called in traces and messages.
    public let name: String
    /// Its number: 0, 1, ... in the order of spawning.
    public let number: Int
    /// Its body has returned.
    public internal(set) var hasEnded = false
    /// Steps (kernel calls, mostly) that it has made.
    public internal(set) var steps: UInt64 = 0

    enum State {
        case ready, running, blocked, ended
    }

    var state = State.ready
    /// Counts the times that it was blocked, so that old deadlines are told from the current one.
    var block: UInt64 = 0
    /// A deadline, not `wake`, ended the last block.
    var timedOut = false
    /// A wake before this time only counts from then on: the thread is stalled.
    var body: (() -> Void)?
    var joiners: [SimFibre] = []

    unowned let scheduler: SimScheduler
    /// Where it goes on; in memory of its own, because a switch writes it while other fibres run.
    let context: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    var stack: UnsafeMutableRawPointer?

    init(_ scheduler: SimScheduler, name: String, number: Int, body: (() -> Void)?) {
        self.scheduler = scheduler
        self.name = name
        self.number = number
        self.body = body
        unsafe context = .allocate(capacity: 1)
        unsafe context.initialize(to: nil)
    }

    deinit {
        // SAFETY: allocated in init; nobody switches to a fibre without references.
        unsafe context.deallocate()
    }
}
