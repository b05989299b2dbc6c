import Base
import Buffers
import CPlatform
import Glibc

/// A transport over a socket that a readiness poller watches.
///
/// The socket is registered once, edge-triggered, both ways; receiving and pausing cost no system call. It is read only
/// while there is credit, and written directly, the poller being asked only after a full send buffer. The first bytes
/// of an accepted connection are tried for without asking the poller, where such tries succeed (`FirstReceives`).
///
/// Thread-safety: its worker's thread only.
// SAFETY: kernel and pool are the worker's, which outlives its transports; they are referred to without counting, as
// each piece of data needs both.
@safe
public final class SocketTransport: Transport {
    private let kernel: Unmanaged<Kernel>
    private let pool: Unmanaged<ChunkPool>
    /// The last receive filled a block: the next one asks for several.
    private var receivesInBulk = false
    /// The first receive will be, or is being, tried without a report of the poller.
    private var triesFirst = false, isFirstTry = false
    /// TCP may keep a small send back until what was sent before is acknowledged; and whether anything was sent since
    /// the last receive, whose bytes were the acknowledgement.
    private var delaysSends = false, hasSent = false

    /// Takes over an accepted (or otherwise connected) socket. `fd` must be non-blocking.
    // What is borrowed is not counted on the way here.
    public init(accepted fd: Int32, worker: borrowing Worker, consumer: TransportConsumer? = nil) {
        unsafe kernel = Unmanaged.passUnretained(worker.kernel)
        unsafe pool = Unmanaged.passUnretained(worker.pool)
        super.init(fd, .open, worker: copy worker, consumer: consumer)
        worker.insert(fd, self, kind: .stream)
        worker.want(fd, [.read, .write])
    }

    /// Takes over a socket on which a connect is in progress. `transportConnected` or a failure follows.
    public init(connecting fd: Int32, worker: borrowing Worker, consumer: borrowing TransportConsumer) {
        unsafe kernel = Unmanaged.passUnretained(worker.kernel)
        unsafe pool = Unmanaged.passUnretained(worker.pool)
        super.init(fd, .connecting, worker: copy worker, consumer: nil)
        setConsumer(consumer)
        worker.insert(fd, self, kind: .stream)
        worker.want(fd, [.read, .write])
    }

    /// For a connected socket that is being taken over from another worker: `Worker.take` puts it into the table.
    init(taking fd: Int32, worker: Worker) {
        unsafe kernel = Unmanaged.passUnretained(worker.kernel)
        unsafe pool = Unmanaged.passUnretained(worker.pool)
        super.init(fd, .open, worker: worker, consumer: nil)
    }

    /// The first receive need not wait for a report.
    func tryFirst() { triesFirst = worker.pollerRegistersOnce }

    public override func receive(credit: Int) {
        if state == .closed { return }
        let had = self.credit
        self.credit = credit
        if (had > 0) == (credit > 0) { return }
        if credit == 0 { return worker.stop(descriptor, .read) }
        worker.want(descriptor, .read)
        if triesFirst { startFirstTry() }
    }

    @inline(never)
    private func startFirstTry() {
        triesFirst = false
        isFirstTry = true
        // A new socket has room for what is sent.
        worker.may(descriptor, [.read, .write])
    }

