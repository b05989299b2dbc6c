import Samples

/// An action of rules: declared once, as a value in one of the tables of this folder.
///
/// The parser, the messages and the reference page read the tables.
public struct ActionKeyword: Sendable {
    public let name: String
    /// Where it may stand.
    public let sets: Set<RuleSet>
    /// The arguments as the manual writes them.
    public let arguments: String
    public let documentation: String
    /// Whether arguments in parentheses belong to the name: `set-var(txn.x)`.
    let takesParentheses: Bool
    let parse: @Sendable (inout RuleReader) throws(SyntaxFailure) -> RuleAction

    init(
        _ name: String, _ sets: Set<RuleSet>, _ arguments: String = "", parentheses: Bool = false,
        _ documentation: String, parse: @escaping @Sendable (inout RuleReader) throws(SyntaxFailure) -> RuleAction
    ) {
        self.name = name
        self.sets = sets
        self.arguments = arguments
        self.documentation = documentation
        takesParentheses = parentheses
        self.parse = parse
    }
}

/// All actions, found by name.
public enum ActionTable {
    public static let actions: [ActionKeyword] =
        FlowActions.table + ReplyActions.table + HeaderActions.table + RequestActions.table + VariableActions.table
        + ConnectionActions.table + StreamActions.table

    static func find(_ name: String, _ set: RuleSet) -> ActionKeyword? {
        actions.first { $0.name == name && $0.sets.contains(set) }
    }

    /// Actions of HAProxy that need what is not there.
    static let unsupported: Set<String> = [
        "cache-use", "cache-store", "do-resolve", "expect-netscaler-cip", "expect-proxy", "sc-add-gpc", "sc-inc-gpc",
        "sc-inc-gpc0", "sc-inc-gpc1", "sc-set-gpt", "sc-set-gpt0", "send-spoe-group", "track-sc0",
        "track-sc1", "track-sc2", "use-service", "wait-for-handshake", "attach-srv", "set-bandwidth-limit",
        "set-bc-mark", "set-bc-tos", "set-fc-mark",
        "set-fc-tos",
        "set-retries", "del-headers-bin", "add-headers-bin", "set-headers-bin", "pause", "do-log",
    ]
}

extension Set where Element == RuleSet {
    static let request: Set<RuleSet> = [.httpRequest]
    static let messages: Set<RuleSet> = [.httpRequest, .httpResponse, .httpAfterResponse]
    static let http: Set<RuleSet> = [.httpRequest, .httpResponse]
    static let everywhere = Set(RuleSet.allCases)
    static let tcpRequests: Set<RuleSet> = [.tcpRequestConnection, .tcpRequestSession, .tcpRequestContent]
}

/// Reads one rule: the action's arguments, then the condition.
struct RuleReader {
    let parser: Parser
    let statement: Statement
    let ruleSet: RuleSet
    /// The action as messages name it.
    var name = ""
    /// What stands between the parentheses behind the name, at commas.
    var parentheses: [String]?
    var cursor: Int

    init(_ parser: Parser, _ statement: Statement, _ set: RuleSet, first: Int) {
        self.parser = parser
        self.statement = statement
        ruleSet = set
        cursor = first
    }

    var point: SamplePoint { ruleSet.point(inBackend: parser.section == .defaults || parser.draft.kind.hasBackend) }

    /// The word that comes next; empty behind the last.
    var word: String { cursor < statement.words.count ? statement.words[cursor].text : "" }
    var isAtEnd: Bool { cursor >= statement.words.count }
    /// Whether only a condition may follow.
    var isAtCondition: Bool { isAtEnd || word == "if" || word == "unless" }

    func failure(
        _ message: String, code: DiagnosticCode = .invalidArgument, help: Help? = nil
    ) -> SyntaxFailure {
        SyntaxFailure("'\(ruleSet.keyword) \(name)' \(message)", at: statement.range(cursor), code: code, help: help)
    }

    func failure(
        atLast message: String, code: DiagnosticCode = .invalidArgument, help: Help? = nil
    ) -> SyntaxFailure {
        SyntaxFailure(
            "'\(ruleSet.keyword) \(name)' \(message)", at: statement.range(cursor - 1), code: code, help: help)
    }

    /// Takes a word that must be there.
    mutating func take(_ what: String) throws(SyntaxFailure) -> [UInt8] {
        guard cursor < statement.words.count else { throw failure("expects \(what)", code: .missingArgument) }
        cursor += 1
        return statement.words[cursor - 1].bytes
    }

    mutating func text(_ what: String) throws(SyntaxFailure) -> String {
        String(decoding: try take(what), as: UTF8.self)
    }

    /// Takes the word if it is this one.
    mutating func skip(_ expected: String) -> Bool {
        guard !isAtEnd, word == expected else { return false }
        cursor += 1
        return true
    }

    mutating func format(_ use: FormatUse = .message) throws(SyntaxFailure) -> LogFormat {
        _ = try take("a format")
        return try parser.format(statement, cursor - 1, at: point, use)
    }

    mutating func expression() throws(SyntaxFailure) -> Expression {
        _ = try take("an expression")
        return try parser.expression(statement, cursor - 1, at: point)
    }

    mutating func regex() throws(SyntaxFailure) -> Regex {
        _ = try take("a regular expression")
        return try regex(at: cursor - 1)
    }

