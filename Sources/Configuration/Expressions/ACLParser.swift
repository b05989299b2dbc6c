import Samples

/// Reads an ACL expression: `<fetch>[(args)] [flags] [operator] [patterns...]` (manual, section 7.1).
struct ACLParser {
    let statement: Statement
    /// Reads a pattern file, relative names resolved.
    let readFile: (String) throws(FileReader.Failure) -> [UInt8]
    /// What is odd but no error: message, range and help.
    private(set) var warnings: [SyntaxFailure] = []

    init(statement: Statement, readFile: @escaping (String) throws(FileReader.Failure) -> [UInt8]) {
        self.statement = statement
        self.readFile = readFile
    }

    /// The expression in the words `first..<end` of the statement.
    mutating func parse(_ first: Int, _ end: Int) throws(SyntaxFailure) -> ACLExpression {
        guard first < end else {
            throw SyntaxFailure("missing sample fetch in the ACL expression", at: statement.range(first))
        }
        let (keyword, call) = try fetch(first)
        var cursor = first + 1
        var flags = try self.flags(&cursor, end, keyword: keyword)
        for index in cursor..<max(end, cursor) {
            do {
                try flags.patterns.add(statement.words[index].bytes)
            } catch {
                throw SyntaxFailure(error.message, at: statement.range(index), help: error.help)
            }
        }
        do { try flags.patterns.finish() } catch {
            throw SyntaxFailure(error.message, at: statement.range(end - 1), help: error.help)
        }
        let range = statement.range(from: first, through: end - 1)
        let match = flags.patterns.match
        let takesPatterns = match != .found && match != .boolean
        if takesPatterns, flags.patterns.patterns.isEmpty, !flags.isClosed, !flags.hasFile {
            warnings.append(
                SyntaxFailure(
                    "no pattern to match '\(keyword.name)' against: this ACL never matches", at: range,
                    help: "use '-m found' to test for existence, or '--' to say that this is meant"))
        }
        if match == .found, cursor < end {
            warnings.append(
                SyntaxFailure(
                    "patterns are ignored by '-m found'", at: statement.range(from: cursor, through: end - 1)))
        }
        return ACLExpression(call: call, match: match, patterns: flags.patterns.patterns, range: range)
    }

    /// The fetch and its arguments: one word.
    private func fetch(_ index: Int) throws(SyntaxFailure) -> (FetchKeyword, FetchCall) {
        let bytes = statement.words[index].bytes
        let nameEnd = bytes.firstIndex { $0 == UInt8(ascii: "(") || $0 == UInt8(ascii: ",") } ?? bytes.count
        let name = String(decoding: bytes[..<nameEnd], as: UTF8.self)
        let nameRange = statement.range(index, bytes: 0..<nameEnd)
        guard let keyword = FetchTable.byName[name] else {
            if KnownKeywords.fetches.contains(name) {
                throw .unsupported("sample fetch '\(name)'", at: nameRange)
            }
            throw SyntaxFailure(
                "unknown sample fetch '\(name)' in the ACL expression", at: nameRange,
                help: Suggestions.help(for: name, among: FetchTable.byName.keys.sorted()))
        }
        var arguments: [[UInt8]] = []
        var end = nameEnd
        if end < bytes.count, bytes[end] == UInt8(ascii: "(") {
            do {
                let list = try ArgumentList.parse(bytes, from: end)
                arguments = list.arguments
                end = list.end
            } catch {
                throw SyntaxFailure(
                    "\(error.message) of '\(name)'",
                    at: statement.range(index, bytes: error.offset..<(error.offset + 1)))
            }
        }
        if end < bytes.count {
            let rest = statement.range(index, bytes: end..<bytes.count)
            if bytes[end] == UInt8(ascii: ",") { throw .unsupported("the converter after '\(name)'", at: rest) }
            throw SyntaxFailure("unexpected text after '\(name)(...)'", at: rest)
        }
        return (keyword, try call(keyword, arguments, at: statement.range(index)))
    }

