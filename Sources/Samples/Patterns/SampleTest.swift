/// What is known of a test or of a condition. The order is that of an OR: the greatest wins.
public enum TestOutcome: UInt8, Sendable, Comparable {
    case fails
    /// More data may decide.
    case unknown
    case holds

    public static func < (left: TestOutcome, right: TestOutcome) -> Bool { left.rawValue < right.rawValue }

    public var negated: TestOutcome {
        switch self {
        case .fails: .holds
        case .unknown: .unknown
        case .holds: .fails
        }
    }
}

/// A sample, and the patterns of which any may match: one test of a condition (manual, section 7.1).
///
/// All fields are constant objects, so that a test counts no reference.
///
/// Thread-safety: constant; any thread may test, each with a scope of its own.
public final class SampleTest: Sendable {
    private let expression: Expression
    private let patterns: Patterns

    /// The sets of patterns, one behind the other: hardly ever more than one.
    private final class Patterns: Sendable {
        let matcher: PatternMatcher
        private let next: Follower<Patterns>

        init(_ matcher: PatternMatcher, next: Patterns?) {
            self.matcher = matcher
            self.next = Follower(next)
        }

        func matches(_ sample: Sample, _ scope: SampleScope) -> Bool {
            if matcher.matches(sample, scope) { return true }
            return next.with({ $0.matches(sample, scope) }, otherwise: false)
        }
    }

    /// - Parameter matchers: at least one.
    public init(_ expression: Expression, _ matchers: [PatternMatcher]) {
        self.expression = expression
        guard let last = matchers.last else { preconditionFailure("a test without patterns") }
        patterns = matchers.dropLast().reversed().reduce(Patterns(last, next: nil)) { Patterns($1, next: $0) }
    }

    /// One value after the other is tried, for fetches that have several. Never `.unknown` when the scope's data are
    /// final.
    public func judge(_ scope: SampleScope) -> TestOutcome {
        scope.beginEvaluation()
        scope.iterates = true
        var mayChange = false
        repeat {
            scope.hasMore = false
            let sample = expression.evaluate(scope)
            mayChange = mayChange || scope.mayChange
            if let sample, patterns.matches(sample, scope) { return .holds }
            scope.scratch.reset()
        } while scope.hasMore
        return mayChange && !scope.isFinal ? .unknown : .fails
    }
}
