import Base
import Glibc

/// What a client got for a request.
enum Answer: Equatable {
    /// The whole response of the server, byte for byte.
    case whole(closes: Bool)
    /// A response of the proxy itself.
    case own(status: Int, closes: Bool)
    /// The beginning of the server's response.
    case partial(WireEnd)
    /// Nothing.
    case nothing(WireEnd)
    /// The client itself has left.
    case left
}

/// A client in HTTP mode: sends the requests of its plan, on as many connections as it takes, and checks each response.
final class HTTPClientPeer {
    private let world: ProxyWorld
    private let plan: ClientPlan
    /// The last response has said that the connection is over.
    private var served = 0

    init(_ world: ProxyWorld, _ plan: ClientPlan) {
        self.world = world
        self.plan = plan
    }

    /// On a fibre of its own.
    func run() {
        world.host.sleep(milliseconds: plan.startMilliseconds)
        var next = 0
        while next < plan.exchanges.count {
            guard
                let wire = Wire.connect(
                    world.host, to: plan.entrance, patienceMilliseconds: world.patienceMilliseconds,
                    receiveBytes: plan.receiveBytes)
            else {
                world.connectFailed(plan.exchanges[next].id)
                next += 1
                continue
            }
            world.connectionsMade += 1
            served = 0
            next = serve(wire, from: next)
            wire.close()
        }
    }

    /// Uses a connection for as long as it goes. Returns the exchange to go on with.
    private func serve(_ wire: Wire, from first: Int) -> Int {
        var next = first
        while next < plan.exchanges.count {
            let batch = plan.exchanges[next..<batchEnd(next)]
            if let exchange = batch.first, exchange.thinkMilliseconds > 0 {
                world.host.sleep(milliseconds: exchange.thinkMilliseconds)
            }
            for exchange in batch.dropLast() { exchange.isFollowed = true }
            if batch.last?.endsEarly == true { for exchange in batch { exchange.isFollowedByEnd = true } }
            if case .abort = batch.first?.clientFlaw {
                send(batch, wire)
                world.judge(plan.exchanges[next], .left, isFirst: served == 0)
                return next + 1
            }
            let sender = world.host.spawn("sender of client \(plan.number)") { [self] in send(batch, wire) }
            var goesOn = true
            for exchange in batch {
                let answer = read(exchange, wire)
                next += 1
                world.judge(exchange, answer, isFirst: served == 0)
                served += 1
                if case .whole(closes: false) = answer { continue }
                if case .own(_, closes: false) = answer { continue }
                goesOn = false
                break
            }
            let last = plan.exchanges[next - 1]
            if !goesOn { wire.abandon() }
            world.host.join(sender)
            if !goesOn || last.announcesClose || last.isHTTP10 || last.clientFlaw != .none { return next }
        }
        return next
    }

    /// Where a batch of pipelined requests that begins here ends.
    private func batchEnd(_ first: Int) -> Int {
        var end = first + 1
        guard plan.isPipelined else { return end }
        while end < plan.exchanges.count, plan.exchanges[end - 1].mayBeFollowed {
            if case .abort = plan.exchanges[end].clientFlaw { break }
            end += 1
        }
        return end
    }

    /// Sends the requests of a batch, one behind the other; on a fibre of its own.
    private func send(_ batch: ArraySlice<Exchange>, _ wire: Wire) {
        // Requests in one segment, most of the time.
        var together: [UInt8] = []
        for exchange in batch {
            let start = together.count
            exchange.timesSent += 1
            together.append(contentsOf: exchange.requestHead(host: "sim"))
            if exchange.expectsContinue {
                if wire.send(together) != nil { return }
                together = []
                // A client that gets no answer sends the body all the same (RFC 9110 section 10.1.1).
                for _ in 0..<100 where exchange.interimsSeen == 0 { world.host.sleep(milliseconds: 10) }
            }
            if !exchange.isUpgrade { together.append(contentsOf: exchange.requestBody.wireBytes()) }
            switch exchange.clientFlaw {
            case .abort(let after, let reset):
                _ = wire.send(together, pace: exchange.requestPace, upTo: min(after, together.count - 1))
                wire.close(reset: reset)
                return
            case .endEarly(let after):
                sendPart(of: together, from: start, after, exchange, wire)
                wire.finish()
                return
            case .stall(let after): return sendPart(of: together, from: start, after, exchange, wire)
            case .none, .leave, .halfClose: break
            }
            if exchange === batch.last || together.count > 20_000 {
                if wire.send(together, pace: exchange.requestPace) != nil { return }
                together = []
            }
            if exchange.clientFlaw == .halfClose { wire.finish() }
        }
    }

