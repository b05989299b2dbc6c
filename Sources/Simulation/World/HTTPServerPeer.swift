import Base
import Glibc

/// A server in HTTP mode: checks that each request is what its client sent, and answers as its exchange says.
final class HTTPServerPeer {
    private let world: ProxyWorld
    private let number: Int

    init(_ world: ProxyWorld, number: Int) {
        self.world = world
        self.number = number
    }

    /// Serves one connection until it ends; on a fibre of its own.
    func serve(_ wire: Wire) {
        defer { wire.close() }
        var requests = 0
        while true {
            if wire.available == 0, wire.receive() != nil { return }
            guard case .success(let head) = wire.head() else { return }
            guard let id = head.exchangeID, let exchange = world.exchange(id) else {
                return world.violation("server \(number) got a request of nobody: \(head.startLine)")
            }
            requests += 1
            exchange.headsSeen += 1
            check(head, exchange)
            if !serve(exchange, head, wire) { return }
            if world.plan.serverRequestsPerConnection > 0 && requests >= world.plan.serverRequestsPerConnection {
                return
            }
        }
    }

    /// Compares a head with the one that was sent.
    private func check(_ head: WireHead, _ exchange: Exchange) {
        let start = "\(exchange.method) \(exchange.target) HTTP/1.\(exchange.isHTTP10 ? 0 : 1)"
        if head.startLine != start {
            world.violation("exchange \(exchange.id): the request line '\(head.startLine)' was sent as '\(start)'")
        }
        let own = head.fields.filter {
            $0.name.lowercased().hasPrefix("x-f") && $0.name.lowercased() != "x-forwarded-for"
        }
        let sent = exchange.fields
        let isSame =
            own.count == sent.count
            && zip(own, sent).allSatisfy { $0.name.lowercased() == $1.name.lowercased() && $0.value == $1.value }
        if !isSame { world.violation("exchange \(exchange.id): fields of the request differ: \(own)") }
        let added = WorldPlan.added(head)
        if added != world.plan.addedToRequest(exchange) {
            world.violation("exchange \(exchange.id): rules have added \(added) to the request")
        }
        let forwarded = head.values("x-forwarded-for").count
        if forwarded != (world.plan.forwardsFor ? 1 : 0) {
            world.violation("exchange \(exchange.id): \(forwarded) X-Forwarded-For")
        }
        switch exchange.requestBody.framing {
        case .none, .untilClose:
            if head.value("content-length") != nil || head.value("transfer-encoding") != nil {
                world.violation("exchange \(exchange.id): a body that nobody sent is announced")
            }
        case .length:
            if head.values("content-length") != ["\(exchange.requestBody.count)"] {
                world.violation("exchange \(exchange.id): content-length \(head.values("content-length"))")
            }
        case .chunked:
            if head.values("transfer-encoding").map({ $0.lowercased() }) != ["chunked"] {
                world.violation("exchange \(exchange.id): transfer-encoding \(head.values("transfer-encoding"))")
            }
        }
    }

    /// Reads the body and answers. Returns whether the connection goes on.
    private func serve(_ exchange: Exchange, _ head: WireHead, _ wire: Wire) -> Bool {
        let flaw = exchange.serverFlaw
        if exchange.isUpgrade { return tunnel(exchange, head, wire) }
        if case .silent(let reset) = flaw {
            wire.close(reset: reset)
            return false
        }
        let isEarly = flaw == .answerEarly || flaw == .answerEarlyAndClose
        if isEarly {
            guard answer(exchange, wire) else { return false }
            if flaw == .answerEarlyAndClose { return false }
        } else if head.lists("100-continue", in: "expect") {
            if wire.send(Array("HTTP/1.1 100 Continue\r\n\(Exchange.idField): \(exchange.id)\r\n\r\n".utf8)) != nil {
                return false
            }
        }
        guard readBody(exchange, wire) else { return false }
        if exchange.workMilliseconds > 0 { world.host.sleep(milliseconds: exchange.workMilliseconds) }
        if !isEarly && !answer(exchange, wire) { return false }
        let announces = exchange.responseClosesConnection || exchange.responseBody.framing == .untilClose
        let isBodiless = exchange.hasBodilessResponse
        if exchange.responseClosesConnection || (announces && !isBodiless) { return false }
        if flaw == .closeAfter { return false }
        return exchange.isHTTP10
            ? head.lists("keep-alive", in: "connection") : !head.lists("close", in: "connection")
    }

