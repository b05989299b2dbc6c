import Base
import Glibc
import Samples

/// Reads expressions and conditions that stand in a statement, for all keywords that take some.
extension Parser {
    /// The expression that is a whole word.
    /// - Parameter point: where it will be evaluated; nil: at no particular point.
    func expression(
        _ statement: Statement, _ index: Int, at point: SamplePoint?
    ) throws(SyntaxFailure) -> Expression {
        let context = StatementContext(self, statement, index)
        do {
            return try ExpressionParser(point: point, context: context).parse(statement.words[index].bytes)
        } catch {
            throw SampleReading.failure(error, statement, index)
        }
    }

    /// `if` or `unless` with what follows, from the word `first` to the end of the statement.
    /// - Parameter point: where the condition is evaluated: what is not available there is warned about.
    func condition(
        _ statement: Statement, from first: Int, at point: SamplePoint
    ) throws(SyntaxFailure) -> Condition {
        var conditions = ConditionParser(self, statement, definitions: draft.acls, point: point)
        defer { for warning in conditions.warnings { report(warning) } }
        let result = try conditions.parse(from: first)
        draft.acls = conditions.definitions
        return result
    }
}

/// The words of one statement, as the readers of expressions see them.
final class StatementContext: ArgumentContext {
    private let parser: Parser
    private let statement: Statement
    private let index: Int
    /// What is read is the word itself, so that places in it are places in the file.
    private let isWord: Bool

    init(_ parser: Parser, _ statement: Statement, _ index: Int, isWord: Bool = true) {
        self.parser = parser
        self.statement = statement
        self.index = index
        self.isWord = isWord
    }

    override var place: String { parser.placeText(statement.range(index)) }

    override func readFile(_ path: String) throws(ArgumentFailure) -> [UInt8] {
        do { return try parser.files.read(parser.resolve(path, of: statement)) } catch {
            throw ArgumentFailure(0, "cannot read '\(path)': \(error.message)", reason: .file)
        }
    }

    override func environmentVariable(_ name: String) -> String? { parser.scope.value(name) }

    override var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        // SAFETY: the name is cut to the buffer's size; the last byte stays NUL.
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    override func patternSet(
        _ name: String, make: () throws(ArgumentFailure) -> PatternSet
    ) throws(ArgumentFailure) -> PatternSet {
        if let known = parser.patternSets[name] { return known }
        let made = try make()
        parser.patternSets[name] = made
        parser.tree.patternSets.append(made)
        return made
    }

    override func resolveLater(
        _ arguments: Arguments, _ argument: Int, _ kind: ArgumentKind, _ name: String, of keyword: String,
        at place: Range<Int>
    ) {
        let range = isWord ? statement.range(index, bytes: place) : statement.range(index)
        parser.references.append(
            ObjectReference(
                arguments: arguments, index: argument, kind: kind, name: name, keyword: keyword, range: range,
                proxy: parser.section == .proxy ? parser.tree.proxies.count : -1))
    }
}

/// An argument that names an object of the configuration, to be looked up when everything has been read.
struct ObjectReference {
    let arguments: Arguments
    let index: Int
    let kind: ArgumentKind
    let name: String
    /// The fetch or converter that takes the argument.
    let keyword: String
    let range: SourceRange
    /// The section it stands in, as an index into the tree's proxies; -1: none.
    let proxy: Int
}

enum SampleReading {
    /// What is wrong with an expression, as a message about the statement.
    /// - Parameter isWord: the word is the expression, and not the name of a file that holds it.
    static func failure(
        _ failure: ExpressionFailure, _ statement: Statement, _ index: Int, isWord: Bool = true
    ) -> SyntaxFailure {
        let range = isWord ? statement.range(index, bytes: failure.range) : statement.range(index)
        switch failure.reason {
        case .unknownFetch(let name):
            if KnownKeywords.fetches.contains(name) { return .unsupported("sample fetch '\(name)'", at: range) }
            return SyntaxFailure(
                "unknown sample fetch '\(name)'", at: range, code: .unknownFetch,
                help: Suggestions.help(for: name, among: fetchNames))
        case .unknownConverter(let name):
            if KnownKeywords.converters.contains(name) { return .unsupported("converter '\(name)'", at: range) }
            return SyntaxFailure(
                "unknown converter '\(name)'", at: range, code: .unknownConverter,
                help: Suggestions.help(for: name, among: SampleTables.convertersByName.keys.sorted()))
        case .unavailable: return plain(failure, .unavailableSample, range)
        case .format: return plain(failure, .invalidFormat, range)
        case .file: return plain(failure, .unreadableFile, range)
        case .regex: return plain(failure, .invalidRegex, range)
        case .other: return plain(failure, .invalidExpression, range)
        }
    }

