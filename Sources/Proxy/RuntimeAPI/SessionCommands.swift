import Configuration

/// The commands about the session itself (management guide, section 9.3).
enum SessionCommands {
    static let all = [
        Command("operator", "lower the level of the current CLI session to operator") { lower(to: .operator, $0) },
        Command("user", "lower the level of the current CLI session to user") { lower(to: .user, $0) },
        Command("show cli level", "display the level of the current CLI session") {
            .message($0.state.level.rawValue + "\n")
        },
        Command("show cli sockets", "dump list of cli sockets") { invocation in
            let lines = invocation.context.sockets.map { "\($0.address) \($0.level.rawValue) all\n" }
            return .text("# socket lvl processes\n" + lines.joined())
        },
        Command(
            "set severity-output [none|number|string]", "set presence of severity level in feedback information",
            name: "set severity-output"
        ) { invocation in
            guard let chosen = invocation.arguments.first.flatMap(SeverityOutput.init(rawValue:)) else {
                return .failure("one of 'none', 'number', 'string' is a required argument\n")
            }
            invocation.state.severityOutput = chosen
            return .text("")
        },
        Command("help [<command>]", "list matching or all commands", name: "help") {
            .message($0.table.help($0.arguments, level: $0.state.level))
        },
        Command("prompt", "toggle interactive mode with prompt") {
            $0.state.isInteractive.toggle()
            return .text("")
        },
        Command("quit", "disconnect") {
            $0.state.isQuitting = true
            return .nothing
        },
    ]

    /// A level can only be lowered.
    private static func lower(to level: AccessLevel, _ invocation: CommandInvocation) -> CommandReply {
        guard invocation.state.level.rank >= level.rank else { return .denied }
        invocation.state.level = level
        return .text("")
    }
}

extension Command {
    /// Whether it stands at the end of every list of commands.
    var isGeneral: Bool { name == ["help"] || name == ["prompt"] || name == ["quit"] }
}
