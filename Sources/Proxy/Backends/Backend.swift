import Base
import Configuration
import Engine

/// The server that a stream got, or why it got none at once.
// SAFETY: servers live as long as their backend, which lives as long as the runtime.
enum Assignment {
    case server(Lasting<Server>)
    /// Every usable server is at its limit: wait in the queue.
    case full
    /// This server is at its limit, and no other will do: wait for it.
    case busy(Lasting<Server>)
    /// No server is usable.
    case none
}

/// A set of servers and how to use them, as it runs.
///
/// Thread-safety: everything may be read on any thread; the queue has a lock of its own, taken only when servers are
/// full.
final class Backend {
    let name: LogName
    let settings: ProxySettings
    let processing: Processing
    let servers: [Server]
    let counters: BackendCounters
    let queue = ServerQueue()
    /// Error responses by status, ready to be sent.
    let errors: ErrorResponses
    /// `fullconn`'s default: how many streams make servers with `minconn` reach their `maxconn`.
    let fullconn: Int

    /// Where connections to servers come from; nil: as the system chooses.
    let source: ConnectionSource?

    /// What `dispatch` and `option transparent` mean: it takes what no rule gives to a server; nil without them.
    private let unlisted: Server?
    private let active: ServerGroup
    private let backup: ServerGroup
    /// What is hashed to find a server; nil: nothing.
    var hashing: Balance.Key? {
        if case .hash(let key) = settings.balance.algorithm { key } else { nil }
    }
    /// Whether a stream has to say what its hash is.
    var hashes: Bool { method == .hash }
    /// The algorithm without what it goes by, which would be counted each time it is looked at.
    private enum Method { case turns, leastConnections, first, random, hash }
    private let method: Method
    private let draws: Int

    init(
        name: LogName, settings: ProxySettings, processing: Processing, servers: [Server], counters: BackendCounters,
        errors: ErrorResponses,
        fullconn: Int, source: ConnectionSource?, unlisted: Server? = nil
    ) {
        self.unlisted = unlisted
        self.name = name
        self.settings = settings
        self.processing = processing
        self.servers = servers
        self.counters = counters
        self.errors = errors
        self.fullconn = max(1, fullconn)
        self.source = source
        active = ServerGroup(servers.filter { !$0.settings.isBackup }, settings.balance)
        backup = ServerGroup(servers.filter { $0.settings.isBackup }, settings.balance)
        switch settings.balance.algorithm {
        case .roundRobin: (method, draws) = (.turns, 0)
        case .leastConnections: (method, draws) = (.leastConnections, 0)
        case .first: (method, draws) = (.first, 0)
        case .random(let count): (method, draws) = (.random, count)
        case .hash: (method, draws) = (.hash, 0)
        }
    }

    /// Streams on this backend now.
    var current: Int { counters.sessions.current }

    /// One more stream.
    func enter() { counters.sessions.enter() }

    /// One stream less.
    func leave() { counters.sessions.leave() }

    /// The limit of streams on a server now; 0 for none (manual, section 5.2, `minconn`).
    func limit(of server: Server) -> Int {
        let maximum = server.settings.maxconn, minimum = server.settings.minconn
        if maximum == 0 || minimum == 0 || minimum >= maximum { return maximum }
        let load = current
        if load >= fullconn { return maximum }
        return max(minimum, load * maximum / fullconn)
    }

    /// Chooses a server and takes a place on it.
    /// - Parameters:
    ///   - avoided: a server that just failed, used again only if no other can be.
    ///   - hash: what leads to the stream's server, where hashes do.
    func assign(avoiding avoided: Server? = nil, hash: UInt32? = nil) -> Assignment {
        if unlisted != nil { return assignUnlisted() }
        // Those who wait go first.
        if queue.count > 0 && avoided == nil && hash == nil && hasUsable { return .full }
        let first = choose(from: active, avoiding: avoided, hash: hash)
        if case .none = first { return assignLast(avoiding: avoided, hash: hash) }
        return first
    }

    // What is rare stands apart, so that the rest counts no reference.
    @inline(never)
    private func assignUnlisted() -> Assignment { unlisted.map { again($0) } ?? .none }

    /// No active server but the one that failed can be used.
    @inline(never)
    private func assignLast(avoiding avoided: Server?, hash: UInt32?) -> Assignment {
        // That an attempt has failed does not make a server unusable: it comes before the backups.
        if let avoided, !avoided.settings.isBackup, avoided.isUsable { return again(avoided) }
        let second = pickBackup(avoiding: avoided, hash: hash)
        if case .none = second, let avoided, avoided.isUsable { return again(avoided) }
        return second
    }

    /// Takes a place on a certain server. `.full`: the stream may wait for it; `.none`: it is down.
    /// - Parameter evenDown: Whether it is used then, too.
    func assign(preferred server: Server, evenDown: Bool) -> Assignment {
        guard evenDown || server.isUp.load(ordering: .relaxed) else { return .none }
        // Those who wait for it go first.
        if server.queue.count > 0 { return .full }
        return again(server)
    }

    /// `use-server`: the server that the first rule that holds names, those of servers that are down left out (manual,
    /// section 4.2).
    func server(for scope: StreamScope, _ texts: RuleTexts, _ state: RuleState) -> Server? {
        state.forcesServer = processing.forcePersists.contains { $0.holds(scope) }
        let isEvenDown = state.forcesServer || settings.options.contains(.persist)
        for rule in processing.useServers where rule.condition.holds(scope) {
            let named: Server?
            if let format = rule.format {
                let name = texts.format(format, scope).span
                named = servers.first { $0.name.equals(name) }
            } else {
                named = servers.first { $0.name.equals(rule.name.utf8.span) }
            }
            if let named, isEvenDown || named.isUp.load(ordering: .relaxed) { return named }
        }
        return nil
    }

