import Base

/// Parameters of `server` and `default-server` lines (manual, section 5.2).
public enum ServerParameters {
    private static func number(
        _ name: String, _ range: ClosedRange<Int>, _ documentation: String,
        _ set: @escaping @Sendable (inout ServerSettings, Int) -> Void
    ) -> Parameter<ServerSettings> {
        Parameter(name, "<number>", values: 1, section: "5.2", documentation) {
            settings, call throws(SyntaxFailure) in set(&settings, try call.integer(0, in: range))
        }
    }

    private static func flag(
        _ name: String, _ documentation: String, _ set: @escaping @Sendable (inout ServerSettings) -> Void
    ) -> Parameter<ServerSettings> {
        Parameter(name, section: "5.2", documentation) { settings, call throws(SyntaxFailure) in set(&settings) }
    }

    private static let counts = 0...(1 << 30)

    /// What Martlet does anyway.
    private static func never(_ name: String, _ documentation: String) -> Parameter<ServerSettings> {
        flag(name, "Nothing: \(documentation)") { _ in }
    }

    public static let table: [Parameter<ServerSettings>] = [
        flag("backup", "Used only when no other server is available") { $0.isBackup = true },
        flag("disabled", "Starts in maintenance") { $0.isDisabled = true },
        flag("enabled", "Starts in service") { $0.isDisabled = false },
        number("id", 1...Int(Int32.max), "Number of the server") { $0.id = $1 },
        Parameter(
            "init-addr", "{last | libc | none | <ip>},[...]*", values: 1, section: "5.2",
            "How a name is resolved at start"
        ) {
            settings, call throws(SyntaxFailure) in settings.initialAddress = try initialAddress(call)
        },
        number("max-reuse", -1...(1 << 30), "Requests that one connection may serve; -1: no limit") {
            $0.maxReuse = $1
        },
        number("maxconn", counts, "Connections to this server; more wait in the queue") { $0.maxconn = $1 },
        number("maxqueue", counts, "Streams that may wait for this very server; 0: no limit") { $0.maxqueue = $1 },
        number("minconn", counts, "Limit of connections under low load") { $0.minconn = $1 },
        never("no-agent-check", "there are no agents"),
        flag("no-backup", "Takes back an inherited 'backup'") { $0.isBackup = false },
        never("no-check", "there are no health checks"),
        never("no-check-send-proxy", "there are no health checks"),
        never("no-check-ssl", "there are no health checks"),
        never("no-send-proxy", "the PROXY protocol is not sent"),
        never("no-send-proxy-v2", "the PROXY protocol is not sent"),
        never("no-send-proxy-v2-ssl", "the PROXY protocol is not sent"),
        never("no-send-proxy-v2-ssl-cn", "the PROXY protocol is not sent"),
        never("no-ssl", "there is no TLS"),
        flag("no-tfo", "Takes back an inherited 'tfo'") { $0.tcpFastOpen = false },
        number("pool-low-conn", -1...(1 << 30), "Idle connections below which threads leave each other's alone") {
            $0.poolLowConn = $1
        },
        number("pool-max-conn", -1...(1 << 30), "Idle connections that are kept; -1: no limit") { $0.poolMaxConn = $1 },
        Parameter("pool-purge-delay", "<delay>", values: 1, section: "5.2", "How often unused connections are closed") {
            settings, call throws(SyntaxFailure) in settings.poolPurgeDelayMilliseconds = try call.milliseconds(0)
        },
        Parameter("proto", "<name>", values: 1, section: "5.2", "Protocol on the connection: h1") {
            settings, call throws(SyntaxFailure) in
            try call.onlyHTTP1(0)
            settings.hasProtocol = true
        },
        Parameter("redir", "<prefix>", values: 1, section: "5.2", "Sends GET and HEAD to the client's next stop") {
            settings, call throws(SyntaxFailure) in
            guard ErrorKeywords.isURL(call[0]) else { throw call.failure("'\(call[0])' is no URL", 0) }
            settings.redirectionPrefix = call.bytes(0)
        },
        Parameter(
            variable: "source", "<addr>[:<pl>[-<ph>]] [interface <name>]", section: "5.2",
            "Where connections to this server come from"
        ) { settings, call throws(SyntaxFailure) in
            let (source, used) = try ConnectionKeywords.source(call, rules: .serverSource)
            settings.source = source
            return used
        },
        Parameter("tcp-ut", "<delay>", values: 1, section: "5.2", "How long sent data may stay unacknowledged") {
            settings, call throws(SyntaxFailure) in settings.tcpUserTimeoutMilliseconds = try call.milliseconds(0)
        },
        flag("tfo", "TCP fast open") { $0.tcpFastOpen = true },
        number("weight", 0...256, "Share of the traffic, 0 to 256") { $0.weight = $1 },
    ]

    static let byName = Dictionary(uniqueKeysWithValues: table.map { ($0.name, $0) })

    private static func initialAddress(_ call: KeywordCall) throws(SyntaxFailure) -> [ServerSettings.InitialAddress] {
        var list: [ServerSettings.InitialAddress] = []
        for part in call[0].split(separator: ",", omittingEmptySubsequences: false) {
            switch part {
            case "last": list.append(.last)
            case "libc": list.append(.libc)
            case "none": list.append(.none)
            default:
                let bytes = Array(part.utf8)
                if let address = IPText.ipv4(bytes) {
                    list.append(.ip(AddressSpec(host: .ipv4(address))))
                } else if let address = IPText.ipv6(bytes) {
                    list.append(.ip(AddressSpec(host: .ipv6(address))))
                } else {
                    throw call.failure(
                        "'init-addr' does not know '\(part)'", 0, code: .unknownValue,
                        help: "it takes last, libc, none or an address")
                }
            }
        }
        return list
    }
}