    /// The regular expression that a word is.
    func regex(at index: Int, ignoresCase: Bool = false) throws(SyntaxFailure) -> Regex {
        do { return try Regex(statement.words[index].bytes, ignoresCase: ignoresCase) } catch {
            throw SyntaxFailure(
                "regular expression of '\(ruleSet.keyword) \(name)': \(error.message)",
                at: statement.range(index, bytes: error.offset..<(error.offset + 1)), code: .invalidRegex)
        }
    }

    /// A number in decimal or, behind 0x, hexadecimal digits.
    mutating func integer(_ what: String, in range: ClosedRange<Int>) throws(SyntaxFailure) -> Int {
        let text = try text(what)
        let value = text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
        guard let value, range.contains(value) else {
            throw failure(
                atLast: "expects \(what) between \(range.lowerBound) and \(range.upperBound), not '\(text)'",
                code: .outOfRange)
        }
        return value
    }

    /// The name of a field (RFC 9110, section 5.1).
    mutating func headerName() throws(SyntaxFailure) -> [UInt8] {
        let name = try take("the name of a field")
        guard !name.isEmpty, name.allSatisfy(RuleReader.isToken) else {
            throw failure(
                atLast: "expects the name of a field, not '\(String(decoding: name, as: UTF8.self))'",
                code: .invalidName)
        }
        return name
    }

    static func isToken(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    /// Reads the whole rule from the action's name on.
    mutating func rule() throws(SyntaxFailure) -> RuleLine {
        guard !isAtEnd else {
            throw SyntaxFailure(
                "'\(ruleSet.keyword)' expects an action", at: statement.range(cursor), code: .missingArgument)
        }
        let keyword = try action()
        let parsed = try keyword.parse(&self)
        guard isAtCondition else {
            throw failure(
                "does not take '\(word)'", code: .unexpectedArgument,
                help: Suggestions.help(for: word, among: ["if", "unless"])
                    ?? (keyword.arguments.isEmpty ? "only a condition may follow" : "it takes: \(keyword.arguments)"))
        }
        var condition: Condition?
        if !isAtEnd { condition = try parser.condition(statement, from: cursor, at: point) }
        return RuleLine(action: parsed, condition: condition, range: statement.range)
    }

    private mutating func action() throws(SyntaxFailure) -> ActionKeyword {
        let bytes = statement.words[cursor].bytes
        let open = bytes.firstIndex(of: UInt8(ascii: "(")) ?? bytes.count
        name = String(decoding: bytes[..<open], as: UTF8.self)
        guard let keyword = ActionTable.find(name, ruleSet) else { throw unknownAction() }
        if open < bytes.count {
            guard keyword.takesParentheses else {
                throw failure("takes nothing in parentheses", code: .unexpectedArgument)
            }
            guard bytes.last == UInt8(ascii: ")") else {
                throw failure("lacks a closing ')'", code: .invalidExpression)
            }
            parentheses = bytes[(open + 1)..<(bytes.count - 1)].split(
                separator: UInt8(ascii: ","), omittingEmptySubsequences: false
            ).map { String(decoding: $0, as: UTF8.self) }
        } else if keyword.takesParentheses {
            throw failure("expects parentheses: \(keyword.arguments)", code: .missingArgument)
        }
        cursor += 1
        return keyword
    }

    private func unknownAction() -> SyntaxFailure {
        let range = statement.range(cursor, bytes: 0..<name.utf8.count)
        if ActionTable.unsupported.contains(name) || name.hasPrefix("lua.") {
            return .unsupported("action '\(name)' of '\(ruleSet.keyword)'", at: range)
        }
        if let elsewhere = ActionTable.actions.first(where: { $0.name == name }) {
            let places = RuleSet.allCases.filter(elsewhere.sets.contains).map(\.keyword).joined(separator: ", ")
            return SyntaxFailure(
                "action '\(name)' cannot stand in '\(ruleSet.keyword)'", at: range, code: .misplacedKeyword,
                help: "it can in \(places)")
        }
        let names = ActionTable.actions.filter { $0.sets.contains(ruleSet) }.map(\.name)
        return SyntaxFailure(
            "unknown action '\(name)' of '\(ruleSet.keyword)'", at: range, code: .unknownAction,
            help: Suggestions.help(for: name, among: names) ?? "there are \(names.sorted().joined(separator: ", "))")
    }
}

extension Parser {
    /// The format that is a whole word.
    func format(
        _ statement: Statement, _ index: Int, at point: SamplePoint, _ use: FormatUse
    ) throws(SyntaxFailure) -> LogFormat {
        try format(statement.words[index].bytes, statement, index, at: point, use)
    }

    /// A format whose text comes from elsewhere (a file), reported at a word.
    func format(
        _ text: [UInt8], _ statement: Statement, _ index: Int, at point: SamplePoint, _ use: FormatUse
    ) throws(SyntaxFailure) -> LogFormat {
        let isWord = text == statement.words[index].bytes
        let reader = ExpressionParser(point: point, context: StatementContext(self, statement, index, isWord: isWord))
        do { return try FormatParser(expressions: reader, use: use).parse(text) } catch {
            throw SampleReading.failure(error, statement, index, isWord: isWord)
        }
    }
}
