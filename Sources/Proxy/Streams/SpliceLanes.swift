import Configuration
import Engine

/// The pipes of a stream through which bodies go from socket to socket without being copied (manual, section 4.2,
/// `option splice-auto`, `splice-request`, `splice-response`).
struct SpliceLanes {
    /// From the client to the server, and back.
    var request: SplicePipe?
    var response: SplicePipe?

    /// Bytes that are on their way in a pipe.
    static func count(_ pipe: SplicePipe?) -> Int { pipe?.byteCount ?? 0 }
}

extension ProxiedStream {
    /// Whether bytes of a direction may be spliced.
    private func splices(_ option: ProxyOptions) -> Bool {
        frontend.settings.options.union(backend?.settings.options ?? []).intersection([.spliceAuto, option]) != []
    }

    /// A block was filled on the way from the client: what follows goes through a pipe, if it may and there is one.
    func openRequestLane() {
        guard lanes.request == nil, splices(.spliceRequest), let source = clientTransport,
            let target = connection?.transport
        else { return }
        lanes.request = openLane(from: source, to: target)
    }

    /// A block was filled on the way to the client: what follows goes through a pipe, if it may and there is one.
    func openResponseLane() {
        guard lanes.response == nil, splices(.spliceResponse), let target = clientTransport,
            let source = connection?.transport
        else { return }
        lanes.response = openLane(from: source, to: target)
    }

    private func openLane(from source: Transport, to target: Transport) -> SplicePipe? {
        guard source.canSplice, target.canSplice, let pipe = context.pipes?.take() else { return nil }
        source.inlet = pipe
        target.outlet = pipe
        return pipe
    }

    /// Gives the pipes back.
    func closeLanes() {
        if lanes.request == nil && lanes.response == nil { return }
        for transport in [clientTransport, connection?.transport] {
            transport?.inlet = nil
            transport?.outlet = nil
        }
        if let pipe = lanes.request.take() { context.pipes?.put(pipe) }
        if let pipe = lanes.response.take() { context.pipes?.put(pipe) }
    }
}
