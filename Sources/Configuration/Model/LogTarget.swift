/// Syslog facilities in the order of their codes (RFC 3164, section 4.1.1; manual, `log`).
public enum LogFacility: UInt8, Sendable, CaseIterable {
    case kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, auth2, ftp, ntp, audit, alert, cron2
    case local0, local1, local2, local3, local4, local5, local6, local7
}

/// Syslog levels in the order of their codes: a smaller one is more severe.
public enum LogLevel: UInt8, Sendable, CaseIterable, Comparable {
    case emerg, alert, crit, err, warning, notice, info, debug

    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// The framing of a line for its target (manual, `log ... format`).
public enum LogLineFormat: String, Sendable, CaseIterable {
    case local, rfc3164, rfc5424, priority, short, timed, iso, raw
}

/// `sample`: which lines of a number of them are sent (manual, section 4.2, `log`).
public struct LogSampling: Sendable, Hashable {
    /// Places from 1 on.
    public var ranges: [ClosedRange<Int>]
    public var size: Int
}

/// One `log` line with a target of its own (manual, section 4.2, `log`).
public struct LogTarget: Sendable, Hashable {
    public enum Destination: Sendable, Hashable {
        /// A datagram syslog socket: UDP or unix. Port 514 has been filled in where none was given.
        case address(AddressSpec)
        case standardOutput
        case standardError
        /// An inherited descriptor to write lines to (`fd@N`).
        case fileDescriptor(Int32)
    }

    public var destination: Destination
    /// The longest line that may be sent, in bytes; the rest is cut (`len`).
    public var lengthBytes: Int
    public var format: LogLineFormat
    public var facility: LogFacility
    /// Lines less severe than this are not sent.
    public var level: LogLevel
    /// Lines more severe than this are sent as this (`emerg`: unchanged).
    public var minimumLevel: LogLevel
    /// nil: all lines.
    public var sampling: LogSampling?
    public var range: SourceRange

    public init(
        destination: Destination, lengthBytes: Int = 1024, format: LogLineFormat = .local, facility: LogFacility,
        level: LogLevel = .debug, minimumLevel: LogLevel = .emerg, range: SourceRange = .none
    ) {
        self.destination = destination
        self.lengthBytes = lengthBytes
        self.format = format
        self.facility = facility
        self.level = level
        self.minimumLevel = minimumLevel
        self.range = range
    }
}

/// The layout of the line that a connection or request leaves (manual, section 8.2).
public enum TrafficLogFormat: Sendable, Hashable {
    /// Section 8.2.1: written when the connection is accepted.
    case plain
    /// `option tcplog`, section 8.2.2.
    case tcp
    /// `option httplog`, section 8.2.3.
    case http
    /// `option httplog clf`.
    case httpCLF
    /// `log-format` (section 8.2.6).
    case custom
    /// `log-format json`: each line is a JSON object.
    case json
}
