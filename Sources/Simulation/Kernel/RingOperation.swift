import Base
import CPlatform
import Engine
import Glibc

/// One operation of a played ring, from its preparation to its last completion.
// SAFETY: the memory of an operation is its caller's until the last completion (see `Ring`).
@safe
final class RingOperation: SimWaiter, CustomStringConvertible {
    @unsafe
    enum Work {
        case poll(UInt32, repeats: Bool)
        case receive(Int, total: Int)
        case send([UnsafeRawBufferPointer])
        case accept(UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>)
        case connect(SocketAddress)
        case disconnect
        case cancel(RingToken)
        case close
    }

    let token: RingToken
    private let fd: Int32
    private let work: Work
    private weak var ring: SimRing?
    /// The open file, which stays open as long as the operation is not over.
    private var file: SimFile?
    /// Events that it waits for at its file.
    private var wanted: UInt32 = 0
    private var isAttached = false
    /// What the file has told of, if it was one thing only; otherwise it is asked.
    private var told: UInt32 = Mask.any
    /// Bytes that a repeating receive still takes.
    private var left = 0
    private var hasBegun = false
    private var hasAborted = false
    /// In the ring's list of what to try.
    var isQueued = false
    private(set) var isCancelled = false
    private(set) var isOver = false

    init(_ ring: SimRing, _ fd: Int32, _ work: Work, _ token: RingToken) {
        self.ring = ring
        self.fd = fd
        unsafe self.work = unsafe work
        self.token = token
        var isExclusive = false
        switch unsafe work {
        case .accept: isExclusive = true
        case .poll(let events, _): isExclusive = events & HOST_EPOLL_EXCLUSIVE != 0
        case .receive(_, let total): left = total
        default: break
        }
        super.init(isExclusive: isExclusive)
    }

    var description: String {
        switch unsafe work {
        case .poll(let events, let repeats): "polls \(fd) for \(String(events, radix: 16))\(repeats ? "+" : "")"
        case .receive(let count, let total): "receives from \(fd) \(count), \(total)"
        case .send(let pieces): "sends to \(fd) \(unsafe pieces.reduce(0) { $0 + $1.count })"
        case .accept: "accepts at \(fd)"
        case .connect(let address): "connects \(fd) to \(address)"
        case .disconnect: "disconnects \(fd)"
        case .cancel(let target): "cancels \(target)"
        case .close: "closes \(fd)"
        }
    }

    // MARK: From the ring

    /// Submitted: tried at once, or, by chance, handed to somebody who tries later.
    func start() {
        guard let ring else { return }
        switch unsafe work {
        case .cancel(let target): return ring.cancel(target, token)
        case .close:
            let result = ring.kernel.remove(fd)
            if result < 0 { ring.post(token, result) }
            return
        default: break
        }
        guard let file = ring.kernel.file(fd) else { return ring.post(token, -EBADF) }
        self.file = file
        file.references += 1
        ring.begun(self)
        if isPoll && ring.inject(.noRegistration) { return finish(-ENOMEM) }
        if !isPoll && ring.inject(.lateCompletion) { return ring.queueLater(self) }
        run()
    }

    private var isPoll: Bool {
        if case .poll = unsafe work { return true }
        return false
    }

    /// Tries it.
    func run() {
        isQueued = false
        guard let ring, let file, !isOver else { return }
        if isCancelled { return finish(-ECANCELED) }
        switch unsafe work {
        case .poll(let events, let repeats): poll(events, repeats, file, ring)
        case .receive(let count, let total): receive(count, total > 0, file, ring)
        case .send(let pieces): unsafe send(pieces, file, ring)
        case .accept(let address, let size): unsafe accept(address, size, file, ring)
        case .connect(let address): connect(address, file, ring)
        case .disconnect: finish((file as? SimStream)?.disconnect() ?? -EINVAL)
        case .cancel, .close: break
        }
    }

    /// It completes as cancelled, unless it is over by then.
    func cancel(later: Bool = false) {
        isCancelled = true
        detach()
        if later { ring?.queueLater(self) } else { ring?.queue(self) }
    }

    /// The ring is closed.
    func abandon() {
        isOver = true
        leave()
    }

    private func finish(_ result: Int32, flags: UInt32 = 0) {
        isOver = true
        ring?.ended(self)
        leave()
        ring?.post(token, result, flags: flags)
    }

    private func leave() {
        detach()
        if let file { ring?.kernel.letGo(file) }
        file = nil
    }

    /// Tells of what was done. The operation goes on if it can, and by chance does not.
    private func report(_ result: Int32, flags: UInt32 = 0, goesOn: Bool, _ ring: SimRing) {
        if goesOn && ring.hasRoom && !ring.inject(.endedRepeat) {
            return ring.post(token, result, flags: flags | UInt32(HOST_RING_MORE))
        }
        finish(result, flags: flags)
    }

    // MARK: Waiting at the file

    private func wait(_ events: UInt32) {
        guard let file, let ring else { return }
        attach(events)
        // What has come between trying and waiting.
        if file.poll() & wanted == 0 { return }
        detach()
        ring.queue(self)
    }

