import Base

// The configuration of a world's proxy, as text in the language that users write.
extension WorldPlan {
    init(seed: UInt64, _ options: WorldOptions) {
        self.seed = seed
        var dice = Dice(seed: seed, 1)
        poller = dice.pick(options.pollers.isEmpty ? WorldPlan.pollers : options.pollers)
        threads = dice.pick(weighted: [(3, 1), (3, 2), (2, 3), (2, 4)])
        isHTTP = dice.chance(3, of: 4)
        bufferBytes = dice.pick([2048, 4096, 8192, 16384, 16384])
        if options.allowsFaults { faults = dice.pick(weighted: [(4, .none), (5, .harmless), (4, .breaking)]) }
        if faults == .breaking { troubles.formUnion([.breaks, .delays]) }
        planServers(&dice)
        var text = globalSection(&dice)
        planRules()
        text += defaultsSection(&dice)
        text += frontendSections(&dice)
        text += backendSection(&dice)
        configuration = text
        planEvents(&dice)
        planClients(options)
        let exchanges = clients.flatMap(\.exchanges)
        if exchanges.contains(where: { $0.serverFlaw == .closeAfter || $0.serverFlaw == .answerEarlyAndClose }) {
            troubles.insert(.idleCloses)
        }
        switchProbability = dice.pick([0, 0.02, 0.25, 0.5])
        machineOptions.streamBytes = dice.pick([8192, 65_536, 65_536])
    }

    private mutating func planServers(_ dice: inout Dice) {
        let count = dice.between(1, 4)
        for number in 0..<count {
            servers.append(ServerPlan(address: SocketAddress(ipv4: 0x7F00_0100 + UInt32(number), port: 80)))
        }
        if dice.chance(1, of: 6) {
            servers[dice.between(0, count - 1)].kind = dice.chance(1, of: 2) ? .refuses : .late(milliseconds: 800)
            troubles.insert(.badServer)
        }
        if isHTTP && dice.chance(1, of: 5) {
            serverRequestsPerConnection = dice.between(1, 4)
            troubles.insert(.idleCloses)
        }
    }

    private mutating func globalSection(_ dice: inout Dice) -> String {
        // A process that has too few descriptors is to start all the same.
        var text = "global\n nbthread \(threads)\n no strict-limits\n"
        text += " maxconn \(dice.pick(weighted: [(5, 400), (2, 40), (1, 5)]))\n"
        text += " tune.bufsize \(bufferBytes)\n tune.maxrewrite \(bufferBytes / 4)\n"
        text += " tune.maxaccept \(dice.pick([1, 4, 4, 64]))\n"
        text += " tune.maxpollevents \(dice.pick([2, 20, 200, 200]))\n"
        for (name, odds) in [("rcvbuf.client", 6), ("sndbuf.client", 6), ("rcvbuf.server", 6), ("sndbuf.server", 6)]
        where dice.chance(1, of: odds) {
            text += " tune.\(name) \(dice.pick([4096, 16384]))\n"
        }
        if dice.chance(1, of: 3) {
            logAddress = SocketAddress(ipv4: 0x7F00_0209, port: 514)
            text += " log 127.0.2.9:514 len 1024 local0\n"
        }
        if dice.chance(1, of: 3) {
            statsAddress = SocketAddress(ipv4: 0x7F00_0201, port: 9999)
            commandSessions = dice.between(1, 5)
            text += " stats socket ipv4@127.0.2.1:9999 level admin\n stats timeout 20s\n"
        }
        return text
    }

