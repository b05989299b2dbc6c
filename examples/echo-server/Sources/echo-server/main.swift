import Base
import Buffers
import Engine

/// What is done on each connection. It has no state of its own, so that one serves all.
final class Echo: TransportConsumer {
    static let windowBytes = 65536

    override func transport(_ connection: Transport, received bytes: consuming Chunk) {
        connection.send(bytes)
        switch connection.flush() {
        case .done: connection.receive(credit: Echo.windowBytes)
        case .pending: connection.receive(credit: 0)  // The client does not read: nothing more is taken from it.
        case .failed: connection.close()
        }
    }

    override func transportDrained(_ connection: Transport) { connection.receive(credit: Echo.windowBytes) }
    // The end is seen only while there is credit, and there is credit only when everything was sent.
    override func transportReceivedEnd(_ connection: Transport) { connection.close() }
    override func transport(_ connection: Transport, failed error: SystemError) { connection.close() }
}

/// Accepts on all threads; a connection stays with the thread that has accepted it.
final class Door: Acceptor {
    let echo = Echo()
    override func accepted(_ socket: Int32, from peer: SocketAddress, on worker: Worker) {
        worker.makeTransport(accepted: socket, consumer: echo).receive(credit: Echo.windowBytes)
    }
}

var options = WorkerGroup.Options()
options.threads = 4
let group = try WorkerGroup(options, kernel: HostKernel())
let port = CommandLine.arguments.dropFirst().first.flatMap { UInt16($0) } ?? 7007
let listener = try group.kernel.openListener(SocketAddress(ipv4: 0x7F00_0001, port: port))
group.workers[0].insert(listener, Door(), kind: .listener, threads: .all(options.threads))
group.workers[0].want(listener, .read)
try group.start()
group.runMain()
