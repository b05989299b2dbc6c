import Base
import Buffers
import CPlatform
import Glibc

/// Linux's io_uring: a ring for each thread.
///
/// By the ordinary contract it polls: local descriptors once, edge-triggered, by a poll that repeats; shared ones by
/// single polls that are armed anew while the descriptor is active, so level-triggered. Beyond that, transports and
/// listeners have the kernel do their work (`RingTransport`, `FDHandler.acceptCompleted`); what they prepare in a turn
/// is submitted by the wait at its end, in one call.
///
/// An armed operation keeps its open file. So whoever removes a descriptor also cancels, and only on the ring's thread:
/// `keepsFiles` makes the table ask that thread. Source: io_uring(7), io_uring_enter(2).
///
/// Thread-safety: its worker's thread only, but for `close`.
// SAFETY: a transport that is in `senders` keeps its slot, which keeps the transport, until the list was gone through.
@safe
final class UringPoller: Poller {
    let ring: Ring
    let features: UringProbe.Features
    /// This thread's bit in the polled masks.
    private let me: UInt64
    private let maxEvents: Int
    private let size: RingSize
    private var isEnabled = false
    /// The thread stops: only what is closing is served.
    private(set) var isRetiring = false
    /// Transports that wait for their last completion.
    var closing = 0
    private(set) var buffers: UringBuffers?
    private let shared = UringPlaces()
    /// Shared descriptors to look at before the next wait.
    private var dirty: [Int] = []
    /// Transports that have something to send.
    private var senders: [Unmanaged<RingTransport>]
    /// Transports that found no buffer to receive into, first come first served.
    private var starved: [RingTransport] = []
    /// The waker's poll; armed anew when it ends.
    private var waker: Int32 = -1
    private var isWakerArmed = false
    /// Cancels that the ring had no room for: tried again before each wait.
    private var refusedCancels: [RingToken] = []
    /// Shared descriptors whose operations the ring had no room for.
    private var refusedPlaces: [Int] = []

    init(
        _ kernel: Kernel, thread: Int, maxEvents: Int, size: RingSize, features: UringProbe.Features
    ) throws(SystemError) {
        ring = try kernel.makeRing(size)
        self.size = size
        self.features = features
        me = ThreadSet.single(thread).bits
        unsafe senders = []
        self.maxEvents = max(1, maxEvents)
    }

    override var registersOnce: Bool { true }
    override var keepsFiles: Bool { true }

    /// Blocks that the kernel has to receive into.
    var blocksLent: Int { buffers?.count ?? 0 }

    // MARK: Waiting

    override func wait(_ timeoutMilliseconds: Int32, _ worker: Worker) -> Int {
        if !isEnabled { enable(worker) }
        var timeout = timeoutMilliseconds
        if buffers?.isComplete == false || !starved.isEmpty { feed() }
        if !refusedCancels.isEmpty { cancelRefused() }
        if !isWakerArmed { armWaker() }
        if !dirty.isEmpty { convergeDirty(worker) }
        if unsafe !senders.isEmpty { prepareSends() }
        if isOwing {
            let retry = Int32(Limits.starvedRetryMilliseconds)
            timeout = timeout < 0 ? retry : min(timeout, retry)
        }
        // What was refused, or a listener that was asked for its credit, may have left work for this thread, behind
        // its last look before it sleeps.
        if timeout != 0 && worker.hasWork { timeout = 0 }
        return min(ring.submitAndWait(timeout), maxEvents)
    }

    /// Something has to be tried again soon.
    private var isOwing: Bool {
        unsafe !starved.isEmpty || blocksLent == 0 || !senders.isEmpty || !refusedCancels.isEmpty || !dirty.isEmpty
            || !isWakerArmed
    }

    private func enable(_ worker: Worker) {
        isEnabled = true
        let result = ring.enable()
        precondition(result >= 0, "a ring that was made can be enabled")
        buffers = UringBuffers(ring, worker.pool, capacity: size.buffers)
    }

    /// Looks again for blocks, and arms those who wait for some.
    private func feed() {
        buffers?.refill()
        var left = min(starved.count, blocksLent)
        while left > 0 {
            left &-= 1
            starved.removeFirst().receiveOn()
        }
    }

    /// Cancels the operation of a token, now or as soon as the ring has room: what is armed keeps its open file.
    func cancel(_ token: RingToken) {
        if ring.cancel(token) < 0 { refusedCancels.append(token) }
    }

