import Base
import Buffers
import Configuration
import Engine
import HTTP
import Samples

/// A `use_backend` rule as it runs.
struct BackendRule {
    /// nil: the name is computed.
    let backend: Backend?
    let format: LogFormat?
    /// nil: always.
    let condition: RuleCondition?
}

/// A `use-server` rule as it runs.
struct ServerRule {
    let name: String
    /// The name is computed.
    let format: LogFormat?
    let condition: RuleCondition

    init(_ rule: UseServerRule, _ acls: [ACLDefinition]) {
        name = rule.name
        format = rule.format
        condition = RuleCondition(rule.condition, acls)
    }
}

/// What a section does with what passes through it: its rules, as they run. A `listen` has one for both of its sides.
///
/// Thread-safety: immutable.
final class Processing {
    let connectionRules: RuleList
    let sessionRules: RuleList
    let contentRules: RuleList
    let responseContentRules: RuleList
    let requestRules: RuleList
    let redirects: RuleList
    let responseRules: RuleList
    let afterRules: RuleList
    let captures: Captures
    let monitorURI: [UInt8]?
    let monitorFails: [RuleCondition]
    let useServers: [ServerRule]
    let forcePersists: [RuleCondition]
    let uniqueIDFormat: LogFormat?
    let uniqueIDHeader: [UInt8]?
    /// `option http-buffer-request`.
    let buffersRequests: Bool
    /// `option http-restrict-req-hdr-names`; nil: all names pass.
    let restrictedNames: RestrictedNames?
    /// `option checkcache`.
    let checksCaching: Bool
    /// The section is in `mode tcp`, and a rule may make HTTP of what comes: without it, what is said of requests and
    /// responses does not count.
    let switchesMode: Bool
    let inspectMilliseconds: Int?
    let responseInspectMilliseconds: Int?
    /// The section's name, which `auth` states as realm unless told otherwise.
    let name: [UInt8]

    /// Whether anything is to be done before a request goes on.
    let touchesRequests: Bool
    /// Whether an HTTP request does not go straight on to a server of the section: something is to be done before, or
    /// the section takes no HTTP.
    let holdsRequests: Bool
    /// Whether anything is to be done with a response of a server.
    let touchesResponses: Bool
    let touchesConnections: Bool
    /// The stations of a request with something to do, as a frontend and as a backend: a bit for each phase's number.
    let frontendStations: UInt16
    let backendStations: UInt16

    init(_ section: ProxySection) {
        switchesMode = section.switchesMode
        let isHTTP = section.settings.mode == .http || switchesMode
        let acls = section.acls
        connectionRules = RuleList(section.rules[.tcpRequestConnection], acls)
        sessionRules = RuleList(section.rules[.tcpRequestSession], acls)
        contentRules = RuleList(section.rules[.tcpRequestContent], acls)
        responseContentRules = RuleList(section.rules[.tcpResponseContent], acls)
        requestRules = isHTTP ? RuleList(section.rules[.httpRequest], acls) : .none
        redirects = isHTTP ? RuleList(section.redirects, acls) : .none
        responseRules = isHTTP ? RuleList(section.rules[.httpResponse], acls) : .none
        afterRules = isHTTP ? RuleList(section.rules[.httpAfterResponse], acls) : .none
        captures = section.captures
        monitorURI = isHTTP && section.kind.hasFrontend ? section.settings.monitorURI : nil
        monitorFails = section.monitorFails.map { RuleCondition($0, acls) }
        useServers = section.useServers.map { ServerRule($0, acls) }
        forcePersists = section.forcePersists.map { RuleCondition($0, acls) }
        uniqueIDFormat = section.kind.hasFrontend ? section.settings.uniqueIDFormat : nil
        uniqueIDHeader = section.kind.hasFrontend ? section.settings.uniqueIDHeader : nil
        let balancesByBody = section.kind.hasBackend && section.settings.balance.bodyKey != nil
        buffersRequests = isHTTP && (section.settings.options.contains(.httpBufferRequest) || balancesByBody)
        let names = section.settings.restrictedNames
        restrictedNames = isHTTP && names != .preserve ? names : nil
        checksCaching = isHTTP && section.kind.hasBackend && section.settings.options.contains(.checkCache)
        inspectMilliseconds = section.settings.requestInspectMilliseconds
        responseInspectMilliseconds = section.settings.responseInspectMilliseconds
        name = Array(section.name.utf8)
        touchesRequests =
            !(contentRules.isEmpty && requestRules.isEmpty && redirects.isEmpty && captures.isEmpty)
            || monitorURI != nil || buffersRequests || uniqueIDHeader != nil || restrictedNames != nil
        holdsRequests = touchesRequests || section.settings.mode == .tcp
        touchesResponses =
            !(responseContentRules.isEmpty && responseRules.isEmpty && afterRules.isEmpty && captures.response.isEmpty)
            || captures.cookieName != nil || checksCaching
        touchesConnections = !(connectionRules.isEmpty && sessionRules.isEmpty)
        let rules: UInt16 =
            (contentRules.isEmpty ? 0 : 1) | (buffersRequests ? 2 : 0)
            | (requestRules.isEmpty && restrictedNames == nil ? 0 : 4) | (redirects.isEmpty ? 0 : 8)
        frontendStations = (rules | (monitorURI == nil ? 0 : 2)) << UInt16(RuleState.Phase.frontendContent.rawValue)
        backendStations = rules << UInt16(RuleState.Phase.backendContent.rawValue)
    }
}

