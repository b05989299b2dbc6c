import Base
import CPlatform
import Glibc

// How a connection begins: bind, listen, connect, accept.

extension SimStream {
    /// `bind`.
    func bind(_ address: SocketAddress) -> Int32 {
        if isBound || state != .fresh { return -EINVAL }
        guard address.nativeFamily == family else { return isUnix ? -EINVAL : -EAFNOSUPPORT }
        if isUnix { return bindUnix(address) }
        var wanted = address
        if wanted.port == 0 { wanted.port = machine.ephemeralPort() }
        if wanted.port == 0 { return -EADDRINUSE }
        for other in machine.streams where other.isBound && SimMachine.overlap(other.local, wanted) {
            if isCompatible(with: other) && !other.isListening { continue }
            if sharesPort(with: other) { continue }
            return -EADDRINUSE
        }
        local = wanted
        isBound = true
        machine.streams.append(self)
        return 0
    }

    private func isCompatible(with other: SimStream) -> Bool {
        option(SO_REUSEADDR, level: SOL_SOCKET) != 0 && other.option(SO_REUSEADDR, level: SOL_SOCKET) != 0
    }

    private func sharesPort(with other: SimStream) -> Bool {
        option(SO_REUSEPORT, level: SOL_SOCKET) != 0 && other.option(SO_REUSEPORT, level: SOL_SOCKET) != 0
    }

    private func bindUnix(_ address: SocketAddress) -> Int32 {
        guard let path = SimStream.name(address) else { return -EINVAL }
        if machine.node(path) != nil { return -EADDRINUSE }
        machine.nodes.append(SimNode(path: path, object: self))
        local = address
        isBound = true
        return 0
    }

    /// The name of a unix socket among those of the machine.
    static func name(_ address: SocketAddress) -> String? {
        guard let path = address.path else { return nil }
        return address.family == .abstract ? "\0\(address.sizeBytes)\(path)" : path
    }

    /// `listen`.
    func listen(_ wanted: Int32) -> Int32 {
        guard state == .fresh || state == .listening else { return -EINVAL }
        if !isBound {
            if isUnix { return -EINVAL }
            local = family == AF_INET ? SocketAddress(ipv4: 0, port: 0) : SocketAddress(ipv6: 0, 0, port: 0)
            local.port = machine.ephemeralPort()
            isBound = true
            machine.streams.append(self)
        }
        if !isUnix && state == .fresh {
            for other in machine.streams where other !== self && other.isListening {
                if SimMachine.overlap(other.local, local) && !sharesPort(with: other) { return -EADDRINUSE }
            }
        }
        backlog = max(0, Int(wanted))
        state = .listening
        return 0
    }

    // MARK: Connect

    /// `connect`.
    func connect(_ address: SocketAddress) -> Int32 {
        switch state {
        case .listening: return isUnix ? -EINVAL : -EISCONN
        case .connecting: return -EALREADY
        case .connected:
            defer { connectReports = false }
            return connectReports ? 0 : -EISCONN
        case .dead:
            // As long as nobody has asked, the connect counts as under way, and its outcome is the connection's end.
            guard connectFailed || connectReports else { return -EISCONN }
            connectFailed = false
            connectReports = false
            finReceived = false
            peer = nil
            state = .fresh
            shutRead = false
            shutWrite = false
            wake(Mask.any, all: true)
            let error = takeError()
            return error != 0 ? -error : -ECONNABORTED
        case .fresh: break
        }
        guard address.nativeFamily == family else { return isUnix ? -EINVAL : -EAFNOSUPPORT }
        if isUnix { return connectUnix(address) }
        if local.family == .unspecified || local.port == 0 {
            local = SimStream.source(for: address, bound: local)
            local.port = machine.ephemeralPort()
            if local.port == 0 { return -EADDRNOTAVAIL }
        }
        if (local.ipv4 ?? 1) == 0 {
            let port = local.port
            local = SimStream.source(for: address, bound: SocketAddress())
            local.port = port
        }
        remote = SimStream.target(address)
        state = .connecting
        pendingError = 0
        shutRead = false
        shutWrite = false
        sendConnect(firstAt: machine.scheduler.now, after: 1_000_000_000)
        return -EINPROGRESS
    }

