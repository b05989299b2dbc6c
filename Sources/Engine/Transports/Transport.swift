import Base
import Buffers
import CPlatform
import Glibc

/// What happened to bytes that were handed to a transport.
public enum FlushResult: Equatable, Sendable {
    /// The operating system has accepted everything.
    case done
    /// Bytes are still queued; `transportDrained` tells when they are gone.
    case pending
    /// The connection is broken. No further callback comes; the caller closes the transport.
    case failed(SystemError)
}

/// A connection as a stream of bytes, whatever carries it: a socket under a readiness poller, a ring, TLS, the
/// simulator.
///
/// The contract:
/// - **Receive is by credit.** `receive(credit:)` states how many bytes the consumer is willing to take now; each
///   received chunk lowers it. With a credit of 0 nothing is received, and the end of the stream is not seen either.
///   A receive ends in data, in the end of the stream (writing is still allowed), or in failure.
/// - **Send is ordered.** `send` queues, `flush` hands over to the operating system what it accepts now; the rest
///   goes out as it can, and `transportDrained` reports an empty queue.
/// - **No callback comes from inside a call** to the transport: callbacks come from the worker's loop only, so a
///   consumer is never re-entered. A failure met by `flush` is its result.
/// - **Close is exact**: after `close` no callback comes.
///
/// Thread-safety: a transport belongs to one worker, and is used on its thread.
@safe
open class Transport: FDHandler {
    /// Who is told.
    // SAFETY: the consumer outlives its use of the transport, as `setConsumer` asks.
    public final var consumer: TransportConsumer? { unsafe consumerReference?.takeUnretainedValue() }

    /// States who is told. Called before the first credit (a connecting transport has its consumer from the start), and
    /// on the owner's thread at any time between callbacks. The consumer outlives its use of the transport, and every
    /// callback of its own: calls do not keep it alive. It closes the transport, or hands it on, before it goes, and
    /// goes in a later turn of the loop.
    public final func setConsumer(_ consumer: borrowing TransportConsumer) {
        // SAFETY: as stated; no reference is counted.
        unsafe consumerReference = Unmanaged.passUnretained(consumer)
    }

    /// How far the connection is. A closing one is closed for its consumer; a ring still has something armed for it.
    enum State: UInt8 { case connecting, open, closing, closed }

    private final var consumerReference: Unmanaged<TransportConsumer>?
    /// The worker that the transport belongs to.
    public final let worker: Worker
    /// The socket, for options and addresses; -1 once closed.
    public final internal(set) var descriptor: Int32
    // Flags stand where the number leaves room for them: an idle connection is little more than its transport.
    final var state: State
    /// Another chunk is delivered right after the one at hand: what is sent on may be flushed with that one.
    public final internal(set) var deliversMore = false
    /// Our own end of the stream has been sent.
    final var isFinished = false
    /// A flush was left pending, and the consumer is to hear when the queue is empty.
    final var reportsDrained = false
    /// Bytes that the consumer will still take.
    public final internal(set) var credit = 0
    /// Bytes, within the credit, that the consumer takes whatever happens, unless it closes the transport: they may be
    /// received into several blocks at once. Set by the consumer, lowered as bytes come.
    public final var bulk = 0
    /// Bytes queued and not yet accepted by the operating system, those in the outlet included.
    public final var queuedByteCount: Int { queue.byteCount + (outlet == nil ? 0 : outletByteCount) }
    // Apart, so that who has no outlet counts no reference.
    @inline(never)
    private final var outletByteCount: Int { outlet?.byteCount ?? 0 }
    /// Whether inlet and outlet have an effect.
    open var canSplice: Bool { false }
    /// Where bytes within `bulk` are received to instead of blocks, once a block was filled; the consumer is told by
    /// `transport(_:spliced:)`. It gives no credit while the pipe holds bytes.
    public final var inlet: SplicePipe?
    /// What is sent after the queue. While it holds bytes, nothing may be queued.
    public final var outlet: SplicePipe?
    /// Free for the consumer: what the transport is part of. The consumer keeps it alive.
    // SAFETY: the consumer keeps the object alive while it is set.
    public final var context: AnyObject? { unsafe contextReference?.takeUnretainedValue() }
    private final var contextReference: Unmanaged<AnyObject>?

    /// Sets or clears `context`; no reference is counted.
    public final func setContext(_ object: AnyObject?) {
        // SAFETY: as for `context`.
        unsafe contextReference = object.map { unsafe Unmanaged.passUnretained($0) }
    }

