import Samples

/// Actions that change the start line of a request (manual, section 4.2).
enum RequestActions {
    static let table: [ActionKeyword] =
        [
            setter("set-method", .method, "Changes the method"),
            setter("set-path", .path, "Changes the path, not the query"),
            setter("set-pathq", .pathAndQuery, "Changes the path with the query"),
            setter("set-query", .query, "Changes the query"),
            setter("set-uri", .uri, "Changes the whole target"),
            replacer("replace-path", .path, "Replaces the path if it matches"),
            replacer("replace-pathq", .pathAndQuery, "Replaces path and query if they match"),
            replacer("replace-uri", .uri, "Replaces the target if it matches"),
        ] + [
            ActionKeyword("normalize-uri", .request, "<normalizer>", "Brings the target into a normal form") {
                reader throws(SyntaxFailure) in .normalize(try normalizer(&reader))
            }
        ]

    private static func setter(_ name: String, _ part: RequestPart, _ documentation: String) -> ActionKeyword {
        ActionKeyword(name, .request, "<fmt>", documentation) { reader throws(SyntaxFailure) in
            .set(part, try reader.format())
        }
    }

    private static func replacer(_ name: String, _ part: RequestPart, _ documentation: String) -> ActionKeyword {
        ActionKeyword(name, .request, "<regex> <fmt>", documentation) { reader throws(SyntaxFailure) in
            .replace(part, try reader.regex(), try reader.format())
        }
    }

    private static let normalizers = [
        "fragment-encode", "fragment-strip", "path-merge-slashes", "path-strip-dot", "path-strip-dotdot",
        "percent-decode-unreserved", "percent-to-uppercase", "query-sort-by-name",
    ]

    private static func normalizer(_ reader: inout RuleReader) throws(SyntaxFailure) -> URINormalizer {
        let name = try reader.text("a normalizer")
        switch name {
        case "fragment-encode": return .fragmentEncode
        case "fragment-strip": return .fragmentStrip
        case "path-merge-slashes": return .mergeSlashes
        case "path-strip-dot": return .stripDot
        case "path-strip-dotdot": return .stripDotDot(isFull: reader.skip("full"))
        case "percent-decode-unreserved": return .decodeUnreserved(isStrict: reader.skip("strict"))
        case "percent-to-uppercase": return .uppercasePercent(isStrict: reader.skip("strict"))
        case "query-sort-by-name": return .sortQuery
        default:
            throw reader.failure(
                atLast: "does not know the normalizer '\(name)'", code: .unknownValue,
                help: Suggestions.help(for: name, among: normalizers)
                    ?? "there are \(normalizers.joined(separator: ", "))")
        }
    }
}
