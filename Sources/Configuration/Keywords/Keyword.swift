/// Where a keyword may stand.
public struct KeywordPlaces: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let global = KeywordPlaces(rawValue: 1 << 0)
    public static let defaults = KeywordPlaces(rawValue: 1 << 1)
    public static let frontend = KeywordPlaces(rawValue: 1 << 2)
    public static let listen = KeywordPlaces(rawValue: 1 << 3)
    public static let backend = KeywordPlaces(rawValue: 1 << 4)

    /// What concerns the client side, the server side, or both; with or without `defaults`.
    static let clientSide: KeywordPlaces = [.defaults, .frontend, .listen]
    static let serverSide: KeywordPlaces = [.defaults, .listen, .backend]
    static let everyProxy: KeywordPlaces = [.defaults, .frontend, .listen, .backend]

    /// The sections, as files name them.
    var names: [String] {
        let all: [(KeywordPlaces, String)] = [
            (.global, "global"), (.defaults, "defaults"), (.frontend, "frontend"), (.listen, "listen"),
            (.backend, "backend"),
        ]
        return all.filter { contains($0.0) }.map { "'\($0.1)'" }
    }
}

/// A keyword that starts a line: declared once, as a value in one of the tables of this folder.
///
/// The parser, the messages, `-dK` and the reference page all read the tables.
public struct Keyword: Sendable {
    /// One word or several, such as `timeout client`.
    public let name: String
    public let places: KeywordPlaces
    /// The arguments as the manual writes them; empty when there are none.
    public let arguments: String
    /// One line.
    public let documentation: String
    public let manualSection: String
    /// Whether `no` may stand in front.
    public let canBeNegated: Bool

    /// Counts in `mode http` only.
    public let isHTTPOnly: Bool
    /// Its lines add up, though each has one word only.
    let isRepeatable: Bool

    /// How many words may follow the name.
    let argumentCount: ClosedRange<Int>
    /// Whether a section that lacks the needed side makes it an error instead of a warning.
    let isStrict: Bool
    let apply: @Sendable (Parser, KeywordCall) throws(SyntaxFailure) -> Void

    init(
        _ name: String, _ places: KeywordPlaces, _ arguments: String = "", count: ClosedRange<Int> = 0...0,
        negatable: Bool = false, strict: Bool = false, http: Bool = false, repeatable: Bool = false,
        section: String = "4.2",
        _ documentation: String,
        apply: @escaping @Sendable (Parser, KeywordCall) throws(SyntaxFailure) -> Void
    ) {
        self.name = name
        self.places = places
        self.arguments = arguments
        argumentCount = count
        canBeNegated = negatable
        isStrict = strict
        isHTTPOnly = http
        isRepeatable = repeatable
        manualSection = section
        self.documentation = documentation
        self.apply = apply
    }

    /// No bound on the number of arguments but that of the line.
    static let many = 4096
}

/// A keyword met on a line, with what it needs to read its arguments.
struct KeywordCall {
    let statement: Statement
    /// The keyword as it is named in messages.
    let name: String
    /// Index of the first argument among the words.
    let first: Int
    /// `no` stands in front.
    let isNegated: Bool
    /// One past the last word that belongs to this call.
    let end: Int

    init(statement: Statement, name: String, first: Int, isNegated: Bool = false, end: Int? = nil) {
        self.statement = statement
        self.name = name
        self.first = first
        self.isNegated = isNegated
        self.end = end ?? statement.words.count
    }

    var count: Int { max(end - first, 0) }

    /// The text of an argument, empty when it is not there.
    subscript(_ index: Int) -> String { index < count ? statement.words[first + index].text : "" }

    func bytes(_ index: Int) -> [UInt8] { index < count ? statement.words[first + index].bytes : [] }

    func range(_ index: Int) -> SourceRange { statement.range(first + index) }

    func failure(
        _ message: String, _ index: Int, code: DiagnosticCode = .invalidArgument, help: Help? = nil
    ) -> SyntaxFailure {
        SyntaxFailure(message, at: range(index), code: code, help: help)
    }

    func integer(_ index: Int, in range: ClosedRange<Int>) throws(SyntaxFailure) -> Int {
        let value: Int
        do { value = try Quantities.integer(bytes(index)) } catch {
            switch error {
            case .overflow: throw outOfRange(index, range)
            case .empty, .unexpected:
                throw failure("'\(name)' expects an integer, not '\(self[index])'", index, code: .invalidNumber)
            }
        }
        guard range.contains(value) else { throw outOfRange(index, range) }
        return value
    }

    private func outOfRange(_ index: Int, _ range: ClosedRange<Int>) -> SyntaxFailure {
        let bounds: String
        if range.upperBound >= Int(Int32.max) {
            bounds = "at least \(range.lowerBound)"
        } else {
            bounds = "between \(range.lowerBound) and \(range.upperBound)"
        }
        return failure("'\(name)' must be \(bounds), not \(self[index])", index, code: .outOfRange)
    }

    func milliseconds(_ index: Int) throws(SyntaxFailure) -> Int {
        do { return try Quantities.milliseconds(bytes(index)) } catch { throw timeFailure(error, index) }
    }

    func seconds(_ index: Int) throws(SyntaxFailure) -> Int {
        do { return try Quantities.seconds(bytes(index)) } catch { throw timeFailure(error, index) }
    }

