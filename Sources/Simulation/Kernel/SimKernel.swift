import Base
import CPlatform
import Engine
import Glibc

/// A process of a simulated machine: its descriptors, and every system call that the engine and the proxy make.
///
/// Without faults it behaves as Linux does; the differential tests compare the two. Each call is a scheduling point:
/// the seed may run other threads before and after it. A wait blocks the fibre that calls; outside of fibres nothing
/// blocks. What is not simulated answers with an error and is noted in `SimMachine.unsupported`.
// SAFETY: Sendable because a simulation runs on one thread of the operating system. Every override passes on the
// pointers that it is given, for the counts that it is given (see `Kernel`).
public final class SimKernel: Kernel, @unchecked Sendable {
    public struct Options: Sendable {
        /// The limit of open descriptors.
        public var softLimit: UInt64 = 1024
        public var hardLimit: UInt64 = 4096
        /// Whether there is a kqueue.
        public var offersKqueue = false
        /// Whether there are rings, and how large those of pollers are.
        public var offersRings = false
        public var ringSize = RingSize()
        public var processorCount = 4
        public var hostName = "simulated"

        public init() {}
    }

    public let machine: SimMachine
    /// The name of the process in traces.
    public let name: String
    public let options: Options
    /// What may go wrong in this process's calls.
    public var faults: FaultPlan
    /// Names that `lookUpHost` knows.
    public var hosts: [(name: String, address: SocketAddress)] = []
    /// What was written to descriptors 1 and 2.
    public var standardOutput: [UInt8] { output.bytes }

    let output = SimInode()
    var descriptors: [SimFile?] = []
    var firstFree = 0
    var softLimit: UInt64
    var hardLimit: UInt64
    var kqueues: [SimKqueue] = []
    private var threads: [SimFibre] = []
    private let process: Int32

    /// A process with the descriptors 0, 1 and 2 open.
    public init(
        _ machine: SimMachine, name: String = "process", faults: FaultPlan = FaultPlan(), options: Options = Options()
    ) {
        self.machine = machine
        self.name = name
        self.faults = faults
        self.options = options
        softLimit = options.softLimit
        hardLimit = options.hardLimit
        process = machine.processNumber()
        super.init()
        for flags in [O_RDONLY, O_WRONLY | O_APPEND, O_WRONLY | O_APPEND] {
            _ = install(SimOpenFile(machine, output, flags))
        }
    }

    /// Descriptors that are open now.
    public var openDescriptors: [Int32] {
        (0..<Int32(descriptors.count)).filter { descriptors[Int($0)] != nil }
    }

    // MARK: Streams

