import Base
import Buffers
import Configuration
import Engine
import HTTP

/// What comes from the client: the request's head, its choice of backend and server, its body.
extension HTTPExchange {
    // MARK: The head

    func receivedFromClient(_ chunk: consuming Chunk) {
        if state == .requestHead { return receivedHead(chunk) }
        record.bytesUploaded &+= UInt64(chunk.count)
        forwardRequest(chunk)
    }

    func receivedHead(_ chunk: consuming Chunk) {
        record.bytesUploaded &+= UInt64(chunk.count)
        if let head = requestChunk.take() {
            guard let joined = worker.pool.join(head, chunk) else {
                return refuse(HTTPParseError(.headTooLarge, at: context.bufferBytes))
            }
            requestChunk = consume joined
        } else {
            requestChunk = consume chunk
        }
        // SAFETY: the chunk stays in `requestChunk`, its bytes in place, until the head is reset or rebased.
        let isLenient = frontendReference.with { $0.settings.options.contains(.acceptInvalidRequest) } ?? false
        let limits = isLenient ? context.lenientLimits : parserLimits
        switch unsafe RequestParser(limits: limits).parse(requestBytes, into: request) {
        case .needMore:
            if frontend.settings.timeouts.httpRequestMilliseconds == nil {
                clientDeadline = deadline(frontend.settings.timeouts.clientMilliseconds)
            }
            arm()
            client.transport.receive(credit: requestRoom)
        case .failed(let error): refuse(error)
        case .complete(let length): requestParsed(length)
        }
    }

