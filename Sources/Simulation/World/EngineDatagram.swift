import Base
import CPlatform
import Engine
import Glibc

/// A datagram socket of several threads in an engine world: sends each datagram back to its sender.
final class EngineDatagram: FDHandler {
    let world: EngineWorld
    let address: SocketAddress
    private let fd: Int32
    private let threads: ThreadSet
    private var isPaused = false
    private var isClosed = false
    /// Answers that the socket had no room for.
    private var pending: [(bytes: [UInt8], to: SocketAddress)] = []

    init(_ world: EngineWorld, _ number: Int, _ group: WorkerGroup) {
        self.world = world
        address = SocketAddress(ipv4: 0x7F00_0001, port: UInt16(5300 + number))
        var mask = ThreadSet.none
        for thread in 0..<world.threads where world.dice.chance(3, of: 4) { mask.insert(thread) }
        threads = mask.isEmpty ? .all(world.threads) : mask
        let kernel = group.kernel
        fd = kernel.socket(address.nativeFamily, Int32(SOCK_DGRAM.rawValue), 0)
        super.init()
        if kernel.bind(fd, address) < 0 { world.violation("a datagram socket cannot be bound") }
        let worker = group.workers[0]
        worker.insert(fd, self, kind: .shared, threads: threads)
        worker.want(fd, .read)
    }

    func pause(on worker: Worker) {
        if isClosed || isPaused { return }
        isPaused = true
        worker.stop(fd, .read)
    }

    func resume(on worker: Worker) {
        if isClosed { return }
        isPaused = false
        worker.want(fd, .read)
    }

    func close(on worker: Worker) {
        if isClosed { return }
        isClosed = true
        worker.remove(fd)
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if !threads.contains(worker.index) { world.violation("thread \(worker.index) serves what is not its") }
        if events.contains(.writable) { sendPending(on: worker) }
        var buffer = [UInt8](repeating: 0, count: 2048)
        for _ in 0..<8 {
            if isPaused || isClosed { return }
            var sender = SocketAddress()
            // SAFETY: the buffer has the stated size.
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe worker.kernel.recvfrom(fd, $0.baseAddress!, $0.count, &sender)
            }
            if count < 0 { return worker.cannot(fd, .read) }
            pending.append((Array(buffer[..<count]), sender))
            sendPending(on: worker)
        }
    }

    private func sendPending(on worker: Worker) {
        while let next = pending.first {
            pending.removeFirst()
            // SAFETY: the array is valid inside the closure.
            let count = unsafe next.bytes.withUnsafeBytes {
                unsafe worker.kernel.sendto(fd, $0.baseAddress!, $0.count, next.to)
            }
            if count == -Int(EAGAIN) {
                pending.insert(next, at: 0)
                worker.cannot(fd, .write)
                return worker.want(fd, .write)
            }
        }
        worker.stop(fd, .write)
        // Another thread may have found no room meanwhile.
        if !pending.isEmpty { worker.want(fd, .write) }
    }
}

/// Sends datagrams to an engine, one after another, and expects each back.
final class EngineDatagramClient {
    private let world: EngineWorld
    private let datagram: EngineDatagram
    private let number: Int
    private let key: UInt64

    init(_ world: EngineWorld, _ datagram: EngineDatagram, _ number: Int, _ key: UInt64) {
        self.world = world
        self.datagram = datagram
        self.number = number
        self.key = key
    }

