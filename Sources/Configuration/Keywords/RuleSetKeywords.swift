import Samples

/// Lines of rules: `http-request` and kin, `redirect`, `use-server`, `monitor` (manual, section 4.2).
enum RuleSetKeywords {
    static let table: [Keyword] =
        [
            rules(.httpRequest, .everyProxy, .httpRequest, "What is done with requests"),
            rules(.httpResponse, .everyProxy, nil, "What is done with responses of servers"),
            rules(.httpAfterResponse, .everyProxy, nil, "What is done with all responses, our own too"),
            rules(.tcpRequestConnection, .clientSide, .tcpConnection, "What is done with new connections"),
            rules(.tcpRequestSession, .clientSide, .tcpSession, "What is done with new sessions"),
            rules(.tcpRequestContent, .everyProxy, .tcpContent, "What is done with what clients send first"),
            rules(.tcpResponseContent, .serverSide, nil, "What is done with what servers send first"),
        ] + [
            Keyword(
                "tcp-request inspect-delay", .everyProxy, "<timeout>", count: 1...1,
                "How long 'tcp-request content' rules wait for data"
            ) { parser, call throws(SyntaxFailure) in
                parser.draft.settings.requestInspectMilliseconds = try call.milliseconds(0)
            },
            Keyword(
                "tcp-response inspect-delay", .serverSide, "<timeout>", count: 1...1,
                "How long 'tcp-response content' rules wait for data"
            ) { parser, call throws(SyntaxFailure) in
                parser.draft.settings.responseInspectMilliseconds = try call.milliseconds(0)
            },
            Keyword(
                "redirect", [.frontend, .listen, .backend],
                "{ location | prefix | scheme } <to> [code <code>] <option> [{if | unless} <condition>]",
                count: 2...Keyword.many, http: true, "Sends clients elsewhere"
            ) { parser, call throws(SyntaxFailure) in try redirect(parser, call) },
            Keyword(
                "use-server", [.listen, .backend], "<server> {if | unless} <condition>", count: 2...Keyword.many,
                "Server for what matches a condition"
            ) { parser, call throws(SyntaxFailure) in
                parser.noteOrder(.useServer, at: call.statement.range)
                let condition = try parser.condition(call.statement, from: call.first + 1, at: .serverSelection)
                parser.draft.useServers.append(
                    UseServerRule(
                        name: call[0], format: try name(parser, call, at: .serverSelection), condition: condition,
                        range: call.range(0)))
            },
            Keyword(
                "force-persist", [.listen, .backend], "{if | unless} <condition>", count: 2...Keyword.many,
                "When 'use-server' sends to servers that are down, and nothing is redispatched"
            ) { parser, call throws(SyntaxFailure) in
                parser.draft.forcePersists.append(
                    try parser.condition(call.statement, from: call.first, at: .serverSelection))
            },
            Keyword(
                "monitor fail", [.frontend, .listen], "{if | unless} <condition>", count: 2...Keyword.many,
                http: true, "When the monitor's URI says 503"
            ) { parser, call throws(SyntaxFailure) in
                parser.noteOrder(.monitorFail, at: call.statement.range)
                parser.draft.monitorFails.append(
                    try parser.condition(call.statement, from: call.first, at: .httpRequestHeader))
            },
            Keyword(
                "monitor-uri", .clientSide, "<uri>", count: 1...1, http: true, "A URI that the proxy answers itself"
            ) {
                parser, call throws(SyntaxFailure) in parser.draft.settings.monitorURI = call.bytes(0)
            },
        ]

    static let globalTable: [Keyword] = [
        Keyword(
            "expose-experimental-directives", .global, "", section: "3.1",
            "Nothing: what HAProxy calls experimental ('normalize-uri') is always there"
        ) { _, _ throws(SyntaxFailure) in }
    ]

    /// A name that may hold variables of log formats; nil when it is a plain one.
    static func name(_ parser: Parser, _ call: KeywordCall, at point: SamplePoint) throws(SyntaxFailure) -> LogFormat? {
        guard call.bytes(0).contains(UInt8(ascii: "%")) else { return nil }
        let format = try parser.format(call.statement, call.first, at: point, .value)
        return format.isConstant ? nil : format
    }

    private static func rules(
        _ set: RuleSet, _ places: KeywordPlaces, _ order: RuleOrder?, _ documentation: String
    ) -> Keyword {
        Keyword(
            set.keyword, places, "<action> [options...] [{if | unless} <condition>]", count: 1...Keyword.many,
            http: set.isHTTP, documentation
        ) { parser, call throws(SyntaxFailure) in
            if parser.section == .defaults, parser.draft.name.isEmpty {
                throw SyntaxFailure(
                    "'\(set.keyword)' is not allowed in a 'defaults' section without a name",
                    at: call.statement.range(0), code: .misplacedKeyword)
            }
            var reader = RuleReader(parser, call.statement, set, first: call.first)
            add(try reader.rule(), to: set, parser)
            if let order { parser.noteOrder(order, at: call.statement.range) }
        }
    }

    /// Adds a rule, and warns when no message ever comes so far.
    private static func add(_ rule: RuleLine, to set: RuleSet, _ parser: Parser) {
        if let last = parser.draft.rules[set].last, last.condition == nil, last.action.isFinal {
            parser.report(
                .unreachableRule,
                "this '\(set.keyword)' rule is never reached", at: rule.range,
                notes: [Diagnostic.Note("this rule ends the evaluation and has no condition", at: last.range)])
        }
        parser.draft.rules[set].append(rule)
    }

    private static func redirect(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) {
        parser.noteOrder(.redirect, at: call.statement.range)
        var reader = RuleReader(parser, call.statement, .httpRequest, first: call.first)
        reader.name = "redirect"
        let target = try RedirectReader.read(&reader, isPlain: true)
        var condition: Condition?
        if !reader.isAtEnd { condition = try parser.condition(call.statement, from: reader.cursor, at: reader.point) }
        parser.draft.redirects.append(
            RuleLine(action: .redirect(target), condition: condition, range: call.statement.range))
    }
}
