import Base

/// `option ...` (manual, section 4.2).
enum OptionKeywords {
    /// An option that is one bit, and can be negated.
    private static func flag(
        _ name: String, _ places: KeywordPlaces, _ option: ProxyOptions, http: Bool = false,
        _ documentation: String
    ) -> Keyword {
        Keyword("option \(name)", places, negatable: true, http: http, documentation) {
            parser, call throws(SyntaxFailure) in
            if call.isNegated {
                parser.draft.settings.options.subtract(option)
            } else {
                parser.draft.settings.options.formUnion(option)
            }
        }
    }

    /// An option of clients that changes nothing here.
    private static func nothing(_ name: String, http: Bool = false, _ documentation: String) -> Keyword {
        Keyword("option \(name)", .clientSide, negatable: true, http: http, documentation) {
            _, _ throws(SyntaxFailure) in
        }
    }

    /// One of the three connection modes. To negate one that is not in force changes nothing.
    private static func mode(_ name: String, _ mode: HTTPConnectionMode, _ documentation: String) -> Keyword {
        Keyword("option \(name)", .everyProxy, negatable: true, http: true, documentation) {
            parser, call throws(SyntaxFailure) in
            if !call.isNegated {
                parser.draft.settings.httpConnectionMode = mode
            } else if parser.draft.settings.httpConnectionMode == mode {
                parser.draft.settings.httpConnectionMode = .keepAlive
            }
        }
    }

    /// The bits that mean nothing without HTTP, by the name of their keyword.
    static let httpFlags: [String: ProxyOptions] = [
        "option http-ignore-probes": .httpIgnoreProbes, "option http-buffer-request": .httpBufferRequest,
        "option accept-invalid-http-request": .acceptInvalidRequest,
        "option accept-invalid-http-response": .acceptInvalidResponse, "option checkcache": .checkCache,
        "option http-no-delay": .httpNoDelay,
        "option http-pretend-keepalive": .httpPretendKeepAlive, "option http-use-proxy-header": .httpUseProxyHeader,
        "option idle-close-on-response": .idleCloseOnResponse, "option prefer-last-server": .preferLastServer,
    ]

