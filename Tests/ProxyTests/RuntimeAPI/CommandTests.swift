import Configuration
import Testing

@testable import Proxy

/// What the tests of commands share.
enum RuntimeFixture {
    /// An engine with made-up figures, at 2026-11-22 21:04:09.5 UTC.
    // SAFETY: Sendable because its only field is a constant.
    private final class FakeEngine: EngineView, @unchecked Sendable {
        let threads: Int
        init(threads: Int) { self.threads = threads }
        override func counters() -> [[(name: String, value: UInt64)]] {
            (1...threads).map { [(name: "loops", value: UInt64($0 * 10)), (name: "waits", value: 1)] }
        }
        override func nowMicroseconds() -> Int64 { 1_795_381_449_500_000 }
    }

    static func context(threads: Int = 2) -> RuntimeContext {
        var product = RuntimeContext.Product()
        product.version = "0.1.0"
        product.releaseDate = "2026/11/22"
        product.node = "node\"1"
        product.processID = 77
        product.threadCount = threads
        product.descriptorLimit = 2000
        product.maximumSockets = 1900
        product.maximumConnections = 900
        let statistics = ProcessStatistics(workerCount: threads, startMicroseconds: 1_795_381_445_250_000)
        statistics.worker(0).connections.add(7)
        statistics.worker(threads - 1).requests.add(9)
        statistics.worker(0).bytesOut.add(5_000_000_000)
        statistics.connections.enter()
        return RuntimeContext(
            product: product, statistics: statistics, engine: FakeEngine(threads: threads),
            sockets: [RuntimeContext.Socket(address: "unix@/run/m.sock", level: .admin)])
    }

    /// Everything that a session answers to these pieces of input, and whether it is over then.
    static func talk(
        _ pieces: [String], level: AccessLevel = .admin, table: CommandTable = .standard,
        context: RuntimeContext = context(), ends: Bool = false
    ) -> (answer: String, isOver: Bool) {
        let interpreter = CommandInterpreter(level: level, table: table, context: context)
        var answer = ""
        for (index, piece) in pieces.enumerated() {
            interpreter.receive(Array(piece.utf8))
            if ends && index == pieces.count - 1 { interpreter.end() }
            // Bounded: no test needs more steps.
            for _ in 0..<10_000 {
                var output = CommandOutput()
                let progress = interpreter.advance(into: &output)
                answer += output.text
                if progress == .finished { return (answer, true) }
                if progress == .needsInput { break }
            }
        }
        return (answer, false)
    }
}

@Suite("Sessions of the runtime API (management guide, section 9.3)")
struct CommandSessionTests {
    @Test("one line is answered, with an empty line behind it, and the session is over")
    func oneLine() {
        #expect(RuntimeFixture.talk(["show version\n"]) == ("0.1.0\n\n", true))
        #expect(RuntimeFixture.talk(["  show   version\t\r\n"]) == ("0.1.0\n\n", true))
        #expect(RuntimeFixture.talk(["sho", "w ver", "sion", "\n"]) == ("0.1.0\n\n", true))
    }

    @Test("several commands in a line, and what has already arrived behind it")
    func severalCommands() {
        #expect(RuntimeFixture.talk(["show version;show cli level\n"]) == ("0.1.0\n\nadmin\n\n", true))
        #expect(RuntimeFixture.talk(["show version\nshow cli level\n"]) == ("0.1.0\n\nadmin\n\n", true))
    }

    @Test("quit ends the session at once, what stands behind it is not run")
    func quit() {
        #expect(RuntimeFixture.talk(["quit\n"]) == ("", true))
        #expect(RuntimeFixture.talk(["show version; quit; show version\n"]) == ("0.1.0\n\n", true))
    }

    @Test("prompt keeps the session open, and a second one ends it with the line")
    func prompt() {
        #expect(RuntimeFixture.talk(["prompt\n"]) == ("\n> ", false))
        #expect(RuntimeFixture.talk(["prompt\nshow version\n"]) == ("\n> 0.1.0\n\n> ", false))
        #expect(RuntimeFixture.talk(["prompt;show version\n"]) == ("\n> 0.1.0\n\n> ", false))
        #expect(RuntimeFixture.talk(["prompt\n", "prompt\n"]) == ("\n> \n", true))
        #expect(RuntimeFixture.talk(["prompt\n", "prompt;show version\n"]) == ("\n> \n0.1.0\n\n", true))
        #expect(RuntimeFixture.talk(["prompt\n", "quit\n"]) == ("\n> ", true))
    }

