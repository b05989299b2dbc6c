import Base
import Buffers
import Configuration
import Engine
import HTTP
import Samples

/// Responses that rules give: made in the worker's lines, sent like a server's, without allocation.
extension HTTPExchange {
    // MARK: return, deny, tarpit

    /// Answers as a rule says, and ends.
    func answer(_ reply: Reply, _ scope: StreamScope, _ cause: TerminationCause, _ phase: TerminationPhase) {
        switch reply.content {
        case .proxy:
            scope.detach()
            ruleState.meetAnsweringRule()
            return respond(reply.status, cause, phase)
        case .raw(let bytes):
            scope.detach()
            return deliver(whole: bytes, cause, phase)
        case .section(let name):
            scope.detach()
            guard let bytes = context.errorFile(name, reply.status) else { return respond(reply.status, cause, phase) }
            return deliver(whole: bytes, cause, phase)
        case .none, .bytes, .format: break
        }
        let texts = context.texts
        texts.reply.start(limit: context.bufferBytes)
        startHead(reply.status, &texts.reply)
        for header in reply.headers {
            texts.reply.append(header.name.span)
            texts.reply.append(": ")
            texts.reply.append(texts.format(header.value, scope).span)
            texts.reply.append("\r\n")
        }
        switch reply.content {
        case .bytes(let bytes):
            endHead(reply, bytes.count, &texts.reply)
            scope.detach()
            deliver(texts.reply, bytes.span, cause, phase)
        case .format(let format):
            let text = texts.format(format, scope)
            endHead(reply, text.span.count, &texts.reply)
            scope.detach()
            deliver(texts.reply, text.span, cause, phase)
        default:
            endHead(reply, 0, &texts.reply)
            scope.detach()
            deliver(texts.reply, noContent, cause, phase)
        }
    }

    private var noContent: Span<UInt8> {
        @_lifetime(immortal)
        get { ("" as StaticString).bytes }
    }

    private func startHead(_ status: Int, _ head: inout LogLine) {
        head.append("HTTP/1.1 ")
        head.append(decimal: Int64(status))
        head.append(UInt8(ascii: " "))
        head.append(HTTPStatus(UInt16(clamping: status)).reason)
        head.append("\r\n")
    }

    private func endHead(_ reply: Reply, _ length: Int, _ head: inout LogLine) {
        if !HTTPStatus(UInt16(clamping: reply.status)).forbidsContent {
            head.append("content-length: ")
            head.append(decimal: Int64(length))
            head.append("\r\n")
        }
        if length > 0, !reply.contentType.isEmpty {
            head.append("content-type: ")
            head.append(text: reply.contentType)
            head.append("\r\n")
        }
        head.append("\r\n")
    }

    // MARK: auth

    /// Asks for a user and a password: 407 where the client speaks to a proxy, else 401 (RFC 9110, section 11).
    func challenge(_ realm: [UInt8]?) {
        let isProxy =
            request.targetForm == .absolute
            && (request.has(.proxyConnection) || frontend.settings.options.contains(.httpUseProxyHeader))
        let status = isProxy ? 407 : 401
        let page = ErrorResponses.response(for: status, of: backend?.errors, frontend.errors).persistent
        let realm = realm ?? frontend.processing.name
        let field = Array((isProxy ? "proxy-authenticate" : "www-authenticate").utf8)
        let value = Array("Basic realm=\"".utf8) + realm + Array("\"".utf8)
        let end = StandardResponses.headLength(of: page)
        guard end >= 4 else { return respond(status, .local, .request) }
        let line = field + Array(": ".utf8) + value + Array("\r\n\r\n".utf8)
        deliver(whole: Array(page[..<(end - 2)]) + line + Array(page[end...]), .local, .request)
    }

    // MARK: redirect

    /// Sends the client elsewhere. False: the location is empty, and the rule is passed over.
    func redirect(_ redirect: Redirect, _ scope: StreamScope, isResponse: Bool) -> Bool {
        let text = context.texts.format(redirect.target, scope)
        if redirect.ignoresEmpty && text.span.isEmpty { return false }
        let location = context.texts.make { writeLocation(redirect, text.span, to: &$0) }
        scope.detach()
        self.redirect(
            redirect.status, location.span, cookie: redirect.cookie, .local, isResponse ? .headers : .request)
        return true
    }

    /// Answers with a redirection and ends.
    func redirect(
        _ status: Int, _ location: Span<UInt8>, cookie: [UInt8] = [], _ cause: TerminationCause,
        _ phase: TerminationPhase
    ) {
        let texts = context.texts
        texts.reply.start(limit: context.bufferBytes)
        startHead(status, &texts.reply)
        texts.reply.append("content-length: 0\r\nlocation: ")
        texts.reply.append(location)
        texts.reply.append("\r\n")
        if status == 302 || status == 303 || status == 307 { texts.reply.append("cache-control: no-cache\r\n") }
        if !cookie.isEmpty {
            texts.reply.append("set-cookie: ")
            texts.reply.append(cookie)
            texts.reply.append("\r\n")
        }
        texts.reply.append("\r\n")
        deliver(texts.reply, noContent, cause, phase)
    }

