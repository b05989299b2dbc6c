import Base
import Engine

// For simulations and tests: what is left of connections that are over.
extension ProxyRuntime {
    /// What is not as it was before the first connection, a line each; empty when every connection has ended. To be
    /// asked while no worker runs.
    public func leftovers() -> [String] {
        var found: [String] = []
        func note(_ what: String, _ count: Int) {
            if count != 0 { found.append("\(what): \(count)") }
        }
        note("connections", currentConnections)
        note("connections in statistics", Int(clamping: statistics.connections.current))
        for frontend in frontends {
            note("connections of frontend \(frontend.name)", frontend.current)
            for listener in frontend.listeners {
                note("connections of listener \(listener.id) of frontend \(frontend.name)", listener.current)
            }
        }
        for backend in backends {
            note("streams of backend \(backend.name)", backend.current)
            note("streams in the queues of backend \(backend.name)", backend.waitingCount)
            for server in backend.servers {
                note("streams of server \(backend.name)/\(server.name)", server.current)
            }
        }
        for context in contexts {
            note("streams of worker \(context.worker.index)", context.count)
            note("blocks of worker \(context.worker.index)", context.worker.blocksInUse)
        }
        return found
    }

    /// Connections to servers that wait to be used again. To be asked while no worker runs.
    public var idleServerConnections: Int {
        backends.reduce(0) { $0 + $1.servers.reduce(0) { $0 + $1.idleCount } }
    }
}

extension ProxyRuntime {
    /// Takes no more connections until `resumeListeners`; those who come wait in the kernel's backlog. On the thread
    /// of `worker`.
    public func pauseListeners(on worker: Worker) {
        for listener in listeners { listener.suspend(on: worker) }
    }

    /// The other end of `pauseListeners`. On the thread of `worker`.
    public func resumeListeners(on worker: Worker) {
        for listener in listeners { listener.goOn(on: worker) }
    }
}
