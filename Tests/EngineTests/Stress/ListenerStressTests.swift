import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// A listener of several threads, which answers each connection's eight bytes with the same and closes.
final class StressDoor: FDHandler {
    let fd: Int32
    let address: SocketAddress
    let threads: ThreadSet
    let complaints: Complaints
    let accepted = Counter()
    let answered = Counter()
    /// Connections that are in the table.
    let inside = Counter()

    init(_ threads: ThreadSet, _ complaints: Complaints) throws {
        (fd, address) = try Rig.listener(backlog: 512)
        self.threads = threads
        self.complaints = complaints
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if fd != self.fd { complaints.add("the door of \(self.fd) is asked about \(fd)") }
        if !threads.contains(worker.index) { complaints.add("served by \(worker.index), outside of the mask") }
        for _ in 0..<4 {
            var peer = SocketAddress()
            let connection = Rig.kernel.accept(fd, &peer)
            guard connection >= 0 else {
                if connection != -EAGAIN { complaints.add("accept failed: \(connection)") }
                return worker.cannot(fd, .read)
            }
            accepted.add()
            inside.add()
            worker.insert(connection, StressGuest(self, worker), kind: .stream)
            worker.want(connection, .read)
            worker.may(connection, .read)
        }
    }
}

/// One accepted connection.
final class StressGuest: FDHandler {
    private let door: StressDoor
    private let home: Worker
    private var value: UInt64 = 0
    private var isGone = false

    init(_ door: StressDoor, _ home: Worker) {
        self.door = door
        self.home = home
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if isGone || worker !== home { return door.complaints.add("an event of \(fd) after its end, or elsewhere") }
        // SAFETY: eight bytes of this object; they come in one piece, as they were sent.
        let count = unsafe Rig.kernel.recv(fd, &value, 8)
        if count == Int(-EAGAIN) { return worker.cannot(fd, .read) }
        if count == 8, unsafe Rig.kernel.send(fd, &value, 8, more: false) == 8 { door.answered.add() }
        isGone = true
        worker.remove(fd)
        door.inside.add(-1)
    }
}

/// Listeners that workers, inside and outside of their masks, pause and resume while clients connect.
final class ListenerStress {
    let stress: StressGroup
    let doors: [StressDoor]
    let isToggling = Atomic<Bool>(false)
    let toggling = Counter()
    let callers = Counter()
    let connected = Counter()

    init(_ choice: PollerChoice) throws {
        let stress = try StressGroup(choice, threads: 4)
        self.stress = stress
        let masks: [ThreadSet] = [.all(4), ThreadSet(bits: 0b0110), .single(3)]
        doors = try masks.map { try StressDoor($0, stress.complaints) }
        let worker = stress.group.workers[0]
        for door in doors {
            worker.insert(door.fd, door, kind: .listener, threads: door.threads)
            worker.want(door.fd, .read)
        }
    }

    /// One worker's pauses and resumptions, in a row or with sleep between them, while toggling lasts.
    private func startToggling() {
        isToggling.store(true, ordering: .sequentiallyConsistent)
        toggling.add(stress.threads)
        for index in 0..<stress.threads {
            var random = Random(seed: stress.random.next())
            let toggler = Job { [self] job, worker, _ in
                guard isToggling.load(ordering: .sequentiallyConsistent) else { return toggling.add(-1) }
                for _ in 0..<1 + random.below(4) {
                    let fd = doors[random.below(doors.count)].fd
                    if random.below(2) == 0 { worker.stop(fd, .read) } else { worker.want(fd, .read) }
                }
                if random.below(3) == 0 {
                    worker.schedule(job, at: worker.now.adding(milliseconds: 1))
                } else {
                    worker.wake(job)
                }
            }
            stress.group.post(Note { $0.wake(toggler) }, to: index)
        }
    }

    private func stopToggling() {
        isToggling.store(false, ordering: .sequentiallyConsistent)
        stress.wait("togglers end") { toggling.value == 0 }
    }

    /// A thread of clients: some connections at once, one by one answered.
    private func makeCallers(_ seed: UInt64) throws -> Parallel {
        callers.add()
        return try Parallel { [self] in
            var random = Random(seed: seed)
            var number = UInt64(seed) << 32
            while !stress.isOver {
                let door = doors[random.below(doors.count)]
                number += 1
                call(door, number, random.below(3))
            }
            callers.add(-1)
        }
    }

    /// Connects, and `deeper` times more before the answer is awaited.
    private func call(_ door: StressDoor, _ number: UInt64, _ deeper: Int) {
        guard let caller = Caller(door.address) else { return stress.complaints.add("cannot connect") }
        connected.add()
        if !caller.send(number) { stress.complaints.add("cannot send") }
        if deeper > 0 { call(door, number + 1_000_000, deeper - 1) }
        let answer = caller.receive()
        if answer != number { stress.complaints.add("\(number) was answered by \(answer.map(String.init) ?? "none")") }
    }

    func run() throws {
        try stress.start()
        let threads = try (1...2).map { try makeCallers(UInt64($0)) }
        var paused = 0
        repeat {
            startToggling()
            usleep(UInt32(stress.random.below(8000)))
            stopToggling()
            let door = doors[stress.random.below(doors.count)]
            prove(door)
            paused += 1
        } while !stress.isOver
        for door in doors { stress.onAny { $0.want(door.fd, .read) } }
        stress.wait("callers end") { callers.value == 0 }
        for thread in threads { thread.join() }
        stress.wait("guests leave") { doors.allSatisfy { $0.inside.value == 0 } }
        stress.rest()
        #expect(doors.reduce(0) { $0 + $1.accepted.value } == connected.value, "each accepted once")
        #expect(doors.reduce(0) { $0 + $1.answered.value } == connected.value, "each answered once")
        #expect(paused > 0)
        for door in doors { stress.onAny { $0.remove(door.fd) } }
        stress.finish()
        stress.expectNoComplaints()
    }

    /// Paused by one worker, a listener accepts nothing once what was running has ended; resumed by another one, it
    /// accepts all that came meanwhile, though nobody touches it again.
    private func prove(_ door: StressDoor) {
        stress.onAny { $0.stop(door.fd, .read) }
        stress.everywhere()
        let before = door.accepted.value
        var waiting: [UInt64] = []
        guard let first = Caller(door.address), let second = Caller(door.address) else {
            return stress.complaints.add("cannot connect")
        }
        connected.add(2)
        if !first.send(1) || !second.send(2) { stress.complaints.add("cannot send") }
        usleep(UInt32(stress.random.below(2000)))
        if stress.random.below(4) == 0 { stress.rest() }
        if door.accepted.value != before { stress.complaints.add("accepted by a paused listener") }
        for each in doors { stress.onAny { $0.want(each.fd, .read) } }
        if let answer = first.receive() { waiting.append(answer) }
        if let answer = second.receive() { waiting.append(answer) }
        if waiting != [1, 2] { stress.complaints.add("after a resumption: \(waiting)") }
    }
}

extension StressTests {
    @Test(
        "A1 A4 A8 A9 D7 E1: listeners paused and resumed by every thread accept each connection once",
        arguments: StressPlan.pollers)
    func listeners(choice: PollerChoice) throws {
        try ListenerStress(choice).run()
    }
}
