import Base
import Configuration
import Engine
import Glibc

/// A listening socket of the runtime API.
///
/// Thread-safety: one worker's thread only.
final class StatsListener: FDHandler {
    let address: SocketAddress
    let level: AccessLevel
    let severity: SeverityOutput
    private let fd: Int32
    private unowned let owner: RuntimeAPI
    /// Whether the path of a unix socket is ours to remove: not that of an inherited one.
    private let ownsPath: Bool
    private var isPaused = false
    private var isClosed = false

    /// Connections accepted in one turn.
    private static let acceptsPerTurn = 4

    init(
        address: SocketAddress, level: AccessLevel, severity: SeverityOutput, fd: Int32, ownsPath: Bool,
        owner: RuntimeAPI
    ) {
        self.severity = severity
        self.ownsPath = ownsPath
        self.address = address
        self.level = level
        self.fd = fd
        self.owner = owner
        super.init()
    }

    func start(on worker: Worker) {
        worker.insert(fd, self, kind: .listener, threads: .single(worker.index))
        worker.want(fd, .read)
    }

    /// Closes the socket; a path of the file system that it has is removed.
    func close(on worker: Worker, keepingPath: Bool) {
        if isClosed { return }
        isClosed = true
        worker.remove(fd, close: true)
        removePath(worker.kernel, keepingPath: keepingPath)
    }

    /// Closes a socket that no worker has seen yet.
    func discard(_ kernel: Kernel) {
        if isClosed { return }
        isClosed = true
        _ = kernel.close(fd)
        removePath(kernel, keepingPath: false)
    }

    private func removePath(_ kernel: Kernel, keepingPath: Bool) {
        if ownsPath, !keepingPath, address.family == .unix, let path = address.path { _ = kernel.unlink(path) }
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        for _ in 0..<StatsListener.acceptsPerTurn {
            // At the limit clients wait in the kernel's backlog.
            guard owner.hasRoom else { return pause(on: worker) }
            var peer = SocketAddress()
            let accepted = worker.kernel.accept(fd, &peer)
            worker.countAccept(found: accepted >= 0)
            if accepted >= 0 {
                owner.start(accepted, level: level, severity: severity, on: worker)
                continue
            }
            switch -accepted {
            case EAGAIN: return worker.cannot(fd, .read)
            case ECONNABORTED, EINTR, EPROTO, EPERM: continue
            default:
                // Descriptors or memory have run out: look again after a while.
                pause(on: worker)
                return owner.retryLater(on: worker)
            }
        }
    }

    private func pause(on worker: Worker) {
        isPaused = true
        worker.stop(fd, .read)
    }

    func resume(on worker: Worker) {
        guard isPaused, !isClosed else { return }
        isPaused = false
        worker.want(fd, .read)
    }
}