    private static func plain(
        _ failure: ExpressionFailure, _ code: DiagnosticCode, _ range: SourceRange
    ) -> SyntaxFailure {
        SyntaxFailure(failure.message, at: range, code: code, help: failure.help.map { Help($0) })
    }

    /// All names that an ACL may start with.
    static let fetchNames = (SampleTables.fetches.map(\.name) + ACLKeywords.all.map(\.name)).sorted()
}

/// Looks up what expressions name.
extension Parser {
    func resolveReferences() {
        for reference in references {
            guard let found = object(reference) else { continue }
            reference.arguments.resolve(reference.index, found)
        }
    }

    private func object(_ reference: ObjectReference) -> ArgumentValue? {
        let own = tree.proxies.indices.contains(reference.proxy) ? tree.proxies[reference.proxy] : nil
        switch reference.kind {
        case .frontend, .backend:
            let isBackend = reference.kind == .backend
            if reference.name.isEmpty {
                // Without a name: the section at hand, if it has that side.
                if let own, isBackend ? own.kind.hasBackend : own.kind.hasFrontend {
                    return isBackend ? .backend(reference.proxy) : .frontend(reference.proxy)
                }
                return missing(
                    reference,
                    "needs the name of a \(reference.kind.name): "
                        + "\(own.map { "\($0.kind.rawValue) '\($0.name)'" } ?? "this section") is none")
            }
            let index = tree.proxies.firstIndex {
                $0.name == reference.name && (isBackend ? $0.kind.hasBackend : $0.kind.hasFrontend)
            }
            guard let index else { return missing(reference, candidates: tree.proxies.map(\.name)) }
            return isBackend ? .backend(index) : .frontend(index)
        case .server: return server(reference)
        case .userlist:
            guard let index = tree.userLists.firstIndex(where: { $0.name == reference.name }) else {
                return missing(reference, candidates: tree.userLists.map(\.name))
            }
            return .userlist(index)
        default:
            return missing(reference, candidates: [])
        }
    }

    private func server(_ reference: ObjectReference) -> ArgumentValue? {
        let parts = reference.name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        var proxy: Int? = reference.proxy >= 0 ? reference.proxy : nil
        if parts.count == 2 {
            proxy = tree.proxies.firstIndex { $0.name == parts[0] && $0.kind.hasBackend }
            guard proxy != nil else {
                return missing(reference, "names a backend that there is not: '\(parts[0])'")
            }
        }
        guard let proxy, tree.proxies.indices.contains(proxy),
            let index = tree.proxies[proxy].servers.firstIndex(where: { $0.name == parts.last })
        else {
            let servers = proxy.map { tree.proxies.indices.contains($0) ? tree.proxies[$0].servers.map(\.name) : [] }
            return missing(reference, candidates: servers ?? [])
        }
        return .server(proxy: proxy, server: index)
    }

    private func missing(_ reference: ObjectReference, candidates: [String]) -> ArgumentValue? {
        report(
            .unknownName, "there is no \(reference.kind.name) '\(reference.name)', which '\(reference.keyword)' names",
            at: reference.range,
            help: Suggestions.help(
                for: reference.name.split(separator: "/").last.map(String.init) ?? "", among: candidates))
        return nil
    }

    private func missing(_ reference: ObjectReference, _ message: String) -> ArgumentValue? {
        report(.unknownName, "'\(reference.keyword)' \(message)", at: reference.range)
        return nil
    }
}
