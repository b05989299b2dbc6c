import Base
import Buffers
import Configuration
import Engine
import HTTP
import Samples

/// What expressions may ask of a stream: the scope of its worker, attached to one stream after the other.
///
/// Thread-safety: its worker's thread only.
final class StreamScope: SampleScope {
    private let worker: Worker
    /// The stream that is being asked about; nil between evaluations.
    private(set) var stream: ProxiedStream?
    /// Local address of the client's connection, once it was asked for.
    private var local: SocketAddress?

    init(worker: Worker, valueLimit: Int) {
        self.worker = worker
        super.init(valueLimit: valueLimit)
    }

    /// Turns to a stream. Whoever calls this calls `detach` when it is done.
    func attach(
        _ stream: ProxiedStream, request: MessageHead? = nil, response: MessageHead? = nil, isResponse: Bool = false,
        isFinal: Bool = true
    ) {
        self.stream = stream
        self.request = request
        self.response = response
        self.isResponse = isResponse
        self.isFinal = isFinal
    }

    /// Forgets the stream.
    func detach() {
        stream = nil
        request = nil
        response = nil
        local = nil
    }

    override var wallClockMicroseconds: Int64 { worker.wallClockMicroseconds }

    override func address(_ side: AddressSide) -> SocketAddress {
        guard let stream else { return SocketAddress() }
        switch side {
        case .source, .clientSource: return stream.record.client.socketAddress
        case .destination, .clientDestination:
            if let local { return local }
            var address = SocketAddress()
            if let transport = stream.clientTransport {
                _ = worker.kernel.localAddress(transport.descriptor, &address)
            }
            local = address
            return address
        case .serverSource:
            var address = SocketAddress()
            if let transport = stream.connection?.transport {
                _ = worker.kernel.localAddress(transport.descriptor, &address)
            }
            return address
        case .serverDestination: return stream.connection?.server.address ?? SocketAddress()
        }
    }
}
