/// The classes of messages, each with a stable name for editors and scripts: declared once, here.
///
/// The reference page `docs/reference/diagnostics.md` is made from them.
public enum DiagnosticCode: String, Sendable, CaseIterable {
    // Lines and files
    case unmatchedQuote = "unmatched-quote"
    case invalidEscape = "invalid-escape"
    case invalidVariable = "invalid-variable"
    case invalidCharacter = "invalid-character"
    case lineTooLong = "line-too-long"
    case missingLineEnd = "missing-line-end"
    case unreadableFile = "unreadable-file"
    case limitExceeded = "limit-exceeded"
    case trailingBackslash = "trailing-backslash"
    case controlCharacter = "control-character"
    case invalidEncoding = "invalid-encoding"

    // Directives
    case unknownDirective = "unknown-directive"
    case unexpectedDirective = "unexpected-directive"
    case unclosedConditional = "unclosed-conditional"
    case alertDirective = "alert-directive"
    case warningDirective = "warning-directive"
    case noticeDirective = "notice-directive"
    case diagDirective = "diag-directive"

    // Keywords
    case unknownSection = "unknown-section"
    case unknownKeyword = "unknown-keyword"
    case unknownParameter = "unknown-parameter"
    case unknownAction = "unknown-action"
    case unsupported = "unsupported"
    case obsoleteKeyword = "obsolete-keyword"
    case misplacedKeyword = "misplaced-keyword"
    case notNegatable = "not-negatable"
    case ignoredKeyword = "ignored-keyword"
    case repeatedKeyword = "repeated-keyword"

    // Arguments
    case missingArgument = "missing-argument"
    case unexpectedArgument = "unexpected-argument"
    case invalidArgument = "invalid-argument"
    case unknownValue = "unknown-value"
    case invalidNumber = "invalid-number"
    case outOfRange = "out-of-range"
    case invalidTime = "invalid-time"
    case invalidSize = "invalid-size"
    case invalidAddress = "invalid-address"
    case invalidName = "invalid-name"

    // Expressions and conditions
    case unknownFetch = "unknown-fetch"
    case unknownConverter = "unknown-converter"
    case unavailableSample = "unavailable-sample"
    case invalidExpression = "invalid-expression"
    case invalidFormat = "invalid-format"
    case invalidRegex = "invalid-regex"
    case invalidPattern = "invalid-pattern"
    case invalidCondition = "invalid-condition"
    case unknownACL = "unknown-acl"
    case neverMatches = "never-matches"
    case ignoredPatterns = "ignored-patterns"

    // What sections name
    case unknownBackend = "unknown-backend"
    case unknownServer = "unknown-server"
    case unknownName = "unknown-name"
    case ambiguousName = "ambiguous-name"
    case duplicateName = "duplicate-name"
    case duplicateID = "duplicate-id"
    case duplicateBind = "duplicate-bind"
    case modeConflict = "mode-conflict"
    case ignoredInMode = "ignored-in-mode"
    case routingLoop = "routing-loop"

    // What looks wrong
    case missingTimeout = "missing-timeout"
    case missingBind = "missing-bind"
    case missingLog = "missing-log"
    case mixedDefaults = "mixed-defaults"
    case ruleOrder = "rule-order"
    case unreachableRule = "unreachable-rule"
    case unloadedPatterns = "unloaded-patterns"
    case conflictingSettings = "conflicting-settings"
    case unusedBackend = "unused-backend"
    case unusedACL = "unused-acl"

    // What the check of a whole program adds
    case cannotStart = "cannot-start"
    case noListener = "no-listener"

    public var severity: Diagnostic.Severity {
        switch self {
        case .trailingBackslash, .controlCharacter, .invalidEncoding, .warningDirective, .ignoredKeyword,
            .neverMatches, .ignoredPatterns, .duplicateBind, .ignoredInMode, .missingTimeout, .missingBind,
            .missingLog, .mixedDefaults, .ruleOrder, .unreachableRule, .unloadedPatterns, .conflictingSettings:
            .warning
        case .noticeDirective, .noListener: .notice
        case .diagDirective, .repeatedKeyword, .unusedBackend, .unusedACL: .diag
        default: .error
        }
    }
}

