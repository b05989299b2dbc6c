import Base

/// The timers of one worker: a hierarchy of six wheels of 64 slots, the first one of a millisecond a slot, each next
/// one 64 times as coarse. Setting, moving and cancelling cost a few stores, whatever the number of timers.
///
/// A task stands in the wheel of the highest digit (in base 64) in which its instant differs from `elapsed`. So the
/// first occupied slot of the lowest occupied wheel is always the earliest, and no slot of a wheel lies behind it.
///
/// A deadline that moves later is a store: the task stays in its place, and when that comes up it is put where its
/// deadline says. A timer never fires early: it fires when the clock, in whole milliseconds, has reached the deadline.
/// The wheel keeps a linked task alive.
// SAFETY: its two pointers are allocated for its life; indexes are made of a level and six bits.
@safe
final class TimerWheel {
    static let levels = 6
    private static let bits = 6
    /// The farthest instant the wheels reach from `elapsed`; later ones are visited then and put on.
    private static let reach: UInt64 = 1 << UInt64(levels * bits)

    /// The first task of each slot, by level and slot.
    private let slots: UnsafeMutablePointer<Unmanaged<LoopTask>?>
    /// Which slots of a level hold tasks, one bit each.
    private let occupied: UnsafeMutablePointer<UInt64>
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

    /// Sets, moves or (with `.never`) cancels the timer of a task.
    func schedule(_ task: LoopTask, at deadline: Ticks) {
        task.due = deadline
        if task.timerSlot >= 0 {
            // Later: found out when its place comes up.
            if deadline != .never && task.armed <= deadline.milliseconds { return }
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
        for level in 0..<TimerWheel.levels {
            // SAFETY: see init.
            let map = unsafe occupied[level]
            guard map != 0 else { continue }
            let slot = map.trailingZeroBitCount
            let shift = UInt64(level * TimerWheel.bits)
            let above = shift &+ UInt64(TimerWheel.bits)
            let instant = (elapsed &>> above) &<< above | UInt64(slot) &<< shift
            return (level, slot, max(instant, elapsed))
        }
        return nil
    }

    private func link(_ task: LoopTask) {
        let farthest = elapsed.addingReportingOverflow(TimerWheel.reach - 1)
        var instant = min(max(task.due.milliseconds, elapsed), farthest.overflow ? .max : farthest.partialValue)
        var difference = elapsed ^ instant
        if difference >= TimerWheel.reach {
            // It differs in a digit above the coarsest wheel: visit it at the end of this round of that wheel.
            instant = elapsed | (TimerWheel.reach - 1)
            difference = elapsed ^ instant
        }
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
            if unsafe next == nil { unsafe occupied[slot / 64] &= ~(1 &<< UInt64(slot & 63)) }
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
