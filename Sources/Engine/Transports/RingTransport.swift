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
// SAFETY: the poller is the worker's, which outlives its transports; it is referred to without counting.
@safe
public final class RingTransport: Transport {
    /// What is under way: a receive into provided blocks, or calls, or a poll because they found nothing.
    private enum Receiving: UInt8 { case none, provided, calls, polled }

    /// What is so of a transport, a bit each: the object is no larger than `SocketTransport`'s.
    private struct Flags: OptionSet {
        var rawValue: UInt16

        /// The last receive filled a block: the next is a call for several.
        static let fillsBlocks = Flags(rawValue: 1 << 0)
        static let isSending = Flags(rawValue: 1 << 1)
        /// What is being sent is a poll: the socket has no room for what is in the outlet.
        static let awaitsRoom = Flags(rawValue: 1 << 2)
        /// A connect, or the disconnecting of a close with a reset, is under way.
        static let isConnecting = Flags(rawValue: 1 << 3)
        /// Idle, and to be offered to other threads: it is polled instead of received from, as a poll takes nothing
        /// that another thread would need.
        static let isWatched = Flags(rawValue: 1 << 4)
        /// In the poller's list of those that have something to send.
        static let isInSenders = Flags(rawValue: 1 << 5)
        /// More will follow what is queued.
        static let sendsMore = Flags(rawValue: 1 << 6)
        /// The end of the stream has come: behind what is in the inbox.
        static let hasEnded = Flags(rawValue: 1 << 7)
        /// The consumer knows of the error that ended the connection.
        static let hasFailed = Flags(rawValue: 1 << 8)
    }

    /// What came beyond the credit. Few connections ever have some, so it stands apart.
    private final class Inbox { var chunks = ChunkChain() }

    /// nil when nothing waits.
    private var inbox: Inbox?
    /// The socket's number, also once it is closed for the consumer.
    private let fd: Int32
    /// The generation under which it was offered: that of its poll, whoever has the slot by then.
    private var offeredGeneration: UInt32 = 0
    /// The number of the error that ended the connection.
    private var failure: Int16 = 0
    /// Why nothing can be sent any more. What the peer sent before it left is received first; the consumer is told by
    /// `flush`, by what ends the receive, or, when it receives nothing, as of any failure.
    private var sendFailure: Int16 = 0
    private var flags: Flags = []
    private var receiving: Receiving = .none

    /// Takes over a connected, non-blocking socket. The worker's poller is a ring.
    init(accepted fd: Int32, worker: Worker, consumer: TransportConsumer?) {
        self.fd = fd
        super.init(fd, .open, worker: worker, consumer: consumer)
        worker.insertCompleting(fd, self)
    }

    /// For a socket that another worker offers; the slot becomes this transport's by `Worker.take`.
    init(taking fd: Int32, worker: Worker) {
        self.fd = fd
        super.init(fd, .open, worker: worker, consumer: nil)
    }

    /// Connects a non-blocking socket. `transportConnected` or a failure follows.
    init(connecting fd: Int32, to address: SocketAddress, worker: Worker, consumer: TransportConsumer) {
        self.fd = fd
        super.init(fd, .connecting, worker: worker, consumer: consumer)
        worker.insertCompleting(fd, self)
        if ring.connect(fd, address, worker.ringToken(.connect, fd)) >= 0 {
            flags.insert(.isConnecting)
        } else {
            fail(later: ENOBUFS)
        }
    }

    /// The worker's poller, which is a ring.
    private var poller: Unmanaged<UringPoller> { unsafe Unmanaged.passUnretained(worker.uring!) }
    private var ring: Ring { unsafe poller._withUnsafeGuaranteedRef { $0.ring } }

    /// Why nothing can be sent, or 0.
    private var sendError: Int32 { Int32(failure != 0 ? failure : sendFailure) }

    // MARK: Receiving

    public override func receive(credit: Int) {
        if isClosed || flags.contains(.hasFailed) { return }
        self.credit = credit
        flags.remove(.isWatched)
        if credit == 0 && sendFailure != 0 { return worker.serveNext(fd) }
        if credit == 0 || state != .open { return }
        if inbox == nil && !flags.contains(.hasEnded) && failure == 0 { armReceive() } else { worker.serveNext(fd) }
    }

