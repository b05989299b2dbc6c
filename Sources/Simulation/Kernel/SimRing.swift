import Base
import CPlatform
import Engine
import Glibc

/// A ring of operations as Linux plays it to one thread (io_uring, completions by the thread's own enter).
///
/// Preparing is no call of the kernel. The next enter submits, in order, what is prepared, and tries each operation at
/// once; one that cannot complete waits at its file, which it keeps open, and is tried again by an enter after the file
/// has told of a change. So nothing completes behind the thread's back. Completions that find no room in their queue
/// wait in the kernel. Source: io_uring(7), io_uring_enter(2), and what the differential tests find.
// SAFETY: memory of operations and of provided buffers is the caller's until their completions (see `Ring`). Sendable
// as the simulation runs on one thread.
@safe
final class SimRing: Ring, @unchecked Sendable {
    let kernel: SimKernel
    private let size: RingSize
    /// The ring's own descriptor.
    private let number: Int32
    private var isEnabled = false
    private var isClosed = false
    /// The thread that has enabled it; nil outside of fibres.
    private var owner: SimFibre?
    private var prepared: [RingOperation] = []
    /// Submitted, and not over.
    private var outstanding: [RingOperation] = []
    /// To be tried by the next enter.
    private var work: [RingOperation] = []
    private var completions: [RingCompletion] = []
    private var overflow: [RingCompletion] = []
    /// Completions that the last enter has told of, and that are still to be looked at: they stay where they are.
    private var told = 0
    private var buffers: [(number: Int, bytes: UnsafeMutableRawBufferPointer)]
    private var sleeper: SimFibre?

    /// Operations that one enter tries, as Linux bounds it.
    static let workPerEnter = 20
    /// Times that a repeating receive goes on at once, as Linux bounds it.
    static let receivesInARow = 32

    var machine: SimMachine { kernel.machine }
    private var scheduler: SimScheduler { kernel.machine.scheduler }

    init(_ kernel: SimKernel, _ size: RingSize, number: Int32) {
        self.kernel = kernel
        self.size = size
        self.number = number
        unsafe buffers = []
    }

    func inject(_ fault: SimFault) -> Bool { machine.inject(kernel.faults, fault) }

    /// Another thread than the ring's.
    private var isForeign: Bool { isEnabled && scheduler.current !== owner }

    // MARK: Life

    override func enable() -> Int32 {
        kernel.begin()
        if isClosed || isEnabled { return kernel.end(.ringEnable, Int(number), 0, isClosed ? -EBADF : -EBADFD) }
        isEnabled = true
        owner = scheduler.current
        return kernel.end(.ringEnable, Int(number), 0, 0)
    }

    override func close() {
        if isClosed { return }
        kernel.begin()
        isClosed = true
        for operation in outstanding { operation.abandon() }
        (outstanding, prepared, work) = ([], [], [])
        (completions, overflow, told) = ([], [], 0)
        unsafe buffers = []
        kernel.end(.ringClose, Int(number), 0, kernel.remove(number))
    }

    override func provide(_ number: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        if unsafe buffers.contains(where: { unsafe $0.number == number }) {
            machine.refuse("a buffer that is provided twice")
        }
        unsafe buffers.append((number, bytes))
        if unsafe buffers.count > size.buffers { machine.refuse("more provided buffers than the ring has places for") }
    }

    // MARK: Entering

    override func submitAndWait(_ timeoutMilliseconds: Int32) -> Int {
        kernel.begin()
        let result = enter(timeoutMilliseconds)
        return kernel.end(.ringEnter, Int(number), Int(timeoutMilliseconds), result)
    }

    private func enter(_ timeoutMilliseconds: Int32) -> Int {
        if isClosed { return -Int(EBADF) }
        if !isEnabled { return -Int(EBADFD) }
        if isForeign { return Int(refuseStranger()) }
        let submits = !prepared.isEmpty
        submit()
        var found: Int
        if scheduler.isInFibre {
            found = kernel.wait(timeoutMilliseconds, { look() }, { sleeper = $0 }, { _ in sleeper = nil })
        } else {
            found = waitOutside(timeoutMilliseconds)
        }
        // A call that has submitted something does not say that it was interrupted.
        if submits && found == -Int(EINTR) { found = 0 }
        told = max(0, found)
        return found
    }

    /// Before there are fibres (a poller is tried at start) the clock goes on by itself.
    private func waitOutside(_ timeoutMilliseconds: Int32) -> Int {
        let end = scheduler.now &+ UInt64(max(0, timeoutMilliseconds)) &* 1_000_000
        while true {
            let found = look()
            if found != 0 || scheduler.now >= end { return found }
            scheduler.advanceClock(min(end - scheduler.now, 10_000))
        }
    }

    private func refuseStranger() -> Int32 {
        machine.refuse("a ring that is used by another thread than its own")
        return -EEXIST
    }

    private func submit() {
        while !prepared.isEmpty {
            let operation = prepared.removeFirst()
            scheduler.trace.mix(operation.token.bits)
            scheduler.trace.sink?("\(scheduler.now) \(kernel.name) ring \(number) \(operation)")
            operation.start()
            scheduler.step()
        }
    }

    /// Tries what has been woken; the number of completions that there are.
    private func look() -> Int {
        while !overflow.isEmpty && completions.count < size.completions { completions.append(overflow.removeFirst()) }
        repeat {
            var left = SimRing.workPerEnter
            if work.count > 1 && inject(.completionBacklog) { left = 1 + scheduler.random.below(3) }
            while left > 0 && !work.isEmpty {
                left -= 1
                work.removeFirst().run()
            }
        } while completions.isEmpty && !work.isEmpty
        if completions.isEmpty && inject(.spuriousReadiness) {
            let polls = outstanding.filter(\.mayBeFalse)
            if !polls.isEmpty { polls[scheduler.random.below(polls.count)].reportFalsely() }
        }
        return completions.count
    }

