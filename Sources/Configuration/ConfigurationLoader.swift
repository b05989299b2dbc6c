/// Turns configuration files into a typed tree. Opens no socket.
///
/// All errors of all files are reported in one run. Not thread-safe; make one where it is needed.
public struct ConfigurationLoader {
    /// What the caller knows and the files may ask for.
    public struct Environment: Sendable {
        /// Process environment, with HAPROXY_LOCALPEER and kin added by the caller.
        public var variables: [String: String]
        /// Names behind a `+` in the list of features of `-vv`.
        public var features: Set<String>
        /// The dialect for `version_atleast` (3.4).
        public var dialectVersion: String

        public init(
            variables: [String: String] = [:], features: Set<String> = [], dialectVersion: String = "3.4"
        ) {
            self.variables = variables
            self.features = features
            self.dialectVersion = dialectVersion
        }
    }

    /// A tree, and what there is to say about it. The tree must not be run when `hasErrors`.
    public struct Result: Sendable {
        public var tree: ConfigurationTree
        public var diagnostics: [Diagnostic]

        public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
        public var warningCount: Int { diagnostics.count { $0.severity == .warning } }
    }

    public var environment: Environment

    public init(environment: Environment = Environment()) { self.environment = environment }
}
