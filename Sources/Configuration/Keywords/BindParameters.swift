/// Parameters of `bind` and `stats socket` lines (manual, section 5.1).
public enum BindParameters {
    private static func text(
        _ name: String, _ arguments: String, _ documentation: String,
        _ set: @escaping @Sendable (inout BindSettings, String) -> Void
    ) -> Parameter<BindSettings> {
        Parameter(name, arguments, values: 1, section: "5.1", documentation) {
            settings, call throws(SyntaxFailure) in
            guard !call[0].isEmpty else {
                throw call.failure("'\(name)' expects \(arguments), not an empty word", 0, code: .missingArgument)
            }
            set(&settings, call[0])
        }
    }

    private static func number(
        _ name: String, _ range: ClosedRange<Int>, _ documentation: String,
        _ set: @escaping @Sendable (inout BindSettings, Int) -> Void
    ) -> Parameter<BindSettings> {
        Parameter(name, "<number>", values: 1, section: "5.1", documentation) {
            settings, call throws(SyntaxFailure) in set(&settings, try call.integer(0, in: range))
        }
    }

    private static func flag(
        _ name: String, _ documentation: String, _ set: @escaping @Sendable (inout BindSettings) -> Void
    ) -> Parameter<BindSettings> {
        Parameter(name, section: "5.1", documentation) { settings, call throws(SyntaxFailure) in set(&settings) }
    }

    private static let identifiers = 0...Int(UInt32.max) - 1

    public static let table: [Parameter<BindSettings>] = [
        number("backlog", 0...(1 << 30), "Connections that wait in the kernel") { $0.backlog = $1 == 0 ? nil : $1 },
        flag("defer-accept", "Accepts a connection when data has come") { $0.deferAccept = true },
        number("gid", identifiers, "Group of a unix socket, by number") { $0.gid = UInt32($1) },
        Parameter("group", "<group>", values: 1, section: "5.1", "Group of a unix socket, by name") {
            settings, call throws(SyntaxFailure) in settings.group = try call.group(0)
        },
        number("id", 1...Int(Int32.max), "Number of the listener") { $0.id = $1 },
        text("interface", "<interface>", "Takes connections of one interface only") { $0.interface = $1 },
        Parameter("level", "<level>", values: 1, section: "5.1", "What a stats socket may do: user, operator, admin") {
            settings, call throws(SyntaxFailure) in settings.level = try call.choice(0, of: AccessLevel.self)
        },
        number("maxconn", 0...(1 << 30), "Connections of this listener") { $0.maxconn = $1 == 0 ? nil : $1 },
        Parameter("mode", "<mode>", values: 1, section: "5.1", "File mode of a unix socket, in octal") {
            settings, call throws(SyntaxFailure) in settings.mode = try mode(call)
        },
        Parameter(
            "mss", "<maxseg>", values: 1, section: "5.1", "Largest TCP segment; below 0: less than announced"
        ) { settings, call throws(SyntaxFailure) in
            let value = try call.integer(0, in: -65_535...65_535)
            guard value != 0 else { throw call.failure("'mss' must not be 0", 0, code: .outOfRange) }
            settings.maximumSegmentSizeBytes = value
        },
        text("name", "<name>", "Name of the listener, in statistics and messages") { $0.name = $1 },
        number("nice", -1_024...1_024, "Without effect here: each connection has an equal share of a turn") {
            $0.nice = $1
        },
        Parameter(
            "process", "<process-set>[/<thread-set>]", values: 1, section: "5.1",
            "Threads that serve this listener, in the old way: behind '1/' or 'all/'; may be repeated"
        ) { settings, call throws(SyntaxFailure) in
            settings.threads = (settings.threads ?? 0) | (try process(call))
        },
        Parameter("proto", "<name>", values: 1, section: "5.1", "Protocol on the connection: h1") {
            settings, call throws(SyntaxFailure) in
            try call.onlyHTTP1(0)
            settings.hasProtocol = true
        },
        Parameter(
            "severity-output", "{ none | number | string }", values: 1, section: "5.1",
            "How a stats socket states the severity of its messages"
        ) { settings, call throws(SyntaxFailure) in
            settings.severityOutput = try call.choice(0, of: SeverityOutput.self)
        },
        Parameter(
            "shards", "{ <number> | by-thread }", values: 1, section: "5.1",
            "Sockets on the same address, each for a share of the threads"
        ) { settings, call throws(SyntaxFailure) in
            settings.shards = call[0] == "by-thread" ? .max : try call.integer(0, in: 1...1_000)
        },
        Parameter("tcp-ut", "<delay>", values: 1, section: "5.1", "How long sent data may stay unacknowledged") {
            settings, call throws(SyntaxFailure) in settings.tcpUserTimeoutMilliseconds = try call.milliseconds(0)
        },
        flag("tfo", "TCP fast open") { $0.tcpFastOpen = true },
        Parameter(
            "thread", "<thread-set>", values: 1, section: "5.1", "Threads that serve this listener; may be repeated"
        ) { settings, call throws(SyntaxFailure) in
            settings.threads = (settings.threads ?? 0) | (try threads(call))
        },
        flag("transparent", "Takes connections to addresses that are not local") { $0.transparent = true },
        number("uid", identifiers, "Owner of a unix socket, by number") { $0.uid = UInt32($1) },
        Parameter("user", "<user>", values: 1, section: "5.1", "Owner of a unix socket, by name") {
            settings, call throws(SyntaxFailure) in settings.user = try call.user(0)
        },
        flag("v4v6", "An IPv6 socket that takes IPv4 too") {
            $0.v4v6 = true
            $0.v6only = false
        },
        flag("v6only", "An IPv6 socket that takes no IPv4") {
            $0.v6only = true
            $0.v4v6 = false
        },
    ]

