import Base
import CPlatform
import Glibc

/// A datagram socket, UDP or unix. Source: udp(7), unix(7).
// SAFETY: buffers are the caller's, valid for the counts that they carry (see `Kernel`); what is copied lies within
// both ends.
final class SimDatagram: SimFile {
    let family: Int32
    var isUnix: Bool { family == AF_UNIX }
    var local = SocketAddress()
    var remote = SocketAddress()
    var pendingError: Int32 = 0
    private var queue: [(bytes: [UInt8], from: SocketAddress)] = []
    private var queuedBytes = 0
    private var shutRead = false
    private var shutWrite = false
    private var isClosed = false
    /// The other end of a pair.
    private weak var pair: SimDatagram?
    private var hadPair = false
    private var wantsRoom: [SimDatagram] = []

    init(_ machine: SimMachine, family: Int32) {
        self.family = family
        super.init(machine)
    }

    override var kind: String { isUnix ? "unix datagram" : "udp" }
    override var isSocket: Bool { true }

    static func join(_ one: SimDatagram, _ other: SimDatagram) {
        (one.pair, one.hadPair) = (other, true)
        (other.pair, other.hadPair) = (one, true)
    }

    override func poll() -> UInt32 {
        var mask: UInt32 = Mask.output
        if pendingError != 0 { mask |= Mask.error }
        if shutRead { mask |= Mask.input | Mask.peerHangup }
        if shutRead && shutWrite { mask |= Mask.hangup }
        if !queue.isEmpty { mask |= Mask.input }
        if isUnix, let other = destination(remote), other.isFull { mask &= ~Mask.output }
        return mask
    }

    private var isFull: Bool { queuedBytes >= machine.options.datagramBytes || isUnix && queue.count > 10 }

    func bind(_ address: SocketAddress) -> Int32 {
        guard address.nativeFamily == family else { return isUnix ? -EINVAL : -EAFNOSUPPORT }
        guard local.family == .unspecified else { return -EINVAL }
        if isUnix {
            guard let path = SimStream.name(address) else { return -EINVAL }
            if machine.node(path) != nil { return -EADDRINUSE }
            machine.nodes.append(SimNode(path: path, object: self))
            local = address
            return 0
        }
        var wanted = address
        if wanted.port == 0 { wanted.port = machine.ephemeralPort() }
        if machine.datagrams.contains(where: { SimMachine.overlap($0.local, wanted) }) { return -EADDRINUSE }
        local = wanted
        machine.datagrams.append(self)
        return 0
    }

    func connect(_ address: SocketAddress) -> Int32 {
        guard address.nativeFamily == family else { return isUnix ? -EINVAL : -EAFNOSUPPORT }
        if isUnix {
            guard let path = SimStream.name(address), let node = machine.node(path) else { return -ENOENT }
            guard node.object is SimDatagram else { return -EPROTOTYPE }
        } else {
            takePort(for: address)
        }
        remote = address
        return 0
    }

    private func takePort(for address: SocketAddress) {
        guard local.family == .unspecified else { return }
        local = address.family == .ipv4 ? SocketAddress(ipv4: 0, port: 0) : SocketAddress(ipv6: 0, 0, port: 0)
        if let mine = address.ipv4 { local = SocketAddress(ipv4: mine == 0 ? 0x7F00_0001 : mine, port: 0) }
        if let mine = address.ipv6 { local = SocketAddress(ipv6: mine.high, mine.low, port: 0) }
        local.port = machine.ephemeralPort()
        machine.datagrams.append(self)
    }

    // MARK: Sending and receiving

    private func destination(_ address: SocketAddress) -> SimDatagram? {
        if let pair { return pair }
        if address.family == .unspecified { return nil }
        if isUnix { return SimStream.name(address).flatMap { machine.node($0)?.object as? SimDatagram } }
        return machine.datagrams.first { socket in
            guard SimMachine.rank(socket.local, for: address, v6only: true) != 0 else { return false }
            return socket.remote.family == .unspecified || socket.remote.port == local.port
        }
    }

    override func write(_ bytes: UnsafeRawBufferPointer, _ call: SimWrite) -> Int {
        if remote.family == .unspecified && !hadPair {
            if isUnix && !shutWrite { wake(Mask.output) }
            return isUnix ? (shutWrite ? -Int(EPIPE) : -Int(ENOTCONN)) : -Int(EDESTADDRREQ)
        }
        return unsafe send(bytes, to: remote, call)
    }