    @Test("a line without an end is never run")
    func unfinishedLine() {
        #expect(RuntimeFixture.talk(["show version"]) == ("", false))
        #expect(RuntimeFixture.talk(["show version"], ends: true) == ("", true))
        #expect(RuntimeFixture.talk(["show version\nshow"], ends: true) == ("0.1.0\n\n", true))
    }

    @Test("a line that is too long ends the session with a word of why")
    func longLine() {
        let interpreter = CommandInterpreter(level: .admin, context: RuntimeFixture.context())
        interpreter.receive([UInt8](repeating: 0x78, count: interpreter.room))
        #expect(interpreter.room == 0)
        var output = CommandOutput()
        #expect(interpreter.advance(into: &output) == .working)
        #expect(output.text == "The command line is too long.\n")
        #expect(interpreter.advance(into: &output) == .finished)
    }

    @Test("an interactive session of many lines does not grow")
    func longSession() {
        let interpreter = CommandInterpreter(level: .admin, context: RuntimeFixture.context())
        var output = CommandOutput()
        interpreter.receive(Array("prompt\n".utf8))
        for _ in 0..<5000 {
            while interpreter.advance(into: &output) == .working {}
            output.clear()
            #expect(interpreter.room == CommandInterpreter.lineLimitBytes)
            interpreter.receive(Array("show version\n".utf8))
        }
    }

    @Test("an answer that comes in pieces is complete before the next command runs")
    func pieces() {
        final class Pieces: CommandDump {
            var left = 3
            override func next(into output: inout CommandOutput) -> Bool {
                output.line("piece \(left)")
                left -= 1
                return left > 0
            }
        }
        let table = CommandTable(
            [Command("count", "counts down") { _ in .dump(Pieces()) }] + CommandTable.standard.commands)
        #expect(
            RuntimeFixture.talk(["count;show version\n"], table: table) == (
                "piece 3\npiece 2\npiece 1\n\n0.1.0\n\n", true
            ))
    }
}

@Suite("Commands in a line")
struct CommandParserTests {
    private func parse(_ text: String) -> [[String]] { CommandParser.parse(Array(text.utf8)[...]) }

    @Test("commands are separated by semicolons, words by blanks")
    func words() {
        #expect(parse("show info;show  stat ;") == [["show", "info"], ["show", "stat"], []])
        #expect(parse("") == [[]])
        #expect(parse(" \t ") == [[]])
    }

    @Test("a backslash takes the meaning from what follows")
    func escapes() {
        #expect(parse("set a\\;b c\\ d \\\\") == [["set", "a;b", "c d", "\\"]])
        #expect(parse("end\\") == [["end\\"]])
    }

    @Test("bytes that are no text and too many words do no harm")
    func hostile() {
        #expect(CommandParser.parse([0xFF, 0x20, 0xFE][...])[0].count == 2)
        #expect(parse(String(repeating: "a ", count: 1000))[0].count == CommandParser.maximumWords)
    }
}

@Suite("Who may do what (manual, section 3.1, level)")
struct CommandLevelTests {
    let table = CommandTable(
        [
            Command("see", "for all") { _ in .text("seen\n") },
            Command("look", "for operators", level: .operator) { _ in .text("looked\n") },
            Command("change", "for administrators", level: .admin) { _ in .text("changed\n") },
        ] + SessionCommands.all)

    @Test(
        "a command needs its level",
        arguments: [
            (AccessLevel.user, "seen\n\nPermission denied\n\nPermission denied\n\n"),
            (.operator, "seen\n\nlooked\n\nPermission denied\n\n"), (.admin, "seen\n\nlooked\n\nchanged\n\n"),
        ])
    func levels(level: AccessLevel, answer: String) {
        #expect(RuntimeFixture.talk(["see;look;change\n"], level: level, table: table).answer == answer)
    }

    @Test("a level can be lowered and never raised")
    func lowering() {
        let line = "operator;show cli level;change;user;show cli level;operator;show cli level\n"
        #expect(
            RuntimeFixture.talk([line], table: table).answer
                == "\noperator\n\nPermission denied\n\n\nuser\n\nPermission denied\n\nuser\n\n")
    }

    @Test("help lists what the level may use, and the way out last")
    func help() {
        let answer = RuntimeFixture.talk(["help\n"], level: .operator, table: table).answer
        let lines = answer.split(separator: "\n").map(String.init)
        #expect(lines.first == "The following commands are valid at this level:")
        #expect(lines.contains("  look                                    : for operators"))
        #expect(!answer.contains("change"))
        #expect(
            Array(lines.suffix(3)) == [
                "  help [<command>]                        : list matching or all commands",
                "  prompt                                  : toggle interactive mode with prompt",
                "  quit                                    : disconnect",
            ])
    }
}
