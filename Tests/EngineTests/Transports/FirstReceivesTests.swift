import Base
import Buffers
import CPlatform
import Glibc
import Testing

@testable import Engine

/// Counts what is asked of epoll about streams, and receives.
// SAFETY: Sendable because each test uses its own on one thread.
private final class CountingKernel: HostKernel, @unchecked Sendable {
    var registrations: [Int32] = []
    var receives: [Int32] = []

    override func epollControl(
        _ poller: Int32, _ operation: Int32, _ fd: Int32, _ events: UInt32, _ token: UInt64
    ) -> Int32 {
        registrations.append(fd)
        return super.epollControl(poller, operation, fd, events, token)
    }

    override func recv(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        receives.append(fd)
        return unsafe super.recv(fd, buffer, count)
    }
}

/// Keeps what it is told.
private final class Transcript: TransportConsumer {
    var text = ""
    /// Nothing more is wanted behind the first bytes.
    var pauses = false

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        // SAFETY: the bytes are copied while the chunk lives.
        unsafe text += String(decoding: chunk.bytes, as: UTF8.self)
        if pauses { transport.receive(credit: 0) }
    }
}

@Suite("Receiving before the poller is asked, and sending without delay")
struct FirstReceivesTests {
    private let kernel = CountingKernel()
    private let group: WorkerGroup
    private let consumer = Transcript()
    private var worker: Worker { group.workers[0] }

    init() throws {
        var options = WorkerGroup.Options()
        options.maxDescriptors = 1024
        options.pollers = .epoll
        group = try WorkerGroup(options, kernel: kernel)
        worker.turnOnce()
    }

    private func registrations(of fd: Int32) -> Int { kernel.registrations.count { $0 == fd } }

    private func send(_ text: String, on transport: Transport) {
        guard var chunk = worker.pool.take() else { return }
        chunk.append(Array(text.utf8))
        transport.send(chunk)
        #expect(transport.flush() == .done)
    }

    @Test("who has spoken already is heard, answered and closed without a call to the poller")
    func unregistered() throws {
        let (near, far) = try Rig.pair()
        Rig.write(far, "request")
        let transport = worker.makeTransport(accepted: near, consumer: consumer)
        consumer.pauses = true
        transport.receive(credit: 100)
        worker.turnOnce()
        #expect(consumer.text == "request")
        send("response", on: transport)
        worker.turnOnce()
        transport.close()
        #expect(Rig.read(far).text == "response")
        #expect(registrations(of: near) == 0 && kernel.receives == [near])
        _ = Rig.kernel.close(far)
    }

    @Test("who has not spoken is waited for, and what comes later is not missed")
    func registeredAfterAll() throws {
        let (near, far) = try Rig.pair()
        let transport = worker.makeTransport(accepted: near, consumer: consumer)
        transport.receive(credit: 100)
        worker.turnOnce()
        #expect(kernel.receives == [near] && registrations(of: near) == 1)
        Rig.write(far, "late")
        worker.turnOnce()
        #expect(consumer.text == "late")
        Rig.write(far, "r")
        worker.turnOnce()
        #expect(consumer.text == "later" && registrations(of: near) == 1)
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("B12: an end behind the first bytes is seen once there is credit again")
    func endBehindFirstBytes() throws {
        let (near, far) = try Rig.pair()
        Rig.write(far, "last")
        _ = Rig.kernel.close(far)
        let transport = worker.makeTransport(accepted: near, consumer: consumer)
        transport.receive(credit: 100)
        var turns = 0
        while consumer.text.isEmpty || turns < 3 {
            worker.turnOnce()
            turns += 1
            if turns > 100 { break }
        }
        #expect(consumer.text == "last" && transport.credit == 0, "the end takes the credit")
        transport.close()
    }

    @Test("whether bytes lie unread behind a request is the socket's to say while the poller does not know it")
    func unread() throws {
        let (near, far) = try Rig.pair()
        Rig.write(far, "request")
        let transport = worker.makeTransport(accepted: near, consumer: consumer)
        consumer.pauses = true
        transport.receive(credit: 100)
        worker.turnOnce()
        #expect(!transport.holdsUnreadBytes(asking: true))
        Rig.write(far, "more")
        #expect(transport.holdsUnreadBytes(asking: true))
        #expect(!transport.holdsUnreadBytes(asking: false), "not known without asking")
        transport.receive(credit: 100)
        worker.turnOnce()
        worker.turnOnce()
        #expect(consumer.text == "requestmore")
        Rig.write(far, "still more")
        worker.turnOnce()
        #expect(transport.holdsUnreadBytes(asking: false), "the poller has said so")
        transport.close()
        _ = Rig.kernel.close(far)
    }

    @Test("tries end when they find nothing, are made now and then, and go on when they find something again")
    func pace() {
        var pace = FirstReceives()
        var tries = 0
        while pace.isWorthATry() && tries < 100 {
            pace.tried(found: false)
            tries += 1
        }
        #expect(tries == 8)
        var probes = 0
        for _ in 0..<(4 * FirstReceives.probeInterval) where pace.isWorthATry() {
            pace.tried(found: false)
            probes += 1
        }
        #expect(probes == 4)
        while !pace.isWorthATry() {}
        pace.tried(found: true)
        var successes = 0
        while successes < 100 && pace.isWorthATry() {
            pace.tried(found: true)
            successes += 1
        }
        #expect(successes == 100)
        pace.tried(found: false)
        let goesOn = pace.isWorthATry()
        #expect(goesOn, "one that finds nothing among many ends nothing")
    }

    @Test("a connection to a server gets TCP_NODELAY when it sends twice without an answer between, not before")
    func delay() throws {
        let (listener, address) = try Rig.listener()
        defer { _ = kernel.close(listener) }
        let fd = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let transport = try worker.connect(fd, to: address, consumer: consumer)
        transport.preventSendDelay()
        var peer = SocketAddress()
        var far: Int32 = -1
        #expect(
            Rig.turn(group) {
                if far < 0 { far = kernel.accept(listener, &peer) }
                return far >= 0 && transport.isConnected
            })
        func hasNoDelay() -> Bool { kernel.getOption(fd, Int32(IPPROTO_TCP), TCP_NODELAY) == 1 }
        for _ in 0..<3 {
            send("request", on: transport)
            Rig.write(far, "response")
            transport.receive(credit: 100)
            #expect(Rig.turn(group) { consumer.text == "response" })
            consumer.text = ""
            #expect(!hasNoDelay())
        }
        send("a head", on: transport)
        #expect(!hasNoDelay())
        send("a body", on: transport)
        #expect(hasNoDelay())
        transport.close()
        _ = kernel.close(far)
    }
}
