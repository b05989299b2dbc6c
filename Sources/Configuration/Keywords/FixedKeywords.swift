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
        only("tune.fd.edge-triggered", "on", "{ on | off }", "Nothing: connections are always edge-triggered"),
        only(
            "tune.listener.multi-queue", "off", "{ on | off }",
            "Nothing: a connection stays on the thread that accepted it"),
    ]
}
