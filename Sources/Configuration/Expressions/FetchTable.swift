/// A name by which a condition may fetch a sample (manual, section 7.3): declared once, here.
public struct FetchKeyword: Sendable {
    /// What a fetch takes between parentheses.
    public enum ArgumentShape: Sendable, Equatable {
        case none
        /// `([<name>[,<occ>]])`.
        case header
    }

    /// From what layer the sample comes.
    public enum Layer: Sendable, Equatable {
        case constant, connection, httpRequest
    }

    public var name: String
    public var fetch: SampleFetch
    public var arguments: ArgumentShape
    public var type: SampleType
    public var layer: Layer
    /// The match method that an ACL name such as `path_beg` implies; nil for a fetch itself.
    public var impliedMatch: MatchMethod?
    public var documentation: String
    public var manualSection: String
}

/// The fetches and the ACL names derived from them.
public enum FetchTable {
    private static func fetch(
        _ name: String, _ fetch: SampleFetch, _ type: SampleType, _ layer: FetchKeyword.Layer, _ section: String,
        _ documentation: String, arguments: FetchKeyword.ArgumentShape = .none
    ) -> FetchKeyword {
        FetchKeyword(
            name: name, fetch: fetch, arguments: arguments, type: type, layer: layer, documentation: documentation,
            manualSection: section)
    }

    public static let fetches: [FetchKeyword] = [
        fetch("always_false", .alwaysFalse, .boolean, .constant, "7.3.2", "Always false"),
        fetch("always_true", .alwaysTrue, .boolean, .constant, "7.3.2", "Always true"),
        fetch("dst", .destination, .ip, .connection, "7.3.3", "Local address that the client connected to"),
        fetch("dst_port", .destinationPort, .integer, .connection, "7.3.3", "Local port that the client connected to"),
        fetch("hdr", .requestHeader, .string, .httpRequest, "7.3.6", "Values of a request field", arguments: .header),
        fetch("method", .method, .method, .httpRequest, "7.3.6", "Method of the request"),
        fetch("path", .path, .string, .httpRequest, "7.3.6", "Path of the request, without the query"),
        fetch(
            "req.hdr", .requestHeader, .string, .httpRequest, "7.3.6", "Values of a request field", arguments: .header),
        fetch("req.ver", .requestVersion, .string, .httpRequest, "7.3.6", "HTTP version of the request, as 1.1"),
        fetch("req_ver", .requestVersion, .string, .httpRequest, "7.3.6", "HTTP version of the request, as 1.1"),
        fetch("src", .source, .ip, .connection, "7.3.3", "Address of the client"),
        fetch("src_port", .sourcePort, .integer, .connection, "7.3.3", "Port of the client"),
    ]

    /// ACL names: a fetch with the match method that the suffix implies.
    public static let derivatives: [FetchKeyword] = ["hdr", "path"].flatMap { name in
        [MatchMethod.prefix, .subdirectory, .domain, .suffix, .length, .substring].compactMap { match in
            guard var keyword = fetches.first(where: { $0.name == name }) else { return nil }
            keyword.name = "\(name)_\(match.rawValue)"
            keyword.impliedMatch = match
            return keyword
        }
    }

    /// By name.
    static let byName: [String: FetchKeyword] = Dictionary(
        uniqueKeysWithValues: (fetches + derivatives).map { ($0.name, $0) })

    /// The match methods that suit a type of sample, the default one first (manual, section 7.1).
    static func matches(for type: SampleType) -> [MatchMethod] {
        let text: [MatchMethod] = [.string, .prefix, .suffix, .substring, .subdirectory, .domain, .length]
        switch type {
        case .boolean: return [.boolean, .found]
        case .integer: return [.integer, .boolean, .found]
        case .ip: return [.ip, .found]
        case .string: return text + [.integer, .found]
        case .method: return text + [.found]
        }
    }

    /// The predefined ACLs that these fetches can express (manual, section 7.4).
    static let predefined: [String: [String]] = [
        "FALSE": ["always_false"],
        "HTTP_1.0": ["req.ver", "1.0"],
        "HTTP_1.1": ["req.ver", "1.1"],
        "HTTP_2.0": ["req.ver", "2.0"],
        "LOCALHOST": ["src", "127.0.0.1/8", "::1"],
        "METH_CONNECT": ["method", "CONNECT"],
        "METH_DELETE": ["method", "DELETE"],
        "METH_GET": ["method", "GET", "HEAD"],
        "METH_HEAD": ["method", "HEAD"],
        "METH_OPTIONS": ["method", "OPTIONS"],
        "METH_POST": ["method", "POST"],
        "METH_PUT": ["method", "PUT"],
        "METH_TRACE": ["method", "TRACE"],
        "TRUE": ["always_true"],
    ]

    /// The predefined ACLs that need what is not there yet.
    static let unsupportedPredefined: Set<String> = [
        "HTTP", "HTTP_CONTENT", "HTTP_URL_ABS", "HTTP_URL_SLASH", "HTTP_URL_STAR", "RDP_COOKIE", "REQ_CONTENT",
        "WAIT_END",
    ]
}
