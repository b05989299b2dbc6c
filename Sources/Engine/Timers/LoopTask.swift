import Base

/// Why a task runs.
@frozen
public struct WakeReason: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Somebody woke it.
    @inlinable
    public static var woken: WakeReason { WakeReason(rawValue: 1) }
    /// Its deadline has passed.
    @inlinable
    public static var timer: WakeReason { WakeReason(rawValue: 2) }
    /// Free for the owner of the task.
    @inlinable
    public static var input: WakeReason { WakeReason(rawValue: 4) }
    /// Free for the owner of the task.
    @inlinable
    public static var output: WakeReason { WakeReason(rawValue: 8) }
    /// Free for the owner of the task.
    @inlinable
    public static var other: WakeReason { WakeReason(rawValue: 16) }
}

/// A piece of work of one worker, with its place in the run queue and in the timers inside the object.
///
/// All of it belongs to one thread, the worker's. A task that is queued or has a timer is kept alive by that.
// SAFETY: its links are retained references of the queue and the wheel, which alone follow them.
@safe
open class LoopTask {
    /// When its timer fires; `.never` when it has none.
    public final var deadline: Ticks { due }

    final var due = Ticks.never

    // The run queue's.
    final var nextQueued: Unmanaged<LoopTask>?
    final var isQueued = false
    final var reasons: WakeReason = []
    /// The slot of the timer wheel that it is linked in, or -1. It stands here, where there is room for it.
    final var timerSlot: Int16 = -1

    // The timer wheel's.
    final var nextTimer: Unmanaged<LoopTask>?
    final var previousTimer: Unmanaged<LoopTask>?
    /// The instant that its place in the wheel stands for; the deadline may have moved later since.
    final var armed: UInt64 = 0

    public init() {}

    /// Called on the worker's thread, with the reasons gathered since the last run.
    open func run(on worker: Worker, _ reason: WakeReason) {}
}
