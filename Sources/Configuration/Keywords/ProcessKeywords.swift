/// `global`: process management (manual, section 3.1).
enum ProcessKeywords {
    private static func flag(
        _ name: String, _ section: String, _ documentation: String,
        _ set: @escaping @Sendable (inout GlobalSettings) -> Void
    ) -> Keyword {
        Keyword(name, .global, section: section, documentation) { parser, call throws(SyntaxFailure) in
            parser.mark(call)
            set(&parser.tree.global)
        }
    }

    private static func text(
        _ name: String, _ arguments: String, _ documentation: String,
        _ set: @escaping @Sendable (inout GlobalSettings, String) -> Void
    ) -> Keyword {
        Keyword(name, .global, arguments, count: 1...1, section: "3.1", documentation) {
            parser, call throws(SyntaxFailure) in
            guard !call[0].isEmpty else {
                throw call.failure("'\(name)' expects \(arguments), not an empty word", 0, code: .missingArgument)
            }
            parser.mark(call)
            set(&parser.tree.global, call[0])
        }
    }

    private static func number(
        _ name: String, _ documentation: String, _ set: @escaping @Sendable (inout GlobalSettings, Int) -> Void
    ) -> Keyword {
        Keyword(name, .global, "<number>", count: 1...1, section: "3.1", documentation) {
            parser, call throws(SyntaxFailure) in
            parser.mark(call)
            set(&parser.tree.global, try call.integer(0, in: 0...Int(UInt32.max) - 1))
        }
    }

    static let table: [Keyword] = [
        text("chroot", "<jail dir>", "Changes the root directory after start") { $0.chroot = $1 },
        Keyword(
            "close-spread-time", .global, "{ <time> | infinite }", count: 1...1, section: "3.1",
            "Over how long a soft stop spreads the closing of connections"
        ) { parser, call throws(SyntaxFailure) in
            parser.tree.global.closeSpreadMilliseconds = call[0] == "infinite" ? .max : try call.milliseconds(0)
        },
        flag("daemon", "3.1", "Runs in the background") { $0.daemon = true },
        Keyword(
            "default-path", .global, "{ current | config | parent | origin <path> }", count: 1...2, section: "3.1",
            "Where relative names of files start"
        ) { parser, call throws(SyntaxFailure) in try defaultPath(parser, call) },
        Keyword(
            "description", .global, "<text>", count: 1...Keyword.many, section: "3.1", "Describes the process"
        ) { parser, call throws(SyntaxFailure) in
            parser.tree.global.description = (0..<call.count).map { call[$0] }.joined(separator: " ")
        },
        Keyword("fd-hard-limit", .global, "<number>", count: 1...1, section: "3.1", "Most descriptors to ask for") {
            parser, call throws(SyntaxFailure) in
            parser.tree.global.fdHardLimit = try call.integer(0, in: 1...(1 << 30))
        },
        number("gid", "Changes to a group by number") { $0.gid = UInt32($1) },
        Keyword("grace", .global, "<time>", count: 1...1, section: "3.1", "How long a soft stop waits to begin") {
            parser, call throws(SyntaxFailure) in
            parser.tree.global.graceMilliseconds = try call.milliseconds(0)
        },
        Keyword("group", .global, "<group name>", count: 1...1, section: "3.1", "Changes to a group by name") {
            parser, call throws(SyntaxFailure) in
            parser.mark(call)
            parser.tree.global.group = try call.group(0)
        },
        Keyword(
            "hard-stop-after", .global, "<time>", count: 1...1, section: "3.1", "Longest time of a soft stop"
        ) { parser, call throws(SyntaxFailure) in
            parser.tree.global.hardStopAfterMilliseconds = try call.milliseconds(0)
        },
        text("localpeer", "<name>", "Name of this instance") { $0.localpeer = $1 },
        flag("master-worker", "3.1", "Runs a master process with workers") { $0.masterWorker = true },
        Keyword(
            "nbthread", .global, "<number>", count: 1...1, section: "3.1", "Number of threads, 1 to 64"
        ) { parser, call throws(SyntaxFailure) in
            parser.mark(call)
            parser.tree.global.nbthread = try call.integer(0, in: 1...64)
        },
        text("node", "<name>", "Name of the node") { $0.node = $1 },
        text("pidfile", "<pidfile>", "Writes the process's number to a file") { $0.pidfile = $1 },
        flag("quiet", "3.3", "Prints nothing during start") { $0.quiet = true },
        Keyword(
            "strict-limits", .global, negatable: true, section: "3.1", "Limits that the system refuses are errors"
        ) { parser, call throws(SyntaxFailure) in parser.tree.global.strictLimits = !call.isNegated },
        number("uid", "Changes to a user by number") { $0.uid = UInt32($1) },
        Keyword(
            "ulimit-n", .global, "<number>", count: 1...1, section: "3.1", "Limit of open files"
        ) { parser, call throws(SyntaxFailure) in
            parser.mark(call)
            parser.tree.global.ulimitN = try call.integer(0, in: 1...(1 << 30))
        },
        Keyword(
            "unix-bind", .global,
            "[ prefix <prefix> ] [ mode <mode> ] [ user <user> ] [ uid <uid> ] [ group <group> ] [ gid <gid> ]",
            count: 2...12, section: "3.1", "Settings of all listening unix sockets"
        ) { parser, call throws(SyntaxFailure) in try unixBind(parser, call) },
        Keyword("user", .global, "<user name>", count: 1...1, section: "3.1", "Changes to a user by name") {
            parser, call throws(SyntaxFailure) in
            parser.mark(call)
            parser.tree.global.user = try call.user(0)
        },
        flag("zero-warning", "3.3", "Refuses to start when there are warnings") { $0.zeroWarning = true },
    ]

