import Base
import Glibc

// Transports of the kind that fits the worker's poller.

extension Worker {
    /// Takes over an accepted, or otherwise connected, non-blocking socket.
    public func makeTransport(accepted fd: Int32, consumer: TransportConsumer? = nil) -> Transport {
        if uring != nil { return RingTransport(accepted: fd, worker: self, consumer: consumer) }
        let made = SocketTransport(accepted: fd, worker: self, consumer: consumer)
        if firstReceives.isWorthATry() { made.tryFirst() }
        return made
    }

    /// Takes a connection over that a transport of another worker offers, if the offer stands and nothing has come on
    /// the connection meanwhile: an end, say, which its owner has not seen yet. What is not to be used is closed.
    public func takeTransport(_ offer: FDOffer) -> Transport? {
        let made: Transport
        if uring != nil {
            made = RingTransport(taking: offer.fd, worker: self)
        } else {
            made = SocketTransport(taking: offer.fd, worker: self)
        }
        guard take(offer, made, want: []) else {
            made.abandon()
            return nil
        }
        if uring != nil {
            completes(offer.fd)
            // Its poll keeps the socket open, so who had it hears of it at once.
            table.ring(FDTenure(bits: offer.tenure).owner, self)
        }
        if made.peek() == -Int(EAGAIN) { return made }
        made.close()
        return nil
    }

    /// Sets an option of a socket when nobody waits for the answer: by the ring, if there is one, with what is
    /// submitted next. The socket stays open until then.
    public func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        if let uring, uring.features.setsOptions, uring.ring.setOption(fd, level, name, value) >= 0 { return }
        _ = kernel.setOption(fd, level, name, value)
    }

    /// Starts to connect a non-blocking socket, which becomes the transport's. `transportConnected`, or a failure,
    /// follows; an error known at once is thrown, and the socket then remains the caller's.
    public func connect(
        _ fd: Int32, to address: SocketAddress, consumer: TransportConsumer
    ) throws(SystemError) -> Transport {
        if uring != nil { return RingTransport(connecting: fd, to: address, worker: self, consumer: consumer) }
        let result = kernel.connect(fd, address)
        if result < 0 && result != -EINPROGRESS { throw SystemError(code: -result) }
        return SocketTransport(connecting: fd, worker: self, consumer: consumer)
    }
}
