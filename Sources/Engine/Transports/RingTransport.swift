import Base
import Buffers
import CPlatform
import Glibc

/// A transport over a socket whose bytes the kernel moves by itself (io_uring).
///
/// A receive is armed while there is credit, and repeats until a total has come: what arrives beyond the credit, at
/// most `Limits.receiveOvershoot` bytes, waits in the transport. So pausing costs nothing, and a connection that waits
/// for its next request has a receive armed and no block. Sends are queued, and submitted once per turn of the loop,
/// all pieces in one operation; `flush` is therefore always `.pending`, and `transportDrained` follows.
///
/// An armed operation keeps the socket. Closing cancels what is armed, waits for the last completion, and only then
/// frees the slot and closes the number; the slot keeps the transport, and the transport the chunks, until then.
///
/// Thread-safety: its worker's thread only.
// SAFETY: the poller is the worker's, which outlives its transports; it is referred to without counting, as each piece
// of data needs it.
@safe
public final class RingTransport: Transport {
    private enum State { case connecting, open, closing, closed }

    private let poller: Unmanaged<UringPoller>
    private let fd: Int32
    private var state: State
    private var isReceiving = false
    private var isSending = false
    private var isConnecting = false
    /// In the poller's list of those that have something to send.
    private var isInSenders = false
    private var sendsMore = false
    /// A flush was left pending, and the consumer is to hear when the queue is empty.
    private var reportsDrained = false
    private var isFinished = false
    /// What came beyond the credit, and the end behind it.
    private var inbox = ChunkChain()
    private var hasEnded = false
    /// The number of the error that ended the connection, and whether the consumer knows.
    private var failure: Int32 = 0
    private var hasFailed = false
    /// Why nothing can be sent any more. What the peer sent before it left is received first; the consumer is told by
    /// `flush`, by what ends the receive, or, when it receives nothing, as of any failure.
    private var sendFailure: Int32 = 0

    /// Takes over a connected, non-blocking socket. The worker's poller is a ring.
    init(accepted fd: Int32, poller: UringPoller, worker: Worker, consumer: TransportConsumer?) {
        self.fd = fd
        unsafe self.poller = Unmanaged.passUnretained(poller)
        state = .open
        super.init(fd, worker: worker, consumer: consumer)
        worker.insertCompleting(fd, self)
    }

    /// Connects a non-blocking socket. `transportConnected` or a failure follows.
    init(
        connecting fd: Int32, to address: SocketAddress, poller: UringPoller, worker: Worker,
        consumer: TransportConsumer
    ) {
        self.fd = fd
        unsafe self.poller = Unmanaged.passUnretained(poller)
        state = .connecting
        super.init(fd, worker: worker, consumer: consumer)
        worker.insertCompleting(fd, self)
        if poller.ring.connect(fd, address, worker.ringToken(.connect, fd)) >= 0 {
            isConnecting = true
        } else {
            fail(later: ENOBUFS)
        }
    }

    public override var isConnected: Bool { state == .open }
    public override var isClosed: Bool { state == .closing || state == .closed }

    private var ring: Ring { unsafe poller._withUnsafeGuaranteedRef { $0.ring } }

    // MARK: Receiving

    public override func receive(credit: Int) {
        if isClosed || hasFailed { return }
        self.credit = credit
        if credit == 0 && sendFailure != 0 { return worker.serveNext(fd) }
        if credit == 0 || state != .open { return }
        if inbox.isEmpty && !hasEnded && failure == 0 { armReceive() } else { worker.serveNext(fd) }
    }

    private func armReceive() {
        if isReceiving || hasEnded || failure != 0 { return }
        let token = worker.ringToken(.receive, fd)
        let result = unsafe poller._withUnsafeGuaranteedRef { poller in
            if poller.repeatsReceives {
                // The last buffer may go beyond the total.
                let ahead = Limits.receiveOvershoot - worker.pool.blockSizeBytes
                return poller.ring.receive(fd, count: 0, total: max(credit, ahead), token)
            }
            return poller.ring.receive(fd, count: min(credit, worker.pool.blockSizeBytes), total: 0, token)
        }
        if result >= 0 {
            isReceiving = true
        } else {
            unsafe poller._withUnsafeGuaranteedRef { $0.queueStarved(self) }
        }
    }

    /// There are blocks, or room in the ring, again, for which the receive has waited.
    func blocksAreBack() {
        if state == .open && credit > 0 && inbox.isEmpty { armReceive() }
    }

