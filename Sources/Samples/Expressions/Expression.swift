/// A fetch and the converters behind it, ready to be evaluated (manual, chapter 7.3).
///
/// Thread-safety: constant; any thread may evaluate, each with a scope of its own.
public final class Expression: Sendable {
    struct Step: Sendable {
        let convert: @Sendable (Sample, SampleScope, Arguments) -> Sample?
        let arguments: Arguments
        let input: ConverterInput
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
    let steps: [Step]

    init(text: String, fetch: FetchKeyword, arguments: Arguments, steps: [Step], output: ConverterInput) {
        self.text = text
        fetchName = fetch.name
        source = fetch.source
        needsHTTP = fetch.needsHTTP
        evaluateFetch = fetch.evaluate
        fetchArguments = arguments
        self.steps = steps
        self.output = output
    }

    /// Whether there are converters.
    public var isConverted: Bool { !steps.isEmpty }

    /// The value now, or nil when there is none. Its bytes stand until the scope's next `beginEvaluation`, which the
    /// caller has called before.
    public func evaluate(_ scope: SampleScope) -> Sample? {
        guard var sample = evaluateFetch(scope, fetchArguments) else { return nil }
        for step in steps {
            guard let input = SampleCasts.cast(sample, to: step.input, scope),
                let output = step.convert(input, scope, step.arguments)
            else { return nil }
            sample = output
        }
        return sample
    }

    /// The value as a string, cast by the rules of the manual; nil when there is none.
    public func evaluateText(_ scope: SampleScope) -> Sample? {
        guard let sample = evaluate(scope) else { return nil }
        return SampleCasts.cast(sample, to: .type(.string), scope)
    }
}
