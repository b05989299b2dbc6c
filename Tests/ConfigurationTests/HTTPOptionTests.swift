import Base
import Testing

@testable import Configuration

@Suite("4.2 Options and keywords of HTTP proxies, and what 'global' has for them")
struct HTTPOptionTests {
    private func http(_ lines: String...) throws -> ProxySettings {
        let timeouts = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        let text = (["bind :80", "mode http"] + lines).map { " \($0)\n" }.joined()
        return try proxy(timeouts + "listen t\n" + text).settings
    }

    private func found(_ lines: String) -> [String] {
        ConfigurationLoader().load(text: lines + "\nbackend b\n").diagnostics.filter { $0.severity == .error }
            .map(\.message)
    }

    @Test(
        "options switch on, and off again",
        arguments: [
            ("accept-invalid-http-request", ProxyOptions.acceptInvalidRequest),
            ("accept-invalid-http-response", .acceptInvalidResponse), ("checkcache", .checkCache),
            ("http-no-delay", .httpNoDelay),
            ("http-pretend-keepalive", .httpPretendKeepAlive), ("http-use-proxy-header", .httpUseProxyHeader),
            ("idle-close-on-response", .idleCloseOnResponse), ("prefer-last-server", .preferLastServer),
        ])
    func options(name: String, option: ProxyOptions) throws {
        #expect(try http("option \(name)").options == option)
        #expect(try http("option \(name)", "no option \(name)").options == [])
    }

    @Test("values arrive")
    func values() throws {
        #expect(try http().restrictedNames == .preserve && http().maxKeepAliveQueue == -1)
        #expect(try http("option http-restrict-req-hdr-names reject").restrictedNames == .reject)
        #expect(try http("max-keep-alive-queue 3").maxKeepAliveQueue == 3)
        #expect(try http("http-send-name-header X-N").serverNameHeader == Array("X-N".utf8))
        #expect(try http("rate-limit sessions 10").sessionsPerSecond == 10)
        #expect(try http("option originalto").originalTo?.header == "X-Original-To")
        #expect(try http("option originalto header X-D except 10.0.0.0/8").originalTo?.except != nil)
        #expect(try http("dispatch 10.0.0.1:80").dispatch?.fixedPort == 80)
        #expect(try http("error-log-format %ST").errorLogFormat?.tags == [.status])
        let server = ConfigurationLoader().load(
            text: "backend b\n server s 10.0.0.1:80 maxqueue 4 redir http://a\n timeout connect 1\n timeout server 1\n")
        #expect(server.tree.proxies[0].servers[0].settings.maxqueue == 4)
        #expect(server.tree.proxies[0].servers[0].settings.redirectionPrefix == Array("http://a".utf8))
    }

    @Test("values of global arrive")
    func global() {
        let result = ConfigurationLoader().load(
            text: """
                global
                 grace 2s
                 close-spread-time infinite
                 fd-hard-limit 500
                 strict-limits
                 maxsessrate 7
                 noreuseport
                 tune.http.cookielen 20
                 h1-case-adjust x-foo X-Foo
                frontend f
                 mode http
                 capture cookie a len 100

                """)
        #expect(!result.hasErrors)
        let global = result.tree.global
        #expect(global.graceMilliseconds == 2_000 && global.closeSpreadMilliseconds == .max)
        #expect(
            global.fdHardLimit == 500 && global.strictLimits && GlobalSettings().strictLimits
                && global.sessionsPerSecond == 7)
        #expect(global.noReusePort && global.caseAdjustments == [Array("X-Foo".utf8)])
        #expect(result.tree.proxies[0].captures.cookieLengthBytes == 20)
    }

    @Test(
        "mistakes",
        arguments: [
            ("global\n h1-case-adjust x-foo X-Bar", "'X-Bar' differs from 'x-foo' in more than the case of letters"),
            ("global\n h1-case-adjust a A\n h1-case-adjust a A", "'a' has a spelling already"),
            ("global\n h1-case-adjust a: A:", "'a:' is no name of a field"),
            ("backend x\n dispatch 10.0.0.1", "'dispatch': missing port in '10.0.0.1'"),
            ("frontend x\n rate-limit sessions x", "'rate-limit sessions' expects an integer, not 'x'"),
            ("backend x\n option originalto if-none", "'option originalto' does not know 'if-none'"),
            ("backend x\n server s 10.0.0.1 redir a\\ b", "'a b' is no URL"),
            (
                "frontend x\n bind :80 process 2",
                "'2' leaves out process 1, which is the only one"
            ),
        ])
    func mistakes(text: String, message: String) {
        #expect(found(text).contains { $0.hasPrefix(message) }, "\(found(text))")
    }

    @Test(
        "what says what Martlet does anyway is taken, and nothing else",
        arguments: [
            ("no-memory-trimming", true), ("insecure-fork-wanted", true), ("insecure-setuid-wanted", true),
            ("noevports", true), ("no busy-polling", true), ("busy-polling", false), ("no numa-cpu-mapping", true),
            ("numa-cpu-mapping", false), ("no set-dumpable", true), ("set-dumpable", false),
            ("profiling.tasks off", true), ("profiling.tasks on", false), ("tune.fd.edge-triggered on", true),
            ("tune.fd.edge-triggered off", false), ("tune.listener.multi-queue off", true),
            ("tune.listener.multi-queue on", false),
        ])
    func fixed(line: String, isTaken: Bool) {
        #expect(found("global\n " + line).isEmpty == isTaken)
    }

    @Test("the places of shards and of processes")
    func binds() throws {
        let result = ConfigurationLoader().load(
            text: "frontend f\n bind :80 shards by-thread\n bind :81 shards 2 process 1/odd process all/2\n")
        let binds = result.tree.proxies[0].binds
        #expect(binds[0].settings.shards == .max && binds[1].settings.shards == 2)
        // Not compared as an optional: AddressSanitizer dislikes what the macro makes of one.
        #expect(try #require(binds[1].settings.threads) == UInt64(0x5555_5555_5555_5555 | 2))
    }
}
