import Configuration
import Testing

@testable import Proxy

@Suite("The commands of the runtime API (management guide, section 9.3)")
struct StandardCommandTests {
    private func lines(_ command: String, threads: Int = 2) -> [String] {
        let context = RuntimeFixture.context(threads: threads)
        let answer = RuntimeFixture.talk([command + "\n"], context: context).answer
        return answer.split(separator: "\n").map(String.init)
    }

    @Test("show info")
    func information() {
        let lines = lines("show info")
        #expect(lines.first == "Name: Martlet")
        for line in [
            "Version: 0.1.0", "Release_date: 2026/11/22", "Nbthread: 2", "Pid: 77", "Uptime: 0d 0h00m04s",
            "Uptime_sec: 4", "Ulimit-n: 2000", "Maxsock: 1900", "Maxconn: 900", "CurrConns: 1", "CumConns: 7",
            "CumReq: 9", "node: node\"1", "Stopping: 0", "DroppedLogs: 0", "TotalBytesOut: 5000000000",
            "Start_time_sec: 1795381445",
        ] {
            #expect(lines.contains(line))
        }
    }

    @Test("show info typed, desc and float")
    func typedInformation() {
        let typed = lines("show info typed")
        #expect(typed.first == "0.Name.1:POS:str:Martlet")
        #expect(typed.contains("8.Uptime_sec.1:MDP:u32:4"))
        #expect(typed.contains("61.TotalBytesOut.1:MGP:u64:5000000000"))
        #expect(lines("show info typed float").contains("8.Uptime_sec.1:MDP:flt:4.250000"))
        #expect(lines("show info desc").contains("Pid: 77:\"Process number of this process\""))
    }

    @Test("positions grow, and names and tags are well-formed")
    func informationTable() {
        let fields = InformationField.all(of: RuntimeFixture.context())
        #expect(zip(fields, fields.dropFirst()).allSatisfy { $0.position < $1.position })
        #expect(Set(fields.map(\.name)).count == fields.count)
        #expect(fields.allSatisfy { $0.tags.count == 3 && !$0.help.contains("\"") })
    }

    @Test("show info json")
    func jsonInformation() {
        let json = lines("show info json")
        #expect(json.count == 1)
        #expect(
            json[0].hasPrefix(
                "[{\"field\":{\"pos\":0,\"name\":\"Name\"},\"processNum\":1,\"tags\":{\"origin\":\"Product\","
                    + "\"nature\":\"Output\",\"scope\":\"Service\"},"
                    + "\"value\":{\"type\":\"str\",\"value\":\"Martlet\"}},"
            ))
        #expect(json[0].contains("\"value\":{\"type\":\"str\",\"value\":\"node\\\"1\"}"))
        #expect(json[0].contains("{\"type\":\"u32\",\"value\":900}"))
        #expect(json[0].hasSuffix("}}]"))
    }

    @Test(
        "durations in words",
        arguments: [(Int64(0), "0d 0h00m00s"), (4, "0d 0h00m04s"), (90061, "1d 1h01m01s"), (86399, "0d 23h59m59s")])
    func durations(seconds: Int64, text: String) {
        #expect(InformationField.duration(seconds: seconds) == text)
    }

    @Test("show activity has a total and one figure for each thread")
    func activity() {
        #expect(
            lines("show activity") == [
                "thread_id: 1 (1..2)", "date_now: 1795381449.500000", "loops: 30 [ 10 20 ]", "waits: 2 [ 1 1 ]",
            ])
        #expect(lines("show activity", threads: 1).contains("loops: 10"))
    }

    @Test("show cli sockets")
    func sockets() {
        #expect(lines("show cli sockets") == ["# socket lvl processes", "unix@/run/m.sock admin all"])
    }

    @Test("a command that is unknown is answered with those that it may have meant")
    func unknown() {
        let near = lines("show versio")
        #expect(near.first == "Unknown command, but maybe one of the following ones is a better match:")
        #expect(near.contains { $0.hasPrefix("  show version ") })
        #expect(!near.contains { $0.hasPrefix("  operator ") })
        #expect(lines("shwo info").contains { $0.hasPrefix("  show info ") })
        let far = lines("xyzzyplugh")
        #expect(far.first == "Unknown command. Please enter one of the following commands only:")
        #expect(far.count == CommandTable.standard.commands.count + 1)
        #expect(lines("").first == far.first)
    }

    @Test("help for some words lists what fits them")
    func help() {
        #expect(
            lines("help show info") == [
                "The following commands are valid at this level:",
                "  show info [desc|json|typed|float]*      : report information about the running process",
                "  help [<command>]                        : list matching or all commands",
                "  prompt                                  : toggle interactive mode with prompt",
                "  quit                                    : disconnect",
            ])
    }

    @Test("every command is declared once, with a line of help, and finds itself")
    func table() {
        let commands = CommandTable.standard.commands
        #expect(Set(commands.map(\.name)).count == commands.count)
        for command in commands {
            #expect(!command.help.isEmpty && !command.name.isEmpty)
            #expect(CommandTable.standard.find(command.name)?.usage == command.usage)
        }
    }
}
