import Base
import Samples

/// Reads an ACL expression: `<fetch>[(args)][,converter...] [flags] [operator] [patterns...]` (manual, section 7.1).
struct ACLParser {
    let parser: Parser
    let statement: Statement
    /// What is odd but no error: message, range and help.
    private(set) var warnings: [SyntaxFailure] = []

    init(_ parser: Parser, _ statement: Statement) {
        self.parser = parser
        self.statement = statement
    }

    /// The expression in the words `first..<end` of the statement.
    mutating func parse(_ first: Int, _ end: Int) throws(SyntaxFailure) -> ACLExpression {
        guard first < end else {
            throw SyntaxFailure(
                "missing sample fetch in the ACL expression", at: statement.range(first), code: .missingArgument)
        }
        let bytes = statement.words[first].bytes
        let expression: Expression
        do {
            let context = StatementContext(parser, statement, first)
            expression = try ExpressionParser(point: nil, context: context, isACL: true).parse(bytes)
        } catch {
            throw SampleReading.failure(error, statement, first)
        }
        let name = String(decoding: bytes.prefix { $0 != UInt8(ascii: "(") && $0 != UInt8(ascii: ",") }, as: UTF8.self)
        // Behind a converter the type of the value decides, not the name that the ACL begins with.
        let keyword = expression.isConverted ? nil : ACLKeywords.byName[name]
        var cursor = first + 1
        var flags = Flags(method: keyword?.method ?? Self.defaultMethod(expression.output), keyword: keyword)
        try readFlags(&flags, &cursor, end, name: name, expression)
        var patterns = try collector(&flags, cursor - 1, name: name, expression)
        for index in cursor..<max(end, cursor) {
            do throws(PatternFailure) {
                try patterns.add(statement.words[index].bytes, ignoresCase: flags.ignoresCase, name: flags.identifier)
            } catch {
                throw failure(error, index)
            }
        }
        let finished: ACLPatterns
        do { finished = try patterns.finished() } catch { throw failure(error, end - 1) }
        let range = statement.range(from: first, through: end - 1)
        for matcher in finished.matchers {
            let set = matcher.set
            let user = set.fileName.isEmpty ? "acl '\(name)'" : "acl at"
            set.note(use: "\(user) \(parser.placeText(range))", isMap: false)
            if !parser.tree.patternSets.contains(where: { $0 === set }) { parser.tree.patternSets.append(set) }
        }
        let method = patterns.method
        if method != .found, method != .boolean, patterns.isEmpty, !flags.isClosed {
            warnings.append(
                SyntaxFailure(
                    "no pattern to match '\(name)' against: this ACL never matches", at: range, code: .neverMatches,
                    help: "use '-m found' to test for existence, or '--' to say that this is meant"))
        }
        if method == .found, cursor < end {
            warnings.append(
                SyntaxFailure(
                    "patterns are ignored by '-m found'", at: statement.range(from: cursor, through: end - 1),
                    code: .ignoredPatterns))
        }
        return ACLExpression(expression: expression, method: method, patterns: finished, range: range)
    }

    private func failure(_ error: PatternFailure, _ index: Int) -> SyntaxFailure {
        let place = error.offset.map { statement.range(index, bytes: $0..<($0 + 1)) } ?? statement.range(index)
        return SyntaxFailure(
            error.message, at: place, code: error.offset == nil ? .invalidPattern : .invalidRegex,
            help: error.help.map { Help($0) })
    }

    private struct Flags {
        var method: MatchMethod?
        var keyword: ACLKeyword?
        var ignoresCase = false
        /// `--` was given.
        var isClosed = false
        /// `-M`: files hold a value behind each pattern.
        var isMap = false
        /// `-u`: the name of the set of patterns.
        var identifier = ""
        /// The patterns, once the first file or word was met: the method stands then.
        var patterns: PatternCollector?
    }

    /// The patterns, from now on of a method that cannot change.
    private func collector(
        _ flags: inout Flags, _ index: Int, name: String, _ expression: Expression
    ) throws(SyntaxFailure) -> PatternCollector {
        if let patterns = flags.patterns { return patterns }
        guard let method = flags.method else {
            throw SyntaxFailure(
                "'\(name)' yields \(Self.described(expression.output)): say with '-m' how it is matched",
                at: statement.range(index), code: .missingArgument,
                help: "there are \(Self.methods(for: expression.output))")
        }
        return PatternCollector(method: method, isVersion: flags.keyword?.isVersion == true && method == .integer)
    }

