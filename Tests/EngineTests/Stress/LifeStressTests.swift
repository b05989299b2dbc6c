import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// One life of a group: started, used, and stopped in the middle of everything.
final class LifeStress {
    private let kernel = TestKernel(kqueueEmulation: true)
    private let group: WorkerGroup
    private let threads: Int
    private let doors: [StressDoor]
    private let complaints: Complaints
    private var random: Random
    private var calling: [Int32] = []

    init(_ choice: PollerChoice, _ complaints: Complaints, seed: UInt64) throws {
        random = Random(seed: seed)
        threads = 1 + random.below(8)
        var options = WorkerGroup.Options()
        options.threads = threads
        options.pollers = choice
        options.maxDescriptors = 1024
        group = try WorkerGroup(options, kernel: kernel)
        self.complaints = complaints
        let masks: [ThreadSet] = [.all(threads), .single(threads - 1)]
        doors = try masks.map { try StressDoor($0, complaints) }
        for door in doors {
            group.workers[0].insert(door.fd, door, kind: .listener, threads: door.threads)
            group.workers[0].want(door.fd, .read)
        }
    }

    func run() throws {
        let group = group
        try group.start()
        let main = try Parallel { group.runMain() }
        for _ in 0..<random.below(6) { call() }
        for index in 0..<threads where random.below(3) > 0 {
            let toggler = LifeStress.makeToggler(doors.map(\.fd), seed: UInt64(index))
            group.post(Note { $0.wake(toggler) }, to: index)
        }
        usleep(UInt32(random.below(3000)))
        for _ in 0..<random.below(3) { call() }
        if random.below(4) == 0 {
            // Everything at rest, and stopped then.
            usleep(3000)
        }
        stop()
        if main.ends(complaints, of: group) { check() }
    }

    /// Pauses and resumes for as long as the group lives. It is in the group's keeping at the end.
    private static func makeToggler(_ doors: [Int32], seed: UInt64) -> Job {
        var random = Random(seed: seed)
        return Job { job, worker, _ in
            let fd = doors[random.below(doors.count)]
            if random.below(2) == 0 { worker.stop(fd, .read) } else { worker.want(fd, .read) }
            if random.below(2) == 0 {
                worker.wake(job)
            } else {
                worker.schedule(job, at: worker.now.adding(milliseconds: random.below(2)))
            }
        }
    }

    /// A client that does not wait for its answer.
    private func call() {
        let fd = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let result = Rig.kernel.connect(fd, doors[random.below(doors.count)].address)
        if fd < 0 || (result < 0 && result != -EINPROGRESS) { complaints.add("cannot connect: \(result)") }
        Rig.write(fd, "8 bytes.")
        calling.append(fd)
    }

    /// Stops from without, from within, or from several threads at once, with updates that nobody has taken yet.
    private func stop() {
        switch random.below(3) {
        case 0: group.stop()
        case 1:
            let here = random.below(threads)
            group.post(
                Note { [doors] worker in
                    for door in doors { worker.stop(door.fd, .read) }
                    worker.group.stop()
                }, to: here)
        default:
            for index in 0..<threads {
                group.post(
                    Note { [doors] worker in
                        worker.group.stop()
                        for door in doors { worker.want(door.fd, .read) }
                    }, to: index)
            }
        }
    }

    /// What holds when every thread has ended.
    private func check() {
        group.table.checkInvariants()
        for door in doors where group.table.updateList.holds(door.fd) {
            let owed = group.table.memory[door.fd].updateMask.load(.sequential)
            complaints.add("linked, with updates owed by \(owed), when every thread has ended")
        }
        if group.table.live.load(.sequential) != 0 { complaints.add("a thread that has ended counts as live") }
        for slot in group.table.descriptions() { _ = Rig.kernel.close(slot.fd) }
        for fd in calling { _ = Rig.kernel.close(fd) }
    }

    /// The same of a group that does nothing: what the test of a poller opens by other ways than the kernel's methods.
    static func unused(_ choice: PollerChoice) throws -> Int {
        let kernel = TestKernel(kqueueEmulation: true)
        do {
            var options = WorkerGroup.Options()
            options.pollers = choice
            options.maxDescriptors = 1024
            _ = try WorkerGroup(options, kernel: kernel)
        }
        return kernel.opened.value - kernel.closed.value
    }

    /// What the engine opened for itself and has not closed, once the group is gone.
    static func leaked(_ choice: PollerChoice, _ complaints: Complaints, seed: UInt64) throws -> Int {
        let kernel: TestKernel
        let removed: Int
        do {
            let life = try LifeStress(choice, complaints, seed: seed)
            try life.run()
            kernel = life.kernel
            removed = life.group.workers.reduce(0) { $0 + Int($1.activity.value(.removed)) }
        }
        return kernel.opened.value - (kernel.closed.value - removed)
    }
}

extension StressTests {
    @Test(
        "A10 D8 F: groups of 1 to 8 threads stopped in the middle of everything end, and leave nothing open",
        arguments: StressPlan.pollers)
    func lives(choice: PollerChoice) throws {
        let complaints = Complaints()
        let start = Rig.kernel.monotonicNanoseconds()
        var random = Random(seed: StressPlan.seed)
        let unused = try LifeStress.unused(choice)
        var lives = 0
        repeat {
            lives += 1
            let leaked = try LifeStress.leaked(choice, complaints, seed: random.next())
            if leaked != unused { complaints.add("life \(lives) left \(leaked - unused) descriptors open") }
        } while Double(Rig.kernel.monotonicNanoseconds() - start) < StressPlan.seconds * 1e9 && complaints.all.isEmpty
        #expect(complaints.all == [], "STRESS_SEED=\(StressPlan.seed)")
    }
}
