import Base
import Buffers
import Configuration
import Engine
import HTTP

/// The way of a response through the rules of backend and frontend: those for what servers send, then those for all
/// responses. Rules may wait for the body; then the response is held, with what has come of it, in the block of its
/// head.
extension HTTPExchange {
    /// How long the server may be silent; while a rule waits for the body, until that is over.
    var serverWaitMilliseconds: Int? {
        if let rules, rules.wait == .responseBody {
            return rules.inspectionDeadline == .never
                ? nil : max(0, Int(clamping: rules.inspectionDeadline.milliseconds(since: worker.now)))
        }
        return rules?.serverMilliseconds ?? backendReference.with { $0.settings.timeouts.serverMilliseconds } ?? nil
    }

    /// Whether backend or frontend have something to do with responses.
    var touchesResponse: Bool {
        frontendReference.with { $0.processing.touchesResponses } == true
            || backendReference.with { $0.processing.touchesResponses } == true
    }

    /// Whether a response of our own is looked at by rules.
    var hasAfterRules: Bool {
        !frontend.processing.afterRules.isEmpty || backend?.processing.afterRules.isEmpty == false
    }

    /// Carries out what backend and frontend have to do with a response of the server.
    func beginResponseRules(_ directives: ConnectionDirectives) -> RuleOutcome {
        if let store = captureStore() { store.capture(response, isResponse: true) }
        ruleState.responseStation = 0
        ruleState.responseDirectives = directives
        ruleState.index = 0
        ruleState.isStrict = true
        return runResponseRules()
    }

    private func runResponseRules() -> RuleOutcome {
        let before = backend?.processing, after = frontend.processing
        // The sets in their order: of the backend for content and for responses, then of the frontend.
        while ruleState.responseStation < 4 {
            let station = ruleState.responseStation
            let processing = station < 2 ? before : after === before ? nil : after
            if let processing, !isRaw(processing) {
                let rules = station & 1 == 0 ? processing.responseContentRules : processing.responseRules
                let outcome = run(rules, isResponse: true)
                guard case .passed = outcome else { return outcome }
            }
            ruleState.responseStation += 1
            ruleState.index = 0
            ruleState.isStrict = true
        }
        if before?.checksCaching == true && riskyToCache { return blockCacheable() }
        return passesAfterRules(before, after) ? .passed : .ended
    }

    /// `http-after-response`, for responses of servers and for our own.
    func passesAfterRules(_ before: Processing?, _ after: Processing) -> Bool {
        for processing in [before, after === before ? nil : after] {
            guard let processing, !processing.afterRules.isEmpty, !isRaw(processing) else { continue }
            ruleState.index = 0
            ruleState.isStrict = true
            guard case .passed = run(processing.afterRules, isResponse: true) else { return false }
        }
        return true
    }

    // MARK: Waiting for the body

    /// Whether the response is held, because a rule waits for its body.
    var holdsResponse: Bool { rules?.wait == .responseBody }

    /// What has come of the body of a response that is held.
    private enum HeldBody { case partial(Int), complete, broken }

    private var heldBody: HeldBody {
        // SAFETY: the chunk stays in `responseChunk`, its bytes in place, during the call.
        let bytes = unsafe responseBytes
        let count = max(0, bytes.count - response.headLength)
        switch responseBody.framing {
        case .none, .tunnel: return .complete
        case .length: return UInt64(count) >= responseBody.remaining || serverEnded ? .complete : .partial(count)
        case .untilClose: return serverEnded ? .complete : .partial(count)
        case .chunked:
            var decoder = responseBody.decoder
            var place = response.headLength, content = 0
            // Bounded by the bytes: each round takes some.
            while place < bytes.count {
                switch unsafe decoder.next(bytes, from: place) {
                case .needMore: place = bytes.count
                case .data(let range):
                    content += range.count
                    place = range.upperBound
                case .complete: return .complete
                case .failed: return .broken
                }
            }
            return serverEnded ? .complete : .partial(content)
        }
    }

