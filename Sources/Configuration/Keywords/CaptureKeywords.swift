import Samples

/// `capture` and `declare capture` (manual, section 4.2).
enum CaptureKeywords {
    static let table: [Keyword] = [
        Keyword(
            "capture request header", [.frontend, .listen], "<name> len <length>", count: 3...3, http: true,
            "Keeps a field of requests for logs"
        ) { parser, call throws(SyntaxFailure) in parser.draft.captures.request.append(try header(call)) },
        Keyword(
            "capture response header", [.frontend, .listen], "<name> len <length>", count: 3...3, http: true,
            "Keeps a field of responses for logs"
        ) { parser, call throws(SyntaxFailure) in parser.draft.captures.response.append(try header(call)) },
        Keyword(
            "capture cookie", [.frontend, .listen], "<name> len <length>", count: 3...3, http: true,
            "Keeps a cookie of requests and responses for logs"
        ) { parser, call throws(SyntaxFailure) in
            var name = call.bytes(0)
            // `NAME=` is exactly that cookie, `NAME` any whose name begins so.
            let isPrefix = name.last != UInt8(ascii: "=")
            if !isPrefix { name.removeLast() }
            guard !name.isEmpty else {
                throw call.failure("'capture cookie' expects the name of a cookie", 0, code: .missingArgument)
            }
            parser.draft.captures.cookieName = name
            parser.draft.captures.cookieIsPrefix = isPrefix
            // One more for the sign between name and value.
            parser.draft.captures.cookieLengthBytes = try length(call, 1)
        },
        Keyword(
            "declare capture", [.frontend, .listen], "{ request | response } len <length>", count: 3...3,
            "A slot that 'capture' rules fill"
        ) { parser, call throws(SyntaxFailure) in
            let slot = CaptureSlot(lengthBytes: try length(call, 1))
            switch call[0] {
            case "request": parser.draft.captures.request.append(slot)
            case "response": parser.draft.captures.response.append(slot)
            default: throw call.unknownWord(0, among: ["request", "response"])
            }
        },
    ]

    private static func header(_ call: KeywordCall) throws(SyntaxFailure) -> CaptureSlot {
        guard !call.bytes(0).isEmpty, call.bytes(0).allSatisfy(RuleReader.isToken) else {
            throw call.failure("'\(call[0])' is no name of a field", 0, code: .invalidName)
        }
        return CaptureSlot(lengthBytes: try length(call, 1), header: call.bytes(0).map(\.lowercased))
    }

    private static func length(_ call: KeywordCall, _ index: Int) throws(SyntaxFailure) -> Int {
        guard call[index] == "len" else { throw call.unknownWord(index, among: ["len"]) }
        return try call.integer(index + 1, in: 1...65_535)
    }
}
