import Base
import Configuration
import Engine
import Glibc
import Samples

/// What one thread needs to write logs: buffers, cached dates, sockets. Each worker has one, and so has the main thread
/// before the workers run.
///
/// Nothing blocks: a line that cannot be sent at once is dropped and counted.
///
/// Thread-safety: belongs to one thread.
@safe
public final class LogWriter {
    private let kernel: Kernel
    private let statistics: WorkerStatistics
    private var processID: [UInt8]
    /// The same as a number, for `%pid`.
    private(set) var processNumber: Int32
    /// `%H`.
    let hostname: [UInt8]
    var clock = LogClock()
    /// The text of the line being made.
    var body = LogLine()
    /// The structured data of the line being made (RFC 5424, section 6.3); empty: none.
    var structuredData = LogLine()
    private var packet = LogLine()
    /// Descriptors that were made non-blocking, or left as they are.
    private var knownDescriptors: [Int32] = []
    private var sockets: (ipv4: Int32, ipv6: Int32, unix: Int32) = (-1, -1, -1)

    /// - Parameters:
    ///   - statistics: whose `droppedLogs` counts; that of the thread which writes.
    ///   - processID: what lines state; the process's own unless given.
    public init(kernel: Kernel, statistics: WorkerStatistics, processID: Int32? = nil) {
        self.kernel = kernel
        self.statistics = statistics
        processNumber = processID ?? kernel.processID()
        self.processID = Array(String(processNumber).utf8)
        hostname = Array(kernel.hostName().utf8)
    }

    deinit {
        for fd in [sockets.ipv4, sockets.ipv6, sockets.unix] where fd >= 0 { _ = kernel.close(fd) }
    }

    /// States another process number from now on: after a fork.
    public func setProcessID(_ number: Int32) {
        processNumber = number
        processID = Array(String(number).utf8)
    }

    /// Starts a line: the text may become as long as the longest sink takes.
    func startBody(limit: Int) { body.start(limit: limit) }

    /// Sends the text in `body` to a sink.
    func send(to sink: LogSink, level: LogLevel, at microseconds: Int64) {
        packet.start(limit: sink.lengthBytes)
        sink.appendHeader(
            level: level, at: microseconds, processID: processID, structuredData: structuredData, clock: &clock,
            to: &packet)
        packet.append(body)
        // The end of line does not count against `len`.
        packet.extendLimit(to: packet.count + 1)
        packet.append(UInt8(ascii: "\n"))
        let count = packet.count
        let sent: Int
        // SAFETY: the packet's bytes stay while the call runs.
        let bytes = unsafe packet.bytes
        guard let base = bytes.baseAddress else { return }
        switch sink.destination {
        case .descriptor(let fd):
            if !knownDescriptors.contains(fd) { prepare(fd) }
            sent = unsafe kernel.write(fd, base, count)
        case .datagram(let address):
            let fd = socket(for: address)
            sent = fd < 0 ? -Int(EBADF) : unsafe kernel.sendto(fd, base, count, address)
        }
        if sent != count { statistics.droppedLogs.add() }
    }

    /// The socket for a family of addresses, opened when it is first needed. Negative when there is none to be had.
    private func socket(for address: SocketAddress) -> Int32 {
        switch address.family {
        case .ipv4:
            if sockets.ipv4 < 0 { sockets.ipv4 = open(AF_INET) }
            return sockets.ipv4
        case .ipv6:
            if sockets.ipv6 < 0 { sockets.ipv6 = open(AF_INET6) }
            return sockets.ipv6
        case .unix, .abstract:
            if sockets.unix < 0 { sockets.unix = open(AF_UNIX) }
            return sockets.unix
        case .unspecified: return -1
        }
    }

    /// Writes a line to a descriptor as it is, if it can be written at once.
    func write(_ line: borrowing LogLine, to fd: Int32) {
        if !knownDescriptors.contains(fd) { prepare(fd) }
        // SAFETY: the line is borrowed for the call.
        let bytes = unsafe line.bytes
        guard let base = bytes.baseAddress else { return }
        let sent = unsafe kernel.write(fd, base, bytes.count)
        if sent != bytes.count { statistics.droppedLogs.add() }
    }

    /// A pipe or socket that nobody empties must not stop the thread. A terminal stays as it is: the shell shares it.
    private func prepare(_ fd: Int32) {
        knownDescriptors.append(fd)
        if !kernel.isTerminal(fd) { _ = kernel.setNonBlocking(fd, true) }
    }

    private func open(_ family: Int32) -> Int32 {
        let fd = kernel.socket(family, Int32(SOCK_DGRAM.rawValue), 0)
        // Nothing is ever read from it: keep what strangers send to it small.
        if fd >= 0 { _ = kernel.setOption(fd, SOL_SOCKET, SO_RCVBUF, 0) }
        return fd
    }
}
