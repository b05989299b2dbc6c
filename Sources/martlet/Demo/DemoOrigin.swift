import Base
import Engine
import Glibc

/// An origin server of the demo: a listener on 127.0.0.1, shared by all threads; it answers each request with its name.
///
/// Thread-safety: `ready` runs on several threads; each uses its own lane.
final class DemoOrigin: FDHandler {
    let name: String
    let port: UInt16
    /// The answer to every request, head and content.
    let response: [UInt8]
    /// The length of its head, which is the answer to HEAD.
    let headLength: Int
    private let fd: Int32
    /// One per worker, by its index.
    private let lanes: [DemoLane]

    /// Listens on a port, or on any free one if it is taken.
    init(name: String, port: UInt16, workers: Int, kernel: Kernel) throws(SystemError) {
        let listening: (fd: Int32, port: UInt16)
        do {
            listening = try DemoOrigin.listen(port, kernel)
        } catch  where error.code == EADDRINUSE {
            listening = try DemoOrigin.listen(0, kernel)
        }
        self.name = name
        fd = listening.fd
        self.port = listening.port
        let content = "Hello from \(name), on 127.0.0.1:\(listening.port).\n"
        let head =
            "HTTP/1.1 200 OK\r\nserver: martlet-demo\r\nx-origin: \(name)\r\ncontent-type: text/plain\r\n"
            + "content-length: \(content.utf8.count)\r\n\r\n"
        response = Array((head + content).utf8)
        headLength = head.utf8.count
        lanes = (0..<workers).map { _ in DemoLane() }
        super.init()
    }

    /// Before the workers run, or on the thread of `worker`.
    func open(on worker: Worker, threads: ThreadSet) {
        worker.insert(fd, self, kind: .listener, threads: threads)
        worker.want(fd, .read)
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        // Bounded: what is left is served in the next turn.
        for _ in 0..<64 {
            var peer = SocketAddress()
            let accepted = worker.kernel.accept(fd, &peer)
            if accepted < 0 {
                if accepted == -ECONNABORTED { continue }
                worker.cannot(fd, .read)
                return
            }
            _ = worker.kernel.setOption(accepted, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
            lanes[worker.index].start(accepted, of: self, on: worker)
        }
    }

    private static func listen(_ port: UInt16, _ kernel: Kernel) throws(SystemError) -> (fd: Int32, port: UInt16) {
        let fd = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if let error = SystemError(result: fd) { throw error }
        let socket = FileDescriptor(owning: fd)
        _ = kernel.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        var address = SocketAddress(ipv4: 0x7f00_0001, port: port)
        if let error = SystemError(result: kernel.bind(fd, address)) { throw error }
        if let error = SystemError(result: kernel.listen(fd, 1024)) { throw error }
        if let error = SystemError(result: kernel.localAddress(fd, &address)) { throw error }
        return (socket.release(), address.port)
    }
}

/// The connections of one origin on one thread. Ended ones are used again, so that nothing is freed under a callback.
final class DemoLane {
    private var idle: [DemoConnection] = []

    func start(_ fd: Int32, of origin: DemoOrigin, on worker: Worker) {
        let connection = idle.popLast() ?? DemoConnection(lane: self)
        connection.start(fd, of: origin, on: worker)
    }

    func ended(_ connection: DemoConnection) { idle.append(connection) }
}
