import Base
import Buffers
import Configuration
import Engine
import HTTP
import Samples

/// The way of a request through the rules: the frontend's, the choice of a backend, the backend's. Rules run in order,
/// wait, and go on where they were.
extension HTTPExchange {
    // MARK: Requests

    /// The head is whole, and the frontend has something to do with it.
    func beginRules() {
        let resumed = ruleState.resumes
        ruleState.resumes = .none
        if let store = captureStore() {
            if resumed == .none { store.reset() }
            store.capture(request, isResponse: false)
        }
        ruleState.phase = resumed == .none ? .frontendContent : resumed
        advanceRules()
    }

    /// Goes on with what came in `mode tcp` until rules, or the choice of a backend, made HTTP of it.
    func takeOver(_ stream: TCPStream, _ bytes: consuming Chunk?) {
        rules = stream.rules
        transactionVariables = stream.transactionVariables.take()
        ruleState.index = 0
        ruleState.wait = .none
        ruleState.waitIsOver = false
        if ruleState.changesDestination { keepDestination() }
        record.level = stream.record.level
        record.isSilent = stream.record.isSilent
        guard let first = bytes else { return awaitHead() }
        begin(with: first)
    }

    /// Whether the frontend takes what comes for bytes, and what it says of requests does not count for this one.
    func isRaw(_ processing: Processing) -> Bool {
        processing.switchesMode && processing === frontend.processing && !ruleState.switchesMode
    }

    /// The backend is chosen, and has something to do with the request.
    func beginBackendRules(_ backend: Backend) {
        if backend.settings.mode == .tcp { return abort(.internalError, .request) }
        // A `listen` has been here already, as a frontend.
        let isSame = backend.processing === frontend.processing
        ruleState.phase = isSame || !backend.processing.touchesRequests ? .server : .backendContent
        advanceRules()
    }

    /// Goes from station to station until something is waited for, or the request is answered or on its way.
    func advanceRules() {
        // Held here: each reading of a variable that refers to an object counts a reference.
        let state = ruleState
        // Bounded: each round goes at least one station further, or ends.
        while true {
            let place = state.phase.rawValue
            switch state.phase {
            case .none, .tarpit: return
            case .backend: return enterBackend()
            case .server: return seekServer()
            default: break
            }
            let isFrontend = place < RuleState.Phase.backend.rawValue
            guard let processing = isFrontend ? frontend.processing : backend?.processing else { return }
            let stations = isFrontend ? processing.frontendStations : processing.backendStations
            let ahead = stations >> UInt16(place)
            if ahead & 1 == 0 {
                // Those with nothing to do are passed over.
                let next = place + UInt8(truncatingIfNeeded: ahead.trailingZeroBitCount)
                state.phase = ahead == 0 ? (isFrontend ? .backend : .server) : RuleState.Phase(rawValue: next) ?? .none
                continue
            }
            switch visit(state.phase, processing) {
            case .passed: break
            case .ended: return
            case .waiting: return arm()
            }
            state.index = 0
            state.isStrict = true
            state.wait = .none
            guard let next = RuleState.Phase(rawValue: place + 1) else { return }
            state.phase = next
        }
    }

    private func visit(_ station: RuleState.Phase, _ processing: Processing) -> RuleOutcome {
        if station != .frontendContent && isRaw(processing) { return .passed }
        switch station {
        case .frontendContent, .backendContent:
            return run(processing.contentRules, isResponse: false)
        case .frontendBody:
            if let uri = processing.monitorURI, answersMonitor(uri, processing) { return .ended }
            return processing.buffersRequests ? buffer(processing) : .passed
        case .backendBody: return processing.buffersRequests ? buffer(processing) : .passed
        case .frontendRequest, .backendRequest:
            let outcome = run(processing.requestRules, isResponse: false)
            guard case .passed = outcome, let names = processing.restrictedNames else { return outcome }
            return restrictNames(names)
        case .frontendRedirect, .backendRedirect:
            return run(processing.redirects, isResponse: false)
        case .none, .backend, .server, .tarpit: return .passed
        }
    }

    /// `monitor-uri`: the proxy answers by itself, and logs nothing.
    private func answersMonitor(_ uri: [UInt8], _ processing: Processing) -> Bool {
        guard request.span(request.targetSlice).equals(uri.span) else { return false }
        ruleState.isMonitor = true
        isLogged = true
        var fails = false
        if !processing.monitorFails.isEmpty {
            let scope = context.scope
            scope.attach(self, request: request)
            fails = processing.monitorFails.contains { $0.holds(scope) }
            scope.detach()
        }
        respond(fails ? 503 : 200, .local, .request)
        return true
    }

