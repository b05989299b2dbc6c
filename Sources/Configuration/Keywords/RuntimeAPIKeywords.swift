/// `global`: the sockets of the runtime API (manual, section 3.1, `stats`).
enum RuntimeAPIKeywords {
    static let table: [Keyword] = [
        Keyword("stats maxconn", .global, "<connections>", count: 1...1, section: "3.1", "Connections to stats sockets")
        {
            parser, call throws(SyntaxFailure) in
            parser.tree.global.statsMaxconn = try call.integer(0, in: 1...(1 << 20))
        },
        Keyword(
            "stats socket", .global, "[<address:port>|<path>] [param*]", count: 1...Keyword.many, section: "3.1",
            "Listens for commands of the runtime API"
        ) { parser, call throws(SyntaxFailure) in
            var addresses = try call.addresses(0, rules: .bind)
            var settings = BindSettings()
            BindParameters.read(parser, call, from: 1, into: &settings)
            if settings.shards != 1 {
                throw SyntaxFailure(
                    "'shards' is not for 'stats socket'", at: call.statement.range, code: .misplacedKeyword)
            }
            parser.unixBind.apply(to: &settings, &addresses)
            parser.tree.global.statsSockets.append(
                StatsSocket(addresses: addresses, bind: settings, range: call.statement.range))
        },
        Keyword(
            "stats timeout", .global, "<timeout>", count: 1...1, section: "3.1", "Longest silence on a stats socket"
        ) { parser, call throws(SyntaxFailure) in
            let value = try call.milliseconds(0)
            guard value > 0 else { throw call.failure("'stats timeout' must be positive", 0, code: .outOfRange) }
            parser.tree.global.statsTimeoutMilliseconds = value
        },
    ]
}