    static let table: [Keyword] = [
        flag("abortonclose", .serverSide, .abortOnClose, "Gives up a queued request when the client leaves"),
        flag(
            "accept-invalid-http-request", .clientSide, .acceptInvalidRequest, http: true,
            "Lets pass requests whose names or targets have characters that they should not have"),
        flag(
            "accept-invalid-http-response", .serverSide, .acceptInvalidResponse, http: true,
            "Lets pass responses whose names of fields have characters that they should not have"),
        flag(
            "contstats", .clientSide, .continuousStatistics,
            "Counts the bytes of streams every five seconds, not only when they end"),
        flag("allbackups", .serverSide, .allBackups, "Uses all backup servers at once"),
        flag("checkcache", .serverSide, .checkCache, http: true, "Blocks responses whose cookies caches would keep"),
        flag("clitcpka", .clientSide, .clientKeepAlives, "TCP keep-alives to clients"),
        flag("dontlog-normal", .clientSide, .dontLogNormal, "Logs only what went wrong"),
        flag("dontlognull", .clientSide, .dontLogNull, "Does not log connections without data"),
        Keyword(
            "option forwardfor", .everyProxy, "[ except <network> ] [ header <name> ] [ if-none ]", count: 0...5,
            http: true,
            "Adds the client's address to requests"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.forwardFor = try forwardFor(
                call, ForwardFor(), among: ["except", "header", "if-none"])
        },
        flag(
            "h1-case-adjust-bogus-client", .clientSide, .caseAdjustClient,
            "Writes names of fields for clients as 'h1-case-adjust' says"),
        flag(
            "h1-case-adjust-bogus-server", .serverSide, .caseAdjustServer,
            "Writes names of fields for servers as 'h1-case-adjust' says"),
        flag(
            "http-buffer-request", .everyProxy, .httpBufferRequest, http: true,
            "Waits for the body before requests are looked at"),
        flag(
            "http-ignore-probes", .clientSide, .httpIgnoreProbes, http: true,
            "No log and no answer for empty connections"),
        mode("http-keep-alive", .keepAlive, "Keeps connections on both sides"),
        flag("http-no-delay", .everyProxy, .httpNoDelay, http: true, "Sends each part of a response at once"),
        flag(
            "http-pretend-keepalive", .serverSide, .httpPretendKeepAlive, http: true,
            "Does not tell servers that their connection ends"),
        Keyword(
            "option http-restrict-req-hdr-names", .everyProxy, "{ preserve | delete | reject }", count: 1...1,
            http: true, "Fields whose names have other characters than letters, digits and '-'"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.restrictedNames = try call.choice(0, of: RestrictedNames.self)
        },
        mode("http-server-close", .serverClose, "Closes the server's connection after a response"),
        flag(
            "http-use-proxy-header", .clientSide, .httpUseProxyHeader, http: true,
            "Asks for authentication as a proxy does where the target is absolute"),
        mode("httpclose", .close, "Closes both connections after a response"),
        Keyword("option httplog", .clientSide, "[ clf ]", count: 0...1, http: true, "Logs requests in the HTTP format")
        {
            parser, call throws(SyntaxFailure) in
            guard call.count == 0 || call[0] == "clf" else { throw call.unknownWord(0, among: ["clf"]) }
            parser.draft.settings.logFormat = call.count == 0 ? .http : .httpCLF
            parser.draft.settings.logFormatRange = call.statement.range
        },
        nothing("disable-h2-upgrade", http: true, "Nothing: HTTP/2 is not there to change to"),
        flag(
            "idle-close-on-response", .clientSide, .idleCloseOnResponse, http: true,
            "A stop leaves idle connections to clients until their next request is served"),
        flag("independent-streams", .everyProxy, .independentStreams, "Writing does not refresh the read timeout"),
        flag("log-separate-errors", .clientSide, .logSeparateErrors, "Raises the level of lines about errors"),
        flag("logasap", .clientSide, .logAsap, "Logs as soon as the response starts"),
        flag("nolinger", .everyProxy, .noLinger, "Resets connections instead of closing them"),
        Keyword(
            "option originalto", .everyProxy, "[ except <network> ] [ header <name> ]", count: 0...4, http: true,
            "Adds the address that the client connected to to requests"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.originalTo = try forwardFor(
                call, ForwardFor(header: "X-Original-To"), among: ["except", "header"])
        },
        flag(
            "persist", .serverSide, .persist, "Lets 'use-server' send to servers that are down"),
        flag(
            "prefer-last-server", .serverSide, .preferLastServer, http: true,
            "Sends the requests of a client to one server while a connection to it is there"),
        Keyword(
            "option redispatch", .serverSide, "[<interval>]", count: 0...1, negatable: true,
            "Lets retries go to another server"
        ) { parser, call throws(SyntaxFailure) in
            if call.isNegated {
                parser.draft.settings.redispatchInterval = nil
            } else {
                let interval = call.count == 0 ? -1 : try call.integer(0, in: -1_000_000...1_000_000)
                parser.draft.settings.redispatchInterval = interval == 0 ? nil : interval
            }
        },
        nothing("socket-stats", "Nothing: there are no statistics of sockets to see"),
        flag("splice-auto", .everyProxy, .spliceAuto, "Splices bodies in both directions, where many bytes follow"),
        flag("splice-request", .everyProxy, .spliceRequest, "Splices bodies from clients to servers"),
        flag("splice-response", .everyProxy, .spliceResponse, "Splices bodies from servers to clients"),
        flag("srvtcpka", .serverSide, .serverKeepAlives, "TCP keep-alives to servers"),
        flag("tcp-smart-accept", .clientSide, .tcpSmartAccept, "Acknowledges the request with the response"),
        flag("tcp-smart-connect", .serverSide, .tcpSmartConnect, "Sends the request with the handshake's end"),
        Keyword("option tcpka", .everyProxy, "", "TCP keep-alives on both sides") {
            parser, call throws(SyntaxFailure) in
            parser.draft.settings.options.formUnion([.clientKeepAlives, .serverKeepAlives])
        },
        Keyword("option tcplog", .clientSide, "", "Logs connections in the TCP format") {
            parser, call throws(SyntaxFailure) in
            parser.draft.settings.logFormat = .tcp
            parser.draft.settings.logFormatRange = call.statement.range
        },
        flag("transparent", .serverSide, .transparent, "Connects to the address that the client connected to"),
        Keyword("transparent", .serverSide, "", "The old name of 'option transparent'") {
            parser, _ throws(SyntaxFailure) in parser.draft.settings.options.formUnion(.transparent)
        },
    ]

    private static func forwardFor(
        _ call: KeywordCall, _ start: ForwardFor, among words: [String]
    ) throws(SyntaxFailure) -> ForwardFor {
        var result = start
        var cursor = 0
        while cursor < call.count {
            guard words.contains(call[cursor]) else { throw call.unknownWord(cursor, among: words) }
            switch call[cursor] {
            case "if-none":
                result.ifNone = true
                cursor += 1
            case "header":
                let name = try call.required(cursor + 1, "a field name behind 'header'")
                guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
                    throw call.failure("'\(name)' is no name of a field", cursor + 1, code: .invalidName)
                }
                result.header = name
                cursor += 2
            case "except":
                _ = try call.required(cursor + 1, "a network behind 'except'")
                guard let network = IPText.network(call.bytes(cursor + 1)) else {
                    throw call.failure("'\(call[cursor + 1])' is no network", cursor + 1, code: .invalidAddress)
                }
                result.except = network
                cursor += 2
            default: break
            }
        }
        return result
    }

    /// RFC 9110, section 5.6.2.
    static func isTokenByte(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
