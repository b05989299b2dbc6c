import Configuration
import Engine

/// The commands that a runtime API knows.
///
/// Thread-safety: immutable.
public struct CommandTable: Sendable {
    public let commands: [Command]

    /// The width of the column of usages in the help.
    static let usageColumns = 40

    public init(_ commands: [Command]) { self.commands = commands }

    /// The commands of this version.
    public static let standard = CommandTable(
        InformationCommands.all + ActivityCommands.all + DescriptorCommands.all + PatternCommands.all
            + SessionCommands.all)

    /// The command that the words call: the longest name that they start with.
    func find(_ words: [String]) -> Command? {
        commands.filter { words.starts(with: $0.name) }.max { $0.name.count < $1.name.count }
    }

    /// Runs the command that the words call.
    func run(
        _ words: [String], state: CommandState, context: RuntimeContext, worker: Worker?, payload: [[UInt8]]? = nil
    ) -> CommandReply {
        guard let command = find(words) else { return .message(unknown(words, level: state.level)) }
        guard state.level.rank >= command.level.rank else { return .denied }
        return command.handler(
            CommandInvocation(
                words: words, arguments: Array(words.dropFirst(command.name.count)), state: state, context: context,
                table: self, worker: worker, payload: payload))
    }

    // MARK: Help

    /// What `help` answers: the commands that the level may use and that fit the words, and how to leave.
    func help(_ words: [String], level: AccessLevel) -> String {
        let matching = words.isEmpty ? commands : candidates(words)
        return "The following commands are valid at this level:\n" + list(matching, level: level)
    }

    /// What an unknown command is answered with.
    func unknown(_ words: [String], level: AccessLevel) -> String {
        let near = candidates(words).filter { $0.level.rank <= level.rank }
        if near.isEmpty {
            return "Unknown command. Please enter one of the following commands only:\n" + list(commands, level: level)
        }
        return "Unknown command, but maybe one of the following ones is a better match:\n" + list(near, level: level)
    }

    private func list(_ chosen: [Command], level: AccessLevel) -> String {
        var text = ""
        for command in chosen where command.level.rank <= level.rank && !command.isGeneral {
            text += command.helpLine + "\n"
        }
        // How to find help and the way out stands at the end, always.
        for command in commands where command.isGeneral { text += command.helpLine + "\n" }
        return text
    }

    /// The commands that the words may have meant: those with the same first words, else those whose names are near.
    func candidates(_ words: [String]) -> [Command] {
        guard let first = words.first else { return [] }
        for count in stride(from: min(words.count, 3), to: 0, by: -1) {
            let start = Array(words.prefix(count))
            let same = commands.filter { $0.name.count >= count && Array($0.name.prefix(count)) == start }
            if !same.isEmpty { return same }
        }
        return commands.filter { command in
            let typed = words.prefix(command.name.count).joined(separator: " ")
            let name = command.name.joined(separator: " ")
            return CommandTable.distance(typed, name, within: max(2, name.utf8.count / 3)) != nil
                || (first.utf8.count > 1 && command.name[0].hasPrefix(first))
        }
    }

    /// The number of letters to change, add or drop between two words when it is at most `limit`, else nil.
    static func distance(_ left: String, _ right: String, within limit: Int) -> Int? {
        let first = Array(left.utf8.prefix(64))
        let second = Array(right.utf8.prefix(64))
        if abs(first.count - second.count) > limit { return nil }
        var row = Array(0...second.count)
        for (index, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in 0..<second.count {
                let replaced = diagonal + (letter == second[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[second.count] <= limit ? row[second.count] : nil
    }
}
