import Base
import Buffers
import CPlatform
import Glibc

/// Tries, on a small ring of its own, everything that `UringPoller` and `RingTransport` use: what a kernel says of
/// itself is not asked, because what it does is what counts, and filters (seccomp, containers) change the one and not
/// the other.
///
/// Thread-safety: any thread; it opens descriptors and closes them again.
struct UringProbe {
    /// What the ring has.
    struct Features: Equatable {
        /// Receives that repeat end by themselves after a total (Linux 6.17); otherwise each is armed by itself.
        var repeatsReceives = false
        /// Options of sockets are set by the ring (Linux 6.7); otherwise each is a system call.
        var setsOptions = false

        var areComplete: Bool { repeatsReceives && setsOptions }
    }

    /// What does not work here, and with which error (0: it did something else than asked).
    struct Failure: Error, Equatable, CustomStringConvertible {
        var step: String
        var code: Int32

        var description: String { code == 0 ? "\(step): not as needed" : "\(step): \(SystemError(code: code).name)" }
    }

    private let kernel: Kernel
    private let ring: Ring
    private let pool = ChunkPool(blockSizeBytes: 1024)
    private let buffers: UringBuffers
    private static let bufferCount = 8
    /// The longest that any step may take.
    private static let patienceMilliseconds: Int32 = 1000

    static func run(_ kernel: Kernel) throws(Failure) -> Features {
        let ring: Ring
        do throws(SystemError) {
            ring = try kernel.makeRing(RingSize(entries: 16, completions: 32, buffers: bufferCount))
        } catch {
            throw Failure(step: "creating a ring", code: error.code)
        }
        defer { ring.close() }
        let probe = try UringProbe(kernel, ring)
        defer { probe.buffers.clear() }
        return try probe.features()
    }

    private init(_ kernel: Kernel, _ ring: Ring) throws(Failure) {
        self.kernel = kernel
        self.ring = ring
        let result = ring.enable()
        if result < 0 { throw Failure(step: "enabling a ring", code: -result) }
        buffers = UringBuffers(ring, pool, capacity: UringProbe.bufferCount)
    }

    private func features() throws(Failure) -> Features {
        var pair: (Int32, Int32) = (-1, -1)
        try check("a pair of sockets", kernel.socketpair(Int32(SOCK_STREAM.rawValue), &pair))
        defer {
            _ = kernel.close(pair.0)
            _ = kernel.close(pair.1)
        }
        try timeout()
        try polls(pair.0, pair.1)
        try sendsAndReceives(pair.0, pair.1)
        var features = Features()
        features.repeatsReceives = try repeatsReceives(pair.0, pair.1)
        try cancels(pair.0)
        features.setsOptions = try accepts()
        return features
    }

    // MARK: Steps

    private func timeout() throws(Failure) {
        let result = ring.submitAndWait(1)
        if result != 0 { throw Failure(step: "waiting with a timeout", code: Int32(clamping: max(0, -result))) }
    }

    /// A poll that repeats, edge-triggered, and can be cancelled.
    private func polls(_ near: Int32, _ far: Int32) throws(Failure) {
        let step = "polling"
        let token = RingToken(.poll, number: 1, generation: 1)
        try check(step, ring.poll(near, HOST_EPOLL_IN | HOST_EPOLL_RDHUP, repeats: true, token))
        try write(far, 1)
        let found = try next(step)
        guard found.token == token, found.hasMore, found.result & Int32(HOST_EPOLL_IN) != 0 else {
            throw Failure(step: step, code: 0)
        }
        try check(step, ring.cancel(token))
        // What had come before the cancelling may complete first.
        for _ in 0..<4 {
            let last = try next(step)
            if last.token == token && last.result == -ECANCELED && !last.hasMore { return }
        }
        throw Failure(step: step, code: 0)
    }

    private func sendsAndReceives(_ near: Int32, _ far: Int32) throws(Failure) {
        let step = "sending and receiving with provided buffers"
        let receive = RingToken(.receive, number: 2, generation: 1)
        try check(step, ring.receive(near, count: 1, total: 0, receive))
        let first = try next(step)
        guard first.token == receive, first.result == 1, let number = first.buffer,
            buffers.take(number, byteCount: 1) != nil
        else { throw Failure(step: step, code: max(0, -first.result)) }
        let send = RingToken(.send, number: 2, generation: 1)
        var byte: UInt8 = 7
        // SAFETY: the byte lives on the stack until the send has completed, which is awaited.
        let sent = try unsafe withUnsafeMutablePointer(to: &byte) { (bytes) throws(Failure) -> RingCompletion in
            try check(step, unsafe ring.send(far, bytes, 1, more: false, send))
            return try next(step)
        }
        guard sent.token == send, sent.result == 1 else { throw Failure(step: step, code: max(0, -sent.result)) }
    }

    /// Whether a receive that repeats stops at its total. One byte waits from the step before.
    private func repeatsReceives(_ near: Int32, _ far: Int32) throws(Failure) -> Bool {
        let step = "repeated receives"
        let token = RingToken(.receive, number: 3, generation: 1)
        try check(step, ring.receive(near, count: 0, total: 2, token))
        let first = try next(step)
        if first.result < 0 {
            try drain(near)
            return false
        }
        release(first)
        guard first.token == token, first.result == 1 else { throw Failure(step: step, code: 0) }
        if !first.hasMore { return false }
        try write(far, 3)
        let second = try next(step)
        release(second)
        guard second.token == token, second.result > 0 else { throw Failure(step: step, code: 0) }
        // The buffer that reaches the total is filled whole.
        if !second.hasMore { return true }
        // A kernel that repeats without a total: stop it. Single receives do instead.
        try check(step, ring.cancel(token))
        for _ in 0..<4 {
            let last = try next(step)
            release(last)
            if last.token == token && !last.hasMore { break }
        }
        try drain(near)
        return false
    }

