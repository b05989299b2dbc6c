import Base

// What the clients of a world send, and what the servers answer.
extension WorldPlan {
    mutating func planClients(_ options: WorldOptions) {
        var dice = Dice(seed: seed, 2)
        let isSmooth = dice.chance(1, of: 3)
        largestBodyBytes = options.largestBodyBytes
        var connections = 0, number = 0
        while connections < options.connections {
            var client = ClientPlan(number: number, entrance: dice.pick(entrances))
            client.startMilliseconds = dice.pick(weighted: [
                (2, 0), (3, dice.between(0, 1500)), (1, dice.between(0, 30)),
            ])
            if descriptorLimit != nil { client.startMilliseconds = dice.between(0, 5) }
            if dice.chance(1, of: 10) { client.receiveBytes = 4096 }
            if isHTTP {
                let count = dice.pick(weighted: [(3, 1), (3, 2), (2, dice.between(3, 8))])
                client.isPipelined = dice.chance(1, of: 5)
                for place in 0..<count {
                    client.exchanges.append(
                        exchange(id: number * 100 + place, isSmooth: isSmooth, isLast: place == count - 1, &dice))
                }
            } else {
                client.stream = stream(id: number, isSmooth: isSmooth, &dice)
            }
            clients.append(client)
            number += 1
            connections += 1
        }
    }

    private func pace(_ dice: inout Dice, of bytes: Int) -> Pace {
        switch dice.between(0, 9) {
        case 0: return Pace(pieceBytes: max(1, bytes / dice.between(2, 20)), pauseMilliseconds: dice.between(0, 20))
        case 1: return Pace(pieceBytes: max(1, bytes / dice.between(2, 50)), pauseMilliseconds: 0)
        default: return Pace()
        }
    }

    private func bodySize(_ dice: inout Dice) -> Int {
        min(dice.bodySize(bufferBytes: bufferBytes), largestBodyBytes)
    }

    private func body(_ dice: inout Dice, _ framings: [(weight: Int, value: BodyFramingPlan)]) -> BodyPlan {
        let framing = dice.pick(weighted: framings)
        var plan = BodyPlan(framing: framing, count: 0, pattern: Pattern(dice.next()))
        if framing != .none { plan.count = bodySize(&dice) }
        plan.chunkBytes = dice.pick([1, 100, 1000, 8192, bufferBytes, 100_000])
        if plan.chunkBytes == 1 && plan.count > 3000 { plan.chunkBytes = 10 }
        plan.hasTrailer = framing == .chunked && dice.chance(1, of: 4)
        return plan
    }

    private func fields(_ dice: inout Dice) -> [(name: String, value: String)] {
        (0..<dice.between(0, 3)).map { number in
            ("X-F\(number)", String(repeating: "v", count: dice.between(1, 60)) + "\(dice.between(0, 999))")
        }
    }

    private mutating func exchange(id: Int, isSmooth: Bool, isLast: Bool, _ dice: inout Dice) -> Exchange {
        let exchange = Exchange(id: id)
        exchange.method = dice.pick(weighted: [(6, "GET"), (4, "POST"), (1, "PUT"), (1, "HEAD"), (1, "DELETE")])
        exchange.target = "/\(id)" + (dice.chance(1, of: 4) ? "?q=\(dice.between(0, 99999))" : "")
        exchange.fields = fields(&dice)
        if exchange.method == "POST" || exchange.method == "PUT" {
            exchange.requestBody = body(&dice, [(3, .length), (2, .chunked)])
        }
        exchange.requestPace = pace(&dice, of: 300 + exchange.requestBody.count)
        exchange.isHTTP10 = dice.chance(1, of: 12) && exchange.requestBody.framing != .chunked
        exchange.expectsContinue =
            exchange.requestBody.framing != .none && !exchange.isHTTP10 && dice.chance(1, of: 8)
        exchange.announcesClose = dice.chance(1, of: isLast ? 3 : 12)
        exchange.readPace = pace(&dice, of: 20_000)
        exchange.thinkMilliseconds = dice.pick(weighted: [(4, 0), (2, dice.between(0, 200)), (1, dice.between(0, 900))])
        exchange.status = dice.pick(weighted: [(8, 200), (1, 404), (1, 204), (1, 304), (1, 201)])
        exchange.responseFields = fields(&dice)
        exchange.responseBody = body(&dice, [(5, .length), (3, .chunked), (1, .untilClose)])
        if exchange.hasBodilessResponse && exchange.responseBody.framing == .untilClose {
            exchange.responseBody.framing = .length
        }
        exchange.responsePace = pace(&dice, of: 300 + exchange.responseBody.count)
        exchange.responseClosesConnection = dice.chance(1, of: 10)
        exchange.workMilliseconds = dice.pick(weighted: [(5, 0), (2, dice.between(0, 50)), (1, dice.between(0, 500))])
        if dice.chance(1, of: 8) && !exchange.isHTTP10 { exchange.interimCount = dice.between(1, 3) }
        if dice.chance(1, of: 16) && !exchange.isHTTP10 {
            makeUpgrade(exchange, &dice)
        }
        if !isSmooth { addFlaws(to: exchange, &dice) }
        return exchange
    }

