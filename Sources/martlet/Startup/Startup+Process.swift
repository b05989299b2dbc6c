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
            SystemProcess.detach()
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
        let runtime = try makeRuntime(tree)
        try prepare(runtime)
        let isDaemon = global.daemon && line == nil
        let pidfile = line == nil ? try openPidfile(global.pidfile) : nil
        let signals = try catchSignals(SignalDispatcher.signals)
        try dropPrivileges(global)
        if isDaemon {
            try goToBackground(pidfile)
        } else {
            pidfile?.write(getpid())
        }
        if line != nil && global.daemon { SystemProcess.detach() }
        let dispatcher = SignalDispatcher(
            runtime: runtime, signals: signals, messages: messages,
            hardStopAfterMilliseconds: global.hardStopAfterMilliseconds, line: line)
        dispatcher.open(on: runtime.group.workers[0])
        messages.dropIntroduction()
        for pid in arguments.finishPids { SystemProcess.send(SIGUSR1, to: pid) }
        for pid in arguments.terminatePids { SystemProcess.send(SIGTERM, to: pid) }
        if let line { Lifeline.sayReady(on: line) }
        started()
        runtime.run()
        return dispatcher.end()
    }

    private func makeRuntime(_ tree: ConfigurationTree) throws(Refusal) -> ProxyRuntime {
        let allowed = pollers(tree.global)
        if arguments.verbose {
            Console.output(ProgramVersion.pollers(allowed: allowed, kernel: kernel) + "\n")
        }
        var options = ProxyRuntime.Options()
        options.pollers = allowed
        options.maxconnOverride = try planDescriptors(tree)
        do {
            let runtime = try ProxyRuntime(tree, options: options, kernel: kernel)
            try runtime.openListeners()
            if arguments.verbose {
                Console.output("Using \(runtime.group.pollerName)() as the polling mechanism.\n")
            }
            return runtime
        } catch {
            for message in error.messages { messages.alert(message) }
            throw Refusal()
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

    /// Makes room for as many descriptors as the connections need. Returns the process's `maxconn`.
    private func planDescriptors(_ tree: ConfigurationTree) throws(Refusal) -> Int {
        let limits = SystemProcess.descriptorLimits
        let listeners = tree.proxies.reduce(tree.global.statsSockets.count) { sum, proxy in
            sum + proxy.binds.reduce(0) { $0 + $1.addresses.count }
        }
        let threads = tree.global.nbthread ?? min(SystemProcess.processorCount, Limits.threads)
        let plan = DescriptorPlan(
            maxconn: tree.global.maxconn, ulimit: tree.global.ulimitN,
            reserved: DescriptorPlan.reserved(listeners: listeners, threads: threads),
            soft: limits.soft, hard: limits.hard)
        if plan.isDerived && arguments.verbose {
            Console.output("Note: setting global.maxconn to \(plan.maxconn).\n")
        }
        guard plan.descriptors > limits.soft else { return plan.maxconn }
        do {
            try SystemProcess.setDescriptorLimit(soft: plan.descriptors, hard: max(plan.descriptors, limits.hard))
        } catch {
            messages.alert("Cannot raise FD limit to \(plan.descriptors), limit is \(limits.hard).")
            throw Refusal()
        }
        return plan.maxconn
    }

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

    /// The parent leaves once the child's pid is in the file.
    private func goToBackground(_ pidfile: Pidfile?) throws(Refusal) {
        do {
            if case .parent(let child) = try SystemProcess.fork() {
                pidfile?.write(child)
                SystemProcess.leave(status: 0)
            }
        } catch {
            messages.alert("Cannot fork: \(error)")
            throw Refusal()
        }
        SystemProcess.detach()
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
