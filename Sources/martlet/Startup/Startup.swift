import Base
import Configuration
import Engine
import Glibc
import Proxy

/// Brings the process up from its arguments, in the order of the management manual, chapter 3: configuration, limits,
/// listeners, privileges, background, and then the loops.
final class Startup {
    /// The process ends with this status; what there was to say has been said.
    struct Refusal: Error { var status: Int32 = 1 }

    let arguments: Arguments
    let messages: Messages
    let kernel: Kernel
    let environment = SystemProcess.environment
    /// Puts more into the loops before they run: the demo's origin servers.
    var prepare: (ProxyRuntime) throws(Refusal) -> Void = { _ throws(Refusal) in }
    /// Called when connections are accepted.
    var started: () -> Void = {}
    /// What was said about the configuration, and the files that it is about.
    private(set) var diagnostics: [Diagnostic] = []
    private var sources: [SourceFile] = []
    /// Nothing but an object of JSON is printed.
    private var saysJSON = false

    init(_ arguments: Arguments, _ messages: Messages, kernel: Kernel) {
        self.arguments = arguments
        self.messages = messages
        self.kernel = kernel
    }

    /// The whole life of the process. Returns its exit status, or dies of the signal that ended it.
    func run() -> Int32 {
        messages.isQuiet = saysJSON || (arguments.quiet && !arguments.verbose)
        do {
            try changeDirectory()
            let result = load()
            let tree = try accept(result)
            if arguments.checksOnly { return 0 }
            messages.isQuiet = false
            return try start(tree)
        } catch {
            return error.status
        }
    }

    /// `check --format json`: the same check, said in another way.
    func checkAsJSON() -> Int32 {
        saysJSON = true
        let status = run()
        Console.output(DiagnosticJSON(files: sources).render(diagnostics, exitStatus: status))
        return status
    }

    /// Says why the process cannot start with this, beside what the configuration itself has wrong.
    func refuse(_ text: String, saying prefix: String = "") {
        messages.alert(prefix + text)
        diagnostics.append(Diagnostic(.cannotStart, text, at: .none))
    }

    private func changeDirectory() throws(Refusal) {
        guard let directory = arguments.directory else { return }
        do {
            try SystemProcess.changeDirectory(directory)
        } catch {
            refuse("Could not change to directory \(directory) : \(error)")
            throw Refusal()
        }
    }

    // MARK: Configuration

    private func load() -> ConfigurationLoader.Result {
        ConfigurationLoader(environment: loaderEnvironment).load(paths: arguments.files)
    }

    /// What files may ask for (configuration manual, section 2.3).
    var loaderEnvironment: ConfigurationLoader.Environment {
        var variables: [String: String] = [:]
        variables["HAPROXY_LOCALPEER"] = localPeer
        variables["HAPROXY_STARTUP_VERSION"] = "\(ProgramVersion.dialect)-martlet"
        variables["HAPROXY_MWORKER"] = arguments.masterWorker ? "1" : nil
        return ConfigurationLoader.Environment(
            variables: variables, features: ProgramVersion.presentFeatures, enabledOptions: arguments.enabledOptions,
            dialectVersion: ProgramVersion.dialect, isDiagnostic: arguments.diagnostics)
    }

    private var localPeer: String {
        arguments.localPeer ?? environment["HAPROXY_LOCALPEER"] ?? SystemProcess.hostName
    }

    /// Says what there is to say about the configuration, and returns it as the command line changes it.
    func accept(_ result: ConfigurationLoader.Result) throws(Refusal) -> ConfigurationTree {
        var tree = result.tree
        if tree.global.quiet && !arguments.verbose { messages.isQuiet = true }
        // A check is read by who asked for it; what could not be read is told as text.
        messages.isJSON = tree.global.logsJSON && !result.hasErrors && !arguments.checksOnly
        report(result)
        if result.hasErrors {
            messages.alert("config : Fatal errors found in configuration.")
            throw Refusal()
        }
        if result.warningCount > 0 && (arguments.zeroWarning || tree.global.zeroWarning) {
            messages.alert("config : Some warnings were found and 'zero-warning' is set. Aborting.")
            throw Refusal()
        }
        apply(to: &tree)
        if let list = arguments.keywordClasses {
            Console.output(KeywordListing.text(list.isEmpty ? "help" : list, others: [CommandListing.keywords]))
        }
        if arguments.listsLoadedObjects { Console.output(LoadedObjects.list) }
        if arguments.checksOnly { try checkAgainstSystem(tree) }
        let hasListeners = tree.proxies.contains { !$0.settings.isDisabled && !$0.binds.isEmpty }
        if !hasListeners {
            guard arguments.checksOnly else {
                messages.isQuiet = false
                messages.alert("No enabled listener found (check for 'bind' directives) ! Exiting.")
                throw Refusal()
            }
            if !saysJSON {
                Console.output("Configuration file has no error but will not start (no listener) => exit(2).\n")
            }
            diagnostics.append(Diagnostic(.noListener, "nothing listens: the process would not start", at: .none))
            throw Refusal(status: 2)
        }
        if arguments.checksOnly && !messages.isQuiet {
            if result.warningCount > 0 { Console.output("Warnings were found.\n") }
            Console.output("Configuration file is valid\n")
        }
        return tree
    }

    private func report(_ result: ConfigurationLoader.Result) {
        diagnostics = result.diagnostics
        sources = result.tree.files
        let renderer = DiagnosticRenderer(files: sources)
        for diagnostic in result.diagnostics {
            let text = "config : " + renderer.render(diagnostic)
            switch diagnostic.severity {
            case .error: messages.alert(text)
            case .warning: messages.warning(text)
            case .notice: messages.notice(text)
            case .diag: if arguments.diagnostics { messages.say(.diagnostic, text) }
            }
        }
    }

    /// The command line has precedence over the files (management manual, chapter 3).
    private func apply(to tree: inout ConfigurationTree) {
        if let maxconn = arguments.maxconn, maxconn > 0 { tree.global.maxconn = maxconn }
        if let pidfile = arguments.pidfile { tree.global.pidfile = pidfile }
        if arguments.daemon { tree.global.daemon = true }
        if arguments.masterWorker { tree.global.masterWorker = true }
        if arguments.foreground { tree.global.daemon = false }
        if tree.global.localpeer == nil || arguments.localPeer != nil { tree.global.localpeer = localPeer }
        for index in tree.proxies.indices {
            if let limit = arguments.defaultMaxconn, limit > 0, tree.proxies[index].settings.maxconn == nil {
                tree.proxies[index].settings.maxconn = limit
            }
            guard arguments.resolutionMayFail else { continue }
            for server in tree.proxies[index].servers.indices {
                let methods = tree.proxies[index].servers[server].settings.initialAddress
                tree.proxies[index].servers[server].settings.initialAddress =
                    (methods.isEmpty ? [.last, .libc] : methods) + [.none]
            }
        }
    }

    /// The pollers that neither the command line nor the configuration forces off.
    func pollers(_ global: GlobalSettings) -> PollerChoice {
        var allowed = arguments.pollers
        if global.noEpoll { allowed.remove(.epoll) }
        if global.noKqueue { allowed.remove(.kqueue) }
        if global.noPoll { allowed.remove(.poll) }
        if global.noUring { allowed.remove(.uring) }
        return allowed
    }
}
