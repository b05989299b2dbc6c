import Base
import CPlatform
import Glibc

/// The operating system that the program runs on. Tests override single calls.
// SAFETY: Sendable because its only field is a constant. Every method below passes pointers on to the call of its
// name, whose requirements are the caller's (see `Kernel`).
open class HostKernel: Kernel, @unchecked Sendable {
    /// The tests run the kqueue poller against an emulation; the program does not offer that one.
    private let kqueueEmulation: Bool

    public init(kqueueEmulation: Bool = false) {
        self.kqueueEmulation = kqueueEmulation
        super.init()
    }

    // MARK: Streams

    open override func recv(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        unsafe host_recv(fd, buffer, count, 0)
    }

    open override func peek(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        unsafe host_recv(fd, buffer, count, Int32(HOST_MSG_PEEK))
    }

    open override func send(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int, more: Bool) -> Int {
        unsafe host_send(fd, buffer, count, more ? 1 : 0)
    }

    open override func sendv(_ fd: Int32, _ vectors: UnsafePointer<iovec>, _ count: Int, more: Bool) -> Int {
        unsafe host_sendv(fd, vectors, count, more ? 1 : 0)
    }

    open override func recvv(_ fd: Int32, _ vectors: UnsafePointer<iovec>, _ count: Int) -> Int {
        unsafe host_recvv(fd, vectors, count)
    }

    open override func read(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        unsafe host_read(fd, buffer, count)
    }

    open override func write(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int) -> Int {
        unsafe host_write(fd, buffer, count)
    }

    open override func sendto(
        _ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int, _ address: SocketAddress
    ) -> Int {
        unsafe address.withNative { unsafe host_sendto(fd, buffer, count, $0, $1) }
    }

    open override func recvfrom(
        _ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int, _ address: inout SocketAddress
    ) -> Int {
        unsafe address.update { unsafe host_recvfrom(fd, buffer, count, $0, &$1) }
    }

    open override func splice(_ from: Int32, _ to: Int32, _ count: Int, more: Bool) -> Int {
        host_splice(from, to, count, more ? 1 : 0)
    }

    // MARK: Sockets

    open override func socket(_ family: Int32, _ type: Int32, _ protocolNumber: Int32) -> Int32 {
        host_socket(family, type, protocolNumber)
    }

    open override func socketpair(_ type: Int32, _ pair: inout (Int32, Int32)) -> Int32 {
        var numbers: [Int32] = [-1, -1]
        // SAFETY: the call writes two numbers.
        let result = unsafe numbers.withUnsafeMutableBufferPointer {
            unsafe host_socketpair(AF_UNIX, type, $0.baseAddress)
        }
        if result >= 0 { pair = (numbers[0], numbers[1]) }
        return result
    }

    open override func bind(_ fd: Int32, _ address: SocketAddress) -> Int32 {
        unsafe address.withNative { unsafe host_bind(fd, $0, $1) }
    }

    open override func listen(_ fd: Int32, _ backlog: Int32) -> Int32 {
        host_listen(fd, backlog)
    }

    open override func connect(_ fd: Int32, _ address: SocketAddress) -> Int32 {
        unsafe address.withNative { unsafe host_connect(fd, $0, $1) }
    }

    open override func accept(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        unsafe address.update { unsafe host_accept(fd, $0, &$1) }
    }

    open override func shutdown(_ fd: Int32, _ how: Int32) -> Int32 {
        host_shutdown(fd, how)
    }

    open override func close(_ fd: Int32) -> Int32 {
        host_close(fd)
    }

