/// Turns configuration files into a typed tree. Opens no socket.
///
/// All errors of all files are reported in one run. A value; every run has a state of its own.
public struct ConfigurationLoader: Sendable {
    /// What the caller knows and the files may ask for.
    public struct Environment: Sendable {
        /// Variables that come before the process's own: HAPROXY_LOCALPEER and kin.
        public var variables: [String: String]
        /// Whether other names are looked up in the process's environment.
        public var inheritsProcessEnvironment: Bool
        /// Names behind a `+` in the list of features of `-vv`.
        public var features: Set<String>
        /// Names that `enabled(...)` answers yes to.
        public var enabledOptions: Set<String>
        /// The dialect for `version_atleast` (3.4).
        public var dialectVersion: String
        /// nil without TLS.
        public var openSSLVersion: String?
        /// Diagnostic mode (`-dD`): what is suspicious, such as a backend that nothing uses, is looked for, too.
        public var isDiagnostic = false

        public init(
            variables: [String: String] = [:], inheritsProcessEnvironment: Bool = true, features: Set<String> = [],
            enabledOptions: Set<String> = [], dialectVersion: String = "3.4", openSSLVersion: String? = nil,
            isDiagnostic: Bool = false
        ) {
            self.variables = variables
            self.inheritsProcessEnvironment = inheritsProcessEnvironment
            self.features = features
            self.enabledOptions = enabledOptions
            self.dialectVersion = dialectVersion
            self.openSSLVersion = openSSLVersion
            self.isDiagnostic = isDiagnostic
        }
    }

    /// A tree, and what there is to say about it, in the order of the files. The tree must not be run when `hasErrors`.
    public struct Result: Sendable {
        public var tree: ConfigurationTree
        public var diagnostics: [Diagnostic]

        public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
        public var warningCount: Int { diagnostics.count { $0.severity == .warning } }
    }

    public var environment: Environment
    var files = FileSource.system

    /// Files of one run, directories included.
    static let fileLimit = 4096

    public init(environment: Environment = Environment()) { self.environment = environment }

    /// Reads files, and of directories the files that end in `.cfg`, in lexical order. Relative names start where the
    /// process stands.
    public func load(paths: [String]) -> Result {
        let parser = Parser(caller: environment, files: files)
        var names: [String] = []
        for path in paths {
            guard FileReader.isDirectory(path) else {
                names.append(path)
                continue
            }
            do { names += try FileReader.configurationFiles(in: path) } catch {
                parser.report(.unreadableFile, "cannot read the directory '\(path)': \(error.message)", at: .none)
            }
        }
        if names.count > Self.fileLimit {
            parser.report(.limitExceeded, "more than \(Self.fileLimit) configuration files", at: .none)
            names.removeAll()
        }
        parser.scope.set("HAPROXY_CFGFILES", to: names.joined(separator: ";"))
        for name in names {
            do { parse(SourceFile(name: name, bytes: try FileReader.read(name)), parser) } catch {
                parser.report(
                    .unreadableFile, "cannot read the configuration file '\(name)': \(error.message)", at: .none)
            }
        }
        return finish(parser)
    }

    /// Reads one text as if it were a file of that name. The last line needs no line end.
    public func load(text: String, name: String = "text.cfg") -> Result {
        load(bytes: Array(text.utf8) + (text.utf8.last == UInt8(ascii: "\n") ? [] : [UInt8(ascii: "\n")]), name: name)
    }

    /// Reads one text as if it were a file of that name.
    public func load(bytes: [UInt8], name: String = "text.cfg") -> Result {
        let parser = Parser(caller: environment, files: files)
        parser.scope.set("HAPROXY_CFGFILES", to: name)
        parse(SourceFile(name: name, bytes: bytes), parser)
        return finish(parser)
    }

    private func parse(_ file: SourceFile, _ parser: Parser) {
        parser.tree.files.append(file)
        var reader = FileParser(parser: parser, index: Int32(parser.tree.files.count - 1))
        reader.parse()
    }

    private func finish(_ parser: Parser) -> Result {
        parser.resolve()
        parser.tree.environment = parser.scope.changes
        // By place, as a reader goes through the files; what has no place comes first.
        let sorted = parser.diagnostics.enumerated().sorted { left, right in
            let (first, second) = (left.element.range, right.element.range)
            let keys = [(first.file, second.file), (first.line, second.line), (first.columnStart, second.columnStart)]
            for (one, other) in keys where one != other { return one < other }
            return left.offset < right.offset
        }
        return Result(tree: parser.tree, diagnostics: sorted.map(\.element))
    }
}
