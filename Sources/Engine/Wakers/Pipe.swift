import Base
import CPlatform
import Glibc

/// A waker over a pipe, for systems without event counters.
final class PipeWaker: Waker {
    private let kernel: Kernel
    private let reading: Int32
    private let writing: Int32

    init(_ kernel: Kernel) throws(SystemError) {
        self.kernel = kernel
        var pair: (Int32, Int32) = (-1, -1)
        if let error = SystemError(result: kernel.pipe(&pair)) { throw error }
        (reading, writing) = pair
    }

    override var fd: Int32 { reading }

    override func ring() {
        var byte: UInt8 = 0
        // SAFETY: one byte of a local. EAGAIN means that the pipe is full: it is readable anyway.
        _ = unsafe kernel.write(writing, &byte, 1)
    }

    override func drain() {
        // SAFETY: the buffer is as long as the count says. What a larger crowd of rings left ends the next wait too.
        unsafe withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { buffer in
            guard let start = buffer.baseAddress else { return }
            _ = unsafe kernel.read(reading, start, 256)
        }
    }

    override func close() {
        _ = kernel.close(reading)
        _ = kernel.close(writing)
    }
}
