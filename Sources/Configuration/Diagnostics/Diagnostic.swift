/// A message about the configuration, with its place.
public struct Diagnostic: Sendable, Hashable {
    public enum Severity: UInt8, Sendable, Comparable {
        /// What is suspicious, and `.diag`: shown in diagnostic mode (`-dD`) only.
        case diag
        case notice
        case warning
        case error

        public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }

        public var name: String {
            switch self {
            case .error: "error"
            case .warning: "warning"
            case .notice: "notice"
            case .diag: "diag"
            }
        }
    }

    /// Another place that the message is about, such as that of the first of two definitions.
    public struct Note: Sendable, Hashable {
        public var message: String
        public var range: SourceRange

        public init(_ message: String, at range: SourceRange) {
            self.message = message
            self.range = range
        }

        /// What a name or a number belonged to before.
        static func first(_ range: SourceRange) -> Note { Note("the first one is here", at: range) }
    }

    /// A text that, put in place of a range, mends the line.
    public struct Suggestion: Sendable, Hashable {
        public var replacement: String
        public var range: SourceRange
    }

    public var code: DiagnosticCode
    public var range: SourceRange
    public var message: String
    /// What stands after `help:`, such as "did you mean 'timeout'?".
    public var help: String?
    public var suggestion: Suggestion?
    public var notes: [Note]

    public var severity: Severity { code.severity }

    public init(
        _ code: DiagnosticCode, _ message: String, at range: SourceRange, help: String? = nil,
        suggestion: Suggestion? = nil, notes: [Note] = []
    ) {
        self.code = code
        self.range = range
        self.message = message
        self.help = help
        self.suggestion = suggestion
        self.notes = notes
    }
}
