import Base
import Samples

/// `mode` (manual, section 4.2).
public enum ProxyMode: String, Sendable, CaseIterable { case tcp, http }

/// What becomes of connections after a response: `option httpclose`, `http-server-close`, `http-keep-alive`.
///
/// Where a frontend and a backend differ, the greater one of the two rules (manual, section 4).
public enum HTTPConnectionMode: UInt8, Sendable, Comparable {
    case keepAlive, serverClose, close

    public static func < (left: HTTPConnectionMode, right: HTTPConnectionMode) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// `http-reuse`.
public enum HTTPReuse: String, Sendable, CaseIterable { case never, safe, aggressive, always }

/// `timeout ...`, all in milliseconds. nil: not set, no limit (manual, section 4.2).
public struct ProxyTimeouts: Sendable, Hashable {
    public var clientMilliseconds: Int?
    public var serverMilliseconds: Int?
    public var connectMilliseconds: Int?
    public var httpRequestMilliseconds: Int?
    public var httpKeepAliveMilliseconds: Int?
    public var clientFinMilliseconds: Int?
    public var serverFinMilliseconds: Int?
    public var tunnelMilliseconds: Int?
    public var queueMilliseconds: Int?
    public var checkMilliseconds: Int?
    public var tarpitMilliseconds: Int?

    public init() {}
}

/// The plain on/off options of a proxy; what is not in the set is off.
public struct ProxyOptions: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let abortOnClose = ProxyOptions(rawValue: 1 << 0)
    public static let tcpSmartAccept = ProxyOptions(rawValue: 1 << 1)
    public static let tcpSmartConnect = ProxyOptions(rawValue: 1 << 2)
    /// `option clitcpka`, also set by `option tcpka`.
    public static let clientKeepAlives = ProxyOptions(rawValue: 1 << 3)
    /// `option srvtcpka`, also set by `option tcpka`.
    public static let serverKeepAlives = ProxyOptions(rawValue: 1 << 4)
    public static let dontLogNull = ProxyOptions(rawValue: 1 << 5)
    public static let dontLogNormal = ProxyOptions(rawValue: 1 << 6)
    public static let logAsap = ProxyOptions(rawValue: 1 << 7)
    public static let logSeparateErrors = ProxyOptions(rawValue: 1 << 8)
    public static let httpIgnoreProbes = ProxyOptions(rawValue: 1 << 9)
    public static let httpBufferRequest = ProxyOptions(rawValue: 1 << 10)
    /// `option nolinger`, for the client side.
    public static let noLinger = ProxyOptions(rawValue: 1 << 11)
    public static let allBackups = ProxyOptions(rawValue: 1 << 14)
    public static let independentStreams = ProxyOptions(rawValue: 1 << 16)
    public static let spliceAuto = ProxyOptions(rawValue: 1 << 17)
    public static let spliceRequest = ProxyOptions(rawValue: 1 << 18)
    public static let spliceResponse = ProxyOptions(rawValue: 1 << 19)
    public static let checkCache = ProxyOptions(rawValue: 1 << 20)
    public static let httpNoDelay = ProxyOptions(rawValue: 1 << 21)
    public static let httpPretendKeepAlive = ProxyOptions(rawValue: 1 << 22)
    public static let httpUseProxyHeader = ProxyOptions(rawValue: 1 << 23)
    public static let idleCloseOnResponse = ProxyOptions(rawValue: 1 << 24)
    public static let preferLastServer = ProxyOptions(rawValue: 1 << 25)
    public static let transparent = ProxyOptions(rawValue: 1 << 26)
    public static let caseAdjustClient = ProxyOptions(rawValue: 1 << 27)
    public static let caseAdjustServer = ProxyOptions(rawValue: 1 << 28)
    public static let acceptInvalidRequest = ProxyOptions(rawValue: 1 << 29)
    public static let acceptInvalidResponse = ProxyOptions(rawValue: 1 << 30)
    public static let persist = ProxyOptions(rawValue: 1 << 31)
    public static let continuousStatistics = ProxyOptions(rawValue: 1 << 32)
}

/// TCP keep-alive tuning of one side; nil: the system's value. Counts and seconds.
public struct KeepAliveTuning: Sendable, Hashable {
    public var count: Int?
    public var idleSeconds: Int?
    public var intervalSeconds: Int?
    public init() {}
}

/// `option http-restrict-req-hdr-names`: what becomes of fields whose names have other characters than letters, digits
/// and `-`.
public enum RestrictedNames: String, Sendable, CaseIterable { case preserve, delete, reject }

/// `option forwardfor`, `option originalto` (manual, section 4.2).
public struct ForwardFor: Sendable, Hashable {
    /// Clients from here get no field.
    public var except: IPNetwork?
    public var header: String
    /// Only when the request has no such field yet.
    public var ifNone: Bool

    public init(except: IPNetwork? = nil, header: String = "X-Forwarded-For", ifNone: Bool = false) {
        self.except = except
        self.header = header
        self.ifNone = ifNone
    }
}

