import Base

/// Ends another thread's wait. One per worker; `ring` may be called from any thread, the rest on the worker's.
///
/// EventFD and Pipe give the poller a descriptor to watch; kqueue has an event of its own for this.
class Waker {
    /// What the poller of the thread watches for reading; -1 when the poller needs no descriptor for it.
    var fd: Int32 { -1 }

    /// Ends the wait that is going on, or else the next one.
    func ring() {}

    /// Takes back what `ring` left behind, after a wait.
    func drain() {}

    /// Gives back what it owns. After that no thread may ring it.
    func close() {}
}
