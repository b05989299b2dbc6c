import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// How long a case of the stress tests runs, and from which seed: `STRESS_SECONDS`, `STRESS_SEED`.
enum StressPlan {
    /// A fifth of a second in `make test`; `make stress` sets more.
    static let seconds = number("STRESS_SECONDS") ?? 0.2
    /// Real threads do not repeat a run, but the same seed gives them the same choices to make.
    static let seed = number("STRESS_SEED").map { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000)
    /// Nothing takes this long: whoever waits longer waits for ever.
    static let hangNanoseconds: UInt64 = 20_000_000_000
    static let pollers = Rig.pollers.map(\.choice)

    private static func number(_ name: String) -> Double? {
        // SAFETY: the environment is not changed while tests run.
        unsafe getenv(name).flatMap { unsafe Double(String(cString: $0)) }
    }
}

/// What went wrong, from any thread; the first few.
final class Complaints: Sendable {
    private let busy = Atomic<Bool>(false)
    // SAFETY: touched only by whoever has `busy`.
    nonisolated(unsafe) private var texts: [String] = []

    func add(_ text: @autoclosure () -> String) {
        let text = text()
        locked {
            // SAFETY: the lock is held.
            if unsafe texts.count < 10 { unsafe texts.append(text) }
        }
    }

    var all: [String] { locked { unsafe texts } }

    private func locked<Result>(_ body: () -> Result) -> Result {
        while busy.exchange(true, ordering: .acquiring) { sched_yield() }
        defer { busy.store(false, ordering: .releasing) }
        return body()
    }
}

/// A group whose threads run while the test, on a thread that is no worker's, tells them what to do.
// SAFETY: Sendable because other threads of a test use only what is constant or atomic.
final class StressGroup: @unchecked Sendable {
    let group: WorkerGroup
    let threads: Int
    let complaints = Complaints()
    /// The test's own choices.
    var random = Random(seed: StressPlan.seed)
    private let deadline: UInt64
    private var main: Parallel?

    init(_ choice: PollerChoice, threads: Int) throws {
        group = try Rig.group(choice, threads: threads)
        self.threads = threads
        deadline = Rig.kernel.monotonicNanoseconds() + UInt64(StressPlan.seconds * 1e9)
    }

    /// The case has run as long as it should. Any thread.
    var isOver: Bool { Rig.kernel.monotonicNanoseconds() > deadline }

    func start() throws {
        try group.start()
        let group = group
        main = try Parallel { group.runMain() }
    }

    /// Runs the body on a worker, and waits for it.
    func on(_ worker: Int, _ body: @escaping (Worker) -> Void) {
        let done = Counter()
        group.post(
            Note {
                body($0)
                done.add()
            }, to: worker)
        wait("worker \(worker) takes a message") { done.value == 1 }
    }

    /// Runs the body on every worker, and waits for all: whatever handler was running when it was called has ended.
    func everywhere(_ body: @escaping (Worker) -> Void = { _ in }) {
        let done = Counter()
        for index in 0..<threads {
            group.post(
                Note {
                    body($0)
                    done.add()
                }, to: index)
        }
        wait("every worker takes a message") { done.value == threads }
    }

    func onAny(_ body: @escaping (Worker) -> Void) { on(random.below(threads), body) }

    /// Waits until the condition holds. A wait without end is a complaint. Returns whether it holds.
    @discardableResult
    func wait(_ what: @autoclosure () -> String, _ condition: () -> Bool) -> Bool {
        let limit = Rig.kernel.monotonicNanoseconds() + StressPlan.hangNanoseconds
        while !condition() {
            if Rig.kernel.monotonicNanoseconds() > limit {
                complaints.add("waits for ever: \(what())")
                return false
            }
            usleep(100)
        }
        return true
    }

    /// Waits until every worker sleeps: nobody turns for nothing once there is nothing to do.
    func rest() {
        var loops: UInt64 = 0
        wait("everybody sleeps") {
            let before = loops
            loops = group.workers.reduce(0) { $0 + $1.activity.value(.loops) }
            if before == loops { return true }
            usleep(3000)
            return false
        }
    }

