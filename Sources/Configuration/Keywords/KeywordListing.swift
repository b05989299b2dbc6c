/// `-dK`: lists what the tables hold, in HAProxy's layout (management manual, chapter 3), so that a `diff` shows what
/// is there and what is not.
public enum KeywordListing {
    /// One class of keywords.
    public struct Class: Sendable {
        public var name: String
        public var documentation: String
        public var lines: @Sendable () -> [String]

        public init(name: String, documentation: String, lines: @escaping @Sendable () -> [String]) {
            self.name = name
            self.documentation = documentation
            self.lines = lines
        }
    }

    /// The classes that the configuration language has.
    public static let classes: [Class] = [
        Class(name: "acl", documentation: "ACL keywords", lines: acls),
        Class(name: "cfg", documentation: "configuration keywords", lines: configuration),
        Class(name: "smp", documentation: "sample fetch functions", lines: samples),
    ]

    /// The text for `-dK<list>`: classes separated by commas, `all`, or `help`.
    /// - Parameter others: classes of other rooms, such as the commands of the runtime API.
    public static func text(_ list: String, others: [Class] = []) -> String {
        let known = (classes + others).sorted { $0.name < $1.name }
        var output: [String] = []
        for name in list.split(separator: ",") {
            switch name {
            case "help":
                output.append("# List of supported keyword classes:")
                output.append("all: list all keywords")
                output += known.map { "\($0.name): \($0.documentation)" }
            case "all":
                output += known.flatMap { $0.lines() }
            default:
                output += known.filter { $0.name == name }.flatMap { $0.lines() }
            }
        }
        return output.map { $0 + "\n" }.joined()
    }

    private static func acls() -> [String] {
        // An ACL keyword stands for a fetch with a match method; the fetches that take a method by default, too.
        let names = FetchTable.derivatives.compactMap { keyword in
            FetchTable.fetches.first { $0.fetch == keyword.fetch }.map { _ in
                "\(keyword.name) = \(fetchName(keyword)) -m \(keyword.impliedMatch?.rawValue ?? "str")"
            }
        }
        let plain = FetchTable.fetches.filter { ["hdr", "method", "path", "req_ver"].contains($0.name) }.map {
            keyword in
            "\(keyword.name) = \(fetchName(keyword)) -m str"
        }
        return ["# List of registered ACL keywords:"] + (names + plain).sorted()
    }

    /// The name that the manual prefers for a fetch.
    private static func fetchName(_ keyword: FetchKeyword) -> String {
        switch keyword.fetch {
        case .requestHeader: "req.hdr"
        case .requestVersion: "req.ver"
        default: FetchTable.fetches.first { $0.fetch == keyword.fetch }?.name ?? keyword.name
        }
    }

    private static func configuration() -> [String] {
        var lines = ["# List of registered configuration keywords:", "global"]
        lines += firstWords(KeywordTable.globalKeywords).map { "\t\($0)" }
        lines.append("listen")
        lines += firstWords(KeywordTable.proxyKeywords.filter { !$0.name.hasPrefix("option ") }).map { "\t\($0)" }
        lines += BindParameters.table.map { "\tbind <addr> \($0.name)\($0.valueCount == 1 ? " +1" : "")" }
        lines += ServerParameters.table.map { parameter in
            let count = parameter.valueCount.map { $0 == 1 ? " +1" : "" } ?? " +-1"
            return "\tserver <name> <addr> \(parameter.name)\(count)"
        }
        for option in KeywordTable.proxyKeywords where option.name.hasPrefix("option ") {
            var sides: [String] = []
            if option.places.contains(.frontend) { sides.append("FE") }
            if option.places.contains(.backend) { sides.append("BE") }
            if option.isHTTPOnly { sides.append("HTTP") }
            lines.append("\t\(option.name) [ \(sides.joined(separator: " ")) ]")
        }
        return lines
    }

    private static func firstWords(_ keywords: [Keyword]) -> [String] {
        Set(keywords.map { String($0.name.prefix { $0 != " " }) }).sorted()
    }

    /// Where rules may ask, column by column as in the header below.
    private static func columns(_ layer: FetchKeyword.Layer) -> String {
        switch layer {
        case .constant: "Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y"
        case .connection: "Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y . ."
        case .httpRequest: ". . Y Y Y Y Y Y Y Y Y . . . . . . . . . . ."
        }
    }

    private static func samples() -> [String] {
        var lines = ["# List of registered sample fetch functions:"]
        for (index, rule) in ruleSets.enumerated() {
            let bars = String(repeating: "/ ", count: index)
            let dashes = String(repeating: "-", count: 22 - index)
            lines.append("#" + String(repeating: " ", count: 23 - index) + bars + "_.\(dashes) \(rule)")
        }
        lines.append("#" + String(repeating: " /", count: 22) + "  ")
        lines.append("#" + String(repeating: " |", count: 22) + " ")
        for fetch in FetchTable.fetches.sorted(by: { $0.name < $1.name }) {
            let arguments = fetch.arguments == .header ? "([string,integer])" : ""
            lines.append("[ \(columns(fetch.layer)) ] \(fetch.name)\(arguments): \(typeName(fetch.type))")
        }
        return lines
    }

    private static func typeName(_ type: SampleType) -> String {
        switch type {
        case .boolean: "bool"
        case .integer: "sint"
        case .ip: "ipv4"
        case .string: "str"
        case .method: "meth"
        }
    }

    private static let ruleSets = [
        "frontend tcp-request connection rule", "frontend tcp-request session rule",
        "frontend tcp-request content rule", "frontend http-request header rule", "frontend http-request body rule",
        "frontend use-backend rule", "backend tcp-request content rule", "backend http-request header rule",
        "backend http-request body rule", "backend use-server, balance or stick-match rule",
        "server source selection", "backend tcp-response content rule", "backend http-response header rule",
        "backend http-response body rule", "backend stick-store rule", "frontend tcp-response content rule",
        "frontend http-response header rule", "frontend http-response body rule", "logs", "backend tcp-check rule",
        "configuration parser", "CLI parser",
    ]
}
