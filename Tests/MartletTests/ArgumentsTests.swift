import Engine
import Testing

@testable import martlet

@Suite("The command line")
struct ArgumentsTests {
    private func parse(_ line: String) throws -> Arguments {
        try Arguments(parsing: line.split(separator: " ").map(String.init))
    }

    private func mistake(_ line: String) -> String? {
        do {
            _ = try Arguments(parsing: line.split(separator: " ").map(String.init))
            return nil
        } catch {
            return error.message
        }
    }

    @Test("files are loaded in the order of -f and --")
    func files() throws {
        #expect(try parse("-f a -f b -- c -c").files == ["a", "b", "c", "-c"])
        #expect(try parse("-f a -- c").checksOnly == false)
    }

    @Test("-- ends the options, even without files")
    func emptyList() throws {
        #expect(try parse("-f a --").files == ["a"])
    }

    @Test("flags of one letter and of several are not mixed up")
    func flags() throws {
        let check = try parse("-c -f a")
        #expect(check.checksOnly && check.condition == nil)
        let condition = try parse("-cc true")
        #expect(condition.condition == "true" && !condition.checksOnly)
        let debug = try parse("-d")
        #expect(debug.debug && debug.foreground && !debug.daemon)
        let daemon = try parse("-D")
        #expect(daemon.daemon && !daemon.foreground)
        #expect(try parse("-db").foreground)
        #expect(try parse("-dD").diagnostics)
        #expect(try parse("-dW").zeroWarning)
    }

    @Test("options of one letter are not combined")
    func combined() {
        #expect(mistake("-cf a") == "unknown option '-cf'")
        #expect(mistake("-qV") == "unknown option '-qV'")
    }

    @Test("unknown options and stray words are mistakes that show the usage")
    func unknown() {
        #expect(mistake("-Z") == "unknown option '-Z'")
        #expect(mistake("-dZ") == "unknown option '-dZ'")
        #expect(mistake("foo")?.contains("unexpected argument 'foo'") == true)
        #expect(mistake("-")?.contains("unexpected argument '-'") == true)
    }

    @Test("the last option may lack its argument", arguments: ["-f", "-n", "-N", "-m", "-p", "-L", "-C", "-cc", "-x"])
    func missing(flag: String) {
        #expect(mistake(flag)?.hasPrefix("option '\(flag)' needs an argument") == true)
    }

    @Test("numbers are numbers, and in range")
    func numbers() throws {
        let arguments = try parse("-n 10 -N 20 -m 30")
        #expect(arguments.maxconn == 10 && arguments.defaultMaxconn == 20 && arguments.memoryLimitMegabytes == 30)
        for line in ["-n x", "-n -1", "-n 99999999999999999999", "-m 1x", "-N 2147483648"] {
            #expect(mistake(line)?.contains("needs a number from 0 to") == true, "\(line)")
        }
    }

    @Test("lists of pids end at the next option, and may be empty")
    func pids() throws {
        let arguments = try parse("-sf 12 13 -st 14 -f a")
        #expect(arguments.finishPids == [12, 13])
        #expect(arguments.terminatePids == [14])
        #expect(arguments.files == ["a"])
        #expect(try parse("-f a -sf").finishPids.isEmpty)
    }

    @Test("a pid that would mean a group of processes is refused", arguments: ["0", "x", "2147483648", "1.5"])
    func badPid(text: String) {
        #expect(mistake("-sf \(text)") == "option '-sf' needs process ids, not '\(text)'")
    }

    @Test("each poller has a flag that forces it off")
    func pollers() throws {
        #expect(try parse("-f a").pollers == .all)
        #expect(try parse("-de").pollers == PollerChoice.all.subtracting(.epoll))
        #expect(try parse("-dk").pollers == PollerChoice.all.subtracting(.kqueue))
        #expect(try parse("-dp").pollers == PollerChoice.all.subtracting(.poll))
        #expect(try parse("-ds").pollers == PollerChoice.all.subtracting(.select))
        #expect(try parse("-du").pollers == PollerChoice.all.subtracting(.uring))
        #expect(try parse("-de -dk -dp -ds -du").pollers.isEmpty)
    }

