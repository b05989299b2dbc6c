import Engine

/// The configuration of `martlet demo`, as text: the demo loads exactly what `--print-config` prints.
struct DemoConfiguration: Equatable, Sendable {
    var port: UInt16 = 8080
    /// Where the origins listen on 127.0.0.1, first to last.
    var originPorts: [UInt16] = [8081, 8082, 8083]
    var threads = 1
    var pollers = PollerChoice.all

    var text: String {
        var text = """
            # What `martlet demo` runs: a frontend that spreads requests over three origin servers.
            # With three servers of your own behind it, this is a whole configuration: martlet -f demo.cfg
            global
                nbthread \(threads)

            """
        if !pollers.contains(.epoll) { text += "    noepoll\n" }
        if !pollers.contains(.kqueue) { text += "    nokqueue\n" }
        if !pollers.contains(.poll) { text += "    nopoll\n" }
        if !pollers.contains(.uring) { text += "    nouring\n" }
        text += """

            defaults
                mode http
                timeout connect 2s
                timeout client 30s
                timeout server 30s

            frontend demo
                bind 127.0.0.1:\(port)
                default_backend origins

            backend origins
                balance roundrobin

            """
        for (index, port) in originPorts.enumerated() {
            text += "    server \(DemoConfiguration.originName(index)) 127.0.0.1:\(port)\n"
        }
        return text
    }

    static func originName(_ index: Int) -> String { "origin\(index + 1)" }
}

/// What follows `martlet demo` on the command line.
struct DemoArguments: Equatable, Sendable {
    var printsConfiguration = false
    var wantsHelp = false
    var port: UInt16 = 8080
    var pollers = PollerChoice.all

    init(parsing arguments: [String]) throws(Arguments.Mistake) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--print-config": printsConfiguration = true
            case "--help", "-h": wantsHelp = true
            case "--port":
                guard let text = rest.popFirst(), let number = UInt16(text), number > 0 else {
                    throw Arguments.Mistake(message: "--port needs a number from 1 to 65535")
                }
                port = number
            case "-de": pollers.remove(.epoll)
            case "-dk": pollers.remove(.kqueue)
            case "-dp": pollers.remove(.poll)
            case "-ds": pollers.remove(.select)
            // There is no io_uring to leave out.
            case "-du": pollers.remove(.uring)
            default: throw Arguments.Mistake(message: "unknown argument '\(argument)' of demo")
            }
        }
    }
}
