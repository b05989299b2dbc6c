/// `global`: limits, pollers and tuning (manual, section 3.2).
enum TuningKeywords {
    private static func flag(
        _ name: String, _ documentation: String, _ set: @escaping @Sendable (inout GlobalSettings) -> Void
    ) -> Keyword {
        Keyword(name, .global, section: "3.2", documentation) { parser, call throws(SyntaxFailure) in
            set(&parser.tree.global)
        }
    }

    private static func number(
        _ name: String, _ range: ClosedRange<Int>, _ documentation: String,
        _ set: @escaping @Sendable (inout GlobalSettings, Int) -> Void
    ) -> Keyword {
        Keyword(name, .global, "<number>", count: 1...1, section: "3.2", documentation) {
            parser, call throws(SyntaxFailure) in
            parser.mark(call)
            set(&parser.tree.global, try call.integer(0, in: range))
        }
    }

    private static func size(
        _ name: String, _ range: ClosedRange<Int>, _ documentation: String,
        _ set: @escaping @Sendable (inout GlobalSettings, Int) -> Void
    ) -> Keyword {
        Keyword(name, .global, "<size>", count: 1...1, section: "3.2", documentation) {
            parser, call throws(SyntaxFailure) in
            parser.mark(call)
            set(&parser.tree.global, try call.size(0, in: range))
        }
    }

    private enum OnOff: String, CaseIterable { case on, off }

    static let table: [Keyword] = [
        number("maxconn", 0...(1 << 30), "Connections of the whole process; 0: what the system allows") {
            $0.maxconn = $1 == 0 ? nil : $1
        },
        number("maxconnrate", 0...1_000_000, "New connections a second, of the whole process; 0: no limit") {
            $0.sessionsPerSecond = $1
        },
        number("maxsessrate", 0...1_000_000, "New sessions a second: the same as 'maxconnrate', the last one counts") {
            $0.sessionsPerSecond = $1
        },
        number("maxpipes", 0...(1 << 24), "Pipes for splicing, of the whole process") { $0.maxpipes = $1 },
        flag("noepoll", "Does not use epoll") { $0.noEpoll = true },
        flag("nokqueue", "Does not use kqueue") { $0.noKqueue = true },
        flag("nouring", "Does not use io_uring") { $0.noUring = true },
        flag("nopoll", "Does not use poll") { $0.noPoll = true },
        flag("noreuseport", "Does not share addresses with other processes") { $0.noReusePort = true },
        flag("nosplice", "Does not use splice()") { $0.noSplice = true },
        size("tune.bufsize", 1_024...(1 << 28), "Size of a buffer") { $0.tuneBufsizeBytes = $1 },
        number("tune.http.cookielen", 1...1_024, "Bytes of a cookie that 'capture cookie' keeps at most") {
            $0.tuneHTTPCookielenBytes = $1
        },
        number("tune.http.logurilen", 0...Int(Int32.max), "Bytes of a request line that logs keep, and one") {
            $0.tuneHTTPLogurilenBytes = $1 == 0 ? nil : $1
        },
        number("tune.http.maxhdr", 1...32_767, "Fields of a message") { $0.tuneHTTPMaxhdr = $1 },
        Keyword(
            "tune.idle-pool.shared", .global, "{ on | off }", count: 1...1, section: "3.2",
            "Whether threads use each other's idle connections to servers"
        ) { parser, call throws(SyntaxFailure) in
            parser.tree.global.tuneIdlePoolShared = try call.choice(0, of: OnOff.self) == .on
        },
        number("tune.maxaccept", -1...(1 << 20), "Connections accepted in one turn; -1: no limit") {
            $0.tuneMaxaccept = $1
        },
        number("tune.maxpollevents", 1...(1 << 20), "Events taken in one turn") { $0.tuneMaxpollevents = $1 },
        size("tune.maxrewrite", 0...(1 << 28), "Part of a buffer kept for rewriting") { $0.tuneMaxrewriteBytes = $1 },
        size("tune.pipesize", 0...(1 << 30), "Size of a pipe for splicing") { $0.tunePipesizeBytes = $1 },
        number(
            "tune.pool-high-fd-ratio", 0...100, "Percent of the descriptors in use beyond which idle ones are closed"
        ) {
            $0.tunePoolHighFDRatio = $1
        },
        number(
            "tune.pool-low-fd-ratio", 0...100, "Percent of the descriptors in use beyond which none is kept idle"
        ) {
            $0.tunePoolLowFDRatio = $1
        },
        size("tune.rcvbuf.client", 0...(1 << 30), "Kernel's receive buffer, client side") {
            $0.tuneRcvbufClientBytes = $1
        },
        size("tune.rcvbuf.server", 0...(1 << 30), "Kernel's receive buffer, server side") {
            $0.tuneRcvbufServerBytes = $1
        },
        size("tune.sndbuf.client", 0...(1 << 30), "Kernel's send buffer, client side") {
            $0.tuneSndbufClientBytes = $1
        },
        size("tune.sndbuf.server", 0...(1 << 30), "Kernel's send buffer, server side") {
            $0.tuneSndbufServerBytes = $1
        },
        number("tune.vars.global-max-size", 0...(1 << 40), "Memory of all variables; 0: no limit") {
            $0.tuneVariables.globalBytes = $1
        },
        number("tune.vars.proc-max-size", 0...(1 << 40), "Memory of the variables of the process") {
            $0.tuneVariables.processBytes = $1
        },
        number("tune.vars.reqres-max-size", 0...(1 << 40), "Memory of the variables of a request or a response") {
            $0.tuneVariables.messageBytes = $1
        },
        number("tune.vars.sess-max-size", 0...(1 << 40), "Memory of the variables of a session") {
            $0.tuneVariables.sessionBytes = $1
        },
        number("tune.vars.txn-max-size", 0...(1 << 40), "Memory of the variables of a transaction") {
            $0.tuneVariables.transactionBytes = $1
        },
    ]
}

/// `global`: the environment of the files that follow (manual, section 3.1).
enum EnvironmentKeywords {
    static let table: [Keyword] = [
        Keyword(
            "presetenv", .global, "<name> <value>", count: 2...2, section: "3.1", "Sets a variable that is not set yet"
        ) { parser, call throws(SyntaxFailure) in
            let name = try variable(call, 0)
            if parser.scope.value(name) == nil { parser.scope.set(name, to: call[1]) }
        },
        Keyword(
            "resetenv", .global, "[<name> ...]", count: 0...Keyword.many, section: "3.1", "Removes all other variables"
        ) { parser, call throws(SyntaxFailure) in
            var names: Set<String> = []
            for index in 0..<call.count { names.insert(try variable(call, index)) }
            parser.scope.reset(keeping: names)
        },
        Keyword("setenv", .global, "<name> <value>", count: 2...2, section: "3.1", "Sets a variable") {
            parser, call throws(SyntaxFailure) in
            parser.scope.set(try variable(call, 0), to: call[1])
        },
        Keyword("unsetenv", .global, "[<name> ...]", count: 0...Keyword.many, section: "3.1", "Removes variables") {
            parser, call throws(SyntaxFailure) in
            for index in 0..<call.count { parser.scope.unset(try variable(call, index)) }
        },
    ]

    private static func variable(_ call: KeywordCall, _ index: Int) throws(SyntaxFailure) -> String {
        guard EnvironmentScope.isName(call[index]) else {
            throw call.failure(
                "'\(call[index])' is no name of a variable", index, code: .invalidName,
                help: "names are made of letters, digits and '_', and do not start with a digit")
        }
        return call[index]
    }
}
