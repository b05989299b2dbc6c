import Base
import Testing

@testable import Configuration

@Suite("4 Proxies: sections and defaults")
struct SectionTests {
    @Test("sections come out in order, with kinds, names and numbers")
    func order() {
        let tree = load(
            """
            global
                quiet
            defaults
                mode http
            frontend web
                bind :80
                timeout client 1s
            backend app
            listen both
                id 1
                bind :81
                timeout client 1s
            """
        ).tree
        #expect(tree.proxies.map(\.name) == ["web", "app", "both"])
        #expect(tree.proxies.map(\.kind) == [.frontend, .backend, .listen])
        #expect(tree.proxies.map(\.id) == [2, 3, 1])
        #expect(tree.proxies.map(\.settings.mode) == [.http, .http, .http])
        #expect(tree.global.quiet)
        #expect(tree.defaults.count == 1)
    }

    @Test("each defaults section starts afresh, and rules until the next")
    func latestDefaults() {
        let tree = load(
            """
            defaults
                mode http
                retries 5
                option redispatch
            backend one
            defaults
                timeout server 2s
            backend two
            """
        ).tree
        #expect(tree.proxies[0].settings.mode == .http)
        #expect(tree.proxies[0].settings.retries == 5)
        #expect(tree.proxies[0].settings.redispatchInterval == -1)
        #expect(tree.proxies[1].settings.mode == .tcp)
        #expect(tree.proxies[1].settings.retries == 3)
        #expect(tree.proxies[1].settings.timeouts.serverMilliseconds == 2_000)
    }

    @Test("defaults are named, taken over by 'from', and by each other")
    func namedDefaults() {
        let result = load(
            """
            defaults base
                timeout connect 1s
                mode http
            defaults long from base
                timeout server 1h
            defaults other
            backend one from long
            backend two from base
            """)
        #expect(result.diagnostics.isEmpty)
        #expect(result.tree.proxies[0].settings.timeouts.serverMilliseconds == 3_600_000)
        #expect(result.tree.proxies[0].settings.timeouts.connectMilliseconds == 1_000)
        #expect(result.tree.proxies[1].settings.timeouts.serverMilliseconds == nil)
        #expect(result.tree.proxies[1].settings.mode == .http)
    }

    @Test(
        "heads that are wrong",
        arguments: [
            ("listen\n", "1:1 error: section 'listen' expects a name"),
            (
                "backend a/b\n",
                "1:10 error: character '/' is not permitted in the name 'a/b' (names are made of "
                    + "letters, digits, '-', '_', '.' and ':')"
            ),
            (
                "backend a b\n",
                "1:11 error: unexpected argument 'b' after the section's name (only 'from <defaults>' may stand here)"
            ),
            (
                "frontend a :80\n",
                "1:12 error: unexpected argument ':80' after the section's name (give addresses with 'bind')"
            ),
            ("global x\n", "1:8 error: section 'global' takes no name"),
            ("backend a from\n", "1:11 error: 'from' expects the name of a 'defaults' section"),
            (
                "defaults base\nbackend a from bas\n",
                "2:16 error: no 'defaults' section named 'bas' (did you mean 'base'?)"
            ),
            (
                "defaults a\ndefaults a\nbackend b from a\n",
                "3:16 error: 'defaults' section 'a' is ambiguous: there are 2 of that name"
                    + " [1: one of them is here] [2: one of them is here]"
            ),
            ("defaults a\nbackend b from a x\n", "2:18 error: unexpected argument 'x' after 'from a'"),
            (
                "peers p\n  peer a 1.2.3.4:5\n",
                "1:1 error: section 'peers' is known to HAProxy but not supported by this version of Martlet"
            ),
            ("bakend a\n", "1:1 error: unknown section 'bakend' (did you mean 'backend'?)"),
            (
                "mode http\nfoo\n",
                "1:1 error: unknown keyword 'mode' outside of a section (a file starts with a section "
                    + "such as 'global' or 'defaults')"
            ),
        ])
    func wrongHeads(text: String, expected: String) {
        #expect(messages(text) == [expected])
    }

    @Test("a defaults section that is used with and without its name is warned about")
    func mixedUses() {
        #expect(
            messages("defaults a\nbackend b from a\nbackend c\n") == [
                "2:1 warning: 'defaults' section 'a' is named here, and used without a name elsewhere "
                    + "(name the 'defaults' of every section, or of none) [3: this section uses it without naming it]"
            ])
    }

    @Test("a frontend and a backend may share a name; two of a kind may not")
    func names() {
        #expect(errors("frontend a\nbackend a\n") == [])
        #expect(
            errors("backend a\nbackend a\n") == [
                "2:1 error: backend 'a' has the name of another proxy [1: the first one is here]"
            ])
        #expect(
            errors("frontend a\nlisten a\n") == [
                "2:1 error: listen 'a' has the name of another proxy [1: the first one is here]"
            ])
    }

    @Test("numbers are unique")
    func identifiers() {
        #expect(
            errors("backend a\n id 5\nbackend b\n id 5\n") == [
                "3:1 error: id 5 is the id of another proxy [1: the first one is here]"
            ])
        #expect(
            errors("backend a\n server x 1.1.1.1 id 2\n server y 1.1.1.2 id 2\n")
                == ["3:2 error: id 2 is the id of another server [2: the first one is here]"])
        let servers = load("backend a\n server x 1.1.1.1\n server y 1.1.1.2 id 1\n server z 1.1.1.3\n").tree.proxies[0]
            .servers
        #expect(servers.map(\.id) == [2, 1, 3])
    }

    @Test("a section that is not supported is passed over with one message")
    func skipped() {
        let result = load("userlist u\n user a password b\n nonsense\nbackend b\n")
        #expect(result.diagnostics.count == 1)
        #expect(result.tree.proxies.map(\.name) == ["b"])
    }
}

