import Base
import CPlatform
import Glibc
import Testing

@testable import Engine

/// What every poller owes, on real sockets: run once for each of them.
@Suite("Pollers", .serialized)
struct PollerTests {
    static let all = Rig.pollers.map(\.choice)

    /// A reader that keeps what it read and what it was told.
    final class Reader: FDHandler {
        var text = ""
        var events: [FDEvents] = []
        var end = false

        override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
            self.events.append(events)
            guard events.contains(.readable) else { return }
            let (count, text) = Rig.read(fd)
            if count > 0 { self.text += text }
            if count == 0 {
                end = true
                return worker.stop(fd, .read)
            }
            worker.cannot(fd, .read)
        }
    }

    @Test("readable is reported once for what came, and again for what comes", arguments: all)
    func reading(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        let reader = Reader()
        worker.insert(near, reader, kind: .stream)
        worker.want(near, .read)
        worker.turnOnce()
        #expect(reader.events == [])
        Rig.write(far, "a")
        #expect(Rig.turn(group) { reader.text == "a" })
        for _ in 0..<3 { worker.turnOnce() }
        #expect(reader.events.count == 1)
        Rig.write(far, "b")
        #expect(Rig.turn(group) { reader.text == "ab" })
        worker.remove(near)
        _ = Rig.kernel.close(far)
        worker.turnOnce()
        group.table.checkInvariants()
    }

    @Test("epoll: of one batch, a listener that threads share is served before connections that were ready earlier")
    func listenersFirst() throws {
        let group = try Rig.group(.epoll, threads: 2)
        let worker = group.workers[0]
        let (listening, address) = try Rig.listener()
        let (near, far) = try Rig.pair()
        var served: [Int32] = []
        let note = Handler { fd, _, worker in
            served.append(fd)
            worker.stop(fd, .read)
        }
        worker.insert(near, note, kind: .stream)
        worker.insert(listening, note, kind: .listener)
        worker.want(near, .read)
        worker.want(listening, .read)
        worker.turnOnce()
        #expect(served == [])
        Rig.write(far, "first")
        let client = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #expect([0, -EINPROGRESS].contains(Rig.kernel.connect(client, address)))
        worker.turnOnce()
        #expect(served == [listening, near])
        worker.remove(near)
        worker.remove(listening)
        for fd in [far, client] { _ = Rig.kernel.close(fd) }
        for worker in group.workers { worker.turnOnce() }
        group.table.checkInvariants()
    }

    @Test("a direction that nobody wants is not served, and not lost", arguments: all)
    func notWanted(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        let reader = Reader()
        worker.insert(near, reader, kind: .stream)
        worker.want(near, .read)
        worker.turnOnce()
        worker.stop(near, .read)
        Rig.write(far, "kept")
        for _ in 0..<3 { worker.turnOnce() }
        #expect(reader.events == [])
        worker.want(near, .read)
        #expect(Rig.turn(group) { reader.text == "kept" })
        worker.remove(near)
        _ = Rig.kernel.close(far)
    }

    @Test("writable is reported when there is room again", arguments: all)
    func writing(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        let block = String(repeating: "x", count: 65536)
        var writable = 0
        let handler = Handler { fd, events, worker in
            if events.contains(.writable) {
                writable += 1
                worker.stop(fd, .write)
            }
        }
        worker.insert(near, handler, kind: .stream)
        while Rig.write(near, block) > 0 {}
        worker.cannot(near, .write)
        worker.want(near, .write)
        for _ in 0..<3 { worker.turnOnce() }
        #expect(writable == 0)
        while Rig.read(far, 65536).result > 0 {}
        #expect(Rig.turn(group) { writable == 1 })
        worker.remove(near)
        _ = Rig.kernel.close(far)
    }

    @Test("B12: a short read before the end of the stream does not hide the end", arguments: all)
    func endBehindShortRead(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        let reader = Reader()
        worker.insert(near, reader, kind: .stream)
        worker.want(near, .read)
        worker.turnOnce()
        Rig.write(far, "last words")
        _ = Rig.kernel.close(far)
        #expect(Rig.turn(group) { reader.end })
        #expect(reader.text == "last words")
        worker.remove(near)
    }

    @Test("B8: the end of a connection that we shut down ourselves is no error", arguments: all)
    func ownShutdown(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        let (near, far) = try Rig.pair()
        let reader = Reader()
        worker.insert(near, reader, kind: .stream)
        worker.want(near, .read)
        worker.turnOnce()
        _ = Rig.kernel.shutdown(near, Int32(SHUT_WR))
        _ = Rig.kernel.close(far)
        #expect(Rig.turn(group) { reader.end })
        #expect(!reader.events.contains { $0.contains(.error) })
        worker.remove(near)
    }

    @Test("B8: a refused connection is told to whoever wants to write", arguments: all)
    func refused(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        let (listener, address) = try Rig.listener()
        _ = Rig.kernel.close(listener)
        let fd = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var error = -1
        let handler = Handler { fd, events, worker in
            error = Rig.kernel.getOption(fd, SOL_SOCKET, SO_ERROR)
            worker.stop(fd, .both)
        }
        worker.insert(fd, handler, kind: .stream)
        let result = Rig.kernel.connect(fd, address)
        if result == -EINPROGRESS {
            worker.want(fd, .write)
            #expect(Rig.turn(group) { error == Int(ECONNREFUSED) })
        } else {
            #expect(result == -ECONNREFUSED)
        }
        worker.remove(fd)
    }

    @Test("B2 B13: what was reported of a descriptor does not reach its successor in the batch", arguments: all)
    func sameBatch(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        let pairs = try [Rig.pair(), Rig.pair()]
        var wrong = 0
        var right = 0
        var replaced: Int32 = -1
        let newcomer = Handler { _, _, _ in wrong += 1 }
        for (index, pair) in pairs.enumerated() {
            let other = pairs[1 - index].0
            let handler = Handler { fd, _, worker in
                _ = Rig.read(fd)
                worker.cannot(fd, .read)
                right += 1
                guard replaced < 0 else { return }
                // Another file under the number of the other one, of which this batch holds an event too. In one
                // step, because tests that run beside this one open descriptors.
                worker.remove(other, close: false)
                let source = Rig.kernel.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
                _ = dup2(source, other)
                _ = Rig.kernel.close(source)
                _ = Rig.kernel.setNonBlocking(other, true)
                replaced = other
                worker.insert(other, newcomer, kind: .stream)
                worker.want(other, .read)
            }
            worker.insert(pair.0, handler, kind: .stream)
            worker.want(pair.0, .read)
        }
        worker.turnOnce()
        for pair in pairs { Rig.write(pair.1, "x") }
        for _ in 0..<3 { worker.turnOnce() }
        #expect(right == 1 && wrong == 0)
        #expect(worker.activity.value(.staleGeneration) >= 1)
        for pair in pairs {
            worker.remove(pair.0)
            _ = Rig.kernel.close(pair.1)
        }
    }

    @Test("B1: a number that was closed and opened again is registered again", arguments: all)
    func reusedNumber(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        for kind in [FDKind.stream, .shared] {
            for round in 0..<3 {
                let (near, far) = try Rig.pair()
                let reader = Reader()
                worker.insert(near, reader, kind: kind)
                worker.want(near, .read)
                Rig.write(far, "round \(round)")
                #expect(Rig.turn(group) { reader.text == "round \(round)" })
                worker.remove(near)
                _ = Rig.kernel.close(far)
            }
        }
    }

    @Test("B6: a descriptor that is ready and not wanted lets the thread sleep", arguments: all)
    func noStorm(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        for kind in [FDKind.stream, .shared] {
            let (near, far) = try Rig.pair()
            let reader = Reader()
            worker.insert(near, reader, kind: kind)
            worker.want(near, .read)
            worker.turnOnce()
            worker.stop(near, .read)
            Rig.write(far, "waiting")
            worker.turnOnce()
            worker.turnOnce()
            let events = worker.activity.value(.pollEvents)
            let timer = Job { _, _, _ in }
            worker.schedule(timer, at: worker.now.adding(milliseconds: 15))
            let loops = worker.activity.value(.loops)
            let interruptions = worker.activity.value(.emptyPolls)
            #expect(Rig.turn(group) { timer.deadline == .never })
            let interrupted = worker.activity.value(.emptyPolls) - interruptions
            #expect(worker.activity.value(.loops) - loops < 6 + interrupted, "it slept")
            #expect(worker.activity.value(.pollEvents) - events <= 1)
            worker.remove(near)
            _ = Rig.kernel.close(far)
        }
    }

    @Test("a shared descriptor is reported while it is active, and not after a stop", arguments: all)
    func sharedToggle(_ choice: PollerChoice) throws {
        let group = try Rig.group(choice)
        let worker = group.workers[0]
        let (fd, address) = try Rig.datagram()
        let sender = try Rig.datagram().fd
        let reader = Reader()
        worker.insert(fd, reader, kind: .shared)
        var byte: UInt8 = 65
        for round in 1...3 {
            worker.want(fd, .read)
            // SAFETY: one byte of a local.
            _ = unsafe Rig.kernel.sendto(sender, &byte, 1, address)
            #expect(Rig.turn(group) { reader.text.count == round })
            worker.stop(fd, .read)
            let calls = reader.events.count
            worker.turnOnce()
            #expect(reader.events.count == calls)
        }
        worker.remove(fd)
        _ = Rig.kernel.close(sender)
        group.table.checkInvariants()
    }

    @Test(
        "a turn takes a bounded number of events, and the others come in the next",
        arguments: Rig.ownSets)
    func bounded(_ choice: PollerChoice) throws {
        var options = WorkerGroup.Options()
        options.pollers = choice
        options.maxPollEvents = 4
        options.maxDescriptors = 1024
        let group = try WorkerGroup(options, kernel: Rig.kernel)
        let worker = group.workers[0]
        let pairs = try (0..<10).map { _ in try Rig.pair() }
        var calls = 0
        for pair in pairs {
            let handler = Handler { fd, _, worker in
                _ = Rig.read(fd)
                worker.cannot(fd, .read)
                calls += 1
            }
            worker.insert(pair.0, handler, kind: .stream)
            worker.want(pair.0, .read)
            Rig.write(pair.1, "x")
        }
        worker.turnOnce()
        #expect(calls <= 4)
        #expect(Rig.turn(group) { calls == 10 })
        for pair in pairs {
            worker.remove(pair.0)
            _ = Rig.kernel.close(pair.1)
        }
    }
}
