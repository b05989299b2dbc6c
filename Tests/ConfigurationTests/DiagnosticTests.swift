import Samples
import Testing

@testable import Configuration

@Suite("Diagnostics")
struct DiagnosticTests {
    private func render(_ text: String) -> [String] {
        let result = load(text)
        let renderer = DiagnosticRenderer(files: result.tree.files)
        return result.diagnostics.map(renderer.render)
    }

    @Test("a message shows the line, the place and a suggestion")
    func layout() {
        #expect(
            render("defaults\n    timout client 5s\n") == [
                """
                test.cfg:2:5: error: unknown keyword 'timout' in section 'defaults'
                        timout client 5s
                        ^~~~~~
                help: did you mean 'timeout'?
                """
            ])
    }

    @Test("tabs before the place are kept, so that the caret stands below it")
    func tabs() {
        #expect(
            render("defaults\n\tmode\thtpp\n") == [
                "test.cfg:2:7: error: 'mode' does not know 'htpp'\n    \tmode\thtpp\n    \t    "
                    + "\t^~~~\nhelp: did you mean 'http'?"
            ])
    }

    @Test("characters of several bytes count once")
    func unicode() {
        let lines = render("defaults\n log-tag \"é é\" foo\n")[0].split(separator: "\n")
        #expect(lines[1] == "     log-tag \"é é\" foo")
        #expect(lines[2] == "                   ^~~")
    }

    @Test("long lines are cut around the place")
    func longLines() {
        let text = "defaults\n log-tag " + String(repeating: "x", count: 5_000) + " foo\n"
        let lines = render(text)[0].split(separator: "\n")
        #expect(lines[1].utf8.count <= 170)
        #expect(lines[1].hasSuffix("xxx foo"))
        #expect(lines[2].hasSuffix(" ^~~"))
    }

    @Test("control characters of the input do not reach the terminal")
    func control() {
        let text = render("defaults\n \u{1b}[31mred\n")[0]
        #expect(!text.contains("\u{1b}"))
        #expect(text.contains("?[31mred"))
    }

    @Test("everything is reported in one run, in the order of the lines")
    func all() {
        let found = messages(
            """
            global
                nbthread 0
                foo
            defaults
                mode htpp
            listen a
                bind :99999
                server s 1.2.3.4 wight 5 weight 999
                default_backend nowhere
            """)
        #expect(found.map { $0.prefix { $0 != ":" } } == ["2", "3", "5", "7", "8", "8", "9"])
        #expect(found.allSatisfy { $0.contains(" error: ") })
    }

    @Test("the number of messages is bounded")
    func bounded() {
        let result = load("defaults\n" + String(repeating: "foo\n", count: 10_000))
        #expect(result.diagnostics.count == Parser.diagnosticLimit + 1)
        #expect(result.diagnostics.contains { $0.message == "too many messages: giving up" })
    }

    @Test(
        "near words are suggested, far ones are not",
        arguments: [
            ("timout", "timeout"), ("tmieout", "timeout"), ("TIMEOUT", "timeout"), ("serber", "server"),
            ("bnd", "bind"),
            ("xyz", nil), ("a", nil), ("completely-different", nil),
        ])
    func suggestions(word: String, expected: String?) {
        #expect(Suggestions.nearest(to: word, among: ["timeout", "server", "bind", "mode"]) == expected)
    }

    @Test("edit distance")
    func distance() {
        func distance(_ left: String, _ right: String) -> Int? {
            Suggestions.distance(Array(left.utf8), Array(right.utf8), limit: 9)
        }
        #expect(distance("", "") == 0)
        #expect(distance("", "abc") == 3)
        #expect(distance("abc", "acb") == 1)
        #expect(distance("kitten", "sitting") == 3)
        #expect(Suggestions.distance(Array("abcdef".utf8), Array("ghijkl".utf8), limit: 3) == nil)
    }
}

@Suite("Files and directories")
struct FileTests {
    @Test("a file that is not there is an error")
    func missing() {
        let result = ConfigurationLoader().load(paths: ["/nonexistent/x.cfg"])
        #expect(
            result.diagnostics.map(\.message) == [
                "cannot read the configuration file '/nonexistent/x.cfg': No such file or directory"
            ])
    }

    @Test("sections do not reach from one file into the next")
    func sections() throws {
        let directory = try TemporaryDirectory()
        try directory.write("10-first.cfg", "defaults\n mode http\n")
        try directory.write("20-second.cfg", "timeout client 5s\nbackend b\n")
        try directory.write(".hidden.cfg", "nonsense\n")
        try directory.write("readme.txt", "nonsense\n")
        let result = ConfigurationLoader().load(paths: [directory.path])
        #expect(result.tree.files.map(\.name) == ["\(directory.path)/10-first.cfg", "\(directory.path)/20-second.cfg"])
        #expect(result.diagnostics.map(\.message) == ["unknown keyword 'timeout' outside of a section"])
        #expect(result.diagnostics.map(\.range.file) == [1])
        #expect(result.tree.proxies.map(\.settings.mode) == [.http])
        #expect(result.tree.environment["HAPROXY_CFGFILES"] == result.tree.files.map(\.name).joined(separator: ";"))
    }

    @Test("default-path says where the names of files start")
    func defaultPath() throws {
        let directory = try TemporaryDirectory()
        let response = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        try directory.write("503.http", response)
        try directory.write("hosts.lst", "# comment\n\n  www.example.com\nimg.example.com\r\n")
        try directory.write(
            "a.cfg",
            """
            global
                default-path config
            listen l
                mode http
                bind :80
                timeout client 1s
                errorfile 503 503.http
                acl known hdr(host) -i -f hosts.lst www.example.org

            """)
        let result = ConfigurationLoader().load(paths: [directory.path + "/a.cfg"])
        #expect(result.diagnostics.map(describe) == [])
        let proxy = try #require(result.tree.proxies.first)
        #expect(
            proxy.settings.errorResponses[503] == .file(path: directory.path + "/503.http", bytes: Array(response.utf8))
        )
        let patterns = proxy.acls[0].expressions[0].patterns
        for (host, expected): (StaticString, Bool) in [
            ("www.example.com", true), ("IMG.example.com", true), ("www.example.org", true), ("example.org", false),
        ] {
            let scope = SampleScope(valueLimit: 1024)
            let isMatch = patterns.matchers.contains { $0.matches(Sample(literal: host), scope) }
            #expect(isMatch == expected, "\(host)")
        }
    }
}
