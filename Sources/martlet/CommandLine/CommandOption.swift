/// One option of the command line (management manual, chapter 3). The parser and the usage text read `all`.
struct CommandOption: Sendable {
    enum Meaning: Sendable {
        case file, check, condition, directory, daemon, debug, foreground, quiet, verbose, version, versionDetails
        case memoryLimit, maxconn, defaultMaxconn, pidfile, localPeer
        case masterWorker, masterWorkerNotify, masterCLI
        case zeroWarning, diagnostics, keywords, loadedObjects
        case withoutEpoll, withoutKqueue, withoutPoll, withoutSelect, withoutUring
        case withoutReusePort, withoutSplice, resolutionMayFail
        case finish, terminate, takeOver, help
        /// Accepted and without effect, for the reason that its line of documentation gives.
        case without
    }

    enum Form: Sendable {
        /// `-c`
        case alone
        /// `-f FILE`: the next argument, which must be there.
        case separate(String)
        /// `-dK...`: the rest of the same argument, which may be empty.
        case attached(String)
        /// `-sf PID...`: every argument up to the next one that begins with a dash; there may be none.
        case list(String)
    }

    var flag: String
    var form: Form
    var meaning: Meaning
    /// What the usage text says; lower case, no full stop.
    var documentation: String

    init(_ flag: String, _ form: Form = .alone, _ meaning: Meaning, _ documentation: String) {
        self.flag = flag
        self.form = form
        self.meaning = meaning
        self.documentation = documentation
    }

    /// Of several options that begin alike, the exact one is taken: `-dK` is attached, `-d` is not.
    static let all: [CommandOption] = [
        .init("-f", .separate("FILE|DIR"), .file, "load this file, or the .cfg files of this directory; repeatable"),
        .init("-c", .check, "only check the configuration: exit status 0 when it is valid"),
        .init("-cc", .separate("CONDITION"), .condition, "evaluate a condition: exit status 0 true, 1 false, 2 error"),
        .init("-C", .separate("DIR"), .directory, "change to this directory before loading files"),
        .init("-D", .daemon, "go to the background as a daemon"),
        .init("-d", .debug, "debug mode: stay in the foreground and be verbose (events are not traced)"),
        .init("-db", .foreground, "stay in the foreground, whatever the configuration says"),
        .init("-q", .quiet, "quiet mode: no messages about the configuration"),
        .init("-V", .verbose, "verbose mode: undoes -q and `quiet`, and says what was chosen"),
        .init("-v", .version, "print the version"),
        .init("-vv", .versionDetails, "print the version, build options, features and pollers"),
        .init("-m", .separate("MEGABYTES"), .memoryLimit, "limit the address space of the process"),
        .init("-n", .separate("NUMBER"), .maxconn, "maximum of concurrent connections, before `maxconn` of global"),
        .init("-N", .separate("NUMBER"), .defaultMaxconn, "`maxconn` of proxies that set none"),
        .init("-p", .separate("FILE"), .pidfile, "write the pid into this file"),
        .init("-L", .separate("NAME"), .localPeer, "name of the local peer, by default the host's name"),
        .init("-W", .masterWorker, "master-worker mode (without reloading)"),
        .init("-Ws", .masterWorkerNotify, "master-worker mode that tells systemd when it is ready"),
        .init("-S", .separate("BIND"), .masterCLI, "master CLI: not in this version"),
        .init("-sf", .list("PID"), .finish, "once started, ask these processes to finish (SIGUSR1)"),
        .init("-st", .list("PID"), .terminate, "once started, terminate these processes (SIGTERM)"),
        .init("-x", .separate("SOCKET"), .takeOver, "binds beside the old process: this version takes nothing over"),
        .init("-de", .withoutEpoll, "do not use the epoll poller"),
        .init("-dk", .withoutKqueue, "do not use the kqueue poller"),
        .init("-dp", .withoutPoll, "do not use the poll poller"),
        .init("-ds", .withoutSelect, "do not use the select poller"),
        .init("-du", .withoutUring, "do not use the io_uring poller"),
        .init("-dr", .resolutionMayFail, "a server whose name does not resolve at start is no error"),
        .init("-dR", .withoutReusePort, "do not share addresses with other processes (SO_REUSEPORT)"),
        .init("-dW", .zeroWarning, "refuse to start when there are warnings"),
        .init("-dD", .diagnostics, "diagnostic mode: also show what is suspicious, and what .diag has to say"),
        .init("-dK", .attached("CLASS[,...]"), .keywords, "dump the known keywords; -dKhelp lists the classes"),
        .init("-dL", .loadedObjects, "list the shared objects in use, after checking the configuration"),
        .init("-dG", .without, "no effect: names are always resolved by getaddrinfo()"),
        .init("-dI", .without, "no effect: nothing here forbids child processes"),
        .init("-dM", .attached("BYTE,..."), .without, "no effect: memory is never used before it is written"),
        .init("-dS", .withoutSplice, "do not splice, whatever the options say"),
        .init("-dV", .without, "no effect: this version has no TLS towards servers"),
        .init("-h", .help, "print this text"),
        .init("--help", .help, "print this text"),
        .init("--version", .version, "print the version"),
    ]

    private init(_ flag: String, _ meaning: Meaning, _ documentation: String) {
        self.init(flag, .alone, meaning, documentation)
    }

    /// The option that an argument names, and what is attached to it.
    static func find(_ argument: String) -> (option: CommandOption, attached: String)? {
        if let exact = all.first(where: { $0.flag == argument }) { return (exact, "") }
        for option in all {
            guard case .attached = option.form, argument.hasPrefix(option.flag) else { continue }
            return (option, String(argument.dropFirst(option.flag.count)))
        }
        return nil
    }
}

/// The text that `-h` and mistakes on the command line print.
enum Usage {
    static func text(program: String) -> String {
        var text = """
            Usage: \(program) [-f FILE|DIR]... [OPTION]... [-- FILE...]
                   \(program) check [--format text|json] [-C DIR] [-L NAME] [-dW] [-dr] [-f] FILE|DIR...
                   \(program) demo [--print-config] [--port NUMBER] [-de] [-dk] [-dp] [-ds] [-du]

            """
        for option in CommandOption.all {
            let left = "  " + label(of: option)
            let padding = String(repeating: " ", count: max(1, 24 - left.utf8.count))
            text += left + padding + option.documentation + "\n"
        }
        text += "  --                    all further arguments are files or directories to load, in order\n"
        return text
    }

    private static func label(of option: CommandOption) -> String {
        switch option.form {
        case .alone: option.flag
        case .separate(let name): "\(option.flag) \(name)"
        case .attached(let name): "\(option.flag)\(name)"
        case .list(let name): "\(option.flag) \(name)..."
        }
    }
}
