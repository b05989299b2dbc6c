import Base
import Testing

@testable import Configuration

@Suite("4.2 Proxy keywords")
struct ProxyKeywordTests {
    @Test("what holds when nothing is said")
    func defaults() throws {
        let settings = try proxy(listen()).settings
        #expect(settings.mode == .tcp && settings.retries == 3 && settings.redispatchInterval == nil)
        #expect(settings.httpReuse == .safe && settings.maxconn == nil)
        #expect(settings.httpConnectionMode == .keepAlive && settings.options == [] && settings.logFormat == .plain)
        #expect(settings.retryOn == .connFailure && settings.forwardFor == nil && settings.logTargets == [])
    }

    @Test("all timeouts")
    func timeouts() throws {
        let timeouts = try proxy(
            listen(
                "timeout client 1", "timeout client-fin 2", "timeout connect 3", "timeout server 4",
                "timeout server-fin 5",
                "timeout http-request 6", "timeout http-keep-alive 7", "timeout queue 8", "timeout tunnel 9",
                "timeout check 10", "timeout tarpit 11")
        ).settings.timeouts
        #expect(timeouts.clientMilliseconds == 1 && timeouts.clientFinMilliseconds == 2)
        #expect(timeouts.connectMilliseconds == 3 && timeouts.serverMilliseconds == 4)
        #expect(timeouts.serverFinMilliseconds == 5 && timeouts.httpRequestMilliseconds == 6)
        #expect(timeouts.httpKeepAliveMilliseconds == 7 && timeouts.queueMilliseconds == 8)
        #expect(timeouts.tunnelMilliseconds == 9 && timeouts.checkMilliseconds == 10)
        #expect(timeouts.tarpitMilliseconds == 11)
    }