    private func cancelRefused() {
        let tokens = refusedCancels
        refusedCancels.removeAll()
        for token in tokens { cancel(token) }
    }

    private func prepareSends() {
        var position = 0
        var left = 0
        while unsafe position < senders.count {
            // SAFETY: a transport in the list stays open, and so kept by its slot, until it was here.
            if unsafe !senders[position]._withUnsafeGuaranteedRef({ $0.prepareSend() }) {
                unsafe senders[left] = senders[position]
                left &+= 1
            }
            position &+= 1
        }
        unsafe senders.removeLast(senders.count &- left)
    }

    /// A transport has something to send, or waits for its turn among those that have: called back before the wait.
    func queueSend(_ transport: RingTransport) { unsafe senders.append(Unmanaged.passUnretained(transport)) }

    /// A transport found no buffer, or the ring no room for its receive: it is told before the next wait.
    func queueStarved(_ transport: RingTransport) { starved.append(transport) }

    // MARK: Completions

    override func dispatch(_ count: Int, _ worker: Worker) {
        var index = 0
        while index < count {
            let completion = ring.completion(index)
            index &+= 1
            switch completion.token.operation {
            case .receive, .send, .connect: worker.reportCompletion(completion, self)
            case .poll: polled(completion, worker)
            case .sharedPoll: sharedPolled(completion, worker)
            case .accept: accepted(completion, worker)
            case .control: break
            case nil: if FDToken(bits: completion.token.bits) == .waker { rung(completion, worker) }
            }
        }
        ring.consumed(count)
    }

    private func rung(_ completion: RingCompletion, _ worker: Worker) {
        if !completion.hasMore { isWakerArmed = false }
        worker.report(.waker, 0)
    }

    /// A repeating poll of a local descriptor has found something, or ended.
    private func polled(_ completion: RingCompletion, _ worker: Worker) {
        if completion.result == -ECANCELED { return }
        let token = FDToken(bits: completion.token.bits)
        let slot = worker.memory[token.fd]
        let state = slot.loadState(.relaxed)
        if !completion.hasMore && completion.result >= 0 && state.isOpen && state.isLocal
            && state.generation == token.generation
            && slot.polledRead.load(.relaxed) & me != 0
        {
            arm(token.fd, slot, state, worker)
        }
        let flags =
            completion.result < 0
            ? FDState.error | FDState.ready : EpollPoller.flags(UInt32(bitPattern: completion.result))
        worker.report(token, flags)
    }

    // MARK: Local descriptors

    override func update(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        let state = slot.loadState(.sequential)
        if state.isLocal {
            if !state.has(FDState.registered) { arm(fd, slot, state, worker) }
            return
        }
        updateShared(fd, slot, state, worker)
    }

    private func arm(_ fd: Int32, _ slot: FDSlot, _ state: FDState, _ worker: Worker) {
        let token = FDToken(fd: fd, generation: state.generation)
        let wanted = HOST_EPOLL_IN | HOST_EPOLL_OUT | HOST_EPOLL_RDHUP
        worker.activity.add(.pollerCalls)
        guard ring.poll(fd, wanted, repeats: true, RingToken(bits: token.bits)) >= 0 else {
            return worker.registrationFailed(fd, slot)
        }
        worker.registered(slot)
        slot.polledRead.store(me, .relaxed)
        slot.polledWrite.store(me, .relaxed)
    }

    /// Cancels the poll of a local descriptor; on the ring's thread.
    override func forget(_ fd: Int32, _ slot: FDSlot) {
        forget(FDToken(fd: fd, generation: slot.loadState(.relaxed).generation))
    }

    override func forget(_ token: FDToken) { cancel(RingToken(bits: token.bits)) }

    // MARK: Shared descriptors

    private func updateShared(_ fd: Int32, _ slot: FDSlot, _ state: FDState, _ worker: Worker) {
        let active = slot.threadMask.load(.sequential) & me != 0 ? state.active : []
        let (index, place): (Int, UringPlace)
        if let known = shared.find(fd), known.place.generation == state.generation {
            (index, place) = known
        } else {
            // One of an earlier generation has nothing outstanding: its number would not have come again.
            if let known = shared.find(fd) { shared.remove(known.index) }
            if active.isEmpty { return }
            (index, place) = shared.add(
                fd, generation: state.generation, isListener: state.has(FDState.listener))
            var credit = -1
            _ = worker.withShared(fd, state.generation) { credit = $0.acceptCredit(on: worker) }
            place.accepts = place.isListener && credit >= 0
        }
        guard !place.isWithdrawing else { return }
        place.wanted = active
        markDirty(index, place)
    }

