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
    ]

    static let table: [Keyword] = [
        flag("abortonclose", .serverSide, .abortOnClose, "Gives up a queued request when the client leaves"),
        flag("allbackups", .serverSide, .allBackups, "Uses all backup servers at once"),
        flag("clitcpka", .clientSide, .clientKeepAlives, "TCP keep-alives to clients"),
        flag("dontlog-normal", .clientSide, .dontLogNormal, "Logs only what went wrong"),
        flag("dontlognull", .clientSide, .dontLogNull, "Does not log connections without data"),
        Keyword(
            "option forwardfor", .everyProxy, "[ except <network> ] [ header <name> ] [ if-none ]", count: 0...5,
            http: true,
            "Adds the client's address to requests"
        ) { parser, call throws(SyntaxFailure) in parser.draft.settings.forwardFor = try forwardFor(call) },
        flag(
            "http-buffer-request", .everyProxy, .httpBufferRequest, http: true,
            "Waits for the body before requests are looked at"),
        flag(
            "http-ignore-probes", .clientSide, .httpIgnoreProbes, http: true,
            "No log and no answer for empty connections"),
        mode("http-keep-alive", .keepAlive, "Keeps connections on both sides"),
        mode("http-server-close", .serverClose, "Closes the server's connection after a response"),
        mode("httpclose", .close, "Closes both connections after a response"),
        Keyword("option httplog", .clientSide, "[ clf ]", count: 0...1, http: true, "Logs requests in the HTTP format")
        {
            parser, call throws(SyntaxFailure) in
            guard call.count == 0 || call[0] == "clf" else { throw call.unknownWord(0, among: ["clf"]) }
            parser.draft.settings.logFormat = call.count == 0 ? .http : .httpCLF
            parser.draft.settings.logFormatRange = call.statement.range
        },
        flag("independent-streams", .everyProxy, .independentStreams, "Writing does not refresh the read timeout"),
        flag("log-separate-errors", .clientSide, .logSeparateErrors, "Raises the level of lines about errors"),
        flag("logasap", .clientSide, .logAsap, "Logs as soon as the response starts"),
        flag("nolinger", .everyProxy, .noLinger, "Resets connections instead of closing them"),
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
    ]

    private static func forwardFor(_ call: KeywordCall) throws(SyntaxFailure) -> ForwardFor {
        var result = ForwardFor()
        var cursor = 0
        while cursor < call.count {
            switch call[cursor] {
            case "if-none":
                result.ifNone = true
                cursor += 1
            case "header":
                let name = try call.required(cursor + 1, "a field name behind 'header'")
                guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
                    throw call.failure("'\(name)' is no name of a field", cursor + 1)
                }
                result.header = name
                cursor += 2
            case "except":
                _ = try call.required(cursor + 1, "a network behind 'except'")
                guard let network = IPText.network(call.bytes(cursor + 1)) else {
                    throw call.failure("'\(call[cursor + 1])' is no network", cursor + 1)
                }
                result.except = network
                cursor += 2
            default:
                throw call.unknownWord(cursor, among: ["except", "header", "if-none"])
            }
        }
        return result
    }

    /// RFC 9110, section 5.6.2.
    static func isTokenByte(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
