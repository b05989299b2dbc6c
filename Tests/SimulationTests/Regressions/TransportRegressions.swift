import Base
import Testing

@testable import Simulation

/// What sweeps have found, as worlds of a few lines.
@Suite("Regressions found by sweeps")
struct SweepRegressions {
    /// A world of one client, one frontend at port 8000 and one server.
    private func plan(_ poller: String, _ options: String = "", seed: UInt64 = 1) -> WorldPlan {
        var plan = WorldPlan(faults: .none, seed: seed)
        plan.poller = poller
        plan.servers = [ServerPlan(address: SocketAddress(ipv4: 0x7F00_0100, port: 80))]
        plan.entrances = [SocketAddress(ipv4: 0x7F00_0001, port: 8000)]
        plan.longestTimeoutMilliseconds = 5000
        plan.configuration = """
            global
             nbthread 1
             maxconn 100
            defaults
             mode http
             timeout connect 2s
             timeout client 5s
             timeout server 5s
             \(options)
            frontend f
             bind 127.0.0.1:8000
             default_backend b
            backend b
             server s 127.0.1.0:80

            """
        return plan
    }

    private func exchange(_ id: Int) -> Exchange {
        let exchange = Exchange(id: id)
        exchange.target = "/\(id)"
        exchange.responseBody = BodyPlan(framing: .length, count: 100, pattern: Pattern(UInt64(id)))
        return exchange
    }

    /// A response that ends with its connection was followed by a reset, because the client's next request, sent ahead,
    /// lay unread in the socket: the reset overtook the response (RFC 9112 section 9.6).
    @Test("a request sent ahead does not cost the client the response before it", arguments: WorldPlan.pollers)
    func pipelinedBehindTheLast(poller: String) {
        for seed in 1...10 as ClosedRange<UInt64> {
            var plan = plan(poller, seed: seed)
            let first = exchange(0), second = exchange(1)
            first.requestPace = Pace(pieceBytes: 60, pauseMilliseconds: 1)
            first.responseBody = BodyPlan(framing: .untilClose, count: 3000, pattern: Pattern(5))
            first.workMilliseconds = 20
            first.readPace = Pace(pieceBytes: 500, pauseMilliseconds: 3)
            var client = ClientPlan(number: 0, entrance: plan.entrances[0])
            client.exchanges = [first, second]
            client.isPipelined = true
            plan.clients = [client]
            let world = ProxyWorld(plan)
            world.run()
            #expect(world.violations.isEmpty)
            #expect(world.exchangesWhole == 2)
        }
    }

    /// A report of input alone was taken for the end of connecting: the refusal that came later was then answered with
    /// 502, and not tried again.
    @Test("a false report of input does not end connecting", arguments: WorldPlan.pollers)
    func falseReportWhileConnecting(poller: String) {
        for seed in 1...10 as ClosedRange<UInt64> {
            var plan = plan(poller, " retries 1", seed: seed)
            plan.servers[0].kind = .refuses
            plan.troubles.insert(.badServer)
            plan.faults = .harmless
            var client = ClientPlan(number: 0, entrance: plan.entrances[0])
            client.exchanges = [exchange(0)]
            plan.clients = [client]
            let world = ProxyWorld(plan)
            world.kernel.faults[.spuriousReadiness] = 0.9
            world.run()
            #expect(world.violations.isEmpty)
            #expect(world.exchangesChecked == 1)
        }
    }

    /// The process ended under an answer of the runtime API: a drain looked at connections alone.
    @Test("a drain waits for what the runtime API is asked", arguments: ["epoll", "select"])
    func drainWhileCommandsAreAnswered(poller: String) {
        for seed in 1...8 as ClosedRange<UInt64> {
            var plan = plan(poller, seed: seed)
            plan.configuration = "global\n stats socket 127.0.2.1:9999 level admin\n" + plan.configuration
            plan.statsAddress = SocketAddress(ipv4: 0x7F00_0201, port: 9999)
            plan.commandSessions = 5
            plan.drainMilliseconds = 300 * Int(seed)
            // An answer takes many turns.
            plan.machineOptions.streamBytes = 128
            let world = ProxyWorld(plan)
            world.run()
            #expect(world.violations.isEmpty)
        }
    }
}