    private func markDirty(_ index: Int, _ place: UringPlace) {
        if place.isDirty { return }
        place.isDirty = true
        dirty.append(index)
    }

    private func convergeDirty(_ worker: Worker) {
        var position = 0
        // What is added meanwhile is looked at too: an update by a handler that was asked for its credit.
        while position < dirty.count {
            let index = dirty[position]
            position &+= 1
            let place = shared.places[index]
            place.isDirty = false
            if place.fd >= 0 { converge(index, place, worker) }
        }
        dirty.removeAll(keepingCapacity: true)
        while let index = refusedPlaces.popLast() { markDirty(index, shared.places[index]) }
    }

    /// Arms or cancels, so that what is outstanding comes to be what is wanted.
    private func converge(_ index: Int, _ place: UringPlace, _ worker: Worker) {
        let slot = worker.memory[place.fd]
        let wanted = place.isWithdrawing ? [] : place.wanted
        if place.outstanding == 0 {
            place.isCancelling = false
            if place.isWithdrawing {
                let fd = place.fd
                shared.remove(index)
                return worker.table.withdrawn(fd, slot, worker)
            }
        }
        if place.isCancelling { return }
        if place.outstanding > 0 && (wanted.isEmpty || (!place.accepts && place.armed != wanted)) {
            return cancel(index, place, worker)
        }
        // From inside the slot: who closes it sees the polled bit, or is seen.
        let isThere = worker.withShared(place.fd, place.generation) { handler in
            if wanted.isEmpty { return }
            if place.accepts {
                convergeAccepts(index, place, slot, handler.acceptCredit(on: worker), worker)
            } else if place.outstanding == 0 {
                poll(index, place, slot, wanted, worker)
            }
        }
        // What is armed for a slot that was revoked is cancelled when its closing asks for it.
        if place.outstanding == 0 && !place.isWithdrawing && (wanted.isEmpty || !isThere) { shared.remove(index) }
    }

    private func poll(_ index: Int, _ place: UringPlace, _ slot: FDSlot, _ wanted: Interest, _ worker: Worker) {
        var events = place.isListener ? HOST_EPOLL_EXCLUSIVE : HOST_EPOLL_RDHUP
        if wanted.contains(.read) { events |= HOST_EPOLL_IN }
        if wanted.contains(.write) { events |= HOST_EPOLL_OUT }
        let token = RingToken(
            .sharedPoll, number: Int32(truncatingIfNeeded: index), generation: place.generation)
        worker.activity.add(.pollerCalls)
        guard ring.poll(place.fd, events, repeats: false, token) >= 0 else {
            return worker.registrationFailed(place.fd, slot)
        }
        place.outstanding = 1
        place.armed = wanted
        mirror(slot, wanted, by: me)
    }

    private func convergeAccepts(
        _ index: Int, _ place: UringPlace, _ slot: FDSlot, _ credit: Int, _ worker: Worker
    ) {
        if credit <= 0 {
            if place.outstanding > 0 { cancel(index, place, worker) }
            return
        }
        if place.completed >= place.width { place.width = min(2 &* place.width, Limits.acceptsArmed) }
        place.completed = 0
        let target = min(credit, place.width)
        while place.outstanding < target {
            let number = shared.takeAccept()
            let token = RingToken(.accept, number: number, generation: place.generation)
            worker.activity.add(.pollerCalls)
            guard shared.accepts[Int(number)].prepare(on: ring, place, token) >= 0 else {
                shared.returnAccept(number)
                refusedPlaces.append(index)
                break
            }
            place.accepting.append(number)
            place.outstanding &+= 1
        }
        if place.outstanding > 0 { mirror(slot, .read, by: me) }
    }

    private func cancel(_ index: Int, _ place: UringPlace, _ worker: Worker) {
        place.isCancelling = true
        if place.accepts {
            for number in place.accepting {
                cancel(RingToken(.accept, number: number, generation: place.generation))
            }
        } else {
            cancel(RingToken(.sharedPoll, number: Int32(truncatingIfNeeded: index), generation: place.generation))
        }
        worker.activity.add(.pollerCalls)
    }

