import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// A datagram socket of several threads that counts the markers it receives.
final class MarkerSocket: FDHandler {
    /// The highest marker seen so far.
    let seen = Atomic<Int>(0)
    let calls = Counter()

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        calls.add()
        for _ in 0..<64 {
            var from = SocketAddress()
            var value: Int = 0
            // SAFETY: eight bytes of a local.
            let count = unsafe Rig.kernel.recvfrom(fd, &value, 8, &from)
            if count < 0 { return worker.cannot(fd, .read) }
            if count == 8 { seen.max(value, ordering: .sequentiallyConsistent) }
        }
    }
}

/// Accepts what comes and closes it.
final class Turnstile: FDHandler {
    let accepted = Counter()

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        for _ in 0..<4 {
            var peer = SocketAddress()
            let connection = Rig.kernel.accept(fd, &peer)
            if connection < 0 { return worker.cannot(fd, .read) }
            accepted.add()
            _ = Rig.kernel.close(connection)
        }
    }
}

/// Shared descriptors that every thread turns on and off, removes and inserts again; and in between, with every thread
/// asleep, proof that nothing was lost: turned on once by one thread, each receives what is sent to it.
final class SharedUpdateStress {
    struct Socket {
        var fd: Int32
        var address: SocketAddress
        var handler: MarkerSocket
        var threads: ThreadSet
    }

    let group: WorkerGroup
    let threads: Int
    let toggling = Atomic<Bool>(false)
    let resting = Counter()
    let turnstile = Turnstile()
    /// Changed by worker 0 only, while the others rest.
    var sockets: [Socket] = []
    let listener: (fd: Int32, address: SocketAddress)
    let sender: Int32
    var random = Random(seed: 1)
    var phase = 0
    var marker = 0
    var failures: [String] = []
    var connected = 0

    init(_ choice: PollerChoice, threads: Int) throws {
        group = try Rig.group(choice, threads: threads)
        self.threads = threads
        listener = try Rig.listener()
        sender = try Rig.datagram().fd
        let worker = group.workers[0]
        worker.insert(listener.fd, turnstile, kind: .listener, threads: .all(threads))
        let masks: [ThreadSet] = [.all(threads), .single(threads - 1), ThreadSet(bits: 0b110), .single(0)]
        for mask in masks {
            let (fd, address) = try Rig.datagram()
            let socket = Socket(fd: fd, address: address, handler: MarkerSocket(), threads: mask)
            worker.insert(fd, socket.handler, kind: .shared, threads: mask)
            sockets.append(socket)
        }
    }

    func send(_ value: Int, to socket: Socket) {
        var value = value
        // SAFETY: eight bytes of a local.
        _ = unsafe Rig.kernel.sendto(sender, &value, 8, socket.address)
    }

    /// One worker's part: random verbs on random descriptors, turn after turn while toggling lasts.
    func makeToggler(_ index: Int) -> Job {
        var random = Random(seed: UInt64(index + 100))
        return Job { [self] job, worker, _ in
            guard toggling.load(ordering: .sequentiallyConsistent) else { return resting.add() }
            for _ in 0..<8 {
                let choice = random.below(sockets.count + 1)
                let fd = choice == sockets.count ? listener.fd : sockets[choice].fd
                switch random.below(5) {
                case 0, 1: worker.stop(fd, .read)
                case 2, 3: worker.want(fd, .read)
                default: if choice < sockets.count { send(0, to: sockets[choice]) }
                }
            }
            worker.wake(job)
        }
    }

