import Base
import Engine

/// How many of the descriptors that the process may have are in use, as far as idle connections to servers go by it
/// (manual, section 3.2, `tune.pool-low-fd-ratio`, `tune.pool-high-fd-ratio`).
///
/// The counters of all threads are added up once in a millisecond at most: to read what other threads write costs.
///
/// Thread-safety: its worker's thread only.
struct DescriptorUse {
    private let low: Int
    private let high: Int
    private var used = 0
    private var readAt = Ticks.never

    init(capacity: Int, lowPercent: Int, highPercent: Int) {
        low = capacity * lowPercent / 100
        high = capacity * highPercent / 100
    }

    /// So many that no connection is kept for another request.
    mutating func isAboveLow(_ worker: Worker) -> Bool { count(worker) > low }

    /// So many that an idle connection is closed for each new one.
    mutating func isAboveHigh(_ worker: Worker) -> Bool { count(worker) > high }

    private mutating func count(_ worker: Worker) -> Int {
        if readAt != worker.now {
            readAt = worker.now
            used = worker.group.descriptorsInUse
        }
        return used
    }
}
