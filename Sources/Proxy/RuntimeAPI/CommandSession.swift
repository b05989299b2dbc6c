import Base
import Buffers
import Configuration
import Engine

/// One client of the runtime API: its socket, its interpreter, and the answers on their way.
///
/// Answers are made as fast as the client takes them, a piece at a time.
///
/// Thread-safety: its worker's thread only.
final class CommandSession: TransportConsumer {
    private enum Phase {
        case serving
        /// Everything is answered; what the client still sends is thrown away until it leaves.
        case leaving
        case closed
    }

    private let interpreter: CommandInterpreter
    private let timeoutMilliseconds: Int
    private unowned let owner: RuntimeAPI
    private let worker: Worker
    private var transport: SocketTransport?
    private var output = CommandOutput()
    private var sentCount = 0
    private var phase = Phase.serving
    private var isWaitingForRoom = false
    private var peerHasEnded = false
    /// When the session ends unless something happens.
    private var endDeadline = Ticks.never

    /// Pieces of work in one turn of the loop.
    private static let stepsPerTurn = 64
    /// How long a client that was answered may take to leave.
    private static let leavingMilliseconds = 1000
    /// How soon a session that found no block looks again.
    private static let starvedMilliseconds = 10

    init(interpreter: CommandInterpreter, timeoutMilliseconds: Int, owner: RuntimeAPI, worker: Worker) {
        self.interpreter = interpreter
        self.timeoutMilliseconds = timeoutMilliseconds
        self.owner = owner
        self.worker = worker
        super.init()
    }

    /// Takes over an accepted socket.
    func start(_ fd: Int32) {
        let transport = SocketTransport(accepted: fd, worker: worker, consumer: self)
        self.transport = transport
        transport.receive(credit: interpreter.room)
        restartTimeout()
    }

    /// Ends the session at once.
    func close() {
        if phase == .closed { return }
        phase = .closed
        worker.cancel(self)
        transport?.close()
        owner.ended(self, on: worker)
    }

    /// Ends the session when what has arrived is answered.
    func finish() {
        guard phase == .serving else { return }
        interpreter.end()
        serve()
    }

    // MARK: Events

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        switch phase {
        case .closed: return
        case .leaving: transport.receive(credit: CommandInterpreter.lineLimitBytes)
        case .serving:
            // SAFETY: the chunk is ours until the end of the call.
            let bytes = unsafe chunk.bytes
            unsafe interpreter.receive(bytes)
            serve()
        }
    }

    override func transportReceivedEnd(_ transport: Transport) {
        guard phase == .serving else { return close() }
        peerHasEnded = true
        interpreter.end()
        serve()
    }

    override func transport(_ transport: Transport, failed error: SystemError) { close() }

    override func transportDrained(_ transport: Transport) {
        isWaitingForRoom = false
        serve()
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        // The timer also serves a session that waits for a block.
        if reason.contains(.timer) && worker.now >= endDeadline { return close() }
        serve()
    }

    // MARK: Serving

    private func restartTimeout() {
        endDeadline = timeoutMilliseconds > 0 ? worker.now.adding(milliseconds: timeoutMilliseconds) : .never
        worker.schedule(self, at: endDeadline)
    }

    /// Runs commands and sends answers until the client is to act, or this turn's share is used up.
    private func serve() {
        guard phase == .serving, !isWaitingForRoom, let transport else { return }
        for _ in 0..<CommandSession.stepsPerTurn {
            guard sendOutput(transport) else { return }
            switch interpreter.advance(into: &output) {
            case .working: continue
            case .needsInput:
                transport.receive(credit: interpreter.room)
                restartTimeout()
                return
            case .finished: return leave(transport)
            }
        }
        worker.wake(self)
    }

    /// Hands the output to the transport. Returns whether all of it is on its way.
    private func sendOutput(_ transport: SocketTransport) -> Bool {
        while sentCount < output.bytes.count {
            guard var chunk = worker.pool.take() else {
                worker.schedule(self, at: worker.now.adding(milliseconds: CommandSession.starvedMilliseconds))
                return false
            }
            let count = min(chunk.room, output.bytes.count - sentCount)
            chunk.append(Array(output.bytes[sentCount..<sentCount + count]))
            sentCount += count
            transport.send(chunk)
        }
        output.clear()
        sentCount = 0
        switch transport.flush() {
        case .done: return true
        case .pending:
            isWaitingForRoom = true
            restartTimeout()
            return false
        case .failed:
            close()
            return false
        }
    }

    /// Everything is answered: tells the client so, and lets it leave first, so that no answer is lost to a reset.
    private func leave(_ transport: SocketTransport) {
        if peerHasEnded { return close() }
        phase = .leaving
        transport.finish()
        transport.receive(credit: CommandInterpreter.lineLimitBytes)
        endDeadline = worker.now.adding(milliseconds: CommandSession.leavingMilliseconds)
        worker.schedule(self, at: endDeadline)
    }
}
