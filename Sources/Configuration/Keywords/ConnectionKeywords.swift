/// Keywords of the server side (manual, section 4.2).
enum ConnectionKeywords {
    static let table: [Keyword] = [
        tuning("clitcpka-cnt", .clientSide, "Keep-alive probes before a client is given up") {
            $0.clientKeepAlive.count = $1
        },
        tuningTime("clitcpka-idle", .clientSide, "Idle time before the first keep-alive probe to a client") {
            $0.clientKeepAlive.idleSeconds = $1
        },
        tuningTime("clitcpka-intvl", .clientSide, "Time between keep-alive probes to a client") {
            $0.clientKeepAlive.intervalSeconds = $1
        },
        Keyword(
            "default-server", .serverSide, "[param*]", count: 0...Keyword.many, strict: true,
            "Parameters of the servers that follow"
        ) { parser, call throws(SyntaxFailure) in
            var reader = ParameterReader(line: call, known: KnownKeywords.server)
            reader.refused = ["id": "every server needs a number of its own"]
            // Not in place: the reader reports to the parser, which looks at its draft.
            var settings = parser.draft.settings.defaultServer
            reader.read(from: 0, into: &settings, table: ServerParameters.byName, parser)
            parser.draft.settings.defaultServer = settings
        },
        Keyword(
            "dispatch", [.listen, .backend], "<address>:<port>", count: 1...1,
            "Where streams go that no rule gives a server"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.dispatch = try call.address(0, rules: .dispatch)
        },
        Keyword(
            "fullconn", .serverSide, "<conns>", count: 1...1,
            "Streams at which servers with 'minconn' reach their 'maxconn'"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.fullconn = try call.integer(0, in: 1...(1 << 30))
        },
        Keyword(
            "http-reuse", .serverSide, "{ never | safe | aggressive | always }", count: 1...1,
            "When requests share connections to servers"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.httpReuse = try call.choice(0, of: HTTPReuse.self)
        },
        Keyword(
            "http-send-name-header", .serverSide, "<header>", count: 1...1, http: true,
            "Field that tells servers their name"
        ) { parser, call throws(SyntaxFailure) in
            guard !call.bytes(0).isEmpty, call.bytes(0).allSatisfy(RuleReader.isToken) else {
                throw call.failure("'\(call[0])' is no name of a field", 0, code: .invalidName)
            }
            parser.draft.settings.serverNameHeader = call.bytes(0)
        },
        Keyword(
            "max-keep-alive-queue", .serverSide, "<value>", count: 1...1,
            "Streams that may wait for a preferred server; -1: no limit"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.maxKeepAliveQueue = try call.integer(0, in: -1...(1 << 30))
        },
        Keyword("retries", .serverSide, "<value>", count: 1...1, "Attempts after a failed connection") {
            parser, call throws(SyntaxFailure) in
            parser.draft.settings.retries = try call.integer(0, in: 0...1_000_000)
        },
        Keyword(
            "retry-on", .serverSide, "[space-delimited list of keywords]", count: 1...32, strict: true,
            "Failures after which a request is tried again"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.retryOn = try retryOn(call)
        },
        Keyword(
            "server", [.listen, .backend], "<name> <address>[:[port]] [param*]", count: 2...Keyword.many, strict: true,
            "A server"
        ) { parser, call throws(SyntaxFailure) in try server(parser, call) },
        Keyword(
            "server-template", [.listen, .backend], "<prefix> { <num> | <low>-<high> } <address>[:[port]] [param*]",
            count: 3...Keyword.many, strict: true, "Servers that differ by a number behind their name"
        ) { parser, call throws(SyntaxFailure) in try serverTemplate(parser, call) },
        Keyword(
            "source", .serverSide, "<addr>[:<port>] [interface <name>]", count: 1...3,
            "Where connections to servers come from"
        ) { parser, call throws(SyntaxFailure) in
            let (source, used) = try source(call)
            try call.nothing(from: used)
            parser.draft.settings.source = source
        },
        tuning("srvtcpka-cnt", .serverSide, "Keep-alive probes before a server is given up") {
            $0.serverKeepAlive.count = $1
        },
        tuningTime("srvtcpka-idle", .serverSide, "Idle time before the first keep-alive probe to a server") {
            $0.serverKeepAlive.idleSeconds = $1
        },
        tuningTime("srvtcpka-intvl", .serverSide, "Time between keep-alive probes to a server") {
            $0.serverKeepAlive.intervalSeconds = $1
        },
    ]

    private static func tuning(
        _ name: String, _ places: KeywordPlaces, _ documentation: String,
        _ set: @escaping @Sendable (inout ProxySettings, Int) -> Void
    ) -> Keyword {
        Keyword(name, places, "<count>", count: 1...1, documentation) { parser, call throws(SyntaxFailure) in
            set(&parser.draft.settings, try call.integer(0, in: 1...127))
        }
    }

    private static func tuningTime(
        _ name: String, _ places: KeywordPlaces, _ documentation: String,
        _ set: @escaping @Sendable (inout ProxySettings, Int) -> Void
    ) -> Keyword {
        Keyword(name, places, "<timeout>", count: 1...1, documentation) { parser, call throws(SyntaxFailure) in
            let value = try call.seconds(0)
            guard (1...32_767).contains(value) else {
                throw call.failure(
                    "'\(name)' must be between 1 and 32767 seconds, not \(call[0])", 0, code: .outOfRange)
            }
            set(&parser.draft.settings, value)
        }
    }