    // MARK: Sets of rules

    /// Evaluates a set from the rule at hand on.
    func run(_ rules: RuleList, isResponse: Bool) -> RuleOutcome {
        if rules.isEmpty { return .passed }
        let scope = context.scope
        let state = ruleState
        scope.attach(self, request: requestForRules, response: isResponse ? response : nil, isResponse: isResponse)
        var outcome = RuleOutcome.passed
        while true {
            state.index = rules.first(from: state.index, scope)
            if state.index == rules.count { break }
            let step = rules.withRule(state.index) { rule in
                // Before it is carried out: what ends the exchange also writes its log line, and forgets the place.
                if rule.makesAnswer {
                    state.answeringRule = rule.range
                } else if rule.isFinal {
                    state.lastRule = rule.range
                }
                let step = perform(rule.action, scope, isResponse: isResponse)
                if rule.makesAnswer && step == .goesOn { state.answeringRule = .none }
                return step
            }
            if step == .ends { break }
            if step != .goesOn {
                outcome = step == .waits ? .waiting : .ended
                break
            }
            state.index += 1
        }
        scope.detach()
        if outcome != .ended && state.hasHint { sendHints() }
        return outcome
    }

    /// The request's head, while its bytes are there.
    var requestForRules: MessageHead? { requestChunk == nil ? nil : request }

    /// What a rule means for those behind it.
    enum Step { case goesOn, ends, waits, over }

    private func perform(_ action: RuleAction, _ scope: StreamScope, isResponse: Bool) -> Step {
        if ruleState.hasHint, case .earlyHint = action {} else if ruleState.hasHint { sendHints() }
        if performShared(action, scope) { return .goesOn }
        switch action {
        case .allow: return .ends
        case .closeServer:
            ruleState.closesServer = true
            keepsServer = false
            return .ends
        case .switchMode:
            ruleState.switchesMode = true
            return .ends
        case .deny(let reply): return deny(reply, scope, isResponse: isResponse)
        case .tarpit(let reply):
            holdBack(reply)
            return .waits
        case .reject, .silentDrop:
            if case .silentDrop = action { silenceClient() }
            reject()
            return .over
        case .reply(let reply):
            answer(reply, scope, .local, isResponse ? .headers : .request)
            return .over
        case .redirect(let redirect):
            return self.redirect(redirect, scope, isResponse: isResponse) ? .over : .goesOn
        case .authenticate(let realm):
            challenge(realm)
            return .over
        case .waitForBody(let milliseconds, let bytes):
            if isResponse { return waitForResponseBody(milliseconds, bytes) }
            return waitForBody(milliseconds, bytes) ? .goesOn : .waits
        case .setTimeout(let isTunnel, let value):
            setTimeout(isTunnel, value, scope)
            return .goesOn
        case .disableRetries:
            ruleState.disablesRetries = true
            return .goesOn
        case .strictMode(let isStrict):
            ruleState.isStrict = isStrict
            return .goesOn
        case .earlyHint(let name, let format):
            addHint(name, context.texts.format(format, scope).span)
            return .goesOn
        case .changePatterns(let change):
            apply(change, scope)
            return .goesOn
        default:
            let result = isResponse ? edit(response, action, scope) : edit(request, action, scope)
            if result == .done || !ruleState.isStrict { return result == .refused ? refuseTarget() : .goesOn }
            return result == .refused ? refuseTarget() : failRewrite(isResponse)
        }
    }

    private func deny(_ reply: Reply, _ scope: StreamScope, isResponse: Bool) -> Step {
        if isResponse {
            frontend.counters.add(.deniedResponses, on: worker.index)
        } else {
            frontend.counters.add(.deniedRequests, on: worker.index)
        }
        answer(reply, scope, .proxy, isResponse ? .headers : .request)
        return .over
    }

    /// `option http-restrict-req-hdr-names`: names of letters, digits and `-` alone.
    private func restrictNames(_ policy: RestrictedNames) -> RuleOutcome {
        for index in 0..<request.fieldCount where request.isLive(index) {
            let name = request.name(index)
            if (0..<name.count).allSatisfy({ name[$0].isLetter || name[$0].isDigit || name[$0] == UInt8(ascii: "-") }) {
                continue
            }
            guard policy == .reject else {
                request.delete(index)
                continue
            }
            frontend.counters.add(.deniedRequests, on: worker.index)
            respond(403, .proxy, .request)
            return .ended
        }
        return .passed
    }

    /// `normalize-uri ... strict` met what is no valid encoding.
    private func refuseTarget() -> Step {
        frontend.counters.add(.requestErrors, on: worker.index)
        respond(400, .proxy, .request)
        return .over
    }

