import Samples

/// The parameters of a `bind` line (manual, section 5.1). nil: not given.
public struct BindSettings: Sendable, Hashable {
    public var name: String?
    public var id: Int?
    public var backlog: Int?
    public var maxconn: Int?
    /// File mode of a unix socket, and its owner.
    public var mode: UInt32?
    public var user: String?
    public var uid: UInt32?
    public var group: String?
    public var gid: UInt32?
    /// An IPv6 socket that also takes IPv4 (`v4v6`) or never does (`v6only`).
    public var v4v6 = false
    public var v6only = false
    public var interface: String?
    public var deferAccept = false
    public var tcpFastOpen = false
    /// -1024 (first) to 1024.
    public var nice: Int?
    /// Sockets on the same address, each for a share of the threads (`shards`); Int.max: one for each thread.
    public var shards = 1
    /// The threads that serve this listener, bit 0 for thread 1; nil: all.
    public var threads: UInt64?
    public var tcpUserTimeoutMilliseconds: Int?
    /// TCP maximum segment; a negative one is relative to what was announced.
    public var maximumSegmentSizeBytes: Int?
    public var transparent = false
    /// `proto h1` was given: an error without HTTP.
    var hasProtocol = false
    /// `stats socket` only.
    public var level = AccessLevel.operator
    public var severityOutput = SeverityOutput.none

    public init() {}
}

/// How the runtime API states the severity of what it tells (`severity-output`).
public enum SeverityOutput: String, Sendable, CaseIterable { case none, number, string }

/// One `bind` line.
public struct BindLine: Sendable, Hashable {
    /// Comma-separated addresses in order. A port range stays one entry (`.range`): one listener per port.
    public var addresses: [AddressSpec]
    public var settings: BindSettings
    public var range: SourceRange

    public init(addresses: [AddressSpec], settings: BindSettings = BindSettings(), range: SourceRange = .none) {
        self.addresses = addresses
        self.settings = settings
        self.range = range
    }
}

/// The parameters that `server` and `default-server` share (manual, section 5.2).
public struct ServerSettings: Sendable, Hashable {
    /// How a name is resolved at start (`init-addr`).
    public enum InitialAddress: Sendable, Hashable { case last, libc, none, ip(AddressSpec) }

    /// `proto h1` was given: an error without HTTP.
    var hasProtocol = false
    /// Given with `id`; `ServerLine.id` is the one to use.
    public var id: Int?
    /// 0 to 256; 0: gets no new traffic.
    public var weight = 1
    public var isBackup = false
    public var isDisabled = false
    /// 0: no limit.
    public var maxconn = 0
    public var minconn = 0
    /// Streams that may wait for this very server; 0: no limit.
    public var maxqueue = 0
    /// `redir`: what stands in front of the path that GET and HEAD are sent to.
    public var redirectionPrefix: [UInt8]?
    public var source: SourceAddress?
    public var tcpFastOpen = false
    public var tcpUserTimeoutMilliseconds: Int?
    /// Idle connections of the server below which no thread takes another's; 0 or -1: takes any.
    public var poolLowConn = 0
    /// Idle connections kept at most; -1: no limit; 0: none.
    public var poolMaxConn = -1
    public var poolPurgeDelayMilliseconds = 5_000
    /// Requests that one connection may serve; -1: no limit.
    public var maxReuse = -1
    /// Empty: the default order `last,libc`.
    public var initialAddress: [InitialAddress] = []

    public init() {}
}

/// One `server` line, `default-server` already merged in.
public struct ServerLine: Sendable, Hashable {
    public var name: String
    public var address: AddressSpec
    public var settings: ServerSettings
    /// Given with `id`, or the first free one (manual, `id`).
    public var id: Int
    public var range: SourceRange

    public init(
        name: String, address: AddressSpec, settings: ServerSettings = ServerSettings(), id: Int = 0,
        range: SourceRange = .none
    ) {
        self.name = name
        self.address = address
        self.settings = settings
        self.id = id
        self.range = range
    }
}

