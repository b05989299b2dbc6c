import Samples

/// Actions that change fields and status of a message (manual, section 4.2).
enum HeaderActions {
    static let table: [ActionKeyword] = [
        ActionKeyword("add-header", .messages, "<name> <fmt>", "Adds a field") { reader throws(SyntaxFailure) in
            .addHeader(try reader.headerName(), try reader.format())
        },
        ActionKeyword("set-header", .messages, "<name> <fmt>", "Makes a field the only one of its name") {
            reader throws(SyntaxFailure) in .setHeader(try reader.headerName(), try reader.format())
        },
        ActionKeyword("del-header", .messages, "<name> [ -m <meth> ]", "Deletes the fields of a name") {
            reader throws(SyntaxFailure) in .deleteHeader(try pattern(&reader))
        },
        ActionKeyword("replace-header", .messages, "<name> <regex> <fmt>", "Replaces values that match, as a whole") {
            reader throws(SyntaxFailure) in
            .replaceHeader(try reader.headerName(), try reader.regex(), try reader.format())
        },
        ActionKeyword(
            "replace-value", .messages, "<name> <regex> <fmt>",
            "Replaces those of the comma-separated values that match"
        ) { reader throws(SyntaxFailure) in
            .replaceValue(try reader.headerName(), try reader.regex(), try reader.format())
        },
        ActionKeyword(
            "set-status", [.httpResponse, .httpAfterResponse], "<status> [reason <str>]", "Changes the status"
        ) { reader throws(SyntaxFailure) in
            let status = try reader.integer("a status", in: 100...999)
            let reason = reader.skip("reason") ? try reader.take("a reason phrase") : nil
            return .setStatus(status, reason: reason)
        },
        ActionKeyword("early-hint", .request, "<name> <fmt>", "Sends a field in a 103 response ahead of the final one")
        {
            reader throws(SyntaxFailure) in .earlyHint(try reader.headerName(), try reader.format())
        },
        ActionKeyword("strict-mode", .messages, "{ on | off }", "Whether a change that fails is an internal error") {
            reader throws(SyntaxFailure) in
            switch try reader.text("'on' or 'off'") {
            case "on": return .strictMode(true)
            case "off": return .strictMode(false)
            default: throw reader.failure(atLast: "expects 'on' or 'off'", code: .unknownValue)
            }
        },
    ]

    private static func pattern(_ reader: inout RuleReader) throws(SyntaxFailure) -> NamePattern {
        let name = try reader.take("the name of a field")
        guard reader.skip("-m") else { return .exact(name) }
        switch try reader.text("a matching method") {
        case "str": return .exact(name)
        case "beg": return .prefix(name)
        case "end": return .suffix(name)
        case "sub": return .substring(name)
        case "reg":
            return .regex(try reader.regex(at: reader.cursor - 3, ignoresCase: true))
        default:
            throw reader.failure(
                atLast: "does not know this matching method", code: .unknownValue,
                help: "there are str, beg, end, sub, reg")
        }
    }
}