    private func timeFailure(_ error: QuantityError, _ index: Int) -> SyntaxFailure {
        switch error {
        case .empty:
            return failure("'\(name)' expects a time, not an empty word", index, code: .invalidTime)
        case .unexpected(let character, let offset):
            var range = statement.range(first + index, bytes: offset..<(offset + 1))
            range.columnEnd = max(range.columnEnd, self.range(index).columnEnd)
            return SyntaxFailure(
                "unexpected character '\(character)' in the time '\(self[index])' of '\(name)'", at: range,
                code: .invalidTime,
                help: "units are us, ms, s, m, h and d")
        case .overflow:
            return failure(
                "timer overflow in '\(self[index])' of '\(name)': at most 2147483647 ms (about 24.8 days)", index,
                code: .outOfRange)
        }
    }

    /// A size in bytes.
    func size(_ index: Int, in range: ClosedRange<Int>) throws(SyntaxFailure) -> Int {
        let value: Int
        do { value = try Quantities.bytes(bytes(index)) } catch {
            switch error {
            case .overflow: throw outOfRange(index, range)
            default:
                throw failure(
                    "'\(name)' expects a size, not '\(self[index])'", index, code: .invalidSize,
                    help: "units are k, m and g")
            }
        }
        guard range.contains(value) else { throw outOfRange(index, range) }
        return value
    }

    /// One of the words that a type knows.
    func choice<Choice>(_ index: Int, of type: Choice.Type) throws(SyntaxFailure) -> Choice
    where Choice: RawRepresentable & CaseIterable, Choice.RawValue == String {
        if let value = Choice(rawValue: self[index]) { return value }
        throw unknownWord(index, among: Choice.allCases.map(\.rawValue))
    }

    func unknownWord(_ index: Int, among words: [String]) -> SyntaxFailure {
        failure(
            "'\(name)' does not know '\(self[index])'", index, code: .unknownValue,
            help: Suggestions.help(for: self[index], among: words) ?? "it takes \(words.joined(separator: ", "))")
    }

    /// A word that must follow and does not.
    func required(_ index: Int, _ what: String) throws(SyntaxFailure) -> String {
        guard index < count else { throw failure("'\(name)' expects \(what)", index, code: .missingArgument) }
        return self[index]
    }

    func nothing(from index: Int) throws(SyntaxFailure) {
        guard index < count else { return }
        throw failure("unexpected argument '\(self[index])' to '\(name)'", index, code: .unexpectedArgument)
    }

    /// `proto`: HTTP/1 is what there is.
    func onlyHTTP1(_ index: Int) throws(SyntaxFailure) {
        switch self[index] {
        case "h1": return
        case "h2", "fcgi", "none", "spop", "quic", "h3":
            throw .unsupported("protocol '\(self[index])'", at: range(index))
        default: throw unknownWord(index, among: ["h1"])
        }
    }

    func address(_ index: Int, rules: AddressParser.Rules) throws(SyntaxFailure) -> AddressSpec {
        do {
            var spec = try AddressParser(bytes(index), rules: rules).parse()
            spec.range = range(index)
            return spec
        } catch {
            throw addressFailure(error, index)
        }
    }

    func addressFailure(_ error: AddressParser.Failure, _ index: Int) -> SyntaxFailure {
        SyntaxFailure(
            "'\(name)': \(error.message)", at: statement.range(first + index, bytes: error.bytes),
            code: .invalidAddress, help: error.help)
    }

    /// Comma-separated addresses, all errors of the list reported by the first.
    func addresses(_ index: Int, rules: AddressParser.Rules) throws(SyntaxFailure) -> [AddressSpec] {
        var list: [AddressSpec] = []
        for part in bytes(index).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            do {
                var spec = try AddressParser(Array(part), rules: rules, base: part.startIndex).parse()
                spec.range = statement.range(first + index, bytes: part.startIndex..<part.endIndex)
                list.append(spec)
            } catch {
                throw addressFailure(error, index)
            }
        }
        return list
    }
}

/// A parameter of a `bind`, `stats socket`, `server` or `default-server` line: declared once, in a table.
public struct Parameter<Settings>: Sendable {
    public let name: String
    /// Its values as the manual writes them; empty for a plain word.
    public let arguments: String
    public let documentation: String
    public let manualSection: String
    /// How many words it takes; nil: its function says how many it used.
    let valueCount: Int?
    /// Reads the values into the settings. Returns the number of words used behind the name.
    let apply: @Sendable (inout Settings, KeywordCall) throws(SyntaxFailure) -> Int

    /// A parameter with a fixed number of words.
    init(
        _ name: String, _ arguments: String = "", values: Int = 0, section: String, _ documentation: String,
        apply: @escaping @Sendable (inout Settings, KeywordCall) throws(SyntaxFailure) -> Void
    ) {
        self.name = name
        self.arguments = arguments
        self.documentation = documentation
        manualSection = section
        valueCount = values
        self.apply = { settings, call throws(SyntaxFailure) in
            try apply(&settings, call)
            return values
        }
    }

    /// A parameter that says itself how many words it used.
    init(
        variable name: String, _ arguments: String, section: String, _ documentation: String,
        apply: @escaping @Sendable (inout Settings, KeywordCall) throws(SyntaxFailure) -> Int
    ) {
        self.name = name
        self.arguments = arguments
        self.documentation = documentation
        manualSection = section
        valueCount = nil
        self.apply = apply
    }
}
