import Testing

@testable import Configuration

/// Loads a text without the process's environment, so that tests do not depend on who runs them.
func load(
    _ text: String, variables: [String: String] = [:], features: Set<String> = [], options: Set<String> = []
) -> ConfigurationLoader.Result {
    let environment = ConfigurationLoader.Environment(
        variables: variables, inheritsProcessEnvironment: false, features: features, enabledOptions: options)
    return ConfigurationLoader(environment: environment).load(text: text, name: "test.cfg")
}

/// The messages of a text: `line:column severity: message`, `(help)` where there is one, `[line: note]` for each note.
func messages(_ text: String, variables: [String: String] = [:]) -> [String] {
    load(text, variables: variables).diagnostics.map(describe)
}

func describe(_ diagnostic: Diagnostic) -> String {
    let help = diagnostic.help.map { " (\($0))" } ?? ""
    return "\(diagnostic.range.line):\(diagnostic.range.columnStart) \(diagnostic.severity.name): "
        + diagnostic.message + help + diagnostic.notes.map { " [\($0.range.line): \($0.message)]" }.joined()
}

/// The errors alone.
func errors(_ text: String) -> [String] {
    load(text).diagnostics.filter { $0.severity == .error }.map(describe)
}

/// A proxy that lacks nothing, around some lines of its own.
func listen(_ lines: String..., mode: String = "tcp") -> String {
    """
    listen test
        mode \(mode)
        bind 127.0.0.1:8080
        timeout client 1s
        timeout server 1s
        timeout connect 1s
    \(lines.map { "    \($0)\n" }.joined())backend pool
        mode \(mode)
    """
}

/// The only proxy of a text that must load without a word.
func proxy(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> ProxySection {
    let result = load(text)
    #expect(result.diagnostics.map(describe) == [], sourceLocation: sourceLocation)
    return try #require(result.tree.proxies.first, sourceLocation: sourceLocation)
}

/// The words of a line.
func words(_ line: String, _ variables: [String: String] = [:]) throws -> [String] {
    var lexer = LineLexer(line: Array(line.utf8)[...]) { variables[$0] }
    return try lexer.scan().map(\.text)
}
