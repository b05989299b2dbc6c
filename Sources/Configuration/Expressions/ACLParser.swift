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
            throw SyntaxFailure("missing sample fetch in the ACL expression", at: statement.range(first))
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
        var flags = try self.flags(&cursor, end, name: name, keyword: keyword, expression)
        for index in cursor..<max(end, cursor) {
            do { try flags.patterns.add(statement.words[index].bytes) } catch {
                throw SyntaxFailure(error.message, at: statement.range(index), help: error.help)
            }
        }
        do { try flags.patterns.finish() } catch {
            throw SyntaxFailure(error.message, at: statement.range(end - 1), help: error.help)
        }
        let range = statement.range(from: first, through: end - 1)
        let method = flags.patterns.match
        if method != .found, method != .boolean, flags.patterns.patterns.isEmpty, !flags.isClosed, !flags.hasFile {
            warnings.append(
                SyntaxFailure(
                    "no pattern to match '\(name)' against: this ACL never matches", at: range,
                    help: "use '-m found' to test for existence, or '--' to say that this is meant"))
        }
        if method == .found, cursor < end {
            warnings.append(
                SyntaxFailure(
                    "patterns are ignored by '-m found'", at: statement.range(from: cursor, through: end - 1)))
        }
        return ACLExpression(
            expression: expression, method: method,
            patterns: ACLPatterns(method: method, patterns: flags.patterns.patterns), range: range)
    }

    private struct Flags {
        var patterns: PatternParser
        /// `--` was given.
        var isClosed = false
        var hasFile = false
    }

    private mutating func flags(
        _ cursor: inout Int, _ end: Int, name: String, keyword: ACLKeyword?, _ expression: Expression
    ) throws(SyntaxFailure) -> Flags {
        var method = keyword?.method ?? Self.defaultMethod(expression.output)
        var ignoreCase = false
        var flags: Flags?
        /// The patterns begin: from now on the method stands.
        func started() throws(SyntaxFailure) -> Flags {
            if let flags { return flags }
            guard let method else {
                throw SyntaxFailure(
                    "'\(name)' yields \(Self.described(expression.output)): say with '-m' how it is matched",
                    at: statement.range(cursor - 1), help: "there are " + Self.methods(for: expression.output))
            }
            var patterns = PatternParser(match: method)
            patterns.isVersion = keyword?.isVersion == true && method == .integer
            return Flags(patterns: patterns)
        }
        while cursor < end, statement.words[cursor].text.hasPrefix("-") {
            let flag = statement.words[cursor].text
            let range = statement.range(cursor)
            // A negative number is a pattern.
            if flag.utf8.dropFirst().first?.isDigit == true { break }
            cursor += 1
            switch flag {
            case "--":
                var result = try started()
                result.isClosed = true
                result.patterns.ignoreCase = ignoreCase
                return result
            case "-i":
                ignoreCase = true
                flags?.patterns.ignoreCase = true
            case "-n":
                // Names are never resolved here, so this is always so.
                break
            case "-m":
                guard cursor < end else { throw SyntaxFailure("'-m' expects a matching method", at: range) }
                guard flags == nil else {
                    throw SyntaxFailure("'-m' must stand before files and patterns", at: range)
                }
                method = try self.method(cursor, name: name, expression.output)
                cursor += 1
            case "-f":
                guard cursor < end else { throw SyntaxFailure("'-f' expects a file name", at: range) }
                var opened = try started()
                opened.patterns.ignoreCase = ignoreCase
                try load(cursor, into: &opened.patterns)
                opened.hasFile = true
                flags = opened
                cursor += 1
            case "-M", "-u":
                throw .unsupported("ACL flag '\(flag)'", at: range)
            default:
                throw SyntaxFailure(
                    "unknown ACL flag '\(flag)'", at: range,
                    help: "write '--' before a pattern that starts with '-'")
            }
        }
        var result = try started()
        result.patterns.ignoreCase = ignoreCase
        return result
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
                "unknown matching method '\(word)'", at: statement.range(index),
                help: Suggestions.help(for: word, among: MatchMethod.allCases.map(\.rawValue))
                    ?? "there are " + MatchMethod.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard Self.suits(match, output) else {
            throw SyntaxFailure(
                "matching method '\(word)' cannot be used with '\(name)', which yields \(Self.described(output))",
                at: statement.range(index), help: "here there are " + Self.methods(for: output))
        }
        return match
    }

    /// One pattern a line; empty lines and those that start with '#' do not count.
    private func load(_ index: Int, into patterns: inout PatternParser) throws(SyntaxFailure) {
        let name = statement.words[index].text
        let contents: [UInt8]
        do { contents = try parser.files.read(parser.resolve(name, of: statement)) } catch {
            throw SyntaxFailure("cannot read the pattern file '\(name)': \(error.message)", at: statement.range(index))
        }
        var number = 0
        for line in contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if line.first == UInt8(ascii: "#") { continue }
            var text = line.drop { $0.isBlank }
            while text.last == UInt8(ascii: "\r") { text = text.dropLast() }
            if text.isEmpty { continue }
            do { try patterns.add(Array(text), fromFile: true) } catch {
                throw SyntaxFailure(
                    "\(error.message) (line \(number) of '\(name)')", at: statement.range(index), help: error.help)
            }
        }
    }
}
