import Base
import CPlatform

/// The memory of the descriptor table: one slot per number, mapped as zeros, so that an unused page costs nothing.
///
/// The first halves of all slots lie together, and behind them the second ones: a local descriptor uses the first half
/// only, so a connection costs 64 bytes here.
// SAFETY: Sendable because it is a constant pointer and its length; slots are atomic cells. The owner of the mapping
// is `FDTable`, which outlives every user.
@safe
@frozen
@usableFromInline
struct FDMemory: @unchecked Sendable {
    @usableFromInline
    let base: UnsafeMutableRawPointer
    @usableFromInline
    let capacity: Int

    /// Maps slots for the numbers below `capacity`; nil when the address space is exhausted.
    init?(capacity: Int) {
        guard let memory = unsafe host_map_zeroed(capacity * FDSlot.sizeBytes) else { return nil }
        // SAFETY: the mapping has room for every slot and is aligned to a page.
        unsafe base = unsafe memory
        self.capacity = capacity
    }

    func unmap() {
        // SAFETY: the pointer and the length of the mapping; FDTable calls this last.
        unsafe host_unmap(base, capacity * FDSlot.sizeBytes)
    }

    /// Whether the number has a slot.
    @inlinable
    func covers(_ fd: Int32) -> Bool { fd >= 0 && Int(fd) < capacity }

    @inlinable
    @inline(__always)
    subscript(fd: Int32) -> FDSlot {
        precondition(covers(fd), "a descriptor number beyond the table")
        // SAFETY: within the mapping by the line above.
        let half = Int(fd) &* FDSlot.halfBytes
        return unsafe FDSlot(at: base + half, sharedAt: base + (capacity &* FDSlot.halfBytes &+ half))
    }

    func link(_ fd: Int32, _ offset: Int) -> AtomicLink {
        precondition(covers(fd), "a descriptor number beyond the table")
        let half = Int(fd) &* FDSlot.halfBytes
        // SAFETY: within the mapping; offsets are those of FDList.Links, within a slot and aligned to four.
        if offset < FDSlot.halfBytes { return unsafe AtomicLink(at: base + half + offset) }
        return unsafe AtomicLink(at: base + (capacity &- 1) &* FDSlot.halfBytes + half + offset)
    }
}
