import CInterleave
import Glibc

/// What a schedule point knows of the past: one step, or one choice of a value.
struct Node {
    /// Threads that could run; that were to be tried; that have been; that need not be; that the bound allows.
    var enabled: UInt8 = 0
    var backtrack: UInt8 = 0
    var done: UInt8 = 0
    var sleep: UInt8 = 0
    var allowed: UInt8 = 0
    /// The thread, or the age of the value.
    var chosen: UInt8 = 0
    /// Values to choose from; 0 for a step.
    var values: UInt8 = 0
    /// What the step did: the cell, and whether it changed it.
    var writes = false
    var cell: Int32 = -1
    /// Where the thread began the stretch of steps that this one belongs to.
    var stretch: Int32 = 0
}

/// What the search knows of one cell, as a row of numbers that fills two cache lines.
enum Row {
    static let length = 32
    /// The threads that wait for another value, one bit each; the node of the last write, and its thread.
    static let waiters = 0
    static let lastWrite = 1
    static let lastWriter = 2
    /// Per thread: the node of its last read since the last write; the clocks of writes and of all accesses.
    static let reads = 8
    static let written = 16
    static let accessed = 24
}

// SAFETY: its pointers are a context and a stack of the scheduler.
@safe
struct Fibre {
    var context: UnsafeMutableRawPointer?
    var stack: UnsafeMutableRawPointer?
    /// The access that it stands before.
    var cell: Int32 = -1
    var writes = false
    var staleReads: Int32 = 0
    var priority: Int64 = 0
}

/// One exploration: its fibres, its cells and where the search stands.
///
/// Threads of the scenario are fibres. Each stands before an access; the search picks one, which does its access and
/// goes on to its next. Picking happens on the stack of the fibre that has arrived, so that a thread which goes on
/// costs no switch.
// SAFETY: the buffers are allocated in init for the capacities below and freed in `dispose`; every index is a thread
// below `maxThreads`, a cell below `cellCount`, or a node below `nodeCount`. One thread of the operating system uses a
// scheduler, and what a fibre's stack holds stays as it is while another one runs.
@safe
final class Scheduler {
    static let maxThreads = 8
    static let maxCells = 4096
    static let stackBytes = 256 * 1024

    enum Phase: UInt8 {
        case aside, starting, running, over
    }

    enum Mode: UInt8 {
        case search, random, replay
    }

    let options: Search
    let bound: Int
    let reduces: Bool
    let sleeps: Bool
    let weak: Bool

    // Fibres. The context of the explorer itself is kept behind the last thread's.
    let fibres: UnsafeMutablePointer<Fibre>
    var stacks = 0
    var threadCount = 0
    var current = -1
    var phase = Phase.aside
    private(set) var run: Run?
    /// What the runs share, in the order in which they ask for it.
    var kept: [AnyObject] = []
    var keptCount = 0

    // Sets of threads.
    var ready: UInt8 = 0
    var spinning: UInt8 = 0
    var parked: UInt8 = 0
    var isDraining = false
    /// Threads that let the others go first.
    var yielding: UInt8 = 0

    // Cells, found by their address through a table of at least twice their number, which stays small and so in the
    // nearest cache.
    var cellCount = 0
    private var places = 256
    private var keys: UnsafeMutablePointer<UInt>
    private var entries: UnsafeMutablePointer<Int32>
    private let placeOfCell: UnsafeMutablePointer<Int32>
    /// Per cell: see `Row`.
    let rows: UnsafeMutablePointer<Int32>
    /// Per thread and thread: the last node of the one that the other knows of.
    let clocks: UnsafeMutablePointer<Int32>
    /// Of the search for steps that could have come earlier: what is before the step, and each thread's first.
    let scratch: UnsafeMutablePointer<Int32>
    let firsts: UnsafeMutablePointer<Int32>
    let words: UnsafeMutablePointer<UInt64>
    var wordCount = 0
    var names: [UInt: String] = [:]
    let views: Views?

