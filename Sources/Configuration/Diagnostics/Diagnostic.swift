/// A message about the configuration, with its place.
public struct Diagnostic: Sendable, Hashable {
    public enum Severity: UInt8, Sendable, Comparable {
        /// `.diag`: shown in diagnostic mode (`-dD`) only.
        case diag
        case notice
        case warning
        case error

        public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
    }

    public var severity: Severity
    public var range: SourceRange
    public var message: String
    /// What stands after `help:`, such as "did you mean 'timeout'?".
    public var help: String?

    public init(severity: Severity, range: SourceRange, message: String, help: String? = nil) {
        self.severity = severity
        self.range = range
        self.message = message
        self.help = help
    }
}