    /// One of a shared descriptor's operations has completed.
    private func completed(_ index: Int, _ place: UringPlace, _ worker: Worker, again: Bool = true) {
        place.outstanding &-= 1
        if place.outstanding == 0 {
            place.armed = []
            if !place.isWithdrawing { mirror(worker.memory[place.fd], [], by: me) }
        }
        if again { markDirty(index, place) }
    }

    private func sharedPolled(_ completion: RingCompletion, _ worker: Worker) {
        let index = Int(completion.token.number)
        guard index < shared.places.count else { return }
        let place = shared.places[index]
        guard place.outstanding > 0, place.generation == completion.token.generation, !completion.hasMore else {
            return
        }
        let token = FDToken(fd: place.fd, generation: place.generation)
        let isWithdrawing = place.isWithdrawing
        let hasFailed = completion.result < 0 && completion.result != -ECANCELED && !isWithdrawing && !isRetiring
        completed(index, place, worker, again: !hasFailed)
        if hasFailed {
            // Not polled again before a while has passed.
            _ = worker.withShared(token.fd, token.generation) { _ in
                worker.registrationFailed(token.fd, worker.memory[token.fd])
            }
        } else if !isWithdrawing && !isRetiring && completion.result >= 0 {
            worker.report(token, EpollPoller.flags(UInt32(bitPattern: completion.result)))
        }
    }

    private func accepted(_ completion: RingCompletion, _ worker: Worker) {
        let number = completion.token.number
        let result = completion.result
        guard Int(number) < shared.accepts.count, let place = shared.accepts[Int(number)].place,
            let index = shared.find(place.fd)?.index
        else { return }
        let peer = result >= 0 ? shared.accepts[Int(number)].peer : SocketAddress()
        shared.returnAccept(number)
        if let position = place.accepting.firstIndex(of: number) { place.accepting.remove(at: position) }
        place.completed &+= 1
        let token = FDToken(fd: place.fd, generation: place.generation)
        completed(index, place, worker)
        if result == -ECANCELED { return }
        let isTaken = !isRetiring && worker.reportAccepted(token, result, from: peer)
        if !isTaken && result >= 0 {
            // The listener was closed meanwhile: so is what it would have taken, as its backlog is.
            _ = worker.kernel.close(result)
        }
    }

    override func withdraw(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {
        guard let (index, place) = shared.find(fd) else { return worker.table.withdrawn(fd, slot, worker) }
        place.isWithdrawing = true
        if place.outstanding > 0 && !place.isCancelling { cancel(index, place, worker) }
        markDirty(index, place)
    }

    /// The thread stops: nothing more is accepted, and what was revoked can be closed.
    override func retire(_ worker: Worker) {
        if !isEnabled { return }
        isRetiring = true
        for (index, place) in shared.places.enumerated() where place.fd >= 0 {
            place.wanted = []
            let slot = worker.memory[place.fd]
            if slot.loadState(.sequential).has(FDState.withdrawing) && slot.updateMask.load(.sequential) & me != 0 {
                place.isWithdrawing = true
            }
            markDirty(index, place)
        }
        for _ in 0..<100 {
            cancelRefused()
            convergeDirty(worker)
            if unsafe !senders.isEmpty { prepareSends() }
            // Once more when all is done: what was closed last is handed in.
            let isDone = closing == 0 && !shared.places.contains { $0.outstanding > 0 }
            let found = max(0, ring.submitAndWait(isDone ? 0 : 10))
            for index in 0..<found {
                let completion = ring.completion(index)
                switch completion.token.operation {
                case .sharedPoll: sharedPolled(completion, worker)
                case .accept: accepted(completion, worker)
                case .receive, .send, .connect: worker.reportCompletion(completion, self)
                default: break
                }
            }
            ring.consumed(found)
            if isDone { return }
        }
    }

    // MARK: Life

    override func makeWaker(_ kernel: Kernel) throws(SystemError) -> Waker {
        let made = try EventFDWaker(kernel)
        waker = made.fd
        armWaker()
        return made
    }

    private func armWaker() {
        let token = RingToken(bits: FDToken.waker.bits)
        isWakerArmed = ring.poll(waker, HOST_EPOLL_IN, repeats: true, token) >= 0
    }

    override func close() {
        ring.close()
        buffers?.clear()
    }
}
