import Samples

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
        Class(name: "cnv", documentation: "sample converter keywords", lines: converters),
        Class(name: "flt", documentation: "filter names") { ["# List of registered filter names:"] },
        Class(name: "smp", documentation: "sample fetch functions", lines: samples),
        Class(name: "svc", documentation: "service names") { ["# List of registered service names:"] },
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
        ["# List of registered ACL keywords:"]
            + ACLKeywords.all.filter { SampleTables.fetchesByName[$0.fetch] != nil }
            .map { "\($0.name) = \($0.fetch) -m \($0.method.rawValue)" }.sorted()
    }

    private static func converters() -> [String] {
        ["# List of registered sample converter functions:"]
            + SampleTables.converters.sorted { $0.name < $1.name }.map {
                "\($0.name)\(arguments($0.arguments)): \($0.output.name) => \($0.input.name)"
            }
    }

    /// `(required[,optional])`: kinds of arguments.
    static func arguments(_ shape: ArgumentShape) -> String {
        let required = shape.required.map(\.name).joined(separator: ",")
        let optional = shape.optional.map(\.name).joined(separator: ",")
        if shape.maximum == 0 { return "" }
        if optional.isEmpty { return "(\(required))" }
        return required.isEmpty ? "([\(optional)])" : "(\(required)[,\(optional)])"
    }

    private static func configuration() -> [String] {
        var lines = ["# List of registered configuration keywords:", "global"]
        lines += firstWords(KeywordTable.globalKeywords).map { "\t\($0)" }
        lines.append("listen")
        lines += firstWords(KeywordTable.proxyKeywords.filter { !$0.name.hasPrefix("option ") }).map { "\t\($0)" }
        lines += actions()
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
        return lines + ["userlist"]
    }

    /// Actions by their sets; a star stands for arguments that follow the name without a space.
    private static func actions() -> [String] {
        RuleSet.allCases.flatMap { set in
            // HAProxy has `accept`, `reject` and `capture` of TCP rules in its grammar, not in this list.
            ActionTable.actions.filter { action in
                action.sets.contains(set) && (set.isHTTP || !["accept", "capture", "reject"].contains(action.name))
            }.map { "\t\(set.keyword) \($0.name)\($0.takesParentheses ? "*" : "")" }
        }.sorted()
    }

    private static func firstWords(_ keywords: [Keyword]) -> [String] {
        Set(keywords.map { String($0.name.prefix { $0 != " " }) }).sorted()
    }

    /// Where rules may ask, column by column as in the header below.
    private static func columns(_ source: SampleSource) -> String {
        SamplePoint.allCases.map { source.isAvailable(at: $0) ? "Y" : "." }.joined(separator: " ")
    }

    private static func samples() -> [String] {
        var lines = ["# List of registered sample fetch functions:"]
        for (index, rule) in SamplePoint.allCases.map(\.name).enumerated() {
            let bars = String(repeating: "/ ", count: index)
            let dashes = String(repeating: "-", count: 22 - index)
            lines.append("#" + String(repeating: " ", count: 23 - index) + bars + "_.\(dashes) \(rule)")
        }
        lines.append("#" + String(repeating: " /", count: 22) + "  ")
        lines.append("#" + String(repeating: " |", count: 22) + " ")
        for fetch in SampleTables.fetches.sorted(by: { $0.name < $1.name }) {
            lines.append(
                "[ \(columns(fetch.source)) ] \(fetch.name)\(arguments(fetch.arguments)): \(fetch.yields.name)")
        }
        return lines
    }
}
