import Samples

/// What can be said only when all files are read: names, modes, identifiers, and what looks wrong.
extension Parser {
    func resolve() {
        checkDefaultsUses()
        checkNames()
        var backends: [String: Int] = [:]
        for (index, proxy) in tree.proxies.enumerated() where proxy.kind.hasBackend {
            if backends[proxy.name] == nil { backends[proxy.name] = index }
        }
        for index in tree.proxies.indices {
            resolveLogs(index)
            resolveBackends(index, backends)
        }
        assignIdentifiers()
        resolveReferences()
        resolveRules()
        PatternSet.assignNumbers(tree.patternSets)
        for proxy in tree.proxies where !proxy.settings.isDisabled { checkServers(proxy) }
        checkBinds()
        for proxy in tree.proxies where !proxy.settings.isDisabled {
            if !areDefaultsBroken, !brokenSections.contains(proxy.range) { checkTimeouts(proxy) }
            checkModeDependent(proxy)
            checkLogs(proxy)
        }
        if caller.isDiagnostic { checkUnused() }
        for index in tree.proxies.indices { adaptToMode(index) }
    }

    // MARK: Names

    private func checkDefaultsUses() {
        for (index, use) in defaultsUses.sorted(by: { $0.key < $1.key }) {
            guard let explicit = use.explicit, let implicit = use.implicit else { continue }
            report(
                .mixedDefaults,
                "'defaults' section '\(tree.defaults[index].name)' is named here, and used without a name elsewhere",
                at: explicit, help: "name the 'defaults' of every section, or of none",
                notes: [Diagnostic.Note("this section uses it without naming it", at: implicit)])
        }
    }

    private func checkNames() {
        var frontends: [String: SourceRange] = [:]
        var backends: [String: SourceRange] = [:]
        for proxy in tree.proxies where !proxy.name.isEmpty {
            var earlier: SourceRange?
            if proxy.kind.hasFrontend { earlier = frontends.updateValue(proxy.range, forKey: proxy.name) }
            if proxy.kind.hasBackend {
                earlier = backends.updateValue(proxy.range, forKey: proxy.name) ?? earlier
            }
            if let earlier {
                report(
                    .duplicateName, "\(proxy.kind.rawValue) '\(proxy.name)' has the name of another proxy",
                    at: proxy.range, notes: [.first(earlier)])
            }
        }
    }

    private func resolveLogs(_ index: Int) {
        // One more for the sign between name and value (manual, section 3.2, `tune.http.cookielen`).
        let longest = tree.global.tuneHTTPCookielenBytes
        tree.proxies[index].captures.cookieLengthBytes = min(
            tree.proxies[index].captures.cookieLengthBytes, longest)
        guard tree.proxies[index].settings.usesGlobalLog else { return }
        tree.proxies[index].settings.logTargets = tree.global.logTargets + tree.proxies[index].settings.logTargets
    }

    private func resolveBackends(_ index: Int, _ backends: [String: Int]) {
        let proxy = tree.proxies[index]
        guard proxy.kind.hasFrontend else { return }
        if proxy.settings.isDisabled { return resolveDisabled(index, backends) }
        if let name = proxy.settings.defaultBackendName {
            tree.proxies[index].defaultBackend = backend(
                name, among: backends, from: proxy, keyword: "default_backend", at: proxy.settings.defaultBackendRange)
        }
        for rule in proxy.useBackends.indices where proxy.useBackends[rule].format == nil {
            if let found = backend(
                proxy.useBackends[rule].name, among: backends, from: proxy, keyword: "use_backend",
                at: proxy.useBackends[rule].nameRange)
            {
                tree.proxies[index].useBackends[rule].backend = found
            }
        }
        // What stands behind a rule without a condition is never reached.
        if let last = proxy.useBackends.firstIndex(where: { $0.condition == nil }) {
            for rule in proxy.useBackends[(last + 1)...] {
                report(
                    .unreachableRule,
                    "this 'use_backend' is never reached", at: rule.range,
                    notes: [Diagnostic.Note("this rule has no condition", at: proxy.useBackends[last].range)])
            }
        }
    }

    /// A disabled proxy is not checked: what leads nowhere is left out.
    private func resolveDisabled(_ index: Int, _ backends: [String: Int]) {
        tree.proxies[index].defaultBackend = tree.proxies[index].settings.defaultBackendName.flatMap { backends[$0] }
        tree.proxies[index].useBackends = tree.proxies[index].useBackends.compactMap { rule in
            if rule.format != nil { return rule }
            guard let found = backends[rule.name] else { return nil }
            var resolved = rule
            resolved.backend = found
            return resolved
        }
    }

