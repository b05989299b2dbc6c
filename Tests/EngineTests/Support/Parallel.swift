import Base
import CPlatform
import Glibc
import Synchronization

@testable import Engine

/// A thread of a test.
// SAFETY: Sendable because the body runs once, on the new thread, and the caller joins it.
final class Parallel: @unchecked Sendable {
    private let body: () -> Void
    private var thread = pthread_t()
    private let ended = Atomic<Bool>(false)

    init(_ body: @escaping () -> Void) throws {
        self.body = body
        // SAFETY: the new thread takes the reference over.
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let failure = unsafe pthread_create(
            &thread, nil,
            { context in
                let mine = unsafe Unmanaged<Parallel>.fromOpaque(context!).takeRetainedValue()
                mine.body()
                mine.ended.store(true, ordering: .sequentiallyConsistent)
                return nil
            }, context)
        if failure != 0 { throw SystemError(code: failure) }
    }

    var hasEnded: Bool { ended.load(ordering: .sequentiallyConsistent) }

    func join() { pthread_join(thread, nil) }
}

/// The real kernel, with some calls counted or spoilt.
// SAFETY: its fields are atomic.
final class TestKernel: HostKernel, @unchecked Sendable {
    let opened = Counter()
    let closed = Counter()
    let controls = Counter()
    let waits = Counter()
    /// Waits that are answered with EINTR.
    let interruptions = Atomic<Int>(0)
    /// The errno with which `epoll_ctl` refuses to add, or 0.
    let refusal = Atomic<Int32>(0)
    /// The errno with which `accept` fails, or 0.
    let acceptFailure = Atomic<Int32>(0)

    override func epollCreate() -> Int32 { counted(super.epollCreate()) }
    override func kqueueCreate() -> Int32 {
        let number = counted(super.kqueueCreate())
        // The emulation has a descriptor for user events.
        if number >= 0 { opened.add() }
        return number
    }
    override func kqueueClose(_ queue: Int32) -> Int32 {
        // The emulation closes both.
        closed.add(2)
        return super.kqueueClose(queue)
    }
    override func eventfd() -> Int32 { counted(super.eventfd()) }

    override func accept(_ fd: Int32, _ address: inout SocketAddress) -> Int32 {
        let code = acceptFailure.load(ordering: .relaxed)
        return code == 0 ? super.accept(fd, &address) : -code
    }

    override func pipe(_ pair: inout (Int32, Int32)) -> Int32 {
        opened.add()
        return counted(super.pipe(&pair))
    }

    override func close(_ fd: Int32) -> Int32 {
        closed.add()
        return super.close(fd)
    }

    override func epollControl(
        _ poller: Int32, _ operation: Int32, _ fd: Int32, _ events: UInt32, _ token: UInt64
    ) -> Int32 {
        controls.add()
        let code = refusal.load(ordering: .relaxed)
        if operation == HOST_EPOLL_CTL_ADD && code != 0 { return -code }
        return super.epollControl(poller, operation, fd, events, token)
    }

    override func epollWait(
        _ poller: Int32, _ events: UnsafeMutablePointer<epoll_event>, _ count: Int32, _ timeout: Int32
    ) -> Int32 {
        waits.add()
        if interruptions.load(ordering: .relaxed) > 0 {
            interruptions.subtract(1, ordering: .relaxed)
            return -EINTR
        }
        return unsafe super.epollWait(poller, events, count, timeout)
    }

    private func counted(_ result: Int32) -> Int32 {
        if result >= 0 { opened.add() }
        return result
    }
}