    /// A change found no room, or would have broken the message apart (`strict-mode`).
    private func failRewrite(_ isResponse: Bool) -> Step {
        respond(500, .proxy, isResponse ? .headers : .request)
        return .over
    }

    private func setTimeout(_ isTunnel: Bool, _ value: TimeoutValue, _ scope: StreamScope) {
        let milliseconds: Int
        switch value {
        case .milliseconds(let number): milliseconds = number
        case .expression(let expression):
            scope.beginEvaluation()
            guard let sample = expression.evaluate(scope),
                let number = SampleCasts.cast(sample, to: .type(.integer), scope)
            else { return }
            milliseconds = Int(clamping: number.integer)
        }
        guard milliseconds > 0, milliseconds <= Int(Int32.max) else { return }
        if isTunnel { ruleState.tunnelMilliseconds = milliseconds } else { ruleState.serverMilliseconds = milliseconds }
    }

    // MARK: Waiting

    /// `wait-for-body`, `option http-buffer-request`: true when there is nothing (more) to wait for.
    private func waitForBody(_ milliseconds: Int?, _ bytes: Int) -> Bool {
        let isEnough = bytes > 0 && upload.byteCount >= bytes
        if requestBody.isDone || isEnough || upload.byteCount >= context.bufferBytes {
            if ruleState.wait == .body { record.requestMilliseconds = elapsed(since: requestStart) }
            ruleState.wait = .none
            serverDeadline = .never
            return true
        }
        if ruleState.wait == .none {
            ruleState.wait = .body
            serverDeadline = deadline(milliseconds)
            askForBody()
        }
        letClientSend(context.bufferBytes - upload.byteCount)
        return false
    }

    private func buffer(_ processing: Processing) -> RuleOutcome {
        waitForBody(frontend.settings.timeouts.httpRequestMilliseconds, 0) ? .passed : .waiting
    }

    /// A client that waits to be asked for the body is asked (RFC 9110, section 10.1.1).
    private func askForBody() {
        guard request.version >= .http11, upload.byteCount == 0, let index = request.firstIndex(of: .expect),
            request.value(index).equalsIgnoringCase("100-continue"), var chunk = worker.pool.take()
        else { return }
        // SAFETY: a literal's bytes live for ever.
        _ = unsafe chunk.append(
            UnsafeRawBufferPointer(start: ("HTTP/1.1 100 Continue\r\n\r\n" as StaticString).utf8Start, count: 25))
        client.transport.send(chunk)
        _ = client.transport.flush()
        request.delete(index)
    }

    /// More of the body has come while rules wait for it.
    func bodyArrived() { if rules?.wait == .body && state == .server { advanceRules() } }

    /// The time that a rule may wait is over.
    func ruleWaitOver() {
        guard let rules else { return arm() }
        switch rules.wait {
        case .body, .contents:
            // The client did not send what it announced.
            keepsClient = false
            record.requestMilliseconds = -1
            frontend.counters.add(.requestErrors, on: worker.index)
            respond(408, .clientTimeout, .request)
        case .tarpit:
            ruleState.wait = .none
            record.requestMilliseconds = -1
            record.queueMilliseconds = elapsed(since: requestStart)
            guard let reply = ruleState.reply else { return }
            let scope = context.scope
            scope.attach(self, request: requestForRules)
            answer(reply, scope, .proxy, .tarpit)
        case .none, .responseBody: arm()
        }
    }

    private func holdBack(_ reply: Reply) {
        frontend.counters.add(.deniedRequests, on: worker.index)
        ruleState.reply = reply
        ruleState.phase = .tarpit
        ruleState.wait = .tarpit
        let timeouts = backend?.settings.timeouts ?? frontend.settings.timeouts
        serverDeadline = deadline(timeouts.tarpitMilliseconds ?? timeouts.connectMilliseconds ?? 0)
    }

    // MARK: Choices

    /// `unique-id-header`.
    func addUniqueID(_ header: [UInt8]) {
        let scope = context.scope
        scope.attach(self, request: requestForRules)
        let identifier = uniqueID(scope)
        scope.detach()
        if !identifier.isEmpty { _ = request.add(name: header.span, value: identifier.span) }
    }

    /// `use-server`: the server that the first rule that holds names.
    func chooseServer(_ backend: Backend) -> Server? {
        guard !backend.processing.useServers.isEmpty else { return nil }
        let scope = context.scope
        scope.attach(self, request: requestForRules)
        defer { scope.detach() }
        return backend.server(for: scope, context.texts, ruleState)
    }
}
