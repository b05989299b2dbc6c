import Base

/// How many descriptors the process needs, and how many connections fit into those that it may have.
struct DescriptorPlan: Equatable, Sendable {
    /// Connections at most, of the whole process.
    var maxconn: Int
    /// The soft limit of descriptors to ask for.
    var descriptors: UInt64
    /// Whether `maxconn` follows from the limit, rather than the other way round.
    var isDerived: Bool

    /// The limit is not raised beyond this for its own sake: a table of descriptors has a size.
    static let descriptorsWithoutNeed: UInt64 = 1 << 20

    /// A connection has two ends; the rest is `reserved`.
    ///
    /// - Parameters:
    ///   - maxconn: what the user set, nil or 0 for what fits.
    ///   - ulimit: `ulimit-n`; the limit is raised to it, and never lowered (management manual, chapter 5).
    ///   - reserved: descriptors that are not connections.
    ///   - soft, hard: the limits that the process was started with.
    init(maxconn: Int?, ulimit: Int?, reserved: Int, soft: UInt64, hard: UInt64) {
        let wanted = UInt64(max(0, ulimit ?? 0))
        let reserved = UInt64(max(0, reserved))
        if let maxconn, maxconn > 0 {
            self.maxconn = maxconn
            descriptors = max(wanted, soft, 2 * UInt64(maxconn) + reserved)
            isDerived = false
        } else {
            descriptors = max(wanted, soft, min(hard, DescriptorPlan.descriptorsWithoutNeed))
            let usable = min(descriptors, UInt64(Limits.descriptors))
            self.maxconn = usable > reserved + 2 ? Int((usable - reserved) / 2) : 1
            isDerived = true
        }
    }

    /// Descriptors of a process with so many listeners and threads that are not connections: standard ones, pollers and
    /// wakers, logs, and what the C library opens for a moment.
    static func reserved(listeners: Int, threads: Int) -> Int {
        16 + listeners + threads * Limits.descriptorsPerThread
    }
}