    private func cancels(_ near: Int32) throws(Failure) {
        let step = "cancelling a receive"
        let token = RingToken(.receive, number: 4, generation: 1)
        try check(step, ring.receive(near, count: 1, total: 0, token))
        _ = ring.submitAndWait(0)
        try check(step, ring.cancel(token))
        let completion = try next(step)
        release(completion)
        guard completion.token == token, completion.result == -ECANCELED else {
            throw Failure(step: step, code: max(0, -completion.result))
        }
    }

    /// Accepting with an address of its own, connecting, closing. Whether options can be set as well.
    private func accepts() throws(Failure) -> Bool {
        let step = "accepting and connecting"
        let listener = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try check(step, listener)
        defer { _ = kernel.close(listener) }
        var address = SocketAddress(ipv4: 0x7F00_0001, port: 0)
        try check(step, kernel.bind(listener, address))
        try check(step, kernel.listen(listener, 1))
        try check(step, kernel.localAddress(listener, &address))
        let client = kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try check(step, client)
        let place = UringPlace()
        place.fd = listener
        let room = UringAccept()
        var accepted: Int32 = -1
        defer {
            if accepted >= 0 { _ = kernel.close(accepted) }
            _ = ring.close(descriptor: client)
            _ = ring.submitAndWait(0)
        }
        try check(step, room.prepare(on: ring, place, RingToken(.accept, number: 5, generation: 1)))
        try check(step, ring.connect(client, address, RingToken(.connect, number: 5, generation: 1)))
        for _ in 0..<2 {
            let completion = try next(step)
            if completion.result < 0 { throw Failure(step: step, code: -completion.result) }
            if completion.token.operation == .accept { accepted = completion.result }
        }
        guard accepted >= 0, room.peer.family == .ipv4 else { throw Failure(step: step, code: 0) }
        return setsOptions(client)
    }

    /// Whether an option is set, at once and silently.
    private func setsOptions(_ fd: Int32) -> Bool {
        let tcp = Int32(IPPROTO_TCP)
        if ring.setOption(fd, tcp, TCP_NODELAY, 1) < 0 { return false }
        let found = ring.submitAndWait(0)
        ring.consumed(max(0, found))
        return found == 0 && kernel.getOption(fd, tcp, TCP_NODELAY) > 0
    }

    // MARK: Help

    private func check(_ step: String, _ result: Int32) throws(Failure) {
        if result < 0 { throw Failure(step: step, code: -result) }
    }

    /// The next completion.
    private func next(_ step: String) throws(Failure) -> RingCompletion {
        let found = ring.submitAndWait(UringProbe.patienceMilliseconds)
        if found < 0 { throw Failure(step: step, code: Int32(clamping: -found)) }
        if found == 0 { throw Failure(step: step, code: ETIMEDOUT) }
        let completion = ring.completion(0)
        ring.consumed(1)
        return completion
    }

    private func release(_ completion: RingCompletion) {
        if let number = completion.buffer { _ = buffers.take(number, byteCount: 0) }
    }

    private func write(_ fd: Int32, _ count: Int) throws(Failure) {
        let bytes: InlineArray<4, UInt8> = [1, 2, 3, 4]
        // SAFETY: at most the four bytes of a local.
        let result = unsafe withUnsafePointer(to: bytes) { unsafe kernel.write(fd, $0, min(count, 4)) }
        if result != count { throw Failure(step: "writing", code: Int32(clamping: max(0, -result))) }
    }

    private func drain(_ fd: Int32) throws(Failure) {
        var bytes: InlineArray<16, UInt8> = .init(repeating: 0)
        // SAFETY: at most the bytes of a local.
        _ = unsafe withUnsafeMutablePointer(to: &bytes) { unsafe kernel.recv(fd, $0, 16) }
    }
}

extension PollerKind {
    /// Before epoll, because it costs less (docs/performance.md), where rings have all that they can use: that is what
    /// was measured. What they lack otherwise costs them an operation for each receive, or a system call for each
    /// option.
    static let uring = PollerKind(
        name: "io_uring", preference: 350, choice: .uring, isProcessWide: false, keepsFiles: true,
        isOffered: { $0.offersRings },
        test: { kernel, _ in
            do throws(UringProbe.Failure) {
                let features = try UringProbe.run(kernel)
                return PollerTrial(works: true, preference: features.areComplete ? nil : 250, rings: features)
            } catch {
                return PollerTrial(works: false, reason: error.description)
            }
        },
        make: { kernel, plan throws(SystemError) in
            var made: [Poller] = []
            do throws(SystemError) {
                for thread in 0..<plan.threads {
                    made.append(
                        try UringPoller(
                            kernel, thread: thread, maxEvents: plan.maxEvents, size: kernel.ringSize,
                            features: plan.rings))
                }
            } catch {
                for poller in made { poller.close() }
                throw error
            }
            return made
        })
}
