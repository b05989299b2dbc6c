/// Keywords of `global` with one value that says what Martlet does anyway: that value is taken, others are errors.
enum FixedKeywords {
    private static func always(_ name: String, _ section: String, _ documentation: String) -> Keyword {
        Keyword(name, .global, section: section, documentation) { _, _ throws(SyntaxFailure) in }
    }

    private static func never(_ name: String, _ section: String, _ documentation: String) -> Keyword {
        Keyword(name, .global, negatable: true, section: section, documentation) { _, call throws(SyntaxFailure) in
            guard call.isNegated else {
                throw .unsupported("'\(name)' without 'no'", at: call.statement.range(0))
            }
        }
    }

    private static func only(
        _ name: String, _ value: String, _ arguments: String, _ documentation: String
    ) -> Keyword {
        Keyword(name, .global, arguments, count: 1...1, section: "3.2", documentation) {
            _, call throws(SyntaxFailure) in
            guard call[0] == value else {
                throw .unsupported("'\(name)' with another value than '\(value)'", at: call.range(0))
            }
        }
    }

    /// A number that tunes a part of HAProxy which is not here.
    private static func ignored(_ name: String, _ range: ClosedRange<Int>, _ documentation: String) -> Keyword {
        Keyword(name, .global, "<number>", count: 1...1, section: "3.2", documentation) {
            parser, call throws(SyntaxFailure) in
            parser.mark(call)
            _ = try call.integer(0, in: range)
        }
    }

    static let table: [Keyword] = [
        never("busy-polling", "3.2", "Nothing: threads without work sleep"),
        always("insecure-fork-wanted", "3.1", "Nothing: new processes are never prevented"),
        always("insecure-setuid-wanted", "3.1", "Nothing: setuid programs are never prevented"),
        always("no-memory-trimming", "3.2", "Nothing: memory is never trimmed"),
        always("noevports", "3.2", "Nothing: there are no event ports here"),
        never("numa-cpu-mapping", "3.1", "Nothing: threads are not bound to processors"),
        only("thread-groups", "1", "<number>", "Nothing: all threads are one group"),
        only("profiling.tasks", "off", "{ auto | on | off }", "Nothing: tasks are not timed"),
        never("set-dumpable", "3.1", "Nothing: core dumps are as the system has them"),
        ignored("tune.buffers.limit", 0...Int(Int32.max), "Nothing: blocks are limited by what connections may hold"),
        ignored("tune.buffers.reserve", 2...Int(Int32.max), "Nothing: no blocks are set aside"),
        only("tune.fd.edge-triggered", "on", "{ on | off }", "Nothing: connections are always edge-triggered"),
        ignored("tune.idletimer", 0...65_535, "Nothing: whole blocks are received anyway"),
        only(
            "tune.listener.multi-queue", "off", "{ on | off }",
            "Nothing: a connection stays on the thread that accepted it"),
        ignored("tune.pattern.cache-size", 0...Int(Int32.max), "Nothing: patterns are found without a cache"),
        ignored("tune.recv_enough", 0...Int(Int32.max), "Nothing: a short read ends the reading"),
        ignored("tune.runqueue-depth", 0...Int(Int32.max), "Nothing: a turn of the loop has bounds of its own"),
        Keyword(
            "tune.sched.low-latency", .global, "{ on | off }", count: 1...1, section: "3.2",
            "Nothing: each connection has an equal share of a turn"
        ) { _, call throws(SyntaxFailure) in
            guard call[0] == "on" || call[0] == "off" else { throw call.unknownWord(0, among: ["on", "off"]) }
        },
    ]

    static let proxyTable: [Keyword] = [
        Keyword(
            "bind-process", .everyProxy, "[ all | odd | even | <process_num>[-[<process_num>]] ] ...",
            count: 1...Keyword.many, "Nothing: there is one process"
        ) { parser, call throws(SyntaxFailure) in
            for index in 0..<call.count where !["all", "odd", "even", "1", "1-1", "1-"].contains(call[index]) {
                throw call.failure("'bind-process' knows process 1, the only one, not '\(call[index])'", index)
            }
        }
    ]
}
