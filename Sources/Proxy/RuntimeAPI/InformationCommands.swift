import Base
import Configuration

/// `show info` and `show version` (management guide, sections 9.2 and 9.3).
enum InformationCommands {
    static let all = [
        Command(
            "show info [desc|json|typed|float]*", "report information about the running process", name: "show info"
        ) { invocation in
            let fields = InformationField.all(of: invocation.context)
            let wants = { (word: String) in invocation.arguments.contains(word) }
            let isFloat = wants("float")
            if wants("json") { return .text(json(fields, isFloat: isFloat)) }
            var text = ""
            for field in fields {
                text += wants("typed") ? field.typed(isFloat: isFloat) : field.plain(isFloat: isFloat)
                text += wants("desc") ? ":\"\(field.help)\"\n" : "\n"
            }
            return .text(text)
        },
        Command("show version", "show version of the current process") { .message($0.context.product.version + "\n") },
    ]

    private static func json(_ fields: [InformationField], isFloat: Bool) -> String {
        "[" + fields.map { $0.json(isFloat: isFloat) }.joined(separator: ",") + "]\n"
    }
}

/// One line of `show info`: the position and name that monitoring tools know, how to add it up, and its value.
struct InformationField {
    enum Value {
        case string(String)
        case number(UInt64, wide: Bool)
        /// Seconds, that are whole unless floats are asked for.
        case seconds(microseconds: Int64)
    }

    let position: Int
    let name: String
    /// Origin, nature and scope, a letter each (management guide, section 9.2).
    let tags: String
    let help: String
    let value: Value

    private func type(isFloat: Bool) -> String {
        switch value {
        case .string: return "str"
        case .number(_, let wide): return wide ? "u64" : "u32"
        case .seconds: return isFloat ? "flt" : "u32"
        }
    }

    private func text(isFloat: Bool) -> String {
        switch value {
        case .string(let text): return text
        case .number(let number, _): return String(number)
        case .seconds(let microseconds):
            let whole = max(microseconds, 0) / 1_000_000
            guard isFloat else { return String(whole) }
            let fraction = String(max(microseconds, 0) % 1_000_000)
            return "\(whole)." + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
        }
    }

    func plain(isFloat: Bool) -> String { "\(name): \(text(isFloat: isFloat))" }

    func typed(isFloat: Bool) -> String {
        "\(position).\(name).1:\(tags):\(type(isFloat: isFloat)):\(text(isFloat: isFloat))"
    }

    func json(isFloat: Bool) -> String {
        let letters = Array(tags)
        let origin = InformationField.origins[letters[0]] ?? "Metric"
        let nature = InformationField.natures[letters[1]] ?? "Gauge"
        let scope = InformationField.scopes[letters[2]] ?? "Process"
        var shown = text(isFloat: isFloat)
        if case .string(let text) = value { shown = JSONText.quoted(text) }
        return "{\"field\":{\"pos\":\(position),\"name\":\"\(name)\"},\"processNum\":1,"
            + "\"tags\":{\"origin\":\"\(origin)\",\"nature\":\"\(nature)\",\"scope\":\"\(scope)\"},"
            + "\"value\":{\"type\":\"\(type(isFloat: isFloat))\",\"value\":\(shown)}}"
    }

    private static let origins: [Character: String] = [
        "M": "Metric", "S": "Status", "K": "Key", "C": "Config", "P": "Product",
    ]
    private static let natures: [Character: String] = [
        "A": "Age", "a": "Avg", "C": "Counter", "D": "Duration", "G": "Gauge", "L": "Limit", "M": "Max", "m": "Min",
        "N": "Name", "O": "Output", "R": "Rate", "T": "Time",
    ]
    private static let scopes: [Character: String] = ["C": "Cluster", "P": "Process", "S": "Service", "s": "System"]

    /// "0d 0h00m04s".
    static func duration(seconds: Int64) -> String {
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(seconds / 86400)d \(seconds / 3600 % 24)h\(two(seconds / 60 % 60))m\(two(seconds % 60))s"
    }
}

extension InformationField {
    /// The fields, in the order of their positions. Figures that mean nothing here are left out; positions stay.
    static func all(of context: RuntimeContext) -> [InformationField] {
        product(context) + load(context) + state(context)
    }

