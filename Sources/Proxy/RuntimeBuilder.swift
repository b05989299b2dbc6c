import Base
import Configuration
import Engine

/// A listening socket that is to be opened.
struct PendingBind {
    let frontend: Frontend
    let settings: BindSettings
    let spec: AddressSpec
    let port: UInt16
    let kindText: String
    /// Number of the listener in its frontend, from 1; shards have the same.
    let id: Int
    /// Which of how many sockets on the same address it is.
    var shard = 0
    var shardCount = 1

    /// Who wants it, for messages.
    var subject: String { "Starting \(kindText) \(frontend.name)" }

    /// The address as messages show it.
    func text(_ kernel: Kernel) -> String {
        switch spec.host {
        case .ipv4(let address):
            let v = address.value
            return "\(v >> 24).\(v >> 16 & 255).\(v >> 8 & 255).\(v & 255):\(port)"
        case .ipv6, .name: return NameResolver.address(spec, port: port, kernel).map { "\($0)" } ?? "unresolved:\(port)"
        case .unix(let path): return path
        case .abstract(let name): return "abns@\(name)"
        case .fileDescriptor(let fd): return "fd@\(fd)"
        case .socketPair(let fd): return "sockpair@\(fd)"
        }
    }

    func threads(of count: Int) -> ThreadSet {
        let all = PendingBind.threads(settings, of: count)
        if shardCount == 1 { return all }
        // Thread after thread to the next shard, so that shares differ by one at most.
        var share: UInt64 = 0, place = 0
        for index in 0..<count where all.bits >> UInt64(index) & 1 != 0 {
            if place % shardCount == shard { share |= 1 << UInt64(index) }
            place += 1
        }
        return ThreadSet(bits: share)
    }

    /// The threads that a line asks for; those that there are not do not count.
    static func threads(_ settings: BindSettings, of count: Int) -> ThreadSet {
        let all = ThreadSet.all(count)
        guard let bits = settings.threads else { return all }
        let wanted = ThreadSet(bits: bits & all.bits)
        return wanted.bits == 0 ? all : wanted
    }

    func open(
        with opener: SocketOpener, maximumConnections: Int
    ) throws(SocketOpener.Failure) -> SocketOpener.Opened {
        let own = settings.backlog ?? frontend.settings.backlog
        let backlog = Int32(clamping: own ?? frontend.settings.maxconn ?? maximumConnections)
        switch spec.host {
        case .fileDescriptor(let fd): return try opener.inherit(fd, backlog: backlog)
        case .socketPair: throw SocketOpener.Failure("a pair of sockets cannot be listened on")
        default: break
        }
        guard let address = NameResolver.address(spec, port: port, opener.kernel) else {
            throw SocketOpener.Failure("cannot resolve the address")
        }
        return try opener.open(address, settings, frontend.settings, backlog: backlog)
    }
}

/// Turns the configuration into what runs: backends first, then the frontends that refer to them.
struct RuntimeBuilder {
    private let tree: ConfigurationTree
    private let kernel: Kernel
    private let threadCount: Int
    private let options: ProxyRuntime.Options
    private(set) var errors: [String] = []
    private(set) var backends: [Backend] = []
    private(set) var pendingBinds: [PendingBind] = []
    private(set) var processLogger: Logger
    private var backendOf: [Int: Backend] = [:]
    /// A `listen` has one for its two sides.
    private var processingOf: [Int: Processing] = [:]
    private var maximumConnections = 0

    init(_ tree: ConfigurationTree, options: ProxyRuntime.Options, kernel: Kernel, threadCount: Int) {
        self.tree = tree
        self.options = options
        self.kernel = kernel
        self.threadCount = threadCount
        processLogger = Logger.none
        processLogger = logger(
            tree.global.logTargets, tree.global.logsJSON ? .json : .plain, LogFormats(), [], tag: tree.global.logTag,
            subject: "global section")
    }

    // MARK: Limits