/// `retry-on` (manual, section 4.2): which failures may be tried again.
public struct RetryOn: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let connFailure = RetryOn(rawValue: 1 << 0)
    public static let emptyResponse = RetryOn(rawValue: 1 << 1)
    public static let junkResponse = RetryOn(rawValue: 1 << 2)
    public static let responseTimeout = RetryOn(rawValue: 1 << 3)
    public static let zeroRTTRejected = RetryOn(rawValue: 1 << 4)
    public static let status401 = RetryOn(rawValue: 1 << 5)
    public static let status403 = RetryOn(rawValue: 1 << 6)
    public static let status404 = RetryOn(rawValue: 1 << 7)
    public static let status408 = RetryOn(rawValue: 1 << 8)
    public static let status425 = RetryOn(rawValue: 1 << 9)
    public static let status500 = RetryOn(rawValue: 1 << 10)
    public static let status501 = RetryOn(rawValue: 1 << 11)
    public static let status502 = RetryOn(rawValue: 1 << 12)
    public static let status503 = RetryOn(rawValue: 1 << 13)
    public static let status504 = RetryOn(rawValue: 1 << 14)

    public static let allRetryableErrors: RetryOn = [
        .connFailure, .emptyResponse, .junkResponse, .responseTimeout, .zeroRTTRejected,
        .status500, .status502, .status503, .status504,
    ]
}

/// What answers in place of one of the proxy's own error responses.
public enum ErrorResponse: Sendable, Hashable {
    /// `errorfile`: the raw response, read at load time. Empty: the connection is closed without an answer.
    case file(path: String, bytes: [UInt8])
    /// `errorloc`, `errorloc302` (302) and `errorloc303` (303).
    case redirect(status: Int, location: String)
    /// `http-error`.
    case reply(Reply)
    /// `errorfiles`: what an `http-errors` section has; until all files are read. What the section lacks stays as it
    /// was.
    indirect case section(String, other: ErrorResponse?)
}

/// `source`: where connections to servers come from.
public struct SourceAddress: Sendable, Hashable {
    /// Its port is none, fixed or a range.
    public var address: AddressSpec
    /// `interface`: SO_BINDTODEVICE.
    public var interface: String?

    public init(address: AddressSpec, interface: String? = nil) {
        self.address = address
        self.interface = interface
    }
}

/// Everything that a `defaults` section can hand down, already merged for the proxy (manual, chapter 4).
public struct ProxySettings: Sendable {
    public var mode = ProxyMode.tcp
    public var timeouts = ProxyTimeouts()
    public var options: ProxyOptions = []
    public var httpConnectionMode = HTTPConnectionMode.keepAlive
    public var forwardFor: ForwardFor?

    /// Retries after the first attempt.
    public var retries = 3
    public var retryOn: RetryOn = [.connFailure]
    /// nil: no redispatch. N: on every Nth retry; -N: on the Nth retry from the last one (-1: the last).
    public var redispatchInterval: Int?

    /// nil: the process's own limit applies.
    public var maxconn: Int?
    /// Streams at which servers with `minconn` reach their `maxconn`; nil: a tenth of the process's connections.
    public var fullconn: Int?
    /// Queue of connections in the kernel; nil: maxconn.
    public var backlog: Int?

    public var balance = Balance()
    public var httpReuse = HTTPReuse.safe
    public var source: SourceAddress?

    public var clientKeepAlive = KeepAliveTuning()
    public var serverKeepAlive = KeepAliveTuning()

    public var originalTo: ForwardFor?
    /// `http-send-name-header`: the field that tells servers their name.
    public var serverNameHeader: [UInt8]?
    public var restrictedNames = RestrictedNames.preserve
    /// Streams that may wait for a server that is preferred; -1: no limit.
    public var maxKeepAliveQueue = -1
    /// New sessions a second at most; 0: no limit.
    public var sessionsPerSecond = 0
    /// `dispatch`: where streams go that no rule gives a server.
    public var dispatch: AddressSpec?
    /// `balance` was given: then it decides, not `dispatch`.
    public var hasBalance = false

    /// `log global` is resolved: these are the targets to send to.
    public var logTargets: [LogTarget] = []
    /// `log global` was given; `logTargets` gets the global ones when the files are all read.
    var usesGlobalLog = false
    public var logFormat = TrafficLogFormat.plain
    var logFormatRange = SourceRange.none
    /// Where keywords were set last, in the section or in its defaults; for messages.
    var keywordRanges: [String: SourceRange] = [:]
    public var logTag: String?
    /// `log-format` with a format of its own.
    public var customLogFormat: LogFormat?
    public var structuredDataFormat: LogFormat?
    public var uniqueIDFormat: LogFormat?
    public var uniqueIDHeader: [UInt8]?
    /// The layout of lines about what went wrong (`error-log-format`).
    public var errorLogFormat: LogFormat?
    public var monitorURI: [UInt8]?
    public var requestInspectMilliseconds: Int?
    public var responseInspectMilliseconds: Int?

    /// By HTTP status.
    public var errorResponses: [Int: ErrorResponse] = [:]

    /// A name as written; `ProxySection.defaultBackend` holds the resolved index.
    public var defaultBackendName: String?
    var defaultBackendRange = SourceRange.none
    public var isDisabled = false
    public var description: String?

    /// `default-server` lines, merged in order.
    public var defaultServer = ServerSettings()

    public init() {}
}
