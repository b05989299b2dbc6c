import Base
import CPlatform
import Glibc
import Interleave
import Testing

@testable import EngineModel

/// A group of workers of the real engine on a model kernel, and what has to hold of it at rest.
///
/// Building a group takes longer than running a schedule: one is built for an exploration, and put back into its first
/// state for each run (`Group.start`).
final class Rig {
    let kernel: ModelKernel
    let group: WorkerGroup
    /// The numbers of the workers' epoll instances.
    private let pollers: [Int32]
    private unowned let run: Run
    /// Everybody sleeps or has ended, and it has been checked.
    private(set) var isAtRest = false
    /// Calls of close in this run.
    var closes: Int { kernel.closed }
    /// Descriptors that scenarios opened.
    private var numbers: [Int32] = []

    var table: FDTable { group.table }

    init(_ run: Run, threads: Int, _ poller: PollerChoice = .epoll) {
        self.run = run
        let kept = run.kept { Group(run, threads: threads, poller) }
        kept.start()
        kernel = kept.kernel
        group = kept.group
        pollers = kept.pollers
        run.name(table.posts.model, "posts")
        run.name(table.readyThreads.model, "ready threads")
        run.name(table.live.model, "live")
        for thread in 0..<threads { run.name(table.alarms[thread].word.model, "alarm \(thread)") }
        run.atRest { [self] in
            isAtRest = true
            checkRest()
        }
    }

    func worker(_ index: Int) -> Worker { group.workers[index] }

    func slot(_ fd: Int32) -> FDSlot { table.memory[fd] }

    func socket(readable: Int = 0, livesElsewhere: Bool = false) -> Int32 {
        let fd = kernel.open(readable: readable, livesElsewhere: livesElsewhere)
        if !numbers.contains(fd) { numbers.append(fd) }
        let slot = slot(fd)
        run.name(slot.state.model, "state \(fd)")
        run.name(slot.threadMask.model, "threads \(fd)")
        run.name(slot.updateMask.model, "updates \(fd)")
        run.name(slot.runningMask.model, "running \(fd)")
        run.name(slot.tenure.model, "tenure \(fd)")
        run.name(slot.updateNext.model, "update next \(fd)")
        run.name(slot.updatePrevious.model, "update previous \(fd)")
        run.name(slot.readyNext.model, "ready next \(fd)")
        run.name(slot.readyPrevious.model, "ready previous \(fd)")
        run.name(slot.polledRead.model, "polled read \(fd)")
        run.name(slot.polledWrite.model, "polled write \(fd)")
        run.name(slot.handler.model, "handler \(fd)")
        return fd
    }

    /// A worker's thread: what it does first, and then its loop until everybody is at rest.
    func loops(_ index: Int, first: @escaping (Worker) -> Void = { _ in }) {
        run.thread { [self] in
            let worker = worker(index)
            first(worker)
            while !isAtRest { worker.turn() }
        }
    }

    /// A worker's thread that does a few things and no turn.
    func does(_ index: Int, _ body: @escaping (Worker) -> Void) {
        run.thread { body(self.worker(index)) }
    }

    // MARK: Invariants

    /// What holds whenever nothing runs any more.
    private func checkRest() {
        for fd in numbers {
            let slot = slot(fd)
            let state = slot.loadState(.sequential)
            verify(slot.runningMask.load(.sequential) == 0, "somebody is still inside \(fd)")
            verify(!state.has(FDState.closing), "\(fd) is left half closed")
            let owed = slot.updateMask.load(.sequential)
            if !state.isOpen {
                verify(owed == 0, "a closed descriptor is owed updates")
                verify(!table.updateList.holds(fd) && !table.readyList.holds(fd), "a closed descriptor is linked")
                verify(slot.polledRead.load(.sequential) == 0, "a polled bit outlived its descriptor")
            } else if !state.isLocal {
                let isLinked = table.updateList.holds(fd)
                verify(owed == 0 || isLinked, "updates of \(fd) are owed, and it is not linked")
                verify(owed != 0 || !isLinked, "\(fd) is linked, and nobody owes an update of it")
            }
            if state.isOpen { checkRest(fd, slot, state, owed) }
        }
        checkLists()
    }

