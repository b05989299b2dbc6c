import Base
import Buffers
import Engine
import HTTP

/// A connection to an origin of the demo: reads requests, drops their content, answers each.
///
/// It keeps itself alive while its transport is open. Thread-safety: its worker's thread only.
final class DemoConnection: TransportConsumer {
    private enum Phase { case head, content, ended }

    private unowned let lane: DemoLane
    private let head = MessageHead()
    private let parser = RequestParser()
    private var transport: SocketTransport?
    private var origin: DemoOrigin?
    private var keepAlive: DemoConnection?
    private var phase = Phase.ended
    /// Bytes of an unfinished head, and what came behind them.
    private var pending: [UInt8] = []
    /// What is left of the content of the current request.
    private var contentLeft: UInt64 = 0
    private var chunked: ChunkedDecoder?
    /// The current answer is the last one.
    private var closesAfterAnswer = false

    private static let creditBytes = 65536

    init(lane: DemoLane) {
        self.lane = lane
        super.init()
    }

    func start(_ fd: Int32, of origin: DemoOrigin, on worker: Worker) {
        self.origin = origin
        keepAlive = self
        phase = .head
        let transport = SocketTransport(accepted: fd, worker: worker, consumer: self)
        self.transport = transport
        transport.receive(credit: DemoConnection.creditBytes)
    }

    private func end() {
        guard phase != .ended else { return }
        phase = .ended
        transport?.close()
        head.reset()
        pending.removeAll(keepingCapacity: true)
        chunked = nil
        contentLeft = 0
        closesAfterAnswer = false
        origin = nil
        // The lane holds it before it lets go of itself: the transport's call is still under way.
        lane.ended(self)
        keepAlive = nil
    }

    // MARK: What the transport tells

    override func transport(_ transport: Transport, received chunk: consuming Chunk) {
        // SAFETY: the chunk's bytes are copied before the chunk goes.
        unsafe pending.append(contentsOf: chunk.bytes)
        serve()
    }

    override func transportDrained(_ transport: Transport) {
        if closesAfterAnswer { return end() }
        serve()
    }

    override func transportReceivedEnd(_ transport: Transport) { end() }
    override func transport(_ transport: Transport, failed error: SystemError) { end() }

    // MARK: Requests

    /// Serves what has arrived: as many requests as are complete, until an answer does not go out at once.
    private func serve() {
        while phase != .ended {
            if phase == .content {
                guard skipContent() else { break }
                phase = .head
                continue
            }
            if pending.isEmpty { break }
            guard let answered = serveHead() else { break }
            if !answered { return }
        }
        if phase != .ended { transport?.receive(credit: DemoConnection.creditBytes) }
    }

    /// Answers the request at the start of what has arrived. nil: its head is not complete; false: do not go on now.
    private func serveHead() -> Bool? {
        // SAFETY: the head refers to the array's bytes only until `reset`, within this closure.
        let result = unsafe pending.withUnsafeBytes { bytes in
            let result = unsafe parser.parse(bytes, into: head)
            if case .complete = result { noteRequest() }
            let isHead = head.method == .head
            head.reset()
            return (result, isHead)
        }
        switch result {
        // The parser bounds what a head may take.
        case (.needMore, _): return nil
        case (.failed(let error), _):
            closesAfterAnswer = true
            return answer(StandardResponses.response(error.status, connection: .close))
        case (.complete(let length), let isHead):
            pending.removeFirst(length)
            guard let origin else { return false }
            return answer(isHead ? Array(origin.response[..<origin.headLength]) : origin.response)
        }
    }

    private func noteRequest() {
        closesAfterAnswer = !head.connectionDirectives.contains(.persistent) || head.isFramingDoubtful
        switch head.requestFraming {
        case .length(let count):
            contentLeft = count
            phase = .content
        case .chunked:
            chunked = ChunkedDecoder()
            phase = .content
        case .none, .untilClose, .tunnel:
            phase = .head
        }
    }

    /// Drops content. Returns whether the request is over.
    private func skipContent() -> Bool {
        if contentLeft > 0 {
            let count = Int(min(contentLeft, UInt64(pending.count)))
            pending.removeFirst(count)
            contentLeft -= UInt64(count)
            return contentLeft == 0
        }
        guard var decoder = chunked else { return true }
        // SAFETY: the decoder looks at the bytes during the call only.
        let event = unsafe pending.withUnsafeBytes { unsafe decoder.advance($0) }
        switch event {
        case .complete(let end):
            pending.removeFirst(end)
            chunked = nil
            return true
        case .failed:
            end()
            return false
        case .needMore, .data:
            pending.removeAll(keepingCapacity: true)
            chunked = decoder
            return false
        }
    }

    /// Sends an answer. Returns whether to go on with the next request at once.
    private func answer(_ bytes: [UInt8]) -> Bool {
        guard let transport, var chunk = transport.worker.pool.take(), chunk.append(bytes) else {
            end()
            return false
        }
        transport.send(chunk)
        switch transport.flush() {
        case .done:
            if closesAfterAnswer { end() }
            return phase != .ended
        case .pending:
            transport.receive(credit: 0)
            return false
        case .failed:
            end()
            return false
        }
    }
}
