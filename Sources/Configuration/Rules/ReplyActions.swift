import Samples

/// Actions that answer in place of a server (manual, section 4.2).
enum ReplyActions {
    private static let arguments =
        "[status <code>] [content-type <type>] [default-errorfiles | errorfile <file> | errorfiles <name> | "
        + "file <file> | lf-file <file> | string <str> | lf-string <fmt>] [hdr <name> <fmt>]*"

    static let table: [ActionKeyword] = [
        ActionKeyword("return", .http, arguments, "Answers the request") { reader throws(SyntaxFailure) in
            .reply(try ReplyReader(defaultStatus: 200).read(&reader))
        },
        ActionKeyword("deny", .http, "[deny_status <code>] " + arguments, "Refuses the message") {
            reader throws(SyntaxFailure) in
            let status = reader.ruleSet == .httpResponse ? 502 : 403
            return .deny(try ReplyReader(defaultStatus: status, isDenial: true).read(&reader))
        },
        ActionKeyword("tarpit", .request, "[deny_status <code>] " + arguments, "Refuses the request, after a while") {
            reader throws(SyntaxFailure) in
            .tarpit(try ReplyReader(defaultStatus: 500, isDenial: true).read(&reader))
        },
        ActionKeyword(
            "redirect", .http, "{ location | prefix | scheme } <fmt> [code <code>] <option>",
            "Sends the client elsewhere"
        ) { reader throws(SyntaxFailure) in .redirect(try RedirectReader.read(&reader)) },
        ActionKeyword("auth", .request, "[realm <realm>]", "Asks for a user and a password") {
            reader throws(SyntaxFailure) in
            .authenticate(realm: reader.skip("realm") ? try reader.take("a realm") : nil)
        },
    ]
}

/// Reads the arguments of `return`, `deny`, `tarpit` and `http-error`.
struct ReplyReader {
    let defaultStatus: Int
    /// Without a payload the proxy's own response is meant.
    var isDenial = false
    /// `http-error`: statuses that have a response of the proxy's own only, and some payload.
    var isErrorLine = false

    func read(_ reader: inout RuleReader) throws(SyntaxFailure) -> Reply {
        var status: Int?
        var type: String?
        var content: Reply.Content?
        var headers: [Reply.Header] = []
        while !reader.isAtCondition {
            let name = try reader.text("an argument")
            switch name {
            case "status" where status == nil, "deny_status" where status == nil && isDenial:
                status = try reader.integer("a status", in: 200...599)
            case "content-type": type = try reader.text("a type")
            case "hdr": headers.append(Reply.Header(name: try reader.headerName(), value: try reader.format()))
            default:
                guard content == nil else {
                    throw reader.failure(atLast: "has a payload already before '\(name)'", code: .unexpectedArgument)
                }
                content = try payload(name, &reader)
            }
        }
        let isPlain = headers.isEmpty && type == nil
        let found = content ?? (isDenial && isPlain ? .proxy : .none)
        let code = status ?? defaultStatus
        try check(found, code, type, &reader)
        return Reply(
            status: code, content: found, contentType: isTyped(found) ? type ?? "" : "",
            headers: isTyped(found) || isNone(found) ? headers : [])
    }

    private func isNone(_ content: Reply.Content) -> Bool { if case .none = content { true } else { false } }
    private func isTyped(_ content: Reply.Content) -> Bool {
        switch content {
        case .bytes, .format: true
        default: false
        }
    }

    private func payload(_ name: String, _ reader: inout RuleReader) throws(SyntaxFailure) -> Reply.Content {
        switch name {
        case "default-errorfiles": return .proxy
        case "errorfile":
            let path = try reader.text("a file")
            let call = KeywordCall(statement: reader.statement, name: name, first: reader.cursor - 1)
            return .raw(try ErrorKeywords.rawResponse(reader.parser, call, 0, path))
        case "errorfiles":
            let section = try reader.text("the name of an 'http-errors' section")
            reader.parser.errorSectionUses.append((section, reader.statement.range(reader.cursor - 1)))
            return .section(section)
        case "file": return .bytes(try file(&reader))
        case "lf-file":
            let bytes = try file(&reader)
            return .format(
                try reader.parser.format(bytes, reader.statement, reader.cursor - 1, at: reader.point, .message))
        case "string": return .bytes(try reader.take("a text"))
        case "lf-string": return .format(try reader.format())
        default:
            throw reader.failure(
                atLast: "does not take '\(name)'", code: .unknownValue,
                help: Suggestions.help(
                    for: name,
                    among: [
                        "status", "content-type", "default-errorfiles", "errorfile", "errorfiles", "file", "lf-file",
                        "string", "lf-string", "hdr", "if", "unless",
                    ]))
        }
    }

