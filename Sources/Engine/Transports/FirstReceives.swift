/// Whether to receive from a connection as soon as it is accepted, without asking the poller first.
///
/// A client that speaks first has sent something by then, more often than not. The try then spares an event, and where
/// the connection ends with the first response its registration, too. Where clients come long before they speak (or
/// the server speaks first) it is a system call for nothing: so it is made as long as two of three succeed, and now
/// and then to see whether they would again.
///
/// Thread-safety: one thread's.
struct FirstReceives {
    /// Grows with tries that find something; at 0 only probes are made.
    private var confidence = FirstReceives.highest
    private var sinceProbe = 0

    private static let highest = 16
    /// Connections from one probe to the next.
    static let probeInterval = 64

    /// Asked once for each accepted connection.
    mutating func isWorthATry() -> Bool {
        if confidence > 0 { return true }
        sinceProbe += 1
        if sinceProbe < FirstReceives.probeInterval { return false }
        sinceProbe = 0
        return true
    }

    /// What came of a try.
    mutating func tried(found: Bool) {
        confidence = found ? min(confidence + 1, FirstReceives.highest) : max(confidence - 2, 0)
    }
}