    /// Sets the limit of descriptors and returns that of connections (manual, section 3.2, `maxconn`, `ulimit-n`).
    mutating func settleLimits() -> Int {
        let reserved = reservedDescriptors
        if let wanted = tree.global.ulimitN { raise(to: UInt64(clamping: wanted), "ulimit-n \(wanted)") }
        if let maxconn = options.maxconnOverride ?? tree.global.maxconn {
            maximumConnections = maxconn
            if tree.global.ulimitN == nil {
                let needed = UInt64(clamping: 2 * maxconn + 2 * pipes(for: maxconn) + reserved)
                if kernel.descriptorLimit(hard: false) < needed { raise(to: needed, "maxconn \(maxconn)") }
            }
            return maxconn
        }
        let hard = min(
            kernel.descriptorLimit(hard: true), tree.global.fdHardLimit.map { UInt64(clamping: $0) } ?? .max)
        if tree.global.ulimitN == nil && kernel.descriptorLimit(hard: false) < hard {
            _ = kernel.setDescriptorLimit(soft: hard, hard: hard)
        }
        let limit = min(kernel.descriptorLimit(hard: false), UInt64(Limits.descriptorsWithoutLimit))
        let room = max(0, Int(limit) - reserved)
        if let maxpipes = tree.global.maxpipes, usesPipes {
            maximumConnections = max(1, (room - 2 * maxpipes) / 2)
        } else {
            // Two descriptors for each connection, and two for the pipe of every fourth.
            maximumConnections = max(1, usesPipes ? room * 2 / 5 : room / 2)
        }
        return maximumConnections
    }

    /// Whether anything is to be spliced.
    private var usesPipes: Bool {
        options.splices && !tree.global.noSplice
            && tree.proxies.contains {
                !$0.settings.options.isDisjoint(with: [.spliceAuto, .spliceRequest, .spliceResponse])
            }
    }

    /// Pipes that the process may have (manual, section 3.2, `maxpipes`).
    func pipes(for maxconn: Int) -> Int { usesPipes ? tree.global.maxpipes ?? maxconn / 4 : 0 }

    /// Descriptors that are not connections: pollers, wakers, listeners, logs, standard streams.
    private var reservedDescriptors: Int {
        let binds = tree.proxies.reduce(0) {
            $0 + $1.binds.reduce(0) { $0 + $1.addresses.reduce(0) { $0 + $1.portCount } }
        }
        return threadCount * (Limits.descriptorsPerThread + 3) + binds + tree.global.statsSockets.count
            + tree.global.statsMaxconn + 16
    }

    private mutating func raise(to wanted: UInt64, _ why: String) {
        guard options.raisesLimits else { return }
        let hard = kernel.descriptorLimit(hard: true)
        if kernel.setDescriptorLimit(soft: wanted, hard: max(hard, wanted)) >= 0 { return }
        if tree.global.strictLimits {
            errors.append("cannot raise the limit of open files to \(wanted), which '\(why)' needs")
            return
        }
        // Without the right to exceed it, the hard limit is what there is.
        _ = kernel.setDescriptorLimit(soft: min(wanted, hard), hard: hard)
    }

    // MARK: Logs

    private mutating func logger(
        _ targets: [LogTarget], _ format: TrafficLogFormat, _ formats: LogFormats,
        _ proxyOptions: ProxyOptions, tag: String?, subject: String
    ) -> Logger {
        do {
            return try Logger(
                targets: targets, format: format, formats: formats, options: proxyOptions,
                tag: tag ?? tree.global.logTag ?? options.logTag, hostname: hostname,
                resolve: { NameResolver.address($0, port: $0.fixedPort, kernel) })
        } catch {
            errors.append("\(subject): \(error)")
            return Logger.none
        }
    }

    private var hostname: String? {
        guard let wanted = tree.global.logSendHostname else { return nil }
        if !wanted.isEmpty { return wanted }
        let own = kernel.hostName()
        return own.isEmpty ? "localhost" : own
    }

    // MARK: Proxies

    /// Builds every backend and frontend; disabled ones are left out.
    mutating func buildAll() -> [Frontend] {
        for (index, section) in tree.proxies.enumerated()
        where section.kind.hasBackend && !section.settings.isDisabled {
            processingOf[index] = Processing(section)
            let backend = makeBackend(section, index)
            backends.append(backend)
            backendOf[index] = backend
        }
        var frontends: [Frontend] = []
        for (index, section) in tree.proxies.enumerated()
        where section.kind.hasFrontend && !section.settings.isDisabled {
            let frontend = makeFrontend(section, index)
            frontend.candidates = backends.filter { $0.settings.mode == .http || section.settings.mode == .tcp }
            frontends.append(frontend)
            addBinds(section, frontend)
        }
        return frontends
    }

