import Base

/// Whether one worker sleeps, in one word, and the way to end its sleep.
///
/// The sleeper publishes "asleep", then looks once more at everything that may have come (`Worker.hasWork`), and only
/// then waits. A waker puts its work in place, and only then looks at the word. Both sides are sequentially
/// consistent, so at least one of them sees the other. "Asleep" and "notified" are one word, because a waker that saw
/// the one without the other would take the thread for woken, or ring twice.
@safe
struct Alarm: Sendable {
    static let awake: UInt64 = 0
    static let asleep: UInt64 = 1
    static let notified: UInt64 = 2

    let word: AtomicCell

    /// On the worker: from now on it counts as asleep. The caller checks for work once more before it waits.
    func goToSleep() { word.store(Alarm.asleep, .sequential) }

    /// On the worker, after the wait or when the last check found work: awake again. Whether somebody had rung.
    func getUp() -> Bool { word.exchange(Alarm.awake, .sequential) == Alarm.notified }

    /// Whether the worker is asleep and nobody has rung yet.
    var isSleeping: Bool { word.load(.sequential) == Alarm.asleep }

    /// On a waker's thread, after its work is in place: whether the caller has to ring, which happens once per sleep.
    func mustRing() -> Bool {
        word.load(.sequential) == Alarm.asleep && word.compareExchange(Alarm.asleep, Alarm.notified, .sequential)
    }
}
