import Base

/// The tasks of one worker that are to run, first come first served, through the tasks' own links.
///
/// A task that is woken while it runs is put back at the end, and so runs again in the next turn. The queue keeps a
/// queued task alive.
// SAFETY: its references are retained by `put`.
@safe
final class RunQueue {
    private var first: Unmanaged<LoopTask>?
    private var last: Unmanaged<LoopTask>?
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Puts a task at the end, or adds the reason if it is queued already.
    func put(_ task: LoopTask, _ reason: WakeReason) {
        if task.isQueued {
            task.reasons.formUnion(reason)
            return
        }
        task.isQueued = true
        task.reasons = reason
        // SAFETY: retained while queued; `take` and `remove` give the reference back.
        let reference = unsafe Unmanaged.passRetained(task)
        unsafe task.nextQueued = nil
        if let tail = unsafe last {
            unsafe tail._withUnsafeGuaranteedRef { unsafe $0.nextQueued = reference }
        } else {
            unsafe first = reference
        }
        unsafe last = reference
        count &+= 1
    }

    /// The next task, no longer queued, or nil. Its reasons are left in it for the caller: none if it was cancelled.
    func take() -> LoopTask? {
        // SAFETY: queued references are retained.
        guard let task = unsafe first?.takeRetainedValue() else { return nil }
        unsafe first = task.nextQueued
        if unsafe first == nil { unsafe last = nil }
        unsafe task.nextQueued = nil
        task.isQueued = false
        count &-= 1
        return task
    }

    /// Makes a queued task's turn pass without a run: it keeps its place, without a reason.
    func cancel(_ task: LoopTask) {
        task.reasons = []
    }

    /// Lets go of every task.
    func clear() {
        while take() != nil {}
    }

    /// Traps unless the count and the links agree.
    func checkInvariants() {
        var seen = 0
        var cursor = unsafe first
        while let task = unsafe cursor?.takeUnretainedValue() {
            precondition(task.isQueued)
            seen += 1
            if unsafe task.nextQueued == nil {
                precondition(unsafe last?.takeUnretainedValue() === task)
            }
            unsafe cursor = task.nextQueued
        }
        precondition(seen == count)
    }
}