    private func received(_ completion: RingCompletion, _ poller: UringPoller) {
        if !completion.hasMore { isReceiving = false }
        var filled: Chunk?
        if let number = completion.buffer {
            filled = poller.buffers?.take(number, byteCount: Int(max(0, completion.result)))
        }
        if isClosed { return closeIfIdle() }
        if completion.result > 0, let chunk = filled.take() {
            deliver(chunk)
            if state == .open && credit > 0 && inbox.isEmpty { armReceive() }
            return checkSending()
        }
        switch -completion.result {
        case 0:
            hasEnded = true
            if credit > 0 && inbox.isEmpty { tellEnd() }
        case ENOBUFS:
            worker.activity.add(.starved)
            if poller.blocksLent > 0 { blocksAreBack() } else { poller.queueStarved(self) }
        case EAGAIN, EINTR: blocksAreBack()
        case ECANCELED: break
        default:
            failure = -completion.result
            if inbox.isEmpty || credit == 0 { tellFailure() }
        }
        checkSending()
    }

    /// Hands a chunk up as far as the credit goes; the rest, or what comes behind such a rest, waits.
    private func deliver(_ chunk: consuming Chunk) {
        if !inbox.isEmpty || credit == 0 {
            if !inbox.absorb(chunk, upTo: Limits.copiedSendBytes) { inbox.append(chunk) }
            return
        }
        var chunk = chunk
        if chunk.count > credit {
            let rest = chunk.share(credit..<chunk.count)
            chunk.removeLast(chunk.count - credit)
            inbox.append(rest)
        }
        credit -= chunk.count
        bulk = max(0, bulk - chunk.count)
        receivedByteCount &+= UInt64(truncatingIfNeeded: chunk.count)
        var handed: Chunk? = consume chunk
        tell { consumer in
            if let chunk = handed.take() { consumer.transport(self, received: chunk) }
        }
    }

