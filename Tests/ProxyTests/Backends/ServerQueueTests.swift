import Base
import Testing

@testable import Engine
@testable import Proxy

/// Notes the servers that it is granted.
private final class Waiter: QueuedStream {
    private(set) var granted: [String] = []
    override func granted(_ server: Server, ticket: QueueTicket) { granted.append("\(server.name)") }
}

@Suite("The queue of a backend (manual, section 5.2, maxconn)")
struct ServerQueueTests {
    private let group: WorkerGroup
    private let backend: Backend
    private var worker: Worker { group.workers[0] }

    init() throws {
        group = try WorkerGroup(WorkerGroup.Options(), kernel: HostKernel())
        backend = try Backends.make(["maxconn 1"])
    }

    private func ticket(_ waiter: Waiter, _ priority: Int32 = 0, offset: Int32 = 0, of server: Server? = nil)
        -> QueueTicket
    {
        let key = QueueKey(priorityClass: priority, now: worker.now, offsetMilliseconds: offset)
        return QueueTicket(stream: waiter, backend: backend, wanted: server, key: key, worker: worker)
    }

    /// Lets messages arrive.
    private func turn() { worker.turnBriefly() }

    @Test("first come, first served; each is told how many were before")
    func order() {
        let waiters = (0..<3).map { _ in Waiter() }
        let tickets = waiters.map { ticket($0) }
        for ticket in tickets { backend.queue.insert(ticket) }
        #expect(backend.queue.count == 3)
        for index in 0..<3 {
            backend.serveQueue(on: worker)
            turn()
            #expect(waiters.map(\.granted.count) == (0..<3).map { $0 <= index ? 1 : 0 })
            #expect(backend.servers[0].current == 1)
            backend.servers[0].leave()
        }
        #expect(backend.queue.count == 0)
        #expect(tickets.map(\.position) == [1, 2, 3])
    }

    @Test("the class goes before the time, the time with its offset before the order")
    func priorities() {
        let waiters = (0..<5).map { _ in Waiter() }
        let tickets = [
            ticket(waiters[0]), ticket(waiters[1], 7, offset: -524_287), ticket(waiters[2], -2_047, offset: 524_287),
            ticket(waiters[3], offset: -1), ticket(waiters[4]),
        ]
        for ticket in tickets { backend.queue.insert(ticket) }
        var order: [Int] = []
        for _ in tickets {
            backend.serveQueue(on: worker)
            turn()
            order.append(waiters.indices.first { !waiters[$0].granted.isEmpty && !order.contains($0) } ?? -1)
            backend.servers[0].leave()
        }
        #expect(order == [2, 3, 0, 4, 1])
        #expect(tickets.map(\.position) == [3, 5, 1, 2, 4])
    }

    @Test("who waits for a server and who waits for any share its places by their keys")
    func ownQueue() {
        let server = backend.servers[0]
        #expect(server.reserve(limit: 1))
        let any = Waiter(), bound = Waiter(), late = Waiter()
        let tickets = [ticket(any), ticket(bound, -1, of: server), ticket(late, 1, of: server)]
        for ticket in tickets { ticket.queue.insert(ticket) }
        #expect(backend.queue.count == 1 && server.queue.count == 2 && backend.waitingCount == 3)
        var order: [[Int]] = []
        for _ in tickets {
            backend.release(server, on: worker)
            turn()
            order.append([any, bound, late].map(\.granted.count))
        }
        #expect(order == [[0, 1, 0], [1, 1, 0], [1, 1, 1]])
        #expect(backend.waitingCount == 0)
    }

    @Test("a place that is given back goes to the first who waits")
    func release() {
        #expect(backend.servers[0].reserve(limit: 1))
        let waiter = Waiter()
        let mine = ticket(waiter)
        backend.queue.insert(mine)
        backend.serveQueue(on: worker)
        turn()
        #expect(waiter.granted.isEmpty)
        backend.release(backend.servers[0], on: worker)
        turn()
        #expect(waiter.granted == ["s0"])
        #expect(backend.servers[0].current == 1)
    }

    @Test("who leaves the queue is passed over, from any place in it")
    func removal() {
        let waiters = (0..<200).map { _ in Waiter() }
        let tickets = waiters.map { ticket($0) }
        for ticket in tickets { backend.queue.insert(ticket) }
        for index in 0..<200 where index % 3 != 0 { #expect(backend.queue.remove(tickets[index])) }
        #expect(!backend.queue.remove(tickets[1]), "it is not there any more")
        #expect(backend.queue.count == 67)
        for _ in 0..<67 {
            backend.serveQueue(on: worker)
            turn()
            backend.servers[0].leave()
        }
        #expect(waiters.indices.allSatisfy { waiters[$0].granted.count == ($0 % 3 == 0 ? 1 : 0) })
        #expect(backend.queue.count == 0)
    }

    @Test("a grant to one who has left meanwhile gives the place back, and on to the next")
    func grantToOneWhoLeft() {
        let first = Waiter(), second = Waiter()
        let tickets = [ticket(first), ticket(second)]
        for ticket in tickets { backend.queue.insert(ticket) }
        backend.serveQueue(on: worker)
        #expect(!backend.queue.remove(tickets[0]), "the grant is on its way")
        tickets[0].stream = nil
        turn()
        turn()
        #expect(first.granted.isEmpty)
        #expect(second.granted == ["s0"])
        #expect(backend.servers[0].current == 1)
    }

    @Test("new streams wait behind those who wait already")
    func noOvertaking() {
        let waiter = Waiter()
        let mine = ticket(waiter)
        backend.queue.insert(mine)
        guard case .full = backend.assign() else {
            Issue.record("it was served before one who came earlier")
            return
        }
        #expect(backend.servers[0].current == 0)
    }
}
