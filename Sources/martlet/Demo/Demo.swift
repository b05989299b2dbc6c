import Base
import Configuration
import Engine
import Glibc
import Proxy

/// `martlet demo`: three origin servers and the proxy that balances over them, in one process on one engine.
struct Demo {
    private let arguments: DemoArguments
    private let messages: Messages

    init(_ arguments: DemoArguments, _ messages: Messages) {
        self.arguments = arguments
        self.messages = messages
    }

    func run() -> Int32 {
        var configuration = DemoConfiguration(
            port: arguments.port, threads: min(ProxyRuntime.processorCount, Limits.threads),
            pollers: arguments.pollers)
        if arguments.wantsHelp {
            Console.output(Usage.text(program: "martlet"))
            return 0
        }
        if arguments.printsConfiguration {
            Console.output(configuration.text)
            return 0
        }
        // A second demo is to find the port taken, not to share it.
        let kernel = ExclusivePortsKernel()
        do {
            let origins = try Demo.makeOrigins(configuration, kernel)
            configuration.originPorts = origins.map(\.port)
            return try start(configuration, origins, kernel)
        } catch let error as SystemError {
            messages.alert("demo: cannot start an origin server: \(error)")
            return 1
        } catch {
            Console.error("martlet demo --port NUMBER uses another port than \(configuration.port).\n")
            return (error as? Startup.Refusal)?.status ?? 1
        }
    }

    private static func makeOrigins(
        _ configuration: DemoConfiguration, _ kernel: Kernel
    ) throws(SystemError) -> [DemoOrigin] {
        var origins: [DemoOrigin] = []
        for (index, port) in configuration.originPorts.enumerated() {
            origins.append(
                try DemoOrigin(
                    name: DemoConfiguration.originName(index), port: port, workers: configuration.threads,
                    kernel: kernel))
        }
        return origins
    }

    private func start(
        _ configuration: DemoConfiguration, _ origins: [DemoOrigin], _ kernel: Kernel
    ) throws(Startup.Refusal) -> Int32 {
        var options = Arguments()
        options.pollers = arguments.pollers
        options.foreground = true
        let startup = Startup(options, messages, kernel: kernel)
        let loader = ConfigurationLoader(environment: startup.loaderEnvironment)
        let tree = try startup.accept(loader.load(text: configuration.text, name: "demo.cfg"))
        var poller = ""
        startup.prepare = { runtime throws(Startup.Refusal) in
            poller = runtime.group.pollerName
            for origin in origins {
                origin.open(on: runtime.group.workers[0], threads: .all(configuration.threads))
            }
        }
        startup.started = { Console.output(Demo.introduction(configuration, poller: poller)) }
        return try startup.start(tree)
    }

    static func introduction(_ configuration: DemoConfiguration, poller: String) -> String {
        var text = ProgramVersion.banner + "\n"
        for (index, port) in configuration.originPorts.enumerated() {
            text += "  \(DemoConfiguration.originName(index))   http://127.0.0.1:\(port)/\n"
        }
        let threads = configuration.threads == 1 ? "1 thread" : "\(configuration.threads) threads"
        let port = configuration.port
        text += """
              martlet   http://127.0.0.1:\(port)/   balances over them with \(threads), on \(poller)

            Try, in another terminal:
              curl http://127.0.0.1:\(port)/                     each request goes to the next origin
              for i in 1 2 3 4 5 6; do curl -s http://127.0.0.1:\(port)/; done
              curl -i http://127.0.0.1:\(port)/                  with the fields that the origin sent
              martlet demo --print-config               the configuration that runs here

            Ctrl-C ends it.

            """
        return text
    }
}
