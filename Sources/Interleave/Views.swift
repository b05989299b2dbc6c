/// What each thread knows of each cell, for loads that may return older values.
///
/// Every cell keeps its last values, numbered in the order in which they were written. A thread's view holds for each
/// cell the number of the oldest value that the thread may still read: it has read or written that one, or something
/// that it acquired came after it. A release puts the thread's view beside the value; an acquire that reads the value
/// takes it over. A sequentially consistent load goes no further back than the last sequentially consistent write.
// SAFETY: the buffers are allocated for `capacity` cells and `maxThreads` threads; they and messages grow on demand.
// Numbers of threads and cells come from the scheduler, ages are at most `oldest`.
@safe
final class Views {
    private let history: Int
    /// Values that a cell keeps, a power of two, by its logarithm: at least `history`.
    private let shift: Int
    private let count: UnsafeMutablePointer<Int32>
    private let lastSequential: UnsafeMutablePointer<Int32>
    private let values: UnsafeMutablePointer<UInt64>
    /// Per value: where the view that it carries begins in `carried`, or -1. There stand the number of cells, in the
    /// upper half one more than a thread that knows all of it, and the view.
    private let messages: UnsafeMutablePointer<Int32>
    /// Per thread and cell: few cells lie close together, for what a message costs is copying them.
    private var seen: UnsafeMutablePointer<Int32>
    private var capacity = 128
    private var carried: UnsafeMutablePointer<Int32>
    private var carriedCapacity = 1 << 16
    private var carriedCount = 0
    private var cells = 0

    init(history: Int) {
        self.history = history
        shift = Int.bitWidth - (history - 1).leadingZeroBitCount
        let cells = Scheduler.maxCells
        unsafe count = .allocate(capacity: cells)
        unsafe lastSequential = .allocate(capacity: cells)
        unsafe values = .allocate(capacity: cells << shift)
        unsafe messages = .allocate(capacity: cells << shift)
        unsafe seen = .allocate(capacity: capacity * Scheduler.maxThreads)
        unsafe carried = .allocate(capacity: carriedCapacity)
    }

    deinit {
        unsafe count.deallocate()
        unsafe lastSequential.deallocate()
        unsafe values.deallocate()
        unsafe messages.deallocate()
        unsafe seen.deallocate()
        unsafe carried.deallocate()
    }

    func reset() {
        cells = 0
        carriedCount = 0
    }

    func register(_ cell: Int, _ value: UInt64, _ threads: Int) {
        if cell == capacity { growViews() }
        cells = cell + 1
        unsafe count[cell] = 1
        unsafe lastSequential[cell] = 0
        unsafe values[cell &<< shift] = value
        unsafe messages[cell &<< shift] = -1
        for thread in 0..<threads { unsafe view(thread)[cell] = 0 }
    }

    @inline(__always)
    private func view(_ thread: Int) -> UnsafeMutablePointer<Int32> { unsafe seen + thread &* capacity }

    @inline(__always)
    private func slot(_ cell: Int, _ number: Int) -> Int { cell &<< shift | number & ((1 &<< shift) &- 1) }

    /// How many values back a thread may read.
    @inline(__always)
    func oldest(_ thread: Int, _ cell: Int, _ effect: Effect) -> Int {
        let newest = unsafe Int(count[cell]) - 1
        var first = unsafe Int(view(thread)[cell])
        if effect.contains(.sequential) { first = max(first, unsafe Int(lastSequential[cell])) }
        return newest - max(first, newest - history + 1)
    }

    func value(_ cell: Int, age: Int) -> UInt64 {
        unsafe values[slot(cell, Int(count[cell]) - 1 - age)]
    }

    func seeNewest(_ thread: Int, _ cell: Int) {
        unsafe view(thread)[cell] = count[cell] - 1
    }

    func read(_ thread: Int, _ cell: Int, age: Int, _ effect: Effect, reads: Bool) {
        guard reads else { return }
        let view = unsafe view(thread)
        let number = unsafe Int(count[cell]) - 1 - age
        unsafe view[cell] = max(view[cell], Int32(number))
        let message = unsafe Int(messages[slot(cell, number)])
        guard effect.contains(.acquires) && message >= 0 else { return }
        let header = unsafe Int(carried[message])
        if header &>> 16 == thread + 1 { return }
        let known = header & 0xFFFF
        let theirs = unsafe carried + message + 1
        for other in 0..<known { unsafe view[other] = max(view[other], theirs[other]) }
    }

    /// `continues` is for read-modify-writes: they hand on what the value before them carried.
    func write(_ thread: Int, _ cell: Int, _ value: UInt64, _ effect: Effect, continues: Bool) {
        let before = unsafe Int(count[cell]) - 1
        let inherited = unsafe continues ? messages[slot(cell, before)] : -1
        unsafe count[cell] += 1
        let number = before + 1
        let view = unsafe view(thread)
        unsafe view[cell] = Int32(number)
        if effect.contains(.sequential) { unsafe lastSequential[cell] = Int32(number) }
        unsafe values[slot(cell, number)] = value
        guard effect.contains(.releases) else {
            unsafe messages[slot(cell, number)] = inherited
            return
        }
        let message = carriedCount
        if message + cells + 1 > carriedCapacity { grow() }
        carriedCount += cells + 1
        // Who acquired what was there knows it already.
        let isKnown = inherited < 0 || effect.contains(.acquires)
        unsafe carried[message] = Int32(cells | (isKnown ? thread + 1 : 0) << 16)
        let mine = unsafe carried + message + 1
        unsafe mine.update(from: view, count: cells)
        if !isKnown {
            let theirs = unsafe carried + Int(inherited) + 1
            let known = unsafe Int(carried[Int(inherited)]) & 0xFFFF
            for other in 0..<known { unsafe mine[other] = max(mine[other], theirs[other]) }
        }
        unsafe messages[slot(cell, number)] = Int32(message)
    }

    private func growViews() {
        let larger = UnsafeMutablePointer<Int32>.allocate(capacity: capacity * 2 * Scheduler.maxThreads)
        for thread in 0..<Scheduler.maxThreads {
            unsafe (larger + thread * capacity * 2).initialize(from: view(thread), count: capacity)
        }
        unsafe seen.deallocate()
        unsafe seen = unsafe larger
        capacity *= 2
    }

    private func grow() {
        let larger = UnsafeMutablePointer<Int32>.allocate(capacity: carriedCapacity * 2 + Scheduler.maxCells)
        unsafe larger.initialize(from: carried, count: carriedCount)
        unsafe carried.deallocate()
        unsafe carried = unsafe larger
        carriedCapacity = carriedCapacity * 2 + Scheduler.maxCells
    }
}