    override func completion(_ index: Int) -> RingCompletion { completions[index] }

    override func consumed(_ count: Int) {
        completions.removeFirst(count)
        told = max(0, told - count)
    }

    // MARK: For the operations

    func begun(_ operation: RingOperation) { outstanding.append(operation) }

    func ended(_ operation: RingOperation) {
        outstanding.removeAll { $0 === operation }
        work.removeAll { $0 === operation }
    }

    /// Has an operation tried by the next enter, and ends the thread's sleep.
    func queue(_ operation: RingOperation) {
        if isClosed || operation.isOver { return }
        if operation.isQueued { return operation.wasToldAgain() }
        operation.isQueued = true
        work.append(operation)
        if let sleeper { scheduler.wake(sleeper) }
    }

    /// The same after a while.
    func queueLater(_ operation: RingOperation) {
        scheduler.after(scheduler.draw(kernel.faults.delayNanoseconds)) { [self] in queue(operation) }
    }

    /// Whether a completion finds room in its queue.
    var hasRoom: Bool { overflow.isEmpty && completions.count < size.completions }

    func post(_ token: RingToken, _ result: Int32, flags: UInt32 = 0) {
        let completion = RingCompletion(token: token, result: result, flags: flags)
        scheduler.trace.mix(token.bits ^ UInt64(flags) << 40)
        scheduler.trace.mix(UInt64(UInt32(bitPattern: result)))
        scheduler.trace.sink?(
            "\(scheduler.now) \(kernel.name) ring \(number) completes \(token) = \(result)\(flags & 2 != 0 ? "+" : "")")
        guard hasRoom else { return overflow.append(completion) }
        var place = completions.count
        if place > told && inject(.reorderedCompletions) {
            // Those of one operation keep their order.
            let last = completions.lastIndex { $0.token == token } ?? -1
            let first = max(told, last + 1)
            place = first + scheduler.random.below(place - first + 1)
        }
        completions.insert(completion, at: place)
    }

    /// The buffer that is filled next.
    var nextBuffer: (number: Int, bytes: UnsafeMutableRawBufferPointer)? {
        if inject(.noRingBuffer) { return nil }
        return unsafe buffers.first
    }

    func takeBuffer() { unsafe buffers.removeFirst() }

    /// Cancels the operation of a token.
    func cancel(_ target: RingToken, _ token: RingToken) {
        guard let operation = outstanding.first(where: { $0.token == target && !$0.isCancelled }) else {
            return post(token, -ENOENT)
        }
        guard inject(.lostCancel) else { return operation.cancel() }
        if scheduler.random.below(2) == 0 {
            // It is faster, if it has anything to say.
            operation.run()
            return operation.isOver ? post(token, -ENOENT) : operation.cancel()
        }
        // It is being worked on, and ends when that has been noticed.
        operation.cancel(later: true)
        post(token, -EALREADY)
    }

    // MARK: Preparing

    private func prepare(_ fd: Int32, _ work: RingOperation.Work, _ token: RingToken) -> Int32 {
        if isClosed { return -EBADF }
        if isForeign { return refuseStranger() }
        if prepared.count >= size.entries {
            kernel.begin()
            submit()
            kernel.end(.ringEnter, Int(number), 0, 0)
        }
        if inject(.ringFull) { return -EBUSY }
        prepared.append(unsafe RingOperation(self, fd, work, token))
        return 0
    }

    override func poll(_ fd: Int32, _ events: UInt32, repeats: Bool, _ token: RingToken) -> Int32 {
        unsafe prepare(fd, .poll(events, repeats: repeats), token)
    }

    override func receive(_ fd: Int32, count: Int, total: Int, _ token: RingToken) -> Int32 {
        unsafe prepare(fd, .receive(count, total: total), token)
    }

    override func send(
        _ fd: Int32, _ bytes: UnsafeRawPointer, _ count: Int, more: Bool, _ token: RingToken
    ) -> Int32 {
        unsafe prepare(fd, .send([UnsafeRawBufferPointer(start: bytes, count: count)]), token)
    }

    override func send(
        _ fd: Int32, _ vectors: UnsafePointer<iovec>, vectorCount: Int, more: Bool, _ token: RingToken
    ) -> Int32 {
        let pieces = unsafe (0..<min(vectorCount, Limits.ringVectorsPerSend)).map { index in
            let vector = unsafe vectors[index]
            return unsafe UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len)
        }
        return unsafe prepare(fd, .send(pieces), token)
    }

    override func accept(
        _ fd: Int32, _ address: UnsafeMutablePointer<sockaddr>, _ size: UnsafeMutablePointer<socklen_t>,
        _ token: RingToken
    ) -> Int32 {
        unsafe prepare(fd, .accept(address, size), token)
    }

    override func connect(_ fd: Int32, _ address: SocketAddress, _ token: RingToken) -> Int32 {
        unsafe prepare(fd, .connect(address), token)
    }

    override func disconnect(_ fd: Int32, _ token: RingToken) -> Int32 { unsafe prepare(fd, .disconnect, token) }

    override func cancel(_ target: RingToken) -> Int32 { unsafe prepare(-1, .cancel(target), SimRing.control) }

    override func close(descriptor: Int32) -> Int32 { unsafe prepare(descriptor, .close, SimRing.control) }

    /// The token of what is of interest to nobody.
    private static let control = RingToken(.control, number: 0, generation: 0)
}

/// What the descriptor of a ring refers to.
final class SimRingFile: SimFile {
    override var kind: String { "io_uring" }
}