    private func backend(
        _ name: String, among backends: [String: Int], from proxy: ProxySection, keyword: String, at range: SourceRange
    ) -> Int? {
        guard let found = backends[name] else {
            let frontend = tree.proxies.first { $0.name == name }
            report(
                .unknownBackend,
                frontend != nil
                    ? "'\(keyword)' of \(proxy.kind.rawValue) '\(proxy.name)': '\(name)' is a frontend"
                    : "'\(keyword)' of \(proxy.kind.rawValue) '\(proxy.name)': there is no backend '\(name)'",
                at: range,
                help: Suggestions.help(for: name, among: backends.keys.sorted()),
                notes: frontend.map { [Diagnostic.Note("the frontend is here", at: $0.range)] } ?? [])
            return nil
        }
        let target = tree.proxies[found]
        if proxy.kind == .listen, target.range == proxy.range {
            report(
                .routingLoop, "'\(keyword)' of listen '\(name)' sends to itself for ever", at: range,
                help: "without a rule, a 'listen' uses its own servers")
            return nil
        }
        switch (proxy.settings.mode, target.settings.mode) {
        case (.http, .tcp):
            report(
                .modeConflict,
                "http \(proxy.kind.rawValue) '\(proxy.name)' cannot use tcp \(target.kind.rawValue) '\(name)'",
                at: range, help: "both need the same 'mode'",
                notes: [Diagnostic.Note("'\(name)' is in 'mode tcp'", at: target.range)])
        case (.tcp, .http), (.tcp, .tcp), (.http, .http):
            break
        }
        return found
    }

    // MARK: Identifiers

    private func assignIdentifiers() {
        var used: [Int: SourceRange] = [:]
        for proxy in tree.proxies where proxy.id != 0 {
            if let earlier = used.updateValue(proxy.range, forKey: proxy.id) {
                report(
                    .duplicateID, "id \(proxy.id) is the id of another proxy", at: proxy.range, notes: [.first(earlier)]
                )
            }
        }
        var next = 1
        for index in tree.proxies.indices {
            assignServerIdentifiers(index)
            guard tree.proxies[index].id == 0 else { continue }
            while used[next] != nil { next += 1 }
            tree.proxies[index].id = next
            next += 1
        }
    }

    private func assignServerIdentifiers(_ proxy: Int) {
        var used: [Int: SourceRange] = [:]
        for server in tree.proxies[proxy].servers where server.id != 0 {
            if let earlier = used.updateValue(server.range, forKey: server.id) {
                report(
                    .duplicateID, "id \(server.id) is the id of another server", at: server.range,
                    notes: [.first(earlier)])
            }
        }
        var next = 1
        for index in tree.proxies[proxy].servers.indices where tree.proxies[proxy].servers[index].id == 0 {
            while used[next] != nil { next += 1 }
            tree.proxies[proxy].servers[index].id = next
            next += 1
        }
    }

    private func checkServers(_ proxy: ProxySection) {
        if let dispatch = proxy.settings.dispatch, proxy.settings.hasBalance {
            report(
                .conflictingSettings, "'dispatch' ignored: 'balance' says how servers are chosen", at: dispatch.range)
        }
        var names: [String: SourceRange] = [:]
        for server in proxy.servers {
            if let earlier = names.updateValue(server.range, forKey: server.name) {
                report(
                    .duplicateName,
                    "\(proxy.kind.rawValue) '\(proxy.name)' has another server named '\(server.name)'",
                    at: server.range, notes: [.first(earlier)])
            }
            if server.settings.minconn > server.settings.maxconn, server.settings.maxconn > 0 {
                report(
                    .conflictingSettings,
                    "server '\(server.name)': minconn \(server.settings.minconn) is above maxconn "
                        + "\(server.settings.maxconn)", at: server.range)
            }
        }
    }

    // MARK: Listeners

    private func checkBinds() {
        var seen: [AddressSpec: SourceRange] = [:]
        var names: [Int: SourceRange] = [:]
        for proxy in tree.proxies where !proxy.settings.isDisabled {
            names.removeAll()
            for bind in proxy.binds {
                if let id = bind.settings.id, let earlier = names.updateValue(bind.range, forKey: id) {
                    report(
                        .duplicateID, "id \(id) is the id of another 'bind'", at: bind.range, notes: [.first(earlier)])
                }
                for address in bind.addresses {
                    var key = address
                    key.range = .none
                    if let earlier = seen.updateValue(bind.range, forKey: key), bind.settings.threads == nil {
                        report(
                            .duplicateBind, "this address is bound already",
                            at: address.range == .none ? bind.range : address.range, notes: [.first(earlier)])
                    }
                }
            }
            if proxy.kind.hasFrontend, proxy.binds.isEmpty, !brokenSections.contains(proxy.range) {
                report(
                    .missingBind, "\(proxy.kind.rawValue) '\(proxy.name)' has no 'bind' line", at: proxy.range,
                    help: "declare it as a 'backend' if that is what it is")
            }
        }
    }

    // MARK: What looks wrong