@Suite("3 Global parameters")
struct GlobalTests {
    @Test("every value arrives")
    func values() {
        let result = load(
            """
            global
                chroot /var/empty
                daemon
                description a b
                gid 5
                group root
                hard-stop-after 30s
                localpeer me
                master-worker
                nbthread 4
                node n
                pidfile /run/x.pid
                uid 6
                ulimit-n 1000
                user root
                zero-warning
                maxconn 2000
                noepoll
                nokqueue
                nopoll
                nouring
                tune.bufsize 32k
                tune.http.maxhdr 50
                tune.maxaccept -1
                tune.maxpollevents 100
                tune.maxrewrite 1024
                tune.idle-pool.shared off
                tune.pool-low-fd-ratio 3
                tune.pool-high-fd-ratio 4
                stats timeout 1m
                stats maxconn 3
                log-send-hostname
                log-tag tag
            """)
        #expect(result.diagnostics.map(describe) == [])
        let global = result.tree.global
        #expect(global.chroot == "/var/empty" && global.daemon && global.description == "a b" && global.gid == 5)
        #expect(global.group == "root" && global.hardStopAfterMilliseconds == 30_000 && global.localpeer == "me")
        #expect(global.masterWorker && global.nbthread == 4 && global.node == "n" && global.pidfile == "/run/x.pid")
        #expect(global.uid == 6 && global.ulimitN == 1_000 && global.user == "root" && global.zeroWarning)
        #expect(global.maxconn == 2_000 && global.noEpoll && global.noKqueue && global.noPoll && global.noUring)
        #expect(global.tuneBufsizeBytes == 32_768 && global.tuneHTTPMaxhdr == 50 && global.tuneMaxaccept == -1)
        #expect(global.tuneMaxpollevents == 100 && global.tuneMaxrewriteBytes == 1_024)
        #expect(!global.tuneIdlePoolShared && global.tunePoolLowFDRatio == 3 && global.tunePoolHighFDRatio == 4)
        #expect(global.statsTimeoutMilliseconds == 60_000 && global.statsMaxconn == 3)
        #expect(global.logSendHostname == "" && global.logTag == "tag")
        #expect(global.ranges["nbthread"]?.line == 10)
    }

    @Test("stats sockets take addresses and the parameters of bind")
    func statsSockets() throws {
        let result = load(
            """
            global
                unix-bind mode 600 user root prefix /srv
                stats socket /run/a.sock mode 660 level admin group root
                stats socket ipv4@127.0.0.1:9999 name tcp
                stats socket fd@4 level operator
            """)
        #expect(result.diagnostics.map(describe) == [])
        let sockets = result.tree.global.statsSockets
        #expect(
            sockets.map { $0.addresses[0].host } == [
                .unix("/srv/run/a.sock"), .ipv4(IPv4Address(value: 0x7f00_0001)), .fileDescriptor(4),
            ])
        #expect(sockets[0].bind.mode == 0o660 && sockets[0].bind.user == "root" && sockets[0].bind.group == "root")
        #expect(sockets[0].bind.level == .admin)
        #expect(sockets[1].bind.level == .operator && sockets[1].bind.mode == nil)
    }

    @Test(
        "mistakes",
        arguments: [
            ("nbthread 0", "2:10 error: 'nbthread' must be between 1 and 64, not 0"),
            ("nbthread 65", "2:10 error: 'nbthread' must be between 1 and 64, not 65"),
            ("nbthread", "2:1 error: 'nbthread' expects <number>"),
            ("nbthread x", "2:10 error: 'nbthread' expects an integer, not 'x'"),
            (
                "maxconn 99999999999999999999",
                "2:9 error: 'maxconn' must be between 0 and 1073741824, not 99999999999999999999"
            ),
            ("daemon now", "2:8 error: unexpected argument 'now' to 'daemon'"),
            ("tune.bufsize 16x", "2:14 error: 'tune.bufsize' expects a size, not '16x' (units are k, m and g)"),
            (
                "tune.maxaccpet 5",
                "2:1 error: unknown keyword 'tune.maxaccpet' in section 'global' (did you mean 'tune.maxaccept'?)"
            ),
            (
                "ca-base /etc",
                "2:1 error: keyword 'ca-base' is known to HAProxy but not supported by this version of Martlet"
            ),
            (
                "stats sokcet /x",
                "2:1 error: unknown keyword 'stats sokcet' in section 'global' (did you mean 'stats socket'?)"
            ),
            ("stats", "2:1 error: 'stats' expects a word behind it (such as maxconn, socket, timeout)"),
            ("stats socket /x level amdin", "2:23 error: 'level' does not know 'amdin' (did you mean 'admin'?)"),
            ("stats socket /x mode 999", "2:22 error: '999' is no file mode (write it in octal, such as 660)"),
            (
                "timeout client 5s",
                "2:1 error: 'timeout' is not allowed in section 'global' (this keyword belongs into a proxy)"
            ),
            ("no daemon", "2:1 error: 'daemon' cannot be negated ('no' is for 'log' and for most options)"),
            ("nbproc 4", "2:1 error: 'nbproc' is no longer supported (use 'nbthread')"),
            ("log global", "2:5 error: 'log global' is for proxies"),
        ])
    func mistakes(line: String, expected: String) {
        #expect(messages("global\n\(line)\n") == [expected])
    }
}