    // The search.
    var mode = Mode.search
    var nodes: UnsafeMutablePointer<Node>
    /// Per node and thread: what was before its step.
    var nodeClocks: UnsafeMutablePointer<Int32>
    var nodeCapacity = 4096
    var nodeCount = 0
    /// Nodes below this one repeat an earlier run: what is to be known of them is known.
    var settled = 0
    var depth = 0
    var lastNode = -1
    var previous = -1
    var preemptions = 0
    var steps = 0
    /// The rest of the run is of no interest: no choices any more.
    var isFree = false
    var isPruned = false

    // The schedule so far, one entry for each step; and the one to repeat.
    var log: UnsafeMutablePointer<UInt16>
    var given: [UInt16] = []
    var failure: Failure.Kind?
    var isTracing = false
    var trace: [String] = []

    // Random schedules.
    var random: UInt64 = 0
    var changes: [Int] = []
    var nextChange = 0
    /// For these threads the pick is known, until priorities change.
    var comparedThreads: UInt8 = 0
    var foremost = -1
    var lowest: Int64 = 0
    var expectedSteps = 64

    init(_ options: Search) {
        self.options = options
        weak = options.weakMemory
        reduces = options.reduces
        switch options.strategy {
        case .exhaustive: (mode, bound) = (.search, Int.max)
        case .bounded(let preemptions): (mode, bound) = (.search, preemptions)
        case .random(_, let seed):
            (mode, bound) = (.random, Int.max)
            random = seed
        }
        sleeps = options.reduces && bound == Int.max
        let (threads, cells) = (Scheduler.maxThreads, Scheduler.maxCells)
        unsafe fibres = .allocate(capacity: threads + 1)
        unsafe (fibres + threads).initialize(to: Fibre())
        unsafe keys = .allocate(capacity: places)
        unsafe keys.initialize(repeating: 0, count: places)
        unsafe entries = .allocate(capacity: places)
        unsafe placeOfCell = .allocate(capacity: cells)
        // SAFETY: a row begins at the beginning of a cache line; the memory holds numbers only.
        unsafe rows = UnsafeMutableRawPointer.allocate(byteCount: cells * Row.length * 4, alignment: 64)
            .bindMemory(to: Int32.self, capacity: cells * Row.length)
        unsafe clocks = .allocate(capacity: threads * threads)
        unsafe scratch = .allocate(capacity: threads)
        unsafe scratch.initialize(repeating: -1, count: threads)
        unsafe firsts = .allocate(capacity: threads)
        unsafe words = .allocate(capacity: cells)
        unsafe nodeClocks = .allocate(capacity: nodeCapacity * threads)
        unsafe nodeClocks.initialize(repeating: -1, count: nodeCapacity * threads)
        unsafe nodes = .allocate(capacity: nodeCapacity)
        unsafe log = .allocate(capacity: options.maxSteps + 2)
        views = weak ? Views(history: max(1, min(options.history, 200))) : nil
        unsafe il_catch_traps { explorer, signal in
            // SAFETY: what `il_current` returns is the scheduler of this thread, which `explore` keeps alive.
            unsafe Unmanaged<Scheduler>.fromOpaque(explorer).takeUnretainedValue().trapped(signal)
        }
        unsafe il_set_current(Unmanaged.passUnretained(self).toOpaque())
        run = Run(self)
    }

    func dispose() {
        // What is kept may have cells of the run.
        kept = []
        run = nil
        il_set_current(nil)
        for thread in 0..<stacks { unsafe il_stack_unmap(fibres[thread].stack!, Scheduler.stackBytes) }
        unsafe fibres.deallocate()
        unsafe keys.deallocate()
        unsafe entries.deallocate()
        unsafe placeOfCell.deallocate()
        unsafe UnsafeMutableRawPointer(rows).deallocate()
        unsafe clocks.deallocate()
        unsafe scratch.deallocate()
        unsafe firsts.deallocate()
        unsafe nodeClocks.deallocate()
        unsafe words.deallocate()
        unsafe nodes.deallocate()
        unsafe log.deallocate()
    }

    /// The scheduler of this thread of the operating system.
    @inline(__always)
    static var active: Scheduler? {
        guard let pointer = unsafe il_current() else { return nil }
        return unsafe Unmanaged<Scheduler>.fromOpaque(pointer).takeUnretainedValue()
    }

