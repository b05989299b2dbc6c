import Configuration
import Samples

/// A condition (manual, section 7.2), laid out for evaluation: its tests one behind the other, each with the places
/// where to go on. An evaluation is one loop over them; it stops at the first that decides, and what is not reached
/// costs nothing.
///
/// Thread-safety: constant; any thread may judge, each with a scope of its own.
// SAFETY: the steps are allocated in `init` and freed in `deinit`; they refer to what `tests` keeps.
@safe
final class RuleCondition: @unchecked Sendable {
    // SAFETY: the test is kept by the condition.
    @safe
    private struct Step {
        let test: Unmanaged<SampleTest>
        /// Whether its term is negated.
        let isNegated: Bool
        /// The last test of its term: a named ACL has as many as it has lines.
        let endsTerm: Bool
        /// The last term of those that an alternative wants all.
        let endsAlternative: Bool
        let nextTerm: Int32
        let nextAlternative: Int32
        /// Where to go on when the test holds, or fails, and nothing can be unknown; below 0: what the condition is.
        var ifHolds: Int32 = 0
        var ifFails: Int32 = 0

        mutating func link(from index: Int, count: Int, _ conditionIsNegated: Bool) {
            let (yes, no) = conditionIsNegated ? (failsThen, holdsThen) : (holdsThen, failsThen)
            let termHolds = endsAlternative ? yes : nextTerm
            let termFails = Int(nextAlternative) < count ? nextAlternative : no
            ifHolds = isNegated ? termFails : termHolds
            ifFails = !endsTerm ? Int32(index + 1) : isNegated ? termHolds : termFails
        }
    }

    private static let holdsThen: Int32 = -1
    private static let failsThen: Int32 = -2

    private let steps: UnsafeMutablePointer<Step>
    private let count: Int
    private let tests: [SampleTest]
    /// `unless`.
    private let isNegated: Bool

    /// - Parameter acls: those of the section that the condition stands in.
    init(_ condition: Condition, _ acls: [ACLDefinition]) {
        precondition(!condition.alternatives.isEmpty && condition.alternatives.allSatisfy { !$0.isEmpty })
        isNegated = condition.isNegated
        var tests: [SampleTest] = []
        var steps: [Step] = []
        for alternative in condition.alternatives {
            let expressions = alternative.map { term in
                switch term.test {
                case .anonymous(let expression): [expression]
                case .named(let index): acls[index].expressions
                }
            }
            let nextAlternative = steps.count + expressions.reduce(0) { $0 + $1.count }
            for (term, list) in zip(alternative, expressions) {
                precondition(!list.isEmpty, "an ACL without a test")
                let nextTerm = steps.count + list.count
                for expression in list {
                    let test = SampleTest(expression.expression, expression.patterns.matchers)
                    tests.append(test)
                    steps.append(
                        unsafe Step(
                            test: Unmanaged.passUnretained(test), isNegated: term.isNegated,
                            endsTerm: steps.count + 1 == nextTerm, endsAlternative: nextTerm == nextAlternative,
                            nextTerm: Int32(nextTerm), nextAlternative: Int32(nextAlternative)))
                }
            }
        }
        for index in steps.indices { steps[index].link(from: index, count: steps.count, condition.isNegated) }
        self.tests = tests
        count = steps.count
        unsafe self.steps = .allocate(capacity: count)
        for (index, step) in steps.enumerated() { unsafe (self.steps + index).initialize(to: step) }
    }

    deinit { unsafe steps.deallocate() }

    /// Whether the condition holds, with what is there; no more is waited for.
    func holds(_ scope: SampleScope) -> Bool {
        let wasFinal = scope.isFinal
        scope.isFinal = true
        var place: Int32 = 0
        while place >= 0 {
            // SAFETY: places to go on are within the steps, which are initialized.
            let step = unsafe steps + Int(place)
            let outcome = unsafe step.pointee.test._withUnsafeGuaranteedRef { $0.judge(scope) }
            place = unsafe outcome == .holds ? step.pointee.ifHolds : step.pointee.ifFails
        }
        scope.isFinal = wasFinal
        return place == RuleCondition.holdsThen
    }

    /// What is known of the condition; never `.unknown` when the scope's data are final.
    func judge(_ scope: SampleScope) -> TestOutcome {
        var best = TestOutcome.fails
        var alternative = TestOutcome.holds
        var term = TestOutcome.fails
        var index = 0
        while index < count {
            // SAFETY: the first `count` steps are initialized, and places to go on are within them or `count`.
            let step = unsafe steps[index]
            term = unsafe max(term, step.test._withUnsafeGuaranteedRef { $0.judge(scope) })
            if term != .holds && !step.endsTerm {
                index += 1
                continue
            }
            alternative = min(alternative, step.isNegated ? term.negated : term)
            term = .fails
            if alternative != .fails && !step.endsAlternative {
                index = Int(step.nextTerm)
                continue
            }
            best = max(best, alternative)
            if best == .holds { break }
            alternative = .holds
            index = Int(step.nextAlternative)
        }
        return isNegated ? best.negated : best
    }
}

extension Optional where Wrapped == RuleCondition {
    /// Whether the condition holds; none holds always.
    func holds(_ scope: SampleScope) -> Bool {
        switch self {
        case .some(let condition): condition.holds(scope)
        case .none: true
        }
    }
}
