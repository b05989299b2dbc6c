import Synchronization

/// A lock under which kernel calls are made, for paths that are rare.
///
/// Where threads are fibres, one that waited in the operating system for another would wait for ever; there it gives
/// way until the holder has left.
public struct KernelGate: ~Copyable, Sendable {
    private let lock = Mutex<Void>(())
    private let isHeld = Atomic<Bool>(false)

    public init() {}

    /// Runs the body while nobody else is inside. Not recursive.
    @inline(__always)
    public func hold<Result>(_ kernel: Kernel, _ body: () -> Result) -> Result {
        if !kernel.hasFibres { return lock.withLock { _ in body() } }
        while isHeld.exchange(true, ordering: .acquiringAndReleasing) { kernel.yieldThread() }
        defer { isHeld.store(false, ordering: .releasing) }
        return body()
    }
}
