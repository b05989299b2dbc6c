import Samples

/// Reads statements into a tree. One parser serves one run over all files; it is used by one thread.
final class Parser {
    /// What the lines that come now belong to.
    enum Section: Equatable {
        /// Before the first section of a file.
        case none
        case global
        case defaults
        case proxy
        case userList, httpErrors
        /// A section that could not be opened: its lines are passed over.
        case skipped
    }

    var tree = ConfigurationTree()
    private(set) var diagnostics: [Diagnostic] = []
    var scope: EnvironmentScope
    let caller: ConfigurationLoader.Environment

    var section = Section.none
    /// The proxy or defaults section that is being read.
    var draft = ProxySection(kind: .listen, name: "")
    /// The name for `.SECTION`.
    var sectionName = ""
    var pathRule = PathRule.current
    /// How far `defaults` sections were used, to warn about mixed uses.
    var defaultsUses: [Int: DefaultsUse] = [:]
    /// What `unix-bind` hands down to unix sockets.
    var unixBind = UnixBindDefaults()

    /// Where `http-errors` sections are named, and where patterns are changed by rules.
    var errorSectionUses: [(name: String, range: SourceRange)] = []
    var errorSectionRanges: [String: SourceRange] = [:]
    /// The users and groups of the list at hand: `user joe`.
    var listNames: [String: SourceRange] = [:]
    /// The keywords of the section at hand that hold one value.
    var settings: [String: SourceRange] = [:]
    /// Users of groups: list, group, user.
    var groupMembers: [(list: Int, group: String, user: String, range: SourceRange)] = []
    var patternChanges: [(change: PatternChange, range: SourceRange)] = []

    /// Slots that rules of the proxy at hand name; they may be declared below.
    var captureUses: [CaptureUse] = []

    /// A slot that a rule names.
    struct CaptureUse {
        var id: Int
        var isResponse: Bool
        /// The rule as messages name it.
        var rule: String
        var range: SourceRange
    }

    /// Sets of patterns that several lines may use, by name.
    var patternSets: [String: PatternSet] = [:]
    /// What expressions name and was not read yet.
    var references: [ObjectReference] = []

    /// No more than this many messages in one run.
    static let diagnosticLimit = 500

    /// How a `defaults` section came into use.
    struct DefaultsUse {
        var explicit: SourceRange?
        var implicit: SourceRange?
    }

    /// `default-path`: where relative names of files start.
    enum PathRule: Equatable {
        case current, config, parent
        case origin(String)
    }

    /// Where keywords read the files that they name.
    let files: FileSource

    init(caller: ConfigurationLoader.Environment, files: FileSource) {
        self.caller = caller
        self.files = files
        scope = EnvironmentScope(variables: caller.variables, inherits: caller.inheritsProcessEnvironment)
    }

    /// Sections in which something was wrong: what they lack may be what was refused.
    private(set) var brokenSections: Set<SourceRange> = []
    private(set) var areDefaultsBroken = false

    /// There is more wrong than anyone would read: the rest is not looked at.
    var hasGivenUp: Bool { diagnostics.count > Self.diagnosticLimit }

    // MARK: Messages

    func report(
        _ code: DiagnosticCode, _ message: String, at range: SourceRange, help: Help? = nil,
        notes: [Diagnostic.Note] = []
    ) {
        if code.severity == .error {
            if section == .proxy { brokenSections.insert(draft.range) }
            if section == .defaults { areDefaultsBroken = true }
        }
        guard diagnostics.count <= Self.diagnosticLimit else { return }
        if diagnostics.count == Self.diagnosticLimit {
            diagnostics.append(Diagnostic(.limitExceeded, "too many messages: giving up", at: range))
            return
        }
        diagnostics.append(
            Diagnostic(
                code, message, at: range, help: help?.text, suggestion: help?.suggestion(in: range, of: tree.files),
                notes: notes))
    }

    func report(_ failure: SyntaxFailure) {
        report(failure.code, failure.message, at: failure.range, help: failure.help, notes: failure.notes)
    }

    /// A place as the runtime API tells it: `file 'h.cfg' line 10`.
    func placeText(_ range: SourceRange) -> String {
        let index = Int(range.file)
        let name = tree.files.indices.contains(index) ? tree.files[index].name : ""
        return "file '\(name)' line \(range.line)"
    }

    // MARK: Statements

