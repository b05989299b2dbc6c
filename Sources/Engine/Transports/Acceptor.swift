import Base
import Glibc

/// Accepts the connections of a listening socket: subclass it, override `accepted`, and insert it as the socket's
/// handler with kind `.listener`.
///
///     worker.insert(socket, acceptor, kind: .listener, threads: .all(4))
///     worker.want(socket, .read)
///
/// Whichever thread of the listener is woken accepts, and is the one that `accepted` is called on. When the process or
/// the system has no descriptors or no memory left, the listener pauses for `Limits.exhaustedPauseMilliseconds`: its
/// backlog keeps the clients meanwhile, and nobody turns in circles.
///
/// Thread-safety: of a listener of several threads, `accepted` is called on several at once.
open class Acceptor: FDHandler {
    /// Connections that one report of the poller is good for; then others have their turn.
    public let connectionsPerTurn: Int

    /// - Parameter connectionsPerTurn: at least 1.
    public init(connectionsPerTurn: Int = 16) {
        self.connectionsPerTurn = max(1, connectionsPerTurn)
    }

    /// Called with each new connection, non-blocking and closed on exec, which is the callee's from here on.
    open func accepted(_ fd: Int32, from peer: SocketAddress, on worker: Worker) {
        _ = worker.kernel.close(fd)
    }

    open override func acceptCredit(on worker: Worker) -> Int { connectionsPerTurn }

    open override func acceptCompleted(_ fd: Int32, _ result: Int32, from peer: SocketAddress, on worker: Worker) {
        if result >= 0 {
            worker.countAccept(found: true)
            return accepted(result, from: peer, on: worker)
        }
        if Acceptor.concernsOneConnection(-result) { return }
        pause(fd, on: worker)
    }

    /// Linux passes on what is pending on the connection that is gone (accept(2), "Error handling").
    private static func concernsOneConnection(_ code: Int32) -> Bool {
        switch code {
        case EAGAIN, EINTR, ECONNABORTED, EPROTO, EPERM, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH,
            EOPNOTSUPP:
            true
        default: false
        }
    }

    private func pause(_ fd: Int32, on worker: Worker) {
        worker.stop(fd, .read)
        let retry = AcceptorRetry(self, fd)
        worker.schedule(retry, at: worker.now.adding(milliseconds: Limits.exhaustedPauseMilliseconds))
    }

    open override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        for _ in 0..<connectionsPerTurn {
            var peer = SocketAddress()
            let connection = worker.kernel.accept(fd, &peer)
            if connection >= 0 {
                worker.countAccept(found: true)
                accepted(connection, from: peer, on: worker)
                continue
            }
            switch -connection {
            case EAGAIN:
                worker.countAccept(found: false)
                return worker.cannot(fd, .read)
            case let code where Acceptor.concernsOneConnection(code): continue
            default: return pause(fd, on: worker)
            }
        }
    }
}

/// The end of an acceptor's pause. Its timer keeps it, and so the acceptor.
private final class AcceptorRetry: LoopTask {
    private let acceptor: Acceptor
    private let fd: Int32

    init(_ acceptor: Acceptor, _ fd: Int32) {
        self.acceptor = acceptor
        self.fd = fd
        super.init()
    }

    override func run(on worker: Worker, _ reason: WakeReason) { worker.want(fd, .read, of: acceptor) }
}

extension Worker {
    /// `want` for a shared descriptor that may have been removed meanwhile, and its number opened again: nothing
    /// happens unless the handler is still this one.
    func want(_ fd: Int32, _ interest: Interest, of handler: FDHandler) {
        let slot = memory[fd]
        // From inside, the number cannot come to mean something else.
        let entered = table.enter(slot, bit)
        defer { if entered { table.leave(fd, slot, bit, self) } }
        // SAFETY: only compared. The caller keeps the handler, so no other one has its address.
        let number = unsafe UInt64(UInt(bitPattern: Unmanaged.passUnretained(handler).toOpaque()))
        guard slot.threadMask.load(.sequential) != 0, slot.handler.load(.sequential) == number else { return }
        guard !slot.loadState(.sequential).isLocal else { return }
        want(fd, interest)
    }
}
