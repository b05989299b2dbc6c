import Base
import Buffers
import CPlatform

/// One thread of a group and its loop. Everything here is for its own thread, unless a comment says otherwise.
///
/// A turn of the loop: run what is due (timers, run queue, mailbox); serve the ready lists; apply polling updates;
/// wait; turn reports into handler calls. See `Worker+Loop.swift`.
// SAFETY: Sendable because other threads only touch `mailbox`, `activity` and constants.
public final class Worker: @unchecked Sendable {
    /// Its place in the group, and the number of its thread in a `ThreadSet`.
    public let index: Int
    /// The group that it is part of, and which outlives it. Any thread.
    public unowned let group: WorkerGroup
    /// The system that the group runs on. Any thread.
    public let kernel: Kernel
    /// The blocks of this thread, for what it receives and sends.
    public let pool: ChunkPool
    /// What this thread has done so far. Any thread reads.
    public let activity = Activity()
    /// The group's descriptors. Any thread.
    public let table: FDTable

    /// This thread's bit in the masks.
    @usableFromInline let bit: UInt64
    @usableFromInline let memory: FDMemory
    @usableFromInline let registersOnce: Bool
    /// Whether the poller reports what is ready of a local descriptor, wanted or not.
    public var pollerRegistersOnce: Bool { registersOnce }

    let poller: Poller
    /// The poller, if it completes operations.
    let uring: UringPoller?
    let waker: Waker
    let alarm: Alarm
    let mailbox: Mailbox
    let queue = RunQueue()
    let wheel: TimerWheel
    let updates = NumberList()
    let farewells = NumberList64()

    private let ownWords = CellBlock(lines: 1)
    @usableFromInline let clock: AtomicCell
    /// The local descriptor whose handler is running, or -1.
    var serving: Int32 = -1
    /// Whether accepted connections are received from before they are registered.
    var firstReceives = FirstReceives()
    /// Entries in this thread's own ready list.
    var localReadyCount = 0
    /// `FDTable.posts` when the last complete scan of the update list began.
    var postsSeen: UInt64 = 0
    /// Counts the turns of the loop.
    public internal(set) var turnNumber: UInt64 = 0
    /// Wall clock of this turn, once somebody has asked for it; 0 before.
    private var wallClock: Int64 = 0

    init(
        index: Int, group: WorkerGroup, table: FDTable, poller: Poller, waker: Waker, blockSizeBytes: Int
    ) {
        self.index = index
        self.group = group
        self.table = table
        self.poller = poller
        uring = poller as? UringPoller
        self.waker = waker
        kernel = table.kernel
        bit = ThreadSet.single(index).bits
        memory = table.memory
        registersOnce = poller.registersOnce
        alarm = table.alarms[index]
        mailbox = Mailbox(table.mailboxCell(index))
        pool = ChunkPool(blockSizeBytes: blockSizeBytes)
        clock = ownWords.cell(line: 0)
        clock.store(table.kernel.monotonicNanoseconds() / 1_000_000, .relaxed)
        wheel = TimerWheel(now: Ticks(milliseconds: clock.load(.relaxed)))
    }

    /// The clock, read once in a turn.
    @inlinable
    public var now: Ticks { Ticks(milliseconds: clock.load(.relaxed)) }

    /// The wall clock as of this turn, in microseconds since 1970.
    public var wallClockMicroseconds: Int64 {
        if wallClock == 0 { wallClock = kernel.wallClockMicroseconds() }
        return wallClock
    }

    func readClock() {
        let read = kernel.monotonicNanoseconds() / 1_000_000
        if read > clock.load(.relaxed) { clock.store(read, .relaxed) }
        wallClock = 0
    }

    // MARK: Tasks

    /// Puts a task in the run queue. Woken while it runs, it runs again in the next turn.
    public func wake(_ task: LoopTask, _ reason: WakeReason = .woken) { queue.put(task, reason) }

    /// Sets or moves the timer of a task; with `.never` it does not fire. Moving it later, or away, is a store: the
    /// worker keeps the task until its old place comes up, or until it is cancelled.
    public func schedule(_ task: LoopTask, at deadline: Ticks) { wheel.schedule(task, at: deadline) }

    /// Takes a task's timer away, and takes it out of the run queue: cheaper than `cancel`, but the worker keeps the
    /// task until the timer's old place comes up.
    public func disarm(_ task: LoopTask) {
        wheel.schedule(task, at: .never)
        queue.cancel(task)
    }

    /// Takes a task out of the timers, and out of the run queue.
    public func cancel(_ task: LoopTask) {
        wheel.cancel(task)
        queue.cancel(task)
    }

    // MARK: Other threads

    /// Sends a message to a worker of the group, and ends its sleep if it sleeps. On this worker's thread.
    public func post(_ message: Message, to worker: Int) {
        guard worker >= 0 && worker < group.workers.count else { return }
        group.workers[worker].mailbox.put(message)
        activity.add(.messagesSent)
        if worker != index { table.ring(worker, self) }
    }

    // MARK: Counters of users

    /// Counts a call of accept, for `show activity`.
    public func countAccept(found: Bool) { activity.add(found ? .accepts : .acceptsEmpty) }
}
