import Engine
import Testing

@testable import martlet

@Suite("The demo")
struct DemoTests {
    @Test("arguments: the port, the pollers, and what only prints")
    func arguments() throws {
        let plain = try DemoArguments(parsing: [])
        #expect(plain.port == 8080 && plain.pollers == .all && !plain.printsConfiguration)
        let all = try DemoArguments(parsing: ["--port", "9000", "-de", "-dp", "-du", "--print-config"])
        #expect(all.port == 9000 && all.printsConfiguration)
        #expect(all.pollers == PollerChoice.all.subtracting([.epoll, .poll, .uring]))
    }

    @Test(
        "mistakes are told",
        arguments: [["--port"], ["--port", "0"], ["--port", "65536"], ["--port", "x"], ["-f"], ["x"]])
    func mistakes(words: [String]) {
        #expect(throws: Arguments.Mistake.self) { _ = try DemoArguments(parsing: words) }
    }

    @Test("the configuration names what runs: port, threads, origins, and the pollers left out")
    func configuration() {
        let text = DemoConfiguration(port: 9000, originPorts: [1, 2], threads: 3, pollers: [.poll]).text
        let lines = text.split(separator: "\n").map { String($0.drop { $0 == " " }) }
        #expect(lines.contains("nbthread 3"))
        #expect(
            lines.contains("noepoll") && lines.contains("nokqueue") && lines.contains("nouring")
                && !lines.contains("nopoll"))
        #expect(lines.contains("bind 127.0.0.1:9000"))
        #expect(
            lines.filter { $0.hasPrefix("server ") } == ["server origin1 127.0.0.1:1", "server origin2 127.0.0.1:2"])
    }

    @Test("the introduction says where to go, and how to end it")
    func introduction() {
        let text = Demo.introduction(DemoConfiguration(port: 9000, threads: 2), poller: "epoll")
        #expect(text.contains("http://127.0.0.1:9000/   balances over them with 2 threads, on epoll\n"))
        #expect(text.contains("http://127.0.0.1:8083/"))
        #expect(text.contains("curl http://127.0.0.1:9000/"))
        #expect(text.hasSuffix("Ctrl-C ends it.\n"))
    }
}
