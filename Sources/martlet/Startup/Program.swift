import CPlatform
import Configuration
import Engine
import Glibc
import Proxy

/// The program: from the command line to the exit status.
enum Program {
    static func main() -> Never {
        let words = CommandLine.arguments
        exit(run(name: words.first ?? "martlet", Array(words.dropFirst())))
    }

    private static func run(name: String, _ words: [String]) -> Int32 {
        let messages = Messages(executable: SystemProcess.executablePath)
        do {
            if words.first == "demo" {
                return Demo(try DemoArguments(parsing: Array(words.dropFirst())), messages).run()
            }
            if words.first == "check" {
                let check = try CheckArguments(parsing: Array(words.dropFirst()))
                return run(name: name, check.arguments, messages, format: check.format)
            }
            return run(name: name, try Arguments(parsing: words), messages)
        } catch {
            Console.error("martlet: \(error.message)\n")
            if error.showsUsage { Console.error(Usage.text(program: name)) }
            return 1
        }
    }

    private static func run(
        name: String, _ arguments: Arguments, _ messages: Messages, format: CheckArguments.Format = .text
    ) -> Int32 {
        if arguments.wantsHelp {
            Console.output(ProgramVersion.banner + Usage.text(program: name))
            return 0
        }
        switch arguments.versionRequest {
        case .brief:
            Console.output(ProgramVersion.banner)
            return 0
        case .detailed:
            printDetails(arguments)
            return 0
        case nil: break
        }
        if let condition = arguments.condition { return evaluate(condition, arguments, messages) }
        if arguments.files.isEmpty {
            Console.error("martlet: no configuration file was given\n" + Usage.text(program: name))
            return 1
        }
        let kernel = arguments.sharesPorts ? HostKernel() : ExclusivePortsKernel()
        let startup = Startup(arguments, messages, kernel: kernel)
        return format == .json ? startup.checkAsJSON() : startup.run()
    }

    /// `-vv`. Whether a poller works at all is asked, not whether it covers all the descriptors of this shell.
    private static func printDetails(_ arguments: Arguments) {
        let kernel = HostKernel()
        let limit = min(kernel.descriptorLimit(hard: false), UInt64(HOST_FD_SETSIZE))
        _ = kernel.setDescriptorLimit(soft: limit, hard: kernel.descriptorLimit(hard: true))
        Console.output(
            ProgramVersion.details(
                allowed: arguments.pollers, kernel: kernel, processors: ProxyRuntime.processorCount))
    }

    /// `-cc`: 0 true, 1 false, 2 error.
    private static func evaluate(_ condition: String, _ arguments: Arguments, _ messages: Messages) -> Int32 {
        let environment = SystemProcess.environment
        let evaluator = ConditionEvaluator(
            features: ProgramVersion.presentFeatures, enabledOptions: arguments.enabledOptions,
            dialectVersion: ProgramVersion.dialect, isDefined: { environment[$0] != nil })
        do {
            return try evaluator.evaluate(condition) ? 0 : 1
        } catch {
            let help = error.help.map { "\nhelp: \($0.text)" } ?? ""
            messages.alert("config : Failed to evaluate condition: \(error.message) in '\(condition)'\(help)")
            return 2
        }
    }
}

extension Arguments {
    /// What `enabled(NAME)` answers yes to (configuration manual, section 2.4).
    var enabledOptions: Set<String> {
        var names: Set<String> = ["GETADDRINFO"]
        if pollers.contains(.epoll) { names.insert("EPOLL") }
        if pollers.contains(.poll) { names.insert("POLL") }
        if sharesPorts { names.insert("REUSEPORT") }
        return names
    }
}
