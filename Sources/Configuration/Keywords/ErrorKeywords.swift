/// `errorfile` and `errorloc` (manual, section 4.2).
enum ErrorKeywords {
    /// The responses that Martlet makes itself.
    static let statuses: Set<Int> = [
        200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504,
    ]

    /// A response that is larger than this is refused.
    static let limitBytes = 1 << 20

    static let table: [Keyword] = [
        Keyword("errorfile", .everyProxy, "<code> <file>", count: 2...2, "A file in place of an error response") {
            parser, call throws(SyntaxFailure) in
            let (status, response) = try entry(parser, call)
            parser.draft.settings.errorResponses[status] = response
        },
        Keyword(
            "errorfiles", .everyProxy, "<name> [<code> ...]", count: 1...Keyword.many,
            "Error responses of an 'http-errors' section"
        ) { parser, call throws(SyntaxFailure) in
            var wanted: Set<Int> = []
            for index in 1..<max(call.count, 1) { wanted.insert(try status(call, index)) }
            // What stands in the section is looked up when all files are read.
            parser.errorSectionUses.append((call[0], call.range(0)))
            for code in wanted.isEmpty ? statuses : wanted {
                let missing = parser.draft.settings.errorResponses[code]
                parser.draft.settings.errorResponses[code] = .section(call[0], other: missing)
            }
        },
        Keyword(
            "http-error", .everyProxy, "status <code> [content-type <type>] <payload> [hdr <name> <fmt>]*",
            count: 2...Keyword.many, http: true, "A response in place of one of the proxy's own"
        ) { parser, call throws(SyntaxFailure) in
            guard call[0] == "status" else {
                throw call.failure("'http-error' expects 'status' first", 0, code: .missingArgument)
            }
            var reader = RuleReader(parser, call.statement, .httpRequest, first: call.first)
            reader.name = "http-error"
            let reply = try ReplyReader(defaultStatus: 0, isErrorLine: true).read(&reader)
            guard reader.isAtEnd else { throw reader.failure("takes no condition", code: .unexpectedArgument) }
            guard statuses.contains(reply.status) else { throw unhandled(reply.status, call, 1) }
            parser.draft.settings.errorResponses[reply.status] = .reply(reply)
        },
        location("errorloc", 302),
        location("errorloc302", 302),
        location("errorloc303", 303),
    ]

    private static func location(_ name: String, _ redirect: Int) -> Keyword {
        Keyword(name, .everyProxy, "<code> <url>", count: 2...2, "A redirect in place of an error response") {
            parser, call throws(SyntaxFailure) in
            let status = try status(call)
            guard isURL(call[1]) else {
                throw call.failure("'\(call[1])' is no URL", 1)
            }
            parser.draft.settings.errorResponses[status] = .redirect(status: redirect, location: call[1])
        }
    }

    /// Whether a text may stand in a Location field.
    static func isURL(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } }

    private static func status(_ call: KeywordCall, _ index: Int = 0) throws(SyntaxFailure) -> Int {
        let value = try call.integer(index, in: 200...599)
        guard statuses.contains(value) else { throw unhandled(value, call, index) }
        return value
    }

    private static func unhandled(_ status: Int, _ call: KeywordCall, _ index: Int) -> SyntaxFailure {
        call.failure(
            "status \(status) is not one that '\(call.name)' handles", index,
            help: "these are \(statuses.sorted().map(String.init).joined(separator: ", "))")
    }

    /// `errorfile <code> <file>`, in a proxy or in an `http-errors` section.
    static func entry(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) -> (Int, ErrorResponse) {
        (try status(call), try file(parser, call))
    }

    private static func file(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) -> ErrorResponse {
        let path = parser.resolve(call[1], of: call.statement)
        return .file(path: path, bytes: try rawResponse(parser, call, 1, call[1]))
    }

    /// Reads a file that holds a whole response.
    static func rawResponse(
        _ parser: Parser, _ call: KeywordCall, _ index: Int, _ name: String
    ) throws(SyntaxFailure) -> [UInt8] {
        let path = parser.resolve(name, of: call.statement)
        let bytes: [UInt8]
        do { bytes = try parser.files.read(path) } catch {
            throw call.failure("cannot read the error file '\(name)': \(error.message)", index, code: .unreadableFile)
        }
        guard bytes.count <= limitBytes else {
            throw call.failure("'\(name)' is larger than \(limitBytes) bytes", index, code: .limitExceeded)
        }
        if !bytes.isEmpty {
            guard bytes.starts(with: "HTTP/1.".utf8) else {
                throw call.failure(
                    "'\(name)' holds no HTTP response", index,
                    help: "it starts with a status line such as HTTP/1.1 503 Service Unavailable")
            }
            guard bytes.contains(subsequence: Array("\r\n\r\n".utf8)) || bytes.contains(subsequence: [0x0a, 0x0a])
            else { throw call.failure("'\(name)' has no empty line behind its fields", index) }
        }
        return bytes
    }
}
