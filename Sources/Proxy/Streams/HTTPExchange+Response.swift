import Base
import Buffers
import Configuration
import Engine
import HTTP

/// What comes from the server: interim responses, the response's head and body, and after a change of protocol the
/// bytes of a tunnel.
extension HTTPExchange {
    func receivedFromServer(_ chunk: consuming Chunk) {
        hasResponseBytes = true
        switch state {
        case .responseHead: receivedResponseHead(chunk)
        case .responseBody, .tunnel: forwardResponse(chunk)
        case .finishing, .server, .requestHead, .spare:
            // Bytes that nobody asked for: the connection cannot be trusted with another request.
            keepsServer = false
        }
    }

    // MARK: The head

    private func receivedResponseHead(_ chunk: consuming Chunk) {
        if let head = responseChunk.take() {
            guard let joined = worker.pool.join(head, chunk) else { return badResponse() }
            responseChunk = consume joined
        } else {
            responseChunk = consume chunk
        }
        if holdsResponse { heldResponseArrived() } else { parseResponse() }
    }

    @unsafe
    var responseBytes: UnsafeRawBufferPointer {
        // SAFETY: the chunk stays in `responseChunk`, its bytes in place, while the caller reads them.
        switch responseChunk {
        case .some(let chunk): return unsafe chunk.bytes
        case .none: return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    /// Parses what has come, one head after another until the final one.
    private func parseResponse() {
        let isLenient = backendReference.with { $0.settings.options.contains(.acceptInvalidResponse) } == true
        let limits = isLenient ? context.lenientLimits : parserLimits
        // Bounded: each round takes a head off the chunk, or ends.
        while true {
            // SAFETY: the chunk stays in `responseChunk`, its bytes in place, until the head is reset.
            switch unsafe ResponseParser(limits: limits).parse(responseBytes, into: response) {
            case .needMore: return awaitResponseHead()
            case .failed: return badResponse()
            case .complete(let length):
                if !response.status.isInterim { return responseParsed(length) }
                if !forwardInterim(length) { return }
            }
            if responseChunk == nil { return awaitResponseHead() }
        }
    }

    /// Lets the server send what the block of the head still has room for; nothing while a client does not take the
    /// interim responses that came before.
    private func awaitResponseHead() {
        let isBehind = client.transport.queuedByteCount >= context.windowBytes
        connection?.transport.receive(credit: isBehind ? 0 : responseHeadRoom)
    }

    var responseHeadRoom: Int {
        switch responseChunk {
        case .some(let chunk): return max(1, context.bufferBytes - chunk.count)
        case .none: return context.bufferBytes
        }
    }

    /// Passes a 1xx response on (RFC 9110 section 15.2); HTTP/1.0 clients do not know them. False when it went wrong.
    private func forwardInterim(_ headLength: Int) -> Bool {
        guard var chunk = responseChunk.take() else { return false }
        let rest = headLength < chunk.count ? chunk.share(headLength..<chunk.count) : nil
        chunk.removeLast(chunk.count - headLength)
        if request.version >= .http11 {
            record.bytesRead &+= UInt64(chunk.count)
            client.transport.send(chunk)
            if case .failed = client.transport.flush() {
                clientFailed()
                return false
            }
        }
        response.reset()
        responseChunk = consume rest
        return true
    }

    /// The final head is whole.
    private func responseParsed(_ headLength: Int) {
        if response.status.code == 101 && !isUpgrade { return badResponse() }
        record.responseMilliseconds = elapsed(since: connectedAt)
        record.status = Int32(response.status.code)
        if retriesStatus(Int(response.status.code)) { return }
        let framing = response.responseFraming(requestMethod: request.method)
        responseBody.start(framing, parserLimits)
        let ownDirectives = response.connectionDirectives
        if context.endsConnection { keepsClient = false }
        if !ownDirectives.contains(.persistent) || response.isFramingDoubtful { keepsServer = false }
        switch framing {
        case .tunnel, .untilClose:
            keepsClient = false
            keepsServer = false
        case .chunked where request.version < .http11:
            responseBody.unchunks = true
            keepsClient = false
            response.deleteAll(.transferEncoding)
            response.deleteAll(.trailer)
        case .none, .length, .chunked: break
        }
        if isUpgrade && framing != .tunnel { isUpgrade = false }
        if touchesResponse {
            switch beginResponseRules(ownDirectives) {
            case .passed: return forwardJudgedResponse(ownDirectives)
            case .waiting: return arm()
            case .ended: return
            }
        }
        forwardResponseHead(ownDirectives)
    }

    /// Nothing is in the way of the response any more.
    func forwardResponseHead(_ ownDirectives: ConnectionDirectives) {
        noteChallenge()
        if responseBody.framing == .tunnel { return startTunnel(response.headLength, ownDirectives) }
        state = .responseBody
        sendResponseHead(response.headLength, ownDirectives, clientOption)
    }

    /// Rules have let the response pass. With `tcp-response content close`, what has come of it is all that comes.
    @inline(never)
    func forwardJudgedResponse(_ ownDirectives: ConnectionDirectives) {
        let closing = rules?.closesServer == true ? connection : nil
        forwardResponseHead(ownDirectives)
        // Without it, the exchange is over, and may have become the next one's.
        guard let closing, connection === closing else { return }
        switch state {
        case .responseBody, .finishing:
            dropConnection(reset: true)
            serverReceivedEnd()
            if state == .finishing && !requestBody.isDone { stopUpload() }
        case .tunnel:
            serverFinished = true
            closing.transport.receive(credit: 0)
            serverReceivedEnd()
        case .responseHead, .requestHead, .server, .spare: break
        }
    }

    private var clientOption: ConnectionOption {
        if !keepsClient { return .close }
        return request.version < .http11 ? .keepAlive : .implied
    }

    /// Writes the head to the client, with what came of the body behind it.
    private func sendResponseHead(
        _ headLength: Int, _ ownDirectives: ConnectionDirectives, _ option: ConnectionOption
    ) {
        guard var head = responseChunk.take(), var chunk = takeBlock() else {
            return respond(502, .resource, .headers)
        }
        if ownDirectives.rawValue & ~ConnectionDirectives.persistent.rawValue != 0 || response.has(.keepAlive)
            || response.has(.proxyConnection) || (response.has(.upgrade) && option != .upgrade)
        {
            response.removeHopByHopFields(keepUpgrade: option == .upgrade || response.status.code == 426)
        }
        let written = writeResponseHead(option, into: &chunk)
        guard let written else {
            _ = (consume head).count
            return badResponse()
        }
        chunk.extend(by: written)
        record.bytesRead &+= UInt64(written)
        hasResponded = true
        let bodyBytes = head.count - headLength
        if bodyBytes > 0 { head.removeFirst(headLength) }
        _ = requestChunk.take()
        _ = replay.take()
        queueForClient(chunk)
        if frontendReference.with({ $0.logger.logsEarly }) == true { logEarly() }
        if bodyBytes > 0 {
            forwardResponse(head)
        } else {
            _ = consume head
            responseForwarded()
        }
    }

    private func logEarly() {
        record.isEarly = true
        recordCounts()
        record.activeMilliseconds = elapsed(since: requestStart)
        record.totalMilliseconds = record.idleMilliseconds &+ record.activeMilliseconds
        context.log(self)
        isLogged = true
    }

    // MARK: The body

    private func forwardResponse(_ bytes: consuming Chunk) {
        var chunk = bytes
        // A receive that filled its block has left more behind, most likely: a last segment waits for it.
        var moreFollows = false
        switch responseBody.framing {
        case .none: keepsServer = false
        case .tunnel, .untilClose:
            let isFull = chunk.count == context.bufferBytes
            sendToClient(chunk)
            if isFull && state == .tunnel { openResponseLane() }
        case .length:
            let count = Int(min(responseBody.remaining, UInt64(chunk.count)))
            responseBody.remaining -= UInt64(count)
            if responseBody.remaining == 0 { responseBody.isDone = true }
            moreFollows = !responseBody.isDone && chunk.count == context.bufferBytes
            if count < chunk.count {
                keepsServer = false
                chunk.removeLast(chunk.count - count)
            }
            sendToClient(chunk)
            if !responseBody.isDone && withConnection({ $0.transport.deliversMore }) == true { return }
            if moreFollows { openResponseLane() }
        case .chunked:
            if responseBody.unchunks { return forwardUnchunked(chunk) }
            switch responseBody.decode(&chunk) {
            case .needMore, .data: sendToClient(chunk)
            case .complete(let end):
                responseBody.isDone = true
                if end < chunk.count {
                    keepsServer = false
                    chunk.removeLast(chunk.count - end)
                }
                sendToClient(chunk)
            case .failed:
                _ = consume chunk
                return abort(.server, .data)
            }
        }
        responseForwarded(moreFollows: moreFollows)
    }

    /// Sends the content alone, without the chunked coding's framing (RFC 9112 section 7.1.3).
    private func forwardUnchunked(_ chunk: consuming Chunk) {
        var index = 0
        // Bounded by the chunk's bytes: each round takes some.
        while index < chunk.count {
            // SAFETY: the bytes are read while the chunk lives.
            switch unsafe responseBody.decoder.next(chunk.bytes, from: index) {
            case .needMore: index = chunk.count
            case .data(let range):
                sendToClient(chunk.share(range))
                index = range.upperBound
            case .complete(let end):
                responseBody.isDone = true
                if end < chunk.count { keepsServer = false }
                index = chunk.count
            case .failed:
                _ = consume chunk
                return abort(.server, .data)
            }
        }
        responseForwarded()
    }

    /// Bytes of the body are in the pipe to the client.
    func splicedFromServer(_ byteCount: Int) {
        record.bytesRead &+= UInt64(byteCount)
        if case .length = responseBody.framing {
            responseBody.remaining -= UInt64(byteCount)
            if responseBody.remaining == 0 { responseBody.isDone = true }
        }
        responseForwarded(moreFollows: responseBody.framing.isLength && !responseBody.isDone)
    }

    private func sendToClient(_ chunk: consuming Chunk) {
        record.bytesRead &+= UInt64(chunk.count)
        queueForClient(chunk)
    }

    private func queueForClient(_ chunk: consuming Chunk) {
        var queued: Chunk? = consume chunk
        clientLine.with { transport in if let chunk = queued.take() { transport.send(chunk) } }
    }

    /// Pushes out what was queued for the client, and lets the server send on as there is room.
    private func responseForwarded(moreFollows: Bool = false) {
        let result = clientLine.with { $0.flush(more: moreFollows && !sendsAtOnce) } ?? .done
        if case .failed = result { return clientFailed() }
        if state == .tunnel { return tunnelOpened() }
        if responseBody.isDone {
            serverDeadline = .never
            state = .finishing
            withConnection { $0.transport.receive(credit: 1) }
        } else {
            let isSplicing = SpliceLanes.count(lanes.response) > 0
            let queued = clientLine.with { $0.queuedByteCount } ?? 0
            let room = isSplicing ? 0 : max(0, context.windowBytes - queued)
            let bulk = responseBody.bulk(upTo: room)
            withConnection { used in
                used.transport.receive(credit: room)
                used.transport.bulk = bulk
            }
            serverDeadline = room > 0 ? deadline(serverWaitMilliseconds) : .never
        }
        if result != .done {
            clientDeadline = deadline(frontendReference.with { $0.settings.timeouts.clientMilliseconds } ?? nil)
        } else if requestBody.isDone {
            clientDeadline = .never
        }
        if state == .finishing && result == .done && requestBody.isDone { return settle() }
        arm()
        settle()
    }

    func clientDrained() {
        if state == .tunnel { return tunnelOpened() }
        if state == .responseHead { return holdsResponse ? arm() : awaitResponseHead() }
        if state == .responseBody {
            if let server = connection?.transport {
                server.receive(credit: context.windowBytes)
                server.bulk = responseBody.bulk(upTo: context.windowBytes)
            }
            serverDeadline = deadline(serverWaitMilliseconds)
            if requestBody.isDone { clientDeadline = .never }
            arm()
        }
        settle()
    }

    // MARK: The end of the server's side

    func serverReceivedEnd() {
        serverEnded = true
        switch state {
        case .responseHead:
            if holdsResponse { heldResponseArrived() } else { serverEndedBeforeResponse() }
        case .responseBody:
            if responseBody.framing == .untilClose {
                responseBody.isDone = true
                responseForwarded()
            } else {
                cutOff(.server)
            }
        case .tunnel:
            touchTunnel()
            settleTunnel()
        case .finishing:
            keepsServer = false
            if !requestBody.isDone { stopUpload() }
        case .requestHead, .server, .spare: break
        }
    }

    /// The response is complete and the server listens no more: what is left of the request goes nowhere.
    func stopUpload() {
        keepsClient = false
        dropConnection()
        client.transport.receive(credit: 0)
        if client.transport.queuedByteCount == 0 { complete() }
    }

    // MARK: Tunnels

    /// 101, or a CONNECT that was accepted: the head goes out, then bytes flow both ways (RFC 9110 section 7.8, 9.3.6).
    private func startTunnel(_ headLength: Int, _ ownDirectives: ConnectionDirectives) {
        requestBody.start(.tunnel, parserLimits)
        state = .tunnel
        let early = surplus.take()
        let isConnect = request.method == .connect
        sendResponseHead(headLength, ownDirectives, isConnect ? .implied : .upgrade)
        if state != .tunnel { return }
        if let early {
            record.bytesUploaded &+= UInt64(early.count)
            forwardRequest(early)
        }
        if state == .tunnel {
            touchTunnel()
            tunnelOpened()
        }
    }

    /// Either side was active: both waits start again.
    func touchTunnel() {
        let client = frontend.settings.timeouts, server = backend?.settings.timeouts ?? client
        let tunnel = rules?.tunnelMilliseconds ?? server.tunnelMilliseconds ?? client.tunnelMilliseconds
        let halfClosed = clientEnded || serverEnded
        clientDeadline = deadline(
            halfClosed
                ? client.clientFinMilliseconds ?? tunnel ?? client.clientMilliseconds
                : tunnel ?? client.clientMilliseconds)
        serverDeadline = deadline(
            halfClosed
                ? server.serverFinMilliseconds ?? tunnel ?? server.serverMilliseconds
                : tunnel ?? server.serverMilliseconds)
        arm()
    }

    /// Lets each side send as the other has room.
    func tunnelOpened() {
        guard let transport = connection?.transport else { return }
        if !clientEnded { openTunnel(from: client.transport, to: transport) }
        if !serverEnded { openTunnel(from: transport, to: client.transport) }
        touchTunnel()
        settleTunnel()
    }

    private func openTunnel(from source: Transport, to target: Transport) {
        let isSplicing = SpliceLanes.count(source.inlet) > 0
        let room = isSplicing ? 0 : max(0, context.windowBytes - target.queuedByteCount)
        source.receive(credit: room)
        source.bulk = room
    }

    /// Passes ends on; both ended is the end of the exchange.
    func settleTunnel() {
        guard state == .tunnel, let transport = connection?.transport else { return }
        if clientEnded && !serverFinished && transport.queuedByteCount == 0 {
            serverFinished = true
            if !serverEnded { transport.finish() }
        }
        if serverEnded && !clientFinished && client.transport.queuedByteCount == 0 {
            clientFinished = true
            if !clientEnded { client.transport.finish() }
        }
        if clientFinished && serverFinished {
            requestBody.isDone = true
            complete()
        }
    }
}
