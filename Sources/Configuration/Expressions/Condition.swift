import Samples

/// One test: a sample, a way to compare, and patterns of which any may match (manual, section 7.1).
public struct ACLExpression: Sendable {
    public let expression: Expression
    public let method: MatchMethod
    public let patterns: ACLPatterns
    public var range: SourceRange

    public init(expression: Expression, method: MatchMethod, patterns: ACLPatterns, range: SourceRange = .none) {
        self.expression = expression
        self.method = method
        self.patterns = patterns
        self.range = range
    }
}

/// A named ACL: all the `acl` lines of that name in a section. It is true when any of the expressions is.
public struct ACLDefinition: Sendable {
    public var name: String
    public var expressions: [ACLExpression]
    /// The first line of that name.
    public var range: SourceRange
    /// A condition names it.
    var isUsed = false

    public init(name: String, expressions: [ACLExpression], range: SourceRange = .none) {
        self.name = name
        self.expressions = expressions
        self.range = range
    }
}

/// One term of a condition: a named or anonymous ACL, perhaps negated.
public struct ACLTerm: Sendable {
    public enum Test: Sendable {
        /// Index into the section's `acls`. Predefined ACLs that are used are put there too.
        case named(Int)
        case anonymous(ACLExpression)
    }

    public var isNegated: Bool
    public var test: Test
    public var range: SourceRange

    public init(isNegated: Bool, test: Test, range: SourceRange = .none) {
        self.isNegated = isNegated
        self.test = test
        self.range = range
    }

    /// The index of a named ACL.
    public var name: Int? {
        if case .named(let index) = test { return index }
        return nil
    }
}

/// `if` or `unless`, and an OR of ANDs of terms (manual, section 7.2).
public struct Condition: Sendable {
    /// `unless`: the whole is negated.
    public var isNegated: Bool
    /// Any of the alternatives must hold; one holds when all its terms do.
    public var alternatives: [[ACLTerm]]
    public var range: SourceRange

    public init(isNegated: Bool, alternatives: [[ACLTerm]], range: SourceRange = .none) {
        self.isNegated = isNegated
        self.alternatives = alternatives
        self.range = range
    }
}