    private func attach(_ events: UInt32) {
        wanted = events | Mask.always
        // Unlike epoll's, polls report the end of the peer's side unasked. (A send without room would be tried for
        // nothing then, and is left to a thread that waits for room.)
        if isPoll { wanted |= Mask.peerHangup }
        if isAttached { return }
        isAttached = true
        file?.attach(self)
    }

    private func detach() {
        if !isAttached { return }
        isAttached = false
        file?.detach(self)
    }

    override func notified(_ key: UInt32) -> Bool {
        guard let ring, !isOver, key == Mask.any || key & wanted != 0 else { return false }
        told = key
        if case .poll(_, repeats: true) = unsafe work {} else { detach() }
        if ring.inject(isPoll ? .lateReadiness : .lateCompletion) {
            told = Mask.any
            ring.queueLater(self)
        } else {
            ring.queue(self)
        }
        return true
    }

    /// Something else has happened before it was tried: the file is asked.
    func wasToldAgain() { told = Mask.any }

    // MARK: Polls

    private func poll(_ events: UInt32, _ repeats: Bool, _ file: SimFile, _ ring: SimRing) {
        let interest = events & 0xFFFF & ~HOST_EPOLL_EXCLUSIVE
        if !repeats { detach() }
        attach(interest)
        let mask = (told == Mask.any ? file.poll() : told) & wanted
        told = Mask.any
        if mask != 0 { report(Int32(bitPattern: mask), goesOn: repeats, ring) }
    }

    /// A poll for input that waits.
    var mayBeFalse: Bool {
        if case .poll(let events, _) = unsafe work { return isAttached && events & Mask.input != 0 }
        return false
    }

    /// Says that there is input.
    func reportFalsely() {
        guard let ring, case .poll(_, let repeats) = unsafe work else { return }
        report(Int32(bitPattern: Mask.input), goesOn: repeats, ring)
    }

    // MARK: Bytes

    private func receive(_ count: Int, _ repeats: Bool, _ file: SimFile, _ ring: SimRing) {
        detach()
        for _ in 0..<SimRing.receivesInARow {
            guard let buffer = unsafe ring.nextBuffer else { return finish(-ENOBUFS) }
            let room = unsafe count > 0 ? min(count, buffer.bytes.count) : buffer.bytes.count
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[0..<room])
            let call = SimRead(faults: ring.kernel.faults, isReceive: true)
            let result = unsafe Int32(clamping: file.isSocket ? file.read(target, call) : -Int(ENOTSOCK))
            if result == -EAGAIN { return wait(Mask.input) }
            if result <= 0 { return finish(result) }
            ring.takeBuffer()
            left -= Int(result)
            let flags = unsafe UInt32(HOST_RING_BUFFER) | UInt32(buffer.number) << UInt32(HOST_RING_BUFFER_SHIFT)
            report(result, flags: flags, goesOn: repeats && left > 0, ring)
            if isOver { return }
            // Without more to receive no buffer is asked for.
            if file.poll() & Mask.input == 0 { return wait(Mask.input) }
        }
        ring.queue(self)
    }

    private func send(_ pieces: [UnsafeRawBufferPointer], _ file: SimFile, _ ring: SimRing) {
        detach()
        guard file.isSocket else { return finish(-ENOTSOCK) }
        var bytes: [UInt8] = []
        for index in unsafe pieces.indices { unsafe bytes.append(contentsOf: pieces[index]) }
        let result = unsafe bytes.withUnsafeBytes { unsafe ring.kernel.transmit(file, $0) }
        if result == -Int(EAGAIN) { return wait(Mask.output) }
        finish(Int32(clamping: result))
    }

    // MARK: Connections

    private func accept(
        _ address: UnsafeMutablePointer<sockaddr>, _ size: UnsafeMutablePointer<socklen_t>, _ file: SimFile,
        _ ring: SimRing
    ) {
        detach()
        var peer = SocketAddress()
        let result = ring.kernel.accept(from: file, &peer)
        if result == -EAGAIN { return wait(Mask.input) }
        if result >= 0 {
            unsafe peer.withNative { source, length in
                let room = unsafe min(size.pointee, length)
                unsafe UnsafeMutableRawPointer(address).copyMemory(from: source, byteCount: Int(room))
                unsafe size.pointee = length
            }
        }
        finish(result)
    }

    private func connect(_ address: SocketAddress, _ file: SimFile, _ ring: SimRing) {
        detach()
        guard let stream = file as? SimStream else {
            return finish((file as? SimDatagram)?.connect(address) ?? -ENOTSOCK)
        }
        if hasBegun {
            let error = stream.takeError()
            if error != 0 { return finish(-error) }
            return stream.state == .connecting ? wait(Mask.output) : finish(stream.connect(address))
        }
        let result = stream.connect(address)
        // Nobody tells when there is room for a unix socket.
        if result == -EAGAIN { return ring.queueLater(self) }
        // Another connect has failed here before: that is said once, and not to us.
        if result == -ECONNABORTED && !hasAborted {
            hasAborted = true
            return ring.queue(self)
        }
        if result != -EINPROGRESS { return finish(result) }
        hasBegun = true
        wait(Mask.output)
    }
}
