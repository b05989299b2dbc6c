import Configuration
import Engine

/// What a session has come to: it changes by commands (management guide, section 9.3).
public final class CommandState {
    /// What the session may do; it can only be lowered.
    public internal(set) var level: AccessLevel
    /// With a prompt, and open for further lines.
    public internal(set) var isInteractive = false
    /// What stands in front of messages.
    public internal(set) var severityOutput = SeverityOutput.none
    /// The session ends when what has been answered is sent.
    public internal(set) var isQuitting = false

    public init(level: AccessLevel) { self.level = level }

    /// What `severity-output` puts in front of a message (RFC 5424, section 6.2.1).
    func mark(isError: Bool) -> String {
        switch severityOutput {
        case .none: ""
        case .number: isError ? "[3]: " : "[6]: "
        case .string: isError ? "[err]: " : "[info]: "
        }
    }
}

/// One command as it was given.
public struct CommandInvocation {
    /// All words, those of the command's name included.
    public let words: [String]
    /// The words behind the command's name.
    public let arguments: [String]
    public let state: CommandState
    public let context: RuntimeContext
    public let table: CommandTable
    /// The worker whose thread runs the command; nil where there is none (tests).
    public let worker: Worker?
    /// The lines that followed `<<`; nil without it.
    public let payload: [[UInt8]]?
}

/// What becomes of a command.
public enum CommandReply {
    /// The answer, with an end of line behind each line; may be empty.
    case text(String)
    /// A message rather than what was asked for; with an end of line.
    case message(String)
    /// The command is wrong, or names what is not there; with an end of line.
    case failure(String)
    /// The level of the session does not allow it.
    case denied
    /// The answer comes in pieces.
    case dump(CommandDump)
    /// Nothing is answered, not even an empty line.
    case nothing
}

/// One command of the runtime API, declared once: its name, who may use it, a line of help, and what it does.
///
/// To add a command, declare it in the file of its subject and put it into that file's `all`: finding, levels, help and
/// suggestions read the same value. Commands run on one worker's thread and must not wait; an answer of more than some
/// kilobytes is a `CommandDump`, which is asked for its next piece when the client has taken the last one.
public struct Command: Sendable {
    /// The words that call it.
    public let name: [String]
    /// Its name and parameters, as the help shows them.
    public let usage: String
    public let help: String
    /// The lowest level that may use it.
    public let level: AccessLevel
    let handler: @Sendable (CommandInvocation) -> CommandReply

    public init(
        _ usage: String, _ help: String, level: AccessLevel = .user, name: String? = nil,
        handler: @escaping @Sendable (CommandInvocation) -> CommandReply
    ) {
        self.name = (name ?? usage).split(separator: " ").map(String.init)
        self.usage = usage
        self.help = help
        self.level = level
        self.handler = handler
    }

    /// The line that the help shows, its colon in the 43rd column as far as the usage lets it.
    var helpLine: String {
        let padding = String(repeating: " ", count: max(0, CommandTable.usageColumns - usage.count))
        return "  \(usage)\(padding): \(help)"
    }
}

extension AccessLevel {
    /// The order of the levels: a greater rank may do more.
    var rank: Int {
        switch self {
        case .user: return 0
        case .operator: return 1
        case .admin: return 2
        }
    }
}
