import Base
import Buffers
import Engine
import HTTP

/// What the streams of one worker share: the registry that keeps them alive, spare exchanges, figures.
///
/// A stream that has ended is let go in the next turn of the loop, so that no object dies under its own call.
///
/// Thread-safety: its worker's thread only.
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
    let tuning: ProxyTuning
    let logWriter: LogWriter
    /// What expressions ask.
    let scope: StreamScope
    var acceptPace = AcceptPace()
    // SAFETY: the runtime holds its contexts and outlives the workers.
    private var runtime: ProxyRuntime { unsafe runtimeReference }
    private unowned(unsafe) let runtimeReference: ProxyRuntime

    private var streams: [TransportConsumer?] = []
    private var freeSlots: [Int] = []
    private var buried: [TransportConsumer] = []
    private var spareExchanges: [HTTPExchange] = []
    private static let spareExchangeLimit = 128

    init(worker: Worker, process: ProcessStatistics, tuning: ProxyTuning, runtime: ProxyRuntime) {
        unsafe runtimeReference = runtime
        self.tuning = tuning
        httpLimits = tuning.httpLimits
        loggedLineBytes = tuning.loggedLineBytes
        logWriter = LogWriter(kernel: worker.kernel, statistics: process.worker(worker.index))
        self.worker = worker
        self.process = process
        statistics = process.worker(worker.index)
        bufferBytes = tuning.bufferBytes
        windowBytes = 4 * tuning.bufferBytes
        scope = StreamScope(worker: worker, valueLimit: tuning.bufferBytes)
        super.init()
    }

    /// Streams alive now.
    var count: Int { streams.count - freeSlots.count }

    /// Keeps a stream alive until it is buried. Returns its slot.
    func adopt(_ stream: TransportConsumer) -> Int {
        if let slot = freeSlots.popLast() {
            streams[slot] = stream
            return slot
        }
        streams.append(stream)
        return streams.count - 1
    }

    /// Lets a stream go in the next turn.
    func bury(_ slot: Int) {
        guard let stream = streams[slot] else { return }
        streams[slot] = nil
        freeSlots.append(slot)
        buried.append(stream)
        if buried.count == 1 { worker.wake(self) }
    }

    /// Whether the process takes no new connections, and lets those it has end.
    var isDraining: Bool { runtime.draining }

    /// Writes the traffic line of a stream.
    func log(_ record: borrowing LogRecord, with logger: Logger) {
        logger.ended(record, on: logWriter, at: worker.wallClockMicroseconds)
    }

    /// An exchange for a request, used before or new.
    func takeExchange() -> HTTPExchange {
        spareExchanges.popLast() ?? HTTPExchange(context: self)
    }

    /// Gives an exchange back; it is handed out again from the next turn on.
    func recycle(_ exchange: HTTPExchange) {
        returning.append(exchange)
        if returning.count == 1 { worker.wake(self) }
    }
    private var returning: [HTTPExchange] = []

    /// Calls `body` with every stream that is alive.
    func forEach(_ body: (TransportConsumer) -> Void) {
        for stream in streams { if let stream { body(stream) } }
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        buried.removeAll(keepingCapacity: true)
        while let exchange = returning.popLast() {
            if spareExchanges.count < WorkerContext.spareExchangeLimit { spareExchanges.append(exchange) }
        }
    }
}
