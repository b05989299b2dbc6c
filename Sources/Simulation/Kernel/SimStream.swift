import Base
import CPlatform
import Glibc

/// One direction of a connection: what has been sent and not been read.
final class Lane {
    /// On its way, hidden and visible, in order.
    var bytes = ByteQueue()
    /// What has arrived and may be read.
    var visible = 0
    /// What had arrived, and was taken back by a fault to arrive once more.
    var hidden = 0
    var capacity: Int
    /// What the sender keeps until the reader has made room: it may send half of the capacity ahead.
    var waiting = 0
    /// The end of the stream waits behind that.
    var endWaits = false
    var latency: UInt64
    /// When the latest packet arrives: none overtakes another.
    var lastArrival: UInt64 = 0

    init(capacity: Int, latency: UInt64) {
        self.capacity = capacity
        self.latency = latency
    }

    /// Unix sockets keep each message whole until its last byte is read: what is left of them, and what they hold.
    private var messages: [(left: Int, size: Int)] = []
    private(set) var held = 0

    var room: Int { max(0, capacity - max(bytes.count, held)) }

    var windowRoom: Int { max(0, capacity / 2 - visible - hidden) }

    func hold(_ size: Int) {
        messages.append((size, size))
        held += size
    }

    func clear() {
        bytes.removeAll()
        messages = []
        (visible, hidden, waiting, held) = (0, 0, 0, 0)
    }

    /// Takes read bytes off the messages; whether one has been read to its end.
    func letGo(_ length: Int) -> Bool {
        var left = length
        var ended = 0
        while left > 0, ended < messages.count {
            let part = min(left, messages[ended].left)
            messages[ended].left -= part
            left -= part
            if messages[ended].left > 0 { break }
            held -= messages[ended].size
            ended += 1
        }
        messages.removeFirst(ended)
        return ended > 0
    }
}

/// A stream socket, TCP or unix. The rules are those of Linux: tcp(7), unix(7), and what the differential tests find.
// SAFETY: buffers are the caller's, valid for the counts that they carry (see `Kernel`); what is copied lies within
// both ends.
final class SimStream: SimFile {
    enum State {
        /// Neither connected nor listening, never has been.
        case fresh
        case listening
        /// A connect is under way.
        case connecting
        case connected
        /// It was connected: reset, refused, or ended in both directions.
        case dead
    }

    let isUnix: Bool
    let family: Int32
    var state = State.fresh
    var local = SocketAddress()
    var remote = SocketAddress()
    /// It holds its port, or its name.
    var isBound = false
    var peer: SimStream?
    let inbound: Lane
    /// SO_ERROR.
    var pendingError: Int32 = 0
    /// Nothing more is to be read; nothing more may be written.
    var shutRead = false
    var shutWrite = false
    /// The peer has sent its end.
    var finReceived = false
    /// A connect has come through since it was called: the next call says so.
    var connectReports = false
    /// A connect has failed: the next one says so.
    var connectFailed = false
    /// The last descriptor is closed.
    var isOrphan = false
    /// Somebody found no room, and is to be told when there is some.
    var wantsRoom = false
    /// A fault keeps writers out for a while.
    var isChoked = false
    var lingersNot = false
    private var settings: [(key: Int64, value: Int32)] = []

    // Of a listener.
    var backlog = 0
    var acceptQueue: [SimStream] = []
    /// Connections that are being made.
    var embryos = 0

    init(_ machine: SimMachine, family: Int32) {
        self.family = family
        isUnix = family == AF_UNIX
        let slow = family != AF_UNIX && machine.inject(machine.faults, .slowPeer)
        let capacity = slow ? machine.options.slowStreamBytes : machine.options.streamBytes
        let latency = family == AF_UNIX ? 0 : machine.latency() &* (slow ? 20 : 1)
        inbound = Lane(capacity: capacity, latency: latency)
        super.init(machine)
    }

    override var kind: String { isUnix ? "unix" : "tcp" }
    override var isSocket: Bool { true }
    var isListening: Bool { state == .listening }

    override func released() { leave() }

    func option(_ name: Int32, level: Int32? = nil) -> Int32 {
        settings.last { level == nil ? Int32(truncatingIfNeeded: $0.key) == name : $0.key == key(level!, name) }?.value
            ?? 0
    }

