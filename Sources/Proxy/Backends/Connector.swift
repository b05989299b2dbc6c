import Base
import Configuration
import Engine
import Glibc

/// Opens connections to servers.
enum Connector {
    /// Starts a connection as the server and its backend say: source address, keep-alives, TCP options.
    /// - Returns: a transport on which a connect is in progress.
    static func connect(
        to server: Server, of backend: Lasting<Backend>, for stream: ProxiedStream, on worker: Worker
    ) throws(SystemError) -> Transport {
        let kernel = worker.kernel
        var address = stream.destination(of: server)
        if let offset = server.portOffset {
            address.port = UInt16(clamping: Int(localPort(of: stream.clientTransport, kernel)) + offset)
        }
        let fd = kernel.socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        if fd < 0 { throw SystemError(code: -fd) }
        if Int(fd) >= worker.table.capacity {
            _ = kernel.close(fd)
            throw SystemError(code: EMFILE)
        }
        setBuffers(fd, stream.context, kernel)
        let failure = prepare(fd, server, backend, address, kernel)
        if failure < 0 {
            _ = kernel.close(fd)
            throw SystemError(code: -failure)
        }
        do {
            let transport = try worker.connect(fd, to: address, consumer: stream)
            if address.isIP { transport.preventSendDelay() }
            return transport
        } catch {
            _ = kernel.close(fd)
            throw error
        }
    }

    private static func localPort(of client: Transport?, _ kernel: Kernel) -> UInt16 {
        guard let client else { return 0 }
        var address = SocketAddress()
        return kernel.localAddress(client.descriptor, &address) < 0 ? 0 : address.port
    }

    private static func setBuffers(_ fd: Int32, _ context: WorkerContext, _ kernel: Kernel) {
        if let bytes = context.tuning.serverReceiveBytes {
            _ = kernel.setOption(fd, SOL_SOCKET, SO_RCVBUF, Int32(clamping: bytes))
        }
        if let bytes = context.tuning.serverSendBytes {
            _ = kernel.setOption(fd, SOL_SOCKET, SO_SNDBUF, Int32(clamping: bytes))
        }
    }

    private static func prepare(
        _ fd: Int32, _ server: Server, _ backend: Lasting<Backend>, _ address: SocketAddress, _ kernel: Kernel
    ) -> Int32 {
        if address.isIP {
            backend.with { backend in
                if backend.settings.options.contains(.serverKeepAlives) {
                    setKeepAlive(fd, backend.settings.serverKeepAlive, kernel)
                }
                if backend.settings.options.contains(.tcpSmartConnect) {
                    // The handshake's last segment waits for the request, and goes out with it.
                    _ = kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_QUICKACK, 0)
                }
            }
            if let milliseconds = server.settings.tcpUserTimeoutMilliseconds {
                _ = kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Int32(clamping: milliseconds))
            }
            if server.settings.tcpFastOpen {
                _ = kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_FASTOPEN_CONNECT, 1)
            }
        }
        guard address.isIP, let source = server.source ?? (backend.with { $0.source } ?? nil) else { return 0 }
        return source.bind(fd, kernel)
    }

    /// Turns TCP keep-alives on (manual, section 4.2, `option tcpka` and kin).
    static func setKeepAlive(_ fd: Int32, _ tuning: KeepAliveTuning, _ kernel: Kernel) {
        _ = kernel.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1)
        if let count = tuning.count {
            _ = kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_KEEPCNT, Int32(clamping: count))
        }
        if let seconds = tuning.idleSeconds {
            _ = kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_KEEPIDLE, Int32(clamping: seconds))
        }
        if let seconds = tuning.intervalSeconds {
            _ = kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_KEEPINTVL, Int32(clamping: seconds))
        }
    }
}

/// Where connections to servers come from (manual, sections 4.2 and 5.2, `source`).
///
/// Thread-safety: any thread; ports of a range are taken in turn.
final class ConnectionSource {
    private let address: SocketAddress
    private let interface: String?
    private let ports: ClosedRange<UInt16>?
    private let turn = Gauge()

    init(address: SocketAddress, ports: ClosedRange<UInt16>?, interface: String?) {
        self.address = address
        self.ports = ports
        self.interface = interface
    }

    /// Binds a socket before it connects. Returns 0 or -errno.
    func bind(_ fd: Int32, _ kernel: Kernel) -> Int32 {
        if let interface {
            // SAFETY: the name's bytes are valid inside the closure.
            let result = unsafe Array(interface.utf8).withUnsafeBytes {
                unsafe kernel.setOption(fd, SOL_SOCKET, SO_BINDTODEVICE, $0.baseAddress!, $0.count)
            }
            if result < 0 { return result }
        }
        if address.family == .unspecified { return 0 }
        guard let ports else {
            if address.port == 0 { _ = kernel.setOption(fd, Int32(IPPROTO_IP), ConnectionSource.bindAddressNoPort, 1) }
            _ = kernel.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
            return kernel.bind(fd, address)
        }
        // Each port of the range is tried once.
        _ = kernel.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        for _ in ports {
            let step = turn.enter()
            var candidate = address
            candidate.port = ports.lowerBound &+ UInt16(truncatingIfNeeded: step % ports.count)
            let result = kernel.bind(fd, candidate)
            if result != -EADDRINUSE { return result }
        }
        return -EADDRNOTAVAIL
    }

    /// IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, so that ports are shared between destinations.
    private static let bindAddressNoPort: Int32 = 24
}