    private func makeUpgrade(_ exchange: Exchange, _ dice: inout Dice) {
        exchange.isUpgrade = true
        exchange.method = "GET"
        exchange.status = 101
        exchange.expectsContinue = false
        exchange.announcesClose = false
        exchange.interimCount = 0
        exchange.requestBody = body(&dice, [(1, .untilClose)])
        exchange.responseBody = body(&dice, [(1, .untilClose)])
    }

    private func addFlaws(to exchange: Exchange, _ dice: inout Dice) {
        let sentBytes = 150 + exchange.requestBody.count
        if dice.chance(1, of: 8) {
            let place = dice.between(1, sentBytes)
            exchange.clientFlaw = dice.pick(weighted: [
                (3, .abort(afterBytes: place, reset: dice.chance(1, of: 2))), (2, .endEarly(afterBytes: place)),
                (1, .stall(afterBytes: place)),
                (3, .leave(afterBytes: dice.between(0, exchange.responseBody.count), reset: dice.chance(1, of: 2))),
                (3, .halfClose),
            ])
            if exchange.isUpgrade || exchange.expectsContinue {
                exchange.clientFlaw = .leave(afterBytes: dice.between(0, 1000), reset: true)
            }
        }
        if dice.chance(1, of: 8) {
            let place = dice.between(0, 150 + exchange.responseBody.count)
            exchange.serverFlaw = dice.pick(weighted: [
                (2, .answerEarly), (2, .answerEarlyAndClose),
                (3, .cut(afterBytes: place, reset: dice.chance(1, of: 2))), (2, .silent(reset: dice.chance(1, of: 2))),
                (1, .stall(afterBytes: place)), (1, .junk), (2, .closeAfter),
            ])
            if exchange.isUpgrade { exchange.serverFlaw = .silent(reset: dice.chance(1, of: 2)) }
        }
    }

    private func stream(id: Int, isSmooth: Bool, _ dice: inout Dice) -> Stream {
        let stream = Stream(id: id)
        stream.upCount = bodySize(&dice)
        stream.downCount = bodySize(&dice)
        stream.up = Pattern(dice.next())
        stream.down = Pattern(dice.next())
        stream.upPace = pace(&dice, of: stream.upCount)
        stream.downPace = pace(&dice, of: stream.downCount)
        stream.readPace = pace(&dice, of: 20_000)
        stream.ending = dice.chance(1, of: 2) ? .clientFirst : .serverFirst
        if !isSmooth && dice.chance(1, of: 4) {
            let up = dice.between(0, stream.upCount), down = dice.between(0, stream.downCount)
            stream.ending = dice.pick(weighted: [
                (2, .clientResets(afterBytes: up)), (2, .serverResets(afterBytes: down)),
                (1, .clientStalls(afterBytes: up)), (1, .serverStalls(afterBytes: down)), (2, .clientLeaves),
            ])
        }
        return stream
    }
}
