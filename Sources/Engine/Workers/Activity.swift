/// Counters of one thread, for `show activity`.
public final class Activity {
    public struct Counter: Sendable {
        public let name: String
        public let value: UInt64
    }

    public var counters: [Counter] { [] }
}
