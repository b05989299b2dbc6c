import Base

/// The timers of one worker: a hierarchy of eleven wheels of 64 slots, the first one of a millisecond a slot, each
/// next one 64 times as coarse, so that together they reach any instant. Setting, moving and cancelling cost a few
/// stores, whatever the number of timers.
///
/// A task stands in the wheel of the highest digit (in base 64) in which its instant differs from `elapsed`. So the
/// first occupied slot of the lowest occupied wheel is always the earliest, and no slot of a wheel lies behind it.
///
/// A deadline that moves later is a store: the task stays in its place, and when that comes up it is put where its
/// deadline says. A timer never fires early: it fires when the clock, in whole milliseconds, has reached the deadline.
/// Taking a deadline away is a store too: the task stays in its place, without effect, until that comes up or the task
/// is cancelled. The wheel keeps a linked task alive.
// SAFETY: its two pointers are allocated for its life; indexes are made of a level and six bits.
@safe
final class TimerWheel {
    static let levels = 11
    private static let bits = 6

    /// The first task of each slot, by level and slot.
    private let slots: UnsafeMutablePointer<Unmanaged<LoopTask>?>
    /// Which slots of a level hold tasks, one bit each.
    private let occupied: UnsafeMutablePointer<UInt64>
    /// Which levels have occupied slots, one bit each.
    private var usedLevels: UInt32 = 0
    /// Everything before this instant has fired.
    private var elapsed: UInt64
    private(set) var count = 0

    init(now: Ticks) {
        elapsed = now.milliseconds
        let total = TimerWheel.levels * 64
        // SAFETY: allocated and initialised here, freed in deinit; indexes are made of a level and six bits.
        unsafe slots = .allocate(capacity: total)
        unsafe slots.initialize(repeating: nil, count: total)
        unsafe occupied = .allocate(capacity: TimerWheel.levels)
        unsafe occupied.initialize(repeating: 0, count: TimerWheel.levels)
    }

    /// Sets or moves the timer of a task; with `.never` it does not fire.
    func schedule(_ task: LoopTask, at deadline: Ticks) {
        task.due = deadline
        if task.timerSlot >= 0 {
            // Later, or not at all: found out when its place comes up.
            if task.armed <= deadline.milliseconds { return }
            unlink(task)
        }
        if deadline != .never { link(task) }
    }

    /// Removes the timer of a task at once, so that the wheel lets go of it.
    func cancel(_ task: LoopTask) {
        task.due = .never
        if task.timerSlot >= 0 { unlink(task) }
    }

    /// When to look again: no deadline lies before this instant. `.never` without timers.
    var nextExpiry: Ticks {
        guard let next = nextSlot() else { return .never }
        return Ticks(milliseconds: next.instant)
    }

    /// Hands the tasks that are due to the run queue, at most `limit` of them; returns how many. When it returns
    /// `limit`, more may be due.
    func advance(to now: Ticks, into queue: RunQueue, limit: Int) -> Int {
        var fired = 0
        while let next = nextSlot(), next.instant <= now.milliseconds {
            elapsed = next.instant
            let slot = next.level * 64 + next.slot
            // SAFETY: linked tasks are retained by the wheel.
            while let task = unsafe slots[slot]?.takeUnretainedValue() {
                if fired >= limit { return fired }
                unlink(task)
                if task.due == .never { continue }
                if task.due.milliseconds > now.milliseconds || (next.level > 0 && task.armed > next.instant) {
                    // Moved later meanwhile, or due for a finer wheel.
                    link(task)
                } else {
                    task.due = .never
                    queue.put(task, .timer)
                    fired &+= 1
                }
            }
        }
        elapsed = max(elapsed, now.milliseconds)
        return fired
    }

    private func nextSlot() -> (level: Int, slot: Int, instant: UInt64)? {
        guard usedLevels != 0 else { return nil }
        let level = usedLevels.trailingZeroBitCount
        // SAFETY: see init; a used level has an occupied slot.
        let slot = unsafe occupied[level].trailingZeroBitCount
        let shift = UInt64(level * TimerWheel.bits)
        // Not the masking shift: nothing is above the coarsest wheel.
        let above = shift + UInt64(TimerWheel.bits)
        let instant = (elapsed >> above) << above | UInt64(slot) << shift
        return (level, slot, max(instant, elapsed))
    }

    private func link(_ task: LoopTask) {
        let instant = max(task.due.milliseconds, elapsed)
        let difference = elapsed ^ instant
        let level = difference == 0 ? 0 : (63 - difference.leadingZeroBitCount) / TimerWheel.bits
        let slot = level * 64 + Int(instant &>> UInt64(level * TimerWheel.bits) & 63)
        task.armed = instant
        task.timerSlot = Int16(slot)
        // SAFETY: retained while linked, released in unlink; neighbours are linked and thus alive; indexes see init.
        let reference = unsafe Unmanaged.passRetained(task)
        let before = unsafe slots[slot]
        unsafe task.nextTimer = before
        unsafe task.previousTimer = nil
        if let before = unsafe before {
            unsafe before._withUnsafeGuaranteedRef { unsafe $0.previousTimer = reference }
        }
        unsafe slots[slot] = unsafe reference
        unsafe occupied[level] |= 1 &<< UInt64(slot & 63)
        usedLevels |= 1 &<< UInt32(level)
        count &+= 1
    }

    private func unlink(_ task: LoopTask) {
        let slot = Int(task.timerSlot)
        // SAFETY: neighbours are linked and thus alive; indexes see init; the reference was retained in link.
        let next = unsafe task.nextTimer
        if let before = unsafe task.previousTimer {
            unsafe before._withUnsafeGuaranteedRef { unsafe $0.nextTimer = next }
        } else {
            unsafe slots[slot] = unsafe next
            if unsafe next == nil { emptied(slot) }
        }
        if let next = unsafe next {
            let before = unsafe task.previousTimer
            unsafe next._withUnsafeGuaranteedRef { unsafe $0.previousTimer = before }
        }
        unsafe task.nextTimer = nil
        unsafe task.previousTimer = nil
        task.timerSlot = -1
        count &-= 1
        unsafe Unmanaged.passUnretained(task).release()
    }

    private func emptied(_ slot: Int) {
        let level = slot / 64
        // SAFETY: see init.
        unsafe occupied[level] &= ~(1 &<< UInt64(slot & 63))
        if unsafe occupied[level] == 0 { usedLevels &= ~(1 &<< UInt32(level)) }
    }

    /// Lets go of every task.
    func clear() {
        for slot in 0..<TimerWheel.levels * 64 {
            while let task = unsafe slots[slot]?.takeUnretainedValue() { cancel(task) }
        }
    }

    /// Traps unless maps, slots and links agree.
    func checkInvariants() {
        var seen = 0
        for slot in 0..<TimerWheel.levels * 64 {
            let level = slot / 64
            precondition((unsafe slots[slot] != nil) == (unsafe occupied[level] >> UInt64(slot & 63) & 1 == 1))
            precondition((unsafe occupied[level] != 0) == (usedLevels >> UInt32(level) & 1 == 1))
            var cursor = unsafe slots[slot]
            while let task = unsafe cursor?.takeUnretainedValue() {
                precondition(Int(task.timerSlot) == slot && task.armed >= elapsed)
                precondition(task.due.milliseconds >= task.armed || task.armed == elapsed)
                seen += 1
                unsafe cursor = task.nextTimer
            }
        }
        precondition(seen == count)
    }

    deinit {
        clear()
        // SAFETY: allocated in init, freed here only.
        unsafe slots.deallocate()
        unsafe occupied.deallocate()
    }
}
