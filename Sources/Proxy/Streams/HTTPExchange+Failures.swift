import Base
import Buffers
import Configuration
import Engine
import HTTP

/// What goes wrong: bad messages, peers that leave, waits that are over; and the responses that say so.
///
/// The status, and the termination state of the log line, are those of the manual's sections 1.3 and 8.5.
extension HTTPExchange {
    // MARK: Our own responses

    /// Answers in place of a server, and ends.
    func respond(_ status: Int, _ cause: TerminationCause, _ phase: TerminationPhase) {
        if record.cause == .none { (record.cause, record.phase) = (cause, phase) }
        if hasResponded {
            // Too late for a status: the client learns from the broken connection.
            return abort(cause, phase)
        }
        stopSeekingServer()
        record.status = Int32(clamping: status)
        let answer = ErrorResponses.response(for: status, of: backend?.errors, frontend.errors)
        let isEdited = hasAfterRules || frontend.settings.options.contains(.caseAdjustClient)
        if isEdited || answer.reply != nil, !isDelivering { return respondByRules(answer, cause, phase) }
        keepsServer = false
        keepsClient =
            keepsClient && !context.endsConnection && answer.mayPersist && requestBody.isDone && state != .requestHead
        let isHead = state != .requestHead && request.method == .head
        let bytes = keepsClient ? answer.persistent : answer.closing
        let headBytes = keepsClient ? answer.persistentHeadBytes : answer.closingHeadBytes
        let count = isHead ? headBytes : bytes.count
        _ = responseChunk.take()
        // SAFETY: the array's storage is valid inside the closure.
        unsafe bytes.withUnsafeBytes { unsafe queueForClient($0, count) }
        finishLocally(cause, phase, isEmpty: count == 0)
    }

    /// A response of our own is queued: what is left is to push it out.
    func finishLocally(_ cause: TerminationCause, _ phase: TerminationPhase, isEmpty: Bool = false) {
        hasResponded = true
        responseBody.isDone = true
        serverDeadline = .never
        state = .finishing
        client.transport.receive(credit: 0)
        let result = client.transport.flush()
        if case .failed = result { return abort(cause, phase) }
        if result == .done || isEmpty { return complete() }
        clientDeadline = deadline(frontend.settings.timeouts.clientMilliseconds)
        arm()
    }

    /// Queues bytes for the client, a block's worth after the other.
    @unsafe
    func queueForClient(_ bytes: UnsafeRawBufferPointer, _ count: Int) {
        var place = 0
        // Bounded by the response's length: each round takes some of it.
        while place < count {
            guard var chunk = worker.pool.take() else { return }
            // SAFETY: the caller vouches for the bytes during the call; the range is within them.
            place += unsafe chunk.append(UnsafeRawBufferPointer(rebasing: bytes[place..<count]))
            record.bytesRead &+= UInt64(chunk.count)
            client.transport.send(chunk)
        }
    }

    /// The response is one of `http-error`, or rules look at all responses.
    private func respondByRules(
        _ answer: ErrorResponses.Response, _ cause: TerminationCause, _ phase: TerminationPhase
    ) {
        guard let reply = answer.reply else { return deliver(whole: answer.persistent, cause, phase) }
        let scope = context.scope
        scope.attach(self, request: state == .requestHead ? nil : request)
        self.answer(reply, scope, cause, phase)
    }

    /// Answers without any rule: one of them has failed.
    func respondPlainly(_ status: Int, _ cause: TerminationCause, _ phase: TerminationPhase) {
        isDelivering = true
        respond(status, cause, phase)
    }

    // MARK: The request

    /// The head is not one that may be served.
    func refuse(_ error: HTTPParseError) {
        frontend.counters.add(.requestErrors, on: worker.index)
        keepsClient = false
        record.requestMilliseconds = -1
        respond(Int(error.status.code), .proxy, .request)
    }

    /// Refuses the content of an old request that most peers expect none of: one that does not look for it would take
    /// it for the next request. False: it may have some.
    func refusesPayload() -> Bool {
        switch request.method {
        case .get, .head, .delete: break
        default: return false
        }
        if context.tuning.acceptsPayloadWithAnyMethod { return false }
        frontend.counters.add(.requestErrors, on: worker.index)
        keepsClient = false
        record.requestMilliseconds = -1
        respond(413, .proxy, .request)
        return true
    }

    /// The body's framing is broken.
    func badRequestBody() {
        frontend.counters.add(.requestErrors, on: worker.index)
        keepsClient = false
        requestBody.isDone = false
        keepsServer = false
        respond(400, .proxy, state == .responseHead ? .data : .request)
    }

    /// The connection ended, or its time was over, before the first byte of its first request.
    func abandonedBeforeRequest(_ cause: TerminationCause) {
        keepsClient = false
        frontend.counters.add(.requestErrors, on: worker.index)
        let options = frontend.settings.options
        // The wait was for the whole of the connection's time.
        requestStart = acceptTicks
        record.idleMilliseconds = 0
        record.requestDateMicroseconds = record.acceptDateMicroseconds
        record.requestMilliseconds = -1
        if cause == .clientTimeout {
            if options.contains(.httpIgnoreProbes) { return closeSilently() }
            return respond(408, .clientTimeout, .request)
        }
        (record.cause, record.phase) = (.client, .request)
        if options.contains(.httpIgnoreProbes) || options.contains(.dontLogNull) { return closeSilently() }
        respond(400, .client, .request)
    }

    private func closeSilently() {
        isLogged = true
        abort(.client, .request)
    }

