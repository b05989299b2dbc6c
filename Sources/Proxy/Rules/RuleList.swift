import Configuration
import Samples

/// A line of a set of rules as it runs.
///
/// Thread-safety: constant.
final class Rule: Sendable {
    let action: RuleAction
    /// nil: always.
    let condition: RuleCondition?
    /// Where the line stands.
    let range: SourceRange
    /// Whether no later rule of the set is evaluated when it holds.
    let isFinal: Bool
    /// Whether it is met, for `last_rule_line`, once its answer has been made.
    let makesAnswer: Bool

    init(_ line: RuleLine, _ acls: [ACLDefinition]) {
        action = line.action
        condition = line.condition.map { RuleCondition($0, acls) }
        range = line.range
        isFinal = line.action.isFinal
        makesAnswer = line.action.makesAnswer
    }
}

/// A set of rules as it runs, in the order of its lines.
///
/// Thread-safety: constant.
// SAFETY: the references are allocated in `init` and freed in `deinit`; `rules` keeps what they point to.
@safe
final class RuleList: @unchecked Sendable {
    private let references: UnsafeMutablePointer<Unmanaged<Rule>>
    private let rules: [Rule]
    let count: Int

    static let none = RuleList([], [])

    /// - Parameter acls: those of the section that the lines stand in.
    init(_ lines: [RuleLine], _ acls: [ACLDefinition]) {
        rules = lines.map { Rule($0, acls) }
        count = rules.count
        unsafe references = .allocate(capacity: count)
        for (index, rule) in rules.enumerated() {
            unsafe (references + index).initialize(to: Unmanaged.passUnretained(rule))
        }
    }

    deinit { unsafe references.deallocate() }

    var isEmpty: Bool { count == 0 }

    /// Lets `body` look at a rule, without counting a reference.
    @inline(__always)
    func withRule<Result>(_ index: Int, _ body: (Rule) -> Result) -> Result {
        precondition(index >= 0 && index < count)
        // SAFETY: checked just above; the list keeps the rule.
        return unsafe references[index]._withUnsafeGuaranteedRef { body($0) }
    }

    /// The first rule from an index on whose condition holds, with what is there; `count` when none does.
    func first(from start: Int, _ scope: SampleScope) -> Int {
        var index = start
        while index < count {
            if withRule(index, { $0.condition.holds(scope) }) { return index }
            index += 1
        }
        return count
    }
}
