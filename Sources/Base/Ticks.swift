/// A point on the monotonic clock, in milliseconds. It never goes back, and it says nothing about the time of day.
@frozen
public struct Ticks: Comparable, Hashable, Sendable, CustomStringConvertible {
    public var milliseconds: UInt64

    @inlinable
    public init(milliseconds: UInt64) {
        self.milliseconds = milliseconds
    }

    /// The instant that never comes.
    @inlinable
    public static var never: Ticks { Ticks(milliseconds: .max) }

    @inlinable
    public static var zero: Ticks { Ticks(milliseconds: 0) }

    @inlinable
    public static func < (left: Ticks, right: Ticks) -> Bool { left.milliseconds < right.milliseconds }

    /// This instant moved by a duration; saturates at `zero` and at `never`.
    @inlinable
    public func adding(milliseconds delta: Int) -> Ticks {
        if delta < 0 {
            let (value, overflow) = milliseconds.subtractingReportingOverflow(delta.magnitude.asUInt64)
            return overflow ? .zero : Ticks(milliseconds: value)
        }
        return adding(milliseconds: UInt64(delta))
    }

    /// This instant moved later by a duration; saturates at `never`.
    @inlinable
    public func adding(milliseconds delta: UInt64) -> Ticks {
        let (value, overflow) = milliseconds.addingReportingOverflow(delta)
        return overflow ? .never : Ticks(milliseconds: value)
    }

    /// Milliseconds from `earlier` to this instant; 0 when `earlier` is not earlier.
    @inlinable
    public func milliseconds(since earlier: Ticks) -> UInt64 {
        milliseconds > earlier.milliseconds ? milliseconds &- earlier.milliseconds : 0
    }

    public var description: String { self == .never ? "never" : "\(milliseconds)ms" }
}

extension UInt {
    @inlinable
    var asUInt64: UInt64 { UInt64(truncatingIfNeeded: self) }
}