    private static func defaultPath(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) {
        switch call[0] {
        case "current": parser.pathRule = .current
        case "config": parser.pathRule = .config
        case "parent": parser.pathRule = .parent
        case "origin":
            let path = try call.required(1, "a path behind 'origin'")
            guard FileReader.isDirectory(path) else {
                throw call.failure("'\(path)' is no directory", 1, code: .unreadableFile)
            }
            parser.pathRule = .origin(path)
            return
        default: throw call.unknownWord(0, among: ["current", "config", "parent", "origin"])
        }
        try call.nothing(from: 1)
    }

    private static func unixBind(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) {
        var cursor = 0
        while cursor < call.count {
            let name = call[cursor]
            let value = KeywordCall(
                statement: call.statement, name: "unix-bind \(name)", first: call.first + cursor + 1)
            guard value.count > 0 else {
                throw call.failure("'\(name)' expects a value", cursor, code: .missingArgument)
            }
            switch name {
            case "prefix": parser.unixBind.prefix = value[0]
            case "mode": parser.unixBind.settings.mode = try BindParameters.mode(value)
            case "user": parser.unixBind.settings.user = try value.user(0)
            case "uid": parser.unixBind.settings.uid = UInt32(try value.integer(0, in: 0...Int(UInt32.max) - 1))
            case "group": parser.unixBind.settings.group = try value.group(0)
            case "gid": parser.unixBind.settings.gid = UInt32(try value.integer(0, in: 0...Int(UInt32.max) - 1))
            default: throw call.unknownWord(cursor, among: ["prefix", "mode", "user", "uid", "group", "gid"])
            }
            cursor += 2
        }
    }
}

/// What `unix-bind` hands down.
struct UnixBindDefaults {
    var prefix = ""
    var settings = BindSettings()

    /// Fills in what a line with unix sockets leaves open.
    func apply(to settings: inout BindSettings, _ addresses: inout [AddressSpec]) {
        var isUnix = false
        for index in addresses.indices {
            guard case .unix(let path) = addresses[index].host else { continue }
            isUnix = true
            addresses[index].host = .unix(prefix + path)
        }
        guard isUnix else { return }
        settings.mode = settings.mode ?? self.settings.mode
        if settings.user == nil, settings.uid == nil {
            settings.user = self.settings.user
            settings.uid = self.settings.uid
        }
        if settings.group == nil, settings.gid == nil {
            settings.group = self.settings.group
            settings.gid = self.settings.gid
        }
    }
}

extension Parser {
    /// Remembers where a keyword of `global` was last given.
    func mark(_ call: KeywordCall) {
        tree.global.ranges[call.name] = call.statement.range(from: 0, through: max(call.end - 1, 0))
    }
}