    /// Sends what stands before a request, and so many bytes of it: not all.
    private func sendPart(of bytes: [UInt8], from start: Int, _ after: Int, _ exchange: Exchange, _ wire: Wire) {
        _ = wire.send(bytes, pace: exchange.requestPace, upTo: min(start + after, bytes.count - 1))
    }

    // MARK: Responses

    private func read(_ exchange: Exchange, _ wire: Wire) -> Answer {
        wire.readPace = exchange.readPace
        if case .leave(let after, _) = exchange.clientFlaw { wire.receiveLimit = wire.receivedBytes + after }
        let answer = readResponse(exchange, wire)
        switch exchange.clientFlaw {
        case .leave(_, let reset):
            wire.resetsAtClose = reset
            if case .whole = answer { return answer }
            return .left
        default: return answer
        }
    }

    private func readResponse(_ exchange: Exchange, _ wire: Wire) -> Answer {
        while true {
            if wire.available == 0, let end = wire.receive() { return .nothing(end) }
            let head: WireHead
            switch wire.head() {
            case .success(let read): head = read
            case .failure(let stop): return .partial(stop.end)
            }
            guard let status = head.status else {
                world.violation("exchange \(exchange.id): the client got '\(head.startLine)'")
                return .partial(.end)
            }
            guard let id = head.exchangeID else {
                guard let answer = readOwn(head, status, exchange, wire) else { continue }
                return answer
            }
            if id != exchange.id {
                world.violation("exchange \(exchange.id): the client got the response of exchange \(id)")
                return .partial(.end)
            }
            if status < 200 && status != 101 {
                exchange.interimsSeen += 1
                continue
            }
            check(head, status, exchange)
            if status == 101 { return tunnel(exchange, wire) }
            return readBody(head, exchange, wire)
        }
    }

    /// A response of the proxy: its body has the announced length. Nil for one that is not the last.
    private func readOwn(_ head: WireHead, _ status: Int, _ exchange: Exchange, _ wire: Wire) -> Answer? {
        if status == 100 && exchange.expectsContinue && world.plan.rules.waitsForBody {
            exchange.interimsSeen += 1
            return nil
        }
        if status == 100 {
            world.violation("exchange \(exchange.id): a 100 that no server sent")
            return .partial(.end)
        }
        var closes = head.lists("close", in: "connection")
        if exchange.method == "HEAD" { return .own(status: status, closes: closes || exchange.isHTTP10) }
        var left = head.value("content-length").flatMap { Int($0) } ?? .max
        if left == .max { closes = true }
        while left > 0 {
            if wire.available == 0, let end = wire.receive() {
                if case .leave = exchange.clientFlaw { break }
                if left != .max && end == .end && !world.mayBreak {
                    world.violation("exchange \(exchange.id): the proxy's own response lacks \(left) bytes")
                }
                break
            }
            left -= wire.take(left).count
        }
        return .own(status: status, closes: closes)
    }