    func setOption(_ level: Int32, _ name: Int32, _ value: Int32) {
        settings.removeAll { $0.key == key(level, name) }
        settings.append((key(level, name), value))
    }

    private func key(_ level: Int32, _ name: Int32) -> Int64 { Int64(level) << 32 | Int64(UInt32(bitPattern: name)) }

    /// The pending error, which is reported once.
    func takeError() -> Int32 {
        defer { pendingError = 0 }
        return pendingError
    }

    // MARK: Readiness

    private var isWritable: Bool {
        guard !isChoked else { return false }
        guard let lane = peer?.inbound else { return true }
        return isUnix ? lane.held * 4 <= lane.capacity : lane.room * 3 >= lane.capacity
    }

    override func poll() -> UInt32 {
        if state == .listening { return acceptQueue.isEmpty ? 0 : Mask.input }
        var mask: UInt32 = 0
        if shutRead && shutWrite || state == .dead || state == .fresh { mask |= Mask.hangup }
        if shutRead { mask |= Mask.input | Mask.peerHangup }
        if pendingError != 0 { mask |= Mask.error }
        if state == .connecting { return mask }
        if inbound.visible > 0 { mask |= Mask.input }
        if shutWrite && !isUnix || isWritable {
            mask |= Mask.output
        } else {
            wantsRoom = true
        }
        return mask
    }

    // MARK: Reading