    final var queue = ChunkChain()

    /// Bytes received so far.
    public final internal(set) var receivedByteCount: UInt64 = 0
    /// Bytes accepted by the operating system so far.
    public final internal(set) var sentByteCount: UInt64 = 0

    // Not inlined: the initializers of its kinds would each grow, and count more references.
    @inline(never)
    init(_ descriptor: Int32, _ state: State, worker: Worker, consumer: TransportConsumer?) {
        self.descriptor = descriptor
        self.state = state
        // SAFETY: the consumer outlives its use of the transport.
        unsafe consumerReference = consumer.map { unsafe Unmanaged.passUnretained($0) }
        self.worker = worker
        super.init()
    }

    /// Calls the consumer, if there is one, without counting references.
    @inline(__always)
    final func tell(_ body: (TransportConsumer) -> Void) {
        // SAFETY: the consumer outlives its use of the transport, and a call of its own: it is let go in a later turn.
        unsafe consumerReference?._withUnsafeGuaranteedRef(body)
    }

    /// Whether the connection is established (a connecting transport queues what is sent).
    public final var isConnected: Bool { state == .open }
    /// Whether the transport was closed.
    public final var isClosed: Bool { state == .closing || state == .closed }

    // MARK: Receiving

    /// Sets how many bytes the consumer is willing to take; 0 pauses.
    open func receive(credit: Int) { fatalError("a transport receives") }

    /// Counts bytes that have come.
    @inline(__always)
    final func countReceived(_ byteCount: Int) {
        credit -= byteCount
        bulk = max(0, bulk - byteCount)
        receivedByteCount &+= UInt64(truncatingIfNeeded: byteCount)
    }

    /// Hands a chunk to the consumer.
    @inline(__always)
    final func deliver(_ chunk: consuming Chunk) {
        var received: Chunk? = consume chunk
        tell { consumer in
            if let chunk = received.take() { consumer.transport(self, received: chunk) }
        }
    }

    /// Receives into the inlet, by a call. Returns how many bytes, 0 at the end of the stream, or -errno; nil for a
    /// socket that cannot do it, which has no inlet from then on.
    final func splice(into pipe: SplicePipe, upTo byteCount: Int) -> Int? {
        let moved = worker.kernel.splice(descriptor, pipe.writeEnd, byteCount, more: false)
        switch moved {
        case 1...: pipe.byteCount += moved
        case -Int(EINVAL), -Int(ENOSYS), -Int(EOPNOTSUPP):
            inlet = nil
            return nil
        default: break
        }
        return moved
    }

    /// Looks at the first byte that waits in the socket: 1, 0 at the end of the stream, or -errno.
    final func peek() -> Int {
        var byte: UInt8 = 0
        // SAFETY: one byte, on the stack.
        return unsafe worker.kernel.peek(descriptor, &byte, 1)
    }

    // MARK: Sending

    /// Queues a chunk behind what was queued before.
    ///
    /// A few bytes are copied behind what is queued when its block has room: that costs less than a piece of their own.
    public final func send(_ chunk: consuming Chunk) {
        if queue.absorb(chunk, upTo: Limits.copiedSendBytes) { return }
        queue.append(chunk)
    }

