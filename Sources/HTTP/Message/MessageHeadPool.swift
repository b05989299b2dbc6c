/// Heads that are not in use, so that an idle connection holds none and a request allocates none.
///
/// Thread-safety: none; one pool for each thread.
//
// SAFETY: `slots` has room for `capacity` references and `count` of them are initialized, each owning one reference;
// both pointers are allocated in `init` and freed in `deinit` only. The count is memory of its own so that a change of
// it costs no exclusivity check.
@safe
public final class MessageHeadPool {
    /// The bounds that the heads are made with.
    public let limits: HTTPLimits
    private let capacity: Int
    private let slots: UnsafeMutablePointer<Unmanaged<MessageHead>>
    private let count: UnsafeMutablePointer<Int>

    /// Keeps at most `capacity` heads; more are freed as they come back.
    public init(limits: HTTPLimits, capacity: Int = 256) {
        self.limits = limits
        self.capacity = max(capacity, 1)
        unsafe slots = .allocate(capacity: max(capacity, 1))
        unsafe count = .allocate(capacity: 1)
        unsafe count.initialize(to: 0)
    }

    deinit {
        for index in 0..<idleCount { unsafe slots[index].release() }
        unsafe slots.deallocate()
        unsafe count.deallocate()
    }

    /// How many heads are kept.
    public var idleCount: Int { unsafe count.pointee }

    /// A head without a message.
    public func take() -> MessageHead {
        let kept = idleCount
        guard kept > 0 else { return MessageHead(limits: limits) }
        unsafe count.pointee = kept - 1
        return unsafe slots[kept - 1].takeRetainedValue()
    }

    /// Takes a head back. Its owner must not use it any more.
    public func give(_ head: consuming MessageHead) {
        head.reset()
        let kept = idleCount
        guard kept < capacity else { return }
        unsafe (slots + kept).initialize(to: Unmanaged.passRetained(head))
        unsafe count.pointee = kept + 1
    }
}