    private func again(_ server: Server) -> Assignment {
        server.reserve(limit: limit(of: server)) ? .server(Lasting(server)) : .full
    }

    /// Whether a stream that could not reach a server could be sent to another one.
    func hasAlternative(to server: Server) -> Bool {
        servers.contains {
            $0 !== server && $0.isUsable && ($0.settings.isBackup == server.settings.isBackup || !server.isUsable)
        }
    }

    @inline(never)
    private var hasUsable: Bool { servers.contains { $0.isUsable } }

    private func choose(from group: borrowing ServerGroup, avoiding avoided: Server?, hash: UInt32?) -> Assignment {
        switch method {
        case .turns: return pick(from: group, avoiding: avoided)
        case .leastConnections: return reserve(group.least(avoiding: avoided, self), group, avoiding: avoided)
        case .random:
            return reserve(group.drawn(draws, avoiding: avoided, self), group, avoiding: avoided)
        case .first: return pickFirst(from: group, avoiding: avoided)
        case .hash:
            guard let hash else { return pick(from: group, avoiding: avoided) }
            guard let server = group.owner(of: hash, avoiding: avoided, settings.balance.loadFactorPercent) else {
                return .none
            }
            if server.queue.count == 0 && server.reserve(limit: limit(of: server)) {
                return .server(Lasting(server))
            }
            return .busy(Lasting(server))
        }
    }

    /// Takes a place on the server if it is still free, else on whichever has one.
    private func reserve(
        _ server: Server?, _ group: borrowing ServerGroup, avoiding avoided: Server?
    ) -> Assignment {
        if let server, server.reserve(limit: limit(of: server)) { return .server(Lasting(server)) }
        return pick(from: group, avoiding: avoided)
    }

    private func pick(from group: borrowing ServerGroup, avoiding avoided: Server?) -> Assignment {
        if group.turns.isEmpty { return .none }
        // The first turn nearly always serves.
        var place = 0
        for _ in 0..<min(group.turns.count, Backend.turnsTried) {
            place = group.turns.next()
            let server = group.servers[place]
            if server.with({ look(at: $0, avoiding: avoided) }) == .taken { return .server(server) }
        }
        // Other threads may have had the turns of the servers that were not met: only a look at each one tells.
        var isFull = false
        for step in 1...group.servers.count {
            let server = group.servers[(place + step) % group.servers.count]
            switch server.with({ look(at: $0, avoiding: avoided) }) {
            case .taken: return .server(server)
            case .full: isFull = true
            case .unusable, nil: continue
            }
        }
        return isFull ? .full : .none
    }

    private enum Place { case taken, full, unusable }

    /// Takes a place on a server if it has one for new streams.
    @inline(__always)
    private func look(at server: Server, avoiding avoided: Server?) -> Place {
        if !server.isUsable || server === avoided { return .unusable }
        return server.reserve(limit: limit(of: server)) ? .taken : .full
    }

    /// Turns that are taken before every server is looked at.
    private static let turnsTried = 64

    /// The first usable server that has room, in the order of the group.
    private func pickFirst(from group: borrowing ServerGroup, avoiding avoided: Server?) -> Assignment {
        var isFull = false
        for server in group.inOrder where server.isUsable && server !== avoided {
            if server.reserve(limit: limit(of: server)) { return .server(Lasting(server)) }
            isFull = true
        }
        return isFull ? .full : .none
    }

    /// Backup servers serve when no other server is usable: the first usable one, or all with `option allbackups`.
    private func pickBackup(avoiding avoided: Server?, hash: UInt32? = nil) -> Assignment {
        if settings.options.contains(.allBackups) { return choose(from: backup, avoiding: avoided, hash: hash) }
        for server in backup.servers {
            switch server.with({ look(at: $0, avoiding: avoided) }) {
            case .taken: return .server(server)
            case .full: return .full
            case .unusable, nil: continue
            }
        }
        return .none
    }

    /// Gives a place on a server back, and lets the first who waits have it.
    func release(_ server: Server, on worker: Worker) {
        server.leave()
        if server.queue.count > 0 { serveQueue(of: server, on: worker) }
        serveQueue(on: worker)
    }

    /// Streams that wait, for any server and for certain ones.
    var waitingCount: Int { servers.reduce(queue.count) { $0 + $1.queue.count } }

    /// Gives free places to those who take any server.
    func serveQueue(on worker: Worker) {
        // Bounded by the number who wait; each round serves one or ends.
        var rounds = queue.count
        while rounds > 0 && queue.count > 0 {
            rounds -= 1
            guard let server = freeServer() else { return }
            if !queue.grantFirst(server, by: worker) {
                server.leave()
                return
            }
        }
    }

    /// Gives the free places of a server to those who wait for it, unless others of the backend's queue come first.
    func serveQueue(of server: Server, on worker: Worker) {
        // Bounded by the number who wait; each round serves one or ends.
        var rounds = server.queue.count
        while rounds > 0, server.isUp.load(ordering: .relaxed), let own = server.queue.firstKey {
            rounds -= 1
            if server.isUsable, !server.settings.isBackup, let other = queue.firstKey, other < own {
                guard server.reserve(limit: limit(of: server)) else { return }
                if queue.grantFirst(server, by: worker) { continue }
                server.leave()
            }
            guard server.reserve(limit: limit(of: server)) else { return }
            if !server.queue.grantFirst(server, by: worker) { return server.leave() }
        }
    }

    private func freeServer() -> Server? {
        if case .server(let server) = choose(from: active, avoiding: nil, hash: nil) { return server.object }
        if case .server(let server) = pickBackup(avoiding: nil) { return server.object }
        return nil
    }
}