    @Test("missing timeouts are one warning per proxy; zero is as good as missing")
    func missingTimeouts() {
        #expect(
            messages("listen a\n bind :80\n server s 1.2.3.4\n timeout server 0\n") == [
                "1:1 warning: missing timeouts for listen 'a': client, connect, server (without them, connections that "
                    + "no one uses may stay for ever; set 'timeout client', 'timeout connect', 'timeout server')"
            ])
        #expect(messages("backend empty\n") == [])
    }

    @Test(
        "options switch on, and off again",
        arguments: [
            ("abortonclose", ProxyOptions.abortOnClose), ("tcp-smart-accept", .tcpSmartAccept),
            ("tcp-smart-connect", .tcpSmartConnect), ("clitcpka", .clientKeepAlives), ("srvtcpka", .serverKeepAlives),
            ("dontlognull", .dontLogNull), ("dontlog-normal", .dontLogNormal), ("logasap", .logAsap),
            ("log-separate-errors", .logSeparateErrors),
            ("nolinger", .noLinger), ("allbackups", .allBackups), ("transparent", .transparent),
            ("h1-case-adjust-bogus-client", .caseAdjustClient), ("h1-case-adjust-bogus-server", .caseAdjustServer),
        ])
    func options(name: String, option: ProxyOptions) throws {
        guard KeywordTable.proxyKeywords.contains(where: { $0.name == "option \(name)" }) else { return }
        #expect(try proxy(listen("option \(name)")).settings.options == option)
        #expect(try proxy(listen("option \(name)", "no option \(name)")).settings.options == [])
        #expect(try proxy(listen("option \(name)", "default option \(name)")).settings.options == [])
    }

    @Test("tcpka is both sides, and cannot be negated")
    func tcpka() throws {
        #expect(try proxy(listen("option tcpka")).settings.options == [.clientKeepAlives, .serverKeepAlives])
        #expect(
            errors(listen("no option tcpka")).first?.hasSuffix(
                "'option tcpka' cannot be negated ('no' is for 'log' and for most options)") == true)
    }

    @Test("the connection modes replace each other")
    func connectionModes() throws {
        #expect(try proxy(listen("option httpclose", mode: "http")).settings.httpConnectionMode == .close)
        #expect(
            try proxy(listen("option httpclose", "option http-server-close", mode: "http")).settings.httpConnectionMode
                == .serverClose)
        #expect(
            try proxy(listen("option httpclose", "no option httpclose", mode: "http")).settings.httpConnectionMode
                == .keepAlive)
        #expect(
            try proxy(listen("option httpclose", "no option http-server-close", mode: "http")).settings
                .httpConnectionMode == .close)
    }

    @Test("forwardfor")
    func forwardFor() throws {
        #expect(try proxy(listen("option forwardfor", mode: "http")).settings.forwardFor == ForwardFor())
        let full = try proxy(
            listen("option forwardfor except 127.0.0.0/8 header X-Client if-none", mode: "http")
        ).settings.forwardFor
        #expect(
            full
                == ForwardFor(
                    except: .ipv4(IPv4Address(value: 0x7f00_0000), mask: 0xff00_0000), header: "X-Client", ifNone: true)
        )
        #expect(
            errors(listen("option forwardfor header", mode: "http")) == [
                "7:29 error: 'option forwardfor' expects a field name behind 'header'"
            ])
        #expect(
            errors(listen("option forwardfor expect 1.2.3.4", mode: "http")) == [
                "7:23 error: 'option forwardfor' does not know 'expect' (did you mean 'except'?)"
            ])
        #expect(
            messages(listen("option forwardfor")) == [
                "7:5 warning: 'option forwardfor' ignored for listen 'test', which is not in 'mode http'"
            ])
        #expect(load(listen("option forwardfor")).tree.proxies[0].settings.forwardFor == nil)
    }

    @Test("redispatch takes an interval")
    func redispatch() throws {
        #expect(try proxy(listen("option redispatch")).settings.redispatchInterval == -1)
        #expect(try proxy(listen("option redispatch 3")).settings.redispatchInterval == 3)
        #expect(try proxy(listen("option redispatch 0")).settings.redispatchInterval == nil)
        #expect(try proxy(listen("option redispatch", "no option redispatch")).settings.redispatchInterval == nil)
    }

    @Test("retries and what they are for")
    func retries() throws {
        let settings = try proxy(listen("retries 0", "retry-on conn-failure empty-response 503", mode: "http")).settings
        #expect(settings.retries == 0)
        #expect(settings.retryOn == [.connFailure, .emptyResponse, .status503])
        #expect(try proxy(listen("retry-on none", mode: "http")).settings.retryOn == [])
        #expect(
            try proxy(listen("retry-on all-retryable-errors", mode: "http")).settings.retryOn == .allRetryableErrors)
        #expect(
            errors(listen("retry-on con-failure")).first
                == "7:14 error: 'retry-on' does not know 'con-failure' (did you mean 'conn-failure'?)")
        #expect(errors(listen("retries -1")).count == 1)
    }

    @Test("log formats follow the mode")
    func logFormats() throws {
        #expect(try proxy(listen("option tcplog", "log stdout daemon")).settings.logFormat == .tcp)
        #expect(try proxy(listen("option httplog", "log stdout daemon", mode: "http")).settings.logFormat == .http)
        #expect(
            try proxy(listen("option httplog clf", "log stdout daemon", mode: "http")).settings.logFormat == .httpCLF)
        let result = load(listen("option httplog", "log stdout daemon"))
        #expect(
            result.diagnostics.map(describe) == [
                "7:5 warning: 'option httplog' cannot be used by listen 'test', which is not in 'mode "
                    + "http': falling back to 'option tcplog'"
            ])
        #expect(result.tree.proxies[0].settings.logFormat == .tcp)
    }

    @Test("what one side lacks is ignored with a warning, as HAProxy does, or refused")
    func sides() {
        #expect(
            messages("backend b\n timeout client 1s\n") == [
                "2:2 warning: 'timeout client' ignored: backend 'b' has no frontend side"
            ])
        #expect(messages("backend b\n bind :80\n") == ["2:2 warning: 'bind' ignored: backend 'b' has no frontend side"])
        #expect(
            messages("backend b\n maxconn 5\n") == [
                "2:2 warning: 'maxconn' ignored: backend 'b' has no frontend side (servers have a "
                    + "'maxconn' of their own)"
            ])
        #expect(
            messages("frontend f\n bind :80\n timeout client 1s\n balance roundrobin\n") == [
                "4:2 warning: 'balance' ignored: frontend 'f' has no backend side"
            ])
        #expect(
            messages("frontend f\n bind :80\n timeout client 1s\n server s 1.2.3.4\n") == [
                "4:2 error: 'server' is not allowed: frontend 'f' has no backend side "
                    + "(put it into a 'backend', or make this section a 'listen')"
            ])
        #expect(
            messages("defaults\n bind :80\n") == [
                "2:2 error: 'bind' is not allowed in section 'defaults' (it can stand in 'frontend', 'listen')"
            ])
        #expect(
            messages("defaults\n server s 1.2.3.4\n") == [
                "2:2 error: 'server' is not allowed in section 'defaults' (it can stand in 'listen', 'backend')"
            ])
        #expect(
            messages("defaults\n acl a path /\n") == [
                "2:2 error: 'acl' is not allowed in a 'defaults' section without a name"
            ])
        #expect(messages("defaults d\n acl a path /\n") == [])
    }

    @Test("error responses come from files and redirects")
    func errorResponses() throws {
        let settings = try proxy(
            listen("errorfile 503 /dev/null", "errorloc 404 /lost", "errorloc303 500 http://x/", mode: "http")
        ).settings
        #expect(settings.errorResponses[503] == .file(path: "/dev/null", bytes: []))
        #expect(settings.errorResponses[404] == .redirect(status: 302, location: "/lost"))
        #expect(settings.errorResponses[500] == .redirect(status: 303, location: "http://x/"))
        #expect(
            errors(listen("errorfile 503 /nonexistent"))
                == ["7:19 error: cannot read the error file '/nonexistent': No such file or directory"])
        #expect(errors(listen("errorfile 503 /etc/passwd")).first?.contains("holds no HTTP response") == true)
        #expect(
            errors(listen("errorfile 999 /dev/null")) == [
                "7:15 error: 'errorfile' must be between 200 and 599, not 999"
            ])
        #expect(
            errors(listen("errorfile 299 /dev/null")).first?.contains("status 299 is not one that 'errorfile' handles")
                == true)
    }

    @Test("source addresses")
    func source() throws {
        let source = try proxy(listen("source 10.0.0.1:1024 interface eth1")).settings.source
        #expect(source?.address.host == .ipv4(IPv4Address(value: 0x0a00_0001)))
        #expect(source?.address.port == .fixed(1_024))
        #expect(source?.interface == "eth1")
        #expect(
            errors(listen("source 0.0.0.0 usesrc client")) == [
                "7:20 error: 'usesrc' is known to HAProxy but not supported by this version of Martlet"
            ])
        #expect(errors(listen("source 0.0.0.0 foo")) == ["7:20 error: unexpected argument 'foo' to 'source'"])
    }

    @Test(
        "mistakes",
        arguments: [
            ("mode htpp", "7:10 error: 'mode' does not know 'htpp' (did you mean 'http'?)"),
            ("mode", "7:5 error: 'mode' expects { tcp | http }"),
            ("balance roundrobbin", "7:13 error: 'balance' does not know 'roundrobbin' (did you mean 'roundrobin'?)"),
            (
                "balance sticky",
                "7:13 error: balance algorithm 'sticky' is known to HAProxy but not supported by "
                    + "this version of Martlet"
            ),
            ("balance first x", "7:19 error: unexpected argument 'x' to 'balance'"),
            ("balance random(0)", "7:13 error: 'balance random' expects a number of draws from 1 to 1000, not '0'"),
            ("balance first(3)", "7:13 error: 'balance first' takes nothing in parentheses, or lacks a ')'"),
            ("balance hdr", "7:13 error: 'balance hdr' expects the name of a field in parentheses"),
            ("balance hdr(a,b)", "7:13 error: 'a,b' is no name that 'balance' could look for"),
            (
                "balance uri depht 1",
                "7:17 error: 'balance' does not know 'depht' (did you mean 'depth'?)"
            ),
            ("balance uri len x", "7:21 error: 'balance uri len' expects an integer, not 'x'"),
            ("balance url_param", "7:22 error: 'balance' expects the name of a parameter"),
            ("balance hash pth", "7:18 error: unknown sample fetch 'pth' (did you mean 'path'?)"),
            ("hash-type ring", "7:15 error: 'hash-type' does not know 'ring' (it takes map-based, consistent)"),
            (
                "hash-type consistent crc23",
                "7:26 error: 'hash-type' does not know 'crc23' (did you mean 'crc32'?)"
            ),
            (
                "hash-balance-factor 100",
                "7:25 error: 'hash-balance-factor' must be 0 or above 100, not 100"
            ),
            (
                "http-reuse sometimes",
                "7:16 error: 'http-reuse' does not know 'sometimes' (it takes never, safe, aggressive, always)"
            ),
            (
                "timeout clinet 5s",
                "7:5 error: unknown keyword 'timeout clinet' in section 'listen' (did you mean 'timeout client'?)"
            ),
            (
                "timeout client 5x",
                "7:21 error: unexpected character 'x' in the time '5x' of 'timeout client' (units are "
                    + "us, ms, s, m, h and d)"
            ),
            (
                "timeout client 30d",
                "7:20 error: timer overflow in '30d' of 'timeout client': at most 2147483647 ms (about 24.8 days)"
            ),
            ("timeout client 5s 6s", "7:23 error: unexpected argument '6s' to 'timeout client'"),
            (
                "timeout",
                "7:5 error: 'timeout' expects a word behind it (such as check, client, client-fin, "
                    + "connect, http-keep-alive, http-request, queue, server, server-fin, tarpit, tunnel)"
            ),
            (
                "option httplgo",
                "7:5 error: unknown keyword 'option httplgo' in section 'listen' (did you mean 'option httplog'?)"
            ),
            (
                "option httpchk GET /",
                "7:5 error: keyword 'option httpchk' is known to HAProxy but not supported by this version of Martlet"
            ),
            ("option nolinger now", "7:21 error: unexpected argument 'now' to 'option nolinger'"),
            (
                "http-request deny",
                "7:5 warning: 'http-request' rules ignored for listen 'test', which is not in 'mode http'"
            ),
            ("clitimeout 5000", "7:5 error: 'clitimeout' is no longer supported (use 'timeout client')"),
            (
                "nbthread 4",
                "7:5 error: 'nbthread' is not allowed in section 'listen' (this keyword belongs into 'global')"
            ),
            ("frobnicate", "7:5 error: unknown keyword 'frobnicate' in section 'listen'"),
            ("no", "7:5 error: 'no' expects a keyword"),
            ("default maxconn", "7:5 error: 'default' can only stand before an option"),
            (
                "default_backend nowhere",
                "7:21 error: 'default_backend' of listen 'test': there is no backend 'nowhere'"
            ),
            (
                "default_backend tset",
                "7:21 error: 'default_backend' of listen 'test': there is no backend 'tset' (did you mean 'test'?)"
            ),
        ])
    func mistakes(line: String, expected: String) {
        #expect(messages(listen(line)) == [expected])
    }

    @Test("backends are found wherever they stand, and must fit the mode")
    func backends() throws {
        let text =
            "frontend f\n bind :80\n timeout client 1s\n use_backend two if TRUE\n "
            + "default_backend one\nbackend one\nbackend two\n"
        let frontend = try proxy(text)
        #expect(frontend.defaultBackend == 1 && frontend.useBackends.map(\.backend) == [2])
        let head = "frontend f\n bind :80\n timeout client 1s\n default_backend b\n"
        #expect(
            errors(" \(head) mode http\nbackend b\n") == [
                "4:18 error: http frontend 'f' cannot use tcp backend 'b' (both need the same 'mode') "
                    + "[6: 'b' is in 'mode tcp']"
            ])
        #expect(errors("\(head)backend b\n mode http\n") == [])
        #expect(
            errors("\(head)frontend b\n") == [
                "4:18 error: 'default_backend' of frontend 'f': 'b' is a frontend [5: the frontend is here]"
            ])
    }

    @Test("with switch-mode, what is said of requests counts in mode tcp, and without it there is a warning")
    func switchMode() throws {
        let text = """
            frontend f
                bind :80
                timeout client 1s
                default_backend b
                option forwardfor
                http-request deny if { path /x }
            """
        let end = "\nbackend b\n mode http\n"
        #expect(
            messages(text + end) == [
                "5:5 warning: 'option forwardfor' ignored for frontend 'f', which is not in 'mode http'",
                "6:5 warning: 'http-request' rules ignored for frontend 'f', which is not in 'mode http'",
            ])
        let switching = text.replacing(
            " default", with: " tcp-request content switch-mode http proto h1 if HTTP\n default")
        #expect(messages(switching + end) == [])
        let frontend = try proxy(switching + end)
        #expect(frontend.switchesMode && frontend.settings.forwardFor != nil)
    }

    @Test("a use_backend behind one without a condition is never reached")
    func unreachable() {
        let text = listen("use_backend pool", "use_backend pool if TRUE")
        #expect(messages(text) == ["8:5 warning: this 'use_backend' is never reached [7: this rule has no condition]"])
    }

    @Test("a disabled proxy is not checked, and refers to nothing that is not there")
    func disabled() throws {
        let section = try proxy(
            "listen l\n bind :80\n disabled\n default_backend nowhere\n use_backend nowhere if TRUE\n"
                + " use_backend b\n server s 1.1.1.1\n server s 1.1.1.1\nbackend b\n")
        #expect(section.settings.isDisabled && section.defaultBackend == nil)
        #expect(section.useBackends.map(\.backend) == [1])
    }

    @Test("proto is h1, and HTTP's alone")
    func protocols() throws {
        #expect(try proxy(listen("bind :81 proto h1", "server s 1.1.1.1 proto h1", mode: "http")).binds.count == 2)
        #expect(errors(listen("server s 1.1.1.1 proto h1")) == ["7:5 error: 'proto h1' cannot be used in 'mode tcp'"])
        #expect(
            errors(listen("bind :81 proto h2", mode: "http")) == [
                "7:20 error: protocol 'h2' is known to HAProxy but not supported by this version of Martlet"
            ])
    }
}