    private static let retryWords: [(String, RetryOn)] = [
        ("conn-failure", .connFailure), ("empty-response", .emptyResponse), ("junk-response", .junkResponse),
        ("response-timeout", .responseTimeout), ("0rtt-rejected", .zeroRTTRejected), ("401", .status401),
        ("403", .status403), ("404", .status404), ("408", .status408), ("425", .status425), ("500", .status500),
        ("501", .status501), ("502", .status502), ("503", .status503), ("504", .status504),
        ("all-retryable-errors", .allRetryableErrors),
    ]

    private static func retryOn(_ call: KeywordCall) throws(SyntaxFailure) -> RetryOn {
        if call[0] == "none" {
            try call.nothing(from: 1)
            return []
        }
        var set: RetryOn = []
        for index in 0..<call.count {
            guard let found = retryWords.first(where: { $0.0 == call[index] }) else {
                throw call.unknownWord(index, among: retryWords.map(\.0) + ["none"])
            }
            set.formUnion(found.1)
        }
        return set
    }

    /// `<addr>[:<port>] [interface <name>]`, and how many words it took.
    static func source(
        _ call: KeywordCall, rules: AddressParser.Rules = .source
    ) throws(SyntaxFailure) -> (SourceAddress, used: Int) {
        _ = try call.required(0, "an address")
        var source = SourceAddress(address: try call.address(0, rules: rules))
        switch call[1] {
        case "usesrc":
            throw .unsupported("'usesrc'", at: call.range(1))
        case "interface":
            source.interface = try call.required(2, "the name of an interface")
            return (source, 3)
        default:
            return (source, 1)
        }
    }

    private static func server(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) {
        try checkName(call)
        let address = try call.address(1, rules: .server)
        let settings = readServer(parser, call, from: 2)
        append(parser, call, call[0], address, settings, settings.id)
    }

    private static func checkName(_ call: KeywordCall) throws(SyntaxFailure) {
        let bytes = call.bytes(0)
        if let bad = bytes.firstIndex(where: { !Parser.isNameByte($0) }) {
            throw SyntaxFailure(
                "character '\(Character(Unicode.Scalar(bytes[bad])))' is not permitted in the server name '\(call[0])'",
                at: call.statement.range(call.first, bytes: bad..<(bad + 1)), code: .invalidName)
        }
        guard !bytes.isEmpty else { throw call.failure("the server's name is empty", 0, code: .invalidName) }
    }

    private static func readServer(_ parser: Parser, _ call: KeywordCall, from index: Int) -> ServerSettings {
        var settings = parser.draft.settings.defaultServer
        ParameterReader(line: call, known: KnownKeywords.server)
            .read(from: index, into: &settings, table: ServerParameters.byName, parser)
        return settings
    }

    private static func append(
        _ parser: Parser, _ call: KeywordCall, _ name: String, _ address: AddressSpec, _ settings: ServerSettings,
        _ id: Int?
    ) {
        parser.draft.servers.append(
            ServerLine(name: name, address: address, settings: settings, id: id ?? 0, range: call.statement.range))
    }

    /// Servers that one line may make.
    private static let templateLimit = 100_000

    private static func serverTemplate(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) {
        try checkName(call)
        let ends = call[1].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
        let low = ends.count == 1 ? 1 : ends[0], high = ends[ends.count - 1]
        guard let low, let high, low >= 0, high >= max(low, 1), high - low < templateLimit else {
            throw call.failure(
                "'server-template' expects a number of servers, or a range, not '\(call[1])'", 1,
                help: "write 5 for the numbers 1 to 5, or 3-7; at most \(templateLimit) servers")
        }
        let address = try call.address(2, rules: .server)
        var settings = readServer(parser, call, from: 3)
        // The first server has the number that is given, the others the first free ones.
        let id = settings.id
        for number in low...high {
            append(parser, call, "\(call[0])\(number)", address, settings, number == low ? id : nil)
            settings.id = nil
        }
    }
}

/// `timeout ...` (manual, section 4.2).
enum TimeoutKeywords {
    private static func timeout(
        _ name: String, _ places: KeywordPlaces, _ documentation: String,
        _ field: WritableKeyPath<ProxyTimeouts, Int?> & Sendable
    ) -> Keyword {
        Keyword("timeout \(name)", places, "<timeout>", count: 1...1, documentation) {
            parser, call throws(SyntaxFailure) in
            let value = try call.milliseconds(0)
            // Zero is no limit, and warned about as if it were not set.
            parser.draft.settings.timeouts[keyPath: field] = value == 0 ? nil : value
        }
    }

    static let table: [Keyword] = [
        timeout("check", .serverSide, "Time for a health check after it is connected", \.checkMilliseconds),
        timeout("client", .clientSide, "Longest silence of a client", \.clientMilliseconds),
        timeout("client-fin", .clientSide, "Longest silence of a client that is half closed", \.clientFinMilliseconds),
        timeout("connect", .serverSide, "Time to connect to a server", \.connectMilliseconds),
        timeout(
            "http-keep-alive", .everyProxy, "Time to wait for the next request", \.httpKeepAliveMilliseconds),
        timeout("http-request", .everyProxy, "Time for a whole request head", \.httpRequestMilliseconds),
        timeout("queue", .serverSide, "Time in a server's queue", \.queueMilliseconds),
        timeout("server", .serverSide, "Longest silence of a server", \.serverMilliseconds),
        timeout("server-fin", .serverSide, "Longest silence of a server that is half closed", \.serverFinMilliseconds),
        timeout("tarpit", .everyProxy, "How long a connection is kept in the tarpit", \.tarpitMilliseconds),
        timeout("tunnel", .serverSide, "Longest silence of both sides of a tunnel", \.tunnelMilliseconds),
    ]
}