    /// Sends what is queued by calls, until the socket is full. Returns 0, or the error's number; what the socket has
    /// no room for stays queued.
    @inline(__always)
    final func sendByCalls(_ fd: Int32, _ kernel: Unmanaged<Kernel>, more: Bool) -> Int32 {
        while !queue.isEmpty {
            let offered: Int
            let sent: Int
            // SAFETY: the vectors live on the stack during the call; the chunks stay in the queue until accepted. The
            // kernel is the worker's.
            (offered, sent) = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: Limits.vectorsPerSend) {
                vectors in
                let count = unsafe queue.fill(vectors)
                if count == 1 {
                    let length = unsafe vectors[0].iov_len
                    let result = unsafe kernel._withUnsafeGuaranteedRef {
                        unsafe $0.send(fd, vectors[0].iov_base, length, more: more)
                    }
                    return (length, result)
                }
                var total = 0
                for index in 0..<count { total &+= unsafe Int(vectors[index].iov_len) }
                let result = unsafe kernel._withUnsafeGuaranteedRef {
                    unsafe $0.sendv(fd, vectors.baseAddress!, count, more: more)
                }
                return (total, result)
            }
            if sent < 0 { return sent == -Int(EAGAIN) ? 0 : Int32(truncatingIfNeeded: -sent) }
            queue.removeFirst(sent)
            sentByteCount &+= UInt64(truncatingIfNeeded: sent)
            if sent < offered { return 0 }
        }
        return 0
    }

    /// Sends what is in the outlet, by calls. Returns 0, or the error's number: EAGAIN when the socket has no room for
    /// what is left.
    final func sendSpliced() -> Int32 {
        guard let pipe = outlet else { return 0 }
        while pipe.byteCount > 0 {
            let moved = worker.kernel.splice(pipe.readEnd, descriptor, pipe.byteCount, more: false)
            if moved <= 0 { return moved == 0 ? EIO : Int32(truncatingIfNeeded: -moved) }
            pipe.byteCount -= moved
            sentByteCount &+= UInt64(truncatingIfNeeded: moved)
        }
        return 0
    }

    /// Hands queued bytes to the operating system, as many as it accepts now.
    /// - Parameter more: more will follow at once, so a partial segment may wait.
    open func flush(more: Bool = false) -> FlushResult { fatalError("a transport sends") }

    /// A small piece is not to wait for the acknowledgement of what was sent before it (`TCP_NODELAY`); for TCP sockets
    /// that do not have it from their listener.
    open func preventSendDelay() {
        worker.setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    /// Ends the sending side once the queue is empty; the receiving side goes on. To be called with an empty queue.
    public final func finish() {
        if isFinished || isClosed { return }
        assert(queue.isEmpty, "the end is sent after the bytes")
        isFinished = true
        _ = worker.kernel.shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Whether the peer has sent what nobody has received, as far as is known. To close with it resets the connection,
    /// and may take from the peer what it was sent last (RFC 9112 section 9.6).
    /// - Parameter asking: the socket itself is asked when the poller does not know it yet.
    open func holdsUnreadBytes(asking: Bool) -> Bool { false }

    // MARK: Changing hands

    /// Offers an idle connection, with nothing queued and a credit for what nobody asked for, to the other workers, who
    /// may take it (`Worker.takeTransport`). From then on the transport is used no more until `withdraw`; what arrives
    /// withdraws the offer before it is told. When another worker has taken it, `transportTaken` is called.
    ///
    /// Returns nil where the connection has to stay with its worker, because it is not idle; and, unless
    /// `offersAtOnce`, where it has yet to be prepared, so that a later call will offer it.
    open func offer() -> FDOffer? { nil }

    /// Whether an offer costs next to nothing. Otherwise it is for connections that have been idle for a while.
    open var offersAtOnce: Bool { true }

    /// Takes an offer of its own back. False when another worker has the connection: then the transport is closed, and
    /// nothing is told of it any more.
    public final func withdraw(_ offer: FDOffer) -> Bool {
        if isClosed { return false }
        if worker.withdraw(offer) { return true }
        abandon()
        return false
    }

    public final override func taken(on worker: Worker) {
        if isClosed { return }
        abandon()
        tell { $0.transportTaken(self) }
    }

    /// The socket is another worker's.
    func abandon() {
        state = .closed
        credit = 0
        descriptor = -1
        queue.releaseStorage()
    }

    // MARK: Closing

    /// Closes. What is queued is dropped. `reset` asks the peer to be told by a reset instead of an orderly end.
    open func close(reset: Bool = false) { fatalError("a transport closes") }
}

/// Who uses transports: told of what arrives, on the transport's worker. Each callback may close the transport.
open class TransportConsumer: LoopTask {
    /// Bytes arrived; at most the credit's and the block's size.
    open func transport(_ transport: Transport, received chunk: consuming Chunk) {}
    /// Bytes arrived in the transport's inlet.
    open func transport(_ transport: Transport, spliced byteCount: Int) {}
    /// The peer has ended its side; nothing more will be received.
    open func transportReceivedEnd(_ transport: Transport) {}
    /// The connection broke, or could not be made. Nothing more comes; the consumer closes the transport.
    open func transport(_ transport: Transport, failed error: SystemError) {}
    /// A connecting transport is connected; what was queued is being sent.
    open func transportConnected(_ transport: Transport) {}
    /// The queue, which a flush had left pending, is empty.
    open func transportDrained(_ transport: Transport) {}
    /// Another worker has taken the connection that was offered: the transport is closed.
    open func transportTaken(_ transport: Transport) {}
}