    private func writeLocation(_ redirect: Redirect, _ text: Span<UInt8>, to line: inout LogLine) {
        switch redirect.kind {
        case .location: line.append(text)
        case .prefix:
            if !redirect.isBareSlash { line.append(text) }
            writePath(redirect, to: &line)
        case .scheme:
            line.append(text)
            line.append("://")
            if let host = request.firstValue(of: .host) { line.append(host) }
            let path = request.span(request.pathAndQuerySlice)
            if path.isEmpty || path[0] != UInt8(ascii: "/") {
                line.append(UInt8(ascii: "/"))
            } else {
                writePath(redirect, to: &line)
            }
        }
    }

    private func writePath(_ redirect: Redirect, to line: inout LogLine) {
        let path = request.span(redirect.dropsQuery ? request.pathSlice : request.pathAndQuerySlice)
        line.append(path)
        if redirect.appendsSlash && redirect.dropsQuery, path.isEmpty || path[path.count - 1] != UInt8(ascii: "/") {
            line.append(UInt8(ascii: "/"))
        }
    }

    // MARK: reject

    /// Closes the connection without an answer.
    func reject() {
        frontend.counters.add(.deniedRequests, on: worker.index)
        keepsClient = false
        stopSeekingServer()
        record.requestMilliseconds = -1
        abort(.proxy, .request)
    }

    // MARK: early-hint

    func addHint(_ name: [UInt8], _ value: Span<UInt8>) {
        if !ruleState.hasHint {
            context.texts.head.start(limit: context.bufferBytes)
            context.texts.head.append("HTTP/1.1 103 Early Hints\r\n")
            ruleState.hasHint = true
        }
        guard HTTPCharacters.isFieldValue(value) else { return }
        context.texts.head.append(name)
        context.texts.head.append(": ")
        context.texts.head.append(value)
        context.texts.head.append("\r\n")
    }

    /// Sends the fields of the `early-hint` rules that stood behind each other, to clients that know interim responses.
    func sendHints() {
        ruleState.hasHint = false
        guard request.version >= .http11 else { return }
        context.texts.head.append("\r\n")
        // SAFETY: the line is not changed while its bytes are copied.
        let count = unsafe context.texts.head.bytes.count
        unsafe queueForClient(context.texts.head.bytes, count)
        _ = client.transport.flush()
    }

    // MARK: Sending

    /// Sends a response that stands in one piece, such as an `errorfile`.
    func deliver(whole bytes: [UInt8], _ cause: TerminationCause, _ phase: TerminationPhase) {
        let end = StandardResponses.headLength(of: bytes)
        if bytes.isEmpty {
            // An empty file: the connection is closed without an answer.
            keepsClient = false
            return abort(cause, phase)
        }
        var head = LogLine()
        head.start(limit: context.bufferBytes)
        head.append(bytes.span.extracting(0..<end))
        deliver(head, bytes.span.extracting(end..<bytes.count), cause, phase)
    }

    /// Sends a response of our own, after the rules for all responses, and ends the exchange.
    private func deliver(
        _ bytes: borrowing LogLine, _ content: Span<UInt8>, _ cause: TerminationCause, _ phase: TerminationPhase
    ) {
        if record.cause == .none { (record.cause, record.phase) = (cause, phase) }
        if hasResponded { return abort(cause, phase) }
        stopSeekingServer()
        keepsServer = false
        guard bytes.count < bytes.limit, parse(bytes) else { return respondPlainly(500, .internalError, phase) }
        record.status = Int32(response.status.code)
        response.deleteAll(.connection)
        response.deleteAll(.transferEncoding)
        if !response.status.forbidsContent, response.firstIndex(of: .contentLength) == nil {
            let length = context.texts.make { $0.append(decimal: Int64(content.count)) }
            _ = response.add(name: "content-length".utf8.span, value: length.span)
        }
        // A denial by these rules comes back here, with no rules left to run.
        let runsRules = !isDelivering
        isDelivering = true
        if runsRules && hasAfterRules && !passesAfterRules(backend?.processing, frontend.processing) { return }
        keepsClient = keepsClient && !context.endsConnection && requestBody.isDone && state != .requestHead
        guard var chunk = worker.pool.take() else { return abort(.resource, phase) }
        let option: ConnectionOption =
            keepsClient ? (request.version < .http11 ? .keepAlive : .implied) : .close
        let written = writeResponseHead(option, into: &chunk)
        guard let written else { return respondPlainly(500, .internalError, phase) }
        chunk.extend(by: written)
        record.bytesRead &+= UInt64(written)
        client.transport.send(chunk)
        let isHead = state != .requestHead && request.method == .head
        if !isHead && !response.status.forbidsContent && content.count > 0 {
            // SAFETY: the content stands during the call.
            unsafe content.withUnsafeBytes { unsafe queueForClient($0, $0.count) }
        }
        _ = responseChunk.take()
        rules?.meetAnsweringRule()
        finishLocally(cause, phase)
    }

    /// Parses a head of our own into `response`, its bytes in a block.
    private func parse(_ bytes: borrowing LogLine) -> Bool {
        _ = responseChunk.take()
        response.reset()
        guard var chunk = worker.pool.take() else { return false }
        // SAFETY: the line stands during the call; the block has room for a head.
        let count = unsafe chunk.append(bytes.bytes)
        guard count == bytes.count else { return false }
        responseChunk = consume chunk
        // SAFETY: the chunk stays in `responseChunk`, its bytes in place, until the head is reset.
        guard case .complete = unsafe ResponseParser(limits: parserLimits).parse(responseBytes, into: response) else {
            return false
        }
        return true
    }
}
