import Base
import Synchronization

/// A limit on new sessions a second (manual, section 4.2, `rate-limit sessions`; section 3.2, `maxsessrate`).
///
/// Each session moves an instant ahead by its share of a second; a session is taken while that instant is not a second
/// ahead of now. So as many as the limit may come at once, and then one after each share of a second.
///
/// Thread-safety: any thread.
final class SessionRate {
    private static let secondMicroseconds: UInt64 = 1_000_000
    private let shareMicroseconds: UInt64
    /// Up to where the sessions so far have used time up.
    private let used = Atomic<UInt64>(0)

    /// - Parameter perSecond: at least 1.
    init(perSecond: Int) {
        shareMicroseconds = max(1, SessionRate.secondMicroseconds / UInt64(clamping: max(1, perSecond)))
    }

    private static func microseconds(_ now: Ticks) -> UInt64 { now.milliseconds &* 1000 }

    /// Takes a session's share; false when there is none now.
    func take(at now: Ticks) -> Bool {
        let instant = SessionRate.microseconds(now)
        var seen = used.load(ordering: .relaxed)
        // Each round fails only because another thread has succeeded.
        while true {
            let next = max(seen, instant) &+ shareMicroseconds
            if next &- instant > SessionRate.secondMicroseconds { return false }
            let (exchanged, original) = used.weakCompareExchange(
                expected: seen, desired: next, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            seen = original
        }
    }

    /// Gives a share back that no session has used.
    func giveBack() { used.wrappingSubtract(shareMicroseconds, ordering: .sequentiallyConsistent) }

    /// Milliseconds until there is a share; 0: now.
    func wait(at now: Ticks) -> UInt64 {
        let instant = SessionRate.microseconds(now)
        let next = max(used.load(ordering: .sequentiallyConsistent), instant) &+ shareMicroseconds
        let limit = instant &+ SessionRate.secondMicroseconds
        return next <= limit ? 0 : (next &- limit &+ 999) / 1000
    }
}
