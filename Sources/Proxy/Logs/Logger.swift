import Base
import Configuration
import Engine
import Glibc
import Samples
import Synchronization

/// The logs of one frontend, backend or of the process: where lines go, in which layout, and which are left out.
///
/// Thread-safety: immutable; each thread passes its own `LogWriter`.
public final class Logger: Sendable {
    let sinks: [LogSink]
    let format: TrafficLogFormat
    private let formats: LogFormats
    private let options: ProxyOptions
    private let bodyLimit: Int
    /// The least severe level that any sink takes.
    private let level: LogLevel

    private let lines = Atomic<UInt64>(0)
    /// `%lc`: how many lines were written with it.
    var nextNumber: UInt64 { lines.wrappingAdd(1, ordering: .relaxed).oldValue }

    /// Whether any line goes anywhere.
    public var isEnabled: Bool { !sinks.isEmpty }
    /// Whether records must have their request line captured.
    public let wantsRequestLine: Bool
    /// Whether records must have the addresses of the connection to the server.
    let wantsServerSource: Bool
    /// Whether lines are made by formats, which ask a scope.
    let needsScope: Bool
    /// Whether the only traffic line is the one at accept (no `option tcplog` or `httplog`; manual, section 8.2.1).
    public let logsAtAccept: Bool
    /// Whether records are logged when their data phase starts (`option logasap`).
    public let logsEarly: Bool

    /// - Parameters:
    ///   - tag: `log-tag`, or the program's name.
    ///   - hostname: `log-send-hostname`: the name to state, already looked up when none was given; nil without it.
    ///   - resolve: finds the address of a host name.
    public init(
        targets: [LogTarget], format: TrafficLogFormat, formats: LogFormats = LogFormats(), options: ProxyOptions = [],
        tag: String,
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
        self.formats = formats
        self.options = options
        bodyLimit = (made.map(\.lengthBytes).max() ?? 1) - 1
        level = made.map(\.level).max() ?? .emerg
        needsScope =
            !made.isEmpty && (format == .custom || formats.structuredData != nil || formats.error != nil)
        wantsRequestLine =
            !made.isEmpty && (format == .http || format == .httpCLF || format == .json || formats.wantRequestLine)
        wantsServerSource = !made.isEmpty && formats.wantServerAddresses
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
    /// - Parameter scope: attached to the stream, where `needsScope`.
    public func ended(
        _ record: borrowing LogRecord, scope: SampleScope? = nil, on writer: LogWriter, at microseconds: Int64
    ) {
        guard isEnabled, format != .plain else { return }
        if options.contains(.dontLogNull) && record.isNull && !record.isEarly { return }
        let isNormal = record.isNormal
        if isNormal && options.contains(.dontLogNormal) { return }
        if record.isSilent { return }
        let lineLevel = record.level ?? (isNormal || !options.contains(.logSeparateErrors) ? LogLevel.info : .err)
        guard level >= lineLevel else { return }
        writer.startBody(limit: bodyLimit)
        if !isNormal, let error = formats.error {
            if let scope { error.write(scope, to: &writer.body) }
        } else {
            append(record, scope, writer, at: microseconds)
        }
        if let format = formats.structuredData, let scope {
            writer.structuredData.start(limit: bodyLimit)
            format.write(scope, to: &writer.structuredData)
        }
        send(lineLevel, on: writer, at: microseconds)
        writer.structuredData.start()
    }

    private func append(
        _ record: borrowing LogRecord, _ scope: SampleScope?, _ writer: LogWriter, at microseconds: Int64
    ) {
        switch format {
        case .plain: return
        case .tcp: LogLayout.appendTCP(record, clock: &writer.clock, to: &writer.body)
        case .http: LogLayout.appendHTTP(record, clock: &writer.clock, to: &writer.body)
        case .httpCLF: LogLayout.appendCommon(record, clock: &writer.clock, to: &writer.body)
        case .custom: if let scope { formats.custom?.write(scope, to: &writer.body) }
        case .json: JSONLayout.appendTraffic(record, at: microseconds, clock: &writer.clock, to: &writer.body)
        }
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
        if format == .json {
            JSONLayout.appendRefusal(
                from: client, frontend: frontend, listener: listener, message: message, at: microseconds,
                clock: &writer.clock, to: &writer.body)
        } else {
            LogLayout.appendRefusal(
                from: client, acceptDateMicroseconds: acceptDateMicroseconds, frontend: frontend, listener: listener,
                message: message, clock: &writer.clock, to: &writer.body)
        }
        send(lineLevel, on: writer, at: microseconds)
    }

    /// Logs something that happened: a proxy that started, a server that went down. Not for the request path.
    public func event(_ lineLevel: LogLevel, _ text: String, on writer: LogWriter, at microseconds: Int64) {
        guard isEnabled, level >= lineLevel else { return }
        writer.startBody(limit: bodyLimit)
        if format == .json {
            JSONLayout.appendEvent(lineLevel, text, at: microseconds, clock: &writer.clock, to: &writer.body)
        } else {
            writer.body.append(text: text)
        }
        send(lineLevel, on: writer, at: microseconds)
    }

    private func send(_ lineLevel: LogLevel, on writer: LogWriter, at microseconds: Int64) {
        for sink in sinks where sink.takes(lineLevel) && sink.samples() {
            writer.send(to: sink, level: lineLevel, at: microseconds)
        }
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

/// The formats that a proxy's lines are made with.
public struct LogFormats: Sendable {
    var custom: LogFormat?
    var structuredData: LogFormat?
    /// `error-log-format`: for lines about what went wrong.
    var error: LogFormat?

    public init(custom: LogFormat? = nil, structuredData: LogFormat? = nil, error: LogFormat? = nil) {
        self.custom = custom
        self.error = error
        self.structuredData = structuredData
    }

    /// The HTTP formats as the manual writes them (sections 8.2.3 and 4.2), for proxies that capture: the layouts made
    /// by hand have no place for what was captured.
    static func withCaptures(_ format: TrafficLogFormat) -> LogFormat? {
        let text: String
        switch format {
        case .http:
            text =
                "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs "
                + "%{+Q}r"
        case .httpCLF:
            text =
                "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc "
                + "%bc %sc %rc %sq %bq %CC %CS %hrl %hsl"
        default: return nil
        }
        let expressions = ExpressionParser(point: .logs, context: ArgumentContext())
        return try? FormatParser(expressions: expressions, use: .log).parse(Array(text.utf8))
    }

    private var all: [LogFormat] { [custom, structuredData, error].compactMap { $0 } }

    /// Expressions may ask for what was captured of the request, too.
    var wantRequestLine: Bool {
        all.contains { format in
            !format.expressions.isEmpty
                || format.tags.contains {
                    [.requestLine, .method, .uri, .uriWithoutQuery, .path, .query, .version].contains($0)
                }
        }
    }

    var wantServerAddresses: Bool {
        all.contains { format in
            format.tags.contains { [.backendSource, .backendSourcePort, .serverAddress, .serverPort].contains($0) }
        }
    }
}
