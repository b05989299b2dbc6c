import Synchronization

/// How many events there were in the last second, and at most in any second, from counters that only grow.
///
/// `sample` is called about once a second; what happens in between costs nothing.
///
/// Thread-safety: `sample` on one thread; any thread reads.
public final class RateSampler: Sendable {
    /// One rate, per second.
    public final class Rate: Sendable {
        private let level = Atomic<UInt64>(0)
        private let peak = Atomic<UInt64>(0)
        private let before = Atomic<UInt64>(0)

        /// Events in the last second.
        public var current: UInt64 { level.load(ordering: .relaxed) }
        /// The most events in any second.
        public var maximum: UInt64 { peak.load(ordering: .relaxed) }

        func sample(_ total: UInt64, elapsedMilliseconds: UInt64) {
            let events = total &- before.load(ordering: .relaxed)
            before.store(total, ordering: .relaxed)
            let (scaled, overflow) = events.multipliedReportingOverflow(by: 1000)
            let rate = overflow ? events : scaled / max(elapsedMilliseconds, 1)
            level.store(rate, ordering: .relaxed)
            if rate > maximum { peak.store(rate, ordering: .relaxed) }
        }
    }

    public let connections = Rate()
    public let sessions = Rate()
    public let requests = Rate()
    public let bytesOut = Rate()
    private let statistics: ProcessStatistics

    public init(statistics: ProcessStatistics) { self.statistics = statistics }

    /// Takes the counters as they are now.
    /// - Parameter elapsedMilliseconds: since the last call.
    public func sample(elapsedMilliseconds: UInt64) {
        connections.sample(statistics.sum { $0.connections.value }, elapsedMilliseconds: elapsedMilliseconds)
        sessions.sample(statistics.sum { $0.sessions.value }, elapsedMilliseconds: elapsedMilliseconds)
        requests.sample(statistics.sum { $0.requests.value }, elapsedMilliseconds: elapsedMilliseconds)
        bytesOut.sample(statistics.sum { $0.bytesOut.value }, elapsedMilliseconds: elapsedMilliseconds)
    }
}
