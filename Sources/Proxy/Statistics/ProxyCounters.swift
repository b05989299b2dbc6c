import Synchronization

/// What a frontend, a backend or a server counts (management guide, section 9.1).
///
/// Each worker adds to a row of its own, with plain stores; a reader sums the rows. Rows lie on cache lines of their
/// own, so that workers that serve one frontend do not slow each other down.
///
/// Thread-safety: any thread reads; a row is written by its worker only; `sessions` by any thread.
// SAFETY: Sendable because the cells are atomic and the memory lives as long as the object.
@safe
public final class ProxyCounters: @unchecked Sendable {
    /// What is counted, in the order of the cells of a row.
    public enum Field: Int, CaseIterable, Sendable {
        /// Connections accepted on a frontend, or made to a server.
        case connections
        /// Sessions (streams) that came here.
        case sessions
        case requests
        case bytesIn, bytesOut
        /// Refused by a rule.
        case deniedRequests, deniedResponses
        /// Requests that were not understood, or never completed.
        case requestErrors
        /// Connections to a server that could not be made.
        case connectErrors
        /// Responses that were broken, or aborted by the server.
        case responseErrors
        case retries, redispatches
        /// Transfers that one side cut off.
        case clientAborts, serverAborts
        /// Times that a server (or a backend's server) was chosen.
        case selections
        /// Connections to servers that were made for a request, and those that were used again.
        case newConnections, reusedConnections
        /// Responses sent to clients by the class of their status, and those of no class.
        case status1xx, status2xx, status3xx, status4xx, status5xx, statusOther
        /// Requests answered here, without a server.
        case intercepted
    }

    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private let workerCount: Int

    /// Cells of a row: the fields, rounded up to cache lines of 64 bytes, and one line of distance.
    private let stride = (Field.allCases.count + 7) / 8 * 8 + 8

    /// Sessions (of a frontend: connections) now, and at most.
    public let sessions = Gauge()
    /// Sessions waiting in a queue now, and at most.
    public let queued = Gauge()

    public init(workerCount: Int) {
        self.workerCount = max(workerCount, 1)
        let count = self.workerCount * stride
        // SAFETY: the object owns the memory until deinit; every cell is initialised below.
        unsafe cells = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: count)
        for index in 0..<count {
            // SAFETY: index < count, the capacity just allocated.
            unsafe (cells + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        // SAFETY: init initialised all of them, and atomics of numbers need no clean-up.
        unsafe cells.deallocate()
    }

    /// Adds, on the thread of the worker with that index.
    @inline(__always)
    public func add(_ field: Field, _ count: UInt64 = 1, on worker: Int) {
        precondition(worker >= 0 && worker < workerCount, "a counter has one row for each worker")
        // SAFETY: the row is in bounds by the check, and the field by the size of a row.
        unsafe cells[worker &* stride &+ field.rawValue].increase(by: count)
    }

    /// The sum over all workers.
    public func value(_ field: Field) -> UInt64 {
        var total: UInt64 = 0
        for worker in 0..<workerCount {
            // SAFETY: as in `add`.
            total &+= unsafe cells[worker * stride + field.rawValue].load(ordering: .relaxed)
        }
        return total
    }

    /// Sets everything back to 0, and the maxima to what there is now. What workers add meanwhile may be lost.
    public func clear() {
        for index in 0..<workerCount * stride {
            // SAFETY: within the capacity.
            unsafe cells[index].store(0, ordering: .relaxed)
        }
        sessions.clearMaximum()
        queued.clearMaximum()
    }

    /// Counts bytes in both directions.
    @inline(__always)
    public func count(bytesIn: UInt64, bytesOut: UInt64, on worker: Int) {
        add(.bytesIn, bytesIn, on: worker)
        add(.bytesOut, bytesOut, on: worker)
    }

    /// Counts a request that has ended: its bytes and the class of its status.
    public func count(bytesIn: UInt64, bytesOut: UInt64, status: Int32, on worker: Int) {
        count(bytesIn: bytesIn, bytesOut: bytesOut, on: worker)
        add(ProxyCounters.field(ofStatus: status), on: worker)
    }

    /// The counter of a status: by its hundreds; `statusOther` for what is none, -1 included.
    static func field(ofStatus status: Int32) -> Field {
        switch status {
        case 100..<200: return .status1xx
        case 200..<300: return .status2xx
        case 300..<400: return .status3xx
        case 400..<500: return .status4xx
        case 500..<600: return .status5xx
        default: return .statusOther
        }
    }
}

/// One class serves all three; a field that means nothing for one of them stays 0.
public typealias FrontendCounters = ProxyCounters
public typealias BackendCounters = ProxyCounters
public typealias ServerCounters = ProxyCounters

extension Atomic where Value == UInt64 {
    /// Adds where only one thread writes: a load and a store, without a lock prefix.
    @inline(__always)
    func increase(by count: UInt64) {
        store(load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }
}
