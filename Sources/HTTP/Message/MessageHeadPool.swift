/// Heads that are not in use, so that an idle connection holds none and a request allocates none.
///
/// Thread-safety: none; one pool for each thread.
public final class MessageHeadPool {
    /// The bounds that the heads were made with.
    public let limits: HTTPLimits
    private let capacity: Int
    private var idle: [MessageHead] = []

    /// Keeps at most `capacity` heads; more are freed as they come back.
    public init(limits: HTTPLimits, capacity: Int = 256) {
        self.limits = limits
        self.capacity = capacity
        idle.reserveCapacity(capacity)
    }

    /// How many heads are kept.
    public var idleCount: Int { idle.count }

    /// A head without a message.
    public func take() -> MessageHead {
        idle.popLast() ?? MessageHead(limits: limits)
    }

    /// Takes a head back. Its owner must not use it any more.
    public func give(_ head: MessageHead) {
        head.reset()
        if idle.count < capacity { idle.append(head) }
    }
}
