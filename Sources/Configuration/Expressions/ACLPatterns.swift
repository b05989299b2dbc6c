import Base
import HTTP
import Samples

/// One pattern of an ACL, of the type that its match method wants.
enum ACLPattern: Sendable {
    /// For the string methods. `ignoreCase`: the `-i` flag was in force; the bytes are then in lower case already.
    case string([UInt8], ignoreCase: Bool)
    /// Inclusive bounds; operators (`gt 5`) have been turned into bounds. Also for `len`.
    case integer(ClosedRange<Int64>)
    case network(IPNetwork)
    case regex(Regex)
    case binary([UInt8])
}

/// The patterns of one ACL expression: any may match.
public struct ACLPatterns: Sendable {
    let method: MatchMethod
    let patterns: [ACLPattern]

    var isEmpty: Bool { patterns.isEmpty }

    /// Whether a sample matches. The scope's thread only.
    public func matches(_ sample: Sample, _ scope: SampleScope) -> Bool {
        switch method {
        case .found: return true
        case .boolean: return SampleCasts.cast(sample, to: .type(.boolean), scope)?.boolean ?? false
        case .integer:
            guard let number = SampleCasts.cast(sample, to: .type(.integer), scope) else { return false }
            return matches(number.integer)
        case .ip:
            guard let address = SampleCasts.cast(sample, to: .address, scope) else { return false }
            return matches(address)
        case .binary:
            guard let bytes = SampleCasts.cast(sample, to: .type(.binary), scope) else { return false }
            return matches(bytes.span)
        default:
            guard let text = SampleCasts.cast(sample, to: .type(.string), scope) else { return false }
            if method == .length { return matches(Int64(text.byteCount)) }
            if method == .regex { return matches(text.span, scope.regexMatch) }
            return matches(text.span)
        }
    }

    private func matches(_ value: Int64) -> Bool {
        patterns.contains { pattern in
            if case .integer(let bounds) = pattern { bounds.contains(value) } else { false }
        }
    }

    private func matches(_ address: Sample) -> Bool {
        patterns.contains { pattern in
            guard case .network(let network) = pattern else { return false }
            return address.isIn(network)
        }
    }

    private func matches(_ text: Span<UInt8>, _ match: RegexMatch) -> Bool {
        for pattern in patterns {
            if case .regex(let regex) = pattern, regex.matches(text, match) { return true }
        }
        return false
    }

    private func matches(_ bytes: Span<UInt8>) -> Bool {
        for pattern in patterns {
            switch pattern {
            case .string(let text, let ignoreCase):
                if PatternMatch(text: text, ignoreCase: ignoreCase).matches(bytes, method) { return true }
            case .binary(let block):
                if bytes.equals(block.span) { return true }
            default: break
            }
        }
        return false
    }
}

extension Sample {
    /// Whether the address lies in a network; an IPv4 address mapped into IPv6 counts as IPv4.
    fileprivate func isIn(_ network: IPNetwork) -> Bool {
        switch network {
        case .ipv4(let base, let mask):
            guard let address = ipv4?.value ?? mappedIPv4 else { return false }
            return address & mask == base.value & mask
        case .ipv6(let base, let prefix):
            guard let address = ipv6 ?? ipv4.map({ IPv6Address(high: 0, low: 0xFFFF << 32 | UInt64($0.value)) }) else {
                return false
            }
            let length = Int(prefix)
            let high: UInt64 = length >= 64 ? .max : length == 0 ? 0 : .max << UInt64(64 - length)
            let low: UInt64 = length <= 64 ? 0 : length >= 128 ? .max : .max << UInt64(128 - length)
            return address.high & high == base.high & high && address.low & low == base.low & low
        }
    }

    private var mappedIPv4: UInt32? {
        guard let address = ipv6, address.high == 0, address.low >> 32 == 0xFFFF || address.low >> 32 == 0 else {
            return nil
        }
        return UInt32(truncatingIfNeeded: address.low)
    }
}

/// Compares a sample with one string pattern (manual, section 7.1.3).
struct PatternMatch {
    let text: [UInt8]
    let ignoreCase: Bool

    func matches(_ bytes: Span<UInt8>, _ method: MatchMethod) -> Bool {
        switch method {
        case .string: return bytes.count == text.count && holds(bytes, at: 0)
        case .prefix: return holds(bytes, at: 0)
        case .suffix: return bytes.count >= text.count && holds(bytes, at: bytes.count - text.count)
        case .substring: return find(bytes) { _, _ in true }
        case .subdirectory: return findWord(bytes, "/?")
        case .domain: return findWord(bytes, "/?.:")
        default: return false
        }
    }

    private func holds(_ bytes: Span<UInt8>, at start: Int) -> Bool {
        guard start >= 0, bytes.count - start >= text.count else { return false }
        for offset in text.indices {
            let byte = bytes[start + offset]
            if (ignoreCase ? lowercased(byte) : byte) != text[offset] { return false }
        }
        return true
    }

    private func find(_ bytes: Span<UInt8>, _ accept: (Int, Int) -> Bool) -> Bool {
        guard text.count <= bytes.count else { return false }
        for start in 0...(bytes.count - text.count) where holds(bytes, at: start) {
            if accept(start - 1, start + text.count) { return true }
        }
        return false
    }

    /// Finds the pattern between delimiters; those at its own ends say nothing more.
    private func findWord(_ bytes: Span<UInt8>, _ delimiters: StaticString) -> Bool {
        var first = 0, end = text.count
        while first < end, isEdge(first, of: text.span, delimiters) { first += 1 }
        while first < end, isEdge(end - 1, of: text.span, delimiters) { end -= 1 }
        if first > 0 || end < text.count {
            return PatternMatch(text: Array(text[first..<end]), ignoreCase: ignoreCase).findWord(bytes, delimiters)
        }
        return find(bytes) { isEdge($0, of: bytes, delimiters) && isEdge($1, of: bytes, delimiters) }
    }

    /// Whether a position is outside of the sample, or holds one of the delimiters.
    private func isEdge(_ index: Int, of bytes: Span<UInt8>, _ delimiters: StaticString) -> Bool {
        if index < 0 || index >= bytes.count { return true }
        let byte = bytes[index]
        // SAFETY: a static string's bytes live for ever.
        return delimiters.withUTF8Buffer { unsafe $0.contains(byte) }
    }
}
