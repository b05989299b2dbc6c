import Base

/// A pipe through which bytes go from one socket to another without being copied to the program: `splice(2)`.
///
/// The transport that receives has it as its `inlet`, the one that sends as its `outlet`; what is in it is sent after
/// what the sender has queued. Thread-safety: its worker's thread only.
public final class SplicePipe {
    let readEnd: Int32
    let writeEnd: Int32
    /// Bytes that are in the pipe now.
    public internal(set) var byteCount = 0

    init(readEnd: Int32, writeEnd: Int32) {
        self.readEnd = readEnd
        self.writeEnd = writeEnd
    }
}

/// The pipes of one worker: made when they are needed, kept for the next need.
///
/// Thread-safety: its worker's thread only.
public final class PipePool {
    private let kernel: Kernel
    /// Pipes that may exist at once; more are refused, and bytes copied instead.
    public let maximum: Int
    private let sizeBytes: Int
    private var free: [SplicePipe] = []
    /// Pipes in use now.
    public private(set) var usedCount = 0
    public var freeCount: Int { free.count }

    /// - Parameter sizeBytes: what a pipe is to hold (`tune.pipesize`); 0: the system's default.
    public init(kernel: Kernel, maximum: Int, sizeBytes: Int = 0) {
        self.kernel = kernel
        self.maximum = maximum
        self.sizeBytes = sizeBytes
    }

    /// An empty pipe; nil at the limit, or when the system has none.
    public func take() -> SplicePipe? {
        if let pipe = free.popLast() {
            usedCount += 1
            return pipe
        }
        guard usedCount < maximum else { return nil }
        var ends: (Int32, Int32) = (-1, -1)
        guard kernel.pipe(&ends) >= 0 else { return nil }
        // A size that the system refuses leaves the default.
        if sizeBytes > 0 { _ = kernel.setPipeSize(ends.1, Int32(clamping: sizeBytes)) }
        usedCount += 1
        return SplicePipe(readEnd: ends.0, writeEnd: ends.1)
    }

    /// Takes a pipe back. One that still holds bytes is closed: they belonged to a connection that is gone.
    public func put(_ pipe: SplicePipe) {
        usedCount -= 1
        if pipe.byteCount == 0 && free.count < maximum {
            free.append(pipe)
        } else {
            close(pipe)
        }
    }

    private func close(_ pipe: SplicePipe) {
        _ = kernel.close(pipe.readEnd)
        _ = kernel.close(pipe.writeEnd)
    }

    deinit {
        for pipe in free { close(pipe) }
    }
}
