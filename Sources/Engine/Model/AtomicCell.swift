import Base
import CPlatform
import Synchronization

// Every word that two threads share in the engine is one of these cells, and every access names its ordering. The
// model build replaces this file by one in which each access is a scheduling point; so nothing in the engine uses a
// fence of its own or touches such memory past its cell.

/// Orderings of a load.
@frozen
public enum LoadOrder: Sendable {
    case relaxed, acquire, sequential
}

/// Orderings of a store.
@frozen
public enum StoreOrder: Sendable {
    case relaxed, release, sequential
}

/// Orderings of a read-modify-write.
@frozen
public enum UpdateOrder: Sendable {
    case relaxed, acquireRelease, sequential
}

/// A 64-bit word shared by threads: a reference to memory that a table or a `CellBlock` owns.
// SAFETY: Sendable, and safe to use, because the memory outlives every cell handed out (the owner's promise) and each
// access is atomic.
@safe
@frozen
public struct AtomicCell: @unchecked Sendable {
    @usableFromInline
    let word: UnsafeMutablePointer<Atomic<UInt64>>

    /// A cell over eight aligned bytes that stay allocated for as long as the cell is used.
    @inlinable
    init(at address: UnsafeMutableRawPointer) {
        // SAFETY: an Atomic<UInt64> has the layout of its UInt64, for which any eight aligned bytes are valid.
        unsafe word = address.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    // SAFETY (all accessors): see the type.

    @inlinable
    @inline(__always)
    public func load(_ order: LoadOrder) -> UInt64 {
        switch order {
        case .relaxed: return unsafe word.pointee.load(ordering: .relaxed)
        case .acquire: return unsafe word.pointee.load(ordering: .acquiring)
        case .sequential: return unsafe word.pointee.load(ordering: .sequentiallyConsistent)
        }
    }

    @inlinable
    @inline(__always)
    public func store(_ value: UInt64, _ order: StoreOrder) {
        switch order {
        case .relaxed: unsafe word.pointee.store(value, ordering: .relaxed)
        case .release: unsafe word.pointee.store(value, ordering: .releasing)
        case .sequential: unsafe word.pointee.store(value, ordering: .sequentiallyConsistent)
        }
    }

    /// Stores and returns the value before.
    @inlinable
    @inline(__always)
    public func exchange(_ value: UInt64, _ order: UpdateOrder) -> UInt64 {
        switch order {
        case .relaxed: return unsafe word.pointee.exchange(value, ordering: .relaxed)
        case .acquireRelease: return unsafe word.pointee.exchange(value, ordering: .acquiringAndReleasing)
        case .sequential: return unsafe word.pointee.exchange(value, ordering: .sequentiallyConsistent)
        }
    }

    /// Stores `desired` if the value is `expected`; returns whether it did.
    @inlinable
    @inline(__always)
    public func compareExchange(_ expected: UInt64, _ desired: UInt64, _ order: UpdateOrder) -> Bool {
        switch order {
        case .relaxed:
            return unsafe word.pointee.compareExchange(expected: expected, desired: desired, ordering: .relaxed)
                .exchanged
        case .acquireRelease:
            return unsafe word.pointee.compareExchange(
                expected: expected, desired: desired, ordering: .acquiringAndReleasing
            ).exchanged
        case .sequential:
            return unsafe word.pointee.compareExchange(
                expected: expected, desired: desired, ordering: .sequentiallyConsistent
            ).exchanged
        }
    }

    /// Sets bits and returns the value before.
    @inlinable
    @inline(__always)
    @discardableResult
    public func fetchOr(_ bits: UInt64, _ order: UpdateOrder) -> UInt64 {
        switch order {
        case .relaxed: return unsafe word.pointee.bitwiseOr(bits, ordering: .relaxed).oldValue
        case .acquireRelease: return unsafe word.pointee.bitwiseOr(bits, ordering: .acquiringAndReleasing).oldValue
        case .sequential: return unsafe word.pointee.bitwiseOr(bits, ordering: .sequentiallyConsistent).oldValue
        }
    }

    /// Keeps only the given bits and returns the value before.
    @inlinable
    @inline(__always)
    @discardableResult
    public func fetchAnd(_ bits: UInt64, _ order: UpdateOrder) -> UInt64 {
        switch order {
        case .relaxed: return unsafe word.pointee.bitwiseAnd(bits, ordering: .relaxed).oldValue
        case .acquireRelease: return unsafe word.pointee.bitwiseAnd(bits, ordering: .acquiringAndReleasing).oldValue
        case .sequential: return unsafe word.pointee.bitwiseAnd(bits, ordering: .sequentiallyConsistent).oldValue
        }
    }

    /// Adds, wrapping, and returns the value before.
    @inlinable
    @inline(__always)
    @discardableResult
    public func fetchAdd(_ delta: UInt64, _ order: UpdateOrder) -> UInt64 {
        switch order {
        case .relaxed: return unsafe word.pointee.wrappingAdd(delta, ordering: .relaxed).oldValue
        case .acquireRelease: return unsafe word.pointee.wrappingAdd(delta, ordering: .acquiringAndReleasing).oldValue
        case .sequential: return unsafe word.pointee.wrappingAdd(delta, ordering: .sequentiallyConsistent).oldValue
        }
    }
}

/// A 32-bit signed word shared by threads, for the links of lists.
// SAFETY: as for `AtomicCell`.
@safe
@frozen
public struct AtomicLink: @unchecked Sendable {
    @usableFromInline
    let word: UnsafeMutablePointer<Atomic<Int32>>

