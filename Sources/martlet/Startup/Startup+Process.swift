import Base
import Configuration
import CPlatform
import Engine
import Glibc
import Proxy

extension Startup {
    /// Starts what the configuration asks for: this process, a daemon, a master with its worker.
    func start(_ tree: ConfigurationTree) throws(Refusal) -> Int32 {
        if let socket = arguments.takeOverSocket {
            messages.warning(
                "Failed to get the sockets of the old process behind '\(socket)': not supported by this version, "
                    + "binding beside it.")
        }
        guard tree.global.masterWorker else { return try serve(tree, line: nil) }
        return tree.global.daemon ? try runMasterAsDaemon(tree) : try runMaster(tree) {}
    }

    // MARK: Master

    /// The parent stays until the worker serves, so that its exit status tells whether it does.
    private func runMasterAsDaemon(_ tree: ConfigurationTree) throws(Refusal) -> Int32 {
        let (side, end) = try fork()
        if case .parent = side {
            SystemProcess.leave(status: Lifeline.wait(end) == .ready ? 0 : 1)
        }
        return try runMaster(tree) {
            SystemProcess.leaveTerminal()
            Lifeline.sayReady(on: end)
        }
    }

    private func runMaster(_ tree: ConfigurationTree, _ started: @escaping () -> Void) throws(Refusal) -> Int32 {
        let signals = try catchSignals(Master.signals)
        var pidfile = try openPidfile(tree.global.pidfile)
        let (side, end) = try fork()
        switch side {
        case .child:
            signals.abandon()
            return try serve(tree, line: end)
        case .parent(let worker):
            let notifier = arguments.notifiesSystemd ? SystemdNotifier(environment: environment) : nil
            let master = Master(worker: worker, line: end, signals: signals, messages: messages, notifier: notifier) {
                pidfile?.write(getpid())
                pidfile = nil
                started()
            }
            return master.run()
        }
    }

    /// Forks, with a line between the two.
    private func fork() throws(Refusal) -> (side: SystemProcess.Side, end: Int32) {
        do {
            let line = try Lifeline()
            let side = try SystemProcess.fork()
            if case .child = side {
                line.keepChildEnd()
                return (side, line.child)
            }
            line.keepParentEnd()
            return (side, line.parent)
        } catch {
            messages.alert("Cannot fork: \(error)")
            throw Refusal()
        }
    }

    // MARK: Server

    /// Binds, gives up privileges, goes to the background if asked for, and runs the loops.
    ///
    /// - Parameter line: in a worker, its end of the master's lifeline.
    func serve(_ tree: ConfigurationTree, line: Int32?) throws(Refusal) -> Int32 {
        let global = tree.global
        try limitMemory()
        let runtime = try openListeners(tree)
        let runtimeAPI = try openRuntimeAPI(tree)
        let pidfile = line == nil ? try openPidfile(global.pidfile) : nil
        try dropPrivileges(global)
        let waiting = global.daemon && line == nil ? try goToBackground(pidfile) : line
        let signals = try catchSignals(SignalDispatcher.signals)
        try prepareEngine(runtime)
        try prepare(runtime)
        let dispatcher = SignalDispatcher(
            runtime: runtime, runtimeAPI: runtimeAPI, signals: signals, messages: messages,
            hardStopAfterMilliseconds: global.hardStopAfterMilliseconds, line: line)
        dispatcher.open(context: runtimeContext(runtime, runtimeAPI))
        if !global.daemon && line == nil { pidfile?.write(getpid()) }
        messages.dropIntroduction()
        for pid in arguments.finishPids { SystemProcess.send(SIGUSR1, to: pid) }
        for pid in arguments.terminatePids { SystemProcess.send(SIGTERM, to: pid) }
        if global.daemon { SystemProcess.leaveTerminal() }
        if let waiting { Lifeline.sayReady(on: waiting) }
        started()
        do {
            try runtime.run()
        } catch {
            for message in error.messages { messages.alert(message) }
            throw Refusal()
        }
        return dispatcher.end()
    }

    /// What no text tells: whether names have addresses, inherited descriptors are open, users and groups exist.
    func checkAgainstSystem(_ tree: ConfigurationTree) throws(Refusal) {
        var options = ProxyRuntime.Options()
        options.raisesLimits = false
        do {
            _ = try ProxyRuntime(tree, options: options, kernel: kernel)
        } catch {
            for message in error.messages { refuse(message, saying: "config : ") }
            messages.alert("config : Fatal errors found in configuration.")
            throw Refusal()
        }
    }

    private func run(_ runtime: ProxyRuntime) throws(Refusal) {
        do {
            try runtime.run()
        } catch {
            for message in error.messages { messages.alert(message) }
            throw Refusal()
        }
    }

    private func openListeners(_ tree: ConfigurationTree) throws(Refusal) -> ProxyRuntime {
        var options = ProxyRuntime.Options()
        options.pollers = pollers(tree.global)
        options.splices = arguments.splices
        if arguments.verbose {
            Console.output(ProgramVersion.pollers(allowed: options.pollers, kernel: kernel) + "\n")
        }
        do {
            let runtime = try ProxyRuntime(tree, options: options, kernel: kernel)
            // A process that has taken over may listen at the same paths by now: nobody removes them.
            runtime.keepsSocketPaths = true
            try checkLimits(tree, runtime, options.pollers)
            try runtime.openListeners()
            return runtime
        } catch let error as StartError {
            for message in error.messages { messages.alert(message) }
        } catch {}
        throw Refusal()
    }

