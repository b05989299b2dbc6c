import Configuration
import Proxy

/// `-dK`: the keywords that this program knows, by class, from the tables that the parsers read.
enum KeywordDump {
    struct Class: Sendable {
        var name: String
        var documentation: String
        var lines: @Sendable () -> [String]
    }

    static let classes: [Class] = [
        Class(name: "acl", documentation: "ACL keywords") { FetchTable.derivatives.map(fetch).sorted() },
        Class(name: "cfg", documentation: "configuration keywords") { configuration },
        Class(name: "cli", documentation: "CLI keywords") {
            CommandTable.standard.commands.map { $0.name.joined(separator: " ") }.sorted()
        },
        Class(name: "smp", documentation: "sample fetch functions") { FetchTable.fetches.map(fetch).sorted() },
    ]

    /// - Parameter list: class names separated by commas; `all`, `help`, or empty for help.
    static func text(classes list: String) -> String {
        let names = list.split(separator: ",").map(String.init)
        if names.isEmpty || names.contains("help") { return help }
        var text = ""
        for keywords in classes where names.contains("all") || names.contains(keywords.name) {
            text += "# List of registered \(keywords.documentation):\n"
            for line in keywords.lines() { text += line + "\n" }
        }
        for name in names where name != "all" && !classes.contains(where: { $0.name == name }) {
            text += "# Unknown class of keywords: \(name)\n"
        }
        return text
    }

    private static var help: String {
        var text = "# List of supported keyword classes:\nall: list all keywords\n"
        for keywords in classes { text += "\(keywords.name): \(keywords.documentation)\n" }
        return text
    }

    private static func fetch(_ keyword: FetchKeyword) -> String { "\(keyword.name): \(keyword.type.rawValue)" }

    /// Sections at the margin, keywords behind a tab, as tools that read HAProxy's dump expect them.
    private static var configuration: [String] {
        var lines = ["global"]
        lines += KeywordTable.globalKeywords.map { line($0.name, $0.arguments) }.sorted()
        lines.append("listen")
        lines += KeywordTable.proxyKeywords.map { line($0.name, $0.arguments) }.sorted()
        lines += BindParameters.table.map { line("bind <addr> \($0.name)", $0.arguments) }.sorted()
        lines += ServerParameters.table.map { line("server <name> <addr> \($0.name)", $0.arguments) }.sorted()
        return lines
    }

    private static func line(_ name: String, _ arguments: String) -> String {
        arguments.isEmpty ? "\t\(name)" : "\t\(name) \(arguments)"
    }
}
