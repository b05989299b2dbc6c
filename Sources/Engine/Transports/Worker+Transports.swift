import Base
import Glibc

// Transports of the kind that fits the worker's poller.

extension Worker {
    /// Takes over an accepted, or otherwise connected, non-blocking socket.
    public func makeTransport(accepted fd: Int32, consumer: TransportConsumer? = nil) -> Transport {
        if let uring { return RingTransport(accepted: fd, poller: uring, worker: self, consumer: consumer) }
        let made = SocketTransport(accepted: fd, worker: self, consumer: consumer)
        if firstReceives.isWorthATry() { made.tryFirst() }
        return made
    }

    /// Starts to connect a non-blocking socket, which becomes the transport's. `transportConnected`, or a failure,
    /// follows; an error known at once is thrown, and the socket then remains the caller's.
    public func connect(
        _ fd: Int32, to address: SocketAddress, consumer: TransportConsumer
    ) throws(SystemError) -> Transport {
        if let uring {
            return RingTransport(connecting: fd, to: address, poller: uring, worker: self, consumer: consumer)
        }
        let result = kernel.connect(fd, address)
        if result < 0 && result != -EINPROGRESS { throw SystemError(code: -result) }
        return SocketTransport(connecting: fd, worker: self, consumer: consumer)
    }
}