    // MARK: One run

    /// Sets a run up and runs it to its end, or to its failure.
    func runOnce(_ scenario: (Run) -> Void) {
        guard let run else { return }
        reset()
        scenario(run)
        threadCount = run.bodies.count
        prepareFibres()
        phase = .starting
        for thread in 0..<threadCount where phase == .starting {
            ready |= 1 << UInt8(thread)
            current = thread
            unsafe il_fibre_switch(&fibres[Scheduler.maxThreads].context, fibres[thread].context!)
        }
        current = -1
        if phase == .starting {
            if mode == .random { drawPriorities() }
            phase = .running
            proceed()
        }
        if phase == .running && failure == nil {
            phase = .aside
            if isDraining || parked == 0 { for check in run.endChecks { check() } }
        }
        phase = .aside
        // A failed run has left it in the middle of something. It goes before what the run still holds.
        if failure != nil { kept = [] }
        run.clear()
    }

    /// Lets the fibres run until all have ended or one has failed.
    private func proceed() {
        while true {
            let next = choose()
            if failure != nil { return }
            if next >= 0 {
                current = next
                unsafe il_fibre_switch(&fibres[Scheduler.maxThreads].context, fibres[next].context!)
                current = -1
                if phase != .running { return }
            }
            if ready != 0 { continue }
            if spinning != 0 { return fail(.deadlock) }
            // Everybody has ended, or sleeps. The first time it is checked; then who sleeps goes on.
            if isDraining { return }
            isDraining = true
            phase = .aside
            for check in run?.restChecks ?? [] { check() }
            if failure != nil { return }
            phase = .running
            isFree = true
            ready = parked
            parked = 0
            if ready == 0 { return }
        }
    }

    private func reset() {
        for cell in 0..<cellCount {
            unsafe keys[Int(placeOfCell[cell])] = 0
        }
        cellCount = 0
        keptCount = 0
        settled = mode == .search ? nodeCount - 1 : 0
        wordCount = 0
        views?.reset()
        unsafe clocks.initialize(repeating: -1, count: Scheduler.maxThreads * Scheduler.maxThreads)
        (ready, spinning, parked, yielding) = (0, 0, 0, 0)
        (depth, lastNode, previous, preemptions, steps) = (0, -1, -1, 0, 0)
        (isDraining, isFree, isPruned) = (false, false, false)
        current = -1
        phase = .aside
        failure = nil
        if isTracing { trace = [] }
    }

    private func prepareFibres() {
        while stacks < threadCount {
            guard let stack = unsafe il_stack_map(Scheduler.stackBytes) else { fatalError("no memory for a stack") }
            unsafe (fibres + stacks).initialize(to: Fibre(context: nil, stack: stack))
            stacks += 1
        }
        for thread in 0..<threadCount {
            unsafe fibres[thread].staleReads = Int32(clamping: options.staleReads)
            unsafe fibres[thread].context = il_fibre_prepare(
                fibres[thread].stack!, Scheduler.stackBytes,
                { _ in
                    Scheduler.body()
                    Scheduler.ended()
                }, nil)
        }
    }

    /// Nothing on a fibre's stack may own something when it is left for good; so its body is a call of its own.
    @inline(never)
    private static func body() {
        guard let scheduler = active, let run = scheduler.run else { return }
        run.bodies[scheduler.current]()
    }

    @inline(never)
    private static func ended() {
        guard let pointer = unsafe il_current() else { return }
        unsafe Unmanaged<Scheduler>.fromOpaque(pointer)._withUnsafeGuaranteedRef { scheduler in
            scheduler.ready &= ~(1 << UInt8(scheduler.current))
            scheduler.goOn()
        }
    }

    /// Leaves the current fibre, which cannot run, for one that can, or for the explorer. Returns when picked again.
    func goOn() {
        let thread = current
        if phase == .running {
            let next = choose()
            if next == thread { return }
            if next >= 0 {
                current = next
                unsafe il_fibre_switch(&fibres[thread].context, fibres[next].context!)
                return
            }
        }
        unsafe il_fibre_switch(&fibres[thread].context, fibres[Scheduler.maxThreads].context!)
    }

