import Samples

/// What may be done over a `stats socket` (manual, section 3.1, `level`).
public enum AccessLevel: String, Sendable, CaseIterable { case user, `operator`, admin }

/// One `stats socket` line (manual, section 3.1).
public struct StatsSocket: Sendable, Hashable {
    public var addresses: [AddressSpec]
    /// The parameters that a `bind` line shares; `bind.level` is the access level.
    public var bind: BindSettings
    public var range: SourceRange

    public init(addresses: [AddressSpec], bind: BindSettings = BindSettings(), range: SourceRange = .none) {
        self.addresses = addresses
        self.bind = bind
        self.range = range
    }
}

/// The `global` sections, merged (manual, chapter 3).
public struct GlobalSettings: Sendable {
    // Process
    public var daemon = false
    public var masterWorker = false
    public var user: String?
    public var group: String?
    public var uid: UInt32?
    public var gid: UInt32?
    public var chroot: String?
    public var pidfile: String?
    public var hardStopAfterMilliseconds: Int?
    /// From the order to stop until listeners close.
    public var graceMilliseconds = 0
    /// Over how long a stop spreads the closing of connections; 0: at once; Int.max: it closes none (`infinite`).
    public var closeSpreadMilliseconds = 0
    public var quiet = false
    public var zeroWarning = false
    public var node: String?
    public var description: String?
    public var localpeer: String?

    // Limits and threads
    public var nbthread: Int?
    public var maxconn: Int?
    public var ulimitN: Int?
    /// The most descriptors that are asked for without `ulimit-n` and `maxconn`; nil: as many as the system allows.
    public var fdHardLimit: Int?
    /// Limits that the system refuses are errors.
    public var strictLimits = true
    /// New sessions a second at most, of the whole process; 0: no limit.
    public var sessionsPerSecond = 0
    public var noReusePort = false

    // Pollers
    public var noEpoll = false
    public var noKqueue = false
    public var noUring = false
    public var noPoll = false
    public var noSplice = false
    public var maxpipes: Int?
    public var tunePipesizeBytes: Int?

    // Tuning; nil: the program's own default
    public var tuneBufsizeBytes: Int?
    public var tuneMaxrewriteBytes: Int?
    /// -1: no limit.
    public var tuneMaxaccept: Int?
    public var tuneMaxpollevents: Int?
    public var tuneHTTPMaxhdr: Int?
    public var tuneHTTPLogurilenBytes: Int?
    public var tuneHTTPCookielenBytes = 63
    /// Requests of HTTP/1.0 may have content whatever their method.
    public var acceptsPayloadWithAnyMethod = false
    /// Names of fields as `h1-case-adjust` wants them written.
    public var caseAdjustments: [[UInt8]] = []
    /// Whether threads use each other's idle connections to servers.
    public var tuneIdlePoolShared = true
    /// Percents of the descriptors: in use beyond them, no idle connection is kept any more, and some are closed.
    public var tunePoolLowFDRatio = 20
    public var tunePoolHighFDRatio = 25

    /// Bytes that the variables of a scope may take together (`tune.vars.*-max-size`); 0: no limit.
    public struct VariableSizes: Sendable {
        public var globalBytes = 0
        public var processBytes = 0
        public var sessionBytes = 0
        public var transactionBytes = 0
        public var messageBytes = 0
    }
    public var tuneVariables = VariableSizes()
    /// Variables of the process and what they start with, in the order of their lines.
    public var variables: [(VariableName, ProcessVariableValue)] = []
    public var tuneRcvbufClientBytes: Int?
    public var tuneRcvbufServerBytes: Int?
    public var tuneSndbufClientBytes: Int?
    public var tuneSndbufServerBytes: Int?

    // Logs
    public var logTargets: [LogTarget] = []
    public var logTag: String?
    /// `log-format json` in `global`: lines of the process, and of proxies without a format of their own, are objects.
    public var logsJSON = false
    /// nil: no host name in the lines; empty: the system's name.
    public var logSendHostname: String?

    // Runtime API
    public var statsSockets: [StatsSocket] = []
    /// Manual: 10 seconds unless said otherwise.
    public var statsTimeoutMilliseconds = 10_000
    public var statsMaxconn = 10

    /// Where each keyword was last set, for messages about values that turn out not to work: keyword to range.
    public var ranges: [String: SourceRange] = [:]

    public init() {}
}
