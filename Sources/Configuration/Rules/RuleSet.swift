import Samples

/// The sets of rules of a proxy: when they are evaluated (manual, section 4.2).
public enum RuleSet: UInt8, Sendable, CaseIterable {
    case tcpRequestConnection, tcpRequestSession, tcpRequestContent, tcpResponseContent
    case httpRequest, httpResponse, httpAfterResponse

    /// The keyword that their lines start with.
    public var keyword: String {
        switch self {
        case .tcpRequestConnection: "tcp-request connection"
        case .tcpRequestSession: "tcp-request session"
        case .tcpRequestContent: "tcp-request content"
        case .tcpResponseContent: "tcp-response content"
        case .httpRequest: "http-request"
        case .httpResponse: "http-response"
        case .httpAfterResponse: "http-after-response"
        }
    }

    public var isHTTP: Bool { self == .httpRequest || self == .httpResponse || self == .httpAfterResponse }
    /// Whether the rules are about the response.
    public var isResponse: Bool { self == .tcpResponseContent || self == .httpResponse || self == .httpAfterResponse }

    /// Where their expressions are evaluated. A section with both sides has what both have.
    func point(inBackend: Bool) -> SamplePoint {
        switch self {
        case .tcpRequestConnection: .tcpRequestConnection
        case .tcpRequestSession: .tcpRequestSession
        case .tcpRequestContent: inBackend ? .backendTCPRequestContent : .tcpRequestContent
        case .tcpResponseContent: inBackend ? .backendTCPResponseContent : .tcpResponseContent
        case .httpRequest: inBackend ? .backendHTTPRequestHeader : .httpRequestHeader
        case .httpResponse, .httpAfterResponse: inBackend ? .backendHTTPResponseHeader : .httpResponseHeader
        }
    }
}

/// One line of a set of rules.
public struct RuleLine: Sendable {
    public var action: RuleAction
    /// nil: always.
    public var condition: Condition?
    public var range: SourceRange

    public init(action: RuleAction, condition: Condition?, range: SourceRange = .none) {
        self.action = action
        self.condition = condition
        self.range = range
    }
}

/// All rules of a section, each set in the order of its lines.
public struct ProxyRules: Sendable {
    private var lines: [RuleSet: [RuleLine]] = [:]

    public init() {}

    public subscript(_ set: RuleSet) -> [RuleLine] {
        get { lines[set] ?? [] }
        set { lines[set] = newValue }
    }

    public var isEmpty: Bool { lines.values.allSatisfy(\.isEmpty) }
}

/// A place where a value of a request or response is kept for logs (manual, `capture`, `declare capture`).
public struct CaptureSlot: Sendable, Hashable {
    /// Bytes that are kept.
    public var lengthBytes: Int
    /// The field to capture, in lower case; empty: rules fill the slot.
    public var header: [UInt8]

    public init(lengthBytes: Int, header: [UInt8] = []) {
        self.lengthBytes = lengthBytes
        self.header = header
    }
}

/// What a section captures.
public struct Captures: Sendable, Hashable {
    public var request: [CaptureSlot] = []
    public var response: [CaptureSlot] = []
    /// `capture cookie`: the name, or the beginning of one, and the bytes that are kept of `NAME=value`.
    public var cookieName: [UInt8]?
    public var cookieIsPrefix = false
    public var cookieLengthBytes = 0

    public init() {}
    public var isEmpty: Bool { request.isEmpty && response.isEmpty && cookieName == nil }
}