    /// Reads one statement that is not a directive.
    func read(_ statement: Statement) {
        do {
            if try openSection(statement) { return }
            try readKeyword(statement)
        } catch {
            report(error)
            // A section whose name is misspelt is read as the one that was meant, or each of its lines would be wrong.
            guard error.code == .unknownSection, let meant = error.help?.replacement else { return }
            var mended = statement
            mended.words[0].text = meant
            do { _ = try openSection(mended) } catch { report(error) }
        }
    }

    /// The name of the section for messages: its type.
    var sectionTitle: String {
        switch section {
        case .none, .skipped: ""
        case .global: "global"
        case .defaults: "defaults"
        case .userList: "userlist"
        case .httpErrors: "http-errors"
        case .proxy: draft.kind.rawValue
        }
    }

    private var place: KeywordPlaces {
        switch section {
        case .none, .skipped, .userList, .httpErrors: []
        case .global: .global
        case .defaults: .defaults
        case .proxy:
            switch draft.kind {
            case .frontend: .frontend
            case .listen: .listen
            case .backend: .backend
            }
        }
    }

    private func readKeyword(_ statement: Statement) throws(SyntaxFailure) {
        switch section {
        case .skipped:
            return
        case .userList: return try readUserList(statement)
        case .httpErrors: return try readHTTPErrors(statement)
        case .none:
            section = .skipped
            let word = statement.words[0].text
            let help = Suggestions.help(for: word, among: Self.sectionNames)
            throw SyntaxFailure(
                help == nil ? "unknown keyword '\(word)' outside of a section" : "unknown section '\(word)'",
                at: statement.range(0), code: help == nil ? .unknownKeyword : .unknownSection,
                help: help ?? "a file starts with a section such as 'global' or 'defaults'")
        case .global, .defaults, .proxy:
            break
        }
        var first = 0
        var isNegated = false
        if let prefix = statement.words.first?.text, prefix == "no" || prefix == "default" {
            guard statement.words.count > 1 else {
                throw SyntaxFailure("'\(prefix)' expects a keyword", at: statement.range(0), code: .missingArgument)
            }
            // The flags of `option` are off by default, so that `default` says the same as `no`.
            if prefix == "default", statement.words[1].text != "option" {
                throw SyntaxFailure(
                    "'default' can only stand before an option", at: statement.range(0), code: .notNegatable)
            }
            isNegated = true
            first = 1
        }
        guard let keyword = KeywordTable.find(statement, from: first, inGlobal: section == .global) else {
            throw unknownKeyword(statement, first)
        }
        let length = keyword.name.split(separator: " ").count
        let call = KeywordCall(
            statement: statement, name: keyword.name, first: first + length, isNegated: isNegated)
        if isNegated, !keyword.canBeNegated {
            throw SyntaxFailure(
                "'\(keyword.name)' cannot be negated", at: statement.range(0), code: .notNegatable,
                help: "'no' is for 'log' and for most options")
        }
        guard try isPlaced(keyword, call) else { return }
        try checkCount(keyword, call)
        noteRepetition(keyword, call)
        try keyword.apply(self, call)
        if section == .proxy || section == .defaults { draft.settings.keywordRanges[keyword.name] = statement.range }
    }

    /// Whether the keyword counts here. A proxy that lacks the side it concerns gets a warning, as in HAProxy.
    private func isPlaced(_ keyword: Keyword, _ call: KeywordCall) throws(SyntaxFailure) -> Bool {
        if keyword.places.contains(place) { return true }
        let range = call.statement.range(from: 0, through: max(call.first - 1, 0))
        guard section == .proxy, keyword.places.contains(.listen) else {
            throw SyntaxFailure(
                "'\(keyword.name)' is not allowed in section '\(sectionTitle)'", at: range, code: .misplacedKeyword,
                help: "it can stand in \(keyword.places.names.joined(separator: ", "))")
        }
        let lacking = draft.kind == .frontend ? "backend" : "frontend"
        var help: Help?
        if keyword.name == "maxconn" { help = "servers have a 'maxconn' of their own" }
        if keyword.isStrict {
            throw SyntaxFailure(
                "'\(keyword.name)' is not allowed: \(draft.kind.rawValue) '\(draft.name)' has no \(lacking) side",
                at: range, code: .misplacedKeyword, help: "put it into a '\(lacking)', or make this section a 'listen'")
        }
        report(
            .ignoredKeyword,
            "'\(keyword.name)' ignored: \(draft.kind.rawValue) '\(draft.name)' has no \(lacking) side", at: range,
            help: help)
        return false
    }