    /// After the last fork.
    private func prepareEngine(_ runtime: ProxyRuntime) throws(Refusal) {
        do {
            try runtime.prepareEngine()
        } catch {
            let reports = PollerChoice.reports(allowed: pollers(runtime.tree.global), kernel: kernel)
            if !reports.contains(where: { $0.isAllowed && $0.works }) {
                messages.alert("No polling mechanism available.")
            }
            for message in error.messages { messages.alert(message) }
            throw Refusal()
        }
        for refusal in runtime.group.pollerRefusals {
            messages.notice("\(refusal); \(runtime.group.pollerName) is used instead.")
        }
        if arguments.verbose {
            Console.output("Using \(runtime.group.pollerName)() as the polling mechanism.\n")
        }
    }

    // MARK: Limits

    private func limitMemory() throws(Refusal) {
        guard let megabytes = arguments.memoryLimitMegabytes, megabytes > 0 else { return }
        do {
            try SystemProcess.limitMemory(bytes: UInt64(megabytes) << 20)
        } catch {
            messages.alert("Cannot limit the memory to \(megabytes) megabytes: \(error)")
            throw Refusal()
        }
    }

    /// A `maxconn` that was asked for and cannot be had is an error at start, not a surprise under load.
    private func checkLimits(
        _ tree: ConfigurationTree, _ runtime: ProxyRuntime, _ allowed: PollerChoice
    ) throws(Refusal) {
        let connections = runtime.maximumConnections
        if tree.global.maxconn == nil {
            if arguments.verbose { Console.output("Note: setting global.maxconn to \(connections).\n") }
            return
        }
        let needed = 2 * UInt64(connections)
        let limit = kernel.descriptorLimit(hard: false)
        if tree.global.ulimitN == nil && limit < needed {
            messages.alert("Cannot raise FD limit to \(needed), limit is \(limit).")
            throw Refusal()
        }
        // Left alone, select can serve a process whose descriptors all stay within its sets.
        let setSize = UInt64(HOST_FD_SETSIZE)
        guard limit > setSize, needed + UInt64(Startup.spareDescriptors) <= setSize else { return }
        let others = PollerChoice.reports(allowed: allowed, kernel: kernel).filter {
            $0.isAllowed && $0.name != "select"
        }
        if others.isEmpty && allowed.contains(.select) {
            _ = kernel.setDescriptorLimit(soft: setSize, hard: kernel.descriptorLimit(hard: true))
        }
    }

    /// Descriptors that are no connections, where they have to fit beside those.
    private static let spareDescriptors = 64

    // MARK: Background and privileges

    private func catchSignals(_ numbers: [Int32]) throws(Refusal) -> SignalPipe {
        do {
            return try SignalPipe(catching: numbers)
        } catch {
            messages.alert("Cannot create the pipe for signals: \(error)")
            throw Refusal()
        }
    }

    private func openPidfile(_ path: String?) throws(Refusal) -> Pidfile? {
        guard let path else { return nil }
        do {
            return try Pidfile(path: path)
        } catch {
            messages.alert("Cannot create pidfile \(path) : \(error)")
            throw Refusal()
        }
    }

    /// The parent stays until the child serves, so that its exit status tells whether it does. Returns the child's end
    /// of the line between them.
    private func goToBackground(_ pidfile: Pidfile?) throws(Refusal) -> Int32 {
        let (side, end) = try fork()
        if case .parent(let child) = side {
            guard Lifeline.wait(end) == .ready else { SystemProcess.leave(status: 1) }
            pidfile?.write(child)
            SystemProcess.leave(status: 0)
        }
        return end
    }

    /// `chroot`, `group` and `user`, in this order (configuration manual, section 3.1).
    private func dropPrivileges(_ global: GlobalSettings) throws(Refusal) {
        // Names are looked up outside of the jail.
        let user = try identity(global.uid, global.user, "user", SystemProcess.userID)
        let group = try identity(global.gid, global.group, "group", SystemProcess.groupID)
        if let root = global.chroot {
            do {
                try SystemProcess.changeRoot(root)
            } catch {
                messages.alert("Cannot chroot(\(root)): \(error)")
                throw Refusal()
            }
        }
        if let group { try become(group: group) }
        if let user { try become(user: user) }
    }

    private func identity(
        _ number: UInt32?, _ name: String?, _ what: String, _ find: (String) -> UInt32?
    ) throws(Refusal) -> UInt32? {
        if let number { return number }
        guard let name else { return nil }
        guard let found = find(name) else {
            messages.alert("config : cannot find \(what) id for '\(name)'")
            throw Refusal()
        }
        return found
    }

    private func become(group: UInt32) throws(Refusal) {
        do {
            if SystemProcess.isRoot { try SystemProcess.dropSupplementaryGroups() }
            try SystemProcess.become(group: group)
        } catch {
            messages.alert("Cannot set gid \(group): \(error)")
            throw Refusal()
        }
    }

    private func become(user: UInt32) throws(Refusal) {
        do {
            try SystemProcess.become(user: user)
        } catch {
            messages.alert("Cannot set uid \(user): \(error)")
            throw Refusal()
        }
    }
}
