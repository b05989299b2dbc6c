import Base
import Buffers
import CPlatform
import Glibc

/// A transport over a socket whose bytes the kernel moves by itself (io_uring).
///
/// A receive is armed while there is credit, and repeats until a total has come: what arrives beyond the credit, at
/// most `Limits.receiveOvershoot` bytes, waits in the transport. So pausing costs nothing, and a connection that waits
/// for its next request has a receive armed and no block. Sends are queued, and submitted once per turn of the loop,
/// all pieces in one operation; `flush` is then `.pending`, and `transportDrained` follows.
///
/// Bulk is moved by calls, as `SocketTransport` does: while blocks come back full, and the consumer takes more
/// (`bulk`), several are filled by one call, and what is queued for sending goes out by one; the ring polls the socket
/// when it is empty, and sends what was left when it is full. A call costs nothing beside copying that much, and a
/// connection that is emptied at once costs the least (docs/performance.md).
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
    /// What is under way: a receive into provided blocks, or calls, or a poll because they found nothing.
    private enum Receiving { case none, provided, calls, polled }

    private let poller: Unmanaged<UringPoller>
    private let fd: Int32
    private var state: State
    private var receiving: Receiving = .none
    /// The last receive filled a block: the next is a call for several.
    private var fillsBlocks = false
    private var isSending = false
    /// What is being sent is a poll: the socket has no room for what is in the outlet.
    private var awaitsRoom = false
    private var isConnecting = false
    /// Idle, and to be offered to other threads: it is polled instead of received from, as a poll takes nothing that
    /// another thread would need.
    private var isWatched = false
    /// The generation under which it was offered: that of its poll, whoever has the slot by then.
    private var offeredGeneration: UInt32 = 0
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

    /// For a socket that another worker offers; the slot becomes this transport's by `Worker.take`.
    init(taking fd: Int32, poller: UringPoller, worker: Worker) {
        self.fd = fd
        unsafe self.poller = Unmanaged.passUnretained(poller)
        state = .open
        super.init(fd, worker: worker, consumer: nil)
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
        isWatched = false
        if credit == 0 && sendFailure != 0 { return worker.serveNext(fd) }
        if credit == 0 || state != .open { return }
        if inbox.isEmpty && !hasEnded && failure == 0 { armReceive() } else { worker.serveNext(fd) }
    }

    private func armReceive() {
        if receiving != .none || hasEnded || failure != 0 { return }
        if isWatched { return awaitBytes() }
        if fillsBlocks { return worker.serveNext(fd) }
        let token = worker.ringToken(.receive, fd)
        let result = unsafe poller._withUnsafeGuaranteedRef { poller in
            if poller.features.repeatsReceives {
                // The last buffer may go beyond the total. Who sends more than a block is served by calls.
                return poller.ring.receive(fd, count: 0, total: worker.pool.blockSizeBytes, token)
            }
            return poller.ring.receive(fd, count: min(credit, worker.pool.blockSizeBytes), total: 0, token)
        }
        if result >= 0 {
            receiving = .provided
        } else {
            unsafe poller._withUnsafeGuaranteedRef { $0.queueStarved(self) }
        }
    }

    /// Arms a receive again, if there is cause: also when there is what it has waited for, blocks or room in the ring.
    func receiveOn() {
        if state == .open && credit > 0 && inbox.isEmpty { armReceive() }
    }

    /// Receives by calls, as often as others have patience.
    @inline(never)
    private func receiveByCalls() {
        receiving = .calls
        var left = Limits.receivesPerTurn
        while left > 0 && state == .open && credit > 0 && fillsBlocks && receiving == .calls {
            left -= 1
            if let inlet { receiveSpliced(inlet) } else { receiveBulk() }
        }
        if receiving == .calls { receiving = .none }
        if isClosed { return closeIfIdle() }
        receiveOn()
        checkSending()
    }

    private func receiveBulk() {
        let wanted = min(credit, bulk)
        var blocks = BulkReceive()
        guard wanted > 0, let received = blocks.receive(fd, upTo: wanted, worker.pool, worker.kernel) else {
            // The consumer wants to look at what comes first; or the ring alone has blocks.
            fillsBlocks = false
            return
        }
        guard received > 0 else { return calledForNothing(received) }
        fillsBlocks = received > worker.pool.blockSizeBytes
        let isEmpty = received < blocks.asked
        while !isClosed, let chunk = blocks.take() { deliver(chunk, follows: blocks.left > 0) }
        deliversMore = false
        if isEmpty && fillsBlocks && state == .open && credit > 0 { awaitBytes() }
    }

    /// Receives into the inlet. By a call, too: a ring would hand it to a thread of the kernel, as splices may wait.
    private func receiveSpliced(_ pipe: SplicePipe) {
        // Its other end is not done: the consumer gives credit when it is.
        if pipe.byteCount > 0 {
            credit = 0
            return
        }
        let wanted = min(credit, bulk)
        if wanted == 0 {
            fillsBlocks = false
            return
        }
        let moved = worker.kernel.splice(fd, pipe.writeEnd, wanted, more: false)
        switch moved {
        case 1...:
            pipe.byteCount += moved
            account(moved)
            fillsBlocks = moved >= worker.pool.blockSizeBytes
            tell { $0.transport(self, spliced: moved) }
        case -Int(EINVAL), -Int(ENOSYS), -Int(EOPNOTSUPP):
            // Not with this socket.
            inlet = nil
        default: calledForNothing(moved)
        }
    }

    private func calledForNothing(_ result: Int) {
        if result == -Int(EAGAIN) { return awaitBytes() }
        receiving = .none
        receivedNothing(Int32(truncatingIfNeeded: result))
    }

    /// Polls the socket: there was nothing in it.
    private func awaitBytes() {
        let token = worker.ringToken(.receive, fd)
        let prepared = ring.poll(fd, HOST_EPOLL_IN | HOST_EPOLL_RDHUP, repeats: false, token)
        if prepared >= 0 {
            receiving = .polled
        } else {
            unsafe poller._withUnsafeGuaranteedRef { $0.queueStarved(self) }
        }
    }

    private func received(_ completion: RingCompletion, _ poller: UringPoller) {
        if !completion.hasMore { receiving = .none }
        var filled: Chunk?
        if let number = completion.buffer {
            filled = poller.buffers?.take(number, byteCount: Int(max(0, completion.result)))
        }
        if isClosed { return closeIfIdle() }
        if completion.result <= 0 { return receivedNothing(completion.result) }
        isWatched = false
        // Of a poll there is no chunk.
        if let chunk = filled.take() {
            fillsBlocks = chunk.count == chunk.blockCapacity
            deliver(chunk)
        }
        receiveOn()
        checkSending()
    }

    /// A receive has ended in the end of the stream (0), or in an error.
    private func receivedNothing(_ result: Int32) {
        switch -result {
        case 0:
            hasEnded = true
            if credit > 0 && inbox.isEmpty { tellEnd() }
        case ENOBUFS:
            worker.activity.add(.starved)
            unsafe poller._withUnsafeGuaranteedRef { poller in
                if poller.blocksLent > 0 { receiveOn() } else { poller.queueStarved(self) }
            }
        // Cancelled to be polled from now on, or, if the consumer has changed its mind, received from again.
        case EAGAIN, EINTR, ECANCELED: receiveOn()
        default:
            failure = -result
            if inbox.isEmpty || credit == 0 { tellFailure() }
        }
        checkSending()
    }

    /// Hands a chunk up as far as the credit goes; the rest, or what comes behind such a rest, waits. `follows`:
    /// another one is at hand.
    private func deliver(_ chunk: consuming Chunk, follows: Bool = false) {
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
        // As long as it is certain that the consumer gets the next one.
        deliversMore = follows && chunk.count < min(credit, bulk)
        account(chunk.count)
        var handed: Chunk? = consume chunk
        tell { consumer in
            if let chunk = handed.take() { consumer.transport(self, received: chunk) }
        }
    }

    private func account(_ byteCount: Int) {
        credit -= byteCount
        bulk = max(0, bulk - byteCount)
        receivedByteCount &+= UInt64(truncatingIfNeeded: byteCount)
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
            if fillsBlocks && receiving == .none { return receiveByCalls() }
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
        account(chunk.count)
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
        if sendFailure == 0 || isClosed || (credit > 0 && (receiving != .none || !inbox.isEmpty)) { return }
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

    public override var canSplice: Bool { true }

    public override func flush(more: Bool = false) -> FlushResult {
        if queuedByteCount == 0 { return .done }
        if isClosed { return .failed(SystemError(code: EBADF)) }
        let code = failure != 0 ? failure : sendFailure
        if code != 0 { return .failed(SystemError(code: code)) }
        let isBulk = queue.isEmpty || queue.byteCount >= worker.pool.blockSizeBytes
        if isBulk && state == .open && !isSending && !reportsDrained {
            sendFailure = callToSend(more: more)
            if sendFailure != 0 { return .failed(SystemError(code: sendFailure)) }
            if queuedByteCount == 0 { return .done }
        }
        reportsDrained = true
        sendsMore = more
        if state == .open && !queue.isEmpty { queueSend() }
        return .pending
    }

    /// Sends what is queued, and then what is in the outlet, by calls. Returns 0, or the error's number.
    @inline(never)
    private func callToSend(more: Bool) -> Int32 {
        // SAFETY: the kernel is the worker's, which keeps it.
        let error = unsafe sendByCalls(fd, Unmanaged.passUnretained(worker.kernel), more: more)
        return error != 0 || !queue.isEmpty ? error : sendSpliced()
    }

    /// Sends what is in the outlet, by a call, and polls when the socket is full. Returns 0, or the error's number.
    private func sendSpliced() -> Int32 {
        guard let pipe = outlet else { return 0 }
        while pipe.byteCount > 0 {
            let moved = worker.kernel.splice(pipe.readEnd, fd, pipe.byteCount, more: false)
            if moved == -Int(EAGAIN) {
                if ring.poll(fd, HOST_EPOLL_OUT, repeats: false, worker.ringToken(.send, fd)) < 0 { return ENOBUFS }
                isSending = true
                awaitsRoom = true
                return 0
            }
            if moved <= 0 { return moved == 0 ? EIO : Int32(truncatingIfNeeded: -moved) }
            pipe.byteCount -= moved
            sentByteCount &+= UInt64(truncatingIfNeeded: moved)
        }
        return 0
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
        let wasPolled = awaitsRoom
        awaitsRoom = false
        if isClosed { return closeIfIdle() }
        if result < 0 && result != -EAGAIN && result != -EINTR { return sendingFailed(-result) }
        if result > 0 && !wasPolled {
            queue.removeFirst(Int(result))
            sentByteCount &+= UInt64(truncatingIfNeeded: result)
        }
        if !queue.isEmpty { return queueSend() }
        if outlet != nil {
            let code = sendSpliced()
            if code != 0 { return sendingFailed(code) }
            if isSending { return }
        }
        if reportsDrained {
            reportsDrained = false
            tell { $0.transportDrained(self) }
        }
    }

    private func sendingFailed(_ code: Int32) {
        sendFailure = code
        reportsDrained = false
        checkSending()
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
        if !inbox.isEmpty || !asking { return !inbox.isEmpty }
        var byte: UInt8 = 0
        // SAFETY: one byte, on the stack.
        return unsafe worker.kernel.peek(fd, &byte, 1) > 0
    }

    // MARK: Changing hands

    public override var offersAtOnce: Bool { false }

    /// The first call ends the receive, by which a thread takes what arrives; once the socket is only polled, it can
    /// be offered.
    public override func offer() -> FDOffer? {
        guard state == .open, credit > 0, queuedByteCount == 0, !isSending, !isInSenders, !isFinished, inlet == nil,
            inbox.isEmpty, !hasEnded, failure == 0, sendFailure == 0
        else { return nil }
        switch receiving {
        case .polled:
            offeredGeneration = worker.ringToken(.receive, fd).generation
            return worker.offer(fd)
        case .provided where !isWatched:
            isWatched = true
            unsafe poller._withUnsafeGuaranteedRef { $0.cancel(worker.ringToken(.receive, fd)) }
        default: break
        }
        return nil
    }

    public override func withdraw(_ offer: FDOffer) -> Bool {
        if isClosed { return false }
        if worker.withdraw(offer) { return true }
        abandon()
        return false
    }

    public override func taken(on worker: Worker) {
        if isClosed { return }
        abandon()
        tell { $0.transportTaken(self) }
    }

    /// The socket is another worker's. Its poll keeps it open, and ends.
    func abandon() {
        if receiving == .polled {
            let token = RingToken(.receive, number: fd, generation: offeredGeneration)
            unsafe poller._withUnsafeGuaranteedRef { $0.cancel(token) }
        }
        receiving = .none
        state = .closed
        credit = 0
        descriptor = -1
        queue.releaseStorage()
    }

    // MARK: Closing

    public override func close(reset: Bool = false) {
        if isClosed { return }
        let breaks = reset && state == .open
        state = .closing
        descriptor = -1
        credit = 0
        reportsDrained = false
        inlet = nil
        outlet = nil
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
            if receiving == .provided || receiving == .polled { poller.cancel(worker.ringToken(.receive, fd)) }
            if isSending { poller.cancel(worker.ringToken(.send, fd)) }
            if isConnecting && !breaks { poller.cancel(worker.ringToken(.connect, fd)) }
            poller.closing &+= 1
        }
        closeIfIdle()
    }

    /// Frees the slot and closes the number when nothing is armed any more. The ring closes it, behind what was
    /// prepared before, so that no other thread is given the number while the slot is taken.
    private func closeIfIdle() {
        if state != .closing || receiving != .none || isSending || isConnecting || isInSenders { return }
        state = .closed
        unsafe poller._withUnsafeGuaranteedRef { $0.closing &-= 1 }
        queue.removeAll()
        queue.releaseStorage()
        worker.remove(fd, close: false)
        if ring.close(descriptor: fd) < 0 { _ = worker.kernel.close(fd) }
    }
}
