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

    /// What a sample is cast to before it is compared.
    var input: ConverterInput {
        switch self {
        case .found: .any
        case .boolean, .integer: .type(.integer)
        case .ip: .address
        case .binary: .type(.binary)
        default: .type(.string)
        }
    }
}

/// Why a pattern, or the value of a map's entry, cannot be taken.
public struct PatternFailure: Error, Sendable, Equatable {
    public var message: String
    public var help: String?
    /// The byte of the pattern at which a regular expression is malformed.
    public var offset: Int?

    public init(_ message: String, help: String? = nil, offset: Int? = nil) {
        self.message = message
        self.help = help
        self.offset = offset
    }
}
