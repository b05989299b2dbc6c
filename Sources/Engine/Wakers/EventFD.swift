import Base
import CPlatform
import Glibc

/// A waker over an event counter (Linux).
final class EventFDWaker: Waker {
    private let kernel: Kernel
    private let number: Int32

    init(_ kernel: Kernel) throws(SystemError) {
        self.kernel = kernel
        number = kernel.eventfd()
        if let error = SystemError(result: number) { throw error }
    }

    override var fd: Int32 { number }

    override func ring() {
        var one: UInt64 = 1
        // SAFETY: eight bytes of a local. EAGAIN means that the counter is full: the descriptor is readable anyway.
        _ = unsafe kernel.write(number, &one, 8)
    }

    override func drain() {
        var count: UInt64 = 0
        // SAFETY: eight bytes of a local.
        _ = unsafe kernel.read(number, &count, 8)
    }

    override func close() { _ = kernel.close(number) }
}
