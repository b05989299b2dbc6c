import Base
import Configuration
import DequeModule
import Engine
import Synchronization

/// Where a stream stands among those that wait: lower keys are served first, equal ones in the order they came
/// (manual, section 4.2, `set-priority-class`, `set-priority-offset`).
struct QueueKey: Comparable {
    private let value: Int64

    /// - Parameters:
    ///   - priorityClass: -2047 to 2047; it outweighs any time.
    ///   - now: when the stream began to wait.
    ///   - offsetMilliseconds: added to that time; -524287 to 524287.
    init(priorityClass: Int32 = 0, now: Ticks, offsetMilliseconds: Int32 = 0) {
        // 2^51 milliseconds are longer than any process lives.
        let time = Int64(clamping: now.milliseconds & (1 << 51 - 1)) + Int64(offsetMilliseconds)
        value = Int64(priorityClass) << 52 + time
    }

    static func < (left: QueueKey, right: QueueKey) -> Bool { left.value < right.value }
}

/// A stream's place in a queue. It travels back to the stream's worker as a message when a server is free.
///
/// Thread-safety: `state`, the counts and the links are the queue's, under its lock; the rest is the stream's.
final class QueueTicket: Message {
    enum State { case idle, waiting, granted }

    /// The stream that waits; nil once it has lost interest.
    weak var stream: QueuedStream?
    fileprivate(set) var server: Server?
    fileprivate var state = State.idle
    fileprivate let workerIndex: Int
    let backend: Backend
    /// The server that it waits for; nil: any of the backend.
    let wanted: Server?
    let key: QueueKey
    /// How many its queue had served when it came.
    fileprivate var servedBefore = 0
    /// How many its queue has served since, itself included; once it is granted.
    fileprivate(set) var position = 0

    init(stream: QueuedStream, backend: Backend, wanted: Server? = nil, key: QueueKey, worker: Worker) {
        self.stream = stream
        self.backend = backend
        self.wanted = wanted
        self.key = key
        self.workerIndex = worker.index
        super.init()
    }

    /// The queue that it stands in.
    var queue: ServerQueue { wanted?.queue ?? backend.queue }

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

/// Streams that wait for any server of a backend, or for a certain one, by their keys (manual, section 5.2, `maxconn`).
///
/// Thread-safety: any thread. No system call is made under the lock.
final class ServerQueue {
    private let lock = Mutex<Void>(())
    /// In the order of their keys. Touched under the lock only.
    private var line = Deque<QueueTicket>()
    private var served = 0
    private let length = Atomic<Int>(0)

    /// How many wait.
    var count: Int { length.load(ordering: .sequentiallyConsistent) }

    /// The key of whoever is next; nil: nobody waits.
    var firstKey: QueueKey? { lock.withLock { _ in line.first?.key } }

    /// Puts a ticket behind those whose keys are not higher.
    func insert(_ ticket: QueueTicket) {
        lock.withLock { _ in
            ticket.state = .waiting
            ticket.servedBefore = served
            if let last = line.last, ticket.key < last.key {
                line.insert(ticket, at: firstIndex(above: ticket.key))
            } else {
                line.append(ticket)
            }
            length.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }
    }

    /// The first place whose key is higher; the lock is held.
    private func firstIndex(above key: QueueKey) -> Int {
        var low = 0, high = line.count
        while low < high {
            let middle = (low + high) / 2
            if key < line[middle].key { high = middle } else { low = middle + 1 }
        }
        return low
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
            served &+= 1
            first.state = .granted
            first.server = server
            first.position = served &- first.servedBefore
            length.wrappingSubtract(1, ordering: .acquiringAndReleasing)
            granted = first
        }
        guard let granted else { return false }
        worker.post(granted, to: granted.workerIndex)
        return true
    }
}
