import Base

/// Counters of one thread, for `show activity`. Only its thread adds; any thread may read, and sees each counter
/// whole.
public final class Activity: Sendable {
    /// What is counted. The names are those that `show activity` prints.
    public enum Counter: Int, CaseIterable, Sendable {
        /// Turns of the loop; those that waited; how the waits ended (by an event, by the time, by another thread, by
        /// an interruption); sleeping threads that this one has woken.
        case loops, waits, wakesByPoller, wakesByTimeout, wakesByThread, emptyPolls, rings
        /// Events that pollers reported; calls of handlers; descriptors served from the ready lists.
        case pollEvents, handlerCalls, readyServed
        /// Events for nothing: of a descriptor that is closed; of another thread's; of a direction nobody waits for.
        case staleGeneration, notOwner, notActive
        /// Updates taken from the list of the thread and from that of the group; those of descriptors that were closed
        /// meanwhile; scans of the list made again; system calls to the poller, and those it refused.
        case localUpdates, globalUpdates, droppedUpdates, updateRescans, pollerCalls, pollerErrors
        /// Descriptors put in and taken out; taken out that somebody else had taken out already; taken from another
        /// thread; lost to another thread; offered and taken back.
        case inserted, removed, removedLate, takeovers, takeoversLost, reclaimed
        /// Connections accepted; accepts that found nothing; receives that found no block; tasks run; timers fired;
        /// messages.
        case accepts, acceptsEmpty, starved, tasksRun, timersFired, messagesSent, messagesReceived

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
            case .starved: "starved"
            case .tasksRun: "tasks_run"
            case .timersFired: "timers_fired"
            case .messagesSent: "messages_sent"
            case .messagesReceived: "messages_received"
            }
        }
    }

    let block: CellBlock
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