    private func checkTimeouts(_ proxy: ProxySection) {
        let timeouts = proxy.settings.timeouts
        var missing: [String] = []
        if proxy.kind.hasFrontend, !proxy.binds.isEmpty, timeouts.clientMilliseconds == nil { missing.append("client") }
        if proxy.kind.hasBackend,
            !proxy.servers.isEmpty || proxy.settings.dispatch != nil || proxy.settings.options.contains(.transparent)
        {
            if timeouts.connectMilliseconds == nil { missing.append("connect") }
            if timeouts.serverMilliseconds == nil { missing.append("server") }
        }
        guard !missing.isEmpty else { return }
        report(
            .missingTimeout,
            "missing timeouts for \(proxy.kind.rawValue) '\(proxy.name)': "
                + missing.joined(separator: ", "), at: proxy.range,
            help: """
                without them, connections that no one uses may stay for ever; \
                set \(missing.map { "'timeout \($0)'" }.joined(separator: ", "))
                """)
    }

    private func checkModeDependent(_ proxy: ProxySection) {
        let settings = proxy.settings
        guard settings.mode == .tcp else { return }
        let protocols =
            proxy.binds.filter(\.settings.hasProtocol).map(\.range)
            + proxy.servers.filter(\.settings.hasProtocol).map(\.range)
        for range in protocols {
            report(.modeConflict, "'proto h1' cannot be used in 'mode tcp'", at: range)
        }
        if proxy.kind.hasBackend, let name = settings.balance.httpName, settings.hasBalance {
            report(
                .ignoredInMode,
                "'balance \(name)' ignored for \(proxy.kind.rawValue) '\(proxy.name)', which is not in 'mode http': "
                    + "the servers take turns",
                at: settings.keywordRanges["balance"] ?? proxy.range)
        }
        checkHTTPLog(proxy)
        if proxy.switchesMode { return }
        let ignored = KeywordTable.proxyKeywords.map(\.name).filter { name in
            if name == "option forwardfor" { return settings.forwardFor != nil }
            return OptionKeywords.httpFlags[name].map { settings.options.contains($0) } ?? false
        }
        for name in ignored {
            report(
                .ignoredInMode,
                "'\(name)' ignored for \(proxy.kind.rawValue) '\(proxy.name)', which is not in 'mode http'",
                at: settings.keywordRanges[name] ?? proxy.range)
        }
        let rule = proxy.useBackends.first { rule in
            rule.condition.map { condition in
                condition.alternatives.contains { $0.contains { needsHTTP($0, in: proxy) } }
            } ?? false
        }
        // What content rules wait for is read as HTTP, if it is that.
        if let rule, settings.requestInspectMilliseconds == nil {
            report(
                .neverMatches,
                "conditions of \(proxy.kind.rawValue) '\(proxy.name)' ask for parts of a request, and never "
                    + "match in 'mode tcp'", at: rule.condition?.range ?? rule.range)
        }
    }

    private func checkHTTPLog(_ proxy: ProxySection) {
        let settings = proxy.settings
        if proxy.kind.hasFrontend, settings.logFormat == .http || settings.logFormat == .httpCLF {
            report(
                .ignoredInMode,
                "'option httplog' cannot be used by \(proxy.kind.rawValue) '\(proxy.name)', which is not in "
                    + "'mode http': falling back to 'option tcplog'",
                at: settings.logFormatRange == .none ? proxy.range : settings.logFormatRange)
        }
    }

    private func checkLogs(_ proxy: ProxySection) {
        guard proxy.kind.hasFrontend, proxy.settings.logFormat != .plain, proxy.settings.logTargets.isEmpty else {
            return
        }
        report(
            .missingLog, "log format ignored for \(proxy.kind.rawValue) '\(proxy.name)', which has no 'log' line",
            at: proxy.range, help: "say where the lines go: 'log global', or 'log' with a target")
    }

    private func needsHTTP(_ term: ACLTerm, in proxy: ProxySection) -> Bool {
        let expressions: [ACLExpression]
        switch term.test {
        case .anonymous(let expression): expressions = [expression]
        case .named(let index): expressions = proxy.acls[index].expressions
        }
        return expressions.contains { $0.expression.needsHTTP }
    }

    private func adaptToMode(_ index: Int) {
        guard tree.proxies[index].settings.mode == .tcp else { return }
        let format = tree.proxies[index].settings.logFormat
        if tree.proxies[index].settings.balance.httpName != nil {
            tree.proxies[index].settings.balance.algorithm = .roundRobin
        }
        if format == .http || format == .httpCLF { tree.proxies[index].settings.logFormat = .tcp }
        if tree.proxies[index].switchesMode { return }
        tree.proxies[index].settings.forwardFor = nil
        tree.proxies[index].settings.originalTo = nil
        for option in OptionKeywords.httpFlags.values { tree.proxies[index].settings.options.subtract(option) }
    }
}
