import Base
import Synchronization

/// What was found: the value of a map's entry.
public struct PatternEntry {
    /// The value as a string, in the scope's scratch memory; nil for an entry without one.
    public let value: Sample?
}

/// A set of patterns, seen through one match method (manual, section 7.1).
///
/// Thread-safety: any number of threads match, each with a scope of its own, while the set is changed: a lookup
/// takes no lock, never waits, and sees each change as a whole.
// SAFETY: Sendable because `current` is atomic, `owner` is the writer's, under the set's lock, and the rest constant.
@safe
public final class PatternMatcher: @unchecked Sendable {
    public let set: PatternSet
    public let method: MatchMethod
    public let ignoresCase: Bool
    /// Patterns are versions such as `3.1`.
    public let isVersion: Bool
    /// What samples are cast to.
    private let input: ConverterInput
    private let current: Atomic<UnsafeRawPointer?>
    /// Keeps what `current` points to.
    private var owner: PatternIndex

    init(_ set: PatternSet, _ method: MatchMethod, ignoresCase: Bool, isVersion: Bool, _ index: PatternIndex) {
        self.set = set
        self.method = method
        input = method.input
        self.ignoresCase = ignoresCase
        self.isVersion = isVersion
        owner = index
        unsafe current = Atomic(UnsafeRawPointer(Unmanaged.passUnretained(index).toOpaque()))
    }

    /// Whether an entry matches.
    public func matches(_ sample: Sample, _ scope: SampleScope) -> Bool {
        if case .type(let type) = input, sample.type == type, method != .boolean {
            // The usual case: nothing is cast, so nothing is written to the scratch memory.
            scope.patternReader.enter()
            defer { scope.patternReader.leave() }
            return unsafe find(sample, scope) != nil
        }
        let mark = scope.scratch.mark
        defer { scope.scratch.release(to: mark) }
        return unsafe search(sample, scope) { _ in true } ?? false
    }

    /// The entry that wins, with its value; nil when none matches, or when the sample cannot be cast.
    public func match(_ sample: Sample, _ scope: SampleScope) -> PatternEntry? {
        unsafe search(sample, scope) { record in
            guard let record = unsafe record, let value = unsafe record.valueBytes else {
                return PatternEntry(value: nil)
            }
            return unsafe PatternEntry(value: scope.scratch.copy(value))
        }
    }

    /// What a lookup found, in the words of the runtime API.
    struct Finding {
        var pattern: [UInt8]
        var value: [UInt8]?
        var isTree: Bool
    }

    func finding(_ sample: Sample, _ scope: SampleScope) -> Finding? {
        unsafe search(sample, scope) { record in
            Finding(
                pattern: unsafe record.map { unsafe Array($0.pattern) } ?? [],
                value: unsafe record?.valueBytes.map { unsafe Array($0) }, isTree: owner.isTree)
        }
    }

    /// Looks the sample up and lets `body` read what was found, before it may go.
    private func search<Result>(
        _ sample: Sample, _ scope: SampleScope, _ body: (RecordPointer?) -> Result
    ) -> Result? {
        var cast = sample
        switch input {
        case .any: return body(nil)
        case .type(let type) where sample.type == type: break
        case .type, .address:
            guard let other = SampleCasts.cast(sample, to: input, scope) else { return nil }
            cast = other
        }
        if method == .boolean { return cast.boolean ? body(nil) : nil }
        scope.patternReader.enter()
        defer { scope.patternReader.leave() }
        guard let record = unsafe find(cast, scope) else { return nil }
        return unsafe body(record)
    }

    /// The winner for a sample of the method's type. Within the reader's `enter` and `leave`.
    @inline(__always)
    private func find(_ sample: Sample, _ scope: SampleScope) -> RecordPointer? {
        guard let pointer = unsafe current.load(ordering: .acquiring) else { return nil }
        // SAFETY: an index, and what it finds, is retired, not freed, while a reader is within `enter` and `leave`.
        return unsafe Unmanaged<PatternIndex>.fromOpaque(pointer)._withUnsafeGuaranteedRef { index in
            unsafe find(sample, index, scope)
        }
    }

    @inline(__always)
    private func find(_ sample: Sample, _ index: PatternIndex, _ scope: SampleScope) -> RecordPointer? {
        switch method {
        case .integer: return unsafe index.find(number: sample.integer)
        case .length: return unsafe index.find(number: Int64(sample.byteCount))
        case .ip:
            if let address = sample.ipv4 { return unsafe index.find(ipv4: address.value) }
            guard let address = sample.ipv6 else { return nil }
            return unsafe index.find(ipv6: address)
        // SAFETY: the sample's bytes stand during the evaluation.
        default: return unsafe index.find(sample.bytes, scope)
        }
    }

    // MARK: For the set, under its lock

    var index: PatternIndex { owner }

    /// Searches another index from now on; returns the one before.
    func replace(_ index: PatternIndex) -> PatternIndex {
        let old = owner
        owner = index
        unsafe current.store(UnsafeRawPointer(Unmanaged.passUnretained(index).toOpaque()), ordering: .releasing)
        return old
    }
}