    /// A cell over four aligned bytes that stay allocated for as long as the cell is used.
    @inlinable
    init(at address: UnsafeMutableRawPointer) {
        // SAFETY: an Atomic<Int32> has the layout of its Int32, for which any four aligned bytes are valid.
        unsafe word = address.assumingMemoryBound(to: Atomic<Int32>.self)
    }

    // SAFETY (all accessors): see the type.

    @inlinable
    @inline(__always)
    func load(_ order: LoadOrder) -> Int32 {
        switch order {
        case .relaxed: return unsafe word.pointee.load(ordering: .relaxed)
        case .acquire: return unsafe word.pointee.load(ordering: .acquiring)
        case .sequential: return unsafe word.pointee.load(ordering: .sequentiallyConsistent)
        }
    }

    @inlinable
    @inline(__always)
    func store(_ value: Int32, _ order: StoreOrder) {
        switch order {
        case .relaxed: unsafe word.pointee.store(value, ordering: .relaxed)
        case .release: unsafe word.pointee.store(value, ordering: .releasing)
        case .sequential: unsafe word.pointee.store(value, ordering: .sequentiallyConsistent)
        }
    }

    /// Stores `desired` if the value is `expected`, in sequential order; returns whether it did.
    @inlinable
    @inline(__always)
    func compareExchange(_ expected: Int32, _ desired: Int32) -> Bool {
        unsafe word.pointee.compareExchange(expected: expected, desired: desired, ordering: .sequentiallyConsistent)
            .exchanged
    }

    /// Waits a moment for another thread to change the link from `value`; the caller loads it again and may come back.
    /// `round` counts the calls of one wait: the first ones relax the processor, later ones give it up.
    @inlinable
    func spinWait(while value: Int32, round: inout Int) {
        round &+= 1
        if round < Limits.spinsBeforeYield {
            host_relax()
        } else {
            host_yield()
        }
    }
}

/// Owns zero-filled cells, each group of eight on a cache line of its own.
// SAFETY: Sendable because it only hands out cells, and the pointer never changes.
@safe
final class CellBlock: @unchecked Sendable {
    private let memory: UnsafeMutableRawPointer
    let lines: Int

    static let lineBytes = 128

    init(lines: Int) {
        self.lines = lines
        // SAFETY: freshly allocated, aligned, and initialised for its whole size before use.
        unsafe memory = UnsafeMutableRawPointer.allocate(
            byteCount: lines * CellBlock.lineBytes, alignment: CellBlock.lineBytes)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: lines * CellBlock.lineBytes)
    }

    /// The cell `index` (0..<16) of a line. The block must outlive it.
    func cell(line: Int, _ index: Int = 0) -> AtomicCell {
        precondition(line >= 0 && line < lines && index >= 0 && index < 16)
        // SAFETY: within the allocation by the precondition above, and aligned to eight.
        return unsafe AtomicCell(at: memory + line * CellBlock.lineBytes + index * 8)
    }

    /// The link `index` (0..<32) of a line. The block must outlive it.
    func link(line: Int, _ index: Int = 0) -> AtomicLink {
        precondition(line >= 0 && line < lines && index >= 0 && index < 32)
        // SAFETY: within the allocation by the precondition above, and aligned to four.
        return unsafe AtomicLink(at: memory + line * CellBlock.lineBytes + index * 4)
    }

    deinit {
        // SAFETY: allocated in init, freed here only.
        unsafe memory.deallocate()
    }
}
