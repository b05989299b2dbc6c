import Base
import Configuration
import Engine
import HTTP
import Samples

/// Numbers and names of streams, proxies and servers.
extension StreamScope {
    func streamNumber(_ fact: StreamNumber, _ stream: ProxiedStream) -> Int64? {
        let frontend = stream.frontend!
        let timeouts = stream.backend?.settings.timeouts
        switch fact {
        case .thread: return Int64(worker.index)
        case .isStopping: return runtime.stopping ? 1 : 0
        case .isHTTP: return frontend.settings.mode == .http ? 1 : 0
        case .isFirstRequest: return stream.isFirstRequest ? 1 : 0
        case .frontendID: return directory.section(of: frontend).map { Int64($0.id) }
        case .listenerID: return stream.acceptor.map { Int64($0.settings.id ?? $0.id) }
        case .listenerConnections: return stream.acceptor.map { Int64($0.current) }
        case .clientTimeout: return Int64(frontend.settings.timeouts.clientMilliseconds ?? 0)
        case .clientMajorVersion: return 1
        case .backendID: return stream.backend.flatMap { directory.section(of: $0) }.map { Int64($0.id) }
        case .serverTimeout: return timeouts.map { Int64($0.serverMilliseconds ?? 0) }
        case .tunnelTimeout: return timeouts.map { Int64($0.tunnelMilliseconds ?? 0) }
        case .currentServerTimeout:
            return timeouts.map { Int64(stream.ruleState.serverMilliseconds ?? $0.serverMilliseconds ?? 0) }
        case .currentTunnelTimeout:
            return timeouts.map { Int64(stream.ruleState.tunnelMilliseconds ?? $0.tunnelMilliseconds ?? 0) }
        case .serverID:
            guard let backend = stream.backend, let server = stream.reachedServer,
                let section = directory.section(of: backend), section.servers.indices.contains(server.index)
            else { return nil }
            return Int64(section.servers[server.index].id)
        case .serverMajorVersion: return stream.connection == nil ? nil : 1
        case .priorityClass: return Int64(stream.rules?.priorityClass ?? 0)
        case .priorityOffset: return Int64(stream.rules?.priorityOffset ?? 0)
        case .lastRuleLine:
            let rule = stream.ruleState.lastRule
            return rule == .none ? nil : Int64(rule.line)
        }
    }

    func streamText(_ fact: StreamText, _ stream: ProxiedStream) -> Sample? {
        switch fact {
        case .frontendName: return stream.frontend.name.sample
        case .defaultBackendName: return stream.frontend.defaultBackend?.name.sample
        case .listenerName: return stream.acceptor?.name?.sample
        case .backendName: return stream.backend?.name.sample
        case .serverName: return stream.reachedServer.flatMap { $0.isListed ? $0.name.sample : nil }
        case .uniqueID:
            let identifier = stream.uniqueID(self)
            return identifier.isEmpty ? nil : scratch.string(identifier)
        case .lastRuleFile:
            let rule = stream.ruleState.lastRule
            guard rule != .none, runtime.tree.files.indices.contains(Int(rule.file)) else { return nil }
            return scratch.string(Array(runtime.tree.files[Int(rule.file)].name.utf8))
        case .capturedMethod: return requestLine(stream)?.method
        case .capturedURI: return requestLine(stream)?.target
        case .capturedRequestVersion: return requestLine(stream)?.version
        case .capturedResponseVersion:
            guard !stream.responseIsOurs, let version = response?.version ?? stream.forwardedVersion else { return nil }
            return version == .http10 ? Sample(literal: "HTTP/1.0") : Sample(literal: "HTTP/1.1")
        }
    }

    // MARK: Proxies and servers

    func proxyNumber(_ fact: ProxyNumber, _ index: Int?) -> Int64? {
        switch fact {
        case .frontendConnections, .frontendSessionRate, .frontendRequestRate:
            guard let frontend = index.map({ directory.frontend($0) }) ?? stream?.frontend else { return nil }
            switch fact {
            case .frontendConnections: return Int64(frontend.current)
            case .frontendSessionRate: return rate(frontend.counters, .sessions)
            default: return rate(frontend.counters, .requests)
            }
        default:
            guard let backend = index.map({ directory.backend($0) }) ?? stream?.backend else { return nil }
            return backendNumber(fact, backend)
        }
    }

