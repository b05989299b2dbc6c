import Base
import CPlatform
import Engine
import Glibc

// The doors of a world's servers, and where the proxy's log lines go.
extension ProxyWorld {
    func startServers() {
        for (number, server) in plan.servers.enumerated() {
            switch server.kind {
            case .refuses: continue
            case .serves:
                let door = open(server.address)
                host.spawn("server \(number)") { [self] in accept(door, number) }
            case .late(let milliseconds):
                host.spawn("server \(number)") { [self] in
                    host.sleep(milliseconds: milliseconds)
                    accept(open(server.address), number)
                }
            }
        }
        if let address = plan.logAddress { startLog(address) }
    }

    private func open(_ address: SocketAddress) -> Int32 {
        let fd = host.kernel.socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        _ = host.kernel.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        if host.kernel.bind(fd, address) < 0 || host.kernel.listen(fd, 1024) < 0 {
            violation("a server cannot listen at \(address)")
        }
        return fd
    }

    /// Each connection is served by a fibre of its own.
    private func accept(_ door: Int32, _ number: Int) {
        let http = HTTPServerPeer(self, number: number)
        let tcp = TCPPeers(self)
        while !isOver {
            var peer = SocketAddress()
            let fd = host.kernel.accept(door, &peer)
            if fd < 0 {
                // Looks up once a minute whether the world is over.
                if fd == -EAGAIN { _ = host.wait(door, .read, milliseconds: 60_000) }
                continue
            }
            let wire = Wire(host, fd, patienceMilliseconds: patienceMilliseconds)
            let isHTTP = plan.isHTTP
            host.spawn("connection of server \(number)") {
                if isHTTP { http.serve(wire) } else { tcp.serve(wire) }
            }
        }
        _ = host.kernel.close(door)
    }

    /// Reads log lines and checks their form.
    private func startLog(_ address: SocketAddress) {
        let fd = host.kernel.socket(address.nativeFamily, Int32(SOCK_DGRAM.rawValue), 0)
        if host.kernel.bind(fd, address) < 0 { violation("the log's receiver cannot bind") }
        host.spawn("log") { [self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while !isOver {
                var sender = SocketAddress()
                // SAFETY: the buffer has the stated size.
                let count = unsafe buffer.withUnsafeMutableBytes {
                    unsafe host.kernel.recvfrom(fd, $0.baseAddress!, $0.count, &sender)
                }
                if count < 0 {
                    if count == -Int(EAGAIN) { _ = host.wait(fd, .read, milliseconds: 60_000) }
                    continue
                }
                logLines += 1
                let line = String(decoding: buffer[..<count], as: UTF8.self)
                if !line.hasPrefix("<") || !line.hasSuffix("\n") || !line.contains("]: ") {
                    violation("a log line of another form: \(line)")
                }
            }
            _ = host.kernel.close(fd)
        }
    }
}
