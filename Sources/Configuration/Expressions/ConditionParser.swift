import Base
import Samples

/// Reads `if ...` and `unless ...` behind a rule (manual, section 7.2).
struct ConditionParser {
    private let parser: Parser
    private let statement: Statement
    /// Where the condition is evaluated.
    private let point: SamplePoint
    private var acls: ACLParser
    private(set) var warnings: [SyntaxFailure] = []
    /// The named ACLs of the section; predefined ones are added where they are used.
    private(set) var definitions: [ACLDefinition]

    init(_ parser: Parser, _ statement: Statement, definitions: [ACLDefinition], point: SamplePoint) {
        self.parser = parser
        self.statement = statement
        self.point = point
        self.definitions = definitions
        acls = ACLParser(parser, statement)
    }

    /// The condition from the word `first`, which must be `if` or `unless`, to the end of the statement.
    mutating func parse(from first: Int) throws(SyntaxFailure) -> Condition {
        let keyword = statement.words[first].text
        guard keyword == "if" || keyword == "unless" else {
            throw SyntaxFailure(
                "unexpected '\(keyword)': only 'if' or 'unless' may stand here", at: statement.range(first),
                code: .invalidCondition,
                help: Suggestions.help(for: keyword, among: ["if", "unless"]))
        }
        var alternatives: [[ACLTerm]] = []
        var terms: [ACLTerm] = []
        var cursor = first + 1
        while cursor < statement.words.count {
            let word = statement.words[cursor].text
            if word == "or" || word == "||" {
                guard !terms.isEmpty else {
                    throw SyntaxFailure(
                        "missing ACL before '\(word)'", at: statement.range(cursor), code: .invalidCondition)
                }
                alternatives.append(terms)
                terms = []
                cursor += 1
            } else {
                terms.append(try term(&cursor))
            }
        }
        guard !terms.isEmpty else {
            let last = statement.words[statement.words.count - 1].text
            throw SyntaxFailure(
                "missing ACL after '\(last)'", at: statement.range(statement.words.count - 1), code: .invalidCondition)
        }
        alternatives.append(terms)
        warnings += acls.warnings
        return Condition(
            isNegated: keyword == "unless", alternatives: alternatives,
            range: statement.range(from: first, through: statement.words.count - 1))
    }

    private mutating func term(_ cursor: inout Int) throws(SyntaxFailure) -> ACLTerm {
        let start = cursor
        var isNegated = false
        var name = statement.words[cursor].bytes[...]
        while name.first == UInt8(ascii: "!") {
            isNegated.toggle()
            name = name.dropFirst()
            if name.isEmpty {
                cursor += 1
                guard cursor < statement.words.count else {
                    throw SyntaxFailure(
                        "missing ACL after '!'", at: statement.range(cursor - 1), code: .invalidCondition)
                }
                name = statement.words[cursor].bytes[...]
            }
        }
        if name.elementsEqual("{".utf8) {
            let open = cursor
            guard let close = statement.words[(open + 1)...].firstIndex(where: { $0.text == "}" }) else {
                throw SyntaxFailure(
                    "missing '}' for this '{'", at: statement.range(open), code: .invalidCondition,
                    help: "braces are words of their own: leave a space around them")
            }
            let expression = try acls.parse(open + 1, close)
            cursor = close + 1
            if !expression.expression.source.isAvailable(at: point) {
                warnings.append(
                    SyntaxFailure(
                        "this ACL never matches: \(Self.lack(expression, point))",
                        at: statement.range(from: start, through: close), code: .neverMatches))
            }
            return ACLTerm(
                isNegated: isNegated, test: .anonymous(expression),
                range: statement.range(from: start, through: close))
        }
        let range = statement.range(from: start, through: cursor)
        let index = try named(String(decoding: name, as: UTF8.self), at: statement.range(cursor))
        definitions[index].isUsed = true
        cursor += 1
        // It may have several lines, of which some say something here.
        let expressions = definitions[index].expressions
        if let first = expressions.first, !expressions.contains(where: { $0.expression.source.isAvailable(at: point) })
        {
            warnings.append(
                SyntaxFailure(
                    "ACL '\(definitions[index].name)' never matches here: \(Self.lack(first, point))", at: range,
                    code: .neverMatches))
        }
        return ACLTerm(isNegated: isNegated, test: .named(index), range: range)
    }

    /// "'status' needs the response, which is not available in a frontend http-request header rule".
    private static func lack(_ acl: ACLExpression, _ point: SamplePoint) -> String {
        "'\(acl.expression.fetchName)' needs \(acl.expression.source.name), which is not available in a \(point.name)"
    }

    private mutating func named(_ name: String, at range: SourceRange) throws(SyntaxFailure) -> Int {
        if let index = definitions.firstIndex(where: { $0.name == name }) { return index }
        if let words = ACLKeywords.predefined[name] {
            let text = Statement(
                words: words.map { Word(bytes: Array($0.utf8), columnStart: 0, columnEnd: 0) },
                file: -1, line: 0)
            var reader = ACLParser(parser, text)
            var expression = try reader.parse(0, words.count)
            expression.range = .none
            definitions.append(ACLDefinition(name: name, expressions: [expression]))
            return definitions.count - 1
        }
        var help = Suggestions.help(
            for: name, among: definitions.map(\.name) + ACLKeywords.predefined.keys.sorted())
        if help == nil, name.hasPrefix("{") { help = "leave a space after '{'" }
        throw SyntaxFailure(
            "no such ACL: '\(name)'", at: range, code: .unknownACL,
            help: help ?? "declare it with 'acl \(name) ...' above this line")
    }
}
