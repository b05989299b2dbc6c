/// Keywords of the section itself and of its client side (manual, section 4.2).
enum ProxyKeywords {
    static let table: [Keyword] = [
        Keyword("backlog", .clientSide, "<conns>", count: 1...1, "Connections that wait in the kernel") {
            parser, call throws(SyntaxFailure) in
            let value = try call.integer(0, in: 0...(1 << 30))
            parser.draft.settings.backlog = value == 0 ? nil : value
        },
        Keyword(
            "bind", [.frontend, .listen], "[<address>]:<port_range> [, ...] [param*]", count: 1...Keyword.many,
            "Listens on addresses"
        ) { parser, call throws(SyntaxFailure) in
            var addresses = try call.addresses(0, rules: .bind)
            var settings = BindSettings()
            BindParameters.read(parser, call, from: 1, into: &settings)
            parser.unixBind.apply(to: &settings, &addresses)
            parser.draft.binds.append(
                BindLine(addresses: addresses, settings: settings, range: call.statement.range))
        },
        Keyword(
            "default_backend", .clientSide, "<backend>", count: 1...1, "Backend for what no use_backend rule took"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.defaultBackendName = call[0]
            parser.draft.settings.defaultBackendRange = call.range(0)
        },
        Keyword(
            "description", [.frontend, .listen, .backend], "<string>", count: 1...Keyword.many, "Describes the proxy"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.description = (0..<call.count).map { call[$0] }.joined(separator: " ")
        },
        Keyword("disabled", .everyProxy, "", "Does not start this proxy") {
            parser, call throws(SyntaxFailure) in parser.draft.settings.isDisabled = true
        },
        Keyword("enabled", .everyProxy, "", "Takes back an inherited 'disabled'") {
            parser, call throws(SyntaxFailure) in parser.draft.settings.isDisabled = false
        },
        Keyword("id", [.frontend, .listen, .backend], "<value>", count: 1...1, "Number of the proxy") {
            parser, call throws(SyntaxFailure) in parser.draft.id = try call.integer(0, in: 1...Int(Int32.max))
        },
        Keyword("maxconn", .clientSide, "<conns>", count: 1...1, "Connections of a frontend") {
            parser, call throws(SyntaxFailure) in
            let value = try call.integer(0, in: 0...(1 << 30))
            parser.draft.settings.maxconn = value == 0 ? nil : value
        },
        Keyword("mode", .everyProxy, "{ tcp | http }", count: 1...1, "Protocol of the proxy") {
            parser, call throws(SyntaxFailure) in
            if ["log", "spop", "health", "haterm"].contains(call[0]) {
                throw .unsupported("'mode \(call[0])'", at: call.range(0))
            }
            parser.draft.settings.mode = try call.choice(0, of: ProxyMode.self)
        },
        Keyword("rate-limit sessions", .clientSide, "<rate>", count: 1...1, "New sessions a second; 0: no limit") {
            parser, call throws(SyntaxFailure) in
            parser.draft.settings.sessionsPerSecond = try call.integer(0, in: 0...1_000_000)
        },
    ]
}