    private static func product(_ context: RuntimeContext) -> [InformationField] {
        let product = context.product
        let uptime = context.engine.nowMicroseconds() - context.statistics.startMicroseconds
        return [
            string(0, "Name", "POS", "Name of the program", product.name),
            string(1, "Version", "POS", "Version of the program", product.version),
            string(2, "Release_date", "POS", "Date of the version", product.releaseDate),
            number(3, "Nbthread", "CGS", "Threads that were started (nbthread)", UInt64(product.threadCount)),
            number(4, "Nbproc", "CGS", "Worker processes, always 1", 1),
            number(5, "Process_num", "KGP", "Number of this worker process, always 1", 1),
            number(6, "Pid", "SGP", "Process number of this process", UInt64(clamping: product.processID)),
            string(
                7, "Uptime", "MDP", "Time since the process started, in words",
                duration(seconds: max(uptime, 0) / 1_000_000)),
            InformationField(
                position: 8, name: "Uptime_sec", tags: "MDP", help: "Time since the process started, in seconds",
                value: .seconds(microseconds: uptime)),
            number(
                9, "Memmax_MB", "CLP", "Limit of memory in megabytes (-m), 0 for none",
                UInt64(clamping: product.memoryLimitMegabytes)),
            number(13, "Ulimit-n", "CLP", "Limit of descriptors", UInt64(clamping: product.descriptorLimit)),
            number(
                14, "Maxsock", "CLP", "Descriptors that are needed at most", UInt64(clamping: product.maximumSockets)),
            number(
                15, "Maxconn", "CLP", "Limit of connections of the process",
                UInt64(clamping: product.maximumConnections)),
            number(
                16, "Hard_maxconn", "CLP", "Limit of connections that the process started with",
                UInt64(clamping: product.maximumConnections)),
        ]
    }

    private static func load(_ context: RuntimeContext) -> [InformationField] {
        let statistics = context.statistics
        let rates = context.rates
        let runtime = statistics.sum { $0.runtimeSessions.value }
        let connections = statistics.sum { $0.connections.value }
        return [
            number(
                17, "CurrConns", "MGP", "Connections of clients now", UInt64(clamping: statistics.connections.current)),
            number(
                18, "CumConns", "MCP", "Connections of clients since the start, the runtime API's included",
                connections &+ runtime),
            number(
                19, "CumReq", "MCP", "Requests since the start, sessions of the runtime API included",
                statistics.sum { $0.requests.value } &+ runtime),
            number(26, "ConnRate", "MRP", "Connections of clients in the last second", rates.connections.current),
            number(27, "ConnRateLimit", "CLP", "Limit of ConnRate, 0 for none", 0),
            number(28, "MaxConnRate", "MMP", "Highest ConnRate since the start", rates.connections.maximum),
            number(29, "SessRate", "MRP", "Sessions in the last second", rates.sessions.current),
            number(30, "SessRateLimit", "CLP", "Limit of SessRate, 0 for none", 0),
            number(31, "MaxSessRate", "MRP", "Highest SessRate since the start", rates.sessions.maximum),
        ]
    }

    private static func state(_ context: RuntimeContext) -> [InformationField] {
        let statistics = context.statistics
        let open = statistics.connections.current + statistics.runtimeSessions.current
        var fields = [string(50, "node", "COS", "Name of this node (node)", context.product.node)]
        if let description = context.product.description {
            fields.append(string(51, "description", "COS", "Description of this node (description)", description))
        }
        return fields + [
            number(52, "Stopping", "MGP", "1 while the process is on its way out, else 0", context.isStopping ? 1 : 0),
            number(
                53, "Jobs", "MGP", "Connections and listeners that keep the process alive",
                UInt64(clamping: open + statistics.listeners.current)),
            number(54, "Unstoppable Jobs", "MGP", "Jobs that do not end when the process stops", 0),
            number(
                55, "Listeners", "MGP", "Listening sockets that are open",
                UInt64(clamping: statistics.listeners.current)),
            number(
                58, "DroppedLogs", "MGP", "Log lines that could not be sent", statistics.sum { $0.droppedLogs.value }),
            number(59, "BusyPolling", "MGP", "1 where threads poll without sleeping, else 0", 0),
            number(
                61, "TotalBytesOut", "MGP", "Bytes sent to clients since the start",
                statistics.sum { $0.bytesOut.value }, wide: true),
            number(63, "BytesOutRate", "MRP", "Bytes sent to clients in the last second", rate(context), wide: true),
            string(66, "Build info", "POS", "Version of the build", context.product.version),
            number(
                67, "Memmax_bytes", "CLP", "Limit of memory in bytes (-m), 0 for none",
                UInt64(clamping: context.product.memoryLimitMegabytes) &* 1_048_576, wide: true),
            InformationField(
                position: 70, name: "Start_time_sec", tags: "MDP", help: "When the process started, in seconds",
                value: .seconds(microseconds: statistics.startMicroseconds)),
        ]
    }

    private static func rate(_ context: RuntimeContext) -> UInt64 { context.rates.bytesOut.current }

    private static func string(
        _ position: Int, _ name: String, _ tags: String, _ help: String, _ value: String
    ) -> InformationField {
        InformationField(position: position, name: name, tags: tags, help: help, value: .string(value))
    }

    private static func number(
        _ position: Int, _ name: String, _ tags: String, _ help: String, _ value: UInt64, wide: Bool = false
    ) -> InformationField {
        InformationField(
            position: position, name: name, tags: tags, help: help, value: .number(value, wide: wide))
    }
}
