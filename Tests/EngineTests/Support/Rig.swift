import Base
import CPlatform
import Glibc
import Synchronization
import Testing

@testable import Engine

/// A handler made of a closure, for tests.
final class Handler: FDHandler {
    let body: (Int32, FDEvents, Worker) -> Void

    init(_ body: @escaping (Int32, FDEvents, Worker) -> Void) {
        self.body = body
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) { body(fd, events, worker) }
}

/// A task made of a closure, for tests.
final class Job: LoopTask {
    let body: (Job, Worker, WakeReason) -> Void

    init(_ body: @escaping (Job, Worker, WakeReason) -> Void) {
        self.body = body
    }

    override func run(on worker: Worker, _ reason: WakeReason) { body(self, worker, reason) }
}

/// A message made of a closure, for tests.
final class Note: Message {
    let body: (Worker) -> Void

    init(_ body: @escaping (Worker) -> Void) {
        self.body = body
    }

    override func deliver(on worker: Worker) { body(worker) }
}

/// A number that threads of a test count in.
final class Counter: Sendable {
    private let cell = Atomic<Int>(0)

    var value: Int { cell.load(ordering: .sequentiallyConsistent) }

    func add(_ count: Int = 1) { cell.wrappingAdd(count, ordering: .sequentiallyConsistent) }
}

/// Sockets and groups for tests.
enum Rig {
    static let kernel = HostKernel(kqueueEmulation: true)

    /// The pollers, each by its flag and its name.
    static let pollers: [(choice: PollerChoice, name: String)] =
        [(.epoll, "epoll"), (.kqueue, "kqueue"), (.poll, "poll"), (.select, "select")]
        + (hasRings ? [(.uring, "io_uring")] : [])

    /// Those with a set for each thread.
    static let ownSets: [PollerChoice] = pollers.map(\.choice).filter { $0 != .poll && $0 != .select }

    /// Whether this kernel has what the io_uring poller needs.
    static let hasRings = (try? UringProbe.run(kernel)) != nil

    static func group(_ choice: PollerChoice = .epoll, threads: Int = 1) throws -> WorkerGroup {
        var options = WorkerGroup.Options()
        options.threads = threads
        options.pollers = choice
        // What select can still carry.
        options.maxDescriptors = 1024
        return try WorkerGroup(options, kernel: kernel)
    }

    static func pair(_ type: __socket_type = SOCK_STREAM) throws -> (Int32, Int32) {
        var pair: (Int32, Int32) = (-1, -1)
        let result = kernel.socketpair(Int32(type.rawValue), &pair)
        try #require(result >= 0)
        return pair
    }

    /// A listening socket on a free port of the loopback interface.
    static func listener(backlog: Int32 = 128) throws -> (fd: Int32, address: SocketAddress) {
        let fd = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(fd >= 0)
        try #require(kernel.bind(fd, SocketAddress(ipv4: 0x7F00_0001, port: 0)) >= 0)
        try #require(kernel.listen(fd, backlog) >= 0)
        var address = SocketAddress()
        try #require(kernel.localAddress(fd, &address) >= 0)
        return (fd, address)
    }

    static func datagram() throws -> (fd: Int32, address: SocketAddress) {
        let fd = kernel.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        try #require(fd >= 0)
        try #require(kernel.bind(fd, SocketAddress(ipv4: 0x7F00_0001, port: 0)) >= 0)
        var address = SocketAddress()
        try #require(kernel.localAddress(fd, &address) >= 0)
        return (fd, address)
    }

    @discardableResult
    static func write(_ fd: Int32, _ text: String) -> Int { write(fd, Array(text.utf8)) }

    @discardableResult
    static func write(_ fd: Int32, _ bytes: [UInt8]) -> Int {
        // SAFETY: the array is valid during the call.
        return unsafe bytes.withUnsafeBytes { unsafe kernel.write(fd, $0.baseAddress!, bytes.count) }
    }

    /// What can be read now, at most 64 KiB.
    static func readBytes(_ fd: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65536)
        // SAFETY: the array is valid during the call.
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe kernel.read(fd, $0.baseAddress!, $0.count) }
        return Array(bytes.prefix(max(0, result)))
    }

    static func read(_ fd: Int32, _ count: Int = 4096) -> (result: Int, text: String) {
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: the array is valid during the call.
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe kernel.read(fd, $0.baseAddress!, count) }
        return (result, String(decoding: bytes.prefix(max(0, result)), as: UTF8.self))
    }

    /// A wait that goes on when it is interrupted: by what the end of another test's ring still does on this thread.
    static func wait(_ poller: Poller, _ milliseconds: Int32, _ worker: Worker) -> Int {
        for _ in 0..<100 {
            let found = poller.wait(milliseconds, worker)
            if found != -Int(EINTR) { return found }
        }
        return -Int(EINTR)
    }

    /// Turns one worker's loop until the condition holds, at most half a minute.
    static func turn(_ group: WorkerGroup, until condition: () -> Bool) -> Bool {
        let worker = group.workers[0]
        let guardTask = Job { _, _, _ in }
        let limit = kernel.monotonicNanoseconds() + 30_000_000_000
        while !condition() {
            if kernel.monotonicNanoseconds() > limit { return false }
            worker.schedule(guardTask, at: worker.now.adding(milliseconds: 20))
            worker.turn()
        }
        worker.cancel(guardTask)
        return true
    }
}

extension Worker {
    /// One turn that does not wait, because a timer is due again.
    func turnOnce() {
        let restless = Job { job, worker, _ in worker.schedule(job, at: worker.now) }
        wake(restless)
        turn()
        cancel(restless)
    }
}
