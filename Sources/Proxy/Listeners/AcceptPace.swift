/// How many connections one report of a listener is worth to a thread.
///
/// As a rule one: the pollers report a listener again for as long as connections wait, so a further try pays only if it
/// finds one, and one that finds nothing is a system call for nothing. A backlog is worth more. It shows by listeners
/// that are reported turn after turn; then the batch grows, slowly, and the first try that finds nothing shortens it
/// again. So of `patience` connections at most one is followed by such a try, whatever the load. Where threads share
/// the listeners it is patient: what waits may be another one's in a moment.
///
/// Thread-safety: one thread's.
struct AcceptPace: Sendable {
    /// Connections between two tries that find nothing.
    let patience: Int
    /// Turns in a row with a report that show a backlog.
    let streakOfBacklog: Int

    /// Connections that one report is worth now; at least 1.
    private(set) var batch = 1
    private var streak = 0
    private var sinceEmpty = 0
    private var lastTurn: UInt64 = 0

    /// - Parameter isShared: whether other threads accept from the same listeners.
    init(isShared: Bool) {
        patience = isShared ? 512 : 32
        streakOfBacklog = isShared ? 16 : 4
    }

    /// A listener was reported in a turn of the loop. Returns how many connections to accept, at most `limit`.
    mutating func reported(inTurn turn: UInt64, limit: Int) -> Int {
        if turn == lastTurn &+ 1 {
            streak = min(streak &+ 1, streakOfBacklog)
        } else if turn != lastTurn {
            streak = 0
        }
        lastTurn = turn
        return max(1, min(batch, limit))
    }

    /// As many connections were accepted as had been allowed.
    mutating func filled(_ accepted: Int, limit: Int) {
        sinceEmpty = min(sinceEmpty &+ accepted, patience)
        guard streak >= streakOfBacklog, sinceEmpty >= patience, batch < limit else { return }
        batch &+= 1
        streak = 0
    }

    /// A try found nothing, after some that did.
    mutating func foundNothing(after accepted: Int) {
        batch = max(1, accepted)
        sinceEmpty = 0
    }
}
