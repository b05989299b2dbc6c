import Base

/// Counters of one thread, for `show activity`. Only its thread adds; any thread may read, and sees each counter
/// whole.
public final class Activity: Sendable {
    /// What is counted. The names are those that `show activity` prints.
    public enum Counter: Int, CaseIterable, Sendable {
        case loops, waits, wakesByPoller, wakesByTimeout, wakesByThread, emptyPolls, rings
        case pollEvents, handlerCalls, readyServed
        case staleGeneration, notOwner, notActive
        case localUpdates, globalUpdates, droppedUpdates, updateRescans, pollerCalls, pollerErrors
        case inserted, removed, removedLate, takeovers, takeoversLost, reclaimed
        case accepts, acceptsEmpty, tasksRun, timersFired, messagesSent, messagesReceived

        /// The name in print.
        public var name: String {
            switch self {
            case .loops: "loops"
            case .waits: "waits"
            case .wakesByPoller: "wake_poller"
            case .wakesByTimeout: "wake_timeout"
            case .wakesByThread: "wake_thread"
            case .emptyPolls: "empty_polls"
            case .rings: "rings_sent"
            case .pollEvents: "poll_events"
            case .handlerCalls: "handler_calls"
            case .readyServed: "ready_served"
            case .staleGeneration: "nothing_stale"
            case .notOwner: "nothing_not_owner"
            case .notActive: "nothing_not_active"
            case .localUpdates: "updates_local"
            case .globalUpdates: "updates_global"
            case .droppedUpdates: "updates_dropped"
            case .updateRescans: "update_rescans"
            case .pollerCalls: "poller_calls"
            case .pollerErrors: "poller_errors"
            case .inserted: "fd_inserted"
            case .removed: "fd_removed"
            case .removedLate: "fd_removed_late"
            case .takeovers: "takeovers"
            case .takeoversLost: "takeovers_lost"
            case .reclaimed: "reclaimed"
            case .accepts: "accepts"
            case .acceptsEmpty: "nothing_to_accept"
            case .tasksRun: "tasks_run"
            case .timersFired: "timers_fired"
            case .messagesSent: "messages_sent"
            case .messagesReceived: "messages_received"
            }
        }
    }

    private let block: CellBlock
    /// The first of the cells, which lie in the order of the counters.
    private let first: AtomicCell

    init() {
        block = CellBlock(lines: (Counter.allCases.count + 15) / 16)
        first = block.cell(line: 0)
    }

    @inline(__always)
    private func cell(_ counter: Counter) -> AtomicCell {
        // SAFETY: the block has a cell for every case.
        unsafe AtomicCell(at: UnsafeMutableRawPointer(first.word) + counter.rawValue &* 8)
    }

    /// Counts, on the thread that the counters belong to.
    @inline(__always)
    public func add(_ counter: Counter, _ count: Int = 1) {
        let cell = cell(counter)
        #if MODEL
            // Of no interest to a search: no scheduling point.
            cell.count(UInt64(truncatingIfNeeded: count))
        #else
            cell.store(cell.load(.relaxed) &+ UInt64(truncatingIfNeeded: count), .relaxed)
        #endif
    }

    /// The value of a counter now. Any thread.
    public func value(_ counter: Counter) -> UInt64 {
        cell(counter).load(.relaxed)
    }

    /// Every counter with its name, in the order of print. Any thread.
    public var counters: [(name: String, value: UInt64)] {
        Counter.allCases.map { ($0.name, value($0)) }
    }
}