    public override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if state == .connecting && !finishConnecting(events) { return }
        if events.contains(.writable) {
            if state == .closed { return }
            if reportsDrained { drainQueue() } else if queue.isEmpty { worker.stop(descriptor, .write) }
        }
        if state == .closed { return }
        if credit > 0 {
            if events.contains(.readable) || events.contains(.hangup) || events.contains(.error) { receiveReady() }
            if isFirstTry {
                isFirstTry = false
                worker.firstReceives.tried(found: receivedByteCount > 0)
            }
        } else if events.contains(.error) {
            fail(takeSocketError())
        }
    }

    // MARK: Connecting

    /// Looks at the outcome of a connect. Returns whether the events may be served further.
    private func finishConnecting(_ events: FDEvents) -> Bool {
        // `select` reports a refusal as readable and writable, so that readable alone is a reason to ask.
        if !events.isDisjoint(with: [.error, .hangup, .readable]) {
            let error = takeSocketError()
            if error.code != 0 {
                fail(error)
                return false
            }
        }
        // Readable alone, without an error, says nothing of the outcome: a report may be wrong, or out of date.
        guard events.contains(.writable) else {
            worker.cannot(descriptor, .read)
            return false
        }
        state = .open
        if !queue.isEmpty {
            let result = flush()
            if case .failed(let error) = result {
                fail(error)
                return false
            }
        }
        tell { $0.transportConnected(self) }
        return state != .closed
    }

    /// The socket's pending error; a broken connection without one counts as reset.
    private func takeSocketError() -> SystemError {
        let code = worker.kernel.getOption(descriptor, SOL_SOCKET, SO_ERROR)
        if code > 0 { return SystemError(code: Int32(truncatingIfNeeded: code)) }
        return SystemError(code: state == .connecting ? 0 : ECONNRESET)
    }

    // MARK: Receiving

    /// Receives while there is credit and the socket has bytes, at most `Limits.receivesPerTurn` times; what is left
    /// is served from the ready list in the next turn.
    private func receiveReady() {
        var left = Limits.receivesPerTurn
        while credit > 0 && left > 0 {
            left -= 1
            if receivesInBulk && bulk > 0 {
                if inlet != nil ? receiveSpliced() : receiveBulk() { continue }
                return
            }
            var block: Chunk?
            unsafe pool._withUnsafeGuaranteedRef { block = $0.take() }
            guard var chunk = block.take() else {
                waitForBlocks()
                return
            }
            // SAFETY: the block is fresh and ours; the kernel writes at most `asked` bytes into it.
            let free = unsafe chunk.freeBytes
            let asked = min(credit, free.count)
            let received = unsafe kernel._withUnsafeGuaranteedRef {
                unsafe $0.recv(descriptor, free.baseAddress!, asked)
            }
            guard received > 0 else { return receivedNothing(received) }
            chunk.extend(by: received)
            // Who fills a block has more to say.
            receivesInBulk = received == free.count
            let isEmpty = account(received, of: asked)
            deliver(chunk)
            if state == .closed || isEmpty { return }
        }
    }

    /// Receives into several blocks with one call. Returns whether there may be more to receive.
    @inline(never)
    private func receiveBulk() -> Bool {
        var blocks = BulkReceive()
        guard let received = blocks.receive(descriptor, upTo: min(credit, bulk), worker.pool, worker.kernel) else {
            waitForBlocks()
            return false
        }
        guard received > 0 else {
            receivedNothing(received)
            return false
        }
        receivesInBulk = received > worker.pool.blockSizeBytes
        let isEmpty = account(received, of: blocks.asked)
        while state != .closed, let chunk = blocks.take() {
            deliversMore = blocks.left > 0
            deliver(chunk)
        }
        deliversMore = false
        return state != .closed && !isEmpty
    }

    /// Receives into the inlet. Returns whether there may be more to receive.
    @inline(never)
    private func receiveSpliced() -> Bool {
        guard let pipe = inlet else { return true }
        guard pipe.byteCount == 0 else {
            // Its other end is not done: the consumer gives credit when it is.
            credit = 0
            worker.stop(descriptor, .read)
            return false
        }
        // Where it cannot be done, blocks do.
        guard let moved = splice(into: pipe, upTo: min(credit, bulk)) else { return true }
        guard moved > 0 else {
            if moved == -Int(EAGAIN) { receivesInBulk = false }
            receivedNothing(moved)
            return false
        }
        // A pipe holds fewer bytes than were asked for: only a refusal tells that the socket is empty.
        _ = account(moved, of: moved)
        receivesInBulk = moved >= worker.pool.blockSizeBytes
        tell { $0.transport(self, spliced: moved) }
        return state != .closed
    }

    /// Counts bytes that have come. Returns whether the socket is empty now: a short read says so, unless the end of
    /// the stream was already reported.
    private func account(_ received: Int, of asked: Int) -> Bool {
        countReceived(received)
        hasSent = false
        let isEmpty = received < asked && !worker.reportedEvents(descriptor).contains(.hangup)
        if isEmpty { worker.cannot(descriptor, .read) }
        if credit == 0 { worker.stop(descriptor, .read) }
        return isEmpty
    }

    /// A receive found the end of the stream (0), nothing, or an error.
    private func receivedNothing(_ result: Int) {
        if result == 0 {
            credit = 0
            worker.stop(descriptor, .read)
            tell { $0.transportReceivedEnd(self) }
            return
        }
        let code = Int32(truncatingIfNeeded: -result)
        if code == EAGAIN {
            // An error that receiving does not find: the poller could not watch the socket, say. It never goes, and
            // the socket would be asked in every turn.
            if worker.reportedEvents(descriptor).contains(.error) { return fail(takeSocketError()) }
            worker.cannot(descriptor, .read)
        } else {
            fail(SystemError(code: code))
        }
    }

    /// There is no block to receive into: pauses until some may have come back.
    private func waitForBlocks() {
        worker.stop(descriptor, .read)
        let retry = StarvedReceive(self)
        worker.schedule(retry, at: worker.now.adding(milliseconds: Limits.starvedRetryMilliseconds))
    }

    fileprivate func blocksMayBeBack() {
        if state == .closed || credit == 0 { return }
        worker.want(descriptor, .read)
    }

    /// Reports a broken connection once; nothing more is received or sent.
    private func fail(_ error: SystemError) {
        credit = 0
        reportsDrained = false
        worker.stop(descriptor, [.read, .write])
        tell { $0.transport(self, failed: error) }
    }

    // MARK: Sending

    public override var canSplice: Bool { true }

    public override func flush(more: Bool = false) -> FlushResult {
        if queuedByteCount == 0 { return .done }
        switch state {
        case .closing, .closed: return .failed(SystemError(code: EBADF))
        case .connecting:
            reportsDrained = true
            return .pending
        case .open: break
        }
        if reportsDrained { return .pending }
        let error = sendQueue(more: more)
        if error != 0 { return .failed(SystemError(code: error)) }
        if queuedByteCount == 0 { return .done }
        reportsDrained = true
        worker.want(descriptor, .write)
        return .pending
    }

    /// Sends until the queue is empty or the socket is full. Returns 0, or the error's number.
    private func sendQueue(more: Bool) -> Int32 {
        if delaysSends { checkDelay() }
        let error = unsafe sendByCalls(descriptor, kernel, more: more)
        if error != 0 { return error }
        if !queue.isEmpty {
            worker.cannot(descriptor, .write)
            return 0
        }
        return outlet == nil ? 0 : sendOutlet()
    }

    public override func preventSendDelay() { delaysSends = true }

    /// Of all that is sent at once nothing waits for an acknowledgement, nor of what follows an answer. So a connection
    /// that sends requests of one piece and receives responses never needs the option.
    @inline(never)
    private func checkDelay() {
        if hasSent {
            delaysSends = false
            super.preventSendDelay()
        }
        hasSent = true
    }

    /// Sends what is in the outlet, as far as the socket has room. Returns 0, or the error's number.
    @inline(never)
    private func sendOutlet() -> Int32 {
        let code = sendSpliced()
        if code != EAGAIN { return code }
        worker.cannot(descriptor, .write)
        return 0
    }

    /// The socket has room again: sends on, and tells the consumer when everything is gone.
    private func drainQueue() {
        let error = sendQueue(more: false)
        if error != 0 {
            fail(SystemError(code: error))
            return
        }
        if queuedByteCount > 0 { return }
        reportsDrained = false
        worker.stop(descriptor, .write)
        tell { $0.transportDrained(self) }
    }

    /// Where the poller reports only what is wanted, the socket is always asked.
    public override func holdsUnreadBytes(asking: Bool) -> Bool {
        guard state == .open else { return false }
        let asks = !worker.pollerRegistersOnce || asking && !worker.isRegistered(descriptor)
        if !asks && !worker.isReady(descriptor, .read) { return false }
        return peek() > 0
    }

    // MARK: Changing hands

    public override func offer() -> FDOffer? {
        guard state == .open, queuedByteCount == 0, !isFinished, inlet == nil, credit > 0 else { return nil }
        return worker.offer(descriptor)
    }

    public override func close(reset: Bool = false) {
        if state == .closed { return }
        if reset { worker.kernel.resetsWhenClosed(descriptor) }
        state = .closed
        credit = 0
        reportsDrained = false
        // Looked at before: to write over nothing calls the runtime, too.
        if inlet != nil { inlet = nil }
        if outlet != nil { outlet = nil }
        queue.removeAll()
        queue.releaseStorage()
        let closing = descriptor
        descriptor = -1
        worker.remove(closing, close: true)
    }
}

/// A receive that waits for memory. Its timer keeps it, and so its transport, alive until it has run.
private final class StarvedReceive: LoopTask {
    private let transport: SocketTransport

    init(_ transport: SocketTransport) {
        self.transport = transport
        super.init()
    }

    override func run(on worker: Worker, _ reason: WakeReason) { transport.blocksMayBeBack() }
}
