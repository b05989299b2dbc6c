// What an exchange may come to. Where nothing stands in its way, in its plan, in its world or in the kernel, that
// is the server's whole response and nothing else; the rest lists what each kind of trouble allows instead.
extension ProxyWorld {
    func judge(_ exchange: Exchange, _ answer: Answer, isFirst: Bool) {
        exchangesChecked += 1
        scheduler.trace.sink?("\(scheduler.now) exchange \(exchange.id): \(answer)")
        switch answer {
        case .left: return
        case .whole:
            exchangesWhole += 1
            if exchange.headsSeen == 0 { violation("exchange \(exchange.id): an answer without a request") }
        case .own(let status, _):
            if !mayBe(status, exchange) {
                violation("exchange \(exchange.id): the proxy answers \(status) \(story(exchange))")
            }
        case .partial(let end):
            if end == .timedOut { return violation("exchange \(exchange.id): the client waits for ever") }
            if !mayBeCut(exchange) {
                violation("exchange \(exchange.id): the response is cut off (\(end)) \(story(exchange))")
            }
        case .nothing(let end):
            if end == .timedOut { return violation("exchange \(exchange.id): the client waits for ever") }
            if !mayBeUnanswered(exchange, isFirst: isFirst) {
                violation("exchange \(exchange.id): no response (\(end)) \(story(exchange))")
            }
        }
    }

    private func story(_ exchange: Exchange) -> String {
        "(\(exchange.method), client \(exchange.clientFlaw), server \(exchange.serverFlaw), "
            + "heads \(exchange.headsSeen), delivered \(exchange.timesDelivered), answered \(exchange.timesAnswered))"
    }

    /// A server that spoils its answer, or the connection with it.
    private func serverSpoils(_ exchange: Exchange) -> Bool {
        switch exchange.serverFlaw {
        case .none, .answerEarly, .closeAfter: return false
        case .answerEarlyAndClose, .cut, .silent, .stall, .junk: return true
        }
    }

    /// A client that does not say, or hear, all of it.
    private func clientSpoils(_ exchange: Exchange) -> Bool {
        if exchange.isFollowedByEnd && plan.abortsOnClose { return true }
        if exchange.isFollowed && exchange.readPace.pauseMilliseconds > 0 { return true }
        switch exchange.clientFlaw {
        case .none: return false
        case .halfClose: return plan.abortsOnClose
        case .abort, .endEarly, .stall, .leave: return true
        }
    }

    private func mayBe(_ status: Int, _ exchange: Exchange) -> Bool {
        let troubles = plan.troubles
        switch status {
        case 400:
            if case .endEarly = exchange.clientFlaw { return true }
            return false
        case 408:
            if case .stall = exchange.clientFlaw { return true }
            if plan.rules.waitsForBody && exchange.requestBody.framing != .none { return true }
            return troubles.contains(.delays)
        case 502:
            return serverSpoils(exchange) || !troubles.isDisjoint(with: [.breaks, .idleCloses])
        case 503:
            return !troubles.isDisjoint(with: [.breaks, .badServer, .limits])
        case 504:
            if case .stall = exchange.serverFlaw { return true }
            if case .stall = exchange.clientFlaw { return true }
            return troubles.contains(.delays)
        default: return false
        }
    }

    private func mayBeCut(_ exchange: Exchange) -> Bool {
        serverSpoils(exchange) || clientSpoils(exchange) || plan.troubles.contains(.breaks)
    }

    private func mayBeUnanswered(_ exchange: Exchange, isFirst: Bool) -> Bool {
        if serverSpoils(exchange) || clientSpoils(exchange) || plan.troubles.contains(.breaks) { return true }
        // Between two requests the proxy may close at any time once it stops; a backlog that is closed is reset.
        if isStopping { return true }
        // A server that closed the connection as the request went out: like any server that does (RFC 9112 9.3.1).
        return !isFirst && plan.troubles.contains(.idleCloses)
    }

    func requestDelivered(_ exchange: Exchange) {
        if exchange.timesDelivered <= exchange.timesSent || plan.retriesAnything { return }
        if !exchange.isIdempotent { violation("exchange \(exchange.id): delivered twice \(story(exchange))") }
        if exchange.timesDelivered > exchange.timesSent * (plan.retries + 1) {
            violation("exchange \(exchange.id): delivered \(exchange.timesDelivered) times")
        }
    }

    func tunnelCut(_ exchange: Exchange, _ what: String) {
        if !mayBeCut(exchange) { violation("exchange \(exchange.id): \(what)") }
    }

    func connectFailed(_ id: Int) {
        if !mayRefuse { violation("connection for \(id): refused") }
    }

    // MARK: TCP mode

    func judge(_ stream: Stream, _ end: WireEnd) {
        exchangesChecked += 1
        scheduler.trace.sink?("\(scheduler.now) stream \(stream.id): \(end)")
        if end == .timedOut { return violation("stream \(stream.id): the client waits for ever") }
        // The server's side comes to its end a moment later.
        streamEnds.append(stream)
    }

    /// At the end: what each stream has come to.
    func checkStream(_ stream: Stream) {
        if stream.serverReceived > stream.upCount || stream.clientReceived > stream.downCount {
            violation("stream \(stream.id): more has come than was sent")
        }
        if case .clientResets(let after) = stream.ending, stream.serverReceived > after {
            violation("stream \(stream.id): the server got more than the client sent")
        }
        if case .serverResets(let after) = stream.ending, stream.clientReceived > after {
            violation("stream \(stream.id): the client got more than the server sent")
        }
        guard stream.ending == .clientFirst || stream.ending == .serverFirst else { return }
        if !plan.troubles.isDisjoint(with: [.breaks, .badServer, .limits, .stops]) { return }
        if stream.serverReceived != stream.upCount || stream.clientReceived != stream.downCount
            || !stream.serverSawEnd || !stream.clientSawEnd
        {
            violation(
                "stream \(stream.id): the server got \(stream.serverReceived) of \(stream.upCount), the client "
                    + "\(stream.clientReceived) of \(stream.downCount), ends \(stream.serverSawEnd), "
                    + "\(stream.clientSawEnd) (\(stream.ending))")
        } else {
            exchangesWhole += 1
        }
    }
}
