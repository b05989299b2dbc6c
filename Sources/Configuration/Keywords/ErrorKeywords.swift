/// `errorfile` and `errorloc` (manual, section 4.2).
enum ErrorKeywords {
    /// The responses that Martlet makes itself.
    private static let statuses: Set<Int> = [
        200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504,
    ]

    /// A response that is larger than this is refused.
    private static let limitBytes = 1 << 20

    static let table: [Keyword] = [
        Keyword("errorfile", .everyProxy, "<code> <file>", count: 2...2, "A file in place of an error response") {
            parser, call throws(SyntaxFailure) in
            let status = try status(call)
            parser.draft.settings.errorResponses[status] = try file(parser, call)
        },
        location("errorloc", 302),
        location("errorloc302", 302),
        location("errorloc303", 303),
    ]

    private static func location(_ name: String, _ redirect: Int) -> Keyword {
        Keyword(name, .everyProxy, "<code> <url>", count: 2...2, "A redirect in place of an error response") {
            parser, call throws(SyntaxFailure) in
            let status = try status(call)
            guard !call[1].isEmpty, call[1].utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
                throw call.failure("'\(call[1])' is no URL", 1)
            }
            parser.draft.settings.errorResponses[status] = .redirect(status: redirect, location: call[1])
        }
    }

    private static func status(_ call: KeywordCall) throws(SyntaxFailure) -> Int {
        let value = try call.integer(0, in: 200...599)
        guard statuses.contains(value) else {
            throw call.failure(
                "status \(value) is not one that '\(call.name)' handles", 0,
                help: "these are " + statuses.sorted().map(String.init).joined(separator: ", "))
        }
        return value
    }

    private static func file(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) -> ErrorResponse {
        let path = parser.resolve(call[1], of: call.statement)
        let bytes: [UInt8]
        do { bytes = try parser.files.read(path) } catch {
            throw call.failure("cannot read the error file '\(call[1])': \(error.message)", 1)
        }
        guard bytes.count <= limitBytes else {
            throw call.failure("'\(call[1])' is larger than \(limitBytes) bytes", 1)
        }
        if !bytes.isEmpty {
            guard bytes.starts(with: "HTTP/1.".utf8) else {
                throw call.failure(
                    "'\(call[1])' holds no HTTP response", 1,
                    help: "it starts with a status line such as HTTP/1.1 503 Service Unavailable")
            }
            guard bytes.contains(subsequence: Array("\r\n\r\n".utf8)) || bytes.contains(subsequence: [0x0a, 0x0a])
            else { throw call.failure("'\(call[1])' has no empty line behind its fields", 1) }
        }
        return .file(path: path, bytes: bytes)
    }
}