    private func call(
        _ keyword: FetchKeyword, _ arguments: [[UInt8]], at range: SourceRange
    ) throws(SyntaxFailure) -> FetchCall {
        let given = arguments == [[]] ? [] : arguments
        switch keyword.arguments {
        case .none:
            guard given.isEmpty else { throw SyntaxFailure("'\(keyword.name)' takes no argument", at: range) }
            return FetchCall(fetch: keyword.fetch)
        case .header:
            guard given.count <= 2 else {
                throw SyntaxFailure("'\(keyword.name)' takes a name and an occurrence, no more", at: range)
            }
            guard let name = given.first, !name.isEmpty else {
                throw SyntaxFailure(
                    "'\(keyword.name)' expects the name of a field", at: range, help: "write \(keyword.name)(host)")
            }
            var call = FetchCall(
                fetch: keyword.fetch, headerName: String(decoding: name.map(\.lowercased), as: UTF8.self))
            if given.count == 2 {
                guard let number = try? Quantities.integer(given[1]), number != 0, abs(number) <= 1000 else {
                    let text = String(decoding: given[1], as: UTF8.self)
                    throw SyntaxFailure(
                        "'\(text)' is no valid occurrence for '\(keyword.name)'", at: range,
                        help: "1 is the first value of the field, -1 the last")
                }
                call.occurrence = number
            }
            return call
        }
    }

    private struct Flags {
        var patterns: PatternParser
        /// `--` was given.
        var isClosed = false
        var hasFile = false
    }

    private mutating func flags(
        _ cursor: inout Int, _ end: Int, keyword: FetchKeyword
    ) throws(SyntaxFailure) -> Flags {
        let allowed = FetchTable.matches(for: keyword.type)
        var flags = Flags(patterns: PatternParser(match: keyword.impliedMatch ?? allowed.first ?? .found))
        while cursor < end, statement.words[cursor].text.hasPrefix("-") {
            let flag = statement.words[cursor].text
            let range = statement.range(cursor)
            // A negative number is a pattern.
            if flag.utf8.dropFirst().first?.isDigit == true { break }
            cursor += 1
            switch flag {
            case "--":
                flags.isClosed = true
                return flags
            case "-i":
                flags.patterns.ignoreCase = true
            case "-n":
                // Names are never resolved here, so this is always so.
                break
            case "-m":
                guard cursor < end else { throw SyntaxFailure("'-m' expects a matching method", at: range) }
                guard !flags.hasFile else {
                    throw SyntaxFailure("'-m' must stand before files and patterns", at: range)
                }
                var replaced = PatternParser(match: try method(cursor, keyword: keyword, allowed: allowed))
                replaced.ignoreCase = flags.patterns.ignoreCase
                flags.patterns = replaced
                cursor += 1
            case "-f":
                guard cursor < end else { throw SyntaxFailure("'-f' expects a file name", at: range) }
                try load(cursor, into: &flags.patterns)
                flags.hasFile = true
                cursor += 1
            case "-M", "-u":
                throw .unsupported("ACL flag '\(flag)'", at: range)
            default:
                throw SyntaxFailure(
                    "unknown ACL flag '\(flag)'", at: range,
                    help: "write '--' before a pattern that starts with '-'")
            }
        }
        return flags
    }

    private func method(
        _ index: Int, keyword: FetchKeyword, allowed: [MatchMethod]
    ) throws(SyntaxFailure) -> MatchMethod {
        let name = statement.words[index].text
        guard let match = MatchMethod(rawValue: name) else {
            if ["reg", "bin"].contains(name) {
                throw .unsupported("matching method '\(name)'", at: statement.range(index))
            }
            throw SyntaxFailure(
                "unknown matching method '\(name)'", at: statement.range(index),
                help: Suggestions.help(for: name, among: MatchMethod.allCases.map(\.rawValue))
                    ?? "there are " + MatchMethod.allCases.map(\.rawValue).joined(separator: ", "))
        }
        if match == .ip, keyword.type == .string {
            throw .unsupported("matching method 'ip' on a string", at: statement.range(index))
        }
        guard allowed.contains(match) else {
            throw SyntaxFailure(
                "matching method '\(name)' cannot be used with '\(keyword.name)', which yields "
                    + "\(keyword.type == .integer || keyword.type == .ip ? "an" : "a") \(keyword.type.rawValue)",
                at: statement.range(index),
                help: "here there are " + allowed.map(\.rawValue).joined(separator: ", "))
        }
        return match
    }

    /// One pattern a line; empty lines and those that start with '#' do not count.
    private func load(_ index: Int, into patterns: inout PatternParser) throws(SyntaxFailure) {
        let name = statement.words[index].text
        let contents: [UInt8]
        do { contents = try readFile(name) } catch {
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