    private func backendNumber(_ fact: ProxyNumber, _ backend: Backend) -> Int64 {
        let usable = backend.servers.lazy.filter { $0.isUsable }
        switch fact {
        case .backendConnections: return Int64(backend.current)
        case .backendSessionRate: return rate(backend.counters, .sessions)
        case .queueLength: return Int64(backend.waitingCount)
        case .averageQueueLength:
            let servers = usableCount(backend)
            let waiting = Int64(backend.waitingCount)
            return servers > 0 ? (waiting + servers - 1) / servers : waiting * 2
        case .usableServers: return usableCount(backend)
        default:
            let hasActive = usable.contains { !$0.settings.isBackup }
            var free: Int64 = 0
            for server in usable where server.settings.isBackup == !hasActive {
                let limits = server.settings
                if limits.maxconn == 0 || (fact == .freeSlots && limits.maxqueue == 0) { return -1 }
                free += Int64(max(0, limits.maxconn - server.current))
                if fact == .freeSlots { free += Int64(max(0, limits.maxqueue - server.queue.count)) }
            }
            return free
        }
    }

    /// Backup servers count when no other is usable.
    private func usableCount(_ backend: Backend) -> Int64 {
        let active = backend.servers.count { $0.isUsable && !$0.settings.isBackup }
        return Int64(active > 0 ? active : backend.servers.count { $0.isUsable && $0.settings.isBackup })
    }

    func serverNumber(_ fact: ServerNumber, _ server: Server) -> Int64 {
        switch fact {
        case .connections: return Int64(server.current)
        case .freeConnections:
            return server.settings.maxconn == 0 ? -1 : Int64(max(0, server.settings.maxconn - server.current))
        case .isUp: return server.isUp.load(ordering: .relaxed) ? 1 : 0
        case .initialWeight, .weight, .userWeight: return Int64(server.settings.weight)
        case .queueLength: return Int64(server.queue.count)
        case .sessionRate: return rate(server.counters, .sessions)
        }
    }

    private func rate(_ counters: ProxyCounters, _ field: ProxyCounters.Field) -> Int64 {
        let key = RateKey(counters: ObjectIdentifier(counters), isRequests: field == .requests)
        return rates[key, default: RateEstimate()].rate(counters.value(field), at: worker.now)
    }

    // MARK: The request line

    /// The parts of the request line: of the line that was kept as the client sent it, else of the head.
    private struct RequestLine {
        var method: Sample
        var target: Sample
        var version: Sample
    }

    private func requestLine(_ stream: ProxiedStream) -> RequestLine? {
        if let kept = keptRequestLine(stream) { return kept }
        guard let request else { return nil }
        return RequestLine(
            method: Sample(.string, request, request.methodSlice),
            target: Sample(.string, request, request.pathAndQuerySlice),
            version: request.version == .http10 ? Sample(literal: "HTTP/1.0") : Sample(literal: "HTTP/1.1"))
    }

    private func keptRequestLine(_ stream: ProxiedStream) -> RequestLine? {
        guard stream.record.hasRequestLine else { return nil }
        // SAFETY: the record keeps the line until the stream ends.
        let line = unsafe Sample(.string, stream.record.requestLine)
        let bytes = line.span
        guard let first = bytes.indices.first(where: { bytes[$0] == 0x20 }),
            let last = bytes.indices.last(where: { bytes[$0] == 0x20 }), last > first
        else { return nil }
        var method = line, target = line, version = line
        method.narrow(from: 0, count: first)
        target.narrow(from: first + 1, count: last - first - 1)
        version.narrow(from: last + 1, count: bytes.count - last - 1)
        return RequestLine(method: method, target: StreamScope.path(target), version: version)
    }

    /// An absolute target from its path on.
    private static func path(_ target: Sample) -> Sample {
        let bytes = target.span
        guard bytes.count > 0, bytes[0] != UInt8(ascii: "/"),
            let scheme = bytes.indices.first(where: {
                bytes[$0] == UInt8(ascii: ":") && $0 + 2 < bytes.count && bytes[$0 + 1] == UInt8(ascii: "/")
                    && bytes[$0 + 2] == UInt8(ascii: "/")
            }),
            let slash = bytes.indices.first(where: { $0 > scheme + 2 && bytes[$0] == UInt8(ascii: "/") })
        else { return target }
        var path = target
        path.narrow(from: slash, count: bytes.count - slash)
        return path
    }
}

extension LogName {
    /// The name as a sample.
    var sample: Sample {
        // SAFETY: the bytes of a name live for ever.
        unsafe Sample(.string, bytes)
    }
}
