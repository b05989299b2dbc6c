import Samples

/// Formats of log lines and of unique identifiers (manual, sections 4.2 and 8.2.6).
enum FormatKeywords {
    static let table: [Keyword] = [
        Keyword(
            "log-format", .clientSide, "{ <fmt> | json }", count: 1...1, "Layout of traffic lines; json: objects"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.logFormatRange = call.statement.range
            if call[0] == "json" {
                parser.draft.settings.logFormat = .json
                return
            }
            parser.draft.settings.logFormat = .custom
            parser.draft.settings.customLogFormat = try format(parser, call)
        },
        Keyword(
            "error-log-format", .clientSide, "<fmt>", count: 1...1,
            "Layout of lines about errors, timeouts, retries and statuses from 500 on"
        ) { parser, call throws(SyntaxFailure) in
            parser.draft.settings.errorLogFormat = try format(parser, call)
        },
        Keyword("log-format-sd", .clientSide, "<fmt>", count: 1...1, "Structured data of RFC 5424 lines") {
            parser, call throws(SyntaxFailure) in
            parser.draft.settings.structuredDataFormat = try format(parser, call)
        },
        Keyword("unique-id-format", .clientSide, "<fmt>", count: 1...1, "What identifies a request") {
            parser, call throws(SyntaxFailure) in
            parser.draft.settings.uniqueIDFormat = try parser.format(
                call.statement, call.first, at: .httpRequestHeader, .log)
        },
        Keyword(
            "unique-id-header", .clientSide, "<name>", count: 1...1, http: true,
            "Field that tells servers a request's identifier"
        ) { parser, call throws(SyntaxFailure) in
            guard !call.bytes(0).isEmpty, call.bytes(0).allSatisfy(RuleReader.isToken) else {
                throw call.failure("'\(call[0])' is no name of a field", 0, code: .invalidName)
            }
            parser.draft.settings.uniqueIDHeader = call.bytes(0)
        },
    ]

    private static func format(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) -> LogFormat {
        try parser.format(call.statement, call.first, at: .logs, .log)
    }
}
