import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// A question of eight bytes: who asked, and which.
struct StressQuestion {
    var bits: UInt64

    init(bits: UInt64) { self.bits = bits }

    init(asker: Int, number: UInt64) { bits = UInt64(asker) << 48 | number }

    var asker: Int { Int(bits >> 48) }
}

/// A datagram socket of several threads: whoever is told of an answer hands it to the thread that asked.
final class StressExchange: FDHandler {
    let stress: DatagramStress
    let threads: ThreadSet
    let fd: Int32
    let routed = Counter()

    init(_ stress: DatagramStress, _ threads: ThreadSet) throws {
        self.stress = stress
        self.threads = threads
        fd = try Rig.datagram().fd
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if !threads.contains(worker.index) {
            stress.rig.complaints.add("served by \(worker.index), outside of the mask")
        }
        for _ in 0..<8 {
            var from = SocketAddress()
            var question = StressQuestion(bits: 0)
            // SAFETY: eight bytes of a local.
            let count = unsafe Rig.kernel.recvfrom(fd, &question, 8, &from)
            if count < 0 { return worker.cannot(fd, .read) }
            if count != 8 || from != stress.serverAddress { stress.rig.complaints.add("\(count) bytes of somebody") }
            routed.add()
            let asker = stress.askers[question.asker]
            worker.post(Note { asker.hear(question, on: $0) }, to: question.asker)
        }
    }
}

/// One worker's part: asks, waits for the answers, and now and then pauses a socket, which somebody else resumes.
final class StressAsker: LoopTask {
    let index: Int
    unowned let stress: DatagramStress
    private var random: Random
    private var number: UInt64 = 0
    /// Questions without an answer yet. Its thread's own: ThreadSanitizer sees an answer that comes elsewhere.
    private var open: Set<UInt64> = []

    init(_ index: Int, _ stress: DatagramStress, seed: UInt64) {
        self.index = index
        self.stress = stress
        random = Random(seed: seed)
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        guard stress.isAsking.load(ordering: .sequentiallyConsistent) else { return stress.awake.add(-1) }
        while open.count < 8 {
            number += 1
            var question = StressQuestion(asker: index, number: number)
            open.insert(question.bits)
            stress.asked.add()
            let exchange = stress.exchanges[random.below(stress.exchanges.count)]
            // SAFETY: eight bytes of a local.
            let sent = unsafe Rig.kernel.sendto(exchange.fd, &question, 8, stress.serverAddress)
            if sent != 8 { stress.rig.complaints.add("cannot ask: \(sent)") }
        }
        let fd = stress.exchanges[random.below(stress.exchanges.count)].fd
        switch random.below(6) {
        case 0:
            worker.stop(fd, .read)
            worker.post(Note { $0.want(fd, .read) }, to: random.below(stress.rig.threads))
        case 1: worker.may(fd, .read)
        default: break
        }
        if random.below(2) == 0 {
            worker.wake(self)
        } else {
            worker.schedule(self, at: worker.now.adding(milliseconds: 1))
        }
    }

    func hear(_ question: StressQuestion, on worker: Worker) {
        if worker.index != index { stress.rig.complaints.add("an answer of \(index) came to \(worker.index)") }
        if open.remove(question.bits) == nil { stress.rig.complaints.add("answered twice, or never asked") }
        stress.answered.add()
    }
}

/// Datagram sockets shared by several threads, whose answers go back to the thread that asked.
final class DatagramStress {
    let rig: StressGroup
    let serverAddress: SocketAddress
    private let server: Int32
    let isAsking = Atomic<Bool>(false)
    let asked = Counter()
    let answered = Counter()
    let awake = Counter()
    private(set) var exchanges: [StressExchange] = []
    private(set) var askers: [StressAsker] = []

    init(_ choice: PollerChoice) throws {
        rig = try StressGroup(choice, threads: 4)
        (server, serverAddress) = try Rig.datagram()
        Caller.makeBlocking(server)
        exchanges = try [ThreadSet.all(4), .all(4), ThreadSet(bits: 0b1010)].map { try StressExchange(self, $0) }
        askers = (0..<rig.threads).map { StressAsker($0, self, seed: rig.random.next()) }
        for exchange in exchanges {
            rig.group.workers[0].insert(exchange.fd, exchange, kind: .shared, threads: exchange.threads)
        }
    }

    /// Sends everything back to where it came from, until a datagram of another length comes.
    private func serve() {
        while true {
            var from = SocketAddress()
            var value: UInt64 = 0
            // SAFETY: eight bytes of a local.
            guard unsafe Rig.kernel.recvfrom(server, &value, 8, &from) == 8 else { return }
            // SAFETY: as above.
            _ = unsafe Rig.kernel.sendto(server, &value, 8, from)
        }
    }

    func run() throws {
        try rig.start()
        let server = try Parallel { [self] in serve() }
        repeat {
            isAsking.store(true, ordering: .sequentiallyConsistent)
            awake.add(rig.threads)
            for asker in askers { rig.group.post(Note { $0.wake(asker) }, to: asker.index) }
            usleep(UInt32(rig.random.below(8000)))
            isAsking.store(false, ordering: .sequentiallyConsistent)
            rig.wait("askers end") { awake.value == 0 }
            rig.everywhere()
            // Wanted once more, by whomever, and touched by nobody else: every answer comes.
            for exchange in exchanges { rig.onAny { $0.want(exchange.fd, .read) } }
            rig.wait("answered: \(answered.value) of \(asked.value)") { answered.value == asked.value }
            if rig.random.below(4) == 0 { rig.rest() }
        } while !rig.isOver
        #expect(answered.value == asked.value && asked.value > 0)
        #expect(exchanges.reduce(0) { $0 + $1.routed.value } == asked.value, "each answer was read once")
        for exchange in exchanges { rig.onAny { $0.remove(exchange.fd) } }
        stopServer()
        server.join()
        rig.finish()
        rig.expectNoComplaints()
    }

    private func stopServer() {
        var last: UInt8 = 0
        // SAFETY: one byte of a local.
        _ = unsafe Rig.kernel.sendto(server, &last, 1, serverAddress)
    }

    deinit { _ = Rig.kernel.close(server) }
}

extension StressTests {
    @Test(
        "A4 A9 D3 D7: of sockets shared by all threads each datagram is read once, and reaches the thread that asked",
        arguments: StressPlan.pollers)
    func datagrams(choice: PollerChoice) throws {
        try DatagramStress(choice).run()
    }
}