    override func read(_ buffer: UnsafeMutableRawBufferPointer, _ call: SimRead) -> Int {
        switch state {
        case .fresh, .listening:
            if pendingError != 0 { return -Int(takeError()) }
            if shutRead && !isUnix && state == .fresh { return 0 }
            return isUnix ? -Int(EINVAL) : -Int(ENOTCONN)
        case .connecting: return -Int(EAGAIN)
        case .connected, .dead: break
        }
        if buffer.count == 0 { return 0 }
        if inbound.visible == 0 { return readEnd() }
        if let faults = call.faults, !finReceived, state == .connected, !call.peeks {
            if machine.inject(faults, .readAgain) {
                hide(inbound.visible, faults)
                return -Int(EAGAIN)
            }
            if inbound.visible > 1, buffer.count > 1, machine.inject(faults, .shortRead) {
                let wanted = min(buffer.count, inbound.visible) - 1
                let some = 1 + machine.scheduler.random.below(wanted)
                let length = unsafe take(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<some]))
                hide(inbound.visible, faults)
                return length
            }
        }
        if call.peeks { return unsafe inbound.bytes.copy(to: buffer, limit: inbound.visible) }
        return unsafe take(buffer)
    }

    private func readEnd() -> Int {
        if !isUnix && finReceived { return 0 }
        if pendingError != 0 { return -Int(takeError()) }
        if shutRead { return 0 }
        return state == .dead ? -Int(ENOTCONN) : -Int(EAGAIN)
    }

    private func take(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        // SAFETY: the caller's buffer.
        let length = unsafe inbound.bytes.copy(to: buffer, limit: inbound.visible)
        inbound.visible -= length
        inbound.bytes.removeFirst(length)
        if !isUnix || inbound.letGo(length) { roomMade() }
        return length
    }

    /// Takes back what had arrived: it comes once more, later.
    private func hide(_ length: Int, _ faults: FaultPlan) {
        if length == 0 { return }
        inbound.visible -= length
        inbound.hidden += length
        machine.scheduler.after(machine.scheduler.draw(faults.delayNanoseconds)) { [self] in
            let back = min(length, inbound.hidden)
            if back == 0 { return }
            inbound.hidden -= back
            inbound.visible += back
            wake(Mask.input)
        }
    }

    func unhide() {
        inbound.visible += inbound.hidden
        inbound.hidden = 0
    }

    /// Something was read: the sender hears of the room after a while.
    private func roomMade() {
        // A small opening is not told (RFC 1122, section 4.2.3.3).
        if inbound.waiting > 0, inbound.windowRoom >= inbound.capacity / 8 {
            machine.scheduler.after(2 &* inbound.latency) { [self] in sendWaiting() }
        }
        guard let sender = peer, !sender.isOrphan else { return }
        if isUnix {
            if sender.isWritable { sender.wake(Mask.output) }
        } else if sender.wantsRoom {
            machine.scheduler.after(sender.inbound.latency) { sender.tellRoom() }
        }
    }

    func tellRoom() {
        guard wantsRoom && isWritable else { return }
        wantsRoom = false
        wake(Mask.output)
    }

    // MARK: Writing

    override func write(_ bytes: UnsafeRawBufferPointer, _ call: SimWrite) -> Int {
        if isUnix {
            if shutWrite { return -Int(EPIPE) }
            guard state == .connected, let peer else { return -Int(ENOTCONN) }
            if peer.shutRead || peer.isOrphan { return -Int(EPIPE) }
            if pendingError != 0 { return -Int(takeError()) }
        } else {
            if pendingError != 0 && (state != .connected || shutWrite) { return -Int(takeError()) }
            if state == .connecting { return -Int(EAGAIN) }
            if shutWrite || state != .connected { return -Int(EPIPE) }
            if pendingError != 0 { return -Int(takeError()) }
        }
        guard let lane = peer?.inbound else { return -Int(EPIPE) }
        if bytes.count == 0 { return 0 }
        if isChoked || lane.room == 0 {
            wantsRoom = true
            return -Int(EAGAIN)
        }
        var length = min(bytes.count, lane.room)
        if let faults = call.faults {
            if machine.inject(faults, .writeAgain) {
                choke(faults)
                return -Int(EAGAIN)
            }
            if length > 1, machine.inject(faults, .shortWrite) {
                length = 1 + machine.scheduler.random.below(length - 1)
                choke(faults)
            }
        }
        if length < bytes.count { wantsRoom = true }
        // SAFETY: a part of the caller's bytes.
        unsafe send(UnsafeRawBufferPointer(rebasing: bytes[0..<length]), lane)
        return length
    }

    /// Keeps writers out for a while, as a full buffer would.
    private func choke(_ faults: FaultPlan) {
        isChoked = true
        wantsRoom = true
        machine.scheduler.after(machine.scheduler.draw(faults.delayNanoseconds)) { [self] in
            isChoked = false
            tellRoom()
        }
    }

    private func send(_ bytes: UnsafeRawBufferPointer, _ lane: Lane) {
        guard let receiver = peer else { return }
        unsafe lane.bytes.append(bytes)
        let length = bytes.count
        if isUnix { lane.hold(length) }
        travel { receiver.arrived(length) }
        if !isUnix && machine.inject(machine.faults, .reset) { breakDown() }
    }

    /// Does something at the peer when a packet sent now arrives there. Unix sockets know no delay.
    func travel(_ action: @escaping () -> Void) {
        guard let lane = peer?.inbound else { return }
        if isUnix { return action() }
        let scheduler = machine.scheduler
        let jitter = lane.latency == 0 ? 0 : scheduler.draw(0...lane.latency)
        let time = max(lane.lastArrival, scheduler.now &+ lane.latency &+ jitter)
        lane.lastArrival = time
        scheduler.at(time, action)
    }

    private func arrived(_ length: Int) {
        if state == .dead || state == .fresh { return }
        if isOrphan && !isUnix {
            // Nobody is there to read it.
            guard let sender = peer else { return }
            state = .dead
            travel { sender.resetArrived() }
            return
        }
        if !isUnix && shutRead && shutWrite && !finReceived {
            // Both directions were given up, yet the peer goes on: Linux resets both ends.
            guard let sender = peer else { return }
            travel { sender.resetArrived() }
            return resetArrived()
        }
        // Unix sockets have no window.
        let fits = isUnix ? length : inbound.waiting > 0 ? 0 : min(length, inbound.windowRoom)
        inbound.waiting += length - fits
        if fits == 0 { return }
        inbound.visible += fits
        wake(Mask.input)
    }

    /// The reader has made room: what had to wait arrives.
    private func sendWaiting() {
        if state == .dead || state == .fresh || isOrphan { return }
        let fits = min(inbound.waiting, inbound.windowRoom)
        if fits > 0 {
            inbound.waiting -= fits
            inbound.visible += fits
            wake(Mask.input)
        }
        if inbound.waiting == 0 && inbound.endWaits {
            inbound.endWaits = false
            endArrived()
        }
    }
}