    private func checkRest(_ fd: Int32, _ slot: FDSlot, _ state: FDState, _ owed: UInt64) {
        let owners = slot.threadMask.load(.sequential)
        let posts = table.posts.load(.sequential)
        let isReadable = kernel.file(fd)?.readable ?? 0 > 0
        let live = table.live.load(.sequential)
        verify(owed & ~live == 0, "an update is owed by a thread that has stopped")
        if state.active.contains(.read) && isReadable && owners & live != 0 {
            verify(false, "\(fd) is readable, somebody wants it, and everybody sleeps")
        }
        guard !state.isLocal else { return }
        if table.isProcessWide { return checkSet(fd, state, owners) }
        for worker in group.workers where live & worker.bit != 0 {
            let watches = isWatched(fd, by: worker)
            verify(
                watches == (slot.polledRead.load(.sequential) & worker.bit != 0),
                "the polled mask of \(fd) mirrors the kernel of thread \(worker.index)")
            guard worker.postsSeen == posts else { continue }
            verify(owed & worker.bit == 0, "thread \(worker.index) sleeps although it owes an update of \(fd)")
            let wants = owners & worker.bit != 0 && state.active.contains(.read)
            verify(watches == wants, "thread \(worker.index) has taken every update, and \(fd) is out of line")
        }
        if state.active.contains(.read) && owners & live != 0 {
            let somebody = group.workers.contains { owners & live & $0.bit != 0 && isWatched(fd, by: $0) }
            verify(somebody, "\(fd) is wanted, and nobody who sleeps watches it")
        }
    }

    /// One set for the process: who has taken every update sleeps with the set as it is.
    private func checkSet(_ fd: Int32, _ state: FDState, _ owners: UInt64) {
        for worker in group.workers where worker.postsSeen == table.posts.load(.sequential) {
            let set = kernel.slept(worker.waker.fd)
            if set == 0 { continue }
            let (wants, has) = (owners & worker.bit != 0 && state.active.contains(.read), set >> UInt64(fd) & 1 != 0)
            verify(has == wants, "thread \(worker.index) sleeps with another set than there is")
        }
    }

    private func isWatched(_ fd: Int32, by worker: Worker) -> Bool {
        kernel.watched(fd, by: pollerNumber(worker.index)) & HOST_EPOLL_IN != 0
    }

    /// Pollers are opened one after the other, before anything else.
    func pollerNumber(_ thread: Int) -> Int32 { pollers[thread] }

    /// The lists, entry by entry: no circle, no entry twice, none that is locked or forgotten.
    private func checkLists() {
        check(table.updateList)
        check(table.readyList)
    }

    private func check(_ list: FDList) {
        var seen: UInt64 = 0
        var cursor = list.head()
        while let fd = cursor {
            let bit: UInt64 = 1 << UInt64(fd)
            verify(seen & bit == 0, "\(fd) is linked twice")
            seen |= bit
            cursor = list.successor(of: fd)
        }
        for fd in numbers {
            verify(list.holds(fd) == (seen >> UInt64(fd) & 1 != 0), "\(fd) is linked and cannot be reached")
        }
        list.checkInvariants()
    }
}

/// What the runs of one exploration share.
// SAFETY: the copies are as long as the memory that they are copies of, which the group owns.
private final class Group {
    let kernel: ModelKernel
    let group: WorkerGroup
    let pollers: [Int32]
    /// The words of the table's lists and threads, as they were at the beginning.
    private var words: [UInt64]
    /// What poll and select share.
    private let set: PollSet?

    init(_ run: Run, threads: Int, _ poller: PollerChoice) {
        kernel = ModelKernel(run)
        var options = WorkerGroup.Options()
        options.threads = threads
        options.maxPollEvents = 8
        options.pollers = poller
        options.maxDescriptors = ModelKernel.maxFiles
        do {
            group = try WorkerGroup(options, kernel: kernel)
        } catch {
            fatalError("no group: \(error)")
        }
        kernel.mark()
        pollers = kernel.pollers
        set = (group.table.pollers.first as? SetPoller)?.set
        words = unsafe Array(group.table.block.words)
    }