extension DiagnosticCode {
    /// A line about the class, for the reference page.
    var documentation: String {
        switch self {
        case .unmatchedQuote: "A quote is not closed on its line"
        case .invalidEscape: "A backslash sequence is no such"
        case .invalidVariable: "`$NAME` or `${NAME}` is malformed, or a pseudo-variable is unknown"
        case .invalidCharacter: "A character that no line may hold: NUL, a carriage return within the line"
        case .lineTooLong: "A line, or a value that it expands to, exceeds its limit"
        case .missingLineEnd: "The last line has no end: the file may have been cut"
        case .unreadableFile: "A file or a directory cannot be read"
        case .limitExceeded: "There is too much of something: files, messages, nested `.if`"
        case .trailingBackslash: "A backslash at the end of a line does not continue it"
        case .controlCharacter: "A word holds a control character"
        case .invalidEncoding: "A word is not UTF-8"
        case .unknownDirective: "A line starts with a dot and is no directive"
        case .unexpectedDirective: "`.elif`, `.else` or `.endif` without its `.if`"
        case .unclosedConditional: "`.if` without its `.endif`"
        case .alertDirective: "`.alert`"
        case .warningDirective: "`.warning`"
        case .noticeDirective: "`.notice`"
        case .diagDirective: "`.diag`"
        case .unknownSection: "A line that would open a section names none"
        case .unknownKeyword: "The section has no such keyword"
        case .unknownParameter: "A `bind` or `server` line has no such parameter"
        case .unknownAction: "A set of rules has no such action"
        case .unsupported: "HAProxy has it, this version has not"
        case .obsoleteKeyword: "HAProxy dropped it: the help says what to write"
        case .misplacedKeyword: "A keyword or action stands where it is not allowed"
        case .notNegatable: "`no` or `default` stands before what cannot be negated"
        case .ignoredKeyword: "A keyword concerns a side that the proxy lacks"
        case .repeatedKeyword: "A keyword that holds one value is set again in its section: the last one counts"
        case .missingArgument: "Words are missing"
        case .unexpectedArgument: "There are more words than the keyword takes"
        case .invalidArgument: "A word is not what the keyword takes there"
        case .unknownValue: "A word is none of those that the keyword knows"
        case .invalidNumber: "A word is no number"
        case .outOfRange: "A number is too small or too large"
        case .invalidTime: "A word is no time"
        case .invalidSize: "A word is no size"
        case .invalidAddress: "A word is no address, or its port is wrong"
        case .invalidName: "A name is empty, or holds a character that names cannot hold"
        case .unknownFetch: "There is no such sample fetch"
        case .unknownConverter: "There is no such converter"
        case .unavailableSample: "A sample fetch has no value where the expression is evaluated"
        case .invalidExpression: "An expression is malformed, or an argument in it is wrong"
        case .invalidFormat: "A log format is malformed, or has an unknown variable"
        case .invalidRegex: "A regular expression is malformed"
        case .invalidPattern: "A pattern, or a line of a pattern file, does not suit its method"
        case .invalidCondition: "A condition is malformed: braces, operators, predicates"
        case .unknownACL: "A condition names no ACL"
        case .neverMatches: "An ACL can never match where it is used, or as it is written"
        case .ignoredPatterns: "`-m found` does not look at patterns"
        case .unknownBackend: "There is no such backend"
        case .unknownServer: "There is no such server"
        case .unknownName: "There is no such object: `defaults`, `userlist`, `http-errors`, frontend, group, user"
        case .ambiguousName: "Several `defaults` sections have the name that is asked for"
        case .duplicateName: "Two proxies, servers, lists or users have one name"
        case .duplicateID: "Two objects have one `id`"
        case .duplicateBind: "Two `bind` lines have one address"
        case .modeConflict:
            "A `mode tcp` proxy is to do what needs `mode http`, or leads to a backend of the other mode"
        case .ignoredInMode: "A setting has no effect in the proxy's mode"
        case .routingLoop: "A `listen` section leads to itself"
        case .missingTimeout: "A proxy has no timeout for one of its sides"
        case .missingBind: "A frontend has no address"
        case .missingLog: "A proxy has a log format and no target"
        case .mixedDefaults: "A `defaults` section is used by its name and without it"
        case .ruleOrder: "Rules are evaluated in another order than they stand in"
        case .unreachableRule: "A rule stands behind one that always ends the evaluation"
        case .unloadedPatterns: "A rule changes patterns that nothing loads"
        case .conflictingSettings: "Two settings contradict each other"
        case .unusedBackend: "No rule leads to a backend"
        case .unusedACL: "No condition names an ACL"
        case .cannotStart: "The process could not start with this: addresses, names, limits of the system"
        case .noListener: "Nothing listens: the process would not start"
        }
    }

    /// The page `docs/reference/diagnostics.md`, with a line end at its end.
    public static func markdown() -> String {
        var page = """
            # Codes of diagnostics

            The classes of messages that `martlet check --format json` tells apart
            ([check.md](check.md)). Made from `DiagnosticCode.swift`; a test compares. A code keeps
            its name and meaning from version to version; new ones may be added.

            | code | severity | what it says |
            | --- | --- | --- |

            """
        for code in allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
            page += "| `\(code.rawValue)` | \(code.severity.name) | \(code.documentation) |\n"
        }
        return page
    }
}
