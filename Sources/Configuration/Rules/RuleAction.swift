import Samples
import Synchronization

/// What a rule does (manual, section 4.2; one case for each family of actions that do the same to different things).
public enum RuleAction: Sendable {
    // Ends of an evaluation
    /// `allow`, `accept`: nothing more of this set.
    case allow
    case deny(Reply)
    case tarpit(Reply)
    case reject
    case silentDrop
    /// `close`: the connection to the server ends, with what has come of the response.
    case closeServer
    /// What comes in `mode tcp` is HTTP from now on.
    case switchMode
    case reply(Reply)
    case redirect(Redirect)
    case authenticate(realm: [UInt8]?)

    // Messages
    case addHeader([UInt8], LogFormat)
    case setHeader([UInt8], LogFormat)
    case deleteHeader(NamePattern)
    case replaceHeader([UInt8], Regex, LogFormat)
    /// Each comma-separated value by itself.
    case replaceValue([UInt8], Regex, LogFormat)
    case set(RequestPart, LogFormat)
    case replace(RequestPart, Regex, LogFormat)
    case normalize(URINormalizer)
    case setStatus(Int, reason: [UInt8]?)
    case earlyHint([UInt8], LogFormat)
    case strictMode(Bool)

    // What is kept
    case setVariable(VariableName, VariableConditions, Expression)
    case setVariableFormat(VariableName, VariableConditions, LogFormat)
    case unsetVariable(VariableName)
    case capture(Expression, slot: Int)
    case changePatterns(PatternChange)

    // Connections
    /// Source or destination; the address or the port.
    case setAddress(isSource: Bool, Expression)
    case setPort(isSource: Bool, Expression)
    case setTypeOfService(Int32)
    case setMark(UInt32)

    // The stream
    /// nil: no line at all.
    case setLogLevel(LogLevel?)
    case setTimeout(isTunnel: Bool, TimeoutValue)
    case waitForBody(milliseconds: Int, atLeastBytes: Int)
    /// The class, or the offset in milliseconds, that orders who waits for a server.
    case setPriority(isOffset: Bool, Expression)
    /// No effect: each connection has an equal share of a turn.
    case setNice
    case disableRetries

    /// Whether no later rule of the set is evaluated.
    public var isFinal: Bool {
        switch self {
        case .allow, .deny, .tarpit, .reject, .silentDrop, .closeServer, .switchMode, .reply, .redirect, .authenticate:
            true
        default: false
        }
    }

    /// Whether it answers with a text of its own making, in which the rule that makes it has not been met yet
    /// (`last_rule_line`).
    public var makesAnswer: Bool {
        switch self {
        case .reply, .redirect: true
        default: false
        }
    }
}

/// The part of a request that `set-*` and `replace-*` change.
public enum RequestPart: Sendable, Hashable {
    case method, path, pathAndQuery, query, uri
}

/// `del-header ... -m`.
public enum NamePattern: Sendable {
    case exact([UInt8])
    case prefix([UInt8])
    case suffix([UInt8])
    case substring([UInt8])
    case regex(Regex)
}

/// `normalize-uri` (manual, section 4.2).
public enum URINormalizer: Sendable, Hashable {
    case fragmentEncode, fragmentStrip, mergeSlashes, stripDot
    /// full: leading `../` too.
    case stripDotDot(isFull: Bool)
    /// strict: what is no valid encoding is a bad request.
    case decodeUnreserved(isStrict: Bool)
    case uppercasePercent(isStrict: Bool)
    case sortQuery
}

/// `set-timeout`.
public enum TimeoutValue: Sendable {
    case milliseconds(Int)
    case expression(Expression)
}

/// `add-acl`, `del-acl`, `set-map`, `del-map`.
public final class PatternChange: Sendable {
    public enum Kind: Sendable, Hashable { case addACL, deleteACL, setMap, deleteMap }
    public let kind: Kind
    /// The file whose patterns change.
    public let file: String
    public let key: LogFormat
    public let value: LogFormat?
    private let found = Mutex<PatternSet?>(nil)
    /// The patterns, once all files are read; nil: nobody loads that file.
    public internal(set) var patterns: PatternSet? {
        get { found.withLock { $0 } }
        set { found.withLock { $0 = newValue } }
    }

    init(kind: Kind, file: String, key: LogFormat, value: LogFormat?) {
        self.kind = kind
        self.file = file
        self.key = key
        self.value = value
    }
}

/// A response that a rule, or an `http-error` line, gives (manual, `http-request return`).
///
/// Thread-safety: constant.
public final class Reply: Sendable, Hashable {
    public enum Content: Sendable {
        /// No payload at all.
        case none
        /// What the proxy answers for the status: a page, or what `errorfile` and `http-error` put in its place.
        case proxy
        /// A whole response, from an `errorfile`.
        case raw([UInt8])
        /// What a section `http-errors` has for the status.
        case section(String)
        case bytes([UInt8])
        case format(LogFormat)
    }

    public struct Header: Sendable {
        public var name: [UInt8]
        public var value: LogFormat
    }

    public let status: Int
    public let content: Content
    public let contentType: String
    public let headers: [Header]

    public init(status: Int, content: Content, contentType: String = "", headers: [Header] = []) {
        self.status = status
        self.content = content
        self.contentType = contentType
        self.headers = headers
    }

    public static func == (left: Reply, right: Reply) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// `redirect`, in a rule or as a line of its own.
public struct Redirect: Sendable {
    public enum Kind: String, Sendable, CaseIterable { case location, prefix, scheme }
    public var kind = Kind.location
    public var target: LogFormat
    /// `prefix /` alone: nothing is put in front.
    public var isBareSlash = false
    public var status = 302
    public var dropsQuery = false
    public var appendsSlash = false
    public var ignoresEmpty = false
    /// The value of a `Set-Cookie` field; empty: none.
    public var cookie: [UInt8] = []
}
