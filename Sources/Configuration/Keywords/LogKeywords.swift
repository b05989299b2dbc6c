/// `log` and kin, in `global` and in proxies (manual, sections 3.1, 4.2 and 8).
enum LogKeywords {
    private static let arguments =
        "<target> [len <length>] [format <format>] [sample <ranges>:<size>] <facility> [<level> [<minlevel>]]"

    static let globalTable: [Keyword] = [
        Keyword("log", .global, arguments, count: 1...11, section: "3.1", "A target for log lines") {
            parser, call throws(SyntaxFailure) in
            if call[0] == "global" { throw call.failure("'log global' is for proxies", 0, code: .misplacedKeyword) }
            guard call.count > 1 else {
                throw call.failure("'log' expects \(arguments)", 0, code: .missingArgument)
            }
            parser.tree.global.logTargets.append(try target(call))
        },
        Keyword(
            "log-send-hostname", .global, "[<string>]", count: 0...1, section: "3.1", "Puts a host name into log lines"
        ) { parser, call throws(SyntaxFailure) in parser.tree.global.logSendHostname = call[0] },
        Keyword(
            "log-format", .global, "json", count: 1...1, section: "3.1",
            "Lines of the process and of proxies without a format are JSON objects"
        ) { parser, call throws(SyntaxFailure) in
            guard call[0] == "json" else {
                throw call.failure(
                    "'log-format' in 'global' knows 'json' only", 0, code: .unknownValue,
                    help: "formats are for proxies")
            }
            parser.tree.global.logsJSON = true
        },
        Keyword("log-tag", .global, "<string>", count: 1...1, section: "3.1", "Tag of log lines") {
            parser, call throws(SyntaxFailure) in parser.tree.global.logTag = call[0]
        },
    ]

    static let proxyTable: [Keyword] = [
        Keyword(
            "log", .everyProxy, "{ global | \(arguments) }", count: 1...11, negatable: true, "Where log lines go"
        ) { parser, call throws(SyntaxFailure) in
            if call.isNegated {
                try call.nothing(from: 0)
                parser.draft.settings.logTargets = []
                parser.draft.settings.usesGlobalLog = false
            } else if call[0] == "global" {
                try call.nothing(from: 1)
                parser.draft.settings.usesGlobalLog = true
            } else {
                guard call.count >= 2 else {
                    throw call.failure("'log' expects \(arguments)", 0, code: .missingArgument)
                }
                parser.draft.settings.logTargets.append(try target(call))
            }
        },
        Keyword("log-tag", .everyProxy, "<string>", count: 1...1, "Tag of log lines") {
            parser, call throws(SyntaxFailure) in parser.draft.settings.logTag = call[0]
        },
    ]

    private static func target(_ call: KeywordCall) throws(SyntaxFailure) -> LogTarget {
        var result = LogTarget(
            destination: try destination(call), facility: .local0, range: call.statement.range)
        var cursor = 1
        options: while cursor < call.count {
            switch call[cursor] {
            case "len":
                let value = KeywordCall(
                    statement: call.statement, name: "len", first: call.first + cursor + 1)
                guard value.count > 0 else {
                    throw call.failure("'len' expects a number", cursor, code: .missingArgument)
                }
                result.lengthBytes = try value.integer(0, in: 80...65_535)
                cursor += 2
            case "format":
                let value = KeywordCall(
                    statement: call.statement, name: "format", first: call.first + cursor + 1)
                guard value.count > 0 else {
                    throw call.failure("'format' expects a name", cursor, code: .missingArgument)
                }
                result.format = try value.choice(0, of: LogLineFormat.self)
                cursor += 2
            case "sample":
                result.sampling = try sampling(call, cursor + 1)
                cursor += 2
            case "profile":
                throw .unsupported("'profile' of 'log'", at: call.range(cursor))
            default:
                break options
            }
        }
        _ = try call.required(cursor, "a facility such as local0")
        guard let facility = LogFacility.allCases.first(where: { "\($0)" == call[cursor] }) else {
            throw call.failure(
                "unknown log facility '\(call[cursor])'", cursor, code: .unknownValue,
                help: Suggestions.help(for: call[cursor], among: LogFacility.allCases.map { "\($0)" })
                    ?? "such as daemon, user, or local0 to local7")
        }
        result.facility = facility
        if cursor + 1 < call.count { result.level = try level(call, cursor + 1) }
        if cursor + 2 < call.count { result.minimumLevel = try level(call, cursor + 2) }
        try call.nothing(from: cursor + 3)
        return result
    }

    /// `2-3,8-11:11`: of each 11 lines the second, the third, and the eighth to the eleventh.
    private static func sampling(_ call: KeywordCall, _ index: Int) throws(SyntaxFailure) -> LogSampling {
        let text = try call.required(index, "ranges and a size, such as 1:4, behind 'sample'")
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let size = Int(parts[1]), size > 0, size <= 1_000_000 else {
            throw call.failure("'\(text)' is no sample such as 2-3,8-11:11", index)
        }
        var ranges: [ClosedRange<Int>] = []
        for part in parts[0].split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard bounds.count <= 2, let first = bounds.first ?? nil, let last = bounds.last ?? nil, first >= 1,
                first <= last, last <= size
            else { throw call.failure("'\(part)' is no range between 1 and \(size)", index) }
            ranges.append(first...last)
        }
        return LogSampling(ranges: ranges, size: size)
    }

    private static func level(_ call: KeywordCall, _ index: Int) throws(SyntaxFailure) -> LogLevel {
        let names = LogLevel.allCases.map { "\($0)" }
        guard let level = LogLevel.allCases.first(where: { "\($0)" == call[index] }) else {
            throw call.failure(
                "unknown log level '\(call[index])'", index, code: .unknownValue,
                help: Suggestions.help(for: call[index], among: names)
                    ?? "it is one of \(names.joined(separator: ", "))")
        }
        return level
    }

    private static func destination(_ call: KeywordCall) throws(SyntaxFailure) -> LogTarget.Destination {
        switch call[0] {
        case "stdout": return .standardOutput
        case "stderr": return .standardError
        default: break
        }
        var address = try call.address(0, rules: .log)
        if case .fileDescriptor(let number) = address.host { return .fileDescriptor(number) }
        if case .unix = address.host { return .address(address) }
        if case .abstract = address.host { return .address(address) }
        // The port of syslog, RFC 5426, section 3.3.
        if address.port == .none { address.port = .fixed(514) }
        return .address(address)
    }
}
