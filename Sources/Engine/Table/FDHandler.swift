import Base

/// What is known of a descriptor: its directions that are ready, and what the kernel said of its end.
@frozen
public struct FDEvents: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Active and ready to be read.
    @inlinable
    public static var readable: FDEvents { FDEvents(rawValue: 1) }
    /// Active and ready to be written.
    @inlinable
    public static var writable: FDEvents { FDEvents(rawValue: 2) }
    /// The peer closed its side: what is left to read is all there will be.
    @inlinable
    public static var hangup: FDEvents { FDEvents(rawValue: 4) }
    /// The kernel reported an error; `SO_ERROR` names it.
    @inlinable
    public static var error: FDEvents { FDEvents(rawValue: 8) }
}

/// How a descriptor is owned and polled.
public enum FDKind: UInt8, Sendable {
    /// One thread's: registered once, edge-triggered, in both directions, so that want and stop cost no system call.
    case stream
    /// A listening socket, of one or more threads: level-triggered, and one event wakes one thread.
    case listener
    /// Any other descriptor of several threads (a datagram socket): level-triggered.
    case shared
}

/// What a descriptor's owner does when it is ready. Subclass it and override `ready`.
open class FDHandler {
    public init() {}

    /// Called when the descriptor is active and ready in a direction, or when a hang-up or an error was reported for
    /// an active direction. On return with a direction still active and ready the descriptor is served again in the
    /// next turn without asking the kernel.
    ///
    /// A shared descriptor's handler may run on several threads at once.
    open func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {}

    /// Another thread has taken the local descriptor, which this one had offered (`Worker.offer`). On the thread that
    /// offered it, after the taking; the handler is let go of when this returns.
    open func taken(on worker: Worker) {}

    /// How many connections a listener would take now, on this thread. Below 0: it accepts by itself, in `ready`.
    /// Otherwise, where the poller can, the kernel is asked to accept as many and `acceptCompleted` is called instead;
    /// at 0 nothing is armed until the descriptor is wanted again.
    open func acceptCredit(on worker: Worker) -> Int { -1 }

    /// A connection that the kernel has accepted for the listener, now the handler's; or -errno. It may come, for what
    /// was armed before, when the listener has been stopped meanwhile, on several threads at once.
    open func acceptCompleted(_ fd: Int32, _ result: Int32, from peer: SocketAddress, on worker: Worker) {}

    /// An operation on a local descriptor has completed.
    func completed(_ completion: RingCompletion, _ poller: UringPoller, on worker: Worker) {}
}
