import Testing

@testable import Configuration

@Suite("5.1 Bind options")
struct BindTests {
    @Test("several addresses and every parameter")
    func everything() throws {
        let text = listen(
            "bind :81,:::443-450,/run/x.sock name n id 7 backlog 5 maxconn 6 mode 600 uid 1 gid 2 v4v6 "
                + "interface lo defer-accept tfo nice -5 thread 1-2 thread 4 tcp-ut 3s mss 1400 transparent level user")
        let bind = try #require(try proxy(text).binds.last)
        #expect(bind.addresses.map(\.port) == [.fixed(81), .range(443, 450), .none])
        let settings = bind.settings
        #expect(settings.name == "n" && settings.id == 7 && settings.backlog == 5 && settings.maxconn == 6)
        #expect(settings.mode == 0o600 && settings.uid == 1 && settings.gid == 2 && settings.v4v6)
        #expect(settings.interface == "lo" && settings.deferAccept && settings.tcpFastOpen && settings.nice == -5)
        #expect(settings.threads == 0b1011 && settings.tcpUserTimeoutMilliseconds == 3_000)
        #expect(settings.maximumSegmentSizeBytes == 1_400 && settings.transparent && settings.level == .user)
    }

    @Test(
        "sets of threads",
        arguments: [
            ("all", UInt64.max), ("odd", 0x5555_5555_5555_5555), ("even", 0xaaaa_aaaa_aaaa_aaaa), ("1", 1),
            ("64", 1 << 63),
            ("2-3", 6), ("1/1-2", 3), ("63-", 3 << 62),
        ])
    func threads(text: String, expected: UInt64) throws {
        #expect(try proxy(listen("bind :81 thread \(text)")).binds.last?.settings.threads == expected)
    }

    @Test(
        "mistakes",
        arguments: [
            ("bind", "7:5 error: 'bind' expects [<address>]:<port_range> [, ...] [param*]"),
            ("bind :", "7:10 error: 'bind': missing port in ':' (write address:port)"),
            ("bind :81,:99999", "7:15 error: 'bind': invalid port '99999' (ports go from 1 to 65535)"),
            ("bind :81 namee x", "7:14 error: unknown parameter 'namee' of 'bind' (did you mean 'name'?)"),
            ("bind :81 name", "7:14 error: 'name' expects <name>"),
            ("bind :81 maxconn x", "7:22 error: 'maxconn' expects an integer, not 'x'"),
            (
                "bind :81 ssl",
                "7:14 error: parameter 'ssl' of 'bind' is known to HAProxy but not supported by this version of Martlet"
            ),
            (
                "bind :81 accept-proxy",
                "7:14 error: parameter 'accept-proxy' of 'bind' is known to HAProxy but not supported "
                    + "by this version of Martlet"
            ),
            (
                "bind :81 thread 65",
                "7:21 error: '65' is no set of threads (write all, odd, even, a number from 1 to 64, "
                    + "or a range such as 1-4)"
            ),
            ("bind :81 nice 2000", "7:19 error: 'nice' must be between -1024 and 1024, not 2000"),
            ("bind :8080", "7:10 warning: this address is bound already [2: the first one is here]"),
        ])
    func mistakes(line: String, expected: String) {
        let text =
            "listen a\n    bind :8080\n    timeout client 1s\n    timeout server 1s\n    timeout "
            + "connect 1s\n\n    \(line)\n"
        #expect(messages(text) == [expected])
    }

    @Test("all mistakes of a line are reported")
    func several() {
        #expect(errors(listen("bind :81 namee x maxconn y nice 5 thread 0")).count == 3)
    }
}

