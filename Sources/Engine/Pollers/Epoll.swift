import Base
import CPlatform
import Glibc

/// Linux's epoll: an instance for each thread.
///
/// Local descriptors are added once with EPOLLET in both directions. Listeners are added with EPOLLEXCLUSIVE, which
/// cannot be modified: they are removed and added. Source: epoll(7), epoll_ctl(2).
// SAFETY: its buffer of events is allocated for its life, with the capacity that the kernel is told.
@safe
final class EpollPoller: Poller {
    private let kernel: Kernel
    private let number: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private let capacity: Int32
    /// This thread's bit in the polled masks.
    private let me: UInt64

    init(_ kernel: Kernel, thread: Int, maxEvents: Int) throws(SystemError) {
        self.kernel = kernel
        me = ThreadSet.single(thread).bits
        capacity = Int32(clamping: max(1, maxEvents))
        // SAFETY: allocated here for `capacity` events, freed in deinit; the kernel writes at most that many.
        unsafe events = .allocate(capacity: Int(capacity))
        unsafe events.initialize(repeating: epoll_event(), count: Int(capacity))
        number = kernel.epollCreate()
        if let error = SystemError(result: number) { throw error }
    }

    override var registersOnce: Bool { true }

    override func update(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        let state = slot.loadState(.sequential)
        let token = FDToken(fd: fd, generation: state.generation).bits
        if state.isLocal {
            guard !state.has(FDState.registered) else { return }
            let wanted = HOST_EPOLL_IN | HOST_EPOLL_OUT | HOST_EPOLL_RDHUP | HOST_EPOLL_ET
            guard add(fd, wanted, token, worker) else { return worker.registrationFailed(fd, slot) }
            worker.registered(slot)
            slot.polledRead.store(me, .relaxed)
            slot.polledWrite.store(me, .relaxed)
            return
        }
        let active = slot.threadMask.load(.sequential) & me != 0 ? state.active : []
        let polled = polled(slot, by: me)
        guard active != polled else { return }
        worker.activity.add(.pollerCalls)
        let exclusive = state.has(FDState.listener)
        if !polled.isEmpty && (active.isEmpty || exclusive) {
            _ = kernel.epollControl(number, HOST_EPOLL_CTL_DEL, fd, 0, 0)
        }
        if !active.isEmpty {
            var wanted = exclusive ? HOST_EPOLL_EXCLUSIVE : HOST_EPOLL_RDHUP
            if active.contains(.read) { wanted |= HOST_EPOLL_IN }
            if active.contains(.write) { wanted |= HOST_EPOLL_OUT }
            let isNew = polled.isEmpty || exclusive
            guard isNew ? add(fd, wanted, token, worker) : modify(fd, wanted, token, worker) else {
                mirror(slot, [], by: me)
                return worker.registrationFailed(fd, slot)
            }
        }
        mirror(slot, active, by: me)
    }

    /// Adds a descriptor; one that is there already, left by an earlier owner, is replaced.
    private func add(_ fd: Int32, _ wanted: UInt32, _ token: UInt64, _ worker: Worker) -> Bool {
        worker.activity.add(.pollerCalls)
        var result = kernel.epollControl(number, HOST_EPOLL_CTL_ADD, fd, wanted, token)
        if result == -EEXIST {
            _ = kernel.epollControl(number, HOST_EPOLL_CTL_DEL, fd, 0, 0)
            result = kernel.epollControl(number, HOST_EPOLL_CTL_ADD, fd, wanted, token)
        }
        return result >= 0
    }

    /// Changes a descriptor; one that is gone is added.
    private func modify(_ fd: Int32, _ wanted: UInt32, _ token: UInt64, _ worker: Worker) -> Bool {
        let result = kernel.epollControl(number, HOST_EPOLL_CTL_MOD, fd, wanted, token)
        return result >= 0 || (result == -ENOENT && add(fd, wanted, token, worker))
    }

    override func forget(_ fd: Int32, _ slot: FDSlot) {
        // ENOENT and EBADF say that it is gone already, which is all that is wanted.
        _ = kernel.epollControl(number, HOST_EPOLL_CTL_DEL, fd, 0, 0)
    }

    override func wait(_ timeoutMilliseconds: Int32, _ worker: Worker) -> Int {
        // SAFETY: the buffer holds `capacity` events.
        Int(unsafe kernel.epollWait(number, events, capacity, timeoutMilliseconds))
    }

    override func dispatch(_ count: Int, _ worker: Worker) {
        if count > 1 && worker.sharesListeners { putListenersFirst(count, worker) }
        for index in 0..<count {
            // SAFETY: the kernel filled in `count` events.
            let event = unsafe events + index
            let reported = unsafe host_epoll_events(event)
            let token = unsafe FDToken(bits: host_epoll_token(event))
            worker.report(token, EpollPoller.flags(reported))
        }
    }

    /// Moves the reports of listeners to the front. Between a thread's being told of a connection and its accepting it,
    /// every other thread that looks is told, too, and finds nothing: that time is not to hold the service of a whole
    /// batch. The kernel puts what is level-triggered at the end.
    private func putListenersFirst(_ count: Int, _ worker: Worker) {
        var front = 0
        for index in 0..<count {
            // SAFETY: the kernel filled in `count` events, and `front` is at most `index`.
            let event = unsafe events + index
            guard unsafe worker.isListener(FDToken(bits: host_epoll_token(event))) else { continue }
            let other = unsafe events[front]
            unsafe events[front] = event.pointee
            unsafe event.pointee = other
            front &+= 1
        }
    }

    /// The flags of a slot's state for a report of epoll. The end of the peer's side makes reading ready; the end of
    /// the connection, or an error, makes both directions ready, so that whoever is active finds out.
    @inline(__always)
    static func flags(_ reported: UInt32) -> UInt64 {
        var flags: UInt64 = 0
        if reported & (HOST_EPOLL_IN | HOST_EPOLL_RDHUP) != 0 { flags |= FDState.readyRead }
        if reported & HOST_EPOLL_OUT != 0 { flags |= FDState.readyWrite }
        if reported & HOST_EPOLL_RDHUP != 0 { flags |= FDState.hangup }
        if reported & HOST_EPOLL_HUP != 0 { flags |= FDState.hangup | FDState.ready }
        if reported & HOST_EPOLL_ERR != 0 { flags |= FDState.error | FDState.ready }
        return flags
    }

    override func makeWaker(_ kernel: Kernel) throws(SystemError) -> Waker {
        let waker: Waker
        do {
            waker = try EventFDWaker(kernel)
        } catch {
            waker = try PipeWaker(kernel)
        }
        let wanted = HOST_EPOLL_IN | HOST_EPOLL_ET
        let result = kernel.epollControl(
            number, HOST_EPOLL_CTL_ADD, waker.fd, wanted, FDToken.waker.bits)
        if let error = SystemError(result: result) {
            waker.close()
            throw error
        }
        return waker
    }

    override func close() { _ = kernel.close(number) }

    deinit {
        // SAFETY: allocated in init, freed here only.
        unsafe events.deallocate()
    }
}
