import Base
import Buffers
import Engine
import HTTP

/// What the streams of one worker share: the registry that keeps them alive, spare exchanges, figures.
///
/// A stream that has ended is let go in the next turn of the loop, so that no object dies under its own call.
///
/// Thread-safety: its worker's thread only.
// SAFETY: the list of spare exchanges owns a reference to each of them.
@safe
final class WorkerContext: LoopTask {
    let worker: Worker
    let statistics: WorkerStatistics
    let process: ProcessStatistics
    /// Bytes that one side may be ahead of the other.
    let windowBytes: Int
    /// Bytes of a block (`tune.bufsize`).
    let bufferBytes: Int
    /// Bytes of a request line that logs keep.
    let loggedLineBytes: Int

    let httpLimits: HTTPLimits
    /// The same for heads with characters that they should not have.
    let lenientLimits: HTTPLimits
    let tuning: ProxyTuning
    let logWriter: LogWriter
    /// Pipes for splicing; nil when nothing is to be spliced.
    let pipes: PipePool?
    /// What expressions ask.
    let scope: StreamScope
    /// Lines that formats of rules are written to.
    let texts: RuleTexts
    var acceptPace: AcceptPace
    var descriptorUse: DescriptorUse
    // SAFETY: the runtime holds its contexts and outlives the workers.
    private var runtime: ProxyRuntime { unsafe runtimeReference }
    private unowned(unsafe) let runtimeReference: ProxyRuntime

    /// Counts for streams that last (`option contstats`); nil when no frontend wants it.
    private var counting: ContinuousCount?
    private var streams: [TransportConsumer?] = []
    private var freeSlots: [Int] = []
    private var buried: [TransportConsumer] = []
    /// Exchanges that wait for a request, the one used last first: its memory is still in the processor's caches.
    private var spare: Unmanaged<HTTPExchange>?
    /// Those that were given back in the turn `freshTurn`, and may still be running; the last of them leads nowhere.
    private var fresh: Unmanaged<HTTPExchange>?
    private var lastFresh: Unmanaged<HTTPExchange>?
    private var freshTurn: UInt64 = 0
    private var spareCount = 0
    /// As many as hundreds of busy connections use at once: to make one for each request beyond would cost as much as
    /// a third of the request. One takes some 6 KiB.
    private static let spareExchangeLimit = 512

    init(worker: Worker, process: ProcessStatistics, tuning: ProxyTuning, runtime: ProxyRuntime) {
        unsafe runtimeReference = runtime
        self.tuning = tuning
        httpLimits = tuning.httpLimits
        var lenient = tuning.httpLimits
        lenient.acceptsInvalid = true
        lenientLimits = lenient
        loggedLineBytes = tuning.loggedLineBytes
        logWriter = LogWriter(kernel: worker.kernel, statistics: process.worker(worker.index))
        pipes =
            tuning.pipesPerWorker > 0
            ? PipePool(kernel: worker.kernel, maximum: tuning.pipesPerWorker, sizeBytes: tuning.pipeBytes) : nil
        self.worker = worker
        acceptPace = AcceptPace(isShared: worker.group.workers.count > 1)
        descriptorUse = DescriptorUse(
            capacity: worker.group.table.capacity, lowPercent: tuning.idleLowPercent,
            highPercent: tuning.idleHighPercent)
        self.process = process
        statistics = process.worker(worker.index)
        bufferBytes = tuning.bufferBytes
        windowBytes = 4 * tuning.bufferBytes
        scope = StreamScope(worker: worker, runtime: runtime, valueLimit: tuning.bufferBytes)
        texts = RuleTexts(valueLimit: tuning.bufferBytes)
        super.init()
        let counts = runtime.tree.proxies.contains { $0.settings.options.contains(.continuousStatistics) }
        if counts { counting = ContinuousCount(self) }
    }

    /// Streams alive now.
    var count: Int { streams.count - freeSlots.count }

    /// Keeps a stream alive until it is buried. Returns its slot.
    func adopt(_ stream: TransportConsumer) -> Int {
        counting?.begin(on: worker)
        if let slot = freeSlots.popLast() {
            streams[slot] = stream
            return slot
        }
        streams.append(stream)
        return streams.count - 1
    }

    /// Lets a stream go in the next turn.
    func bury(_ slot: Int) {
        // Taken, not read: that counts no reference.
        guard let stream = streams[slot].take() else { return }
        freeSlots.append(slot)
        buried.append(consume stream)
        if buried.count == 1 { worker.wake(self) }
    }

    /// Whether the process takes no new connections, and lets those it has end.
    var isDraining: Bool { runtime.draining }

