import Base

/// Whose a local descriptor is, in one word: the owner, whether the owner offers it to the other threads, and a number
/// that grows with every offer and every change of owner.
///
/// The owner alone offers. While it is offered nobody touches it but by exchanging this word: a taker, to become the
/// owner; the owner, to withdraw the offer (it does so before it serves an event). Whoever wins the exchange has the
/// descriptor for itself, so no lock is needed, nobody waits, and a loser has changed nothing. The growing number
/// makes sure that a taker who looked at an older offer loses, even if the number of the descriptor and the owner are
/// the same again.
@frozen
@usableFromInline
struct FDTenure {
    @usableFromInline
    var bits: UInt64

    @inlinable
    init(bits: UInt64) {
        self.bits = bits
    }

    @usableFromInline static let offered: UInt64 = 1 << 8
    @usableFromInline static let step: UInt64 = 1 << 16

    @inlinable
    var owner: Int { Int(bits & 0xFF) }
    @inlinable
    var isOffered: Bool { bits & FDTenure.offered != 0 }
    /// Owned by the thread, and not offered: nobody else may touch it.
    @inlinable
    func isHeld(by thread: Int) -> Bool { bits & 0x1FF == UInt64(truncatingIfNeeded: thread) }
    @inlinable
    func next(owner: Int, offered: Bool) -> FDTenure {
        let sequence = (bits & ~0xFFFF) &+ FDTenure.step
        return FDTenure(bits: sequence | UInt64(truncatingIfNeeded: owner) | (offered ? FDTenure.offered : 0))
    }
}

/// What `Worker.offer` returns and `Worker.take` needs: names one offer of one descriptor.
public struct FDOffer: Sendable, Hashable {
    public let fd: Int32
    let tenure: UInt64

    /// The offer in one word, for `Worker.offer(in:of:)`; never 0. It holds 32 bits of the growing number: enough, as a
    /// word that is published is replaced with every offer.
    public var word: UInt64 { (tenure &>> 16) &<< 32 | UInt64(UInt32(bitPattern: fd)) &+ 1 }
}

/// Tells a handler, on the thread that gave its descriptor away, that it is gone, and keeps it alive until then.
final class HandlerFarewell: Message {
    private let handler: FDHandler

    init(_ handler: FDHandler) {
        self.handler = handler
    }

    override func deliver(on worker: Worker) { handler.taken(on: worker) }
}

extension Worker {
    /// Offers an idle local descriptor of this thread to the others. Until it is taken or withdrawn the thread's only
    /// use of it is `withdraw`; an event, also one that nobody waits for, withdraws the offer before it reaches the
    /// handler.
    ///
    /// Returns nil, and offers nothing, when something was reported that nobody has read yet: such a descriptor is not
    /// idle.
    public func offer(_ fd: Int32) -> FDOffer? {
        let slot = memory[fd]
        // What its poller still has to be told is told now: from the offer on the slot is not this thread's to change.
        if slot.updateMask.load(.relaxed) & bit != 0 { applyLocal(fd) }
        let state = slot.loadState(.relaxed)
        let tenure = FDTenure(bits: slot.tenure.load(.relaxed))
        guard state.isOpen && state.isLocal && tenure.isHeld(by: index) else { return nil }
        guard state.served == 0 && !state.has(FDState.hangup | FDState.error) else { return nil }
        guard !table.localReady[index].holds(fd) else { return nil }
        let offered = tenure.next(owner: index, offered: true)
        slot.tenure.store(offered.bits, .sequential)
        return FDOffer(fd: fd, tenure: offered.bits)
    }

    /// Takes back what this thread offered, if an event has not done so already; false when another thread was faster,
    /// and the descriptor is its now.
    public func withdraw(_ offer: FDOffer) -> Bool {
        let offered = FDTenure(bits: offer.tenure)
        guard offered.owner == index && offered.isOffered else { return false }
        let held = offered.next(owner: index, offered: false)
        let tenure = memory[offer.fd].tenure
        guard tenure.compareExchange(offered.bits, held.bits, .sequential) else {
            // An event that nobody waits for withdraws it without a call of the handler. Only this thread writes this
            // value, and only it replaces it.
            if tenure.load(.relaxed) == held.bits { return true }
            activity.add(.takeoversLost)
            return false
        }
        activity.add(.reclaimed)
        return true
    }

    /// Takes back what this thread offers, because something was reported of it; false when it is another thread's.
    func regain(_ fd: Int32, _ slot: FDSlot) -> Bool {
        let tenure = FDTenure(bits: slot.tenure.load(.relaxed))
        return tenure.owner == index && withdraw(FDOffer(fd: fd, tenure: tenure.bits))
    }

    /// The offer that a thread has published as a word, if it still stands. Any thread.
    public func offer(in word: UInt64, of thread: Int) -> FDOffer? {
        let number = UInt32(truncatingIfNeeded: word)
        if number == 0 { return nil }
        let fd = Int32(bitPattern: number &- 1)
        let tenure = FDTenure(bits: memory[fd].tenure.load(.acquire))
        let offer = FDOffer(fd: fd, tenure: tenure.bits)
        return tenure.isOffered && tenure.owner == thread && offer.word == word ? offer : nil
    }

    /// Takes a descriptor that another thread offers: its events come to `handler` on this thread from now on, and
    /// what is readable or writable already is reported again. False when the offer is gone; then nothing has changed.
    ///
    /// The old handler is told, and let go of, on its own thread.
    public func take(_ offer: FDOffer, _ handler: FDHandler, want interest: Interest = .read) -> Bool {
        let offered = FDTenure(bits: offer.tenure)
        let slot = memory[offer.fd]
        guard offered.isOffered, offered.owner != index,
            slot.tenure.compareExchange(
                offered.bits, offered.next(owner: index, offered: false).bits, .sequential)
        else {
            activity.add(.takeoversLost)
            return false
        }
        activity.add(.takeovers)
        let state = slot.loadState(.acquire)
        // The earlier owner's poller may be told from here; its own thread must not go on polling what is not its.
        table.forgetInPollers(offer.fd, slot, self)
        let old = slot.handler.load(.relaxed)
        slot.handler.store(Worker.number(of: handler), .relaxed)
        slot.threadMask.store(bit, .relaxed)
        slot.updateMask.store(0, .relaxed)
        let active = UInt64(interest.rawValue)
        // The next generation: what the earlier owner's poller has reported already is not for us.
        slot.state.store(FDTable.freed(state) | FDState.open | FDState.local | active, .release)
        noteLocalUpdate(offer.fd, slot)
        // SAFETY: the number is the retained reference that the slot held; it passes to the message.
        if let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(old)) {
            let retired = unsafe Unmanaged<FDHandler>.fromOpaque(pointer).takeRetainedValue()
            group.workers[offered.owner].mailbox.put(HandlerFarewell(retired))
        }
        return true
    }
}
