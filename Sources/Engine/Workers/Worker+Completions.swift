import Base
import CPlatform

// What a ring has done, brought to those it was done for.

extension Worker {
    /// Puts a local descriptor into the table that is never polled: its handler is told of completions.
    func insertCompleting(_ fd: Int32, _ handler: FDHandler) {
        insert(fd, handler, kind: .stream)
        completes(fd)
    }

    /// A local descriptor of this thread's is never polled, as far as the table knows.
    func completes(_ fd: Int32) {
        let slot = memory[fd]
        slot.state.store(slot.state.load(.relaxed) | FDState.registered, .relaxed)
    }

    /// The token of an operation on a local descriptor.
    func ringToken(_ operation: RingToken.Operation, _ fd: Int32) -> RingToken {
        RingToken(operation, number: fd, generation: memory[fd].loadState(.relaxed).generation)
    }

    /// Has the handler of a descriptor that is not polled called as readable, in the next turn.
    func serveNext(_ fd: Int32) {
        let slot = memory[fd]
        slot.state.store(slot.state.load(.relaxed) | FDState.activeRead | FDState.readyRead, .relaxed)
        putLocalReady(fd)
    }

    /// The other end of `serveNext`, in the handler.
    func served(_ fd: Int32) {
        let slot = memory[fd]
        slot.state.store(slot.state.load(.relaxed) & ~(FDState.activeRead | FDState.readyRead), .relaxed)
    }

    /// Tells the handler of a local descriptor of a completion. One of a dead generation, or of a descriptor that
    /// another thread has taken, reaches nobody, and its buffer goes back to the pool.
    @inline(__always)
    func reportCompletion(_ completion: RingCompletion, _ poller: UringPoller) {
        let slot = memory[completion.token.number]
        let state = slot.loadState(.relaxed)
        guard state.generation == completion.token.generation && state.isOpen && state.isLocal else {
            activity.add(.staleGeneration)
            if let number = completion.buffer { _ = poller.buffers?.take(number, byteCount: 0) }
            return
        }
        if !FDTenure(bits: slot.tenure.load(.relaxed)).isHeld(by: index) && !regain(completion.token.number, slot) {
            activity.add(.notOwner)
            if let number = completion.buffer { _ = poller.buffers?.take(number, byteCount: 0) }
            return
        }
        activity.add(.handlerCalls)
        // SAFETY: the slot holds a retained reference while it is open; it is let go of at the end of the turn.
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(slot.handler.load(.relaxed))) else { return }
        unsafe Unmanaged<FDHandler>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
            $0.completed(completion, poller, on: self)
        }
    }

    /// Hands an accepted connection, or the error, to its listener. Returns false when there is none any more.
    func reportAccepted(_ token: FDToken, _ result: Int32, from peer: SocketAddress) -> Bool {
        let isThere = withShared(token.fd, token.generation) {
            activity.add(.handlerCalls)
            $0.acceptCompleted(token.fd, result, from: peer, on: self)
        }
        if !isThere { activity.add(.staleGeneration) }
        return isThere
    }

    /// Calls the body with the handler of a shared descriptor of this thread's, from inside its slot. Returns
    /// false when it is not this thread's any more.
    func withShared(_ fd: Int32, _ generation: UInt32, _ body: (FDHandler) -> Void) -> Bool {
        let slot = memory[fd]
        let entered = table.enter(slot, bit)
        defer { if entered { table.leave(fd, slot, bit, self) } }
        let owners = slot.threadMask.load(.sequential)
        let state = slot.loadState(.sequential)
        guard owners & bit != 0, state.isOpen, !state.isLocal, state.generation == generation else { return false }
        // SAFETY: the slot holds a retained reference while it is open, and is not closed while a thread is inside.
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(slot.handler.load(.acquire))) else { return false }
        unsafe Unmanaged<FDHandler>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
        return true
    }

    /// Blocks of the pool that are with streams: those that a ring keeps to receive into are not counted.
    public var blocksInUse: Int { pool.blocksInUse - (uring?.blocksLent ?? 0) }
}