    /// The local address of a connection to an address: everything is local here.
    private static func source(for address: SocketAddress, bound: SocketAddress) -> SocketAddress {
        if bound.family != .unspecified && bound.ipv4 != 0 { return bound }
        var mine = target(address)
        mine.port = 0
        return mine
    }

    /// Connecting to any address is connecting to the local one.
    private static func target(_ address: SocketAddress) -> SocketAddress {
        if address.ipv4 == 0 { return SocketAddress(ipv4: 0x7F00_0001, port: address.port) }
        if let six = address.ipv6, six.high == 0, six.low == 0 { return SocketAddress(ipv6: 0, 1, port: address.port) }
        return address
    }

    /// The first packet, again and again until something answers.
    private func sendConnect(firstAt start: UInt64, after pause: UInt64) {
        if machine.isBlackHole(remote) || machine.inject(machine.faults, .lostConnect) { return again(start, pause) }
        after(inbound.latency) { [self] in connectArrived(start, pause) }
    }

    private func again(_ start: UInt64, _ pause: UInt64) {
        let scheduler = machine.scheduler
        let end = start &+ machine.options.connectTimeoutNanoseconds
        let next = scheduler.now &+ pause
        scheduler.at(min(next, end)) { [self] in
            guard state == .connecting, peer == nil else { return }
            if next < end { return sendConnect(firstAt: start, after: pause &* 2) }
            pendingError = ETIMEDOUT
            connectFailed = true
            shutRead = true
            shutWrite = true
            state = .dead
            wake(Mask.any, all: true)
        }
    }

    private func after(_ nanoseconds: UInt64, _ action: @escaping () -> Void) {
        machine.scheduler.after(nanoseconds, action)
    }

    /// The first packet has arrived where it was sent to.
    private func connectArrived(_ start: UInt64, _ pause: UInt64) {
        guard state == .connecting, peer == nil, !isOrphan else { return }
        guard let listener = machine.listener(for: remote) else {
            return after(inbound.latency) { [self] in if state == .connecting { resetArrived() } }
        }
        // As Linux does it: one more than the backlog may wait, and what finds no place is dropped without a word.
        if listener.acceptQueue.count + listener.embryos > listener.backlog { return again(start, pause) }
        let server = SimStream(machine, family: listener.family)
        server.inbound.latency = inbound.latency
        server.inbound.capacity = min(server.inbound.capacity, listener.inbound.capacity)
        server.state = .connected
        server.local = remote
        server.remote = local
        server.peer = self
        peer = server
        listener.embryos += 1
        let latency = inbound.latency
        let ready = machine.scheduler.now &+ 2 &* latency
        server.inbound.lastArrival = ready
        inbound.lastArrival = ready
        after(latency) { [self] in
            guard state == .connecting else { return }
            state = .connected
            connectReports = true
            wake(Mask.any, all: true)
        }
        after(2 &* latency) {
            listener.embryos -= 1
            guard listener.state == .listening else { return server.abandon() }
            listener.acceptQueue.append(server)
            listener.wake(Mask.input)
        }
    }

    private func connectUnix(_ address: SocketAddress) -> Int32 {
        guard let path = SimStream.name(address), let node = machine.node(path) else {
            return address.family == .abstract ? -ECONNREFUSED : -ENOENT
        }
        guard let listener = node.object as? SimStream else {
            return node.object is SimDatagram ? -EPROTOTYPE : -ECONNREFUSED
        }
        guard listener.isListening else { return -ECONNREFUSED }
        if listener.acceptQueue.count > listener.backlog { return -EAGAIN }
        let server = SimStream(machine, family: AF_UNIX)
        SimStream.join(self, server)
        remote = address
        server.local = listener.local
        server.remote = local
        listener.acceptQueue.append(server)
        listener.wake(Mask.input)
        return 0
    }

    /// Connects two unix sockets, as `socketpair` does.
    static func join(_ one: SimStream, _ other: SimStream) {
        one.peer = other
        other.peer = one
        one.state = .connected
        other.state = .connected
    }

    // MARK: Accept

    /// The oldest connection that waits, or -errno.
    func accept() -> (connection: SimStream?, error: Int32) {
        guard state == .listening else { return (nil, -EINVAL) }
        guard !acceptQueue.isEmpty else { return (nil, -EAGAIN) }
        return (acceptQueue.removeFirst(), 0)
    }
}
