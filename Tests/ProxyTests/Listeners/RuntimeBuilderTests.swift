import Base
import Configuration
import Engine
import Glibc
import Testing

@testable import Proxy

@Suite("From the configuration to what runs")
struct RuntimeBuilderTests {
    private let kernel = HostKernel()

    private func runtime(_ text: String) throws -> ProxyRuntime {
        let loaded = ConfigurationLoader().load(text: "global\n nbthread 1\n maxconn 50\n" + text + "\n")
        try #require(!loaded.hasErrors, "\(loaded.diagnostics)")
        return try ProxyRuntime(loaded.tree, kernel: kernel)
    }

    private func errors(_ text: String) -> [String] {
        do {
            _ = try runtime(text)
            return []
        } catch let error as StartError {
            return error.messages
        } catch {
            Issue.record(error)
            return []
        }
    }

    @Test("names without an address: all of them are told in one run")
    func allErrors() {
        let messages = errors(
            """
            frontend fe
             bind 127.0.0.1:1
             default_backend be
            backend be
             server s1 no-such-name.invalid:80
             server s2 127.0.0.1:80 source no-such-source.invalid
            """)
        #expect(messages.count == 2, "\(messages)")
        for part in ["s1", "source"] {
            #expect(messages.contains { $0.contains(part) }, "\(part)")
        }
    }

    @Test("init-addr none starts without an address")
    func initAddressNone() throws {
        let runtime = try runtime("backend be\n server s1 no-such-name.invalid:80 init-addr libc,none")
        #expect(runtime.backends[0].servers.count == 1)
    }

    @Test("disabled sections are left out")
    func disabled() throws {
        let runtime = try runtime(
            "frontend a\n bind 127.0.0.1:1\n disabled\nbackend b\n disabled\nbackend c\n server s 127.0.0.1:1")
        #expect(runtime.frontends.isEmpty)
        #expect(runtime.backends.map { "\($0.name)" } == ["c"])
    }

    @Test("a listen section is a frontend and its own default backend")
    func listen() throws {
        let runtime = try runtime("listen l\n bind 127.0.0.1:1\n server s 127.0.0.1:1")
        #expect(runtime.frontends[0].defaultBackend === runtime.backends[0])
    }

    @Test("a port offset of a server is kept apart from its port")
    func portOffset() throws {
        let runtime = try runtime(
            "backend b\n server a 127.0.0.1:80\n server b 127.0.0.1:+1000\n server c 127.0.0.1")
        let servers = runtime.backends[0].servers
        #expect(servers.map(\.portOffset) == [nil, 1000, 0])
        #expect(servers[0].address.port == 80)
    }

    @Test("listeners that cannot be opened are all told, and those that were are closed again")
    func openErrors() throws {
        let (taken, address) = try Origin.listen(kernel)
        defer { _ = kernel.close(taken) }
        let (free, freeAddress) = try Origin.listen(kernel)
        _ = kernel.close(free)
        let runtime = try runtime(
            """
            frontend fe
             bind 127.0.0.1:\(freeAddress.port)
             bind 127.0.0.1:\(address.port)
             bind /nonexistent/martlet.sock
            """)
        let error = #expect(throws: StartError.self) { try runtime.openListeners() }
        #expect(error?.messages.count == 2)
        // The one that was opened listens no more.
        let again = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { _ = kernel.close(again) }
        #expect(kernel.bind(again, freeAddress) >= 0)
    }
}