    // MARK: Failing

    /// Ends the run. On a fibre it does not return.
    func fail(_ kind: Failure.Kind) {
        if failure == nil { failure = kind }
        guard current >= 0 else { return }
        phase = .over
        unsafe il_fibre_switch(&fibres[current].context, fibres[Scheduler.maxThreads].context!)
    }

    static func violation(_ message: String) {
        guard let scheduler = active else { preconditionFailure("violated outside of an exploration: \(message)") }
        scheduler.fail(.violation(message))
    }

    private func trapped(_ signal: Int32) {
        if current >= 0 && phase != .aside { fail(.trap(signal: signal)) }
    }

    // MARK: Cells

    func newCell(_ value: UInt64) -> Cell {
        precondition(wordCount < Scheduler.maxCells, "too many cells")
        let word = unsafe words + wordCount
        unsafe word.initialize(to: value)
        wordCount += 1
        return unsafe Cell(at: UnsafeMutableRawPointer(word))
    }

    func name(_ address: UnsafeMutableRawPointer, _ name: String) { names[UInt(bitPattern: address)] = name }

    /// Where a key belongs in the table.
    @inline(__always)
    private func place(of key: UInt) -> Int {
        Int(truncatingIfNeeded: (key &>> 2) &* 0x9E37_79B9_7F4A_7C15 &>> 40) & (places &- 1)
    }

    /// The number of the cell at an address; a new one gets the next number.
    @inline(__always)
    func cell(at address: UnsafeMutableRawPointer, wide: Bool) -> Int {
        let key = UInt(bitPattern: address)
        var place = place(of: key)
        while true {
            let found = unsafe keys[place]
            if found == key { return unsafe Int(entries[place]) }
            if found == 0 { return register(key, unsafe value(address, wide)) }
            place = (place &+ 1) & (places &- 1)
        }
    }

    @inline(never)
    private func register(_ key: UInt, _ value: UInt64) -> Int {
        let cell = cellCount
        guard cell < Scheduler.maxCells else {
            fail(.limit("more than \(Scheduler.maxCells) cells"))
            fatalError("more than \(Scheduler.maxCells) cells")
        }
        if 2 * cell >= places { growTable() }
        cellCount += 1
        enter(key, cell)
        let row = unsafe rows + cell * Row.length
        unsafe row.update(repeating: -1, count: Row.length)
        unsafe row[Row.waiters] = 0
        views?.register(cell, value, threadCount)
        return cell
    }

    /// Puts a key that is not in the table at the first free place.
    private func enter(_ key: UInt, _ cell: Int) {
        var place = place(of: key)
        while unsafe keys[place] != 0 { place = (place &+ 1) & (places &- 1) }
        unsafe keys[place] = key
        unsafe entries[place] = Int32(cell)
        unsafe placeOfCell[cell] = Int32(place)
    }

    private func growTable() {
        let known = (0..<cellCount).map { unsafe keys[Int(placeOfCell[$0])] }
        unsafe keys.deallocate()
        unsafe entries.deallocate()
        places *= 2
        unsafe keys = .allocate(capacity: places)
        unsafe keys.initialize(repeating: 0, count: places)
        unsafe entries = .allocate(capacity: places)
        for (cell, key) in known.enumerated() { enter(key, cell) }
    }

    @inline(__always)
    func value(_ address: UnsafeMutableRawPointer, _ wide: Bool) -> UInt64 {
        unsafe wide
            ? address.assumingMemoryBound(to: UInt64.self).pointee
            : UInt64(address.assumingMemoryBound(to: UInt32.self).pointee)
    }

    @inline(__always)
    func put(_ value: UInt64, _ address: UnsafeMutableRawPointer, _ wide: Bool) {
        if wide {
            unsafe address.assumingMemoryBound(to: UInt64.self).pointee = value
        } else {
            unsafe address.assumingMemoryBound(to: UInt32.self).pointee = UInt32(truncatingIfNeeded: value)
        }
    }
}