    private func readFlags(
        _ flags: inout Flags, _ cursor: inout Int, _ end: Int, name: String, _ expression: Expression
    ) throws(SyntaxFailure) {
        while cursor < end, statement.words[cursor].text.hasPrefix("-") {
            let flag = statement.words[cursor].text
            let range = statement.range(cursor)
            // A negative number is a pattern.
            if flag.utf8.dropFirst().first?.isDigit == true { break }
            cursor += 1
            switch flag {
            case "--":
                flags.isClosed = true
                return
            case "-i": flags.ignoresCase = true
            case "-n":
                // Names are never resolved here, so this is always so.
                break
            case "-M": flags.isMap = true
            case "-u":
                guard cursor < end else {
                    throw SyntaxFailure("'-u' expects a number", at: range, code: .missingArgument)
                }
                guard let number = UInt32(statement.words[cursor].text), number <= Int32.max else {
                    throw SyntaxFailure(
                        "'-u' expects a number from 0 to 2147483647", at: statement.range(cursor), code: .invalidNumber)
                }
                flags.identifier = "\(number)"
                cursor += 1
            case "-m":
                guard cursor < end else {
                    throw SyntaxFailure("'-m' expects a matching method", at: range, code: .missingArgument)
                }
                guard flags.patterns == nil else {
                    throw SyntaxFailure("'-m' must stand before files and patterns", at: range, code: .invalidArgument)
                }
                flags.method = try self.method(cursor, name: name, expression.output)
                cursor += 1
            case "-f":
                guard cursor < end else {
                    throw SyntaxFailure("'-f' expects a file name", at: range, code: .missingArgument)
                }
                var patterns = try collector(&flags, cursor - 2, name: name, expression)
                try load(cursor, into: &patterns, flags)
                flags.patterns = patterns
                cursor += 1
            default:
                throw SyntaxFailure(
                    "unknown ACL flag '\(flag)'", at: range, code: .unknownValue,
                    help: "write '--' before a pattern that starts with '-'")
            }
        }
    }

    /// The method that a type implies (manual, section 7.1); nil: it must be given.
    static func defaultMethod(_ output: ConverterInput) -> MatchMethod? {
        switch output {
        case .type(.boolean): .boolean
        case .type(.integer): .integer
        case .type(.ipv4), .type(.ipv6), .address: .ip
        case .type(.string): .string
        case .type(.binary), .type(.method), .any: nil
        }
    }

    /// Whether values of a type can be compared that way (manual, section 7.1).
    static func suits(_ method: MatchMethod, _ output: ConverterInput) -> Bool {
        let wanted: ConverterInput
        switch method {
        case .found: return true
        case .boolean, .integer: wanted = .type(.integer)
        case .ip: wanted = .address
        case .binary: wanted = .type(.binary)
        default: wanted = .type(.string)
        }
        switch output {
        case .any: return true
        case .address: return SampleCasts.exists(from: .ipv4, to: wanted) || SampleCasts.exists(from: .ipv6, to: wanted)
        case .type(let type): return SampleCasts.exists(from: type, to: wanted)
        }
    }

    private static func methods(for output: ConverterInput) -> String {
        MatchMethod.allCases.filter { suits($0, output) }.map(\.rawValue).joined(separator: ", ")
    }

    private static func described(_ output: ConverterInput) -> String {
        switch output {
        case .type(.boolean): "a boolean"
        case .type(.integer): "an integer"
        case .type(.ipv4), .type(.ipv6), .address: "an address"
        case .type(.string): "a string"
        case .type(.binary): "binary data"
        case .type(.method): "a method"
        case .any: "a value of any type"
        }
    }

    private func method(
        _ index: Int, name: String, _ output: ConverterInput
    ) throws(SyntaxFailure) -> MatchMethod {
        let word = statement.words[index].text
        guard let match = MatchMethod(rawValue: word) else {
            throw SyntaxFailure(
                "unknown matching method '\(word)'", at: statement.range(index), code: .unknownValue,
                help: Suggestions.help(for: word, among: MatchMethod.allCases.map(\.rawValue))
                    ?? "there are \(MatchMethod.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard Self.suits(match, output) else {
            throw SyntaxFailure(
                "matching method '\(word)' cannot be used with '\(name)', which yields \(Self.described(output))",
                at: statement.range(index), code: .invalidArgument, help: "here there are \(Self.methods(for: output))")
        }
        return match
    }

    /// The patterns of a file. All lines that name the same file share them.
    private func load(
        _ index: Int, into patterns: inout PatternCollector, _ flags: Flags
    ) throws(SyntaxFailure) {
        let name = statement.words[index].text
        var contents: [UInt8] = []
        if parser.patternSets[name] == nil {
            do { contents = try parser.files.read(parser.resolve(name, of: statement)) } catch {
                throw SyntaxFailure(
                    "cannot read the pattern file '\(name)': \(error.message)", at: statement.range(index),
                    code: .unreadableFile)
            }
        }
        do throws(PatternFailure) {
            if let known = parser.patternSets[name] { return try patterns.add(known, ignoresCase: flags.ignoresCase) }
            let set = PatternSet(name: name)
            try patterns.add(set, ignoresCase: flags.ignoresCase)
            do { try set.load(contents, withValues: flags.isMap) } catch {
                throw PatternFailure(
                    "\(error.failure.message) (line \(error.line) of '\(name)')", help: error.failure.help)
            }
            parser.patternSets[name] = set
        } catch {
            throw failure(error, index)
        }
    }
}
