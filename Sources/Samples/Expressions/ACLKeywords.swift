/// A name that an ACL may use instead of a fetch: the fetch, with a match method (manual, sections 7.1 and 7.3).
public struct ACLKeyword: Sendable {
    public let name: String
    /// The fetch behind it.
    public let fetch: String
    /// Used where the ACL says no other with `-m`, and no converter follows.
    public let method: MatchMethod
    /// Patterns are versions such as `3.1`: a major and a minor number in one integer.
    public let isVersion: Bool

    init(_ name: String, _ fetch: String, _ method: MatchMethod, isVersion: Bool = false) {
        self.name = name
        self.fetch = fetch
        self.method = method
        self.isVersion = isVersion
    }
}

/// All ACL names that are no fetches, or that differ from the fetch of the same name.
public enum ACLKeywords {
    /// Families: a name, and the same with `_beg` and so on.
    private static let families: [(name: String, fetch: String)] = [
        ("base", "base"), ("cook", "req.cook"), ("hdr", "req.hdr"), ("path", "path"), ("scook", "res.cook"),
        ("shdr", "res.hdr"), ("url", "url"), ("urlp", "urlp"),
    ]

    public static let all: [ACLKeyword] =
        families.flatMap { family -> [ACLKeyword] in
            [ACLKeyword(family.name, family.fetch, .string)]
                + [MatchMethod.prefix, .subdirectory, .domain, .suffix, .length, .regex, .substring].map {
                    ACLKeyword("\(family.name)_\($0.rawValue)", family.fetch, $0)
                }
        } + [
            ACLKeyword("http_auth_group", "http_auth_group", .string),
            ACLKeyword("method", "method", .string),
            ACLKeyword("payload", "req.payload", .binary),
            ACLKeyword("payload_lv", "req.payload_lv", .binary),
            ACLKeyword("req.ssl_ver", "req.ssl_ver", .integer, isVersion: true),
            ACLKeyword("req_rdp_cookie", "req.rdp_cookie", .string),
            ACLKeyword("req_rdp_cookie_cnt", "req.rdp_cookie_cnt", .integer),
            ACLKeyword("req_ssl_sni", "req.ssl_sni", .string),
            ACLKeyword("req_ssl_ver", "req.ssl_ver", .integer, isVersion: true),
            ACLKeyword("req_ver", "req.ver", .string),
            ACLKeyword("resp_ver", "res.ver", .string),
        ]

    public static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// Predefined ACLs: a name and the words of the ACL behind it (manual, section 7.4).
    public static let predefined: [String: [String]] = [
        "FALSE": ["always_false"],
        "HTTP": ["req.proto_http"],
        "HTTP_1.0": ["req.ver", "1.0"],
        "HTTP_1.1": ["req.ver", "1.1"],
        "HTTP_2.0": ["req.ver", "2.0"],
        "HTTP_CONTENT": ["req.hdr_val(content-length)", "gt", "0"],
        "HTTP_URL_ABS": ["url_reg", "^[^/:]*://"],
        "HTTP_URL_SLASH": ["url_beg", "/"],
        "HTTP_URL_STAR": ["url", "*"],
        "LOCALHOST": ["src", "127.0.0.1/8", "::1"],
        "METH_CONNECT": ["method", "CONNECT"],
        "METH_DELETE": ["method", "DELETE"],
        "METH_GET": ["method", "GET", "HEAD"],
        "METH_HEAD": ["method", "HEAD"],
        "METH_OPTIONS": ["method", "OPTIONS"],
        "METH_POST": ["method", "POST"],
        "METH_PUT": ["method", "PUT"],
        "METH_TRACE": ["method", "TRACE"],
        "RDP_COOKIE": ["req.rdp_cookie_cnt", "gt", "0"],
        "REQ_CONTENT": ["req.len", "gt", "0"],
        "TRUE": ["always_true"],
        "WAIT_END": ["wait_end"],
    ]
}