    open override func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        var copy = value
        // SAFETY: the value is the four bytes of an int.
        return unsafe host_setsockopt(fd, level, name, &copy, socklen_t(MemoryLayout<Int32>.size))
    }

    open override func setOption(
        _ fd: Int32, _ level: Int32, _ name: Int32, _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int32 {
        unsafe host_setsockopt(fd, level, name, bytes, socklen_t(clamping: count))
    }

    open override func getOption(_ fd: Int32, _ level: Int32, _ name: Int32) -> Int {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        // SAFETY: the call writes at most the four bytes of the value.
        let result = unsafe host_getsockopt(fd, level, name, &value, &size)
        return result < 0 ? Int(result) : Int(value)
    }

    open override func getOption(
        _ fd: Int32, _ level: Int32, _ name: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int
    ) -> Int {
        var size = socklen_t(clamping: count)
        let result = unsafe host_getsockopt(fd, level, name, bytes, &size)
        return result < 0 ? Int(result) : Int(size)
    }

    open override func localAddress(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        unsafe address.update { unsafe host_getsockname(fd, $0, &$1) }
    }

    open override func peerAddress(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        unsafe address.update { unsafe host_getpeername(fd, $0, &$1) }
    }

    // MARK: Descriptors

    open override func setNonBlocking(_ fd: Int32, _ on: Bool) -> Int32 {
        host_set_nonblocking(fd, on ? 1 : 0)
    }

    open override func setCloseOnExec(_ fd: Int32, _ on: Bool) -> Int32 {
        host_set_close_on_exec(fd, on ? 1 : 0)
    }

    open override func isOpen(_ fd: Int32) -> Int32 {
        host_is_open(fd)
    }

    open override func dup(_ fd: Int32) -> Int32 {
        host_dup(fd)
    }

    open override func pipe(_ pair: inout (Int32, Int32)) -> Int32 {
        var numbers: [Int32] = [-1, -1]
        // SAFETY: the call writes two numbers.
        let result = unsafe numbers.withUnsafeMutableBufferPointer { unsafe host_pipe($0.baseAddress) }
        if result >= 0 { pair = (numbers[0], numbers[1]) }
        return result
    }

    open override func setPipeSize(_ fd: Int32, _ sizeBytes: Int32) -> Int32 {
        host_set_pipe_size(fd, sizeBytes)
    }

    open override func eventfd() -> Int32 {
        host_eventfd()
    }

    // MARK: Polling. A wait that is interrupted returns -EINTR; a timeout below 0 waits for ever.

    open override func epollCreate() -> Int32 {
        host_epoll_create()
    }

    open override func epollControl(
        _ poller: Int32, _ operation: Int32, _ fd: Int32, _ events: UInt32, _ token: UInt64
    ) -> Int32 {
        host_epoll_ctl(poller, operation, fd, events, token)
    }

    open override func epollWait(
        _ poller: Int32, _ events: UnsafeMutablePointer<epoll_event>, _ count: Int32, _ timeout: Int32
    ) -> Int32 {
        unsafe host_epoll_wait(poller, events, count, timeout)
    }

    open override var offersKqueue: Bool { HOST_KQUEUE_NATIVE != 0 || kqueueEmulation }

    open override func kqueueCreate() -> Int32 { offersKqueue ? host_kqueue() : -ENOSYS }

    open override func kqueueWait(
        _ queue: Int32, _ changes: UnsafePointer<kevent>?, _ changeCount: Int32,
        _ events: UnsafeMutablePointer<kevent>?, _ eventCount: Int32, _ timeout: Int32
    ) -> Int32 {
        unsafe host_kevent(queue, changes, changeCount, events, eventCount, timeout)
    }

    open override func kqueueClose(_ queue: Int32) -> Int32 {
        host_kqueue_close(queue)
    }

    open override func poll(_ descriptors: UnsafeMutablePointer<pollfd>, _ count: Int, _ timeout: Int32) -> Int32 {
        unsafe host_poll(descriptors, UInt64(count), timeout)
    }

    open override func select(
        _ count: Int32, _ read: UnsafeMutablePointer<UInt64>, _ write: UnsafeMutablePointer<UInt64>, _ timeout: Int32
    ) -> Int32 {
        unsafe host_select(count, read, write, timeout)
    }

    open override var offersRings: Bool {
        #if os(Linux)
            true
        #else
            false
        #endif
    }

    open override func makeRing(_ size: RingSize) throws(SystemError) -> Ring { try HostRing(size) }

    // MARK: Files

    open override func open(_ path: String, _ flags: Int32, _ mode: UInt32) -> Int32 {
        unsafe host_open(path, flags, mode)
    }

    open override func unlink(_ path: String) -> Int32 {
        unsafe host_unlink(path)
    }

    open override func rename(_ from: String, _ to: String) -> Int32 {
        unsafe host_rename(from, to)
    }

    open override func chmod(_ path: String, _ mode: UInt32) -> Int32 {
        unsafe host_chmod(path, mode)
    }

    open override func chown(_ path: String, _ user: Int32, _ group: Int32) -> Int32 {
        unsafe host_chown(path, user, group)
    }

    // MARK: Clocks and limits

    open override func monotonicNanoseconds() -> UInt64 {
        host_monotonic_nanoseconds()
    }

    open override func wallClockMicroseconds() -> Int64 {
        host_wall_microseconds()
    }

    open override func threadCPUNanoseconds() -> UInt64 {
        host_thread_cpu_nanoseconds()
    }

    open override func descriptorLimit(hard: Bool) -> UInt64 {
        host_descriptor_limit(hard ? 1 : 0)
    }

    open override func setDescriptorLimit(soft: UInt64, hard: UInt64) -> Int32 {
        host_set_descriptor_limit(soft, hard)
    }

    // MARK: Threads

    open override func startThread(
        _ name: String, _ thread: inout KernelThread, _ body: @escaping @Sendable () -> Void
    ) -> Int32 { HostThreads.start(name, &thread, body) }

    open override func joinThread(_ thread: KernelThread) { HostThreads.join(thread) }

    open override func yieldThread() { host_yield() }

    // MARK: The process and its machine

    open override func processID() -> Int32 { getpid() }

    open override func processorCount() -> Int { Int(host_processor_count()) }

    open override func isTerminal(_ fd: Int32) -> Bool { isatty(fd) != 0 }

    open override func randomSeed() -> UInt64 {
        var system = SystemRandomNumberGenerator()
        return system.next()
    }

    open override func hostName() -> String { HostNames.own }

    open override func lookUpHost(_ name: String, family: Int32) -> SocketAddress? {
        HostNames.address(of: name, family: family)
    }

    open override func lookUpUser(_ name: String) -> UInt32? { HostNames.user(name) }

    open override func lookUpGroup(_ name: String) -> UInt32? { HostNames.group(name) }
}
