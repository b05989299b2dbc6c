import Base
import CPlatform
import Glibc

/// poll: one set for the process, copied by each thread before it waits.
///
/// poll carries no token, so the generations of what was copied are kept beside it. Source: poll(2).
// SAFETY: both arrays are allocated for its life with `capacity` elements, of which `count` are in use.
@safe
final class PollPoller: SetPoller {
    private let kernel: Kernel
    private var polled: UnsafeMutablePointer<pollfd>
    private var tokens: UnsafeMutablePointer<FDToken>
    private var capacity = 64
    private var count = 0
    private var wakerFD: Int32 = -1

    init(_ kernel: Kernel, _ set: PollSet) {
        self.kernel = kernel
        unsafe polled = .allocate(capacity: capacity)
        unsafe tokens = .allocate(capacity: capacity)
        super.init(set)
    }

    override func watchWaker(_ fd: Int32) { wakerFD = fd }

    override func wait(_ timeoutMilliseconds: Int32, _ worker: Worker) -> Int {
        count = 0
        append(.waker, wakerFD, Int16(POLLIN))
        forEachOwn(worker) { token, interest in
            var wanted = interest.contains(.read) ? Int16(POLLIN) | host_poll_rdhup : 0
            if interest.contains(.write) { wanted |= Int16(POLLOUT) }
            append(token, token.fd, wanted)
        }
        // SAFETY: `count` elements are initialised.
        return Int(unsafe kernel.poll(polled, count, timeoutMilliseconds))
    }

    private func append(_ token: FDToken, _ fd: Int32, _ wanted: Int16) {
        if count == capacity { grow() }
        unsafe (polled + count).initialize(to: pollfd(fd: fd, events: wanted, revents: 0))
        unsafe (tokens + count).initialize(to: token)
        count += 1
    }

    @inline(never)
    private func grow() {
        let morePolled = UnsafeMutablePointer<pollfd>.allocate(capacity: capacity * 2)
        let moreTokens = UnsafeMutablePointer<FDToken>.allocate(capacity: capacity * 2)
        unsafe morePolled.initialize(from: polled, count: count)
        unsafe moreTokens.initialize(from: tokens, count: count)
        unsafe polled.deallocate()
        unsafe tokens.deallocate()
        unsafe polled = unsafe morePolled
        unsafe tokens = unsafe moreTokens
        capacity *= 2
    }

    override func dispatch(_ found: Int, _ worker: Worker) {
        var left = found
        var position = 0
        while left > 0 && position < count {
            let reported = unsafe Int32(polled[position].revents)
            let token = unsafe tokens[position]
            position += 1
            if reported == 0 { continue }
            left -= 1
            var flags: UInt64 = 0
            if reported & POLLIN != 0 { flags |= FDState.readyRead }
            if reported & POLLOUT != 0 { flags |= FDState.readyWrite }
            if reported & Int32(host_poll_rdhup) != 0 { flags |= FDState.hangup | FDState.readyRead }
            if reported & POLLHUP != 0 { flags |= FDState.hangup | FDState.ready }
            if reported & (POLLERR | POLLNVAL) != 0 { flags |= FDState.error | FDState.ready }
            worker.report(token, flags)
        }
    }

    deinit {
        unsafe polled.deallocate()
        unsafe tokens.deallocate()
    }
}

extension PollerKind {
    static let poll = PollerKind(
        name: "poll", preference: 200, choice: .poll, isProcessWide: true,
        isOffered: { _ in true },
        test: { kernel, _ in
            var nothing = pollfd()
            // SAFETY: no descriptors: only the call itself is tried.
            return PollerTrial(works: unsafe kernel.poll(&nothing, 0, 0) == 0)
        },
        make: { kernel, plan throws(SystemError) in
            guard let set = PollSet(capacity: plan.capacity) else { throw SystemError(code: ENOMEM) }
            return (0..<plan.threads).map { _ in PollPoller(kernel, set) }
        })
}
