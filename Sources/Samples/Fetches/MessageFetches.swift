import Base
import HTTP

/// Fetches of the start lines of messages (manual, section 7.3.6).
enum MessageFetches {
    static let all: [FetchKeyword] =
        [
            FetchKeyword("method", .none, .method, .transaction, section: "7.3.6", "Method of the request") {
                scope, _ in
                guard let head = scope.request else { return nil }
                return Sample(head, head.methodSlice, .method)
            },
            FetchKeyword("path", .none, .string, .request, section: "7.3.6", "Path of the request, without the query") {
                scope, _ in
                guard let head = scope.request else { return nil }
                let path = head.pathSlice
                return path.count > 0 && head.span(path)[0] == UInt8(ascii: "/") ? Sample(head, path) : nil
            },
        ] + versions

    private static let versions =
        ["req.ver", "req_ver"].map { name in
            FetchKeyword(
                name, .none, .string, .request, section: "7.3.6", "HTTP version of the request, as 1.1",
                alias: name == "req_ver"
            ) { scope, _ in
                scope.request.flatMap { version($0.version) }
            }
        }
        + ["res.ver", "resp_ver"].map { name in
            FetchKeyword(
                name, .none, .string, .response, section: "7.3.6", "HTTP version of the response, as 1.1",
                alias: name == "resp_ver"
            ) { scope, _ in
                scope.response.flatMap { version($0.version) }
            }
        }

    static func version(_ version: HTTPVersion) -> Sample {
        switch (version.major, version.minor) {
        case (1, 0): Sample(literal: "1.0")
        case (1, _): Sample(literal: "1.1")
        default: Sample(literal: "2.0")
        }
    }
}
