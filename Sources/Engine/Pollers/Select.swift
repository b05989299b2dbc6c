import Base
import CPlatform
import Glibc

/// select: one set for the process, copied by each thread before it waits; for numbers below FD_SETSIZE only, which is
/// why it refuses larger tables at start.
///
/// select carries no token, so the generations of what was copied are kept beside it. Source: select(2).
// SAFETY: the arrays are allocated for its life: FD_SETSIZE bits, or FD_SETSIZE elements.
@safe
final class SelectPoller: SetPoller {
    private let kernel: Kernel
    private let reading: UnsafeMutablePointer<UInt64>
    private let writing: UnsafeMutablePointer<UInt64>
    private let tokens: UnsafeMutablePointer<FDToken>
    private var bound: Int32 = 0
    private var wakerFD: Int32 = -1

    static var size: Int { Int(HOST_FD_SETSIZE) }
    private static var words: Int { Int(HOST_FD_SET_WORDS) }

    init(_ kernel: Kernel, _ set: PollSet) {
        self.kernel = kernel
        unsafe reading = .allocate(capacity: SelectPoller.words)
        unsafe writing = .allocate(capacity: SelectPoller.words)
        unsafe tokens = .allocate(capacity: SelectPoller.size)
        unsafe reading.initialize(repeating: 0, count: SelectPoller.words)
        unsafe writing.initialize(repeating: 0, count: SelectPoller.words)
        unsafe tokens.initialize(repeating: .waker, count: SelectPoller.size)
        super.init(set)
    }

    override func watchWaker(_ fd: Int32) { wakerFD = fd }

    override func makeWaker(_ kernel: Kernel) throws(SystemError) -> Waker {
        let waker = try super.makeWaker(kernel)
        guard waker.fd < SelectPoller.size else {
            waker.close()
            throw SystemError(code: EMFILE)
        }
        return waker
    }

    override func wait(_ timeoutMilliseconds: Int32, _ worker: Worker) -> Int {
        unsafe reading.update(repeating: 0, count: SelectPoller.words)
        unsafe writing.update(repeating: 0, count: SelectPoller.words)
        bound = 0
        append(.waker, wakerFD, .read)
        forEachOwn(worker) { token, interest in append(token, token.fd, interest) }
        return Int(unsafe kernel.select(bound, reading, writing, timeoutMilliseconds))
    }

    private func append(_ token: FDToken, _ fd: Int32, _ interest: Interest) {
        guard fd >= 0 && fd < SelectPoller.size else { return }
        let word = Int(fd) / 64
        let mask: UInt64 = 1 << UInt64(fd & 63)
        if interest.contains(.read) { unsafe reading[word] |= mask }
        if interest.contains(.write) { unsafe writing[word] |= mask }
        unsafe tokens[Int(fd)] = token
        bound = max(bound, fd + 1)
    }

    override func dispatch(_ found: Int, _ worker: Worker) {
        for word in 0..<(Int(bound) + 63) / 64 {
            let (read, write) = unsafe (reading[word], writing[word])
            var any = read | write
            while any != 0 {
                let position = UInt64(any.trailingZeroBitCount)
                any &= any &- 1
                var flags: UInt64 = 0
                if read >> position & 1 != 0 { flags |= FDState.readyRead }
                if write >> position & 1 != 0 { flags |= FDState.readyWrite }
                worker.report(unsafe tokens[word * 64 + Int(position)], flags)
            }
        }
    }

    deinit {
        unsafe reading.deallocate()
        unsafe writing.deallocate()
        unsafe tokens.deallocate()
    }
}

extension PollerKind {
    static let select = PollerKind(
        name: "select", preference: 150, choice: .select, isProcessWide: true,
        isOffered: { _ in true },
        test: { kernel, capacity in
            guard capacity <= SelectPoller.size else { return PollerTrial(works: false) }
            var (reading, writing): (UInt64, UInt64) = (0, 0)
            // SAFETY: no descriptors: only the call itself is tried.
            return PollerTrial(works: unsafe kernel.select(0, &reading, &writing, 0) == 0)
        },
        make: { kernel, plan throws(SystemError) in
            guard plan.capacity <= SelectPoller.size else { throw SystemError(code: EMFILE) }
            guard let set = PollSet(capacity: plan.capacity) else { throw SystemError(code: ENOMEM) }
            return (0..<plan.threads).map { _ in SelectPoller(kernel, set) }
        })
}