    public override func recv(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        begin()
        let into = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: count)
        return end(.recv, Int(fd), count, unsafe receive(fd, into, isReceive: true))
    }

    public override func peek(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        begin()
        let into = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: count)
        return end(.peek, Int(fd), count, unsafe receive(fd, into, isReceive: true, peeks: true))
    }

    public override func send(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int, more: Bool) -> Int {
        begin()
        let bytes = unsafe UnsafeRawBufferPointer(start: buffer, count: count)
        return end(.send, Int(fd), count, unsafe transmit(fd, bytes, isSend: true))
    }

    public override func sendv(_ fd: Int32, _ vectors: UnsafePointer<iovec>, _ count: Int, more: Bool) -> Int {
        begin()
        var bytes: [UInt8] = []
        for index in 0..<count {
            unsafe bytes.append(
                contentsOf: UnsafeRawBufferPointer(start: vectors[index].iov_base, count: vectors[index].iov_len))
        }
        let result = unsafe bytes.withUnsafeBytes { unsafe transmit(fd, $0, isSend: true) }
        return end(.sendv, Int(fd), bytes.count, result)
    }

    public override func recvv(_ fd: Int32, _ vectors: UnsafePointer<iovec>, _ count: Int) -> Int {
        begin()
        var room = 0
        for index in 0..<count { unsafe room += vectors[index].iov_len }
        var bytes = [UInt8](repeating: 0, count: room)
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe receive(fd, $0, isReceive: true) }
        var copied = 0
        for index in 0..<count where copied < result {
            let part = unsafe min(result - copied, vectors[index].iov_len)
            unsafe bytes.withUnsafeBytes {
                unsafe vectors[index].iov_base?.copyMemory(from: $0.baseAddress! + copied, byteCount: part)
            }
            copied += part
        }
        return end(.recvv, Int(fd), room, result)
    }

    public override func read(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        begin()
        let into = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: count)
        return end(.read, Int(fd), count, unsafe receive(fd, into, isReceive: false))
    }

    public override func write(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int) -> Int {
        begin()
        let bytes = unsafe UnsafeRawBufferPointer(start: buffer, count: count)
        return end(.write, Int(fd), count, unsafe transmit(fd, bytes, isSend: false))
    }

    public override func sendto(
        _ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int, _ address: SocketAddress
    ) -> Int {
        begin()
        let bytes = unsafe UnsafeRawBufferPointer(start: buffer, count: count)
        return end(.sendto, Int(fd), count, unsafe transmitDatagram(fd, bytes, address))
    }

    public override func recvfrom(
        _ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int, _ address: inout SocketAddress
    ) -> Int {
        begin()
        let into = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: count)
        return end(.recvfrom, Int(fd), count, unsafe receiveDatagram(fd, into, &address))
    }

    public override func splice(_ from: Int32, _ to: Int32, _ count: Int, more: Bool) -> Int {
        begin()
        return end(.splice, Int(from), Int(to), spliceBytes(from, to, count))
    }

    // MARK: Sockets

    public override func socket(_ family: Int32, _ type: Int32, _ protocolNumber: Int32) -> Int32 {
        begin()
        return end(.socket, Int(family), Int(type), makeSocket(family, type))
    }

    public override func socketpair(_ type: Int32, _ pair: inout (Int32, Int32)) -> Int32 {
        begin()
        return end(.socketpair, Int(type), 0, makePair(type, &pair))
    }

    public override func bind(_ fd: Int32, _ address: SocketAddress) -> Int32 {
        begin()
        return end(.bind, Int(fd), Int(address.port), bindSocket(fd, address))
    }

    public override func listen(_ fd: Int32, _ backlog: Int32) -> Int32 {
        begin()
        return end(.listen, Int(fd), Int(backlog), listenOn(fd, backlog))
    }

    public override func connect(_ fd: Int32, _ address: SocketAddress) -> Int32 {
        begin()
        return end(.connect, Int(fd), Int(address.port), connectTo(fd, address))
    }

    public override func accept(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        begin()
        return end(.accept, Int(fd), 0, acceptFrom(fd, &address))
    }

    public override func shutdown(_ fd: Int32, _ how: Int32) -> Int32 {
        begin()
        return end(.shutdown, Int(fd), Int(how), shutDown(fd, how))
    }

    public override func close(_ fd: Int32) -> Int32 {
        begin()
        return end(.close, Int(fd), 0, remove(fd))
    }

    public override func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        begin()
        return end(.setOption, Int(fd), Int(name), store(fd, level, name, value))
    }

    public override func setOption(
        _ fd: Int32, _ level: Int32, _ name: Int32, _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int32 {
        begin()
        let value = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
        return end(.setOptionBytes, Int(fd), Int(name), unsafe store(fd, level, name, value))
    }

    public override func getOption(_ fd: Int32, _ level: Int32, _ name: Int32) -> Int {
        begin()
        return end(.getOption, Int(fd), Int(name), load(fd, level, name))
    }

    public override func getOption(
        _ fd: Int32, _ level: Int32, _ name: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int
    ) -> Int {
        begin()
        machine.refuse("getsockopt \(level)/\(name) as bytes")
        return end(.getOptionBytes, Int(fd), Int(name), -Int(ENOPROTOOPT))
    }

    public override func localAddress(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        begin()
        return end(.localAddress, Int(fd), 0, self.address(of: fd, isPeer: false, &address))
    }

    public override func peerAddress(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        begin()
        return end(.peerAddress, Int(fd), 0, self.address(of: fd, isPeer: true, &address))
    }

    // MARK: Descriptors

    public override func setNonBlocking(_ fd: Int32, _ on: Bool) -> Int32 {
        begin()
        if !on { machine.refuse("blocking descriptors") }
        return end(.setNonBlocking, Int(fd), on ? 1 : 0, file(fd) == nil ? -EBADF : on ? 0 : -ENOSYS)
    }

    public override func setCloseOnExec(_ fd: Int32, _ on: Bool) -> Int32 {
        begin()
        return end(.setCloseOnExec, Int(fd), on ? 1 : 0, file(fd) == nil ? -EBADF : 0)
    }

    public override func isOpen(_ fd: Int32) -> Int32 {
        begin()
        return end(.isOpen, Int(fd), 0, file(fd) == nil ? -EBADF : 1)
    }

    public override func dup(_ fd: Int32) -> Int32 {
        begin()
        return end(.dup, Int(fd), 0, file(fd).map { install($0) } ?? -EBADF)
    }

    public override func pipe(_ pair: inout (Int32, Int32)) -> Int32 {
        begin()
        return end(.pipe, 0, 0, makePipe(&pair))
    }

    public override func setPipeSize(_ fd: Int32, _ sizeBytes: Int32) -> Int32 {
        begin()
        guard let end = file(fd) as? SimPipeEnd else { return self.end(.setPipeSize, Int(fd), 0, -EBADF) }
        var slots = 1
        while slots * PipeBuffer.pageBytes < Int(min(sizeBytes, 1 << 20)) { slots *= 2 }
        if slots < end.pipe.pages.count { return self.end(.setPipeSize, Int(fd), 0, -EBUSY) }
        end.pipe.slots = slots
        return self.end(.setPipeSize, Int(fd), 0, Int32(slots * PipeBuffer.pageBytes))
    }

    public override func eventfd() -> Int32 {
        begin()
        return end(.eventfd, 0, 0, install(SimEventCounter(machine)))
    }

    // MARK: Polling

    public override func epollCreate() -> Int32 {
        begin()
        return end(.epollCreate, 0, 0, install(SimEpoll(machine, self)))
    }

    public override func epollControl(
        _ poller: Int32, _ operation: Int32, _ fd: Int32, _ events: UInt32, _ token: UInt64
    ) -> Int32 {
        begin()
        let arguments = Int(fd) << 8 | Int(operation)
        guard let target = file(fd), let instance = file(poller) else {
            return end(.epollControl, Int(poller), arguments, -EBADF)
        }
        guard let epoll = instance as? SimEpoll else { return end(.epollControl, Int(poller), arguments, -EINVAL) }
        return end(.epollControl, Int(poller), arguments, epoll.control(operation, target, fd, events, token))
    }

    public override func epollWait(
        _ poller: Int32, _ events: UnsafeMutablePointer<epoll_event>, _ count: Int32, _ timeout: Int32
    ) -> Int32 {
        begin()
        guard let instance = file(poller) else { return end(.epollWait, Int(poller), 0, -EBADF) }
        guard let epoll = instance as? SimEpoll, count > 0 else { return end(.epollWait, Int(poller), 0, -EINVAL) }
        let result = wait(
            timeout,
            {
                let found = epoll.collect(Int(count))
                for (index, event) in found.enumerated() {
                    unsafe events[index] = host_epoll_make(event.events, event.token)
                    machine.scheduler.trace.mix(event.token ^ UInt64(event.events) << 32)
                }
                return found.count
            }, { epoll.sleep($0) }, { epoll.getUp($0) })
        return end(.epollWait, Int(poller), Int(timeout), Int32(result))
    }

    public override var offersKqueue: Bool { options.offersKqueue }

    public override func kqueueCreate() -> Int32 {
        begin()
        guard options.offersKqueue else { return end(.kqueueCreate, 0, 0, -ENOSYS) }
        let queue = SimKqueue(machine, self)
        let number = install(queue)
        if number >= 0 { kqueues.append(queue) }
        return end(.kqueueCreate, 0, 0, number)
    }

    public override func kqueueWait(
        _ queue: Int32, _ changes: UnsafePointer<kevent>?, _ changeCount: Int32,
        _ events: UnsafeMutablePointer<kevent>?, _ eventCount: Int32, _ timeout: Int32
    ) -> Int32 {
        begin()
        guard let kqueue = file(queue) as? SimKqueue else { return end(.kqueueWait, Int(queue), 0, -EBADF) }
        var answers = 0
        for index in 0..<Int(max(0, changeCount)) {
            guard let change = unsafe changes?[index] else { break }
            let flags = unsafe UInt32(change.flags)
            let error = unsafe kqueue.apply(
                UInt64(change.ident), Int32(change.filter), flags, change.fflags, UInt64(UInt(bitPattern: change.udata))
            )
            if error == 0 && flags & HOST_EV_RECEIPT == 0 { continue }
            guard answers < Int(eventCount), let events = unsafe events else {
                return end(.kqueueWait, Int(queue), Int(changeCount), error == 0 ? Int32(answers) : -error)
            }
            unsafe events[answers] = change
            unsafe events[answers].flags = UInt16(HOST_EV_ERROR)
            unsafe events[answers].data = Int64(error)
            answers += 1
        }
        let room = Int(eventCount) - answers
        guard answers == 0, room > 0, let events = unsafe events else {
            return end(.kqueueWait, Int(queue), Int(changeCount), Int32(answers))
        }
        let result = wait(
            timeout,
            {
                let found = kqueue.collect(room)
                for (index, event) in found.enumerated() {
                    unsafe events[index] = host_kevent_make(
                        event.number, event.filter, event.flags, event.errors, event.token)
                    machine.scheduler.trace.mix(event.token ^ UInt64(event.flags) << 32)
                }
                return found.count
            }, { kqueue.sleep($0) }, { kqueue.getUp($0) })
        return end(.kqueueWait, Int(queue), Int(timeout), Int32(result))
    }

    public override func kqueueClose(_ queue: Int32) -> Int32 {
        begin()
        return end(.kqueueClose, Int(queue), 0, file(queue) is SimKqueue ? remove(queue) : -EBADF)
    }

    public override var offersRings: Bool { options.offersRings }
    public override var ringSize: RingSize { options.ringSize }

    public override func makeRing(_ size: RingSize) throws(SystemError) -> Ring {
        begin()
        let fault = options.offersRings ? creationFault() : -ENOSYS
        let number = end(.makeRing, size.entries, size.completions, fault < 0 ? fault : install(SimRingFile(machine)))
        if number < 0 { throw SystemError(code: -number) }
        return SimRing(self, size, number: number)
    }

    public override func poll(_ descriptors: UnsafeMutablePointer<pollfd>, _ count: Int, _ timeout: Int32) -> Int32 {
        begin()
        var waiters: [(SimFile, FibreWaiter)] = []
        let result = wait(
            timeout, { unsafe pollDescriptors(descriptors, count) },
            { waiters = unsafe pollWaiters(descriptors, count, $0) },
            { _ in for (file, waiter) in waiters { file.detach(waiter) } })
        return end(.poll, count, Int(timeout), Int32(result))
    }

    public override func select(
        _ count: Int32, _ read: UnsafeMutablePointer<UInt64>, _ write: UnsafeMutablePointer<UInt64>, _ timeout: Int32
    ) -> Int32 {
        begin()
        let reads = unsafe selected(count, read)
        let writes = unsafe selected(count, write)
        if (reads + writes).contains(where: { file($0) == nil }) { return end(.select, Int(count), 0, -EBADF) }
        var waiters: [(SimFile, FibreWaiter)] = []
        var found: ([Int32], [Int32]) = ([], [])
        let result = wait(
            timeout,
            {
                found = (ready(reads, SimKernel.readable), ready(writes, SimKernel.writable))
                if found.0.isEmpty, found.1.isEmpty, !reads.isEmpty, machine.inject(faults, .spuriousReadiness) {
                    found.0 = [reads[machine.scheduler.random.below(reads.count)]]
                }
                return found.0.count + found.1.count
            },
            { fibre in
                let wanted = reads.map { ($0, SimKernel.readable) } + writes.map { ($0, SimKernel.writable) }
                for (fd, mask) in wanted {
                    guard let file = file(fd) else { continue }
                    waiters.append((file, FibreWaiter(fibre, mask, self)))
                    file.attach(waiters[waiters.count - 1].1)
                }
            },
            { _ in
                for (file, waiter) in waiters { file.detach(waiter) }
                waiters = []
            })
        if result < 0 { return end(.select, Int(count), Int(timeout), Int32(result)) }
        for word in 0..<Int(HOST_FD_SET_WORDS) where word * 64 < Int(count) {
            unsafe read[word] = 0
            unsafe write[word] = 0
        }
        for fd in found.0 { unsafe read[Int(fd) / 64] |= 1 << UInt64(fd & 63) }
        for fd in found.1 { unsafe write[Int(fd) / 64] |= 1 << UInt64(fd & 63) }
        return end(.select, Int(count), Int(timeout), Int32(result))
    }

    // MARK: Files

    public override func open(_ path: String, _ flags: Int32, _ mode: UInt32) -> Int32 {
        begin()
        return end(.open, Int(flags), path.utf8.count, openFile(path, flags))
    }

    public override func unlink(_ path: String) -> Int32 {
        begin()
        return end(.unlink, path.utf8.count, 0, removeName(path))
    }

    public override func rename(_ from: String, _ to: String) -> Int32 {
        begin()
        return end(.rename, from.utf8.count, to.utf8.count, moveName(from, to))
    }

    public override func chmod(_ path: String, _ mode: UInt32) -> Int32 {
        begin()
        return end(.chmod, path.utf8.count, Int(mode), machine.node(path) == nil ? -ENOENT : 0)
    }

    public override func chown(_ path: String, _ user: Int32, _ group: Int32) -> Int32 {
        begin()
        return end(.chown, path.utf8.count, Int(user), machine.node(path) == nil ? -ENOENT : 0)
    }

    // MARK: Clocks and limits. The monotonic clock is read too often to be a scheduling point.

    public override func monotonicNanoseconds() -> UInt64 { machine.scheduler.now }

    public override func wallClockMicroseconds() -> Int64 {
        if machine.inject(faults, .wallClockJump) {
            let leap = Int64(bitPattern: machine.scheduler.draw(0...7_200_000_000)) - 3_600_000_000
            machine.wallClockOffset &+= leap
        }
        return machine.wallClockMicroseconds
    }

    /// A microsecond for each step.
    public override func threadCPUNanoseconds() -> UInt64 { (machine.scheduler.current?.steps ?? 0) &* 1000 }

    public override func descriptorLimit(hard: Bool) -> UInt64 { hard ? hardLimit : softLimit }

    public override func setDescriptorLimit(soft: UInt64, hard: UInt64) -> Int32 {
        begin()
        guard soft <= hard, hard <= hardLimit else {
            return end(.setDescriptorLimit, 0, 0, soft > hard ? -EINVAL : -EPERM)
        }
        softLimit = soft
        hardLimit = hard
        return end(.setDescriptorLimit, Int(clamping: soft), Int(clamping: hard), 0)
    }

    // MARK: Threads

    public override func startThread(
        _ name: String, _ thread: inout KernelThread, _ body: @escaping @Sendable () -> Void
    ) -> Int32 {
        begin()
        threads.append(machine.scheduler.spawn("\(self.name)/\(name)", body))
        thread = KernelThread(identity: UInt(threads.count))
        return end(.startThread, threads.count, 0, 0)
    }

    public override func joinThread(_ thread: KernelThread) {
        begin()
        if thread.identity > 0 && thread.identity <= threads.count {
            machine.scheduler.join(threads[Int(thread.identity) - 1])
        }
        end(.joinThread, Int(thread.identity), 0, 0)
    }

    public override func yieldThread() {
        end(.yieldThread, 0, 0, 0)
        // Time passes: whom the caller waits for may be stalled.
        machine.scheduler.sleep(1000)
    }

    public override var hasFibres: Bool { true }

    // MARK: The process and its machine

    public override func processID() -> Int32 { process }
    public override func processorCount() -> Int { options.processorCount }
    public override func randomSeed() -> UInt64 { machine.scheduler.random.next() }
    public override func hostName() -> String { options.hostName }

    public override func lookUpHost(_ name: String, family: Int32) -> SocketAddress? {
        let fitting = hosts.filter { $0.name == name && (family == AF_UNSPEC || $0.address.nativeFamily == family) }
        return (fitting.first { $0.address.family == .ipv4 } ?? fitting.first)?.address
    }

    public override func lookUpUser(_ name: String) -> UInt32? { name == "root" ? 0 : nil }
    public override func lookUpGroup(_ name: String) -> UInt32? { name == "root" ? 0 : nil }
}
