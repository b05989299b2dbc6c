import Base
import CPlatform
import Engine
import Glibc

/// Where the clients and servers of a world run: a process of its own in the simulation, with a faultless kernel, and
/// calls that block the fibre that makes them.
final class PeerHost {
    let kernel: SimKernel
    let scheduler: SimScheduler

    init(_ kernel: SimKernel) {
        self.kernel = kernel
        scheduler = kernel.machine.scheduler
    }

    /// Virtual time since the start of the clock.
    var milliseconds: UInt64 { scheduler.now / 1_000_000 }

    @discardableResult
    func spawn(_ name: String, _ body: @escaping () -> Void) -> SimFibre { scheduler.spawn(name, body) }

    func join(_ fibre: SimFibre) { scheduler.join(fibre) }

    func sleep(milliseconds: Int) {
        if milliseconds > 0 { scheduler.sleep(UInt64(milliseconds) * 1_000_000) }
    }

    /// Waits until a descriptor is readable or writable; false when it is not in time.
    func wait(_ fd: Int32, _ interest: Interest, milliseconds: UInt64) -> Bool {
        let end = self.milliseconds + milliseconds
        while true {
            let now = self.milliseconds
            var entry = pollfd(fd: fd, events: Int16(interest.contains(.read) ? POLLIN : POLLOUT), revents: 0)
            let left = Int32(clamping: end > now ? end - now : 0)
            // SAFETY: one entry, on the stack.
            let result = unsafe kernel.poll(&entry, 1, left)
            if result > 0 { return true }
            if result == 0 && self.milliseconds >= end { return false }
            if result < 0 && result != -EINTR { return true }
        }
    }
}