    func run(afterMilliseconds start: Int) {
        world.host.sleep(milliseconds: start)
        var dice = Dice(seed: key, 12)
        let kernel = world.host.kernel
        let fd = kernel.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { _ = kernel.close(fd) }
        for round in 0..<dice.between(1, 12) {
            world.host.sleep(milliseconds: dice.pick([0, 0, 1, 20]))
            let bytes = Pattern(key &+ UInt64(round)).bytes(from: 0, count: dice.between(1, 500))
            // SAFETY: the array is valid inside the closure.
            let sent = unsafe bytes.withUnsafeBytes {
                unsafe kernel.sendto(fd, $0.baseAddress!, $0.count, datagram.address)
            }
            if sent != bytes.count { return world.violation("datagram client \(number): cannot send") }
            guard let answer = receive(fd) else {
                return world.violation("datagram client \(number): no answer to number \(round)")
            }
            world.checked += 1
            world.whole += 1
            if answer != bytes {
                return world.violation("datagram client \(number): another answer to number \(round)")
            }
        }
        // Nothing may come twice.
        world.host.sleep(milliseconds: 50)
        if receiveOnce(fd) != nil { world.violation("datagram client \(number): an answer too many") }
    }

    private func receive(_ fd: Int32) -> [UInt8]? {
        while true {
            if let bytes = receiveOnce(fd) { return bytes }
            if !world.host.wait(fd, .read, milliseconds: world.patienceMilliseconds) { return nil }
        }
    }

    private func receiveOnce(_ fd: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 2048)
        var sender = SocketAddress()
        // SAFETY: the buffer has the stated size.
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe world.host.kernel.recvfrom(fd, $0.baseAddress!, $0.count, &sender)
        }
        return count < 0 ? nil : Array(buffer[..<count])
    }
}

/// A client of an engine's echo: sends a stream and expects it back.
final class EngineClient {
    private let world: EngineWorld
    private let door: EngineDoor
    private let number: Int
    private let key: UInt64

    init(_ world: EngineWorld, _ door: EngineDoor, _ number: Int, _ key: UInt64) {
        self.world = world
        self.door = door
        self.number = number
        self.key = key
    }

    func run(afterMilliseconds start: Int) {
        world.host.sleep(milliseconds: start)
        var dice = Dice(seed: key, 13)
        let count = dice.pick(weighted: [(1, 0), (4, dice.between(1, 300)), (3, dice.between(300, 30_000))])
        let pace = Pace(pieceBytes: dice.pick([0, 0, max(1, count / 5)]), pauseMilliseconds: dice.pick([0, 1, 15]))
        let leaves = dice.chance(1, of: 8)
        // A listener that is closed takes the connections of its backlog with it: then another try.
        for _ in 0..<500 {
            if attempt(count, pace, leaves: leaves) { return }
            if !world.reopens && !world.mayBreak { return world.violation("client \(number): the connection broke") }
            if world.mayBreak { return }
            world.host.sleep(milliseconds: 10)
        }
        world.violation("client \(number): no connection lasts")
    }

    /// False if the connection broke before anything came back.
    private func attempt(_ count: Int, _ pace: Pace, leaves: Bool) -> Bool {
        guard let wire = Wire.connect(world.host, to: door.address, patienceMilliseconds: world.patienceMilliseconds)
        else { return false }
        defer { wire.close(reset: leaves) }
        world.connections += 1
        let pattern = Pattern(key)
        var sending = true
        let sender = world.host.spawn("sender of client \(number)") {
            if wire.send(pattern.bytes(from: 0, count: count), pace: pace) == nil { wire.finish() }
            sending = false
        }
        let limit = leaves ? count / 2 : Int.max
        var seen = 0
        var end: WireEnd?
        while seen < limit {
            if wire.available == 0 {
                end = wire.receive()
                if end != nil { break }
            }
            let bytes = wire.take(wire.available)
            if let place = pattern.firstDifference(in: bytes, at: UInt64(seen)) {
                world.violation("client \(number): byte \(seen + place) is wrong")
                break
            }
            seen += bytes.count
        }
        if end != .end || sending { wire.abandon() }
        world.host.join(sender)
        world.checked += 1
        if end == .timedOut { world.violation("client \(number): waits for ever after \(seen) of \(count) bytes") }
        if leaves { return true }
        if seen == count && end == .end {
            world.whole += 1
            return true
        }
        if seen > 0 && !world.mayBreak { world.violation("client \(number): got \(seen) of \(count) bytes") }
        return seen > 0
    }
}