    static let byName = Dictionary(uniqueKeysWithValues: table.map { ($0.name, $0) })

    /// Three or four octal digits.
    static func mode(_ call: KeywordCall) throws(SyntaxFailure) -> UInt32 {
        guard let value = UInt32(call[0], radix: 8), value <= 0o7777 else {
            throw call.failure("'\(call[0])' is no file mode", 0, help: "write it in octal, such as 660")
        }
        return value
    }

    /// A set of processes, of which the only one is number 1, and what `threads` reads behind a slash.
    private static func process(_ call: KeywordCall) throws(SyntaxFailure) -> UInt64 {
        let parts = call[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let set = parts.first, ["all", "odd", "1", "1-1", "1-"].contains(set) else {
            throw call.failure("'\(call[0])' leaves out process 1, which is the only one", 0)
        }
        return parts.count > 1 ? try threads(call, parts[1]) : .max
    }

    /// `all`, `odd`, `even`, `N`, `N-M`, `N-`, with `1/` in front for the only group that there is.
    private static func threads(
        _ call: KeywordCall, _ text: Substring? = nil
    ) throws(SyntaxFailure) -> UInt64 {
        var set = text ?? call[0][...]
        if set.hasPrefix("1/") { set = set.dropFirst(2) }
        if set.contains("/") { throw .unsupported("a thread group other than 1", at: call.range(0)) }
        switch set {
        case "all": return .max
        case "odd": return 0x5555_5555_5555_5555
        case "even": return 0xaaaa_aaaa_aaaa_aaaa
        default: break
        }
        let ends = set.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let low = Int(ends[0])
        let high = ends.count == 1 ? low : ends[1].isEmpty ? 64 : Int(ends[1])
        guard let low, let high, (1...64).contains(low), (1...64).contains(high), low <= high else {
            throw call.failure(
                "'\(call[0])' is no set of threads", 0,
                help: "write all, odd, even, a number from 1 to 64, or a range such as 1-4")
        }
        return (low...high).reduce(UInt64(0)) { $0 | 1 << UInt64($1 - 1) }
    }

    /// Reads the parameters from a word on. Each error is reported by itself.
    static func read(_ parser: Parser, _ call: KeywordCall, from index: Int, into settings: inout BindSettings) {
        ParameterReader(line: call, known: KnownKeywords.bind).read(from: index, into: &settings, table: byName, parser)
    }
}

/// Reads a list of parameters behind a keyword.
struct ParameterReader {
    let line: KeywordCall
    let known: Set<String>
    /// Names that are refused on this line, with the reason.
    var refused: [String: String] = [:]

    func read<Settings>(
        from index: Int, into settings: inout Settings, table: [String: Parameter<Settings>], _ parser: Parser
    ) {
        var cursor = index
        while cursor < line.count {
            let name = line[cursor]
            let range = line.range(cursor)
            guard let parameter = table[name], refused[name] == nil else {
                if let reason = refused[name] {
                    parser.report(
                        SyntaxFailure(
                            "'\(name)' is not allowed on '\(line.name)': \(reason)", at: range, code: .misplacedKeyword)
                    )
                } else if known.contains(name) {
                    parser.report(.unsupported("parameter '\(name)' of '\(line.name)'", at: range))
                } else {
                    parser.report(
                        SyntaxFailure(
                            "unknown parameter '\(name)' of '\(line.name)'", at: range, code: .unknownParameter,
                            help: Suggestions.help(for: name, among: table.keys.sorted())))
                }
                // What follows may be this one's value: go on at the next word that is a parameter.
                cursor += 1
                while cursor < line.count, table[line[cursor]] == nil, !known.contains(line[cursor]) { cursor += 1 }
                continue
            }
            let end = parameter.valueCount.map { line.first + cursor + 1 + $0 }
            let call = KeywordCall(
                statement: line.statement, name: name, first: line.first + cursor + 1,
                end: min(end ?? line.end, line.end))
            if let count = parameter.valueCount, call.count < count {
                parser.report(
                    SyntaxFailure("'\(name)' expects \(parameter.arguments)", at: range, code: .missingArgument))
                return
            }
            do {
                cursor += 1 + (try parameter.apply(&settings, call))
            } catch {
                parser.report(error)
                guard let count = parameter.valueCount else { return }
                cursor += 1 + count
            }
        }
    }
}
