import Base
import CPlatform
import Glibc

@testable import Engine

/// One measurement: rounds in which every thread changes its share of the descriptors, and then all take the updates.
// SAFETY: Sendable because threads write to places of their own, and read those of others behind a barrier.
@safe
final class Rounds: @unchecked Sendable {
    enum Work: String {
        /// Putting into the list and taking out of it, nothing else.
        case list
        /// Changing, and taking the update on every thread, with pollers that do nothing.
        case masks
        /// The same with epoll.
        case epoll
    }

    private let work: Work
    private let design: Design
    private let threads: Int
    private let rounds: Int
    private var numbers: [Int32] = []
    private let barrier = UnsafeMutablePointer<pthread_barrier_t>.allocate(capacity: 1)
    /// Nanoseconds of CPU time: of all threads together, in each round, in both halves of it.
    private let firstHalf: [Cell]
    private let secondHalf: [Cell]

    /// Nanoseconds that one thread spent in one round.
    private final class Cell {
        var nanoseconds: [Int64]
        init(_ count: Int) { nanoseconds = Array(repeating: 0, count: count) }
    }

    init(_ work: Work, design name: String, threads: Int, descriptors: Int, rounds: Int) throws(SystemError) {
        self.work = work
        self.threads = threads
        self.rounds = rounds
        let kernel = HostKernel()
        var options = WorkerGroup.Options()
        options.threads = threads
        options.pollers = .epoll
        let group = try WorkerGroup(options, kernel: kernel)
        if work == .masks { group.table.pollers = (0..<threads).map { _ in NoPoller() } }
        design = name == "mutex" ? OneMutex(group) : LockFree(group)
        firstHalf = (0..<threads).map { _ in Cell(rounds) }
        secondHalf = (0..<threads).map { _ in Cell(rounds) }
        // SAFETY: allocated above.
        unsafe pthread_barrier_init(barrier, nil, UInt32(threads))
        for _ in 0..<descriptors {
            let fd = eventfd(0, Int32(EFD_NONBLOCK))
            guard fd >= 0 else { throw SystemError(code: errno) }
            numbers.append(fd)
            group.workers[0].insert(fd, FDHandler(), kind: .listener, threads: .all(threads))
        }
    }

    /// Nanoseconds of CPU time for each change of a descriptor: of both halves.
    func run() -> (change: Double, take: Double) {
        var others: [pthread_t] = []
        for index in 1..<max(threads, 1) {
            var thread = pthread_t()
            let context = unsafe Unmanaged.passRetained(Start(self, index)).toOpaque()
            // SAFETY: the new thread takes the reference over.
            let failure = unsafe pthread_create(
                &thread, nil,
                { context in
                    guard let context = unsafe context else { return nil }
                    let start = unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                    start.rounds.serve(start.index)
                    return nil
                }, context)
            precondition(failure == 0, "no thread")
            others.append(thread)
        }
        serve(0)
        for thread in others { pthread_join(thread, nil) }
        return (median(firstHalf), median(secondHalf))
    }

    private final class Start {
        let rounds: Rounds
        let index: Int

        init(_ rounds: Rounds, _ index: Int) {
            self.rounds = rounds
            self.index = index
        }
    }

    /// The median over the rounds of what all threads together spent, for one descriptor.
    private func median(_ cells: [Cell]) -> Double {
        let overhead = Rounds.clockOverhead
        let sums = (rounds / 10..<rounds).map { round in
            cells.reduce(Int64(0)) { $0 + max(0, $1.nanoseconds[round] - overhead) }
        }.sorted()
        return Double(sums[sums.count / 2]) / Double(numbers.count)
    }

    private func serve(_ index: Int) {
        let worker = design.group.workers[index]
        let share = stride(from: index, to: numbers.count, by: threads).map { numbers[$0] }
        for round in 0..<rounds {
            wait()
            let start = Rounds.threadNanoseconds()
            for fd in share {
                if work == .list { design.put(fd) } else { design.change(fd, wanted: round & 1 == 0, on: worker) }
            }
            firstHalf[index].nanoseconds[round] = Rounds.threadNanoseconds() - start
            wait()
            let middle = Rounds.threadNanoseconds()
            if work == .list { for fd in share { design.drop(fd) } } else { design.take(worker) }
            secondHalf[index].nanoseconds[round] = Rounds.threadNanoseconds() - middle
        }
    }

    private func wait() {
        // SAFETY: initialised in init for all the threads that wait.
        _ = unsafe pthread_barrier_wait(barrier)
    }

    private static func threadNanoseconds() -> Int64 {
        var time = timespec()
        // SAFETY: a local.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// What reading the clock twice costs by itself.
    private static let clockOverhead: Int64 = {
        let costs = (0..<2000).map { _ in
            let start = threadNanoseconds()
            return threadNanoseconds() - start
        }.sorted()
        return costs[costs.count / 2]
    }()
}