/// One `use_backend` line (manual, section 4.2).
public struct UseBackendRule: Sendable {
    public var name: String
    /// The name is computed for each request; one that is no backend's is passed over.
    public var format: LogFormat?
    /// Index into `ConfigurationTree.proxies`.
    public var backend: Int
    /// nil: always.
    public var condition: Condition?
    public var range: SourceRange
    /// Of the name alone.
    public var nameRange: SourceRange

    public init(
        name: String, format: LogFormat? = nil, backend: Int, condition: Condition?, range: SourceRange = .none,
        nameRange: SourceRange = .none
    ) {
        self.name = name
        self.format = format
        self.backend = backend
        self.condition = condition
        self.range = range
        self.nameRange = nameRange
    }
}

/// One `use-server` line (manual, section 4.2).
public struct UseServerRule: Sendable {
    public var name: String
    /// The name is computed for each request; one that is no server's is passed over.
    public var format: LogFormat?
    public var condition: Condition
    public var range: SourceRange
}

/// One `frontend`, `backend` or `listen`.
public struct ProxySection: Sendable {
    public enum Kind: String, Sendable {
        case frontend, backend, listen

        public var hasFrontend: Bool { self != .backend }
        public var hasBackend: Bool { self != .frontend }
    }

    public var kind: Kind
    public var name: String
    /// Given with `id`, or the first free one.
    public var id: Int
    public var settings: ProxySettings
    public var binds: [BindLine] = []
    public var servers: [ServerLine] = []
    public var acls: [ACLDefinition] = []
    public var useBackends: [UseBackendRule] = []
    public var useServers: [UseServerRule] = []
    public var rules = ProxyRules()
    /// `redirect` lines; evaluated after `http-request` ones.
    public var redirects: [RuleLine] = []
    public var captures = Captures()
    /// `force-persist`: any of them.
    public var forcePersists: [Condition] = []
    /// `monitor fail`: any of them.
    public var monitorFails: [Condition] = []
    /// The kinds of rules that were read so far.
    var ruleOrders: [RuleOrder: SourceRange] = [:]
    /// `default_backend`, as an index into `ConfigurationTree.proxies`. nil: a `listen` uses itself, a frontend
    /// answers 503 (or closes).
    public var defaultBackend: Int?
    /// The range of the section's head line.
    public var range: SourceRange

    /// Whether a rule makes HTTP of what comes in `mode tcp`: what is said of requests may then count.
    public var switchesMode: Bool {
        settings.mode == .tcp && kind.hasFrontend
            && rules[.tcpRequestContent].contains { if case .switchMode = $0.action { true } else { false } }
    }

    public init(
        kind: Kind, name: String, id: Int = 0, settings: ProxySettings = ProxySettings(), range: SourceRange = .none
    ) {
        self.kind = kind
        self.name = name
        self.id = id
        self.settings = settings
        self.range = range
    }
}

/// One `defaults` section: what it says itself, with what it took over by `from`.
public struct DefaultsSection: Sendable {
    /// Empty when it has none.
    public var name: String
    public var settings: ProxySettings
    public var acls: [ACLDefinition] = []
    public var rules = ProxyRules()
    public var range: SourceRange

    public init(name: String, settings: ProxySettings, range: SourceRange = .none) {
        self.name = name
        self.settings = settings
        self.range = range
    }
}

/// The whole configuration, typed and checked: names resolved, defaults merged.
public struct ConfigurationTree: Sendable {
    public var files: [SourceFile] = []
    public var global = GlobalSettings()
    public var defaults: [DefaultsSection] = []
    public var proxies: [ProxySection] = []
    public var userLists: [UserList] = []
    /// `http-errors` sections: responses by status.
    public var errorSections: [String: [Int: ErrorResponse]] = [:]
    /// Sets of patterns of ACLs and maps, in the order in which they were named.
    public var patternSets: [PatternSet] = []
    /// The environment as the files left it (`setenv` and kin): what child processes get.
    public var environment: [String: String] = [:]

    public init() {}
}