    private func file(_ reader: inout RuleReader) throws(SyntaxFailure) -> [UInt8] {
        let path = try reader.text("a file")
        let bytes: [UInt8]
        do { bytes = try reader.parser.files.read(reader.parser.resolve(path, of: reader.statement)) } catch {
            throw reader.failure(atLast: "cannot read '\(path)': \(error.message)", code: .unreadableFile)
        }
        guard bytes.count <= ErrorKeywords.limitBytes else {
            throw reader.failure(
                atLast: "'\(path)' is larger than \(ErrorKeywords.limitBytes) bytes", code: .limitExceeded)
        }
        return bytes
    }

    private func check(
        _ content: Reply.Content, _ status: Int, _ type: String?, _ reader: inout RuleReader
    ) throws(SyntaxFailure) {
        switch content {
        case .proxy, .raw, .section:
            guard ErrorKeywords.statuses.contains(status) else {
                if case .proxy = content, isDenial { return }
                throw reader.failure(
                    "status \(status) has no error response", code: .invalidArgument,
                    help: "these have: \(ErrorKeywords.statuses.sorted().map(String.init).joined(separator: ", "))")
            }
        case .bytes(let bytes) where bytes.isEmpty: return
        case .bytes, .format:
            guard type != nil else {
                throw reader.failure("needs a 'content-type' for its payload", code: .missingArgument)
            }
        case .none:
            if isErrorLine {
                throw reader.failure("expects a payload, such as 'file' or 'string'", code: .missingArgument)
            }
        }
    }
}

/// Reads the arguments of `redirect`.
enum RedirectReader {
    /// - Parameter isPlain: the line `redirect`, whose target is no format.
    static func read(_ reader: inout RuleReader, isPlain: Bool = false) throws(SyntaxFailure) -> Redirect {
        var redirect: Redirect?
        var status = 302
        var dropsQuery = false, appendsSlash = false, ignoresEmpty = false
        var cookie: [UInt8] = []
        while !reader.isAtCondition {
            let name = try reader.text("an argument")
            switch name {
            case "location", "prefix", "scheme":
                redirect = try target(Redirect.Kind(rawValue: name) ?? .location, &reader, isPlain)
            case "code":
                status = try reader.integer("a status", in: 301...308)
                guard [301, 302, 303, 307, 308].contains(status) else {
                    throw reader.failure(
                        atLast: "cannot use status \(status)", code: .outOfRange,
                        help: "there are 301, 302, 303, 307, 308")
                }
            case "drop-query": dropsQuery = true
            case "append-slash": appendsSlash = true
            case "ignore-empty": ignoresEmpty = true
            case "set-cookie": cookie = try reader.take("a cookie") + Array("; path=/;".utf8)
            case "clear-cookie": cookie = try reader.take("a cookie") + Array("; path=/; Max-Age=0;".utf8)
            default:
                throw reader.failure(
                    atLast: "does not take '\(name)'", code: .unknownValue,
                    help: Suggestions.help(
                        for: name,
                        among: [
                            "location", "prefix", "scheme", "code", "drop-query", "append-slash", "ignore-empty",
                            "set-cookie", "clear-cookie", "if", "unless",
                        ]))
            }
        }
        guard var result = redirect else {
            throw reader.failure("expects 'location', 'prefix' or 'scheme'", code: .missingArgument)
        }
        result.status = status
        (result.dropsQuery, result.appendsSlash, result.ignoresEmpty) = (dropsQuery, appendsSlash, ignoresEmpty)
        result.cookie = cookie
        return result
    }

    private static func target(
        _ kind: Redirect.Kind, _ reader: inout RuleReader, _ isPlain: Bool
    ) throws(SyntaxFailure) -> Redirect {
        let text = try reader.take("a target")
        let format: LogFormat
        if isPlain {
            // A percent sign stands for itself there.
            let literal = text.flatMap { $0 == UInt8(ascii: "%") ? [$0, $0] : [$0] }
            format = try reader.parser.format(literal, reader.statement, reader.cursor - 1, at: reader.point, .message)
        } else {
            format = try reader.parser.format(reader.statement, reader.cursor - 1, at: reader.point, .message)
        }
        return Redirect(kind: kind, target: format, isBareSlash: kind == .prefix && text == [UInt8(ascii: "/")])
    }
}
