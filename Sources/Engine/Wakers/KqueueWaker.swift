import Base
import CPlatform
import Glibc

/// A waker over kqueue's user events: no descriptor of its own, one call to ring.
final class KqueueWaker: Waker {
    private let kernel: Kernel
    private let queue: Int32

    /// Registers the event in the queue of the thread that is to be woken.
    init(_ kernel: Kernel, queue: Int32) throws(SystemError) {
        self.kernel = kernel
        self.queue = queue
        // SAFETY: a token is a number; the kernel only carries it.
        var event = unsafe host_kevent_make(0, HOST_EVFILT_USER, HOST_EV_ADD | HOST_EV_CLEAR, 0, FDToken.waker.bits)
        // SAFETY: one event of a local.
        if let error = unsafe SystemError(result: kernel.kqueueWait(queue, &event, 1, nil, 0, 0)) { throw error }
    }

    override func ring() {
        // SAFETY: a token is a number; the kernel only carries it.
        var event = unsafe host_kevent_make(0, HOST_EVFILT_USER, 0, HOST_NOTE_TRIGGER, FDToken.waker.bits)
        // SAFETY: one event of a local.
        _ = unsafe kernel.kqueueWait(queue, &event, 1, nil, 0, 0)
    }
}