    @Test("attached arguments may be empty, and belong to the longest flag")
    func attached() throws {
        #expect(try parse("-dKall").keywordClasses == "all")
        #expect(try parse("-dK").keywordClasses?.isEmpty == true)
        #expect(try parse("-dM0x50,tag -dMhelp -dM") == Arguments())
    }

    @Test("-v and -vv, wherever they stand")
    func version() throws {
        #expect(try parse("-v").versionRequest == .brief)
        #expect(try parse("-f a -vv -v").versionRequest == .detailed)
        #expect(try parse("-f a").versionRequest == nil)
    }

    @Test("what this version does not have is an error that says so")
    func unsupported() {
        #expect(mistake("-W -S /tmp/cli")?.contains("not supported by this version") == true)
    }

    @Test("-Ws is -W with a notice to systemd")
    func masterWorker() throws {
        #expect(try parse("-W").masterWorker)
        #expect(try parse("-W").notifiesSystemd == false)
        let both = try parse("-Ws")
        #expect(both.masterWorker && both.notifiesSystemd)
    }

    @Test("enabled() sees the pollers and sharing that the command line left")
    func enabled() throws {
        #expect(try parse("-de -dR").enabledOptions == ["POLL", "GETADDRINFO"])
        #expect(try parse("-dp").enabledOptions == ["EPOLL", "GETADDRINFO", "REUSEPORT"])
    }
}

@Suite("The command line of check")
struct CheckArgumentsTests {
    private func parse(_ line: String) throws -> CheckArguments {
        try CheckArguments(parsing: line.split(separator: " ").map(String.init))
    }

    @Test("files stand behind -f, behind -- or alone, in their order")
    func files() throws {
        let check = try parse("a.cfg -f b.cfg --format json -- -c.cfg d.cfg")
        #expect(check.arguments.files == ["a.cfg", "b.cfg", "-c.cfg", "d.cfg"])
        #expect(check.format == .json)
        #expect(check.arguments.checksOnly && check.arguments.diagnostics)
        #expect(try parse("a.cfg").format == .text)
        #expect(try parse("--format=json a.cfg").format == .json)
    }

    @Test("options that mean something to a check are those of the program")
    func options() throws {
        let check = try parse("-C /etc -L here -dW -dr -c -dD a.cfg")
        #expect(check.arguments.directory == "/etc" && check.arguments.localPeer == "here")
        #expect(check.arguments.zeroWarning && check.arguments.resolutionMayFail)
        #expect(try parse("-h").arguments.wantsHelp)
    }

    @Test("others are mistakes", arguments: ["-D a", "-x a", "-sf 1", "-Z", "--format", "--format xml", "a -f", "-C"])
    func mistakes(line: String) {
        #expect(throws: Arguments.Mistake.self) { try parse(line) }
    }
}

@Suite("The table of options")
struct CommandOptionTests {
    @Test("no flag stands twice, and each begins with a dash")
    func unique() {
        let flags = CommandOption.all.map(\.flag)
        #expect(Set(flags).count == flags.count)
        #expect(flags.allSatisfy { $0.hasPrefix("-") && $0.count > 1 && $0 != "--" })
    }

    @Test("the usage names every flag with its line, within the width of a terminal's lines")
    func usage() {
        let lines = Usage.text(program: "martlet").split(separator: "\n").map(String.init)
        for option in CommandOption.all {
            #expect(lines.contains { $0.hasPrefix("  \(option.flag)") && $0.hasSuffix(option.documentation) })
        }
        #expect(lines.allSatisfy { $0.count <= 100 })
    }

    @Test("an option without effect says why")
    func withoutEffect() {
        for option in CommandOption.all where option.meaning == .without {
            #expect(option.documentation.hasPrefix("no effect: "))
        }
    }
}