    /// What has come of the content of a server's response, while rules look at it.
    @unsafe
    func heldContent(copiedTo room: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        // SAFETY: the chunk stays in `responseChunk`, its bytes in place, while the caller reads them.
        let bytes = unsafe responseBytes
        guard !isDelivering, response.headLength > 0, response.headLength < bytes.count else {
            return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
        // SAFETY: all ranges lie within these bytes.
        let body = unsafe UnsafeRawBufferPointer(rebasing: bytes[response.headLength...])
        switch responseBody.framing {
        case .none, .tunnel: return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        case .untilClose: return unsafe body
        case .length:
            let count = Int(clamping: min(responseBody.remaining, UInt64(body.count)))
            return unsafe UnsafeRawBufferPointer(rebasing: body[..<count])
        case .chunked:
            var copy = unsafe ContentCopy(responseBody.decoder, room)
            unsafe copy.append(body)
            return unsafe copy.bytes
        }
    }

    /// `http-response wait-for-body`.
    func waitForResponseBody(_ milliseconds: Int, _ atLeast: Int) -> Step {
        switch heldBody {
        case .broken:
            endHold()
            badResponseBody()
            return .over
        case .partial(let count) where responseHeadRoom > 1 && (atLeast == 0 || count < atLeast):
            if ruleState.wait == .none {
                ruleState.wait = .responseBody
                ruleState.inspectionDeadline = worker.now.adding(milliseconds: milliseconds)
            }
            connection?.transport.receive(credit: responseHeadRoom)
            serverDeadline = ruleState.inspectionDeadline
            return .waits
        case .partial, .complete:
            endHold()
            return .goesOn
        }
    }

    private func endHold() {
        guard holdsResponse else { return }
        ruleState.wait = .none
        ruleState.inspectionDeadline = .never
    }

    /// The framing of the body is broken, and nothing of the response has been sent yet.
    private func badResponseBody() {
        keepsServer = false
        backend?.counters.add(.responseErrors, on: worker.index)
        server?.counters.add(.responseErrors, on: worker.index)
        record.responseMilliseconds = -1
        respond(502, .proxy, .headers)
    }

    /// More of a response that is held has come, or its end.
    func heldResponseArrived() {
        // SAFETY: the chunk stays in `responseChunk`; its bytes may have moved when more were joined to them.
        if let base = unsafe responseBytes.baseAddress { unsafe response.rebase(base) }
        switch runResponseRules() {
        case .ended: return
        case .waiting: return arm()
        case .passed: break
        }
        let hasEnded = serverEnded
        forwardJudgedResponse(ruleState.responseDirectives)
        if hasEnded && state == .responseBody { serverReceivedEnd() }
    }

    /// The time that a rule waits for the body is over.
    func heldResponseTimedOut() {
        endHold()
        keepsServer = false
        backend?.counters.add(.responseErrors, on: worker.index)
        record.responseMilliseconds = -1
        respond(504, .serverTimeout, .headers)
    }

    // MARK: option checkcache

    /// Whether the response sets a cookie, and caches may keep it (manual, section 4.2, `option checkcache`).
    private var riskyToCache: Bool {
        guard response.has(.setCookie) else { return false }
        if let pragma = response.firstIndex(named: ("pragma" as StaticString).bytes),
            response.value(pragma).equalsIgnoringCase("no-cache")
        {
            return false
        }
        if forbidsCaching { return false }
        if response.anyElement(of: .cacheControl, is: "public") { return true }
        switch request.method {
        case .get, .head, .options, .trace: break
        default: return false
        }
        switch response.status.code {
        case 200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501: return true
        default: return false
        }
    }

    private var forbidsCaching: Bool {
        response.anyElement(of: .cacheControl, is: "private") || response.anyElement(of: .cacheControl, is: "no-store")
            || response.anyElement(of: .cacheControl, is: "max-age=0")
            || response.anyElement(of: .cacheControl, is: "s-maxage=0")
            || response.anyElement(of: .cacheControl, is: "no-cache") || forbidsCachingCookie
    }

    /// `Cache-Control: no-cache="set-cookie"`, other fields may follow it.
    private var forbidsCachingCookie: Bool {
        let start = ("no-cache=\"set-cookie" as StaticString).bytes
        var index = response.firstIndex(of: .cacheControl)
        while let current = index {
            let value = response.value(current)
            var elements = ListElements()
            while let range = elements.next(value) {
                let element = value.extracting(range)
                guard element.count > start.count,
                    element.extracting(0..<start.count).equalsIgnoringCase(start),
                    element[start.count] == UInt8(ascii: "\"") || element[start.count] == UInt8(ascii: ",")
                else { continue }
                return true
            }
            index = response.firstIndex(of: .cacheControl, from: current + 1)
        }
        return false
    }

    private func blockCacheable() -> RuleOutcome {
        frontend.counters.add(.deniedResponses, on: worker.index)
        frontend.logger.event(
            .alert,
            "Blocking cacheable cookie in response from instance \(record.backend), server \(record.server).",
            on: context.logWriter, at: worker.wallClockMicroseconds)
        keepsServer = false
        record.responseMilliseconds = -1
        respond(502, .proxy, .headers)
        return .ended
    }
}
