import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

// Numbers that are closed and opened again at full rate, while events of what they stood for are on their way.

/// One end of a pair, of one thread, that was opened under a serial number, which all of its bytes repeat.
final class StressTenant: FDHandler {
    let fd: Int32
    let far: Int32
    let serial: UInt64
    private unowned let house: StressHouse
    private var pending = 0
    var isGone = false

    init(_ house: StressHouse, serial: UInt64, on worker: Worker) throws {
        self.house = house
        self.serial = serial
        (fd, far) = try Rig.pair()
        super.init()
        worker.insert(fd, self, kind: .stream)
        worker.want(fd, .read)
    }

    func write() {
        if pending > 4 { return }
        var value = serial
        // SAFETY: eight bytes of a local.
        if unsafe Rig.kernel.send(far, &value, 8, more: false) == 8 { pending += 1 }
    }

    func leave(on worker: Worker) {
        isGone = true
        worker.remove(fd)
        _ = Rig.kernel.close(far)
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if isGone || fd != self.fd || worker.index != house.index {
            return house.complaints.add("\(self.fd): an event after its end, or of another (\(fd))")
        }
        house.events.add()
        var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
        // SAFETY: sixty-four bytes of a local.
        let count = unsafe Rig.kernel.recv(fd, &words, 64)
        worker.cannot(fd, .read)
        if count != pending * 8 || count <= 0 {
            house.complaints.add("\(fd): \(count) bytes of \(pending) words: the event was not its own")
        } else if words.0 != serial {
            house.complaints.add("\(fd): bytes of \(words.0) came to \(serial)")
        }
        pending = 0
        // Others of this batch have their events reported already.
        house.churn(on: worker)
    }
}

/// The pairs of one thread.
final class StressHouse: LoopTask {
    let index: Int
    let complaints: Complaints
    let events = Counter()
    let moves = Counter()
    let isOpen = Atomic<Bool>(true)
    private var random: Random
    private var tenants: [StressTenant] = []
    private var serial: UInt64

    init(_ index: Int, _ complaints: Complaints, seed: UInt64) {
        self.index = index
        self.complaints = complaints
        serial = UInt64(index + 1) << 40
        random = Random(seed: seed)
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        guard isOpen.load(ordering: .sequentiallyConsistent) else {
            for tenant in tenants { tenant.leave(on: worker) }
            tenants = []
            return
        }
        while tenants.count < 12 { move(in: tenants.count, on: worker) }
        for _ in 0..<6 { tenants[random.below(tenants.count)].write() }
        if random.below(4) == 0 { churn(on: worker) }
        worker.wake(self)
    }

    /// Closes some and opens others at once, which mostly get the same numbers.
    func churn(on worker: Worker) {
        for _ in 0..<random.below(3) {
            let place = random.below(tenants.count)
            tenants[place].leave(on: worker)
            move(in: place, on: worker)
            if random.below(2) == 0 { tenants[place].write() }
        }
    }

    private func move(in place: Int, on worker: Worker) {
        serial += 1
        moves.add()
        guard let tenant = try? StressTenant(self, serial: serial, on: worker) else {
            return complaints.add("no descriptors left")
        }
        if place == tenants.count { tenants.append(tenant) } else { tenants[place] = tenant }
    }
}

/// A datagram socket of all threads, opened under a serial number, which is all that may be sent to it.
final class StressLodger: FDHandler {
    let fd: Int32
    let address: SocketAddress
    let serial: UInt64
    let complaints: Complaints
    let heard = Counter()
    let sent = Counter()

    init(serial: UInt64, _ complaints: Complaints) throws {
        self.serial = serial
        self.complaints = complaints
        (fd, address) = try Rig.datagram()
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if fd != self.fd { complaints.add("the handler of \(self.fd) is called for \(fd)") }
        for _ in 0..<4 {
            var from = SocketAddress()
            var value: UInt64 = 0
            // SAFETY: eight bytes of a local.
            let count = unsafe Rig.kernel.recvfrom(fd, &value, 8, &from)
            if count == Int(-EAGAIN) { return worker.cannot(fd, .read) }
            if count != 8 || value != serial { complaints.add("\(fd): \(count) bytes of \(value) came to \(serial)") }
            heard.add()
        }
    }
}

/// A place for one socket at a time, which any thread may replace. Who has `busy` has the place.
final class StressRoom {
    private let busy = Atomic<Bool>(false)
    /// The number of the socket, for threads that come late.
    let number = Atomic<Int32>(-1)
    var lodger: StressLodger

    init(_ lodger: StressLodger) { self.lodger = lodger }

    func enter(_ body: (StressRoom) -> Void) {
        if busy.exchange(true, ordering: .sequentiallyConsistent) { return }
        body(self)
        busy.store(false, ordering: .sequentiallyConsistent)
    }
}

