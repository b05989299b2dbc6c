import Samples

/// Actions on the client's connection (manual, section 4.2).
enum ConnectionActions {
    private static let addresses = Set<RuleSet>.tcpRequests.union([.httpRequest])
    private static let marks = Set<RuleSet>.tcpRequests.union([.httpRequest, .httpResponse, .tcpResponseContent])

    static let table: [ActionKeyword] = [
        ActionKeyword("set-src", addresses, "<expr>", "Changes the client's address") {
            reader throws(SyntaxFailure) in .setAddress(isSource: true, try reader.expression())
        },
        ActionKeyword("set-src-port", addresses, "<expr>", "Changes the client's port") {
            reader throws(SyntaxFailure) in .setPort(isSource: true, try reader.expression())
        },
        ActionKeyword("set-dst", addresses, "<expr>", "Changes the address that the client connected to") {
            reader throws(SyntaxFailure) in .setAddress(isSource: false, try reader.expression())
        },
        ActionKeyword("set-dst-port", addresses, "<expr>", "Changes the port that the client connected to") {
            reader throws(SyntaxFailure) in .setPort(isSource: false, try reader.expression())
        },
        ActionKeyword("set-tos", marks, "<tos>", "Type of service of the packets to the client") {
            reader throws(SyntaxFailure) in
            .setTypeOfService(Int32(try reader.integer("a type of service", in: 0...255)))
        },
        ActionKeyword("set-mark", marks, "<mark>", "Mark of the packets to the client") {
            reader throws(SyntaxFailure) in
            .setMark(UInt32(try reader.integer("a mark", in: 0...Int(UInt32.max))))
        },
    ]
}

/// Actions on the stream itself (manual, section 4.2).
enum StreamActions {
    private static let contents: Set<RuleSet> = [
        .httpRequest, .httpResponse, .tcpRequestContent, .tcpResponseContent,
    ]
    private static let queued: Set<RuleSet> = [.httpRequest, .tcpRequestContent]

    static let table: [ActionKeyword] = [
        ActionKeyword("set-log-level", contents, "<level>", "Level of the log line, or 'silent'") {
            reader throws(SyntaxFailure) in
            let name = try reader.text("a level")
            if name == "silent" { return .setLogLevel(nil) }
            guard let level = LogLevel.allCases.first(where: { "\($0)" == name }) else {
                throw reader.failure(
                    atLast: "does not know the level '\(name)'", code: .unknownValue,
                    help: "there are silent, \(LogLevel.allCases.map { "\($0)" }.joined(separator: ", "))")
            }
            return .setLogLevel(level)
        },
        ActionKeyword(
            "set-timeout", .request, "{ server | tunnel } { <timeout> | <expr> }", "Changes a timeout of this stream"
        ) { reader throws(SyntaxFailure) in try timeout(&reader) },
        ActionKeyword(
            "wait-for-body", .http, "time <time> [ at-least <bytes> ]", "Waits for the body of the message"
        ) { reader throws(SyntaxFailure) in try waitForBody(&reader) },
        ActionKeyword(
            "set-priority-class", queued, "<expr>", "Class among those who wait for a server: lower ones go first"
        ) { reader throws(SyntaxFailure) in .setPriority(isOffset: false, try reader.expression()) },
        ActionKeyword(
            "set-priority-offset", queued, "<expr>", "Milliseconds that the stream came later, for who waits"
        ) { reader throws(SyntaxFailure) in .setPriority(isOffset: true, try reader.expression()) },
        ActionKeyword("set-nice", contents, "<nice>", "No effect: each connection has an equal share of a turn") {
            reader throws(SyntaxFailure) in
            _ = try reader.integer("a number", in: Int(Int32.min)...Int(Int32.max))
            return .setNice
        },
        ActionKeyword("disable-l7-retry", .request, "", "Never sends the request again once it was sent") {
            _ throws(SyntaxFailure) in .disableRetries
        },
    ]

    private static func timeout(_ reader: inout RuleReader) throws(SyntaxFailure) -> RuleAction {
        let which = try reader.text("'server' or 'tunnel'")
        guard which == "server" || which == "tunnel" else {
            throw reader.failure(atLast: "knows 'server' and 'tunnel', not '\(which)'", code: .unknownValue)
        }
        if reader.parser.section == .proxy, !reader.parser.draft.kind.hasBackend {
            throw reader.failure(atLast: "can only stand in proxies with a backend", code: .misplacedKeyword)
        }
        let isTunnel = which == "tunnel"
        if let first = reader.word.utf8.first, first.isDigit {
            let call = KeywordCall(statement: reader.statement, name: "set-timeout", first: reader.cursor)
            let value = try call.milliseconds(0)
            guard value > 0 else { throw reader.failure("expects a time above 0", code: .outOfRange) }
            reader.cursor += 1
            return .setTimeout(isTunnel: isTunnel, .milliseconds(value))
        }
        return .setTimeout(isTunnel: isTunnel, .expression(try reader.expression()))
    }

    private static func waitForBody(_ reader: inout RuleReader) throws(SyntaxFailure) -> RuleAction {
        var milliseconds: Int?
        var bytes = 0
        while !reader.isAtCondition {
            let name = try reader.text("'time'")
            let call = KeywordCall(statement: reader.statement, name: name, first: reader.cursor)
            switch name {
            case "time": milliseconds = try call.milliseconds(0)
            case "at-least": bytes = try call.size(0, in: 0...Int(Int32.max))
            default: throw reader.failure(atLast: "knows 'time' and 'at-least', not '\(name)'", code: .unknownValue)
            }
            reader.cursor += 1
        }
        guard let milliseconds else { throw reader.failure("expects 'time'", code: .missingArgument) }
        return .waitForBody(milliseconds: milliseconds, atLeastBytes: bytes)
    }
}
