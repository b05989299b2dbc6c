import Base
import Buffers
import CPlatform
import Glibc

/// The worker threads of a process: their table, their poller, and the start and end of their loops.
// SAFETY: Sendable because everything is constant after init, but for the list of threads, which only the thread
// that starts and joins them touches.
public final class WorkerGroup: @unchecked Sendable {
    /// What a group is made of.
    public struct Options: Sendable {
        /// 1 to 64.
        public var threads = 1
        /// Numbers that the table covers; 0 for the soft limit of the process. A higher soft limit is lowered to it.
        public var maxDescriptors = 0
        /// Events that one wait takes.
        public var maxPollEvents = Limits.pollEvents
        /// Pollers that are not forced off.
        public var pollers = PollerChoice.all
        /// Bytes of a block of each worker's pool: what one receive takes at most.
        public var blockSizeBytes = 16384

        /// One thread, every poller, and the descriptors that the process may have.
        public init() {}
    }

    /// What the group was made of.
    public let options: Options
    /// The system that it runs on.
    public let kernel: Kernel
    /// Its descriptors.
    public let table: FDTable
    /// The name of the poller in use.
    public let pollerName: String
    /// Pollers that are preferred to the one in use and allowed, and why they are not used: a line each for the log.
    public let pollerRefusals: [String]
    /// One for each thread, by its index. Each is used on its own thread only, once the threads run.
    public private(set) var workers: [Worker] = []

    private let stopping: AtomicCell
    let block = CellBlock(lines: 1)
    private var threads: [KernelThread] = []

    /// Chooses a poller, maps the table and opens what every thread needs. Throws EINVAL for a bad number of threads,
    /// ENOSYS when no allowed poller works here, and what the system says when it runs out of descriptors or memory.
    ///
    /// A process that forks does so before: pollers do not survive a fork.
    public init(_ options: Options, kernel: Kernel) throws(SystemError) {
        guard (1...Limits.threads).contains(options.threads) else { throw SystemError(code: EINVAL) }
        let capacity = WorkerGroup.capacity(of: options, kernel)
        let plan = PollerPlan(threads: options.threads, maxEvents: options.maxPollEvents, capacity: capacity)
        let (kind, pollers, refusals) = try WorkerGroup.choose(options.pollers, plan, kernel)
        let made = FDTable(
            capacity: capacity, threads: options.threads, kernel: kernel, isProcessWide: kind.isProcessWide,
            keepsFiles: kind.keepsFiles)
        guard let table = made else {
            for poller in pollers { poller.close() }
            throw SystemError(code: ENOMEM)
        }
        pollerRefusals = refusals
        table.pollers = pollers
        // A number beyond the table is to be the system's error, not ours.
        if kernel.descriptorLimit(hard: false) > UInt64(capacity) {
            _ = kernel.setDescriptorLimit(soft: UInt64(capacity), hard: kernel.descriptorLimit(hard: true))
        }
        self.options = options
        self.kernel = kernel
        self.table = table
        pollerName = kind.name
        stopping = block.cell(line: 0)
        do {
            for poller in table.pollers { table.wakers.append(try poller.makeWaker(kernel)) }
        } catch {
            table.abandon()
            throw error
        }
        for index in 0..<options.threads {
            workers.append(
                Worker(
                    index: index, group: self, table: table, poller: table.pollers[index],
                    waker: table.wakers[index], blockSizeBytes: options.blockSizeBytes))
        }
    }

    /// The most preferred poller that is allowed and works, made for the threads; and what spoke against better ones.
    private static func choose(
        _ allowed: PollerChoice, _ plan: PollerPlan, _ kernel: Kernel
    ) throws(SystemError) -> (PollerKind, [Poller], refusals: [String]) {
        var refusals: [String] = []
        var failure = SystemError(code: ENOSYS)
        for (kind, _, trial) in PollerKind.tried(allowed, on: kernel, capacity: plan.capacity) {
            guard trial.works else {
                refusals.append("\(kind.name) is not used: " + (trial.reason ?? "it does not work here"))
                continue
            }
            do {
                var plan = plan
                plan.rings = trial.rings
                return (kind, try kind.make(kernel, plan), refusals)
            } catch {
                // One that works for one thread may be too much for all: the next one may do.
                failure = error
                refusals.append("\(kind.name) is not used: \(error.name) (\(error))")
            }
        }
        throw failure
    }

    /// Numbers that a table has to cover.
    static func capacity(of options: Options, _ kernel: Kernel) -> Int {
        let limit = kernel.descriptorLimit(hard: false)
        let system = limit > UInt64(Limits.descriptors) ? Limits.descriptorsWithoutLimit : Int(limit)
        let wanted = options.maxDescriptors > 0 ? options.maxDescriptors : system
        return min(max(wanted, 64), Limits.descriptors)
    }

    // MARK: Running

    /// Whether the loops are to end. Any thread.
    var isStopping: Bool { stopping.load(.sequential) != 0 }

    /// Starts the threads of the workers 1 and up. Signals stay with the calling thread. Throws EAGAIN when the system
    /// has no more threads; then those that were started have ended again.
    public func start() throws(SystemError) {
        for worker in workers.dropFirst() {
            var thread = KernelThread()
            let result = kernel.startThread("worker \(worker.index)", &thread) { worker.run() }
            if let error = SystemError(result: result) {
                stop()
                join()
                throw error
            }
            threads.append(thread)
        }
    }

    /// Runs worker 0 on the calling thread until `stop`, then waits for the other threads to end.
    public func runMain() {
        workers[0].run()
        join()
    }

    /// Ends all loops: each finishes its turn. From any thread, any number of times.
    public func stop() {
        stopping.store(1, .sequential)
        for thread in 0..<options.threads { table.ring(thread, nil) }
    }

    /// Sends a message to a worker, and ends its sleep if it sleeps. From any thread, one that is no worker's too.
    public func post(_ message: Message, to worker: Int) {
        guard worker >= 0 && worker < workers.count else { return }
        workers[worker].mailbox.put(message)
        table.ring(worker, nil)
    }

    /// Descriptors in the table now, as the counters of the threads have it. Any thread.
    public var descriptorsInUse: Int {
        let entries = workers.reduce(Int64(0)) {
            $0 &+ Int64(bitPattern: $1.activity.value(.inserted)) &- Int64(bitPattern: $1.activity.value(.removed))
        }
        return max(0, Int(entries))
    }

    /// Descriptors that a group opens for itself: they count against the limit of the process.
    public static func ownDescriptors(threads: Int) -> Int { threads * Limits.descriptorsPerThread }

    /// Waits for the threads that `start` has started.
    public func join() {
        for thread in threads { kernel.joinThread(thread) }
        threads = []
    }

    deinit {
        for worker in workers { worker.letGo() }
        table.abandon()
    }
}
