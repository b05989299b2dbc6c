import Testing

@testable import Configuration

/// As `martlet check` reads files: what nothing uses is looked for, too.
private let checker = ConfigurationLoader(
    environment: ConfigurationLoader.Environment(inheritsProcessEnvironment: false, isDiagnostic: true))

@Suite("What mistakes are told, letter by letter")
struct MessageTests {
    @Test("a configuration and its messages", arguments: MessageCase.all)
    func messages(_ example: MessageCase) {
        let result = checker.load(bytes: example.configuration, name: "test.cfg")
        #expect(result.rendered == example.output)
        #expect(result.diagnostics.map(\.code) == example.codes)
    }

    /// Of a run over files, and of the program around it; `FileMessageTests` and MartletTests have those.
    private static let elsewhere: Set<DiagnosticCode> = [.limitExceeded, .lineTooLong, .cannotStart, .noListener]

    @Test("every class of messages has an example")
    func coverage() {
        let seen = Set(MessageCase.all.flatMap(\.codes)).union(Self.elsewhere)
        #expect(DiagnosticCode.allCases.filter { !seen.contains($0) } == [])
    }

    @Test("a suggestion that is applied mends the line that it is about")
    func suggestions() throws {
        var applied = 0
        for example in MessageCase.all {
            let result = checker.load(bytes: example.configuration, name: "test.cfg")
            for diagnostic in result.diagnostics {
                guard let suggestion = diagnostic.suggestion else { continue }
                let source = result.tree.files[0]
                let start = source.lineStarts[Int(suggestion.range.line) - 1]
                let range = suggestion.range
                var bytes = example.configuration
                bytes.replaceSubrange(
                    (start + Int(range.columnStart) - 1)..<(start + Int(range.columnEnd) - 1),
                    with: Array(suggestion.replacement.utf8))
                let mended = checker.load(bytes: bytes, name: "test.cfg").diagnostics
                #expect(
                    !mended.contains {
                        $0.code == diagnostic.code && $0.range.line == range.line && $0.message == diagnostic.message
                    }, "\(example.name): \(diagnostic.message)")
                applied += 1
            }
        }
        #expect(applied > 30)
    }

    @Test("every place lies within its line")
    func places() {
        for example in MessageCase.all {
            let result = checker.load(bytes: example.configuration, name: "test.cfg")
            let ranges = result.diagnostics.flatMap { [$0.range] + $0.notes.map(\.range) }
            for range in ranges where range != .none {
                let length = result.tree.files[0].line(range.line)?.count ?? -1
                #expect(range.columnStart >= 1 && range.columnStart <= range.columnEnd, "\(example.name): \(range)")
                #expect(Int(range.columnEnd) <= length + 2, "\(example.name): \(range)")
            }
        }
    }

    @Test("a line that is too long is shown in part")
    func longLine() {
        let text = "global\n    node " + String(repeating: "x", count: 1 << 20) + "\n"
        let result = checker.load(bytes: Array(text.utf8), name: "test.cfg")
        #expect(
            result.rendered == """
                test.cfg:2:1: error: line too long: more than 1048576 bytes
                        node \(String(repeating: "x", count: 151))
                    ^
                """)
        #expect(result.diagnostics.map(\.code) == [.lineTooLong])
    }
}

@Suite("What mistakes in files are told")
struct FileMessageTests {
    private func load(_ directory: TemporaryDirectory, _ names: String...) -> ConfigurationLoader.Result {
        checker.load(paths: names.map { directory.path + "/" + $0 })
    }

    /// The output, with the directory's name taken out.
    private func rendered(_ result: ConfigurationLoader.Result, _ directory: TemporaryDirectory) -> String {
        var text = ""
        var rest = result.rendered[...]
        while let found = rest.firstRange(of: directory.path + "/") {
            text += rest[..<found.lowerBound]
            rest = rest[found.upperBound...]
        }
        return text + rest
    }

    @Test("the first of two definitions may stand in another file")
    func severalFiles() throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.cfg", "backend pool\n")
        try directory.write("b.cfg", "\nbackend pool\n")
        let result = load(directory, "a.cfg", "b.cfg")
        #expect(
            rendered(result, directory) == """
                b.cfg:2:1: error: backend 'pool' has the name of another proxy
                    backend pool
                    ^~~~~~~~~~~~
                a.cfg:1:1: note: the first one is here
                    backend pool
                    ^~~~~~~~~~~~
                """)
    }

    @Test("files that cannot be read")
    func unreadable() throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.cfg", "global\n    default-path origin \(directory.path)/a.cfg\n")
        let result = load(directory, "a.cfg", "none.cfg")
        #expect(
            rendered(result, directory) == """
                error: cannot read the configuration file 'none.cfg': No such file or directory
                a.cfg:2:25: error: 'a.cfg' is no directory
                        default-path origin a.cfg
                                            ^\(String(repeating: "~", count: directory.path.count + 5))
                """)
        #expect(result.diagnostics.map(\.code) == [.unreadableFile, .unreadableFile])
    }

    @Test("lines of pattern files and of maps")
    func patterns() throws {
        let directory = try TemporaryDirectory()
        try directory.write("nets.lst", "192.0.2.0/24\n\n192.0.2.0/40\n")
        try directory.write("numbers.map", "/a 1\n/b two\n")
        try directory.write(
            "a.cfg",
            """
            global
                default-path config
            frontend web
                acl known src -f nets.lst
                http-request set-header x %[path,map_str_int(numbers.map)]
                http-request deny if { src -f . }

            """)
        let result = load(directory, "a.cfg")
        #expect(
            rendered(result, directory) == """
                a.cfg:4:22: error: '192.0.2.0/40' is no valid IPv4 or IPv6 address or network (line 3 of 'nets.lst')
                        acl known src -f nets.lst
                                         ^~~~~~~~
                help: write an address, or a network such as 10.0.0.0/8; host names are not resolved here
                a.cfg:5:50: error: argument 1 of 'map_str_int': 'numbers.map': unable to parse 'two'.
                        http-request set-header x %[path,map_str_int(numbers.map)]
                                                                     ^~~~~~~~~~~
                help: every value of this map must be an integer
                a.cfg:6:35: error: cannot read the pattern file '.': Is a directory
                        http-request deny if { src -f . }
                                                      ^
                """)
    }

    @Test("there is a limit to what is said")
    func limits() throws {
        let result = checker.load(text: "defaults\n" + String(repeating: "x\n", count: 600))
        #expect(result.diagnostics.last?.code == .limitExceeded)
    }
}