    private mutating func makeBackend(_ section: ProxySection, _ number: Int) -> Backend {
        var servers: [Server] = []
        for (index, line) in section.servers.enumerated() {
            if let server = makeServer(line, index, in: section) { servers.append(server) }
        }
        let name = LogName(section.name)
        return Backend(
            name: name, settings: section.settings, processing: processingOf[number] ?? Processing(section),
            servers: servers,
            counters: BackendCounters(workerCount: threadCount),
            errors: ErrorResponses(section.settings.errorResponses),
            fullconn: section.settings.fullconn ?? max(1, maximumConnections / 10),
            source: makeSource(section.settings.source),
            unlisted: makeUnlisted(section))
    }

    /// What stands for the server where `dispatch` or `option transparent` say where streams go. Its connections are
    /// never used again: another stream may mean another address.
    private mutating func makeUnlisted(_ section: ProxySection) -> Server? {
        let isTransparent = section.settings.options.contains(.transparent)
        if section.settings.hasBalance || (!isTransparent && section.settings.dispatch == nil) { return nil }
        var address = SocketAddress()
        if let dispatch = section.settings.dispatch {
            guard let found = NameResolver.address(dispatch, port: dispatch.fixedPort, kernel) else {
                errors.append(
                    place(dispatch.range) + "could not resolve address '\(dispatch.hostText)' of 'dispatch'")
                return nil
            }
            address = found
        }
        var settings = ServerSettings()
        settings.maxReuse = 0
        settings.poolMaxConn = 0
        return Server(
            name: .noServer, settings: settings, address: address, portOffset: nil, index: -1,
            workerCount: threadCount, counters: ServerCounters(workerCount: threadCount), source: nil,
            isListed: false)
    }

    private mutating func makeServer(_ line: ServerLine, _ index: Int, in section: ProxySection) -> Server? {
        var offset: Int?
        var port: UInt16 = 0
        switch line.address.port {
        case .none: if line.address.isIP { offset = 0 }
        case .fixed(let number): port = number
        case .offset(let number): offset = Int(number)
        case .range(let first, _): port = first
        }
        guard let address = serverAddress(line, port) else {
            errors.append(
                place(line.range) + "\(section.kind.rawValue) '\(section.name)': could not resolve address "
                    + "'\(line.address.hostText)' of server '\(line.name)'")
            return nil
        }
        return Server(
            name: LogName(line.name), settings: line.settings, address: address, portOffset: offset, index: index,
            workerCount: threadCount, counters: ServerCounters(workerCount: threadCount),
            source: makeSource(line.settings.source), sharesIdle: tree.global.tuneIdlePoolShared,
            backendName: LogName(section.name))
    }

    /// The first address that `init-addr` yields (manual, section 5.2).
    private func serverAddress(_ line: ServerLine, _ port: UInt16) -> SocketAddress? {
        let methods = line.settings.initialAddress.isEmpty ? [.libc] : line.settings.initialAddress
        for method in methods {
            switch method {
            case .last: continue
            case .libc: if let found = NameResolver.address(line.address, port: port, kernel) { return found }
            case .none:
                return NameResolver.address(line.address, port: port, kernel) ?? SocketAddress(ipv4: 0, port: port)
            case .ip(let spec): if let found = NameResolver.address(spec, port: port, kernel) { return found }
            }
        }
        return nil
    }

    /// Where something stands, in front of a message: "martlet.cfg:12: ".
    private func place(_ range: SourceRange) -> String {
        guard tree.files.indices.contains(Int(range.file)) else { return "" }
        return "\(tree.files[Int(range.file)].name):\(range.line): "
    }

    private mutating func makeSource(_ source: SourceAddress?) -> ConnectionSource? {
        guard let source else { return nil }
        var ports: ClosedRange<UInt16>?
        if case .range(let first, let last) = source.address.port { ports = first...last }
        guard let address = NameResolver.address(source.address, port: source.address.fixedPort, kernel) else {
            errors.append(
                place(source.address.range) + "could not resolve address '\(source.address.hostText)' of 'source'")
            return nil
        }
        return ConnectionSource(address: address, ports: ports, interface: source.interface)
    }

