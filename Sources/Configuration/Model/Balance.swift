import Samples

/// `balance`, `hash-type` and `hash-balance-factor`: how a server is chosen (manual, section 4.2).
public struct Balance: Sendable {
    public enum Algorithm: Sendable {
        /// `roundrobin`, `static-rr`.
        case roundRobin
        case leastConnections
        case first
        /// The least loaded of some that are drawn.
        case random(draws: Int)
        /// A hash of something that the client sent, or of its address; without it, the servers take turns.
        case hash(Key)
    }

    /// What is hashed.
    public struct Key: Sendable {
        public var expression: Expression
        public var part = Part.whole
    }

    /// The part of a value that counts.
    public enum Part: Sendable, Hashable {
        case whole
        /// What stands in a name before the last dot, and behind the one before that.
        case domain
        /// Of a target: up to the question mark unless it is whole, and up to a length and a number of directories (0:
        /// no limit).
        case target(isWhole: Bool, lengthBytes: Int, depth: Int)
    }

    /// `hash-type ... <function>`.
    public enum Function: String, Sendable, CaseIterable { case sdbm, djb2, wt6, crc32 }

    public var algorithm = Algorithm.roundRobin
    /// Whether most hashes keep their server when servers come and go (`hash-type consistent`).
    public var isConsistent = false
    public var function = Function.sdbm
    /// Whether the hash is mixed once more.
    public var avalanches = false
    /// The load that a server may have in percent of the average, for consistent hashes; 0: any.
    public var loadFactorPercent = 0
    /// The algorithm's name when it hashes parts of requests, which takes HTTP.
    var httpName: String?
    /// What is hashed of the body of a POST when `algorithm` finds nothing to hash.
    public var bodyKey: Key?

    public init() {}

    /// The hash of a key.
    public func hash(_ bytes: Span<UInt8>) -> UInt32 {
        let value: UInt32
        switch function {
        case .sdbm: value = ShortHashes.sdbm(bytes)
        case .djb2: value = ShortHashes.djb2(bytes)
        case .wt6: value = ShortHashes.wt6(bytes)
        case .crc32: value = ShortHashes.crc32(bytes)
        }
        return avalanches ? ShortHashes.avalanche(value) : value
    }
}

extension Balance.Part {
    /// The bytes of a value that are hashed.
    public func range(of bytes: Span<UInt8>) -> Range<Int> {
        let dot = UInt8(ascii: "."), slash = UInt8(ascii: "/"), question = UInt8(ascii: "?")
        switch self {
        case .whole: return 0..<bytes.count
        case .domain:
            var end = bytes.count
            for index in 0..<bytes.count where bytes[index] == dot { end = index }
            var start = end
            while start > 0 && bytes[start - 1] != dot { start -= 1 }
            return start..<end
        case .target(let isWhole, let length, let depth):
            var slashes = 0
            let limit = length > 0 ? min(length, bytes.count) : bytes.count
            for index in 0..<limit {
                if bytes[index] == question && !isWhole { return 0..<index }
                if bytes[index] == slash {
                    slashes += 1
                    if depth > 0 && slashes > depth { return 0..<index }
                }
            }
            return 0..<limit
        }
    }
}