    func clientReceivedEnd() {
        clientEnded = true
        switch state {
        case .requestHead:
            keepsClient = false
            frontend.counters.add(.requestErrors, on: worker.index)
            record.requestMilliseconds = -1
            respond(400, .client, .request)
        case .tunnel:
            touchTunnel()
            settleTunnel()
        case .server, .responseHead:
            if !requestBody.isDone {
                respond(400, .client, clientAbortPhase)
            } else if aborts {
                abort(.client, clientAbortPhase)
            }
        case .responseBody, .finishing:
            if !requestBody.isDone { abort(.client, .data) }
        case .spare: break
        }
    }

    func clientFailed() {
        abort(.client, clientAbortPhase)
    }

    func clientWaitOver() {
        switch state {
        case .requestHead:
            keepsClient = false
            record.requestMilliseconds = -1
            frontend.counters.add(.requestErrors, on: worker.index)
            respond(408, .clientTimeout, .request)
        case .server, .responseHead:
            keepsClient = false
            respond(408, .clientTimeout, clientAbortPhase)
        case .tunnel, .responseBody: abort(.clientTimeout, .data)
        case .finishing: abort(.clientTimeout, .last)
        case .spare: break
        }
    }

    // MARK: The server

    func unavailable(_ failure: ServerFailure) {
        switch failure {
        case .noServer, .connectFailed: respond(503, .server, .connect)
        case .connectTimeout: respond(503, .serverTimeout, .connect)
        case .queueTimeout: respond(503, .serverTimeout, .queue)
        case .queueFull: respond(503, .server, .queue)
        case .resource: respond(503, .resource, .connect)
        }
    }

    func serverWaitOver() {
        switch state {
        case .responseHead:
            if holdsResponse { return heldResponseTimedOut() }
            if retries(for: .responseTimeout) { return }
            countServerError()
            respond(504, .serverTimeout, .headers)
        case .responseBody: cutOff(.serverTimeout)
        case .tunnel: abort(.serverTimeout, .data)
        case .finishing:
            keepsServer = false
            if requestBody.isDone { settle() } else { stopUpload() }
            if state != .spare { arm() }
        case .requestHead: arm()
        case .server: ruleWaitOver()
        case .spare: break
        }
    }

    /// The server ended its side before a whole head had come.
    func serverEndedBeforeResponse() {
        if !hasResponseBytes && retriesUnanswered() { return }
        countServerError()
        if !hasResponseBytes && client.requestCount > 1 && isReused {
            // As any server that closes an idle connection: a client that reuses connections knows how to try again.
            record.status = -1
            return abort(.server, .headers)
        }
        respond(502, .server, .headers)
    }

    /// The response ends before its end. What has come of it still goes to the client, whose connection is then closed:
    /// that tells it (RFC 9112 section 8).
    func cutOff(_ cause: TerminationCause) {
        if client.transport.queuedByteCount == 0 { return abort(cause, .data) }
        if record.cause == .none { (record.cause, record.phase) = (cause, .data) }
        keepsClient = false
        keepsServer = false
        dropConnection()
        client.transport.receive(credit: 0)
        serverDeadline = .never
        clientDeadline = deadline(frontend.settings.timeouts.clientMilliseconds)
        state = .finishing
        arm()
    }

    func serverFailed() {
        switch state {
        case .responseHead:
            if holdsResponse { serverReceivedEnd() } else { serverEndedBeforeResponse() }
        case .responseBody: cutOff(.server)
        case .tunnel: abort(.server, .data)
        case .finishing:
            keepsServer = false
            if !requestBody.isDone {
                stopUpload()
            } else {
                dropConnection()
                settle()
            }
        case .requestHead, .server, .spare: break
        }
    }

    func badResponse() {
        if retries(for: .junkResponse) { return }
        countServerError()
        server?.counters.add(.responseErrors, on: worker.index)
        respond(502, .proxy, .headers)
    }

    private func countServerError() {
        backend?.counters.add(.responseErrors, on: worker.index)
    }

    // MARK: Trying again (manual, section 4.2, `retry-on`)

    /// Whether the whole request is still at hand.
    private var canReplay: Bool {
        if hasResponded || requestChunk == nil || retriesLeft <= 0 || rules?.disablesRetries == true
            || !requestBody.isDone
        {
            return false
        }
        return requestBody.framing == .none || replay != nil
    }

    /// A used connection that breaks without an answer most likely was being closed as the request went out: the
    /// request is sent again on a new one when that does no harm (RFC 9110 section 9.2.2), or when `retry-on` says
    /// so.
    private func retriesUnanswered() -> Bool {
        if retries(for: .emptyResponse) { return true }
        guard isReused, request.method.isIdempotent, canReplay else { return false }
        tryAgain()
        return true
    }

    private func retries(for reason: RetryOn) -> Bool {
        guard let backend, backend.settings.retryOn.contains(reason), canReplay else { return false }
        tryAgain()
        return true
    }

    func retriesStatus(_ status: Int) -> Bool {
        let reason: RetryOn
        switch status {
        case 401: reason = .status401
        case 403: reason = .status403
        case 404: reason = .status404
        case 408: reason = .status408
        case 425: reason = .status425
        case 500: reason = .status500
        case 501: reason = .status501
        case 502: reason = .status502
        case 503: reason = .status503
        case 504: reason = .status504
        default: return false
        }
        return retries(for: reason)
    }

    private func tryAgain() {
        dropConnection()
        countRetry()
        _ = responseChunk.take()
        response.reset()
        record.status = -1
        record.responseMilliseconds = -1
        isReused = false
        serverEnded = false
        hasResponseBytes = false
        state = .server
        serverDeadline = .never
        upload.removeAll()
        if let body = replay.take() {
            replay = body.share(0..<body.count)
            upload.append(body)
        }
        retryServer()
    }
}
