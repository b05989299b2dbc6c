import Base

/// One slot in use, for `show fd`. A snapshot of words that change independently.
public struct FDDescription: Sendable {
    public var fd: Int32
    /// Grows with every reuse of the number.
    public var generation: UInt32
    public var kind: FDKind
    /// Directions that somebody wants.
    public var active: Interest
    /// Directions that were reported, and not found empty since.
    public var ready: Interest
    /// The kernel has reported the end of the peer's side.
    public var hangup: Bool
    /// The kernel has reported an error.
    public var error: Bool
    /// A local descriptor that its poller watches for good.
    public var registered: Bool
    /// Removed; closed when the last thread has left its handler.
    public var closing: Bool
    /// Threads that may handle it.
    public var threads: ThreadSet
    /// Threads whose pollers still have to look at it.
    public var updating: ThreadSet
    /// Threads inside its handler, or inside a call about it.
    public var running: ThreadSet
    /// Threads whose pollers watch it for reading.
    public var polledRead: ThreadSet
    /// Threads whose pollers watch it for writing.
    public var polledWrite: ThreadSet
    /// The type of the handler, without its module.
    public var handler: String
    public var inUpdateList: Bool
    public var inReadyList: Bool
}

extension FDTable {
    /// The slot of a number, or nil when it is free. Any thread; the name of the handler only on its own.
    func describe(_ fd: Int32, handlerOwner worker: Worker?) -> FDDescription? {
        guard memory.covers(fd) else { return nil }
        let slot = memory[fd]
        let state = slot.loadState(.acquire)
        guard state.isOpen else { return nil }
        return FDDescription(
            fd: fd, generation: state.generation, kind: state.kind, active: state.active, ready: state.ready,
            hangup: state.has(FDState.hangup), error: state.has(FDState.error),
            registered: state.has(FDState.registered), closing: state.has(FDState.closing),
            threads: ThreadSet(bits: slot.threadMask.load(.acquire)),
            updating: ThreadSet(bits: slot.updateMask.load(.acquire)),
            running: ThreadSet(bits: slot.runningMask.load(.acquire)),
            polledRead: ThreadSet(bits: slot.polledRead.load(.acquire)),
            polledWrite: ThreadSet(bits: slot.polledWrite.load(.acquire)),
            handler: name(of: slot, fd, worker), inUpdateList: updateList.holds(fd), inReadyList: readyList.holds(fd))
    }

    /// The handler's type. Its object is looked at only while this thread keeps it alive: as the owner of a local
    /// descriptor, or from inside a shared one.
    private func name(of slot: FDSlot, _ fd: Int32, _ worker: Worker?) -> String {
        guard let worker else { return "" }
        let isLocal = slot.loadState(.acquire).isLocal
        if isLocal {
            guard FDTenure(bits: slot.tenure.load(.acquire)).isHeld(by: worker.index) else { return "" }
            return FDTable.typeName(slot.handler.load(.relaxed))
        }
        let entered = enter(slot, worker.bit)
        defer { if entered { leave(fd, slot, worker.bit, worker) } }
        guard slot.threadMask.load(.sequential) != 0 else { return "" }
        return FDTable.typeName(slot.handler.load(.acquire))
    }

    private static func typeName(_ number: UInt64) -> String {
        // SAFETY: the caller keeps the slot from being emptied.
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(number)) else { return "" }
        return unsafe Unmanaged<FDHandler>.fromOpaque(pointer)._withUnsafeGuaranteedRef { "\(type(of: $0))" }
    }

    /// Every slot in use, by number. Any thread; given the worker of the calling thread, also the handlers' names
    /// where they can be had (its own local descriptors, and the shared ones).
    public func descriptions(on worker: Worker? = nil) -> [FDDescription] {
        var found: [FDDescription] = []
        for fd in 0..<Int32(clamping: highestUsed) {
            if let slot = describe(fd, handlerOwner: worker) { found.append(slot) }
        }
        return found
    }
}
