import Base
import Samples

/// The patterns of one ACL expression: files, and the words of its line. Any may match.
public struct ACLPatterns: Sendable {
    /// At least one: without patterns it is that of an empty set, which says what `found` and `bool` need.
    public let matchers: [PatternMatcher]
}

/// Collects the patterns of one ACL expression (manual, sections 7.1.1 to 7.1.6).
struct PatternCollector {
    let method: MatchMethod
    /// Integers are versions such as `3.1`.
    let isVersion: Bool
    private var matchers: [PatternMatcher] = []
    /// The set of the line's own words, once there are some.
    private var words: PatternSet?
    private var comparison: Comparison?
    private var hasNumber = false

    enum Comparison: String, CaseIterable { case eq, ge, gt, le, lt }

    init(method: MatchMethod, isVersion: Bool) {
        self.method = method
        self.isVersion = isVersion
    }

    var isEmpty: Bool { matchers.isEmpty }

    /// Adds a word of the line.
    /// - Parameter name: of the set that the words make (`-u`); empty for none.
    mutating func add(_ bytes: [UInt8], ignoresCase: Bool, name: String) throws(PatternFailure) {
        if method == .found || method == .boolean { return }
        let isNumber = method == .integer || method == .length
        if isNumber, let operation = Comparison(rawValue: String(decoding: bytes, as: UTF8.self)) {
            comparison = operation
            return
        }
        let set = words ?? PatternSet(name: name)
        if words == nil {
            words = set
            matchers.append(try set.matcher(method, ignoresCase: ignoresCase, isVersion: isVersion))
        }
        hasNumber = true
        guard isNumber, let comparison else { return try set.add(bytes) }
        try set.add(try bounds(bytes, comparison))
    }

    /// Adds a set that a file holds.
    mutating func add(_ set: PatternSet, ignoresCase: Bool) throws(PatternFailure) {
        matchers.append(try set.matcher(method, ignoresCase: ignoresCase, isVersion: isVersion))
    }

    /// All that was collected. An operator at the end has nothing to compare with.
    func finished() throws(PatternFailure) -> ACLPatterns {
        if let comparison, !hasNumber {
            throw PatternFailure("missing number after the operator '\(comparison.rawValue)'")
        }
        if !matchers.isEmpty { return ACLPatterns(matchers: matchers) }
        return ACLPatterns(matchers: [try PatternSet(name: "").matcher(method)])
    }

    /// A comparison as a range: `gt 5` is `6:`.
    private func bounds(_ bytes: [UInt8], _ comparison: Comparison) throws(PatternFailure) -> [UInt8] {
        if bytes.contains(UInt8(ascii: ":")) {
            throw PatternFailure("the operator '\(comparison.rawValue)' cannot be used with a range")
        }
        guard let value = number(bytes) else { return bytes }
        switch comparison {
        case .eq: return bytes
        case .ge: return bytes + [UInt8(ascii: ":")]
        case .le: return [UInt8(ascii: ":")] + bytes
        case .gt where value < .max: return Array((text(value + 1) + ":").utf8)
        case .lt where value > .min: return Array((":" + text(value - 1)).utf8)
        case .gt, .lt:
            throw PatternFailure("no number is \(comparison.rawValue) \(String(decoding: bytes, as: UTF8.self))")
        }
    }

    private func number(_ bytes: [UInt8]) -> Int64? {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: ".", omittingEmptySubsequences: false)
        guard isVersion else { return Int64(String(decoding: bytes, as: UTF8.self)) }
        guard parts.count <= 2, let major = Int64(parts[0]), let minor = parts.count == 2 ? Int64(parts[1]) : 0,
            (0...0x7FFF).contains(major), (0...0xFFFF).contains(minor)
        else { return nil }
        return major << 16 | minor
    }

    private func text(_ value: Int64) -> String {
        isVersion ? "\(max(value, 0) >> 16).\(max(value, 0) & 0xFFFF)" : "\(value)"
    }
}