    private func readBody(_ exchange: Exchange, _ wire: Wire) -> Bool {
        let body: WireBody
        var trailers: [String] = []
        switch exchange.requestBody.framing {
        case .none, .untilClose: body = WireBody(ending: .complete, count: 0)
        case .length: body = wire.body(count: exchange.requestBody.count, exchange.requestBody.pattern)
        case .chunked: body = wire.chunkedBody(exchange.requestBody.pattern, trailers: &trailers)
        }
        switch body.ending {
        case .complete:
            if body.count != exchange.requestBody.count {
                world.violation(
                    "exchange \(exchange.id): \(body.count) bytes of the request's body instead of "
                        + "\(exchange.requestBody.count)")
            }
            if exchange.requestBody.framing == .chunked {
                let expected = exchange.requestBody.hasTrailer ? [BodyPlan.trailer.lowercased()] : []
                if trailers.map({ $0.lowercased() }) != expected {
                    world.violation("exchange \(exchange.id): trailers of the request: \(trailers)")
                }
            }
            exchange.timesDelivered += 1
            world.requestDelivered(exchange)
            return true
        case .broken: return false
        case .wrongByte(let place):
            world.violation("exchange \(exchange.id): byte \(place) of the request's body is wrong")
            return false
        case .malformed(let text):
            world.violation("exchange \(exchange.id): the request's body: \(text)")
            return false
        }
    }

    /// Sends the response; false when the connection is over.
    private func answer(_ exchange: Exchange, _ wire: Wire) -> Bool {
        var bytes: [UInt8] = []
        for number in 0..<exchange.interimCount {
            bytes.append(
                contentsOf: "HTTP/1.1 103 Early\r\n\(Exchange.idField): \(exchange.id)\r\nX-N: \(number)\r\n\r\n".utf8)
        }
        if exchange.serverFlaw == .junk {
            _ = wire.send(Array("NONSENSE \(exchange.id)\r\n\r\n".utf8))
            return false
        }
        bytes.append(contentsOf: exchange.responseHead(isHTTP10Server: false))
        if !exchange.hasBodilessResponse { bytes.append(contentsOf: exchange.responseBody.wireBytes()) }
        switch exchange.serverFlaw {
        case .cut(let after, let reset) where after < bytes.count:
            _ = wire.send(bytes, pace: exchange.responsePace, upTo: after)
            wire.close(reset: reset)
            return false
        case .stall(let after) where after < bytes.count:
            _ = wire.send(bytes, pace: exchange.responsePace, upTo: after)
            _ = wire.drain()
            return false
        default: break
        }
        if wire.send(bytes, pace: exchange.responsePace) != nil { return false }
        exchange.timesAnswered += 1
        return true
    }

    /// Changes the protocol, and exchanges raw bytes both ways.
    private func tunnel(_ exchange: Exchange, _ head: WireHead, _ wire: Wire) -> Bool {
        if !head.lists("upgrade", in: "connection") || head.value("upgrade") != "sim" {
            world.violation("exchange \(exchange.id): the request to change the protocol came without it")
        }
        if wire.send(exchange.responseHead(isHTTP10Server: false)) != nil { return false }
        let writer = world.host.spawn("tunnel of server \(number)") {
            let bytes = exchange.responseBody.pattern.bytes(from: 0, count: exchange.responseBody.count)
            if wire.send(bytes, pace: exchange.responsePace) == nil { wire.finish() }
        }
        let body = wire.body(count: nil, exchange.requestBody.pattern)
        world.host.join(writer)
        switch body.ending {
        case .complete:
            exchange.timesDelivered += 1
            exchange.timesAnswered += 1
            if body.count != exchange.requestBody.count {
                world.tunnelCut(exchange, "the server got \(body.count) of \(exchange.requestBody.count)")
            }
        case .wrongByte(let place): world.violation("exchange \(exchange.id): byte \(place) of the tunnel is wrong")
        case .broken(let end): world.tunnelCut(exchange, "the server's side ended: \(end)")
        case .malformed: break
        }
        return false
    }
}