@Suite("5.2 Server and default-server options")
struct ServerTests {
    @Test("every parameter")
    func everything() throws {
        let server = try #require(
            try proxy(
                listen(
                    "server s1 10.0.0.1:80 weight 0 backup disabled maxconn 1 minconn 1 id 9 tfo tcp-ut 4s "
                        + "source 10.0.0.9:1-9 interface eth0 pool-max-conn 5 pool-low-conn 3 pool-purge-delay 7s "
                        + "max-reuse 8 init-addr last,libc,none,127.0.0.1")
            ).servers.first)
        #expect(server.name == "s1" && server.id == 9 && server.address.fixedPort == 80)
        let settings = server.settings
        #expect(settings.weight == 0 && settings.isBackup && settings.isDisabled && settings.maxconn == 1)
        #expect(settings.minconn == 1 && settings.tcpFastOpen)
        #expect(settings.tcpUserTimeoutMilliseconds == 4_000 && settings.source?.interface == "eth0")
        #expect(settings.poolLowConn == 3 && settings.poolMaxConn == 5)
        #expect(settings.poolPurgeDelayMilliseconds == 7_000)
        #expect(settings.maxReuse == 8 && settings.initialAddress.count == 4)
    }

    @Test("default-server holds for the servers behind it, and a server may take it back")
    func defaultServer() throws {
        let servers = try proxy(
            listen(
                "server a 10.0.0.1:80", "default-server weight 5 backup", "default-server maxconn 9",
                "server b 10.0.0.1:80", "server c 10.0.0.1:80 no-backup weight 7")
        ).servers
        #expect(servers.map(\.settings.weight) == [1, 5, 7])
        #expect(servers.map(\.settings.isBackup) == [false, true, false])
        #expect(servers.map(\.settings.maxconn) == [0, 9, 9])
    }

    @Test(
        "mistakes",
        arguments: [
            ("server", "7:5 error: 'server' expects <name> <address>[:[port]] [param*]"),
            ("server a", "7:5 error: 'server' expects <name> <address>[:[port]] [param*]"),
            ("server /x 127.0.0.1", "7:12 error: character '/' is not permitted in the server name '/x'"),
            ("server a 127.0.0.1:80-90", "7:24 error: 'server': a port range cannot be used here: '127.0.0.1:80-90'"),
            (
                "server a 127.0.0.1 wight 5",
                "7:24 error: unknown parameter 'wight' of 'server' (did you mean 'weight'?)"
            ),
            ("server a 127.0.0.1 weight 300", "7:31 error: 'weight' must be between 0 and 256, not 300"),
            (
                "server a 127.0.0.1 check",
                "7:24 error: parameter 'check' of 'server' is known to HAProxy but not supported by "
                    + "this version of Martlet"
            ),
            ("server a 127.0.0.1 maxconn", "7:24 error: 'maxconn' expects <number>"),
            (
                "server a 127.0.0.1 init-addr foo",
                "7:34 error: 'init-addr' does not know 'foo' (it takes last, libc, none or an address)"
            ),
            (
                "default-server id 5",
                "7:20 error: 'id' is not allowed on 'default-server': every server needs a number of its own"
            ),
        ])
    func mistakes(line: String, expected: String) {
        #expect(errors(listen(line)) == [expected])
    }

    @Test("names are unique within a proxy")
    func names() {
        #expect(
            errors(listen("server s 1.1.1.1", "server s 1.1.1.2"))
                == ["8:5 error: listen 'test' has another server named 's' [7: the first one is here]"])
    }
}

@Suite("8 Logging: targets")
struct LogTests {
    @Test("targets of all kinds")
    func targets() {
        let result = load(
            """
            global
                log /dev/log local0
                log 127.0.0.1 local1 notice
                log 127.0.0.1:1514 len 8192 format rfc5424 daemon info err
                log stdout format raw local0
                log stderr format short user debug
                log fd@3 kern
                log "${LOG-[::1]:514}" cron2
            """)
        #expect(result.diagnostics.map(describe) == [])
        let targets = result.tree.global.logTargets
        #expect(targets.map(\.facility) == [.local0, .local1, .daemon, .local0, .user, .kern, .cron2])
        #expect(targets[1].level == .notice && targets[0].level == .debug && targets[0].minimumLevel == .emerg)
        #expect(targets[2].lengthBytes == 8_192 && targets[2].format == .rfc5424 && targets[2].minimumLevel == .err)
        #expect(targets[3].destination == .standardOutput && targets[3].format == .raw)
        #expect(targets[4].destination == .standardError && targets[5].destination == .fileDescriptor(3))
        guard case .address(let address) = targets[1].destination else { return #expect(Bool(false)) }
        #expect(address.fixedPort == 514 && address.transport == .datagram)
    }

    @Test("proxies send to the global targets, to their own, or to none")
    func inheritance() {
        let tree = load(
            """
            global
                log stdout local0
            defaults
                log global
                log stderr local1
            backend a
                log 127.0.0.1 local2
            backend b
                no log
            backend c
                no log
                log global
            """
        ).tree
        #expect(tree.proxies[0].settings.logTargets.map(\.facility) == [.local0, .local1, .local2])
        #expect(tree.proxies[1].settings.logTargets == [])
        #expect(tree.proxies[2].settings.logTargets.map(\.facility) == [.local0])
    }

    @Test(
        "mistakes",
        arguments: [
            (
                "log 127.0.0.1",
                "2:5 error: 'log' expects <target> [len <length>] [format <format>] [sample <ranges>:<size>] "
                    + "<facility> [<level> [<minlevel>]]"
            ),
            ("log 127.0.0.1 loca0", "2:15 error: unknown log facility 'loca0' (did you mean 'local0'?)"),
            ("log 127.0.0.1 local0 notise", "2:22 error: unknown log level 'notise' (did you mean 'notice'?)"),
            ("log 127.0.0.1 len 3 local0", "2:19 error: 'len' must be between 80 and 65535, not 3"),
            (
                "log 127.0.0.1 format foo local0",
                "2:22 error: 'format' does not know 'foo' (it takes local, rfc3164, rfc5424, "
                    + "priority, short, timed, iso, raw)"
            ),
            (
                "log 127.0.0.1 sample 5:4 local0",
                "2:22 error: '5' is no range between 1 and 4"
            ),
            ("log 127.0.0.1 local0 err err x", "2:30 error: unexpected argument 'x' to 'log'"),
            (
                "log ring@r local0",
                "2:5 error: 'log': address prefix 'ring@' is known to HAProxy but not supported by "
                    + "this version of Martlet"
            ),
        ])
    func mistakes(line: String, expected: String) {
        #expect(messages("defaults\n\(line)\n") == [expected])
    }
}