    /// Compares the head of a response with the one that was sent.
    private func check(_ head: WireHead, _ status: Int, _ exchange: Exchange) {
        if status != exchange.status {
            world.violation("exchange \(exchange.id): status \(status) was sent as \(exchange.status)")
        }
        let own = head.fields.filter { $0.name.lowercased().hasPrefix("x-f") }
        let isSame =
            own.count == exchange.responseFields.count
            && zip(own, exchange.responseFields).allSatisfy {
                $0.name.lowercased() == $1.name.lowercased() && $0.value == $1.value
            }
        if !isSame { world.violation("exchange \(exchange.id): fields of the response differ: \(own)") }
        let added = WorldPlan.added(head)
        if added != world.plan.addedToResponse(exchange) {
            world.violation("exchange \(exchange.id): rules have added \(added) to the response")
        }
        if exchange.isUpgrade || status == 204 { return }
        switch exchange.responseBody.framing {
        case .length:
            if head.values("content-length") != ["\(exchange.responseBody.count)"] {
                world.violation("exchange \(exchange.id): content-length \(head.values("content-length"))")
            }
        case .chunked:
            let expected = exchange.isHTTP10 ? [] : ["chunked"]
            if head.values("transfer-encoding").map({ $0.lowercased() }) != expected && !exchange.hasBodilessResponse {
                world.violation("exchange \(exchange.id): transfer-encoding \(head.values("transfer-encoding"))")
            }
        case .none, .untilClose:
            if head.value("content-length") != nil || head.value("transfer-encoding") != nil {
                world.violation("exchange \(exchange.id): a framing that the server has not sent")
            }
        }
    }

    private func readBody(_ head: WireHead, _ exchange: Exchange, _ wire: Wire) -> Answer {
        let closes =
            head.lists("close", in: "connection") || (exchange.isHTTP10 && !head.lists("keep-alive", in: "connection"))
        if exchange.hasBodilessResponse { return .whole(closes: closes) }
        let plan = exchange.responseBody
        var trailers: [String] = []
        let body: WireBody
        var isUntilClose = false
        if head.value("transfer-encoding") != nil {
            body = wire.chunkedBody(plan.pattern, trailers: &trailers)
        } else if let text = head.value("content-length") {
            body = wire.body(count: Int(text) ?? 0, plan.pattern)
        } else {
            isUntilClose = true
            body = wire.body(count: nil, plan.pattern)
        }
        switch body.ending {
        case .complete:
            if body.count != plan.count {
                if isUntilClose && body.count < plan.count { return .partial(.end) }
                world.violation(
                    "exchange \(exchange.id): \(body.count) bytes of the response's body instead of \(plan.count)")
            }
            if plan.framing == .chunked && !isUntilClose {
                let expected = plan.hasTrailer ? [BodyPlan.trailer.lowercased()] : []
                if trailers.map({ $0.lowercased() }) != expected {
                    world.violation("exchange \(exchange.id): trailers of the response: \(trailers)")
                }
            }
            return .whole(closes: closes || isUntilClose)
        case .broken(let end): return .partial(end)
        case .wrongByte(let place):
            world.violation("exchange \(exchange.id): byte \(place) of the response's body is wrong")
            return .partial(.end)
        case .malformed(let text):
            world.violation("exchange \(exchange.id): the response's body: \(text)")
            return .partial(.end)
        }
    }

    /// The protocol has changed: raw bytes both ways.
    private func tunnel(_ exchange: Exchange, _ wire: Wire) -> Answer {
        let writer = world.host.spawn("tunnel of client \(plan.number)") {
            let bytes = exchange.requestBody.pattern.bytes(from: 0, count: exchange.requestBody.count)
            if wire.send(bytes, pace: exchange.requestPace) == nil { wire.finish() }
        }
        let body = wire.body(count: nil, exchange.responseBody.pattern)
        if body.ending != .complete { wire.abandon() }
        world.host.join(writer)
        switch body.ending {
        case .complete:
            if body.count != exchange.responseBody.count {
                world.tunnelCut(exchange, "the client got \(body.count) of \(exchange.responseBody.count)")
                return .partial(.end)
            }
            return .whole(closes: true)
        case .wrongByte(let place):
            world.violation("exchange \(exchange.id): byte \(place) of the tunnel is wrong")
            return .partial(.end)
        case .broken(let end):
            world.tunnelCut(exchange, "the client's side ended: \(end)")
            return .partial(end)
        case .malformed: return .partial(.end)
        }
    }
}