/// Shared sockets that every thread closes and opens while the others use them, and their numbers too late.
final class SharedReuseStress {
    let rig: StressGroup
    private var rooms: [StressRoom] = []
    private let sender: Int32
    private let isMoving = Atomic<Bool>(false)
    private let moving = Counter()
    let moves = Counter()
    private let serial = Atomic<UInt64>(0)

    init(_ choice: PollerChoice) throws {
        rig = try StressGroup(choice, threads: 4)
        sender = try Rig.datagram().fd
        for _ in 0..<5 { rooms.append(StressRoom(try open(on: rig.group.workers[0]))) }
    }

    private func open(on worker: Worker) throws -> StressLodger {
        let next = serial.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
        let lodger = try StressLodger(serial: next, rig.complaints)
        worker.insert(lodger.fd, lodger, kind: .shared, threads: .all(rig.threads))
        worker.want(lodger.fd, .read)
        moves.add()
        return lodger
    }

    private func replace(_ room: StressRoom, on worker: Worker) {
        worker.remove(room.lodger.fd)
        guard let lodger = try? open(on: worker) else { return rig.complaints.add("no descriptors left") }
        room.lodger = lodger
        room.number.store(lodger.fd, ordering: .sequentiallyConsistent)
    }

    private func send(to room: StressRoom) {
        // Fewer than fill a buffer, should nobody listen.
        if room.lodger.sent.value - room.lodger.heard.value > 50 { return }
        var value = room.lodger.serial
        room.lodger.sent.add()
        // SAFETY: eight bytes of a local.
        if unsafe Rig.kernel.sendto(sender, &value, 8, room.lodger.address) != 8 { rig.complaints.add("cannot send") }
    }

    private func startMoving() {
        isMoving.store(true, ordering: .sequentiallyConsistent)
        moving.add(rig.threads)
        for index in 0..<rig.threads {
            var random = Random(seed: rig.random.next())
            let mover = Job { [self] job, worker, _ in
                guard isMoving.load(ordering: .sequentiallyConsistent) else { return moving.add(-1) }
                for _ in 0..<4 {
                    let room = rooms[random.below(rooms.count)]
                    let late = room.number.load(ordering: .sequentiallyConsistent)
                    switch random.below(6) {
                    case 0: room.enter { replace($0, on: worker) }
                    case 1, 2: room.enter { send(to: $0) }
                    case 3 where late >= 0: worker.stop(late, .read)
                    case 4 where late >= 0: worker.may(late, .read)
                    default: if late >= 0 { worker.want(late, .read) }
                    }
                }
                if random.below(4) == 0 {
                    worker.schedule(job, at: worker.now.adding(milliseconds: 1))
                } else {
                    worker.wake(job)
                }
            }
            rig.group.post(Note { $0.wake(mover) }, to: index)
        }
    }

    func run() throws {
        try rig.start()
        repeat {
            startMoving()
            usleep(UInt32(rig.random.below(8000)))
            isMoving.store(false, ordering: .sequentiallyConsistent)
            rig.wait("movers end") { moving.value == 0 }
            rig.everywhere()
            // Whoever lives in the room now is wanted, and hears what is sent, with nobody else about.
            for room in rooms {
                rig.onAny { $0.want(room.lodger.fd, .read) }
                send(to: room)
                rig.wait("\(room.lodger.fd) hears") { room.lodger.heard.value == room.lodger.sent.value }
            }
        } while !rig.isOver
        rig.rest()
        for room in rooms { rig.onAny { $0.remove(room.lodger.fd) } }
        rig.everywhere()
        rig.finish()
        #expect(rig.group.table.updateList.isEmpty)
        #expect(moves.value > rooms.count)
        rig.expectNoComplaints()
    }

    deinit { _ = Rig.kernel.close(sender) }
}

extension StressTests {
    @Test(
        "A5 B1 B2 B13: numbers reused at once by threads of their own: no event reaches a newcomer",
        arguments: StressPlan.pollers)
    func localReuse(choice: PollerChoice) throws {
        let rig = try StressGroup(choice, threads: 4)
        let houses = (0..<rig.threads).map { StressHouse($0, rig.complaints, seed: rig.random.next()) }
        try rig.start()
        for house in houses { rig.group.post(Note { $0.wake(house) }, to: house.index) }
        rig.wait("time") { rig.isOver && houses.allSatisfy { $0.events.value > 0 && $0.moves.value > 12 } }
        for house in houses { house.isOpen.store(false, ordering: .sequentiallyConsistent) }
        rig.everywhere()
        rig.rest()
        rig.finish()
        rig.expectNoComplaints()
    }

    @Test(
        "A1 A5 B2 C3 C4 C6: shared sockets replaced by every thread: their handlers see their own datagrams only",
        arguments: StressPlan.pollers)
    func sharedReuse(choice: PollerChoice) throws {
        try SharedReuseStress(choice).run()
    }
}