    /// When a stop that spreads the closing of connections has closed them all; nil: it closes them at once.
    var closeSpreadEnd: Ticks? { runtime.closeSpreadEnd }

    /// Whether the response that is being made is its connection's last, because the process is to end.
    var endsConnection: Bool {
        guard isDraining else { return false }
        guard let end = closeSpreadEnd else { return true }
        if end == .never { return false }
        // The more of the time has passed, the likelier.
        let left = Int(clamping: end.milliseconds(since: worker.now))
        return left == 0 || Int(scope.random() % UInt64(runtime.tree.global.closeSpreadMilliseconds)) >= left
    }

    /// What the variables of all streams take.
    var variablesTotal: VariableTotal { runtime.variables.total }

    /// What an `http-errors` section has for a status; nil: nothing.
    func errorFile(_ section: String, _ status: Int) -> [UInt8]? {
        guard case .file(_, let bytes) = runtime.tree.errorSections[section]?[status] else { return nil }
        return bytes
    }

    /// Writes the traffic line of a stream.
    func log(_ stream: ProxiedStream) {
        if stream.frontendReference.with({ $0.logger.isEnabled }) == true { logLine(stream) }
    }

    @inline(never)
    private func logLine(_ stream: ProxiedStream) {
        guard let logger = stream.frontend?.logger else { return }
        if !logger.needsScope {
            return logger.ended(stream.record, on: logWriter, at: worker.wallClockMicroseconds)
        }
        scope.attach(stream)
        logger.ended(stream.record, scope: scope, on: logWriter, at: worker.wallClockMicroseconds)
        scope.detach()
    }

    deinit {
        settleFresh()
        while let exchange = unsafe spare?.takeRetainedValue() { unsafe spare = exchange.nextSpare }
    }

    /// What was given back in a turn before this one runs no more.
    @inline(__always)
    private func settleFresh() {
        // SAFETY: the lists keep what they link; the one becomes the beginning of the other.
        guard let last = unsafe lastFresh else { return }
        unsafe last._withUnsafeGuaranteedRef { unsafe $0.nextSpare = spare }
        unsafe spare = fresh
        unsafe fresh = nil
        unsafe lastFresh = nil
    }

    /// An exchange for a request, used before or new. Its reference is the caller's, until it is given back.
    func takeExchange() -> Unmanaged<HTTPExchange> {
        if freshTurn != worker.turnNumber { settleFresh() }
        // SAFETY: the list's reference is handed on.
        guard let first = unsafe spare else { return unsafe Unmanaged.passRetained(HTTPExchange(context: self)) }
        unsafe first._withUnsafeGuaranteedRef {
            unsafe spare = $0.nextSpare
            unsafe $0.nextSpare = nil
        }
        spareCount -= 1
        return unsafe first
    }

    /// Takes an exchange back, with the reference that `takeExchange` gave; it is handed out again from the next turn
    /// on.
    func recycle(_ exchange: HTTPExchange) {
        // SAFETY: the reference is the caller's, as stated, and now the list's.
        let reference = unsafe Unmanaged.passUnretained(exchange)
        if spareCount >= WorkerContext.spareExchangeLimit {
            worker.cancel(exchange)
            buried.append(unsafe reference.takeRetainedValue())
            if buried.count == 1 { worker.wake(self) }
            return
        }
        if freshTurn != worker.turnNumber {
            settleFresh()
            freshTurn = worker.turnNumber
        }
        unsafe exchange.nextSpare = fresh
        if unsafe fresh == nil { unsafe lastFresh = reference }
        unsafe fresh = reference
        spareCount += 1
    }

    /// Calls `body` with every stream that is alive.
    func forEach(_ body: (TransportConsumer) -> Void) {
        for stream in streams { if let stream { body(stream) } }
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        buried.removeAll(keepingCapacity: true)
    }
}

/// `option contstats`: every few seconds, as long as there are streams, what has passed of them is counted.
private final class ContinuousCount: LoopTask {
    // SAFETY: the context holds it, and the timer of a worker does not outlive its context.
    private unowned(unsafe) let context: WorkerContext
    private var isRunning = false

    private static let periodMilliseconds = 5_000

    init(_ context: WorkerContext) {
        unsafe self.context = context
        super.init()
    }

    func begin(on worker: Worker) {
        if isRunning { return }
        isRunning = true
        worker.schedule(self, at: worker.now.adding(milliseconds: ContinuousCount.periodMilliseconds))
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        isRunning = false
        // SAFETY: as above.
        let context = unsafe self.context
        if context.count == 0 { return }
        context.forEach { stream in
            if let connection = stream as? HTTPConnection { connection.countSoFar() }
            if let stream = stream as? ProxiedStream { stream.countSoFar() }
        }
        begin(on: worker)
    }
}
