import Engine

/// What the command line asks for (management manual, chapter 3).
struct Arguments: Equatable, Sendable {
    enum VersionRequest: Equatable, Sendable { case brief, detailed }

    /// Files and directories, in the order in which they are loaded.
    var files: [String] = []
    var directory: String?
    var versionRequest: VersionRequest?
    var wantsHelp = false
    /// `-c`
    var checksOnly = false
    /// `-cc`
    var condition: String?
    /// `-D`
    var daemon = false
    /// `-db` and `-d`: no daemon, whatever else says so.
    var foreground = false
    var debug = false
    var quiet = false
    var verbose = false
    var memoryLimitMegabytes: Int?
    var maxconn: Int?
    var defaultMaxconn: Int?
    var pidfile: String?
    var localPeer: String?
    var masterWorker = false
    /// `-Ws`
    var notifiesSystemd = false
    var zeroWarning = false
    var diagnostics = false
    var listsLoadedObjects = false
    /// `-dK`: the list as given, empty for a bare `-dK`.
    var keywordClasses: String?
    /// What is left after the flags that force pollers off.
    var pollers = PollerChoice.all
    var sharesPorts = true
    var splices = true
    var resolutionMayFail = false
    var finishPids: [Int32] = []
    var terminatePids: [Int32] = []
    /// `-x`
    var takeOverSocket: String?

    /// A mistake on the command line.
    struct Mistake: Error, Equatable, Sendable {
        var message: String
        /// Whether the usage text would help.
        var showsUsage = true
    }

    init() {}

    /// Reads the arguments that follow the program's name.
    init(parsing arguments: [String]) throws(Mistake) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                files += rest
                rest = []
                break
            }
            guard argument.hasPrefix("-"), argument != "-" else {
                throw Mistake(message: "unexpected argument '\(argument)' (files are given by -f, or after --)")
            }
            guard let (option, attached) = CommandOption.find(argument) else {
                throw Mistake(message: "unknown option '\(argument)'")
            }
            switch option.form {
            case .alone:
                try apply(option, "")
            case .attached:
                try apply(option, attached)
            case .separate(let name):
                guard let value = rest.popFirst() else {
                    throw Mistake(message: "option '\(option.flag)' needs an argument: \(option.flag) \(name)")
                }
                try apply(option, value)
            case .list:
                while let value = rest.first, !value.hasPrefix("-") {
                    rest.removeFirst()
                    try apply(option, value)
                }
            }
        }
    }

    private mutating func apply(_ option: CommandOption, _ value: String) throws(Mistake) {
        switch option.meaning {
        case .file: files.append(value)
        case .check: checksOnly = true
        case .condition: condition = value
        case .directory: directory = value
        case .daemon: daemon = true
        case .debug: (debug, foreground, verbose) = (true, true, true)
        case .foreground: foreground = true
        case .quiet: quiet = true
        case .verbose: verbose = true
        case .version: versionRequest = versionRequest ?? .brief
        case .versionDetails: versionRequest = .detailed
        case .memoryLimit: memoryLimitMegabytes = try number(option, value, 0...(1 << 40))
        case .maxconn: maxconn = try number(option, value, 0...Int(Int32.max))
        case .defaultMaxconn: defaultMaxconn = try number(option, value, 0...Int(Int32.max))
        case .pidfile: pidfile = value
        case .localPeer: localPeer = value
        case .masterWorker: masterWorker = true
        case .masterWorkerNotify: (masterWorker, notifiesSystemd) = (true, true)
        case .masterCLI:
            throw Mistake(message: "the master CLI (-S) is not supported by this version", showsUsage: false)
        case .zeroWarning: zeroWarning = true
        case .diagnostics: diagnostics = true
        case .keywords: keywordClasses = value
        case .loadedObjects: listsLoadedObjects = true
        case .withoutEpoll: pollers.remove(.epoll)
        case .withoutKqueue: pollers.remove(.kqueue)
        case .withoutPoll: pollers.remove(.poll)
        case .withoutSelect: pollers.remove(.select)
        case .withoutUring: pollers.remove(.uring)
        case .withoutReusePort: sharesPorts = false
        case .withoutSplice: splices = false
        case .resolutionMayFail: resolutionMayFail = true
        case .finish: finishPids.append(try pid(option, value))
        case .terminate: terminatePids.append(try pid(option, value))
        case .takeOver: takeOverSocket = value
        case .help: wantsHelp = true
        case .without: break
        }
    }

    private func number(
        _ option: CommandOption, _ text: String, _ range: ClosedRange<Int>
    ) throws(Mistake) -> Int {
        guard let value = Int(text), range.contains(value) else {
            throw Mistake(
                message: "option '\(option.flag)' needs a number from \(range.lowerBound) to \(range.upperBound), "
                    + "not '\(text)'", showsUsage: false)
        }
        return value
    }

    private func pid(_ option: CommandOption, _ text: String) throws(Mistake) -> Int32 {
        // 0 and negative numbers would signal whole groups.
        guard let value = Int32(text), value > 0 else {
            throw Mistake(message: "option '\(option.flag)' needs process ids, not '\(text)'", showsUsage: false)
        }
        return value
    }
}
