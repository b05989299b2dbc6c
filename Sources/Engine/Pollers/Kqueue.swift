import Base
import CPlatform
import Glibc

/// kqueue: an instance for each thread.
///
/// Local descriptors are added once with EV_CLEAR in both directions, shared ones without it while they are active.
/// Changes are submitted at once, with EV_RECEIPT, so that each has an answer of its own: none waits in an array where
/// the number could be closed under it, or where it could be lost with an interrupted wait. Source: kqueue(2).
// SAFETY: its buffer of events is allocated for its life, with the capacity that the kernel is told.
@safe
final class KqueuePoller: Poller {
    private let kernel: Kernel
    private let number: Int32
    private let events: UnsafeMutablePointer<kevent>
    private let capacity: Int32
    /// This thread's bit in the polled masks.
    private let me: UInt64

    init(_ kernel: Kernel, thread: Int, maxEvents: Int) throws(SystemError) {
        self.kernel = kernel
        me = ThreadSet.single(thread).bits
        capacity = Int32(clamping: max(2, maxEvents))
        // SAFETY: allocated here for `capacity` events, freed in deinit; the kernel writes at most that many.
        unsafe events = .allocate(capacity: Int(capacity))
        unsafe events.initialize(repeating: kevent(), count: Int(capacity))
        number = kernel.kqueueCreate()
        if let error = SystemError(result: number) { throw error }
    }

    override var registersOnce: Bool { true }

    override func update(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        let state = slot.loadState(.sequential)
        let token = FDToken(fd: fd, generation: state.generation).bits
        if state.isLocal {
            guard !state.has(FDState.registered) else { return }
            worker.activity.add(.pollerCalls)
            guard change(fd, HOST_EV_ADD | HOST_EV_CLEAR, .both, token) else {
                return worker.registrationFailed(fd, slot)
            }
            worker.registered(slot)
            slot.polledRead.store(me, .relaxed)
            slot.polledWrite.store(me, .relaxed)
            return
        }
        let active = slot.threadMask.load(.sequential) & me != 0 ? state.active : []
        let polled = polled(slot, by: me)
        guard active != polled else { return }
        worker.activity.add(.pollerCalls)
        let gone = polled.subtracting(active)
        if !gone.isEmpty { _ = change(fd, HOST_EV_DELETE, gone, token) }
        let new = active.subtracting(polled)
        guard new.isEmpty || change(fd, HOST_EV_ADD, new, token) else {
            mirror(slot, [], by: me)
            return worker.registrationFailed(fd, slot)
        }
        mirror(slot, active, by: me)
    }

    /// Submits one change for each direction; whether all succeeded.
    private func change(_ fd: Int32, _ flags: UInt32, _ directions: Interest, _ token: UInt64) -> Bool {
        // SAFETY: room for two changes, initialised up to `count`; answers overwrite them. A token is a number.
        unsafe withUnsafeTemporaryAllocation(of: kevent.self, capacity: 2) { changes in
            guard let start = changes.baseAddress else { return false }
            var count = 0
            for (direction, filter) in [(Interest.read, HOST_EVFILT_READ), (.write, HOST_EVFILT_WRITE)]
            where directions.contains(direction) {
                let change = unsafe host_kevent_make(
                    UInt64(UInt32(bitPattern: fd)), filter, flags | HOST_EV_RECEIPT, 0, token)
                unsafe (start + count).initialize(to: change)
                count += 1
            }
            let answered = unsafe kernel.kqueueWait(number, start, Int32(count), start, Int32(count), 0)
            guard Int(answered) == count else { return false }
            return (0..<count).allSatisfy { unsafe start[$0].data == 0 }
        }
    }

    override func forget(_ fd: Int32, _ slot: FDSlot) {
        // ENOENT says that it is gone already, which is all that is wanted.
        _ = change(fd, HOST_EV_DELETE, .both, 0)
    }

    override func wait(_ timeoutMilliseconds: Int32, _ worker: Worker) -> Int {
        // SAFETY: the buffer holds `capacity` events.
        Int(unsafe kernel.kqueueWait(number, nil, 0, events, capacity, timeoutMilliseconds))
    }

    override func dispatch(_ count: Int, _ worker: Worker) {
        var index = 0
        while index < count {
            // SAFETY: the kernel filled in `count` events.
            let token = unsafe host_kevent_token(events + index)
            var flags: UInt64 = 0
            // The two directions of a descriptor mostly come together: one call of its handler.
            repeat {
                flags |= unsafe KqueuePoller.flags(events[index])
                index += 1
            } while unsafe index < count && host_kevent_token(events + index) == token
            worker.report(FDToken(bits: token), flags)
        }
    }

    /// The flags of a slot's state for a report of kqueue.
    private static func flags(_ event: kevent) -> UInt64 {
        // SAFETY: only numbers of the event are read.
        let filter = unsafe Int32(event.filter)
        let ended = unsafe UInt32(event.flags) & (HOST_EV_EOF | HOST_EV_ERROR) != 0
        let failed = unsafe ended && (event.fflags != 0 || UInt32(event.flags) & HOST_EV_ERROR != 0)
        var flags: UInt64 = filter == HOST_EVFILT_WRITE ? FDState.readyWrite : FDState.readyRead
        if ended { flags |= FDState.hangup }
        if ended && filter == HOST_EVFILT_WRITE { flags |= FDState.ready }
        if failed { flags |= FDState.error | FDState.ready }
        return flags
    }

    override func makeWaker(_ kernel: Kernel) throws(SystemError) -> Waker {
        try KqueueWaker(kernel, queue: number)
    }

    override func close() { _ = kernel.kqueueClose(number) }

    deinit {
        // SAFETY: allocated in init, freed here only.
        unsafe events.deallocate()
    }
}

extension PollerKind {
    static let kqueue = PollerKind(
        name: "kqueue", preference: 300, choice: .kqueue, isProcessWide: false,
        isOffered: { $0.offersKqueue },
        test: { kernel, _ in
            let number = kernel.kqueueCreate()
            if number >= 0 { _ = kernel.kqueueClose(number) }
            return PollerTrial(works: number >= 0)
        },
        make: { kernel, plan throws(SystemError) in
            var made: [Poller] = []
            for thread in 0..<plan.threads {
                made.append(try KqueuePoller(kernel, thread: thread, maxEvents: plan.maxEvents))
            }
            return made
        })
}
