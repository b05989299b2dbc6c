import Base
import Buffers
import Configuration
import Engine
import Samples

/// The way of a connection through the rules in `mode tcp`: those for new connections, then those for what the client
/// sends first, of frontend and backend, and those for what the server sends first.
extension TCPStream {
    /// The frontend or a rule of its own has something to do with what comes first.
    func beginRules() {
        if let store = captureStore() { store.reset() }
        ruleState.phase = .frontendContent
        advanceRules()
    }

    /// Goes from station to station until something is waited for, or the connection is refused or on its way.
    func advanceRules() {
        while true {
            switch ruleState.phase {
            case .frontendContent:
                guard let inspected = inspect(frontend.processing) else { return }
                if !inspected { return arm() }
                if ruleState.switchesMode { return upgrade() }
                ruleState.phase = .backend
            case .backend:
                guard let chosen = chooseBackend() else { return serverUnavailable(.noServer) }
                if chosen.settings.mode == .http { return upgrade(for: chosen) }
                enter(chosen)
                let isSame = chosen.processing === frontend.processing
                ruleState.phase = isSame || chosen.processing.contentRules.isEmpty ? .server : .backendContent
            case .backendContent:
                guard let processing = backend?.processing, let inspected = inspect(processing) else { return }
                if !inspected { return arm() }
                ruleState.phase = .server
            case .server:
                ruleState.phase = .none
                ruleState.preferredServer = chooseServer()
                return seekServer()
            default: return
            }
            ruleState.index = 0
            ruleState.wait = .none
            ruleState.waitIsOver = false
            serverDeadline = .never
        }
    }

    /// Evaluates `tcp-request content`. nil: the connection is over; false: more data are waited for.
    private func inspect(_ processing: Processing) -> Bool? {
        let isFinal =
            ruleState.waitIsOver || clientEnded || processing.inspectMilliseconds == nil
            || early.byteCount >= context.bufferBytes
        switch run(processing.contentRules, isResponse: false, isFinal: isFinal) {
        case .passed: return true
        case .ended: return nil
        case .waiting:
            if ruleState.wait == .none {
                ruleState.wait = .contents
                serverDeadline = deadline(processing.inspectMilliseconds)
            }
            return false
        }
    }

    private func run(
        _ rules: RuleList, isResponse: Bool, isFinal: Bool
    ) -> RuleOutcome {
        let scope = context.scope
        scope.attach(self, isResponse: isResponse, isFinal: isFinal)
        let verdict = judge(rules, scope)
        scope.detach()
        guard case .ended = verdict else { return verdict }
        frontend.counters.add(isResponse ? .deniedResponses : .deniedRequests, on: worker.index)
        end(.proxy, isResponse ? .data : .request)
        return .ended
    }

    /// More has come, or nothing more will, while rules wait.
    func inspectMore() { if rules?.wait == .contents { advanceRules() } }

    /// The time that rules may wait is over.
    func inspectionOver() {
        if ruleState.wait == .contents {
            ruleState.waitIsOver = true
            advanceRules()
        } else if ruleState.isHoldingResponse {
            ruleState.waitIsOver = true
            inspectResponse()
        }
    }

    private func chooseServer() -> Server? {
        guard let backend, !backend.processing.useServers.isEmpty else { return nil }
        let scope = context.scope
        scope.attach(self)
        defer { scope.detach() }
        return backend.server(for: scope, context.texts, ruleState)
    }

    // MARK: The response

    /// Evaluates `tcp-response content` on what the server has sent so far; when it passes, it goes to the client.
    func inspectResponse() {
        guard rules?.isHoldingResponse == true, let processing = backend?.processing else { return }
        let isFinal =
            ruleState.waitIsOver || serverEnded || processing.responseInspectMilliseconds == nil
            || ruleState.late.byteCount >= context.bufferBytes
        switch run(processing.responseContentRules, isResponse: true, isFinal: isFinal) {
        case .ended: return
        case .waiting:
            if ruleState.inspectionDeadline == .never {
                ruleState.inspectionDeadline = deadline(processing.responseInspectMilliseconds)
            }
            serverDeadline = min(serverDeadline, ruleState.inspectionDeadline)
            return arm()
        case .passed: releaseResponse()
        }
    }
}

extension ProxiedStream {
    /// Evaluates rules of connections and their first bytes, from the one at hand on. `.ended`: one refuses.
    func judge(_ rules: RuleList, _ scope: StreamScope) -> RuleOutcome {
        let state = ruleState
        while state.index < rules.count {
            let outcome = rules.withRule(state.index) { judge($0, state, scope) }
            if let outcome { return outcome }
            state.index += 1
        }
        return .passed
    }

    /// nil: the next rule is to be judged.
    private func judge(_ rule: Rule, _ state: RuleState, _ scope: StreamScope) -> RuleOutcome? {
        switch rule.condition?.judge(scope) ?? .holds {
        case .unknown: return .waiting
        case .fails: return nil
        case .holds: break
        }
        if rule.isFinal { state.lastRule = rule.range }
        switch rule.action {
        case .allow: return .passed
        case .capture(let expression, _) where mayYield(expression, scope): return .waiting
        case .switchMode:
            state.switchesMode = true
            return .passed
        case .closeServer:
            state.closesServer = true
            return .passed
        case .reject: return .ended
        case .silentDrop:
            silenceClient()
            return .ended
        default:
            _ = performShared(rule.action, scope)
            return nil
        }
    }

    /// Whether an expression has no value yet, and may have one when more has come.
    private func mayYield(_ expression: Expression, _ scope: StreamScope) -> Bool {
        scope.beginEvaluation()
        return expression.evaluate(scope) == nil && scope.mayChange && !scope.isFinal
    }

    /// `tcp-request connection` and `session`: whether the connection may be.
    func passesConnectionRules() -> Bool {
        let processing = frontend.processing
        let scope = context.scope
        scope.attach(self)
        defer { scope.detach() }
        for rules in [processing.connectionRules, processing.sessionRules] {
            ruleState.index = 0
            if case .ended = judge(rules, scope) {
                context.statistics.refusedConnections.add()
                return false
            }
        }
        ruleState.index = 0
        return true
    }
}

extension HTTPConnection {
    /// Whether the rules for new connections let this one be. What they have changed of its addresses stays.
    func passesConnectionRules() -> Bool {
        // SAFETY: `giveUp` gives it back.
        let exchange = unsafe context.takeExchange().takeUnretainedValue()
        exchange.attach(to: self)
        let passes = exchange.passesConnectionRules()
        if exchange.ruleState.changesSource { client = exchange.record.client }
        if exchange.ruleState.changesDestination { exchange.keepDestination() }
        exchange.giveUp()
        return passes
    }
}

extension HTTPExchange {
    /// Lets the requests of this connection see the address that a rule for the connection has set.
    func keepDestination() {
        if sessionVariables == nil { sessionVariables = VariableTable(context.variablesTotal) }
        sessionVariables?.destination = RewrittenAddress(ruleState.destination)
    }
}

/// An address that a rule has put in place of the one that a client connected to.
final class RewrittenAddress {
    let address: SocketAddress
    init(_ address: SocketAddress) { self.address = address }
}
