import Base
import Buffers
import Configuration
import Engine
import HTTP

/// Heads as they are sent: what the connection and the options of the proxies ask for beside the rules.
extension HTTPExchange {
    /// Edits the request's head as the connection and the options ask.
    func prepareHead(_ frontend: Frontend, _ backend: Backend) {
        if directives.rawValue & ~ConnectionDirectives.persistent.rawValue != 0 || request.has(.keepAlive)
            || request.has(.te) || request.has(.proxyConnection) || request.has(.upgrade)
        {
            request.removeHopByHopFields(keepUpgrade: isUpgrade)
            // Who sends TE says so in Connection (RFC 9110, section 10.1.4).
            if request.has(.te) { _ = request.add(.connection, value: "te") }
        }
        if let option = backend.settings.forwardFor ?? frontend.settings.forwardFor { addClient(option) }
        if let option = backend.settings.originalTo ?? frontend.settings.originalTo { addDestination(option) }
    }

    /// `option forwardfor`.
    private func addClient(_ option: ForwardFor) {
        if let except = option.except, record.client.socketAddress.isIn(except) { return }
        let text =
            rules?.changesSource == true ? Array(record.client.socketAddress.host.utf8) : client.addressText
        add(option, text)
    }

    /// `option originalto`: the address that the client connected to, or the one that rules have put in its place.
    private func addDestination(_ option: ForwardFor) {
        let scope = context.scope
        scope.attach(self)
        let address = scope.address(.destination)
        scope.detach()
        guard address.ipv4 != nil || address.ipv6 != nil else { return }
        if let except = option.except, address.isIn(except) { return }
        add(option, Array(address.host.utf8))
    }

    private func add(_ option: ForwardFor, _ text: [UInt8]) {
        var header = option.header
        header.makeContiguousUTF8()
        let name = header.utf8.span
        if text.isEmpty || (option.ifNone && request.firstIndex(named: name) != nil) { return }
        _ = request.add(name: name, value: text.span)
    }

    // MARK: Writing

    /// Writes the request's head for the server; nil if it does not fit.
    func writeRequestHead(_ backend: Backend, _ server: Server, into chunk: inout Chunk) -> Int? {
        var option = ConnectionOption.implied
        if isUpgrade {
            option = .upgrade
        } else if connectionMode != .keepAlive && !backend.settings.options.contains(.httpPretendKeepAlive) {
            option = .close
        } else if request.version < .http11 {
            option = .keepAlive
        }
        if let name = backend.settings.serverNameHeader, server.isListed {
            // SAFETY: a name's bytes live for ever.
            let value = unsafe Span<UInt8>(_unsafeBytes: server.name.bytes)
            guard request.set(name: name.span, value: value) == .done else { return nil }
        }
        if backend.settings.options.contains(.caseAdjustServer) { adjustCase(request, &option) }
        // SAFETY: the head's bytes lie in `requestChunk`, the region in a fresh block.
        return unsafe HeadSerializer.writeRequest(
            request, version: request.version < .http11 ? .http10 : .http11, connection: option, into: chunk.freeBytes)
    }

    /// Writes a response's head for the client; nil if it does not fit.
    func writeResponseHead(_ connection: ConnectionOption, into chunk: inout Chunk) -> Int? {
        var option = connection
        if frontendReference.with({ $0.settings.options.contains(.caseAdjustClient) }) == true {
            adjustCase(response, &option)
        }
        // SAFETY: the head's bytes lie in a chunk that the exchange keeps, the region in a fresh block.
        return unsafe HeadSerializer.writeResponse(
            response, version: .http11, connection: option, into: chunk.freeBytes)
    }

    /// Writes the names that `h1-case-adjust` lists in its letters.
    private func adjustCase(_ head: MessageHead, _ option: inout ConnectionOption) {
        if let value = option.value, context.tuning.adjusts("connection") {
            // The serializer would write it in its own letters.
            if head.add(.connection, value: value) == .done { option = .implied }
        }
        for index in 0..<head.fieldCount where head.isLive(index) {
            for name in context.tuning.caseAdjustments where head.name(index).equalsIgnoringCase(name.span) {
                head.respell(index, name.span)
                break
            }
        }
    }

    // MARK: Servers

    /// `use-server`, else the server of the request before where that is preferred.
    func preferredServer(_ backend: Backend) -> Server? {
        if let named = chooseServer(backend) { return named }
        guard let last = client.lastServer, last.backendName == backend.name, last.isUsable else { return nil }
        if client.isBound { return last }
        // It is preferred for the sake of a connection that it may be reached by.
        guard client.ownServer?.server === last || last.idle[worker.index].count > 0 else { return nil }
        let limit = backend.settings.maxKeepAliveQueue
        return limit < 0 || last.hasRoom(backend.limit(of: last)) || last.queue.count < limit ? last : nil
    }

    /// Whose connection is kept may be preferred for the client's next request (manual, section 4.2, `option
    /// prefer-last-server`).
    func keepInMind(_ server: Server, _ backend: Backend) {
        clientReference.with { client in
            let isPreferred = client.isBound || backend.settings.options.contains(.preferLastServer)
            client.lastServer = isPreferred && server.isListed ? server : nil
        }
    }

    /// A server that asks for authentication by a scheme that is bound to the connection (RFC 4559) is the client's
    /// own from now on, and so is its connection.
    func noteChallenge() {
        let name: StaticString
        switch response.status.code {
        case 401: name = "www-authenticate"
        case 407: name = "proxy-authenticate"
        default: return
        }
        var index = response.firstIndex(named: name.bytes)
        while let current = index {
            let value = response.value(current)
            if starts(value, "negotiate") || starts(value, "ntlm") { client.isBound = true }
            index = response.firstIndex(named: name.bytes, from: current + 1)
        }
    }

    private func starts(_ value: Span<UInt8>, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        return value.count >= count && value.extracting(0..<count).equalsIgnoringCase(word)
    }

    /// `redir` of a server: GET and HEAD go to where it says.
    func redirect(to prefix: [UInt8]) {
        let path = request.span(request.pathAndQuerySlice)
        let location = context.texts.make { line in
            line.append(prefix)
            line.append(path)
        }
        guard path.isEmpty || path[0] == UInt8(ascii: "/") else { return respond(400, .proxy, .request) }
        redirect(302, location.span, .local, .connect)
    }
}

extension ConnectionOption {
    /// What a Connection field says; nil: there is none.
    var value: StaticString? {
        switch self {
        case .implied: nil
        case .close: "close"
        case .keepAlive: "keep-alive"
        case .upgrade: "upgrade"
        }
    }
}
