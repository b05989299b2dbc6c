import Base
import CPlatform
import Glibc
import Testing

@testable import Engine

/// Accepts on a shared listener, at most `budget` connections a call, and echoes on each connection.
final class EchoListener: FDHandler {
    let accepted = Counter()
    let budget: Int

    init(budget: Int = 4) {
        self.budget = budget
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        for _ in 0..<budget {
            var peer = SocketAddress()
            let connection = Rig.kernel.accept(fd, &peer)
            guard connection >= 0 else {
                worker.cannot(fd, .read)
                worker.countAccept(found: false)
                return
            }
            worker.countAccept(found: true)
            accepted.add()
            worker.insert(connection, EchoConnection(), kind: .stream)
            worker.want(connection, .read)
            worker.may(connection, .read)
        }
    }
}

final class EchoConnection: FDHandler {
    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        let (count, text) = Rig.read(fd)
        if count > 0 {
            Rig.write(fd, text)
            if count < 4096 { worker.cannot(fd, .read) }
        } else if count == Int(-EAGAIN) {
            worker.cannot(fd, .read)
        } else {
            worker.remove(fd)
        }
    }
}

/// Connects again and again, and counts the echoes that came back whole.
final class EchoClient: FDHandler {
    let address: SocketAddress
    let echoes: Counter
    var left: Int
    var rounds = 0

    init(_ address: SocketAddress, connections: Int, echoes: Counter) {
        self.address = address
        self.echoes = echoes
        left = connections
    }

    func connect(on worker: Worker) {
        guard left > 0 else { return }
        left -= 1
        rounds = 0
        let fd = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        precondition(fd >= 0)
        let result = Rig.kernel.connect(fd, address)
        precondition(result >= 0 || result == -EINPROGRESS)
        worker.insert(fd, self, kind: .stream)
        worker.want(fd, .both)
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if events.contains(.writable) && rounds == 0 {
            rounds = 1
            worker.stop(fd, .write)
            Rig.write(fd, "ping 1")
        }
        guard events.contains(.readable) else { return }
        let (count, text) = Rig.read(fd)
        if count == Int(-EAGAIN) { return worker.cannot(fd, .read) }
        precondition(text == "ping \(rounds)")
        echoes.add()
        if rounds < 3 {
            rounds += 1
            worker.cannot(fd, .read)
            Rig.write(fd, "ping \(rounds)")
            return
        }
        worker.remove(fd)
        connect(on: worker)
    }
}

@Suite("WorkerGroup")
struct WorkerGroupTests {
    @Test("threads share a listener and serve their own connections", arguments: [1, 2, 4])
    func sharedListener(threads: Int) throws {
        try echo(.epoll, threads: threads)
    }

    @Test("every poller carries the same work", arguments: Rig.pollers.map(\.choice))
    func everyPoller(choice: PollerChoice) throws {
        try echo(choice, threads: 3)
    }

    func echo(_ choice: PollerChoice, threads: Int, connections: Int = 40) throws {
        let group = try Rig.group(choice, threads: threads)
        let (fd, address) = try Rig.listener()
        let listener = EchoListener()
        let echoes = Counter()
        let expected = threads * connections * 3
        group.workers[0].insert(fd, listener, kind: .listener, threads: .all(threads))
        group.workers[0].want(fd, .read)
        for index in 0..<threads {
            let client = EchoClient(address, connections: connections, echoes: echoes)
            group.workers[0].post(Note { client.connect(on: $0) }, to: index)
        }
        let limit = Rig.kernel.monotonicNanoseconds() + 20_000_000_000
        let watch = Job { job, worker, _ in
            if echoes.value >= expected || Rig.kernel.monotonicNanoseconds() > limit {
                worker.remove(fd)
                group.stop()
            } else {
                worker.schedule(job, at: worker.now.adding(milliseconds: 5))
            }
        }
        group.workers[0].wake(watch)
        try group.start()
        group.runMain()
        #expect(echoes.value == expected)
        #expect(listener.accepted.value == threads * connections)
        #expect(group.table.describe(fd, handlerOwner: nil) == nil, "the listener is out of the table")
        group.table.checkInvariants()
    }
}
