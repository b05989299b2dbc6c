/// What `martlet check` is asked for: the files, some of the program's options, and how to say what was found.
struct CheckArguments: Equatable, Sendable {
    enum Format: String, CaseIterable, Sendable { case text, json }

    var format = Format.text
    /// As of `-c -dD`.
    var arguments = Arguments()

    /// The options that mean something to a check.
    private static let meanings: Set<CommandOption.Meaning> = [
        .file, .check, .directory, .localPeer, .zeroWarning, .diagnostics, .resolutionMayFail, .withoutEpoll,
        .withoutPoll, .withoutReusePort, .help,
    ]

    /// Reads what follows `check`.
    init(parsing words: [String]) throws(Arguments.Mistake) {
        var rest = words[...]
        var options = ["-c", "-dD"]
        while let word = rest.popFirst() {
            if word == "--" {
                options += rest.flatMap { ["-f", $0] }
                rest = []
            } else if word == "--format" {
                guard let name = rest.popFirst() else {
                    throw Arguments.Mistake(message: "option '--format' needs an argument: text or json")
                }
                format = try Self.format(name)
            } else if word.hasPrefix("--format=") {
                format = try Self.format(String(word.dropFirst("--format=".utf8.count)))
            } else if word.hasPrefix("-"), word != "-" {
                guard let (option, _) = CommandOption.find(word), Self.meanings.contains(option.meaning) else {
                    throw Arguments.Mistake(message: "'check' has no option '\(word)'")
                }
                options.append(word)
                if case .separate = option.form, let value = rest.popFirst() { options.append(value) }
            } else {
                options += ["-f", word]
            }
        }
        arguments = try Arguments(parsing: options)
    }

    private static func format(_ name: String) throws(Arguments.Mistake) -> Format {
        guard let format = Format(rawValue: name) else {
            throw Arguments.Mistake(message: "there are the formats text and json, not '\(name)'", showsUsage: false)
        }
        return format
    }
}
