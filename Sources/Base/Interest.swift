/// The directions of a descriptor.
@frozen
public struct Interest: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    @inlinable
    public static var read: Interest { Interest(rawValue: 1) }
    @inlinable
    public static var write: Interest { Interest(rawValue: 2) }
    @inlinable
    public static var both: Interest { Interest(rawValue: 3) }
}
