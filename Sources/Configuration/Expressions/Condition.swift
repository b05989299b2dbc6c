import Base

/// The sample fetches that conditions may use in this version (manual, section 7.3).
public enum SampleFetch: UInt8, Sendable, CaseIterable {
    case alwaysTrue, alwaysFalse
    /// Address and port of the client, and the local ones that it connected to.
    case source, sourcePort, destination, destinationPort
    case method
    /// The path of the request target: from the first slash, before the query.
    case path
    /// `req.ver`: "1.0", "1.1".
    case requestVersion
    /// `req.hdr`: comma-separated values of a field; a test is tried on each of them.
    case requestHeader
}

/// What a fetch yields (manual, section 7.1).
public enum SampleType: String, Sendable { case boolean, integer, ip, string, method }

/// A call of a sample fetch with its arguments.
public struct FetchCall: Sendable, Hashable {
    public var fetch: SampleFetch
    /// Field name of `req.hdr`, in lower case; empty without one.
    public var headerName: String
    /// `req.hdr(name,N)`: nil is every value; 1 the first, -1 the last.
    public var occurrence: Int?

    public init(fetch: SampleFetch, headerName: String = "", occurrence: Int? = nil) {
        self.fetch = fetch
        self.headerName = headerName
        self.occurrence = occurrence
    }
}

/// How a sample is compared with patterns (manual, section 7.1, `-m`).
public enum MatchMethod: String, Sendable, CaseIterable {
    case found
    case boolean = "bool"
    case integer = "int"
    case ip
    case string = "str"
    case prefix = "beg"
    case suffix = "end"
    case substring = "sub"
    case subdirectory = "dir"
    case domain = "dom"
    case length = "len"
}

/// One pattern of an ACL, of the type that its match method wants.
public enum ACLPattern: Sendable, Hashable {
    /// For the string methods. `ignoreCase`: the `-i` flag was in force; the bytes are then in lower case already.
    case string([UInt8], ignoreCase: Bool)
    /// Inclusive bounds; operators (`gt 5`) have been turned into bounds. Also for `len`.
    case integer(ClosedRange<Int64>)
    case network(IPNetwork)
}

/// One test: a sample, a way to compare, and patterns of which any may match.
public struct ACLExpression: Sendable, Hashable {
    public var call: FetchCall
    public var match: MatchMethod
    /// Empty for `found` and `bool`.
    public var patterns: [ACLPattern]
    public var range: SourceRange

    public init(call: FetchCall, match: MatchMethod, patterns: [ACLPattern], range: SourceRange = .none) {
        self.call = call
        self.match = match
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

    public init(name: String, expressions: [ACLExpression], range: SourceRange = .none) {
        self.name = name
        self.expressions = expressions
        self.range = range
    }
}

/// One term of a condition: a named or anonymous ACL, perhaps negated.
public struct ACLTerm: Sendable, Hashable {
    public enum Test: Sendable, Hashable {
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
}

/// `if` or `unless`, and an OR of ANDs of terms (manual, section 7.2).
public struct Condition: Sendable, Hashable {
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
