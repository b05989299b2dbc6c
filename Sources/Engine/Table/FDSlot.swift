import Base

// The state of one descriptor, and the verbs that move it. Per direction there are two bits, A (active: somebody
// wants the event) and R (ready: no EAGAIN since the last report):
//
//                      want                                   may = the poller reported it
//       -- A=0 R=0 ------------->  A=1 R=0  "the kernel watches" --------------------.
//      |  idle     <-------------                                                     |
//      |               stop           ^                                               v
//      |                              |  cannot = EAGAIN, or a short count     A=1 R=1  "served": the handler runs,
//      | may                           '------------------------------------         and if it returns like this the
//      v                                                                      ^      descriptor goes to the ready list
//     A=0 R=1  "known": the event is kept until somebody wants it ------------'
//                                                               want (served without asking the kernel)
//
// Life of a slot (`open` is a bit of the state word, the generation its upper half, the thread mask a word beside it):
//
//     free --insert--> open --remove--> revoked (thread mask 0, `closing` set) --last to leave--> free, generation + 1
//
// A local descriptor goes from open to free at once: only its own thread touches it. A shared one stays revoked while
// a thread is inside (its bit in the running mask); whoever leaves last takes the one-shot `closing` bit and closes.
//
// Links of the two lists (update list, ready list), one number each:
//
//     < 0   not in the list; -(n+1) remembers that n was next          0   not in the list, nothing was next
//       1   locked by a thread that works on it                        2   in the list, and the last one
//    >= 3   in the list, and fd+3 is next
//
// So a slot of zeros is valid: free, in no list, generation 0. An unused slot costs no memory.

/// The word of a slot that holds flags (lower half) and the generation (upper half).
@frozen
public struct FDState: Equatable, Sendable {
    public var bits: UInt64

    @inlinable
    init(bits: UInt64) {
        self.bits = bits
    }

    @usableFromInline static let activeRead: UInt64 = 1 << 0
    @usableFromInline static let activeWrite: UInt64 = 1 << 1
    @usableFromInline static let readyRead: UInt64 = 1 << 2
    @usableFromInline static let readyWrite: UInt64 = 1 << 3
    /// The peer closed its side (RDHUP), or the connection is over (HUP).
    @usableFromInline static let hangup: UInt64 = 1 << 4
    @usableFromInline static let error: UInt64 = 1 << 5
    @usableFromInline static let open: UInt64 = 1 << 6
    /// Of one thread: the state is changed by plain stores of that thread.
    @usableFromInline static let local: UInt64 = 1 << 7
    /// A local descriptor that is registered in the poller of its thread, for good.
    @usableFromInline static let registered: UInt64 = 1 << 8
    /// Removed while threads were inside: the last of them to leave takes this bit and closes.
    @usableFromInline static let closing: UInt64 = 1 << 9
    /// The number is to be closed with the slot.
    @usableFromInline static let closesNumber: UInt64 = 1 << 10
    @usableFromInline static let listener: UInt64 = 1 << 11
    /// Revoked, and left by all: closed when every ring that has something armed for it has let go.
    @usableFromInline static let withdrawing: UInt64 = 1 << 12

    @usableFromInline static let active: UInt64 = 3
    @usableFromInline static let ready: UInt64 = 12
    @usableFromInline static let flags: UInt64 = 0xFFFF_FFFF

    @inlinable
    public var generation: UInt32 { UInt32(truncatingIfNeeded: bits &>> 32) }
    @inlinable
    public var active: Interest { Interest(rawValue: UInt8(truncatingIfNeeded: bits & 3)) }
    @inlinable
    public var ready: Interest { Interest(rawValue: UInt8(truncatingIfNeeded: bits &>> 2 & 3)) }
    /// Directions that can be served without the kernel.
    @inlinable
    public var served: UInt64 { bits & (bits &>> 2) & FDState.active }
    @inlinable
    public var isOpen: Bool { bits & FDState.open != 0 }
    @inlinable
    public var isLocal: Bool { bits & FDState.local != 0 }

