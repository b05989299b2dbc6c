import Base
import Configuration
import Engine
import Glibc

/// The logs of one frontend, backend or of the process: where lines go, in which layout, and which are left out.
///
/// Thread-safety: immutable; each thread passes its own `LogWriter`.
public final class Logger: Sendable {
    let sinks: [LogSink]
    let format: TrafficLogFormat
    private let options: ProxyOptions
    private let bodyLimit: Int
    /// The least severe level that any sink takes.
    private let level: LogLevel

    /// Whether any line goes anywhere.
    public var isEnabled: Bool { !sinks.isEmpty }
    /// Whether records must have their request line captured.
    public let wantsRequestLine: Bool
    /// Whether the only traffic line is the one at accept (no `option tcplog` or `httplog`; manual, section 8.2.1).
    public let logsAtAccept: Bool
    /// Whether records are logged when their data phase starts (`option logasap`).
    public let logsEarly: Bool

    /// - Parameters:
    ///   - tag: `log-tag`, or the program's name.
    ///   - hostname: `log-send-hostname`: the name to state, already looked up when none was given; nil without it.
    ///   - resolve: finds the address of a host name.
    public init(
        targets: [LogTarget], format: TrafficLogFormat, options: ProxyOptions = [], tag: String,
        hostname: String? = nil, resolve: (AddressSpec) -> SocketAddress? = { _ in nil }
    ) throws(LogTargetError) {
        // The C library reads the time zone's file here, while it can be reached: a later chroot may hide it.
        tzset()
        var made: [LogSink] = []
        for target in targets {
            made.append(try LogSink(target, tag: tag, hostname: hostname, resolve: resolve))
        }
        sinks = made
        self.format = format
        self.options = options
        bodyLimit = (made.map(\.lengthBytes).max() ?? 1) - 1
        level = made.map(\.level).max() ?? .emerg
        wantsRequestLine = !made.isEmpty && (format == .http || format == .httpCLF)
        logsAtAccept = !made.isEmpty && format == .plain
        logsEarly = !made.isEmpty && format != .plain && options.contains(.logAsap)
    }

    /// Logs a connection that has just been accepted, when that is the format (manual, section 8.2.1).
    /// - Parameters:
    ///   - client, local: its two ends.
    ///   - microseconds: wall clock time.
    public func accepted(
        from client: LogAddress, to local: LogAddress, frontend: LogName, mode: ProxyMode, on writer: LogWriter,
        at microseconds: Int64
    ) {
        guard logsAtAccept, level >= .info else { return }
        writer.startBody(limit: bodyLimit)
        LogLayout.appendConnect(from: client, to: local, frontend: frontend, mode: mode, to: &writer.body)
        send(.info, on: writer, at: microseconds)
    }

    /// Logs a session or a request, unless an option leaves it out (manual, sections 8.2.2, 8.2.3 and 8.3).
    public func ended(_ record: borrowing LogRecord, on writer: LogWriter, at microseconds: Int64) {
        guard isEnabled, format != .plain else { return }
        if options.contains(.dontLogNull) && record.isNull && !record.isEarly { return }
        let isNormal = record.isNormal
        if isNormal && options.contains(.dontLogNormal) { return }
        let lineLevel = isNormal || !options.contains(.logSeparateErrors) ? LogLevel.info : .err
        guard level >= lineLevel else { return }
        writer.startBody(limit: bodyLimit)
        switch format {
        case .plain: return
        case .tcp: LogLayout.appendTCP(record, clock: &writer.clock, to: &writer.body)
        case .http: LogLayout.appendHTTP(record, clock: &writer.clock, to: &writer.body)
        case .httpCLF: LogLayout.appendCommon(record, clock: &writer.clock, to: &writer.body)
        }
        send(lineLevel, on: writer, at: microseconds)
    }

    /// Logs a connection that broke before it became a session (manual, section 8.2.5).
    /// - Parameters:
    ///   - listener: the name of the `bind` line, or its number.
    ///   - isNull: nothing was received, so that `option dontlognull` leaves the line out.
    public func refused(
        from client: LogAddress, acceptDateMicroseconds: Int64, frontend: LogName, listener: LogName,
        message: StaticString, isNull: Bool, on writer: LogWriter, at microseconds: Int64
    ) {
        guard isEnabled, !(isNull && options.contains(.dontLogNull)) else { return }
        let lineLevel = options.contains(.logSeparateErrors) ? LogLevel.err : .info
        guard level >= lineLevel else { return }
        writer.startBody(limit: bodyLimit)
        LogLayout.appendRefusal(
            from: client, acceptDateMicroseconds: acceptDateMicroseconds, frontend: frontend, listener: listener,
            message: message, clock: &writer.clock, to: &writer.body)
        send(lineLevel, on: writer, at: microseconds)
    }

    /// Logs something that happened: a proxy that started, a server that went down. Not for the request path.
    public func event(_ lineLevel: LogLevel, _ text: String, on writer: LogWriter, at microseconds: Int64) {
        guard isEnabled, level >= lineLevel else { return }
        writer.startBody(limit: bodyLimit)
        writer.body.append(text: text)
        send(lineLevel, on: writer, at: microseconds)
    }

    private func send(_ lineLevel: LogLevel, on writer: LogWriter, at microseconds: Int64) {
        for sink in sinks where sink.takes(lineLevel) { writer.send(to: sink, level: lineLevel, at: microseconds) }
    }
}

extension LogRecord {
    /// Whether nothing was received from the client (`option dontlognull`).
    var isNull: Bool { bytesUploaded == 0 }

    /// Whether there was no error, no timeout, no retry, no redispatch and no status of 500 and above (manual,
    /// `option dontlog-normal`).
    var isNormal: Bool {
        (cause == .none || cause == .local) && retries == 0 && !isRedispatched && status < 500
    }
}