/// Where a stream stands among the rules, and what they have said about it. A stream that meets none has none.
///
/// Thread-safety: its stream's thread only.
final class RuleState {
    /// The stations of a request, in their order (manual, section 4.2).
    enum Phase: UInt8 {
        case none
        case frontendContent, frontendBody, frontendRequest, frontendRedirect
        case backend
        case backendContent, backendBody, backendRequest, backendRedirect
        case server
        /// Held back; the answer comes when the time is over.
        case tarpit
    }

    /// Why a request does not go on now.
    enum Wait: UInt8 { case none, contents, body, tarpit, responseBody }

    var phase = Phase.none
    /// The next rule of the set that is being evaluated.
    var index = 0
    var wait = Wait.none
    /// When the wait that goes on began to count.
    var waitIsOver = false
    var isStrict = true
    var disablesRetries = false
    var hasHint = false
    var isMonitor = false
    /// A rule of the frontend has said that what comes is HTTP.
    var switchesMode = false
    /// Rules have seen the beginning as bytes: where the request that it turned out to be goes on.
    var resumes = Phase.none
    /// The backend that was chosen then.
    var chosenBackend: Backend?
    var serverMilliseconds: Int?
    var tunnelMilliseconds: Int?
    /// Whether the address that the client connected to was changed.
    var changesDestination = false
    var changesSource = false
    /// What `tarpit` answers.
    var reply: Reply?
    var requestNumber: UInt32?
    var uniqueID: [UInt8] = []
    /// The address that rules have put in place of the one that the client connected to.
    var destination = SocketAddress()
    /// The server that `use-server` names.
    var preferredServer: Server?
    /// `force-persist`: it is used even if it is down, and no other one in its place.
    var forcesServer = false
    /// Who waits for a server is served by these: lower values first.
    var priorityClass: Int32 = 0
    var priorityOffset: Int32 = 0
    /// The set of rules that a response has come to, and what its head said of its connection.
    var responseStation = 0
    var responseDirectives: ConnectionDirectives = []
    /// What rules and `capture` lines have kept.
    var captures: CaptureStore?
    /// Both ends of the connection to the server (%bi:%bp, %si:%sp); kept when a log asks for them.
    var serverSource = LogAddress()
    var serverAddress = LogAddress()
    /// What a server sent in `mode tcp` before rules let it pass, and until when rules for responses may wait.
    var late = ChunkChain()
    var isHoldingResponse = false
    var inspectionDeadline = Ticks.never
    /// Where the last final rule that was met stands (`last_rule_line`).
    var lastRule = SourceRange.none
    /// Where the rule stands whose answer is being made.
    var answeringRule = SourceRange.none
    /// A rule ends the connection to the server once what has come of the response is on its way.
    var closesServer = false

    /// The answer of a rule has been made: the rule has been met (`last_rule_line`).
    func meetAnsweringRule() { if answeringRule != .none { lastRule = answeringRule } }

    /// For the next request.
    func reset() {
        phase = .none
        index = 0
        wait = .none
        waitIsOver = false
        isStrict = true
        disablesRetries = false
        hasHint = false
        isMonitor = false
        switchesMode = false
        resumes = .none
        if chosenBackend != nil { chosenBackend = nil }
        serverMilliseconds = nil
        tunnelMilliseconds = nil
        changesDestination = false
        changesSource = false
        if reply != nil { reply = nil }
        requestNumber = nil
        priorityClass = 0
        priorityOffset = 0
        lastRule = .none
        answeringRule = .none
        closesServer = false
        uniqueID.removeAll(keepingCapacity: true)
        if preferredServer != nil { preferredServer = nil }
        forcesServer = false
        captures?.reset()
        serverSource = LogAddress()
        serverAddress = LogAddress()
    }
}

/// What became of the evaluation of a set of rules.
enum RuleOutcome {
    /// All that apply have been carried out.
    case passed
    /// The stream was answered, or is over.
    case ended
    /// Something is waited for; the evaluation goes on at the same rule.
    case waiting
}
