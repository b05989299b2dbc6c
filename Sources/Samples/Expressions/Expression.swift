/// A constant reference to an object that may be missing, which is followed without counting a reference.
// SAFETY: the unmanaged reference is to what `owner` keeps.
@safe
struct Follower<Object: AnyObject & Sendable>: Sendable {
    private let owner: Object?
    private let reference: Unmanaged<Object>?

    init(_ object: Object?) {
        owner = object
        unsafe reference = object.map { unsafe Unmanaged.passUnretained($0) }
    }

    var isEmpty: Bool { unsafe reference == nil }

    @inline(__always)
    func with<Result>(_ body: (Object) -> Result, otherwise: Result) -> Result {
        guard let reference = unsafe reference else { return otherwise }
        // SAFETY: the owner keeps the object.
        return unsafe reference._withUnsafeGuaranteedRef { body($0) }
    }
}

/// A fetch and the converters behind it, ready to be evaluated (manual, chapter 7.3).
///
/// Thread-safety: constant; any thread may evaluate, each with a scope of its own.
public final class Expression: Sendable {
    /// A converter with its arguments, and those behind it. Objects with constant fields: to follow them counts no
    /// reference, which an array of steps, or an optional reference to the next, would.
    final class Step: Sendable {
        private let convert: @Sendable (Sample, SampleScope, Arguments) -> Sample?
        private let arguments: Arguments
        private let input: ConverterInput
        private let next: Follower<Step>

        init(
            convert: @escaping @Sendable (Sample, SampleScope, Arguments) -> Sample?, arguments: Arguments,
            input: ConverterInput, next: Step?
        ) {
            self.convert = convert
            self.arguments = arguments
            self.input = input
            self.next = Follower(next)
        }

        /// What comes out behind the last converter.
        func apply(_ sample: Sample, _ scope: SampleScope) -> Sample? {
            guard let input = SampleCasts.cast(sample, to: input, scope), let output = convert(input, scope, arguments)
            else { return nil }
            return next.with({ $0.apply(output, scope) }, otherwise: output)
        }
    }

    /// The text as it was written.
    public let text: String
    public let fetchName: String
    /// The type of its value, if it has one; `.any` when that depends on the value itself.
    public let output: ConverterInput
    public let source: SampleSource
    /// Whether the fetch looks into an HTTP message.
    public let needsHTTP: Bool
    let evaluateFetch: @Sendable (SampleScope, Arguments) -> Sample?
    let fetchArguments: Arguments
    private let step: Follower<Step>

    init(text: String, fetch: FetchKeyword, arguments: Arguments, step: Step?, output: ConverterInput) {
        self.text = text
        fetchName = fetch.name
        source = fetch.source
        needsHTTP = fetch.needsHTTP
        evaluateFetch = fetch.evaluate
        fetchArguments = arguments
        self.step = Follower(step)
        self.output = output
    }

    /// Whether there are converters.
    public var isConverted: Bool { !step.isEmpty }

    /// The value now, or nil when there is none. Its bytes stand until the scope's next `beginEvaluation`, which the
    /// caller has called before.
    public func evaluate(_ scope: SampleScope) -> Sample? {
        guard let sample = evaluateFetch(scope, fetchArguments) else { return nil }
        return step.with({ $0.apply(sample, scope) }, otherwise: sample)
    }

    /// The value as a string, cast by the rules of the manual; nil when there is none.
    public func evaluateText(_ scope: SampleScope) -> Sample? {
        guard let sample = evaluate(scope) else { return nil }
        return SampleCasts.cast(sample, to: .type(.string), scope)
    }
}
