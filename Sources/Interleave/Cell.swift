import CInterleave

/// A 64-bit word shared by the threads of a model. Inside a thread of an exploration every access is a scheduling
/// point; anywhere else (while a run is set up or checked, or without an exploration) it is a plain access by one
/// thread.
///
/// A cell is a reference to memory, so that code which lays its words out itself can put cells over them. Words that no
/// one lays out come from `Run.cell`.
// SAFETY: the memory outlives the cell, which is the promise of `init(at:)`. Sendable although accesses are plain: all
// threads of a model are fibres of one thread of the operating system.
@safe
public struct Cell: @unchecked Sendable {
    public let word: UnsafeMutablePointer<UInt64>

    /// A cell over eight aligned bytes that stay allocated for as long as the cell is used.
    @inline(__always)
    public init(at address: UnsafeMutableRawPointer) {
        unsafe word = address.assumingMemoryBound(to: UInt64.self)
    }

    // SAFETY (all accessors): see the type.

    @inline(__always)
    private func access(_ operation: Operation, _ effect: Effect, _ operand: UInt64, _ expected: UInt64) -> UInt64 {
        unsafe Scheduler.access(UnsafeMutableRawPointer(word), wide: true, operation, effect, operand, expected)
    }

    public func load(_ order: LoadOrder) -> UInt64 { access(.load, order.effect, 0, 0) }

    public func store(_ value: UInt64, _ order: StoreOrder) { _ = access(.store, order.effect, value, 0) }

    /// Stores and returns the value before.
    public func exchange(_ value: UInt64, _ order: UpdateOrder) -> UInt64 {
        access(.exchange, order.effect, value, 0)
    }

    /// Stores `desired` if the value is `expected`; returns whether it did. It fails for no other reason (it is the
    /// strong kind), and reads with the order's acquiring part when it fails.
    public func compareExchange(_ expected: UInt64, _ desired: UInt64, _ order: UpdateOrder) -> Bool {
        access(.compareExchange, order.effect, desired, expected) == expected
    }

    /// Sets bits and returns the value before.
    @discardableResult
    public func fetchOr(_ bits: UInt64, _ order: UpdateOrder) -> UInt64 { access(.or, order.effect, bits, 0) }

    /// Keeps only the given bits and returns the value before.
    @discardableResult
    public func fetchAnd(_ bits: UInt64, _ order: UpdateOrder) -> UInt64 { access(.and, order.effect, bits, 0) }

    /// Adds, wrapping, and returns the value before.
    @discardableResult
    public func fetchAdd(_ delta: UInt64, _ order: UpdateOrder) -> UInt64 { access(.add, order.effect, delta, 0) }

    /// What a loop that waits for another thread calls in each round, with the value it has seen: the thread does not
    /// run again until the value is another one, or somebody has written the cell. Threads that all wait like this are
    /// a deadlock. Without it a search has no end.
    public func spinWait(while value: UInt64) {
        _ = unsafe Scheduler.wait(UnsafeMutableRawPointer(word), wide: true, value, parks: false)
    }

    /// Sleeps while the cell has the value, until somebody writes it. Threads that all sleep are no deadlock but the
    /// rest of the run: then `Run.atRest` is checked, every sleeper goes on, and this returns false from now on; the
    /// thread should end.
    public func park(while value: UInt64) -> Bool {
        unsafe Scheduler.wait(UnsafeMutableRawPointer(word), wide: true, value, parks: true)
    }

    /// The value, without a scheduling point: for checks, and for what belongs to the model rather than to the code.
    public var peek: UInt64 { unsafe word.pointee }
}

/// The same for a signed 32-bit word.
// SAFETY: as for `Cell`.
@safe
public struct Cell32: @unchecked Sendable {
    public let word: UnsafeMutablePointer<Int32>

    /// A cell over four aligned bytes that stay allocated for as long as the cell is used.
    @inline(__always)
    public init(at address: UnsafeMutableRawPointer) {
        unsafe word = address.assumingMemoryBound(to: Int32.self)
    }

    // SAFETY (all accessors): see the type.

    @inline(__always)
    private func access(_ operation: Operation, _ effect: Effect, _ operand: Int32, _ expected: Int32) -> Int32 {
        let result = unsafe Scheduler.access(
            UnsafeMutableRawPointer(word), wide: false, operation, effect, UInt64(UInt32(bitPattern: operand)),
            UInt64(UInt32(bitPattern: expected)))
        return Int32(truncatingIfNeeded: result)
    }

    public func load(_ order: LoadOrder) -> Int32 { access(.load, order.effect, 0, 0) }

    public func store(_ value: Int32, _ order: StoreOrder) { _ = access(.store, order.effect, value, 0) }

    /// Stores and returns the value before.
    public func exchange(_ value: Int32, _ order: UpdateOrder) -> Int32 {
        access(.exchange, order.effect, value, 0)
    }

    /// Stores `desired` if the value is `expected`; returns whether it did.
    public func compareExchange(_ expected: Int32, _ desired: Int32, _ order: UpdateOrder) -> Bool {
        access(.compareExchange, order.effect, desired, expected) == expected
    }

    /// See `Cell.spinWait`.
    public func spinWait(while value: Int32) {
        _ = unsafe Scheduler.wait(
            UnsafeMutableRawPointer(word), wide: false, UInt64(UInt32(bitPattern: value)), parks: false)
    }

    /// The value, without a scheduling point.
    public var peek: Int32 { unsafe word.pointee }
}
