import Base
import Buffers
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// Echoes with back-pressure: what cannot be sent stops the receiving. It has no state, so one serves all connections.
final class StormEcho: TransportConsumer {
    let ends = Counter()
    let breaks = Counter()
    let open = Counter()

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        transport.send(chunk)
        switch transport.flush() {
        case .done: transport.receive(credit: 10_000)
        case .pending: transport.receive(credit: 0)
        case .failed: close(transport, breaks)
        }
    }

    override func transportDrained(_ transport: Transport) { transport.receive(credit: 10_000) }

    override func transportReceivedEnd(_ transport: Transport) { close(transport, ends) }

    override func transport(_ transport: Transport, failed error: SystemError) { close(transport, breaks) }

    private func close(_ transport: Transport, _ counter: Counter) {
        counter.add()
        open.add(-1)
        transport.close()
    }
}

final class StormDoor: FDHandler {
    let echo: StormEcho
    let complaints: Complaints

    init(_ echo: StormEcho, _ complaints: Complaints) {
        self.echo = echo
        self.complaints = complaints
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        for _ in 0..<4 {
            var peer = SocketAddress()
            let connection = Rig.kernel.accept(fd, &peer)
            guard connection >= 0 else {
                if connection != -EAGAIN { complaints.add("accept failed: \(connection)") }
                return worker.cannot(fd, .read)
            }
            echo.open.add()
            worker.makeTransport(accepted: connection, consumer: echo).receive(credit: 10_000)
        }
    }
}

/// What a client of the storm does.
enum StormAct: Int, CaseIterable {
    case close, reset, sendAndReset, sendAndClose, readSomeAndReset, readSomeAndClose, shutBoth, halfClose,
        largeHalfClose
}

/// Clients that end their connections in every way, at every moment.
final class ResetStorm {
    let rig: StressGroup
    let echo = StormEcho()
    let door: (fd: Int32, address: SocketAddress)
    let whole = Counter()
    let calls = Counter()

    init(_ choice: PollerChoice) throws {
        rig = try StressGroup(choice, threads: 3)
        door = try Rig.listener(backlog: 512)
        // Little room to send, so that echoes are left pending.
        _ = Rig.kernel.setOption(door.fd, SOL_SOCKET, SO_SNDBUF, 8192)
        let worker = rig.group.workers[0]
        worker.insert(door.fd, StormDoor(echo, rig.complaints), kind: .listener, threads: .all(3))
        worker.want(door.fd, .read)
    }

    func run() throws {
        try rig.start()
        let callers = try (0..<3).map { index in
            var random = Random(seed: rig.random.next())
            return try Parallel { [self] in
                // The last of them is one that proves something.
                repeat { call(StormAct.allCases[random.below(StormAct.allCases.count)], &random) } while !rig.isOver
                call(.halfClose, &random)
            }
        }
        rig.wait("clients end") { callers.allSatisfy(\.hasEnded) }
        for caller in callers { caller.join() }
        rig.wait("\(echo.open.value) connections end") { echo.open.value == 0 }
        // Nobody turns because of what is over.
        rig.rest()
        rig.onAny { [door] in $0.remove(door.fd) }
        rig.finish()
        #expect(whole.value >= 3)
        rig.expectNoComplaints()
    }

    private func call(_ act: StormAct, _ random: inout Random) {
        guard let caller = Caller(door.address) else { return rig.complaints.add("cannot connect") }
        calls.add()
        let count = 1 + random.below(act == .largeHalfClose ? 200_000 : 20_000)
        let mine = StressBytes.from(0, count)
        switch act {
        case .close: break
        case .reset: return caller.reset()
        case .sendAndReset:
            _ = StressBytes.send(caller.fd, mine[...])
            return caller.reset()
        case .sendAndClose: _ = StressBytes.send(caller.fd, mine[...])
        case .readSomeAndReset, .readSomeAndClose:
            _ = StressBytes.send(caller.fd, mine[...])
            _ = StressBytes.receive(caller.fd, 1 + random.below(count))
            if act == .readSomeAndReset { return caller.reset() }
        case .shutBoth: _ = Rig.kernel.shutdown(caller.fd, Int32(SHUT_RDWR))
        case .halfClose, .largeHalfClose: exchange(caller, mine, &random)
        }
    }

    /// Sends all, ends its side, and expects all of it back, and then the end.
    private func exchange(_ caller: borrowing Caller, _ mine: [UInt8], _ random: inout Random) {
        let fd = caller.fd
        _ = Rig.kernel.setNonBlocking(fd, true)
        var sent = 0
        var back = 0
        var hasEnded = false
        rig.wait("\(mine.count) bytes go to and fro, \(sent) went, \(back) came") {
            if sent < mine.count {
                let went = StressBytes.send(fd, mine[sent...])
                if went < 0 && went != Int(-EAGAIN) { rig.complaints.add("cannot send: \(went)") }
                sent += max(0, went)
                if sent == mine.count { _ = Rig.kernel.shutdown(fd, Int32(SHUT_WR)) }
            }
            // A slow reader, now and then.
            if random.below(8) == 0 { return false }
            let (came, bytes) = StressBytes.receive(fd, 30_000)
            if came == Int(-EAGAIN) { return false }
            if came > 0 {
                if bytes.prefix(came) != mine[back..<min(mine.count, back + came)] { rig.complaints.add("other bytes") }
                back += came
                return false
            }
            if came < 0 { rig.complaints.add("the echo broke: \(came)") }
            hasEnded = true
            return true
        }
        if hasEnded && back == mine.count && sent == back { return whole.add() }
        rig.complaints.add("\(back) of \(mine.count) bytes came back")
    }
}

extension StressTests {
    @Test(
        "B6 B8 B12: connections reset, closed and half closed at every moment end, and half closed ones get all",
        arguments: StressPlan.pollers)
    func resets(choice: PollerChoice) throws {
        try ResetStorm(choice).run()
    }
}
