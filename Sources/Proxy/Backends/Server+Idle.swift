import Base
import Engine

// Idle connections to a server: the worker's own first, then those of the others.
extension Server {
    /// Whether a connection serves every request alike: where the port follows from the client's connection, it does
    /// not.
    var mayShare: Bool { portOffset == nil }

    /// A connection that waits for a request, now the caller's; nil when none may be had (manual, sections 3.2, 4.2 and
    /// 5.2: `tune.idle-pool.shared`, `http-reuse`, `pool-low-conn`).
    /// - Parameter provenOnly: only one that was used again before, which shows that the server allows it.
    func acquireIdle(provenOnly: Bool = false, on worker: Worker) -> ServerConnection? {
        guard mayShare else { return nil }
        let own = withPool(of: worker) { $0.take(provenOnly: provenOnly, on: worker) }
        if let own, let own { return own }
        return idle.count == 1 ? nil : acquireOthers(provenOnly, worker)
    }

    @inline(never)
    private func acquireOthers(_ provenOnly: Bool, _ worker: Worker) -> ServerConnection? {
        if settings.poolLowConn > 0 && idleCount < settings.poolLowConn { return nil }
        guard let connection = takeOverIdle(provenOnly: provenOnly, by: worker) else { return nil }
        connection.enter(idle[worker.index], at: worker.now)
        return connection
    }

    /// Closes a connection that waits for a request, because descriptors are scarce: the one of this worker that has
    /// waited longest, else one of another worker (manual, section 3.2, `tune.pool-high-fd-ratio`).
    func closeIdle(on worker: Worker) {
        if idle[worker.index].closeOldest() { return }
        takeOverIdle(provenOnly: false, by: worker)?.close(reset: true)
    }

    /// The workers behind this one come first, so that not everyone turns to the same.
    private func takeOverIdle(provenOnly: Bool, by worker: Worker) -> ServerConnection? {
        for step in 1..<max(1, idle.count) {
            let pool = idle[(worker.index + step) % idle.count]
            if let found = pool.takeOver(provenOnly: provenOnly, from: self, by: worker) { return found }
        }
        return nil
    }
}
