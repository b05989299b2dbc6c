import Base
import CPlatform
import Glibc

/// What a completion is of, and whose: operation, generation and number, in the word that the kernel hands back.
///
/// A poll's token is the descriptor's `FDToken`, so that the waker and the token of an event are what they are with
/// every other poller. Numbers have 24 bits, as many as `Limits.descriptors` needs.
@frozen
public struct RingToken: Equatable, Sendable {
    public var bits: UInt64

    public enum Operation: UInt8, Sendable {
        case poll = 0
        case receive = 1
        case send = 2
        case connect = 3
        /// One accept of a listener: the number is that of its place in the poller.
        case accept = 4
        /// A poll of a shared descriptor: the number is that of its place in the poller.
        case sharedPoll = 5
        /// Cancelling and closing: of interest to nobody.
        case control = 6
    }

    @inlinable
    public init(bits: UInt64) {
        self.bits = bits
    }

    @inlinable
    public init(_ operation: Operation, number: Int32, generation: UInt32) {
        bits =
            UInt64(generation) &<< 32 | UInt64(operation.rawValue) &<< 24
            | UInt64(UInt32(bitPattern: number) & 0xFF_FFFF)
    }

    /// nil: the waker's, or nothing that was ever handed to a ring.
    @inlinable public var operation: Operation? { Operation(rawValue: UInt8(truncatingIfNeeded: bits &>> 24)) }
    @inlinable public var number: Int32 { Int32(truncatingIfNeeded: bits & 0xFF_FFFF) }
    @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: bits &>> 32) }

    static let control = RingToken(.control, number: 0, generation: 0)
}

/// What became of one operation.
@frozen
public struct RingCompletion: Equatable, Sendable {
    public var token: RingToken
    /// A count or a number, or -errno.
    public var result: Int32
    public var flags: UInt32

    @inlinable
    public init(token: RingToken, result: Int32, flags: UInt32 = 0) {
        self.token = token
        self.result = result
        self.flags = flags
    }

    /// The operation goes on, and completes again.
    @inlinable public var hasMore: Bool { flags & UInt32(HOST_RING_MORE) != 0 }
    /// The provided buffer that was filled.
    @inlinable
    public var buffer: Int? {
        flags & UInt32(HOST_RING_BUFFER) != 0 ? Int(flags &>> UInt32(HOST_RING_BUFFER_SHIFT)) : nil
    }
}

/// How large a ring is.
public struct RingSize: Sendable, Hashable {
    public var entries: Int
    public var completions: Int
    /// Provided buffers: a power of two.
    public var buffers: Int

    public init(
        entries: Int = Limits.ringEntries, completions: Int = Limits.ringCompletions,
        buffers: Int = Limits.ringBuffers
    ) {
        self.entries = entries
        self.completions = completions
        self.buffers = buffers
    }
}

/// A ring of operations that the kernel completes (io_uring), of one thread.
///
/// An operation is prepared, submitted with the next `submitAndWait`, and completes once, or several times while its
/// completions say that more follow. Nothing that is prepared is a system call, but when the queue is full. A result is
/// a value >= 0, or -errno; -EBUSY says that there is no room for another operation. Subclasses play a kernel:
/// `HostRing` is the real one.
///
/// Memory: what is sent stays in place until the send has completed; addresses and vectors may go when the call
/// returns; the place for an accept's address stays until the accept has completed.
///
/// Thread-safety: created anywhere, then used by the thread that calls `enable`; closed when that thread has ended.
// SAFETY: Sendable by the rule above.
open class Ring: @unchecked Sendable {
    public init() {}

    /// Makes the calling thread the ring's.
    open func enable() -> Int32 { -ENOSYS }
    /// Cancels what is left, and gives everything back to the kernel.
    open func close() {}

    /// Provides a buffer to receive into; it is the kernel's until a completion names its number.
    open func provide(_ number: Int, _ bytes: UnsafeMutableRawBufferPointer) {}

    /// Submits what is prepared and waits, at most so many milliseconds (0: only looks; -1: for ever), until something
    /// has completed. Returns the number of completions there are.
    open func submitAndWait(_ timeoutMilliseconds: Int32) -> Int { -Int(ENOSYS) }
    /// One of the completions that the wait has found.
    open func completion(_ index: Int) -> RingCompletion { RingCompletion(token: .control, result: 0) }
    /// The first completions have been looked at.
    open func consumed(_ count: Int) {}

    /// Waits for events of epoll. Once, and then anew while they last; or each time that some come, edge-triggered.
    open func poll(_ fd: Int32, _ events: UInt32, repeats: Bool, _ token: RingToken) -> Int32 { -ENOSYS }
    /// Receives once, at most `count` bytes into one buffer; with a `total` again and again until so many have come.
    open func receive(_ fd: Int32, count: Int, total: Int, _ token: RingToken) -> Int32 { -ENOSYS }
    open func send(
        _ fd: Int32, _ bytes: UnsafeRawPointer, _ count: Int, more: Bool, _ token: RingToken
    ) -> Int32 { -ENOSYS }
    /// Sends several pieces, at most `Limits.ringVectorsPerSend`, in one operation.
    open func send(
        _ fd: Int32, _ vectors: UnsafePointer<iovec>, vectorCount: Int, more: Bool, _ token: RingToken
    ) -> Int32 { -ENOSYS }
    /// Accepts one connection, non-blocking and closed on exec, and tells its peer.
    open func accept(
        _ fd: Int32, _ address: UnsafeMutablePointer<sockaddr>, _ size: UnsafeMutablePointer<socklen_t>,
        _ token: RingToken
    ) -> Int32 { -ENOSYS }
    open func connect(_ fd: Int32, _ address: SocketAddress, _ token: RingToken) -> Int32 { -ENOSYS }
    /// Breaks a TCP connection at once: the peer gets a reset, the addresses are free.
    open func disconnect(_ fd: Int32, _ token: RingToken) -> Int32 { -ENOSYS }
    /// Sets an option of a socket, in its turn among the operations; success does not complete, failure does with
    /// `control`.
    open func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 { -ENOSYS }
    /// Cancels the operation of a token, which then completes with -ECANCELED, or as it already has. That it is not
    /// there any more completes with `control`.
    open func cancel(_ target: RingToken) -> Int32 { -ENOSYS }
    /// Closes a descriptor, in its turn among the operations; success does not complete.
    open func close(descriptor: Int32) -> Int32 { -ENOSYS }
}
