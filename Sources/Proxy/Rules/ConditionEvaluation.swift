import Configuration
import Samples

/// A `use_backend` rule as it runs.
struct BackendRule {
    /// nil: the name is computed.
    let backend: Backend?
    let format: LogFormat?
    /// nil: always.
    let condition: Condition?
}

/// Evaluates conditions of one section (manual, chapter 7).
struct ConditionEvaluation: Sendable {
    /// What is known of a condition. The order is that of an OR: the greatest wins.
    enum Outcome: Int, Comparable {
        case fails
        /// More data may decide.
        case unknown
        case holds

        static func < (left: Outcome, right: Outcome) -> Bool { left.rawValue < right.rawValue }

        var negated: Outcome {
            switch self {
            case .fails: .holds
            case .unknown: .unknown
            case .holds: .fails
            }
        }
    }

    let acls: [ACLDefinition]

    /// Whether a condition holds, with what is there; no more is waited for. nil holds always.
    func holds(_ condition: Condition?, _ scope: SampleScope) -> Bool {
        guard let condition else { return true }
        let wasFinal = scope.isFinal
        scope.isFinal = true
        defer { scope.isFinal = wasFinal }
        return judge(condition, scope) == .holds
    }

    /// What is known of a condition; never `.unknown` when the scope's data are final.
    func judge(_ condition: Condition, _ scope: SampleScope) -> Outcome {
        var best = Outcome.fails
        // By index, here and below: an iterator, and a copy of each element, would count references.
        let alternatives = condition.alternatives.span
        for index in alternatives.indices {
            best = max(best, judge(alternatives[index].span, scope))
            if best == .holds { break }
        }
        return condition.isNegated ? best.negated : best
    }

    private func judge(_ terms: Span<ACLTerm>, _ scope: SampleScope) -> Outcome {
        var worst = Outcome.holds
        for index in terms.indices {
            let outcome = judge(terms[index].test, scope)
            worst = min(worst, terms[index].isNegated ? outcome.negated : outcome)
            if worst == .fails { break }
        }
        return worst
    }

    private func judge(_ test: ACLTerm.Test, _ scope: SampleScope) -> Outcome {
        switch test {
        case .anonymous(let acl): return judge(acl, scope)
        case .named(let index):
            var best = Outcome.fails
            let expressions = acls[index].expressions
            for place in expressions.indices {
                best = max(best, judge(expressions.span[place], scope))
                if best == .holds { break }
            }
            return best
        }
    }

    /// One value after the other is tried, for fetches that have several.
    private func judge(_ acl: ACLExpression, _ scope: SampleScope) -> Outcome {
        scope.beginEvaluation()
        scope.iterates = true
        var mayChange = false
        repeat {
            scope.hasMore = false
            let sample = acl.expression.evaluate(scope)
            mayChange = mayChange || scope.mayChange
            if let sample, acl.patterns.matches(sample, scope) { return .holds }
            scope.scratch.reset()
        } while scope.hasMore
        return mayChange && !scope.isFinal ? .unknown : .fails
    }
}
