import Base
import Glibc

// The contract of a poller, on one page. One instance serves one thread; those of poll and select share one set.
//
//   update      brings the registration of one descriptor into line with its slot, for this thread: adds, changes or
//               removes. It reads the state itself, converges whatever it finds in the kernel (EEXIST and ENOENT are
//               answers, not errors), and keeps the polled masks as the mirror of the kernel. It is called between the
//               slot's `enter` and `leave` for shared descriptors, by the owner for local ones.
//   forget      removes the registration for good, before the number is closed. From any thread, while nobody else
//               works on the slot.
//   wait        waits, at most the given milliseconds (0: only looks; -1: for ever). Nothing else happens in it: no
//               state changes, no handlers. Returns the number of events, or -errno. A process-wide set is copied
//               here, after the thread has published that it sleeps and looked once more for updates.
//   dispatch    turns what `wait` found into `Worker.report` calls, one for each descriptor, with the token that the
//               registration carried (poll and select: the generation that they noted when they copied the set).
//   close       gives back what the kernel holds for it.
//
// A poller that `keepsFiles` (io_uring) holds the open file of what it watches, and is told of removals on its own
// thread only:
//
//   withdraw    ends whatever is armed for a shared descriptor that was revoked, and calls `FDTable.withdrawn` when
//               nothing is: at once, or in a later turn. The number is closed when every thread has done so.
//   retire      ends whatever is armed for shared descriptors, when the thread stops.
//   forget      (of a token) cancels the poll of a local descriptor that is another thread's by now, or nobody's.
//
// A local descriptor (`registersOnce` pollers) is registered once, edge-triggered, in both directions; a listener
// level-triggered so that one event wakes one thread; any other shared one level-triggered while it is active. A
// shared descriptor stays registered while it is ready: the kernel repeats what is left, and accepting costs no
// update.

/// What waits for events, one instance for each thread.
class Poller {
    /// Registers local descriptors once for their whole life; otherwise each change of interest is an update.
    var registersOnce: Bool { false }
    /// One set for the process: the first thread to take an update takes it for all.
    var isProcessWide: Bool { false }

    func update(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {}
    func forget(_ fd: Int32, _ slot: FDSlot) {}
    /// What is watched is kept open by it, and its own thread alone can let go.
    var keepsFiles: Bool { false }
    func forget(_ token: FDToken) {}
    func withdraw(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {}
    func retire(_ worker: Worker) {}
    func wait(_ timeoutMilliseconds: Int32, _ worker: Worker) -> Int { 0 }
    func dispatch(_ count: Int, _ worker: Worker) {}
    func close() {}

    /// What a thread's own poller watches of a shared descriptor, by the polled masks.
    final func polled(_ slot: FDSlot, by me: UInt64) -> Interest {
        var polled: Interest = slot.polledRead.load(.relaxed) & me != 0 ? .read : []
        if slot.polledWrite.load(.relaxed) & me != 0 { polled.insert(.write) }
        return polled
    }

    /// Writes into the polled masks what a thread's own poller watches now.
    final func mirror(_ slot: FDSlot, _ watched: Interest, by me: UInt64) {
        if watched.contains(.read) {
            slot.polledRead.fetchOr(me, .acquireRelease)
        } else {
            slot.polledRead.fetchAnd(~me, .acquireRelease)
        }
        if watched.contains(.write) {
            slot.polledWrite.fetchOr(me, .acquireRelease)
        } else {
            slot.polledWrite.fetchAnd(~me, .acquireRelease)
        }
    }

    /// The waker that fits this poller, registered in it.
    func makeWaker(_ kernel: Kernel) throws(SystemError) -> Waker { throw SystemError(code: ENOSYS) }
}
