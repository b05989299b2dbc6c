import Base

/// The two ends of connections in TCP mode. Each end has a fibre for each direction, so that neither waits for the
/// other; both check every byte.
final class TCPPeers {
    private let world: ProxyWorld

    init(_ world: ProxyWorld) { self.world = world }

    // MARK: The client

    /// One connection, on a fibre of its own.
    func runClient(_ plan: ClientPlan, _ stream: Stream) {
        world.host.sleep(milliseconds: plan.startMilliseconds)
        guard
            let wire = Wire.connect(
                world.host, to: plan.entrance, patienceMilliseconds: world.patienceMilliseconds,
                receiveBytes: plan.receiveBytes)
        else { return world.connectFailed(stream.id) }
        world.connectionsMade += 1
        wire.readPace = stream.readPace
        let sender = world.host.spawn("sender of client \(plan.number)") { [self] in sendUp(stream, wire) }
        var end = WireEnd.end
        if stream.ending == .clientLeaves {
            world.host.join(sender)
        } else {
            end = receive(stream.down, wire, "stream \(stream.id) towards the client") { stream.clientReceived = $0 }
            stream.clientSawEnd = end == .end
        }
        // After the server's end the client may still send.
        if end != .end { wire.abandon() }
        world.host.join(sender)
        wire.close()
        world.judge(stream, end)
    }

    private func sendUp(_ stream: Stream, _ wire: Wire) {
        let bytes = stream.preface + stream.up.bytes(from: 0, count: stream.upCount)
        switch stream.ending {
        case .clientResets(let after):
            _ = wire.send(bytes, pace: stream.upPace, upTo: Stream.prefaceBytes + after)
            wire.resetsAtClose = true
            // The other fibre closes.
            wire.abandon()
        case .clientStalls(let after):
            _ = wire.send(bytes, pace: stream.upPace, upTo: Stream.prefaceBytes + after)
        case .serverFirst:
            if wire.send(bytes, pace: stream.upPace) != nil { return }
            // Its end comes after the server's.
            while !stream.clientSawEnd && !wire.isClosed && !wire.isAbandoned { world.host.sleep(milliseconds: 5) }
            wire.finish()
        case .clientFirst, .serverResets, .serverStalls, .clientLeaves:
            if wire.send(bytes, pace: stream.upPace) == nil { wire.finish() }
        }
    }

    // MARK: The server

    /// One connection, on a fibre of its own.
    func serve(_ wire: Wire) {
        defer { wire.close() }
        while wire.available < Stream.prefaceBytes { if wire.receive() != nil { return } }
        var id = 0
        for (place, byte) in wire.take(Stream.prefaceBytes).enumerated() { id |= Int(byte) << (8 * place) }
        guard let stream = world.stream(id) else {
            return world.violation("a server got the stream of nobody, \(id)")
        }
        stream.timesAccepted += 1
        if stream.timesAccepted > 1 { world.violation("stream \(id) has come twice") }
        wire.readPace = stream.readPace
        let sender = world.host.spawn("sender of stream \(id)") { [self] in sendDown(stream, wire) }
        let end = receive(stream.up, wire, "stream \(id) towards the server") { stream.serverReceived = $0 }
        stream.serverSawEnd = end == .end
        if end != .end { wire.abandon() }
        world.host.join(sender)
    }

    private func sendDown(_ stream: Stream, _ wire: Wire) {
        let bytes = stream.down.bytes(from: 0, count: stream.downCount)
        switch stream.ending {
        case .serverResets(let after):
            _ = wire.send(bytes, pace: stream.downPace, upTo: after)
            wire.resetsAtClose = true
            wire.abandon()
        case .serverStalls(let after):
            _ = wire.send(bytes, pace: stream.downPace, upTo: after)
        case .clientFirst:
            if wire.send(bytes, pace: stream.downPace) != nil { return }
            while !stream.serverSawEnd && !wire.isClosed && !wire.isAbandoned { world.host.sleep(milliseconds: 5) }
            wire.finish()
        case .serverFirst, .clientResets, .clientStalls, .clientLeaves:
            if wire.send(bytes, pace: stream.downPace) == nil { wire.finish() }
        }
    }

    // MARK: Both

    /// Receives until the stream ends, and compares. Tells how much has come.
    private func receive(_ pattern: Pattern, _ wire: Wire, _ what: String, _ tell: (Int) -> Void) -> WireEnd {
        var seen = 0
        while true {
            if wire.available == 0, let end = wire.receive() { return end }
            let bytes = wire.take(wire.available)
            if let place = pattern.firstDifference(in: bytes, at: UInt64(seen)) {
                world.violation("\(what): byte \(seen + place) is wrong")
                return .reset
            }
            seen += bytes.count
            tell(seen)
        }
    }
}
