import Base
import Configuration
import Engine
import HTTP

/// What a condition may look at. Facts that cost a system call are asked for once, when they are first needed.
struct RuleFacts {
    let source: SocketAddress
    let transport: Transport
    let worker: Worker
    /// The request, in HTTP mode.
    let request: MessageHead?
    private var local: SocketAddress?

    init(source: SocketAddress, transport: Transport, worker: Worker, request: MessageHead? = nil) {
        self.source = source
        self.transport = transport
        self.worker = worker
        self.request = request
    }

    /// The address that the client connected to.
    mutating func destination() -> SocketAddress {
        if let local { return local }
        var address = SocketAddress()
        _ = worker.kernel.localAddress(transport.descriptor, &address)
        local = address
        return address
    }
}

/// A `use_backend` rule as it runs.
struct BackendRule {
    let backend: Backend
    /// nil: always.
    let condition: Condition?
}

/// Evaluates conditions of one section (manual, section 7).
struct ConditionEvaluation {
    let acls: [ACLDefinition]

    func holds(_ condition: Condition, _ facts: inout RuleFacts) -> Bool {
        for alternative in condition.alternatives {
            var all = true
            for term in alternative where test(term.test, &facts) == term.isNegated {
                all = false
                break
            }
            if all { return !condition.isNegated }
        }
        return condition.isNegated
    }

    private func test(_ test: ACLTerm.Test, _ facts: inout RuleFacts) -> Bool {
        switch test {
        case .anonymous(let expression): return matches(expression, &facts)
        case .named(let index):
            for expression in acls[index].expressions where matches(expression, &facts) { return true }
            return false
        }
    }

    private func matches(_ expression: ACLExpression, _ facts: inout RuleFacts) -> Bool {
        switch expression.call.fetch {
        case .alwaysTrue: return matches(boolean: true, expression)
        case .alwaysFalse: return matches(boolean: false, expression)
        case .source: return matches(address: facts.source, expression)
        case .sourcePort: return matches(integer: Int64(facts.source.port), expression)
        case .destination: return matches(address: facts.destination(), expression)
        case .destinationPort: return matches(integer: Int64(facts.destination().port), expression)
        case .method, .path, .requestVersion, .requestHeader:
            guard let request = facts.request else { return false }
            return matches(request, expression)
        }
    }

    private func matches(_ request: MessageHead, _ expression: ACLExpression) -> Bool {
        switch expression.call.fetch {
        case .method: return matches(request.span(request.methodSlice), expression)
        case .path: return matches(request.span(request.pathSlice), expression)
        case .requestVersion:
            return request.version == .http10
                ? matches([0x31, 0x2E, 0x30].span, expression) : matches([0x31, 0x2E, 0x31].span, expression)
        default: return matchesHeader(request, expression)
        }
    }

    /// `req.hdr`: each comma-separated value is tried, or the one that the occurrence names.
    private func matchesHeader(_ request: MessageHead, _ expression: ACLExpression) -> Bool {
        var header = expression.call.headerName
        header.makeContiguousUTF8()
        let name = header.utf8.span
        let occurrence = expression.call.occurrence ?? 0
        var count = 0
        if occurrence < 0 {
            forEachValue(request, name) { _ in
                count += 1
                return false
            }
        }
        let wanted = occurrence < 0 ? count + occurrence + 1 : occurrence
        if occurrence != 0 && wanted < 1 { return false }
        var position = 0
        return forEachValue(request, name) { value in
            position += 1
            return (occurrence == 0 || position == wanted) && matches(value, expression)
        }
    }

    @discardableResult
    private func forEachValue(_ request: MessageHead, _ name: Span<UInt8>, _ body: (Span<UInt8>) -> Bool) -> Bool {
        var index = request.firstIndex(named: name)
        while let current = index {
            let value = request.value(current)
            if value.isEmpty {
                if body(value) { return true }
            } else {
                var elements = ListElements()
                while let range = elements.next(value) {
                    if body(value.extracting(range)) { return true }
                }
            }
            index = request.firstIndex(named: name, from: current + 1)
        }
        return false
    }

    // MARK: Patterns

    private func matches(boolean value: Bool, _ expression: ACLExpression) -> Bool {
        expression.match == .found || matches(integer: value ? 1 : 0, expression)
    }

    private func matches(integer value: Int64, _ expression: ACLExpression) -> Bool {
        switch expression.match {
        case .found: return true
        case .boolean: return value != 0
        default: break
        }
        for pattern in expression.patterns {
            if case .integer(let bounds) = pattern, bounds.contains(value) { return true }
        }
        return expression.patterns.isEmpty && value != 0
    }

    private func matches(address: SocketAddress, _ expression: ACLExpression) -> Bool {
        if expression.match == .found { return address.family != .unspecified }
        for pattern in expression.patterns {
            if case .network(let network) = pattern, address.isIn(network) { return true }
        }
        return false
    }

    private func matches(_ bytes: Span<UInt8>, _ expression: ACLExpression) -> Bool {
        switch expression.match {
        case .found: return true
        case .length: return matches(integer: Int64(bytes.count), expression)
        case .integer, .boolean: return matches(number: bytes, expression)
        default: break
        }
        for pattern in expression.patterns {
            if case .string(let text, let ignoreCase) = pattern,
                PatternMatch(text: text, ignoreCase: ignoreCase).matches(bytes, expression.match)
            {
                return true
            }
        }
        return false
    }

    private func matches(number bytes: Span<UInt8>, _ expression: ACLExpression) -> Bool {
        var value: Int64 = 0
        var isNegative = false
        for index in bytes.indices {
            if index == 0 && bytes[0] == UInt8(ascii: "-") {
                isNegative = true
                continue
            }
            guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { return false }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int64(bytes[index] - 0x30))
            if overflow || carry { return false }
            value = sum
        }
        return !bytes.isEmpty && matches(integer: isNegative ? -value : value, expression)
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

extension SocketAddress {
    /// Whether the address lies in a network; an IPv4 address mapped into IPv6 counts as IPv4.
    func isIn(_ network: IPNetwork) -> Bool {
        switch network {
        case .ipv4(let base, let mask):
            guard let address = ipv4 ?? mappedIPv4 else { return false }
            return address & mask == base.value & mask
        case .ipv6(let base, let prefix):
            guard let address = ipv6 else { return false }
            let length = Int(prefix)
            let high: UInt64 = length >= 64 ? .max : length == 0 ? 0 : .max << UInt64(64 - length)
            let low: UInt64 = length <= 64 ? 0 : length >= 128 ? .max : .max << UInt64(128 - length)
            return address.high & high == base.high & high && address.low & low == base.low & low
        }
    }

    private var mappedIPv4: UInt32? {
        guard let address = ipv6, address.high == 0, address.low >> 32 == 0xFFFF else { return nil }
        return UInt32(truncatingIfNeeded: address.low)
    }
}