    private func armReceive() {
        if receiving != .none || flags.contains(.hasEnded) || failure != 0 { return }
        if flags.contains(.isWatched) { return awaitBytes() }
        if flags.contains(.fillsBlocks) { return worker.serveNext(fd) }
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
        if state == .open && credit > 0 && inbox == nil { armReceive() }
    }

    /// Receives by calls, as often as others have patience.
    @inline(never)
    private func receiveByCalls() {
        receiving = .calls
        var left = Limits.receivesPerTurn
        while left > 0 && state == .open && credit > 0 && flags.contains(.fillsBlocks) && receiving == .calls {
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
            flags.remove(.fillsBlocks)
            return
        }
        guard received > 0 else { return calledForNothing(received) }
        fills(received > worker.pool.blockSizeBytes)
        let isEmpty = received < blocks.asked
        while !isClosed, let chunk = blocks.take() { arrived(chunk, follows: blocks.left > 0) }
        deliversMore = false
        if isEmpty && flags.contains(.fillsBlocks) && state == .open && credit > 0 { awaitBytes() }
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
            flags.remove(.fillsBlocks)
            return
        }
        // Where it cannot be done, blocks do.
        guard let moved = splice(into: pipe, upTo: wanted) else { return }
        guard moved > 0 else { return calledForNothing(moved) }
        countReceived(moved)
        fills(moved >= worker.pool.blockSizeBytes)
        tell { $0.transport(self, spliced: moved) }
    }

    private func calledForNothing(_ result: Int) {
        if result == -Int(EAGAIN) { return awaitBytes() }
        receiving = .none
        receivedNothing(Int32(truncatingIfNeeded: result))
    }

    /// Notes whether the last receive filled a block.
    private func fills(_ isFull: Bool) {
        if isFull { flags.insert(.fillsBlocks) } else { flags.remove(.fillsBlocks) }
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
        flags.remove(.isWatched)
        // Of a poll there is no chunk.
        if let chunk = filled.take() {
            fills(chunk.count == chunk.blockCapacity)
            arrived(chunk)
        }
        receiveOn()
        checkSending()
    }

    /// A receive has ended in the end of the stream (0), or in an error.
    private func receivedNothing(_ result: Int32) {
        switch -result {
        case 0:
            flags.insert(.hasEnded)
            if credit > 0 && inbox == nil { tellEnd() }
        case ENOBUFS:
            worker.activity.add(.starved)
            unsafe poller._withUnsafeGuaranteedRef { poller in
                if poller.blocksLent > 0 { receiveOn() } else { poller.queueStarved(self) }
            }
        // Cancelled to be polled from now on, or, if the consumer has changed its mind, received from again.
        case EAGAIN, EINTR, ECANCELED: receiveOn()
        default:
            failure = Int16(truncatingIfNeeded: -result)
            if inbox == nil || credit == 0 { tellFailure() }
        }
        checkSending()
    }

    /// Hands a chunk up as far as the credit goes; the rest, or what comes behind such a rest, waits. `follows`:
    /// another one is at hand.
    private func arrived(_ chunk: consuming Chunk, follows: Bool = false) {
        if inbox != nil || credit == 0 { return keep(chunk) }
        // As long as it is certain that the consumer gets the next one.
        deliversMore = follows && chunk.count < min(credit, bulk)
        if chunk.count <= credit { return handUp(chunk) }
        let first = chunk.splitFirst(credit)
        keep(chunk)
        handUp(first)
    }

    private func handUp(_ chunk: consuming Chunk) {
        countReceived(chunk.count)
        deliver(chunk)
    }

    /// Puts a chunk behind what waits.
    @inline(never)
    private func keep(_ chunk: consuming Chunk) {
        let kept = inbox ?? Inbox()
        inbox = kept
        if !kept.chunks.absorb(chunk, upTo: Limits.copiedSendBytes) { kept.chunks.append(chunk) }
    }

    /// The first of what waits, as far as the credit goes.
    private func takeKept() -> Chunk? {
        guard let kept = inbox else { return nil }
        let chunk = kept.chunks.popFirst(upTo: credit)
        if kept.chunks.isEmpty { inbox = nil }
        return chunk
    }

    /// In a later turn than the one that gave credit: what waits is handed up.
    public override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        worker.served(fd)
        var left = Limits.receivesPerTurn
        while left > 0, !isClosed, credit > 0, let chunk = takeKept() {
            left -= 1
            handUp(chunk)
        }
        if isClosed { return }
        checkSending()
        if isClosed || flags.contains(.hasFailed) { return }
        if inbox == nil {
            if failure != 0 { return tellFailure() }
            if state != .open || credit == 0 { return }
            if flags.contains(.hasEnded) { return tellEnd() }
            if flags.contains(.fillsBlocks) && receiving == .none { return receiveByCalls() }
            armReceive()
        } else if credit > 0 {
            worker.serveNext(fd)
        }
    }

    private func tellEnd() {
        credit = 0
        tell { $0.transportReceivedEnd(self) }
    }

    /// Reports a broken connection once; nothing more is received or sent.
    private func tellFailure() {
        if flags.contains(.hasFailed) || isClosed { return }
        flags.insert(.hasFailed)
        credit = 0
        reportsDrained = false
        tell { $0.transport(self, failed: SystemError(code: Int32(failure))) }
    }

    /// Tells that nothing can be sent when nothing is being received, which would tell otherwise.
    private func checkSending() {
        if sendFailure == 0 || isClosed || (credit > 0 && (receiving != .none || inbox != nil)) { return }
        if failure == 0 { failure = sendFailure }
        tellFailure()
    }

    /// A failure that is met inside of a call is told in the next turn.
    private func fail(later code: Int32) {
        if failure == 0 { failure = Int16(truncatingIfNeeded: code) }
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
        flags.remove(.isConnecting)
        if isClosed { return closeIfIdle() }
        if result < 0 {
            failure = Int16(truncatingIfNeeded: -result)
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
        if sendError != 0 { return .failed(SystemError(code: sendError)) }
        let isBulk = queue.isEmpty || queue.byteCount >= worker.pool.blockSizeBytes
        if isBulk && state == .open && !flags.contains(.isSending) && !reportsDrained {
            sendFailure = Int16(truncatingIfNeeded: callToSend(more: more))
            if sendFailure != 0 { return .failed(SystemError(code: sendError)) }
            if queuedByteCount == 0 { return .done }
        }
        reportsDrained = true
        if more { flags.insert(.sendsMore) } else { flags.remove(.sendsMore) }
        if state == .open && !queue.isEmpty { queueSend() }
        return .pending
    }

    /// Sends what is queued, and then what is in the outlet, by calls. Returns 0, or the error's number.
    @inline(never)
    private func callToSend(more: Bool) -> Int32 {
        // SAFETY: the kernel is the worker's, which keeps it.
        let error = unsafe sendByCalls(fd, Unmanaged.passUnretained(worker.kernel), more: more)
        return error != 0 || !queue.isEmpty ? error : sendOutlet()
    }

    /// Sends what is in the outlet, and polls when the socket is full. Returns 0, or the error's number.
    private func sendOutlet() -> Int32 {
        let code = sendSpliced()
        if code != EAGAIN { return code }
        if ring.poll(fd, HOST_EPOLL_OUT, repeats: false, worker.ringToken(.send, fd)) < 0 { return ENOBUFS }
        flags.formUnion([.isSending, .awaitsRoom])
        return 0
    }

    private func queueSend() {
        if !flags.isDisjoint(with: [.isSending, .isInSenders]) { return }
        flags.insert(.isInSenders)
        unsafe poller._withUnsafeGuaranteedRef { $0.queueSend(self) }
    }

    /// Before the wait: everything that was queued in this turn, in one operation. Returns false when the ring has no
    /// room for it.
    func prepareSend() -> Bool {
        flags.remove(.isInSenders)
        if isClosed {
            closeIfIdle()
            return true
        }
        if state != .open || flags.contains(.isSending) || queue.isEmpty || sendError != 0 { return true }
        let token = worker.ringToken(.send, fd)
        // SAFETY: the vectors live on the stack during the call, which copies them; the chunks stay in the queue until
        // the send has completed.
        let capacity = Limits.ringVectorsPerSend
        let more = flags.contains(.sendsMore)
        let result = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: capacity) { vectors in
            let count = unsafe queue.fill(vectors)
            if count == 1 {
                let length = unsafe Int(vectors[0].iov_len)
                return unsafe ring.send(fd, vectors[0].iov_base, length, more: more, token)
            }
            return unsafe ring.send(fd, vectors.baseAddress!, vectorCount: count, more: more, token)
        }
        guard result >= 0 else {
            flags.insert(.isInSenders)
            return false
        }
        // What is left of it later waits for nothing.
        flags.remove(.sendsMore)
        flags.insert(.isSending)
        return true
    }

    private func sent(_ result: Int32) {
        let wasPolled = flags.contains(.awaitsRoom)
        flags.subtract([.isSending, .awaitsRoom])
        if isClosed { return closeIfIdle() }
        if result < 0 && result != -EAGAIN && result != -EINTR { return sendingFailed(-result) }
        if result > 0 && !wasPolled {
            queue.removeFirst(Int(result))
            sentByteCount &+= UInt64(truncatingIfNeeded: result)
        }
        if !queue.isEmpty { return queueSend() }
        if outlet != nil {
            let code = sendOutlet()
            if code != 0 { return sendingFailed(code) }
            if flags.contains(.isSending) { return }
        }
        if reportsDrained {
            reportsDrained = false
            tell { $0.transportDrained(self) }
        }
    }

    private func sendingFailed(_ code: Int32) {
        sendFailure = Int16(truncatingIfNeeded: code)
        reportsDrained = false
        checkSending()
    }

    /// What a receive has not taken yet, the socket itself has to be asked for.
    public override func holdsUnreadBytes(asking: Bool) -> Bool {
        if state != .open || flags.contains(.hasEnded) || failure != 0 { return false }
        return inbox != nil || asking && peek() > 0
    }

    // MARK: Changing hands

    public override var offersAtOnce: Bool { false }

    /// The first call ends the receive, by which a thread takes what arrives; once the socket is only polled, it can
    /// be offered.
    public override func offer() -> FDOffer? {
        guard state == .open, credit > 0, queuedByteCount == 0, !isFinished, inlet == nil, inbox == nil, sendError == 0,
            flags.isDisjoint(with: [.isSending, .isInSenders, .hasEnded])
        else { return nil }
        switch receiving {
        case .polled:
            offeredGeneration = worker.ringToken(.receive, fd).generation
            return worker.offer(fd)
        case .provided where !flags.contains(.isWatched):
            flags.insert(.isWatched)
            unsafe poller._withUnsafeGuaranteedRef { $0.cancel(worker.ringToken(.receive, fd)) }
        default: break
        }
        return nil
    }

    /// The poll of before keeps the socket open, and ends.
    override func abandon() {
        if receiving == .polled {
            let token = RingToken(.receive, number: fd, generation: offeredGeneration)
            unsafe poller._withUnsafeGuaranteedRef { $0.cancel(token) }
        }
        receiving = .none
        super.abandon()
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
        inbox = nil
        // What is being sent is the kernel's to read until the send has completed.
        let isSending = flags.contains(.isSending)
        if !isSending { queue.removeAll() }
        // Before the cancelling, which it may spare: in one submission all of it, unlike an option for a reset.
        if breaks {
            if ring.disconnect(fd, worker.ringToken(.connect, fd)) >= 0 {
                flags.insert(.isConnecting)
            } else {
                worker.kernel.resetsWhenClosed(fd)
            }
        }
        unsafe poller._withUnsafeGuaranteedRef { poller in
            if receiving == .provided || receiving == .polled { poller.cancel(worker.ringToken(.receive, fd)) }
            if isSending { poller.cancel(worker.ringToken(.send, fd)) }
            if flags.contains(.isConnecting) && !breaks { poller.cancel(worker.ringToken(.connect, fd)) }
            poller.closing &+= 1
        }
        closeIfIdle()
    }

    /// Frees the slot and closes the number when nothing is armed any more. The ring closes it, behind what was
    /// prepared before, so that no other thread is given the number while the slot is taken.
    private func closeIfIdle() {
        if state != .closing || receiving != .none { return }
        if !flags.isDisjoint(with: [.isSending, .isConnecting, .isInSenders]) { return }
        state = .closed
        unsafe poller._withUnsafeGuaranteedRef { $0.closing &-= 1 }
        queue.removeAll()
        queue.releaseStorage()
        worker.remove(fd, close: false)
        if ring.close(descriptor: fd) < 0 { _ = worker.kernel.close(fd) }
    }
}