    private mutating func defaultsSection(_ dice: inout Dice) -> String {
        let client = dice.pick([5000, 10_000, 30_000]), server = dice.pick([5000, 10_000, 30_000])
        longestTimeoutMilliseconds = max(client, server)
        let queue = dice.chance(1, of: 5) ? dice.between(1, 2000) : 900_000
        if queue < 900_000 { troubles.insert(.limits) }
        retries = dice.pick([0, 1, 3, 3])
        var text = """
            defaults
             mode \(isHTTP ? "http" : "tcp")
             timeout connect 2s
             timeout client \(client)
             timeout server \(server)
             timeout queue \(queue)
             retries \(retries)

            """
        if logAddress != nil {
            text +=
                " log global\n"
                + dice.pick(["", isHTTP ? " option httplog\n" : " option tcplog\n", " option tcplog\n"])
            if dice.chance(1, of: 4) { text += " option logasap\n" }
            if dice.chance(1, of: 4) { text += " option dontlognull\n" }
        }
        if dice.chance(1, of: 3) { text += " option redispatch \(dice.pick([1, -1, 2]))\n" }
        if dice.chance(1, of: 4) { text += " timeout client-fin \(dice.between(4000, 8000))\n" }
        if dice.chance(1, of: 4) { text += " timeout server-fin \(dice.between(4000, 8000))\n" }
        if dice.chance(1, of: 4) { text += " timeout tunnel 20s\n" }
        for option in ["nolinger", "tcpka", "independent-streams"] where dice.chance(1, of: 8) {
            text += " option \(option)\n"
        }
        if isHTTP { text += httpDefaults(&dice) }
        return text + rules.defaults
    }

    private mutating func httpDefaults(_ dice: inout Dice) -> String {
        var text = ""
        if dice.chance(1, of: 2) { text += " timeout http-request \(dice.between(4000, 8000))\n" }
        if dice.chance(1, of: 2) { text += " timeout http-keep-alive \(dice.between(4000, 8000))\n" }
        text += dice.pick(weighted: [
            (4, ""), (2, " option http-server-close\n"), (1, " option httpclose\n"), (1, " option http-keep-alive\n"),
        ])
        text += " http-reuse \(dice.pick(["never", "safe", "aggressive", "always"]))\n"
        if dice.chance(1, of: 3) {
            forwardsFor = true
            text += " option forwardfor\n"
        }
        if dice.chance(1, of: 4) {
            retriesAnything = true
            let reasons = dice.pick([
                "all-retryable-errors", "empty-response conn-failure", "conn-failure response-timeout",
            ])
            text += " retry-on \(reasons)\n"
        }
        if dice.chance(1, of: 6) {
            abortsOnClose = true
            text += " option abortonclose\n"
        }
        return text
    }

    private mutating func frontendSections(_ dice: inout Dice) -> String {
        var text = ""
        for frontend in 0..<dice.between(1, 3) {
            text += "frontend f\(frontend)\n"
            let first = 8000 + 100 * frontend
            let count = dice.between(1, 3)
            text += " bind 127.0.0.1:\(first)-\(first + count - 1)"
            if dice.chance(1, of: 4) { text += " maxconn \(dice.pick([1, 3, 20]))" }
            if threads > 1 && dice.chance(1, of: 4) { text += " thread \(dice.between(1, threads))" }
            text += "\n backlog 1024\n"
            if dice.chance(1, of: 4) { text += " maxconn \(dice.pick([1, 5, 30]))\n" }
            text += rules.frontend
            text += " default_backend b\n"
            for port in first..<(first + count) {
                entrances.append(SocketAddress(ipv4: 0x7F00_0001, port: UInt16(port)))
            }
        }
        return text
    }

    private mutating func backendSection(_ dice: inout Dice) -> String {
        var text = "backend b\n balance roundrobin\n" + rules.backend
        for (number, server) in servers.enumerated() {
            text += " server s\(number) \(server.address.host):80"
            if dice.chance(1, of: 3) { text += " maxconn \(dice.pick([1, 2, 5]))" }
            if dice.chance(1, of: 4) { text += " weight \(dice.between(1, 5))" }
            if dice.chance(1, of: 3) { text += " pool-max-conn \(dice.pick([0, 1, 3]))" }
            if dice.chance(1, of: 3) { text += " pool-purge-delay \(dice.pick([100, 1000]))" }
            if dice.chance(1, of: 6) { text += " max-reuse \(dice.pick([0, 1, 5]))" }
            text += "\n"
        }
        return text
    }

    private mutating func planEvents(_ dice: inout Dice) {
        if dice.chance(1, of: 6) {
            drainMilliseconds = dice.between(1, 3000)
            troubles.insert(.stops)
        }
        if dice.chance(1, of: 10) {
            descriptorLimit = dice.between(45, 65)
            troubles.formUnion([.breaks, .delays])
        }
        if dice.chance(1, of: 3) {
            for _ in 0..<dice.between(1, 6) { pauses.append((dice.between(0, 2000), dice.between(0, 300))) }
        }
    }
}
