import Base
import Configuration
import DequeModule
import Engine
import Synchronization

/// A stream's place in a backend's queue. It travels back to the stream's worker as a message when a server is free.
///
/// Thread-safety: `state` and the links are the queue's, under its lock; the rest is the stream's.
final class QueueTicket: Message {
    enum State { case idle, waiting, granted }

    /// The stream that waits; nil once it has lost interest.
    weak var stream: QueuedStream?
    fileprivate(set) var server: Server?
    fileprivate var state = State.idle
    fileprivate let workerIndex: Int
    let backend: Backend

    init(stream: QueuedStream, backend: Backend, worker: Worker) {
        self.stream = stream
        self.backend = backend
        self.workerIndex = worker.index
        super.init()
    }

    override func deliver(on worker: Worker) {
        guard let server else { return }
        if let stream {
            stream.granted(server, ticket: self)
        } else {
            backend.release(server, on: worker)
        }
    }
}

/// Who waits in a queue: told, on its own worker, that it has a place on a server.
class QueuedStream: TransportConsumer {
    func granted(_ server: Server, ticket: QueueTicket) {}
}

/// Streams that wait for a server of a backend, first come, first served (manual, section 5.2, `maxconn`).
///
/// Thread-safety: any thread. No system call is made under the lock.
final class ServerQueue {
    private let lock = Mutex<Void>(())
    /// Touched under the lock only.
    private var line = Deque<QueueTicket>()
    private let length = Atomic<Int>(0)

    /// How many wait.
    var count: Int { length.load(ordering: .sequentiallyConsistent) }

    /// Puts a ticket at the end. Returns how many were before it.
    func append(_ ticket: QueueTicket) -> Int {
        lock.withLock { _ in
            ticket.state = .waiting
            line.append(ticket)
            return length.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
        }
    }

    /// Takes a ticket out. False if it was granted meanwhile: then its message is on the way, and finds no stream.
    func remove(_ ticket: QueueTicket) -> Bool {
        lock.withLock { _ in
            guard ticket.state == .waiting else { return false }
            if let place = line.firstIndex(where: { $0 === ticket }) { line.remove(at: place) }
            ticket.state = .idle
            length.wrappingSubtract(1, ordering: .acquiringAndReleasing)
            return true
        }
    }

    /// Gives the first who waits a place on the server, which the caller has reserved. False if nobody waits.
    func grantFirst(_ server: Server, by worker: Worker) -> Bool {
        var granted: QueueTicket?
        lock.withLock { _ in
            guard let first = line.popFirst() else { return }
            first.state = .granted
            first.server = server
            length.wrappingSubtract(1, ordering: .acquiringAndReleasing)
            granted = first
        }
        guard let granted else { return false }
        worker.post(granted, to: granted.workerIndex)
        return true
    }
}
