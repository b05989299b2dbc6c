import Base
import Buffers

public final class Worker {
    public let index: Int
    public unowned let group: WorkerGroup
    public let kernel: Kernel
    public let pool: ChunkPool
    public private(set) var now = Ticks.zero
    public private(set) var wallClockMicroseconds: Int64 = 0
    public let activity = Activity()

    init(index: Int, group: WorkerGroup, kernel: Kernel, blockSizeBytes: Int) {
        self.index = index
        self.group = group
        self.kernel = kernel
        pool = ChunkPool(blockSizeBytes: blockSizeBytes)
    }

    public func insert(_ fd: Int32, _ handler: FDHandler, kind: FDKind, threads: ThreadSet? = nil) {}
    public func want(_ fd: Int32, _ interest: Interest) {}
    public func stop(_ fd: Int32, _ interest: Interest) {}
    public func cannot(_ fd: Int32, _ interest: Interest) {}
    public func isReady(_ fd: Int32, _ interest: Interest) -> Bool { false }
    public func isActive(_ fd: Int32, _ interest: Interest) -> Bool { false }
    public func reportedEvents(_ fd: Int32) -> FDEvents { [] }
    public func remove(_ fd: Int32, close: Bool = true) {}
    public func wake(_ task: LoopTask, _ reason: WakeReason = .woken) {}
    public func schedule(_ task: LoopTask, at deadline: Ticks) {}
    public func cancel(_ task: LoopTask) {}
    public func post(_ message: Message, to worker: Int) {}
}
