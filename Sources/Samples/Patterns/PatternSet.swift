/// How a sample is compared with patterns (manual, section 7.1, `-m`).
public enum MatchMethod: String, Sendable, CaseIterable {
    case found
    case boolean = "bool"
    case integer = "int"
    case ip
    case binary = "bin"
    case length = "len"
    case string = "str"
    case prefix = "beg"
    case suffix = "end"
    case substring = "sub"
    case subdirectory = "dir"
    case domain = "dom"
    case regex = "reg"
}

/// Patterns of one method, of an ACL or a map, each with the value that a map gives for it.
///
/// It may be changed while it is used (runtime API, `set-map`, `add-acl`).
public final class PatternSet: @unchecked Sendable {
    // SAFETY: Sendable because nothing can be changed yet.
    public let method: MatchMethod
    /// The file or `-u` identifier by which the runtime API knows it; empty without one.
    public let name: String

    public init(name: String, method: MatchMethod) {
        self.name = name
        self.method = method
    }
}
