import Base
import Samples

/// Turns the words behind a fetch into typed patterns (manual, sections 7.1.1 to 7.1.6).
struct PatternParser {
    let match: MatchMethod
    var ignoreCase = false
    /// Integers are versions such as `3.1`: a major and a minor number in one.
    var isVersion = false
    private var comparison: Comparison?
    private(set) var patterns: [ACLPattern] = []

    /// Patterns of one ACL, files included.
    static let limit = 4_000_000

    enum Comparison: String, CaseIterable { case eq, ge, gt, le, lt }

    struct Failure: Error, Equatable {
        var message: String
        var help: String?
    }

    init(match: MatchMethod) { self.match = match }

    /// - Parameter fromFile: words of a file are never operators.
    mutating func add(_ bytes: [UInt8], fromFile: Bool = false) throws(Failure) {
        guard patterns.count < Self.limit else { throw Failure(message: "more than \(Self.limit) patterns") }
        switch match {
        case .found, .boolean:
            break
        case .integer, .length:
            if !fromFile, let operation = Comparison(rawValue: String(decoding: bytes, as: UTF8.self)) {
                comparison = operation
            } else {
                patterns.append(.integer(try bounds(bytes)))
            }
        case .ip:
            guard let network = IPText.network(bytes) else {
                let text = String(decoding: bytes, as: UTF8.self)
                throw Failure(
                    message: "'\(text)' is no valid IPv4 or IPv6 address or network",
                    help: "write an address, or a network such as 10.0.0.0/8; host names are not resolved here")
            }
            patterns.append(.network(network))
        case .regex:
            do { patterns.append(.regex(try Regex(bytes, ignoresCase: ignoreCase))) } catch {
                let text = String(decoding: bytes, as: UTF8.self)
                throw Failure(message: "'\(text)' is no regular expression: \(error.message) at byte \(error.offset)")
            }
        case .binary:
            guard let block = Self.hexadecimal(bytes) else {
                let text = String(decoding: bytes, as: UTF8.self)
                throw Failure(message: "'\(text)' is no even number of hexadecimal digits")
            }
            patterns.append(.binary(block))
        case .string, .prefix, .suffix, .substring, .subdirectory, .domain:
            let stripped = strip(bytes)
            patterns.append(.string(ignoreCase ? stripped.map(\.lowercased) : Array(stripped), ignoreCase: ignoreCase))
        }
    }

    private static func hexadecimal(_ digits: [UInt8]) -> [UInt8]? {
        guard digits.count % 2 == 0 else { return nil }
        var block: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index].hexValue, let low = digits[index + 1].hexValue else { return nil }
            block.append(high << 4 | low)
        }
        return block
    }

    /// An operator at the end has nothing to compare with.
    func finish() throws(Failure) {
        if let comparison, patterns.isEmpty {
            throw Failure(message: "missing number after the operator '\(comparison.rawValue)'")
        }
    }

    /// Delimiters around the pattern of `dir` and `dom` do not count.
    private func strip(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        let delimiters: [UInt8]
        switch match {
        case .subdirectory: delimiters = Array("/?".utf8)
        case .domain: delimiters = Array("/?.:".utf8)
        default: return bytes[...]
        }
        let front = bytes.drop { delimiters.contains($0) }
        guard let last = front.lastIndex(where: { !delimiters.contains($0) }) else { return front }
        return front[...last]
    }

    private func bounds(_ bytes: [UInt8]) throws(Failure) -> ClosedRange<Int64> {
        let text = String(decoding: bytes, as: UTF8.self)
        let parts = bytes.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        var ends: [Int64?] = []
        for part in parts {
            if part.isEmpty, parts.count == 2 {
                ends.append(nil)
            } else if isVersion, let value = Self.version(part) {
                ends.append(value)
            } else if !isVersion, let value = try? Quantities.integer(part) {
                ends.append(Int64(value))
            } else {
                throw Failure(
                    message: "'\(text)' is no integer and no range",
                    help: "write a number, a range such as 1024:65535, or an operator: eq, ge, gt, le, lt")
            }
        }
        let low = ends.first.flatMap { $0 } ?? .min
        let high = ends.count == 2 ? ends[1] ?? .max : low
        guard low <= high else { throw Failure(message: "'\(text)' is no valid range: it ends before it starts") }
        guard let comparison else { return low...high }
        guard low == high else {
            throw Failure(message: "the operator '\(comparison.rawValue)' cannot be used with a range")
        }
        return try apply(comparison, to: low)
    }

    /// `3.1` is 0x30001, and `3` alone 0x30000.
    private static func version(_ text: ArraySlice<UInt8>) -> Int64? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, let major = try? Quantities.integer(parts[0]),
            let minor = parts.count == 2 ? try? Quantities.integer(parts[1]) : 0,
            (0...0x7FFF).contains(major), (0...0xFFFF).contains(minor)
        else { return nil }
        return Int64(major << 16 | minor)
    }

    private func apply(_ comparison: Comparison, to value: Int64) throws(Failure) -> ClosedRange<Int64> {
        switch comparison {
        case .eq: return value...value
        case .ge: return value...Int64.max
        case .le: return Int64.min...value
        case .gt where value < .max: return (value + 1)...Int64.max
        case .lt where value > .min: return Int64.min...(value - 1)
        case .gt, .lt: throw Failure(message: "no number is \(comparison.rawValue) \(value)")
        }
    }
}