    func send(_ bytes: UnsafeRawBufferPointer, to address: SocketAddress, _ call: SimWrite) -> Int {
        if pendingError != 0 { return -Int(takeError()) }
        if shutWrite { return -Int(EPIPE) }
        if bytes.count > (isUnix ? 200_000 : 65507) { return -Int(EMSGSIZE) }
        if let faults = call.faults, machine.inject(faults, .writeAgain) { return -Int(EAGAIN) }
        if isUnix {
            guard let receiver = destination(address), !receiver.isClosed else {
                if hadPair {
                    // Said once; from then on it is a socket without a peer, and what the peer sent is gone.
                    (hadPair, pair) = (false, nil)
                    (queue, queuedBytes) = ([], 0)
                    wake(Mask.output)
                    return -Int(ECONNREFUSED)
                }
                return address.family == .unspecified || machine.node(address.path ?? "") != nil
                    ? -Int(ECONNREFUSED) : -Int(ENOENT)
            }
            if receiver.shutRead {
                wake(Mask.output)
                return -Int(EPIPE)
            }
            if receiver.isFull {
                receiver.wantsRoom.append(self)
                return -Int(EAGAIN)
            }
            receiver.arrived(unsafe [UInt8](bytes), from: local)
            return bytes.count
        }
        guard address.family != .unspecified else { return -Int(EDESTADDRREQ) }
        takePort(for: address)
        let copy = unsafe [UInt8](bytes)
        let from = local
        machine.scheduler.after(machine.latency()) { [self] in
            // The sender's memory is free again.
            wake(Mask.output)
            if let receiver = destination(address), !receiver.isClosed {
                receiver.arrived(copy, from: from)
            } else if remote == address && !isClosed {
                // Somebody says that nobody is there; only a connected socket hears of it.
                pendingError = ECONNREFUSED
                wake(Mask.error)
            }
        }
        return bytes.count
    }

    private func arrived(_ bytes: [UInt8], from: SocketAddress) {
        // What does not fit is lost, as it is.
        if isFull { return }
        queue.append((bytes, from))
        queuedBytes += bytes.count
        wake(Mask.input)
    }

    override func read(_ buffer: UnsafeMutableRawBufferPointer, _ call: SimRead) -> Int {
        var ignored = SocketAddress()
        return unsafe receive(buffer, &ignored, call)
    }

    func receive(_ buffer: UnsafeMutableRawBufferPointer, _ from: inout SocketAddress, _ call: SimRead) -> Int {
        if pendingError != 0 { return -Int(takeError()) }
        guard let first = queue.first else { return -Int(EAGAIN) }
        if let faults = call.faults, machine.inject(faults, .readAgain) {
            machine.scheduler.after(machine.scheduler.draw(faults.delayNanoseconds)) { [self] in wake(Mask.input) }
            return -Int(EAGAIN)
        }
        from = first.from
        let length = min(buffer.count, first.bytes.count)
        // SAFETY: the part copied lies within both.
        unsafe first.bytes.withUnsafeBytes {
            unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[0..<length]))
        }
        if call.peeks { return length }
        queue.removeFirst()
        queuedBytes -= first.bytes.count
        let waiting = wantsRoom
        wantsRoom = []
        for sender in waiting { sender.wake(Mask.output) }
        if isUnix { pair?.wake(Mask.output) }
        return length
    }

    func takeError() -> Int32 {
        defer { pendingError = 0 }
        return pendingError
    }

    func shutDown(_ how: Int32) -> Int32 {
        guard how >= 0 && how <= 2 else { return -EINVAL }
        if how != Int32(SHUT_WR) { shutRead = true }
        if how != Int32(SHUT_RD) { shutWrite = true }
        wake(Mask.any, all: true)
        return isUnix || remote.family != .unspecified ? 0 : -ENOTCONN
    }

    override func released() {
        isClosed = true
        // What lay unread frees its sender's memory.
        if isUnix && !queue.isEmpty { pair?.wake(Mask.output) }
        machine.datagrams.removeAll { $0 === self }
        for sender in wantsRoom { sender.wake(Mask.output) }
        forgetWaiters()
    }
}