    /// Everything as it was at the beginning. No thread runs.
    func start() {
        kernel.start()
        let table = group.table
        for fd in 0..<Int32(table.highestUsed) {
            let slot = table.memory[fd]
            FDTable.releaseHandler(slot.handler.load(.relaxed))
            unsafe slot.base.initializeMemory(as: UInt8.self, repeating: 0, count: FDSlot.halfBytes)
            unsafe slot.shared.initializeMemory(as: UInt8.self, repeating: 0, count: FDSlot.halfBytes)
        }
        _ = unsafe table.block.words.update(fromContentsOf: words)
        unsafe group.block.words.update(repeating: 0)
        for worker in group.workers { worker.beAsNew() }
        set?.beAsNew()
    }
}

extension Worker {
    /// What it was before its first turn.
    // SAFETY: the words are numbers, and no thread counts.
    fileprivate func beAsNew() {
        mailbox.clear()
        queue.clear()
        if wheel.count > 0 { wheel.clear() }
        releaseFarewells()
        updates.removeFirst(updates.count)
        (serving, localReadyCount, postsSeen, turnNumber) = (-1, 0, 0, 0)
        unsafe activity.block.words.update(repeating: 0)
    }
}

extension PollSet {
    // SAFETY: the words are numbers, and no thread changes the set.
    fileprivate func beAsNew() {
        for word in 0..<ModelKernel.maxFiles / 64 {
            cells(word).read.store(0, .relaxed)
            cells(word).write.store(0, .relaxed)
        }
        unsafe block.words.update(repeating: 0)
    }
}

/// A handler that reads until there is nothing left, and checks that it may.
class Reader: FDHandler {
    unowned let rig: Rig
    /// Threads that may run it.
    var threads: UInt64
    /// The open file that it belongs to.
    let identity: Int
    var calls = 0
    var taken = 0
    var runningThreads: UInt64 = 0

    init(_ rig: Rig, _ fd: Int32, threads: UInt64 = ~0) {
        self.rig = rig
        self.threads = threads
        identity = rig.kernel.file(fd)?.identity ?? -1
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        calls += 1
        check(fd, worker)
        runningThreads |= worker.bit
        while rig.kernel.take(fd) > 0 {
            taken += 1
            check(fd, worker)
        }
        runningThreads &= ~worker.bit
        worker.cannot(fd, .read)
    }

    func check(_ fd: Int32, _ worker: Worker) {
        verify(threads & worker.bit != 0, "the handler runs on thread \(worker.index), outside of its mask")
        verify(rig.kernel.file(fd)?.identity == identity, "the handler runs for a descriptor that is closed")
    }
}

/// A message that does what it is told on the thread that it reaches.
final class Note: Message {
    let body: (Worker) -> Void

    init(_ body: @escaping (Worker) -> Void) {
        self.body = body
    }

    override func deliver(on worker: Worker) { body(worker) }
}

/// How much is explored: `MODEL_BUDGET` multiplies the number of schedules (`make model` sets it).
enum Budget {
    static let factor: Int = {
        // SAFETY: nobody changes the environment while tests run.
        guard let text = unsafe getenv("MODEL_BUDGET") else { return 1 }
        return max(1, Int(unsafe String(cString: text)) ?? 1)
    }()
}

/// Explores a scenario in several ways, and expects that nothing fails.
func holds(
    _ strategies: [Search.Strategy] = [.bounded(preemptions: 2), .random(depth: 4, seed: 42)],
    schedules: Int = 2000, weakMemory: Bool = false, sourceLocation: SourceLocation = #_sourceLocation,
    _ scenario: (Run) -> Void
) {
    // The long run also searches with older values everywhere.
    let memories = weakMemory || Budget.factor == 1 ? [weakMemory] : [false, true]
    for (strategy, weak) in strategies.flatMap({ strategy in memories.map { (strategy, $0) } }) {
        var search = Search(strategy)
        search.maxSchedules = schedules * Budget.factor
        search.maxSeconds = Double(10 * Budget.factor)
        search.maxSteps = 5000
        search.weakMemory = weak
        let report = search.explore(scenario)
        #expect(report.failure == nil, "\(strategy): \(report)", sourceLocation: sourceLocation)
        #expect(report.schedules > 0, sourceLocation: sourceLocation)
        let memory = weak ? ", older values" : ""
        // SAFETY: nobody changes the environment while tests run.
        if unsafe getenv("MODEL_VERBOSE") != nil {
            print("model: \(sourceLocation.line) \(strategy)\(memory): \(report)")
        }
        if report.failure != nil { return }
    }
}
