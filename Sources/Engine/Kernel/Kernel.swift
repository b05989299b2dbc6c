import Base
import CPlatform
import Glibc

/// Every system call that the engine and the proxy use, as one method each.
///
/// A result is a value >= 0, or -errno; nothing throws. EINTR is retried inside where the call has done nothing yet,
/// but never in a wait. Subclasses play an operating system: `HostKernel` is the real one. All methods may be called
/// from any thread. Source: the manual pages of the calls (sections 2 and 7).
///
/// Safety: the pointers must be valid for the stated counts, as for the system calls themselves.
// SAFETY: Sendable because subclasses have no mutable state or guard it themselves; the base class has none.
open class Kernel: @unchecked Sendable {
    public init() {}

    // MARK: Streams

    /// Receives up to `count` bytes; 0 is the end of the stream.
    open func recv(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int { -Int(ENOSYS) }

    /// Receives up to `count` bytes and leaves them in the socket.
    open func peek(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int { -Int(ENOSYS) }

    /// Sends; `more` says that more follows at once, so that the segment may wait for it.
    open func send(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int, more: Bool) -> Int { -Int(ENOSYS) }

    /// Sends several pieces in one call.
    open func sendv(_ fd: Int32, _ vectors: UnsafePointer<iovec>, _ count: Int, more: Bool) -> Int { -Int(ENOSYS) }

    /// Receives into several pieces in one call.
    open func recvv(_ fd: Int32, _ vectors: UnsafePointer<iovec>, _ count: Int) -> Int { -Int(ENOSYS) }

    /// `read`.
    open func read(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int { -Int(ENOSYS) }

    /// `write`.
    open func write(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int) -> Int { -Int(ENOSYS) }

    /// Sends a datagram.
    open func sendto(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int, _ address: SocketAddress) -> Int {
        -Int(ENOSYS)
    }

    /// Receives a datagram and its sender.
    open func recvfrom(
        _ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int, _ address: inout SocketAddress
    ) -> Int { -Int(ENOSYS) }

    /// Moves bytes between a pipe and a socket without copying; never blocks on the pipe.
    open func splice(_ from: Int32, _ to: Int32, _ count: Int, more: Bool) -> Int { -Int(ENOSYS) }

    // MARK: Sockets

    /// A new socket, non-blocking and closed on exec.
    open func socket(_ family: Int32, _ type: Int32, _ protocolNumber: Int32) -> Int32 { -ENOSYS }

    /// A pair of connected unix sockets, non-blocking and closed on exec.
    open func socketpair(_ type: Int32, _ pair: inout (Int32, Int32)) -> Int32 { -ENOSYS }

    /// `bind`.
    open func bind(_ fd: Int32, _ address: SocketAddress) -> Int32 { -ENOSYS }

    /// `listen`.
    open func listen(_ fd: Int32, _ backlog: Int32) -> Int32 { -ENOSYS }

    /// `connect`; -EINPROGRESS is the normal answer of a TCP socket.
    open func connect(_ fd: Int32, _ address: SocketAddress) -> Int32 { -ENOSYS }

    /// Accepts a connection, non-blocking and closed on exec, and tells its peer.
    open func accept(_ fd: Int32, _ address: inout SocketAddress) -> Int32 { -ENOSYS }

    /// Closes one or both directions of a connection (SHUT_RD, SHUT_WR, SHUT_RDWR).
    open func shutdown(_ fd: Int32, _ how: Int32) -> Int32 { -ENOSYS }

    /// Closes the descriptor. The number is free afterwards, whatever the result.
    open func close(_ fd: Int32) -> Int32 { -ENOSYS }

    /// Sets an option whose value is a number.
    open func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 { -ENOSYS }

    /// Sets an option whose value is a run of bytes.
    open func setOption(
        _ fd: Int32, _ level: Int32, _ name: Int32, _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int32 { -ENOSYS }

    /// The value of an option that is a number, or -errno. A negative value of an option is not told from an error.
    open func getOption(_ fd: Int32, _ level: Int32, _ name: Int32) -> Int { -Int(ENOSYS) }

    /// Reads an option whose value is a run of bytes; returns its length.
    open func getOption(
        _ fd: Int32, _ level: Int32, _ name: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int
    ) -> Int { -Int(ENOSYS) }

    /// The address that the socket is bound to.
    open func localAddress(_ fd: Int32, _ address: inout SocketAddress) -> Int32 { -ENOSYS }

    /// The address of the peer.
    open func peerAddress(_ fd: Int32, _ address: inout SocketAddress) -> Int32 { -ENOSYS }

    // MARK: Descriptors

    /// Turns non-blocking mode on or off.
    open func setNonBlocking(_ fd: Int32, _ on: Bool) -> Int32 { -ENOSYS }

    /// Turns closing at exec on or off.
    open func setCloseOnExec(_ fd: Int32, _ on: Bool) -> Int32 { -ENOSYS }

    /// Whether the number is an open descriptor: >= 0, or -EBADF.
    open func isOpen(_ fd: Int32) -> Int32 { -ENOSYS }

    /// A second descriptor of the same open file, closed on exec.
    open func dup(_ fd: Int32) -> Int32 { -ENOSYS }

    /// A pipe (reading end, writing end), non-blocking and closed on exec.
    open func pipe(_ pair: inout (Int32, Int32)) -> Int32 { -ENOSYS }

    /// Asks for a capacity of a pipe in bytes; returns the one it has now.
    open func setPipeSize(_ fd: Int32, _ sizeBytes: Int32) -> Int32 { -ENOSYS }

    /// An event counter, non-blocking and closed on exec (Linux).
    open func eventfd() -> Int32 { -ENOSYS }

    // MARK: Polling. A wait that is interrupted returns -EINTR; a timeout below 0 waits for ever.

    /// A new epoll instance.
    open func epollCreate() -> Int32 { -ENOSYS }

    /// `epoll_ctl` with the token that events of the descriptor will carry.
    open func epollControl(
        _ poller: Int32, _ operation: Int32, _ fd: Int32, _ events: UInt32, _ token: UInt64
    ) -> Int32 { -ENOSYS }

    /// `epoll_wait`; the timeout is in milliseconds.
    open func epollWait(
        _ poller: Int32, _ events: UnsafeMutablePointer<epoll_event>, _ count: Int32, _ timeout: Int32
    ) -> Int32 { -ENOSYS }

    /// Whether this kernel has a kqueue, its own or the emulation of the tests.
    open var offersKqueue: Bool { false }

    /// A new kqueue.
    open func kqueueCreate() -> Int32 { -ENOSYS }

    /// `kevent`; the timeout is in milliseconds.
    open func kqueueWait(
        _ queue: Int32, _ changes: UnsafePointer<kevent>?, _ changeCount: Int32,
        _ events: UnsafeMutablePointer<kevent>?, _ eventCount: Int32, _ timeout: Int32
    ) -> Int32 { -ENOSYS }

    /// Closes a kqueue.
    open func kqueueClose(_ queue: Int32) -> Int32 { -ENOSYS }

    /// `poll`; the timeout is in milliseconds.
    open func poll(_ descriptors: UnsafeMutablePointer<pollfd>, _ count: Int, _ timeout: Int32) -> Int32 { -ENOSYS }

    /// `select` on sets of `descriptorLimitOfSelect` bits, as 64-bit words; the timeout is in milliseconds.
    open func select(
        _ count: Int32, _ read: UnsafeMutablePointer<UInt64>, _ write: UnsafeMutablePointer<UInt64>, _ timeout: Int32
    ) -> Int32 { -ENOSYS }

    /// Whether this system has rings at all, whatever they can do.
    open var offersRings: Bool { false }

    /// How large the rings of pollers are.
    open var ringSize: RingSize { RingSize() }

    /// A ring of operations that the kernel completes (io_uring). Throws ENOSYS where there is none.
    open func makeRing(_ size: RingSize) throws(SystemError) -> Ring { throw SystemError(code: ENOSYS) }

    // MARK: Files

    /// Opens a file, closed on exec.
    open func open(_ path: String, _ flags: Int32, _ mode: UInt32) -> Int32 { -ENOSYS }

    /// `unlink`.
    open func unlink(_ path: String) -> Int32 { -ENOSYS }

    /// `rename`.
    open func rename(_ from: String, _ to: String) -> Int32 { -ENOSYS }

    /// `chmod`.
    open func chmod(_ path: String, _ mode: UInt32) -> Int32 { -ENOSYS }

    /// `chown`; -1 leaves the user or the group as it is.
    open func chown(_ path: String, _ user: Int32, _ group: Int32) -> Int32 { -ENOSYS }

    // MARK: Clocks and limits

    /// The monotonic clock, in nanoseconds.
    open func monotonicNanoseconds() -> UInt64 { 0 }

    /// The wall clock, in microseconds since 1970.
    open func wallClockMicroseconds() -> Int64 { 0 }

    /// CPU time of the calling thread, in nanoseconds.
    open func threadCPUNanoseconds() -> UInt64 { 0 }

    /// The limit of open descriptors, soft or hard; `UInt64.max` when there is none.
    open func descriptorLimit(hard: Bool) -> UInt64 { 1024 }

    /// Sets the limits of open descriptors.
    open func setDescriptorLimit(soft: UInt64, hard: UInt64) -> Int32 { -ENOSYS }

    // MARK: Threads

    /// Starts a thread that runs the body, and no signal handlers; stores what `joinThread` wants to know. 0, or
    /// -errno (EAGAIN when there are no more threads). The name is for traces of a simulation.
    open func startThread(_ name: String, _ thread: inout KernelThread, _ body: @escaping @Sendable () -> Void) -> Int32
    {
        -ENOSYS
    }

    /// Waits for the end of a thread that `startThread` has started; once for each.
    open func joinThread(_ thread: KernelThread) {}

    /// Gives the processor to another thread.
    open func yieldThread() {}

    /// Threads take turns on one thread of the operating system, and change at kernel calls: a simulation. Whoever
    /// makes such a call holds no lock of the C library or of Swift's; see `KernelGate`.
    open var hasFibres: Bool { false }

    // MARK: The process and its machine

    /// The number of this process.
    open func processID() -> Int32 { 1 }

    /// Processors that this process may run on.
    open func processorCount() -> Int { 1 }

    /// Whether the descriptor is a terminal.
    open func isTerminal(_ fd: Int32) -> Bool { false }

    /// A seed for generators that are not for secrets: another one at each call.
    open func randomSeed() -> UInt64 { 0 }

    /// The name of the machine; empty when it has none.
    open func hostName() -> String { "" }

    /// An address of a host by its name, with port 0; nil when there is none. Blocks: only at start.
    /// - Parameter family: AF_INET, AF_INET6, or AF_UNSPEC for either, IPv4 before IPv6.
    open func lookUpHost(_ name: String, family: Int32) -> SocketAddress? { nil }

    /// The number of a user by name; nil when there is none. Only at start, on one thread.
    open func lookUpUser(_ name: String) -> UInt32? { nil }

    /// The number of a group by name; nil when there is none. Only at start, on one thread.
    open func lookUpGroup(_ name: String) -> UInt32? { nil }
}

/// A thread that a kernel has started.
@frozen
public struct KernelThread: Hashable, Sendable {
    /// What the kernel knows it by.
    public var identity: UInt

    @inlinable
    public init(identity: UInt = 0) {
        self.identity = identity
    }
}
