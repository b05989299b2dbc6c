import Synchronization

/// A number of places, of which at most so many may be taken at once: connections of a listener, streams of a server.
///
/// A place is taken only when there is one. Counting first and giving back what was too much would let two threads,
/// each seeing the other's excess, both find a limit reached that nobody has reached; and who waits for the end of a
/// connection that does not exist waits for ever.
///
/// Thread-safety: any thread. The operations are in one order for all threads, so that who gives a place back and then
/// looks for those who wait, and who starts to wait and then looks for a place, cannot miss each other.
@safe
struct Places: ~Copyable {
    private let level = Atomic<Int>(0)

    /// How many are taken.
    var current: Int { level.load(ordering: .sequentiallyConsistent) }

    /// Takes a place if fewer than `limit` are taken.
    func reserve(limit: Int) -> Bool {
        var seen = level.load(ordering: .relaxed)
        // Each round fails only because another thread has succeeded.
        while seen < limit {
            let (exchanged, original) = level.weakCompareExchange(
                expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            seen = original
        }
        return false
    }

    /// Gives a place back.
    func leave() {
        level.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }
}