    /// The conductor on worker 0: toggle, let everybody rest, prove, replace some sockets, again.
    func run(phases: Int) throws {
        let togglers = (0..<threads).map(makeToggler)
        func startToggling(_ worker: Worker) {
            toggling.store(true, ordering: .sequentiallyConsistent)
            for index in 0..<threads {
                worker.post(Note { $0.wake(togglers[index]) }, to: index)
            }
        }
        var step = 0
        var limit: UInt64 = 0
        let conductor = Job { [self] job, worker, _ in
            let clock = Rig.kernel.monotonicNanoseconds()
            switch step {
            case 0:
                startToggling(worker)
                limit = clock + 15_000_000
                step = 1
            case 1 where clock > limit:
                toggling.store(false, ordering: .sequentiallyConsistent)
                limit = clock + 10_000_000_000
                step = 2
            case 2 where resting.value == (phase + 1) * threads:
                // Everybody is on the way to sleep, and no timer but this one will wake anybody.
                limit = clock + 3_000_000
                step = 3
            case 3 where clock > limit:
                prove(on: worker)
                limit = clock + 10_000_000_000
                step = 4
            case 4 where proven:
                phase += 1
                replaceSome(on: worker)
                step = phase == phases ? 5 : 0
            case 5: return group.stop()
            default:
                if clock > limit && (step == 2 || step == 4) {
                    failures.append("phase \(phase), step \(step): \(complaint)")
                    return group.stop()
                }
                if step == 4 { sendAgain() }
            }
            worker.schedule(job, at: worker.now.adding(milliseconds: 1))
        }
        group.workers[0].wake(conductor)
        try group.start()
        group.runMain()
    }

    /// Turns everything on from this thread, which is in some of the masks only, and then sends to each.
    func prove(on worker: Worker) {
        marker += 1
        for socket in sockets {
            worker.want(socket.fd, .read)
            send(marker, to: socket)
        }
        worker.want(listener.fd, .read)
        let connection = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = Rig.kernel.connect(connection, listener.address)
        _ = Rig.kernel.close(connection)
        connected += 1
    }

    var proven: Bool {
        turnstile.accepted.value == connected
            && sockets.allSatisfy { $0.handler.seen.load(ordering: .sequentiallyConsistent) == marker }
    }

    /// A buffer that was full of what came while nobody listened has dropped the marker.
    func sendAgain() {
        for socket in sockets where socket.handler.seen.load(ordering: .sequentiallyConsistent) != marker {
            send(marker, to: socket)
        }
    }

    var complaint: String {
        let deaf = sockets.filter { $0.handler.seen.load(ordering: .sequentiallyConsistent) != marker }.map(\.fd)
        let slots = group.table.descriptions().filter { deaf.contains($0.fd) || $0.fd == listener.fd }
        return "accepted \(turnstile.accepted.value) of \(connected), deaf: \(deaf), \(slots)"
    }

    /// Closes a socket and opens another one at once, mostly under the same number.
    func replaceSome(on worker: Worker) {
        for index in sockets.indices where random.below(2) == 0 {
            let mask = sockets[index].threads
            worker.remove(sockets[index].fd)
            guard let (fd, address) = try? Rig.datagram() else { return failures.append("no socket") }
            sockets[index] = Socket(fd: fd, address: address, handler: MarkerSocket(), threads: mask)
            sockets[index].handler.seen.store(marker, ordering: .sequentiallyConsistent)
            worker.insert(fd, sockets[index].handler, kind: .shared, threads: mask)
        }
    }

    func finish() {
        for socket in sockets { group.workers[0].remove(socket.fd) }
        group.workers[0].remove(listener.fd)
        _ = Rig.kernel.close(sender)
    }
}

@Suite("Shared updates under stress", .serialized)
struct SharedUpdateStressTests {
    @Test(
        "A1 A4 A8 A9 B1 D7: shared descriptors toggled by every thread lose no update",
        arguments: Rig.pollers.map(\.choice))
    func toggling(choice: PollerChoice) throws {
        let stress = try SharedUpdateStress(choice, threads: 4)
        // One takes some twenty milliseconds.
        let phases = max(12, Int(StressPlan.seconds * 40))
        try stress.run(phases: phases)
        #expect(stress.failures == [])
        #expect(stress.phase == phases)
        stress.finish()
        stress.group.table.checkInvariants()
        #expect(stress.group.table.updateList.isEmpty)
    }
}
