import Synchronization

/// A counter that one thread writes and any thread reads.
///
/// Adding is a load and a store without a lock prefix; a reader sees some recent value.
public struct Counter: ~Copyable, Sendable {
    @usableFromInline
    let cell = Atomic<UInt64>(0)

    @inlinable
    public init() {}

    /// Adds on the owner's thread. Wraps after 2^64.
    @inlinable
    public func add(_ count: UInt64 = 1) {
        cell.store(cell.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    /// The value, on any thread.
    @inlinable
    public var value: UInt64 { cell.load(ordering: .relaxed) }

    /// Raises the value on the owner's thread when it is below.
    @inlinable
    public func raise(to level: UInt64) {
        if cell.load(ordering: .relaxed) < level { cell.store(level, ordering: .relaxed) }
    }

    /// Sets the value back; on the owner's thread, or losing what it adds at the same moment.
    public func clear() { cell.store(0, ordering: .relaxed) }
}

/// How many there are now and how many there were at most; any thread may change it.
public struct Gauge: ~Copyable, Sendable {
    @usableFromInline
    let level = Atomic<Int>(0)
    @usableFromInline
    let peak = Atomic<Int>(0)

    @inlinable
    public init() {}

    /// One more. Returns the new level.
    @inlinable
    @discardableResult
    public func enter() -> Int {
        let now = level.add(1, ordering: .relaxed).newValue
        if now > peak.load(ordering: .relaxed) { _ = peak.max(now, ordering: .relaxed) }
        return now
    }

    /// One more unless there are `maximum` already (0: no limit). Returns the new level, or nil.
    @inlinable
    public func enter(maximum: Int) -> Int? {
        if maximum <= 0 { return enter() }
        let now = level.add(1, ordering: .relaxed).newValue
        if now > maximum {
            level.subtract(1, ordering: .relaxed)
            return nil
        }
        if now > peak.load(ordering: .relaxed) { _ = peak.max(now, ordering: .relaxed) }
        return now
    }

    /// One less. Returns the new level.
    @inlinable
    @discardableResult
    public func leave() -> Int { level.subtract(1, ordering: .relaxed).newValue }

    @inlinable
    public var current: Int { level.load(ordering: .relaxed) }
    @inlinable
    public var maximum: Int { peak.load(ordering: .relaxed) }

    /// The maximum starts again at the current level.
    public func clearMaximum() { peak.store(current, ordering: .relaxed) }
}