    /// Says so when a keyword that holds one value has one already.
    private func noteRepetition(_ keyword: Keyword, _ call: KeywordCall) {
        guard caller.isDiagnostic, keyword.argumentCount.upperBound == 1, !keyword.isRepeatable, !call.isNegated
        else { return }
        let range = call.statement.range
        guard let earlier = settings.updateValue(range, forKey: keyword.name) else { return }
        report(
            .repeatedKeyword, "'\(keyword.name)' is set again: only this last value counts", at: range,
            notes: [.first(earlier)])
    }

    private func checkCount(_ keyword: Keyword, _ call: KeywordCall) throws(SyntaxFailure) {
        if call.isNegated, call.count == 0 { return }
        if call.count < keyword.argumentCount.lowerBound {
            throw SyntaxFailure(
                "'\(keyword.name)' expects \(keyword.arguments)",
                at: call.statement.range(from: 0, through: call.statement.words.count - 1), code: .missingArgument)
        }
        if call.count > keyword.argumentCount.upperBound {
            try call.nothing(from: keyword.argumentCount.upperBound)
        }
    }

    /// The message for a keyword that no table has.
    private func unknownKeyword(_ statement: Statement, _ first: Int) -> SyntaxFailure {
        let isGlobal = section == .global
        let words = statement.words[first...].map(\.text)
        let one = words[0]
        let two = words.count > 1 ? one + " " + words[1] : one
        let families = KeywordTable.families(inGlobal: isGlobal)
        let known = isGlobal ? KnownKeywords.global : KnownKeywords.proxy
        let last = families.contains(one) && words.count > 1 ? first + 1 : first
        let range = statement.range(from: first, through: last)
        if let replacement = KnownKeywords.obsolete[one] {
            return SyntaxFailure(
                "'\(one)' is no longer supported", at: range, code: .obsoleteKeyword,
                help: Help("use '\(replacement)'", replacing: one, with: replacement))
        }
        for name in [two, one] where known.contains(name) {
            return .unsupported("keyword '\(name)'", at: range)
        }
        if families.contains(one) {
            // `timeout` and `option` and kin: the second word is the one that is wrong.
            let names = KeywordTable.names(inGlobal: isGlobal, at: place).filter { $0.hasPrefix(one + " ") }
            if words.count == 1 {
                let seconds = names.map { String($0.dropFirst(one.utf8.count + 1)) }
                return SyntaxFailure(
                    "'\(one)' expects a word behind it", at: range, code: .missingArgument,
                    help: "such as \(seconds.joined(separator: ", "))")
            }
            return SyntaxFailure(
                "unknown keyword '\(two)' in section '\(sectionTitle)'", at: range, code: .unknownKeyword,
                help: Suggestions.help(for: two, among: names))
        }
        if KeywordTable.find(statement, from: first, inGlobal: !isGlobal) != nil {
            return SyntaxFailure(
                "'\(one)' is not allowed in section '\(sectionTitle)'", at: range, code: .misplacedKeyword,
                help: isGlobal ? "this keyword belongs into a proxy" : "this keyword belongs into 'global'")
        }
        var candidates = KeywordTable.names(inGlobal: isGlobal, at: place).map { name in
            name.contains(" ") ? String(name.prefix { $0 != " " }) : name
        }
        candidates += Self.sectionNames
        let help = Suggestions.help(for: one, among: candidates)
        if first == 0, let meant = help?.replacement, Self.sectionNames.contains(meant) {
            return SyntaxFailure("unknown section '\(one)'", at: range, code: .unknownSection, help: help)
        }
        return SyntaxFailure(
            "unknown keyword '\(one)' in section '\(sectionTitle)'", at: range, code: .unknownKeyword, help: help)
    }

    // MARK: Files that keywords name

    /// A file name as `default-path` has it.
    func resolve(_ path: String, of statement: Statement) -> String {
        guard !path.hasPrefix("/") else { return path }
        switch pathRule {
        case .current: return path
        case .origin(let directory): return directory + "/" + path
        case .config, .parent:
            guard statement.file >= 0, Int(statement.file) < tree.files.count else { return path }
            let directory = FileReader.directory(of: tree.files[Int(statement.file)].name)
            return directory + (pathRule == .parent ? "/../" : "/") + path
        }
    }
}
