import Base
import Configuration
import Engine
import Glibc

@testable import Proxy

/// A kernel that keeps what is sent through it. For tests on one thread.
// SAFETY: Sendable because each test uses its own on one thread.
final class RecordingKernel: Kernel, @unchecked Sendable {
    struct Sent: Equatable {
        var line: String
        /// The address of a datagram, or "fd@N" of a write.
        var to: String
    }

    var sent: [Sent] = []
    /// What sending answers instead of taking everything.
    var failure: Int?
    var openSockets: Set<Int32> = []
    private var nextSocket: Int32 = 100

    /// Descriptors that were made non-blocking.
    var nonBlocking: [Int32] = []

    var lines: [String] { sent.map(\.line) }

    private func take(_ buffer: UnsafeRawPointer, _ count: Int, _ to: String) -> Int {
        if let failure { return failure }
        // SAFETY: the caller's buffer holds `count` bytes.
        let text = unsafe String(decoding: UnsafeRawBufferPointer(start: buffer, count: count), as: UTF8.self)
        sent.append(Sent(line: text, to: to))
        return count
    }

    override func sendto(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int, _ address: SocketAddress) -> Int {
        guard openSockets.contains(fd) else { return -Int(EBADF) }
        return unsafe take(buffer, count, address.description)
    }

    override func write(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int) -> Int {
        unsafe take(buffer, count, "fd@\(fd)")
    }

    override func socket(_ family: Int32, _ type: Int32, _ protocolNumber: Int32) -> Int32 {
        nextSocket += 1
        openSockets.insert(nextSocket)
        return nextSocket
    }

    override func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Int32 { 0 }

    override func setNonBlocking(_ fd: Int32, _ on: Bool) -> Int32 {
        nonBlocking.append(fd)
        return 0
    }

    override func close(_ fd: Int32) -> Int32 {
        openSockets.remove(fd)
        return 0
    }
}

/// What the tests of logs share.
enum LogFixture {
    /// Lines state local time: the tests fix it to UTC.
    static let usesUTC: Bool = {
        // SAFETY: set once, before any test of logs looks at the clock.
        unsafe setenv("TZ", "UTC0", 1)
        tzset()
        return true
    }()

    /// 2009-02-06 12:12:51.443 UTC.
    static let moment: Int64 = 1_233_922_371_443_000

    static let client = SocketAddress(ipv4: 0x0A00_0102, port: 33313)

    static func target(
        _ format: LogLineFormat = .raw, to destination: LogTarget.Destination = .standardOutput,
        length: Int = 1024, level: LogLevel = .debug, minimum: LogLevel = .emerg
    ) -> LogTarget {
        LogTarget(
            destination: destination, lengthBytes: length, format: format, facility: .local0, level: level,
            minimumLevel: minimum)
    }

    static func logger(
        _ format: TrafficLogFormat, _ targets: [LogTarget] = [target()], options: ProxyOptions = [],
        hostname: String? = nil
    ) throws -> Logger {
        try Logger(targets: targets, format: format, options: options, tag: "martlet", hostname: hostname)
    }

    static func writer(_ kernel: RecordingKernel, _ statistics: WorkerStatistics = WorkerStatistics()) -> LogWriter {
        precondition(usesUTC)
        return LogWriter(kernel: kernel, statistics: statistics, processID: 14387)
    }

    /// What `body` logs, with the given format, to a raw sink.
    static func lines(
        _ format: TrafficLogFormat, options: ProxyOptions = [], level: LogLevel = .debug,
        _ change: (inout LogRecord) -> Void
    ) throws -> [String] {
        let kernel = RecordingKernel()
        let logger = try logger(format, [target(level: level)], options: options)
        var record = LogRecord()
        fill(&record)
        change(&record)
        logger.ended(record, on: writer(kernel), at: moment)
        return kernel.lines
    }

    /// The session of the manual's example, section 8.2.2 and 8.2.3.
    static func fill(_ record: inout LogRecord) {
        record.client = LogAddress(client)
        record.acceptDateMicroseconds = moment
        record.requestDateMicroseconds = moment
        record.frontend = LogName("fnt")
        record.backend = LogName("bck")
        record.server = LogName("srv1")
        record.idleMilliseconds = 0
        record.requestMilliseconds = 10
        record.queueMilliseconds = 0
        record.connectMilliseconds = 30
        record.responseMilliseconds = 69
        record.activeMilliseconds = 109
        record.totalMilliseconds = 5007
        record.status = 200
        record.bytesRead = 2750
        record.bytesUploaded = 90
        record.processConnections = 1
        record.frontendConnections = 1
        record.backendConnections = 1
        record.serverConnections = 1
        record.captureRequestLine(Array("GET /index.html HTTP/1.1".utf8))
    }
}
