import Synchronization

/// A lock under which kernel calls are made, for paths that are rare.
///
/// Where threads are fibres, one that waited in the operating system for another would wait for ever; there it gives
/// way until the holder has left.
public struct KernelGate: ~Copyable, Sendable {
    private let lock = Mutex<Void>(())
    private let block = CellBlock(lines: 1)
    private let isHeld: AtomicLink

    public init() {
        isHeld = block.link(line: 0)
    }

    /// Runs the body while nobody else is inside. Not recursive.
    @inline(__always)
    public func hold<Result>(_ kernel: Kernel, _ body: () -> Result) -> Result {
        if !kernel.hasFibres { return lock.withLock { _ in body() } }
        while !isHeld.compareExchange(0, 1) { giveWay(kernel) }
        defer { isHeld.store(0, .release) }
        return body()
    }

    private func giveWay(_ kernel: Kernel) {
        #if MODEL
            // A search has to know what is waited for.
            var round = 0
            isHeld.spinWait(while: 1, round: &round)
        #else
            kernel.yieldThread()
        #endif
    }
}