    private mutating func makeFrontend(_ section: ProxySection, _ index: Int) -> Frontend {
        let rules = section.useBackends.compactMap { rule -> BackendRule? in
            let condition = rule.condition.map { RuleCondition($0, section.acls) }
            if let format = rule.format { return BackendRule(backend: nil, format: format, condition: condition) }
            guard let backend = backendOf[rule.backend] else { return nil }
            return BackendRule(backend: backend, format: nil, condition: condition)
        }
        let chosen =
            section.defaultBackend.flatMap { backendOf[$0] } ?? (section.kind == .listen ? backendOf[index] : nil)
        let settings = section.settings
        var format = settings.logFormat
        var custom = settings.customLogFormat
        if let known = section.captures.isEmpty ? nil : LogFormats.withCaptures(format) {
            (format, custom) = (.custom, known)
        }
        if format == .plain && tree.global.logsJSON { format = .json }
        return Frontend(
            name: LogName(section.name), settings: settings, rules: rules,
            processing: processingOf[index] ?? Processing(section),
            defaultBackend: chosen,
            errors: ErrorResponses(settings.errorResponses),
            logger: logger(
                settings.logTargets, format,
                LogFormats(
                    custom: custom, structuredData: settings.structuredDataFormat, error: settings.errorLogFormat),
                settings.options, tag: settings.logTag,
                subject: "\(section.kind.rawValue) \(section.name)"),
            counters: FrontendCounters(workerCount: threadCount))
    }

    private mutating func addBinds(_ section: ProxySection, _ frontend: Frontend) {
        let kind = section.kind == .listen ? "proxy" : "frontend"
        var number = 0
        for line in section.binds {
            var settings = line.settings
            if let user = settings.user { settings.uid = identity(user, of: .user) }
            if let group = settings.group { settings.gid = identity(group, of: .group) }
            for spec in line.addresses {
                if case .fileDescriptor(let fd) = spec.host, kernel.isOpen(fd) < 0 {
                    errors.append(
                        place(line.range) + "\(kind) '\(section.name)': inherited descriptor \(fd) is not open")
                }
                let shards =
                    spec.isIP
                    ? min(settings.shards, PendingBind.threads(settings, of: threadCount).bits.nonzeroBitCount) : 1
                for port in spec.ports {
                    number += 1
                    for shard in 0..<shards {
                        pendingBinds.append(
                            PendingBind(
                                frontend: frontend, settings: settings, spec: spec, port: port, kindText: kind,
                                id: number, shard: shard, shardCount: shards))
                    }
                }
            }
        }
    }

    private enum IdentityKind { case user, group }

    private mutating func identity(_ name: String, of kind: IdentityKind) -> UInt32? {
        switch kind {
        case .user:
            if let number = kernel.lookUpUser(name) { return number }
        case .group:
            if let number = kernel.lookUpGroup(name) { return number }
        }
        errors.append("'bind' names an unknown \(kind == .user ? "user" : "group") '\(name)'")
        return nil
    }
}

extension AddressSpec {
    /// The ports that the address names; 0 alone when it names none.
    var ports: [UInt16] {
        if case .range(let first, let last) = port { return Array(first...last) }
        return [fixedPort]
    }

    /// The host as it was written, more or less, for messages.
    var hostText: String {
        switch host {
        case .name(let name): return name
        case .unix(let path): return path
        case .abstract(let name): return "abns@\(name)"
        case .fileDescriptor(let fd): return "fd@\(fd)"
        case .socketPair(let fd): return "sockpair@\(fd)"
        case .ipv4, .ipv6: return NameResolver.address(self, port: fixedPort, nil)?.host ?? ""
        }
    }

    var portCount: Int {
        if case .range(let first, let last) = port { return Int(last) - Int(first) + 1 }
        return 1
    }

    var isIP: Bool {
        switch host {
        case .ipv4, .ipv6, .name: return true
        default: return false
        }
    }
}

extension Logger {
    /// A logger without targets.
    static var none: Logger {
        do {
            return try Logger(targets: [], format: .plain, tag: "")
        } catch {
            preconditionFailure("a logger without targets has nothing that can fail")
        }
    }
}