    @inlinable
    func has(_ flag: UInt64) -> Bool { bits & flag != 0 }

    /// What the kernel reported of the end of the descriptor, and the directions to serve.
    @inlinable
    public var events: FDEvents {
        FDEvents(rawValue: UInt8(truncatingIfNeeded: served | (bits &>> 2 & 12)))
    }

    public var kind: FDKind {
        isLocal && !has(FDState.listener) ? .stream : has(FDState.listener) ? .listener : .shared
    }
}

/// One slot of the descriptor table: a reference to two cache lines that the table owns.
// SAFETY: Sendable and safe because the table outlives its workers, and every field is an atomic cell.
@safe
@frozen
public struct FDSlot: @unchecked Sendable {
    @usableFromInline
    let base: UnsafeMutableRawPointer
    @usableFromInline
    let shared: UnsafeMutableRawPointer

    /// Bytes of a slot: one cache line for all that a local descriptor needs, and one that only sharing touches, which
    /// lies apart from it (`FDMemory`) so that a connection pays for the first alone.
    @usableFromInline static let sizeBytes = 128
    @usableFromInline static let halfBytes = 64

    @inlinable
    init(at base: UnsafeMutableRawPointer, sharedAt shared: UnsafeMutableRawPointer) {
        unsafe self.base = unsafe base
        unsafe self.shared = unsafe shared
    }

    // SAFETY (all fields): the offsets lie within the halves' 64 bytes and are aligned for their cells.

    /// Flags and generation; see `FDState`.
    @inlinable
    var state: AtomicCell { unsafe AtomicCell(at: base) }
    /// Which threads may handle the descriptor.
    @inlinable
    var threadMask: AtomicCell { unsafe AtomicCell(at: base + 8) }
    /// The handler, an unmanaged retained reference as a number.
    @inlinable
    var handler: AtomicCell { unsafe AtomicCell(at: base + 16) }
    /// Whose a local descriptor is, and whether it is offered to the others; see `FDTenure`.
    @inlinable
    var tenure: AtomicCell { unsafe AtomicCell(at: base + 24) }

    /// Which threads still owe their poller a look.
    @inlinable
    var updateMask: AtomicCell { unsafe AtomicCell(at: base + 32) }
    /// Which threads' pollers watch it for reading. It mirrors the kernel.
    var polledRead: AtomicCell { unsafe AtomicCell(at: base + 40) }
    /// Which threads' pollers watch it for writing.
    var polledWrite: AtomicCell { unsafe AtomicCell(at: base + 48) }
    var readyNext: AtomicLink { unsafe AtomicLink(at: base + 56) }
    var readyPrevious: AtomicLink { unsafe AtomicLink(at: base + 60) }

    /// Which threads are inside: in the handler, in a verb, or bringing their poller into line.
    var runningMask: AtomicCell { unsafe AtomicCell(at: shared) }
    var updateNext: AtomicLink { unsafe AtomicLink(at: shared + 32) }
    var updatePrevious: AtomicLink { unsafe AtomicLink(at: shared + 36) }

    @inlinable
    func loadState(_ order: LoadOrder) -> FDState { FDState(bits: state.load(order)) }
}

/// The identity of a descriptor in a kernel's event: generation and number.
@frozen
public struct FDToken: Equatable, Sendable {
    public var bits: UInt64

    @inlinable
    init(bits: UInt64) {
        self.bits = bits
    }

    @inlinable
    init(fd: Int32, generation: UInt32) {
        bits = UInt64(generation) &<< 32 | UInt64(UInt32(bitPattern: fd))
    }

    @inlinable
    var fd: Int32 { Int32(truncatingIfNeeded: bits) }
    @inlinable
    var generation: UInt32 { UInt32(truncatingIfNeeded: bits &>> 32) }

    /// The token of a thread's own waker, which has no slot.
    @usableFromInline static let waker = FDToken(bits: ~0)
}