    /// In a later turn than the one that gave credit: what waits is handed up.
    public override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        worker.served(fd)
        var left = Limits.receivesPerTurn
        while left > 0, !isClosed, credit > 0, let chunk = inbox.popFirst() {
            left -= 1
            // With an empty inbox in front of it, a chunk is handed up; what is left is put in front of the others.
            deliverFirst(chunk)
        }
        if isClosed { return }
        checkSending()
        if isClosed || hasFailed { return }
        if inbox.isEmpty {
            inbox.releaseStorage()
            if failure != 0 { return tellFailure() }
            if state != .open || credit == 0 { return }
            if hasEnded { return tellEnd() }
            armReceive()
        } else if credit > 0 {
            worker.serveNext(fd)
        }
    }

    /// Hands the inbox's first chunk up as far as the credit goes.
    private func deliverFirst(_ chunk: consuming Chunk) {
        var chunk = chunk
        if chunk.count > credit {
            // What is left comes before what is behind it.
            let rest = chunk.share(credit..<chunk.count)
            chunk.removeLast(chunk.count - credit)
            var others = ChunkChain()
            others.append(rest)
            others.append(contentsOf: &inbox)
            swap(&inbox, &others)
            others.releaseStorage()
        }
        credit -= chunk.count
        bulk = max(0, bulk - chunk.count)
        receivedByteCount &+= UInt64(truncatingIfNeeded: chunk.count)
        var handed: Chunk? = consume chunk
        tell { consumer in
            if let chunk = handed.take() { consumer.transport(self, received: chunk) }
        }
    }

    private func tellEnd() {
        credit = 0
        tell { $0.transportReceivedEnd(self) }
    }

    /// Reports a broken connection once; nothing more is received or sent.
    private func tellFailure() {
        if hasFailed || isClosed { return }
        hasFailed = true
        credit = 0
        reportsDrained = false
        tell { $0.transport(self, failed: SystemError(code: failure)) }
    }

    /// Tells that nothing can be sent when nothing is being received, which would tell otherwise.
    private func checkSending() {
        if sendFailure == 0 || isClosed || (credit > 0 && (isReceiving || !inbox.isEmpty)) { return }
        if failure == 0 { failure = sendFailure }
        tellFailure()
    }

    /// A failure that is met inside of a call is told in the next turn.
    private func fail(later code: Int32) {
        if failure == 0 { failure = code }
        worker.serveNext(fd)
    }

    // MARK: Completions

    override func completed(_ completion: RingCompletion, _ poller: UringPoller, on worker: Worker) {
        if poller.isRetiring && !isClosed {
            if let number = completion.buffer { _ = poller.buffers?.take(number, byteCount: 0) }
            return
        }
        switch completion.token.operation {
        case .receive: received(completion, poller)
        case .send: sent(completion.result)
        case .connect: connected(completion.result)
        default: break
        }
    }

    private func connected(_ result: Int32) {
        isConnecting = false
        if isClosed { return closeIfIdle() }
        if result < 0 {
            failure = -result
            return tellFailure()
        }
        state = .open
        if !queue.isEmpty { queueSend() }
        if credit > 0 { armReceive() }
        tell { $0.transportConnected(self) }
    }

    // MARK: Sending

    public override func flush(more: Bool = false) -> FlushResult {
        if queue.isEmpty { return .done }
        if isClosed { return .failed(SystemError(code: EBADF)) }
        let code = failure != 0 ? failure : sendFailure
        if code != 0 { return .failed(SystemError(code: code)) }
        reportsDrained = true
        sendsMore = more
        if state == .open { queueSend() }
        return .pending
    }

    private func queueSend() {
        if isSending || isInSenders { return }
        isInSenders = true
        unsafe poller._withUnsafeGuaranteedRef { $0.queueSend(self) }
    }

    /// Before the wait: everything that was queued in this turn, in one operation. Returns false when the ring has no
    /// room for it.
    func prepareSend() -> Bool {
        isInSenders = false
        if isClosed {
            closeIfIdle()
            return true
        }
        if state != .open || isSending || queue.isEmpty || failure != 0 || sendFailure != 0 { return true }
        let token = worker.ringToken(.send, fd)
        // SAFETY: the vectors live on the stack during the call, which copies them; the chunks stay in the queue until
        // the send has completed.
        let capacity = Limits.ringVectorsPerSend
        let result = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: capacity) { vectors in
            let count = unsafe queue.fill(vectors)
            if count == 1 {
                let length = unsafe Int(vectors[0].iov_len)
                return unsafe ring.send(fd, vectors[0].iov_base, length, more: sendsMore, token)
            }
            return unsafe ring.send(fd, vectors.baseAddress!, vectorCount: count, more: sendsMore, token)
        }
        guard result >= 0 else {
            isInSenders = true
            return false
        }
        // What is left of it later waits for nothing.
        sendsMore = false
        isSending = true
        return true
    }

    private func sent(_ result: Int32) {
        isSending = false
        if isClosed { return closeIfIdle() }
        if result < 0 && result != -EAGAIN && result != -EINTR {
            sendFailure = -result
            reportsDrained = false
            return checkSending()
        }
        if result > 0 {
            queue.removeFirst(Int(result))
            sentByteCount &+= UInt64(truncatingIfNeeded: result)
        }
        if !queue.isEmpty { return queueSend() }
        if reportsDrained {
            reportsDrained = false
            tell { $0.transportDrained(self) }
        }
    }

    public override func finish() {
        if isFinished || isClosed { return }
        assert(queue.isEmpty, "the end is sent after the bytes")
        isFinished = true
        _ = worker.kernel.shutdown(fd, Int32(SHUT_WR))
    }

    /// What a receive has not taken yet, the socket itself has to be asked for.
    public override func holdsUnreadBytes(asking: Bool) -> Bool {
        if state != .open || hasEnded || failure != 0 { return false }
        var byte: UInt8 = 0
        // SAFETY: one byte, on the stack.
        return unsafe worker.kernel.peek(fd, &byte, 1) > 0
    }

    // MARK: Closing

    public override func close(reset: Bool = false) {
        if isClosed { return }
        let breaks = reset && state == .open
        state = .closing
        descriptor = -1
        credit = 0
        reportsDrained = false
        worker.served(fd)
        inbox.removeAll()
        inbox.releaseStorage()
        // What is being sent is the kernel's to read until the send has completed.
        if !isSending { queue.removeAll() }
        // Before the cancelling, which it may spare: in one submission all of it, unlike an option for a reset.
        if breaks {
            isConnecting = ring.disconnect(fd, worker.ringToken(.connect, fd)) >= 0
            if !isConnecting { worker.kernel.resetsWhenClosed(fd) }
        }
        unsafe poller._withUnsafeGuaranteedRef { poller in
            if isReceiving { poller.cancel(worker.ringToken(.receive, fd)) }
            if isSending { poller.cancel(worker.ringToken(.send, fd)) }
            if isConnecting && !breaks { poller.cancel(worker.ringToken(.connect, fd)) }
            poller.closing &+= 1
        }
        closeIfIdle()
    }

    /// Frees the slot and closes the number when nothing is armed any more. The ring closes it, behind what was
    /// prepared before, so that no other thread is given the number while the slot is taken.
    private func closeIfIdle() {
        if state != .closing || isReceiving || isSending || isConnecting || isInSenders { return }
        state = .closed
        unsafe poller._withUnsafeGuaranteedRef { $0.closing &-= 1 }
        queue.removeAll()
        queue.releaseStorage()
        worker.remove(fd, close: false)
        if ring.close(descriptor: fd) < 0 { _ = worker.kernel.close(fd) }
    }
}
