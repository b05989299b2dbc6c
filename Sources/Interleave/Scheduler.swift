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
    var run: Run?

    // Sets of threads.
    var ready: UInt8 = 0
    var spinning: UInt8 = 0
    var parked: UInt8 = 0
    var isDraining = false
    /// Threads that let the others go first.
    var yielding: UInt8 = 0

    // Cells, found by their address through a table of twice their number.
    var cellCount = 0
    let keys: UnsafeMutablePointer<UInt>
    let entries: UnsafeMutablePointer<Int32>
    let keyOfCell: UnsafeMutablePointer<Int32>
    let waiters: UnsafeMutablePointer<UInt8>
    let lastWrite: UnsafeMutablePointer<Int32>
    let lastWriter: UnsafeMutablePointer<Int32>
    /// Per cell and thread: the node of its last read since the last write; the clocks of writes and of all accesses.
    let lastReads: UnsafeMutablePointer<Int32>
    let writeClocks: UnsafeMutablePointer<Int32>
    let accessClocks: UnsafeMutablePointer<Int32>
    /// Per thread and thread: the last node of the one that the other knows of.
    let clocks: UnsafeMutablePointer<Int32>
    /// Of the search for steps that could have come earlier: what is before the step, and each thread's first.
    let scratch: UnsafeMutablePointer<Int32>
    let firsts: UnsafeMutablePointer<Int32>
    let words: UnsafeMutablePointer<UInt64>
    var wordCount = 0
    var names: [UInt: String] = [:]
    var views: Views?

    // The search.
    var mode = Mode.search
    var nodes: UnsafeMutablePointer<Node>
    /// Per node and thread: what was before its step.
    var nodeClocks: UnsafeMutablePointer<Int32>
    var nodeCapacity = 4096
    var nodeCount = 0
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
        unsafe keys = .allocate(capacity: 2 * cells)
        unsafe keys.initialize(repeating: 0, count: 2 * cells)
        unsafe entries = .allocate(capacity: 2 * cells)
        unsafe entries.initialize(repeating: -1, count: 2 * cells)
        unsafe keyOfCell = .allocate(capacity: cells)
        unsafe waiters = .allocate(capacity: cells)
        unsafe lastWrite = .allocate(capacity: cells)
        unsafe lastWriter = .allocate(capacity: cells)
        unsafe lastReads = .allocate(capacity: cells * threads)
        unsafe writeClocks = .allocate(capacity: cells * threads)
        unsafe accessClocks = .allocate(capacity: cells * threads)
        unsafe clocks = .allocate(capacity: threads * threads)
        unsafe scratch = .allocate(capacity: threads)
        unsafe scratch.initialize(repeating: -1, count: threads)
        unsafe firsts = .allocate(capacity: threads)
        unsafe words = .allocate(capacity: cells)
        unsafe nodeClocks = .allocate(capacity: nodeCapacity * threads)
        unsafe nodeClocks.initialize(repeating: -1, count: nodeCapacity * threads)
        unsafe nodes = .allocate(capacity: nodeCapacity)
        unsafe log = .allocate(capacity: options.maxSteps + 2)
        if weak { views = Views(history: max(1, min(options.history, 200))) }
        unsafe il_catch_traps { explorer, signal in
            // SAFETY: what `il_current` returns is the scheduler of this thread, which `explore` keeps alive.
            unsafe Unmanaged<Scheduler>.fromOpaque(explorer).takeUnretainedValue().trapped(signal)
        }
        unsafe il_set_current(Unmanaged.passUnretained(self).toOpaque())
    }

    func dispose() {
        il_set_current(nil)
        for thread in 0..<stacks { unsafe il_stack_unmap(fibres[thread].stack!, Scheduler.stackBytes) }
        unsafe fibres.deallocate()
        unsafe keys.deallocate()
        unsafe entries.deallocate()
        unsafe keyOfCell.deallocate()
        unsafe waiters.deallocate()
        unsafe lastWrite.deallocate()
        unsafe lastWriter.deallocate()
        unsafe lastReads.deallocate()
        unsafe writeClocks.deallocate()
        unsafe accessClocks.deallocate()
        unsafe clocks.deallocate()
        unsafe scratch.deallocate()
        unsafe firsts.deallocate()
        unsafe nodeClocks.deallocate()
        unsafe words.deallocate()
        unsafe nodes.deallocate()
        unsafe log.deallocate()
        run = nil
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
        reset()
        let run = Run(self)
        self.run = run
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
        self.run = nil
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
            unsafe keys[Int(keyOfCell[cell])] = 0
            unsafe entries[Int(keyOfCell[cell])] = -1
        }
        cellCount = 0
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

    func newCell(_ value: UInt64, _ name: String) -> Cell {
        precondition(wordCount < Scheduler.maxCells, "too many cells")
        let word = unsafe words + wordCount
        unsafe word.initialize(to: value)
        wordCount += 1
        if !name.isEmpty { unsafe self.name(UnsafeMutableRawPointer(word), name) }
        return unsafe Cell(at: UnsafeMutableRawPointer(word))
    }

    func name(_ address: UnsafeMutableRawPointer, _ name: String) {
        if isTracing { names[UInt(bitPattern: address)] = name }
    }

    /// The number of the cell at an address; a new one gets the next number.
    @inline(__always)
    func cell(at address: UnsafeMutableRawPointer, wide: Bool) -> Int {
        let key = UInt(bitPattern: address)
        let mask = 2 * Scheduler.maxCells - 1
        var place = Int(truncatingIfNeeded: (key &>> 2) &* 0x9E37_79B9_7F4A_7C15 &>> 40) & mask
        while true {
            let found = unsafe keys[place]
            if found == key { return unsafe Int(entries[place]) }
            if found == 0 { return register(key, place, unsafe value(address, wide)) }
            place = (place &+ 1) & mask
        }
    }

    private func register(_ key: UInt, _ place: Int, _ value: UInt64) -> Int {
        let cell = cellCount
        guard cell < Scheduler.maxCells else {
            fail(.limit("more than \(Scheduler.maxCells) cells"))
            fatalError("more than \(Scheduler.maxCells) cells")
        }
        cellCount += 1
        unsafe keys[place] = key
        unsafe entries[place] = Int32(cell)
        unsafe keyOfCell[cell] = Int32(place)
        unsafe waiters[cell] = 0
        unsafe lastWrite[cell] = -1
        unsafe lastWriter[cell] = -1
        let threads = Scheduler.maxThreads
        unsafe (lastReads + cell * threads).initialize(repeating: -1, count: threads)
        unsafe (writeClocks + cell * threads).initialize(repeating: -1, count: threads)
        unsafe (accessClocks + cell * threads).initialize(repeating: -1, count: threads)
        views?.register(cell, value)
        return cell
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