    @unsafe
    var requestBytes: UnsafeRawBufferPointer {
        // SAFETY: there is a chunk whenever the request has a head.
        switch requestChunk {
        case .some(let chunk): return unsafe chunk.bytes
        case .none: return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    private var requestRoom: Int {
        switch requestChunk {
        case .some(let chunk): return max(1, context.bufferBytes - chunk.count)
        case .none: return context.bufferBytes
        }
    }

    /// The head is whole: what it asks for, and where it goes.
    private func requestParsed(_ headLength: Int) {
        record.requestMilliseconds = elapsed(since: requestStart)
        if frontendReference.with({ $0.logger.wantsRequestLine }) == true { captureRequestLine() }
        directives = request.connectionDirectives
        let framing = request.requestFraming
        if request.version < .http11 && framing != .none && refusesPayload() { return }
        requestBody.start(framing, parserLimits)
        keepsClient = false
        splitBody(headLength)
        if state != .requestHead { return }
        isUpgrade = directives.contains(.upgrade)
        keepsClient = directives.contains(.persistent) && !request.isFramingDoubtful && connectionMode != .close
        clientDeadline = .never
        state = .server
        if frontendReference.with({ $0.processing.touchesRequests }) == true { beginRules() } else { enterBackend() }
    }

    /// The frontend lets the request pass: its backend is chosen.
    func enterBackend() {
        frontendReference.with { frontend in
            let chosen = frontend.rules.isEmpty ? Lasting(frontend.defaultBackend) : chooseBackend(frontend)
            if chosen.isEmpty { return respond(503, .server, .connect) }
            chosen.with { enter($0, from: frontend) }
        }
    }

    private func enter(_ chosen: Backend, from frontend: Frontend) {
        enter(chosen)
        let options = frontend.settings.options.union(chosen.settings.options)
        aborts = options.contains(.abortOnClose)
        sendsAtOnce = options.contains(.httpNoDelay)
        chosen.counters.add(.requests, on: worker.index)
        connectionMode = max(connectionMode, chosen.settings.httpConnectionMode)
        if connectionMode == .close { keepsClient = false }
        if chosen.processing.holdsRequests { beginBackendRules(chosen) } else { seekServer() }
    }

    /// All rules let the request pass: a server is wanted.
    func seekServer() {
        frontendReference.with { frontend in backendReference.with { seekServer(frontend, $0) } }
    }

    private func seekServer(_ frontend: Frontend, _ chosen: Backend) {
        if let rules { rules.phase = .none }
        if clientReference.with({ $0.hasLastServer }) == true || !chosen.processing.useServers.isEmpty {
            preferServer(chosen)
        }
        prepareHead(frontend, chosen)
        if let header = frontend.processing.uniqueIDHeader { addUniqueID(header) }
        if !requestBody.isDone {
            letClientSend(context.bufferBytes - upload.byteCount)
        } else {
            requestIsWhole()
        }
        requestServer()
        if state != .spare { arm() }
    }

    @inline(never)
    private func preferServer(_ chosen: Backend) {
        if let server = preferredServer(chosen) { ruleState.preferredServer = server }
    }

    private func chooseBackend(_ frontend: Frontend) -> Lasting<Backend> {
        if let chosen = rules?.chosenBackend.take() { return Lasting(chosen) }
        let scope = context.scope
        scope.attach(self, request: request)
        defer { scope.detach() }
        // SAFETY: backends live as long as the runtime.
        return Lasting(frontend.backend(for: scope, context.texts))
    }

    /// Nothing more of the client is wanted now; with `option abortonclose` its end is, so that it is read on, as far
    /// as a block holds the requests that it may have sent ahead.
    private func requestIsWhole() {
        clientLine.with { $0.receive(credit: aborts ? surplusRoom : 0) }
    }

    private var surplusRoom: Int {
        switch surplus {
        case .some(let chunk): return max(0, context.bufferBytes - chunk.count)
        case .none: return context.bufferBytes
        }
    }

    /// Cuts what follows the head off: body, or the next request.
    private func splitBody(_ headLength: Int) {
        guard var chunk = requestChunk.take() else { return }
        let count = chunk.count
        if count == headLength {
            requestChunk = consume chunk
            return
        }
        let rest = chunk.share(headLength..<count)
        chunk.removeLast(count - headLength)
        requestChunk = consume chunk
        forwardRequest(rest)
        keepForReplay()
    }

    /// Keeps a body that came whole with its head, in case the request must be sent again.
    private func keepForReplay() {
        guard requestBody.isDone, upload.chunkCount == 1, let chunk = upload.popFirst() else { return }
        replay = chunk.share(0..<chunk.count)
        upload.append(chunk)
    }

    private func captureRequestLine() {
        // SAFETY: the head's slices lie in the chunk; the line ends before the first field, or at the head's end.
        let bytes = unsafe requestBytes
        let start = request.startOffset
        var end = start
        while end < bytes.count {
            let byte = unsafe bytes[end]
            if byte == 0x0A || byte == 0x0D { break }
            end += 1
        }
        unsafe record.captureRequestLine(
            UnsafeRawBufferPointer(rebasing: bytes[start..<end]), maximumBytes: context.loggedLineBytes)
    }

    // MARK: The body

    /// Takes bytes that follow the head: this request's body, then the next request.
    func forwardRequest(_ bytes: consuming Chunk) {
        var chunk = bytes
        if requestBody.isDone {
            keepSurplus(chunk)
            return
        }
        switch requestBody.framing {
        case .none: break
        case .tunnel, .untilClose:
            let isFull = chunk.count == context.bufferBytes
            sendToServer(chunk)
            if isFull && state == .tunnel { openRequestLane() }
        case .length:
            let count = Int(min(requestBody.remaining, UInt64(chunk.count)))
            requestBody.remaining -= UInt64(count)
            if requestBody.remaining == 0 { requestBody.isDone = true }
            if count == chunk.count {
                let isFull = count == context.bufferBytes && !requestBody.isDone
                sendToServer(chunk)
                if isFull && serverPhase == .connected && upload.isEmpty && !client.transport.deliversMore {
                    openRequestLane()
                }
            } else {
                sendToServer(chunk.splitFirst(count))
                keepSurplus(chunk)
            }
        case .chunked:
            switch requestBody.decode(&chunk) {
            case .needMore, .data: sendToServer(chunk)
            case .complete(let end):
                requestBody.isDone = true
                if end == chunk.count {
                    sendToServer(chunk)
                } else {
                    sendToServer(chunk.splitFirst(end))
                    keepSurplus(chunk)
                }
            case .failed:
                _ = consume chunk
                return badRequestBody()
            }
        }
        if requestBody.isDone { requestComplete() } else { continueUpload() }
        if let rules, rules.wait != .none { bodyArrived() }
    }

    /// Bytes of the body, or of a tunnel, are in the pipe to the server.
    func splicedFromClient(_ byteCount: Int) {
        record.bytesUploaded &+= UInt64(byteCount)
        if case .length = requestBody.framing {
            requestBody.remaining -= UInt64(byteCount)
            if requestBody.remaining == 0 { requestBody.isDone = true }
        }
        if requestBody.isDone { requestComplete() } else { continueUpload() }
    }

    private func keepSurplus(_ chunk: consuming Chunk) {
        record.bytesUploaded &-= UInt64(chunk.count)
        if let before = surplus.take() {
            if let joined = worker.pool.join(before, chunk) { surplus = consume joined } else { keepsClient = false }
        } else {
            surplus = consume chunk
        }
    }

    private func sendToServer(_ chunk: consuming Chunk) {
        if serverPhase == .connected, state != .server, state != .requestHead, let transport = connection?.transport {
            transport.send(chunk)
        } else {
            // Bytes that come singly must not keep a block each.
            if upload.absorb(chunk, upTo: Limits.copiedSendBytes) { return }
            upload.append(chunk)
        }
    }

    /// The body goes on: pushes out what there is, and lets more come as there is room.
    private func continueUpload() {
        if state == .requestHead || client.transport.deliversMore { return }
        guard serverPhase == .connected, let transport = connection?.transport, state != .server else {
            letClientSend(context.bufferBytes - upload.byteCount)
            return arm()
        }
        if case .failed = transport.flush() { return uploadFailed() }
        if state == .tunnel { return tunnelOpened() }
        // A server that is kept from sending by a slow client is not waited for.
        if transport.credit > 0 { serverDeadline = deadline(serverWaitMilliseconds) }
        letClientSend(context.windowBytes - transport.queuedByteCount)
        arm()
    }

    /// Lets the client send on, as much as there is room for. Without room it is not the client that is waited for.
    func letClientSend(_ limit: Int) {
        let transport = client.transport
        let room = SpliceLanes.count(lanes.request) > 0 ? 0 : limit
        transport.receive(credit: max(0, room))
        transport.bulk = requestBody.bulk(upTo: room)
        clientDeadline = room > 0 ? deadline(frontend.settings.timeouts.clientMilliseconds) : .never
    }

    /// The server takes nothing more. It may have answered before it left (RFC 9112 section 9.5): what it sent decides.
    private func uploadFailed() {
        guard state == .responseHead || state == .responseBody, let transport = connection?.transport else {
            return serverFailed()
        }
        keepsServer = false
        if !requestBody.isDone {
            keepsClient = false
            client.transport.receive(credit: 0)
            clientDeadline = .never
        }
        if state == .responseHead {
            if transport.credit == 0 {
                transport.receive(credit: holdsResponse ? responseHeadRoom : context.windowBytes)
            }
            serverDeadline = deadline(serverWaitMilliseconds)
        }
        arm()
    }

    /// The last byte of the request has come.
    private func requestComplete() {
        clientDeadline = .never
        if state == .requestHead { return }
        requestIsWhole()
        guard serverPhase == .connected, state != .server, let transport = connection?.transport else { return }
        if case .failed = transport.flush() { return uploadFailed() }
        if state == .responseHead { serverDeadline = deadline(serverWaitMilliseconds) }
        arm()
        settle()
    }

    func serverDrained() {
        guard let transport = connection?.transport else { return }
        if state == .tunnel { return tunnelOpened() }
        if !requestBody.isDone {
            letClientSend(context.windowBytes - transport.queuedByteCount)
            arm()
        } else if state == .responseHead {
            serverDeadline = deadline(serverWaitMilliseconds)
            arm()
        }
        settle()
    }

    // MARK: The server

    func assigned(_ server: Server) {
        if let prefix = server.settings.redirectionPrefix, request.method == .get || request.method == .head {
            return redirect(to: prefix)
        }
        // Taken, not read: that counts no reference.
        if let own = clientReference.with({ $0.takeOwnServer() }) ?? nil {
            if own.server === server { return use(own) }
            own.close(reset: true)
        }
        if let idle = idleConnection(to: server, isFirst: isFirstOfClient) { return use(idle) }
        openConnection(to: server)
    }

    private var isFirstOfClient: Bool { clientReference.with { $0.requestCount == 1 } ?? true }

    /// An idle connection that may carry this request (manual, section 4.2, `http-reuse`).
    private func idleConnection(to server: Server, isFirst: Bool) -> ServerConnection? {
        switch backendReference.with({ $0.settings.httpReuse }) {
        case .none, .never: return nil
        case .safe: return isFirst ? nil : server.acquireIdle(on: worker)
        case .aggressive: return server.acquireIdle(provenOnly: isFirst, on: worker)
        case .always: return server.acquireIdle(on: worker)
        }
    }

    private func use(_ idle: consuming ServerConnection) {
        isReused = true
        context.statistics.reusedServerConnections.add()
        idle.transport.setConsumer(self)
        connection = consume idle
        connectionEstablished()
    }

    /// Sends the head, and as much of the body as there is.
    func sendRequest() {
        withConnection { used in backendReference.with { sendRequest(on: used, $0) } }
    }

    private func sendRequest(on used: ServerConnection, _ backend: Backend) {
        used.requestCount += 1
        state = .responseHead
        hasResponseBytes = false
        response.reset()
        keepsServer = connectionMode == .keepAlive
        guard var chunk = takeBlock() else { return respond(500, .resource, .connect) }
        guard let written = writeRequestHead(backend, used.server, into: &chunk) else {
            return respond(400, .proxy, .request)
        }
        chunk.extend(by: written)
        let transport = used.transport
        transport.send(chunk)
        while let body = upload.popFirst() { transport.send(body) }
        if case .failed = transport.flush() { return uploadFailed() }
        transport.receive(credit: context.windowBytes)
        serverDeadline = deadline(serverWaitMilliseconds)
        if !requestBody.isDone { letClientSend(context.windowBytes - transport.queuedByteCount) }
        arm()
    }
}