    /// Ends the threads, and states what holds of every group at its end.
    func finish() {
        group.stop()
        guard let main, main.ends(complaints, of: group) else { return }
        group.table.checkInvariants()
        for worker in group.workers where worker.activity.value(.pollerErrors) != 0 {
            complaints.add("the poller of \(worker.index) was refused")
        }
    }

    /// The verdict.
    func expectNoComplaints() {
        #expect(complaints.all == [], "STRESS_SEED=\(StressPlan.seed), \(group.pollerName), \(threads) threads")
    }
}

extension Parallel {
    /// Joins the thread on which a group runs. One that does not end is a complaint, and keeps its group for good.
    func ends(_ complaints: Complaints, of group: WorkerGroup) -> Bool {
        let limit = Rig.kernel.monotonicNanoseconds() + StressPlan.hangNanoseconds
        while !hasEnded {
            if Rig.kernel.monotonicNanoseconds() > limit {
                complaints.add("a thread does not end")
                // SAFETY: retained for ever, on purpose.
                _ = unsafe Unmanaged.passRetained(group)
                return false
            }
            usleep(100)
        }
        join()
        return true
    }
}

/// A client without a loop: a blocking socket on a thread of its own, with a limit to every wait.
struct Caller: ~Copyable {
    let fd: Int32

    /// Connects; nil when that fails.
    init?(_ address: SocketAddress) {
        let fd = Rig.kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { return nil }
        Caller.makeBlocking(fd)
        if Rig.kernel.connect(fd, address) < 0 {
            _ = Rig.kernel.close(fd)
            return nil
        }
        self.fd = fd
    }

    static func makeBlocking(_ fd: Int32) {
        _ = Rig.kernel.setNonBlocking(fd, false)
        var limit = timeval(tv_sec: Int(StressPlan.hangNanoseconds / 1_000_000_000), tv_usec: 0)
        let size = MemoryLayout<timeval>.size
        // SAFETY: the option's value lives on the stack during the calls.
        unsafe withUnsafeBytes(of: &limit) {
            _ = unsafe Rig.kernel.setOption(fd, SOL_SOCKET, SO_RCVTIMEO, $0.baseAddress!, size)
            _ = unsafe Rig.kernel.setOption(fd, SOL_SOCKET, SO_SNDTIMEO, $0.baseAddress!, size)
        }
    }

    func send(_ value: UInt64) -> Bool {
        var value = value
        // SAFETY: eight bytes of a local.
        return unsafe Rig.kernel.send(fd, &value, 8, more: false) == 8
    }

    /// Eight bytes; nil at the end, on error, and when nothing comes.
    func receive() -> UInt64? {
        var value: UInt64 = 0
        for _ in 0..<100 {
            // SAFETY: eight bytes of a local.
            let count = unsafe Glibc.recv(fd, &value, 8, Int32(MSG_WAITALL))
            // A wait that has a limit is not taken up again by the system after a signal, which other tests send.
            if count < 0 && errno == EINTR { continue }
            return count == 8 ? value : nil
        }
        return nil
    }

    /// Whatever comes next, at most `count` bytes: a count, 0 for the end, or -errno.
    func receive(_ bytes: inout [UInt8], _ count: Int) -> Int {
        // SAFETY: the array is valid during the call, and as long as asked.
        unsafe bytes.withUnsafeMutableBytes { unsafe Rig.kernel.recv(fd, $0.baseAddress!, min(count, $0.count)) }
    }

    /// Closes with a reset instead of an end.
    consuming func reset() {
        var value = linger(l_onoff: 1, l_linger: 0)
        let size = MemoryLayout<linger>.size
        // SAFETY: the option's value lives on the stack during the call.
        unsafe withUnsafeBytes(of: &value) {
            _ = unsafe Rig.kernel.setOption(fd, SOL_SOCKET, SO_LINGER, $0.baseAddress!, size)
        }
    }

    deinit { _ = Rig.kernel.close(fd) }
}
