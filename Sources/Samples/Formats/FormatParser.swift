/// What the text of a format becomes.
public enum FormatUse: Sendable {
    /// The line of a log: spaces are merged, what has no value is written as `-`.
    case log
    /// A part of an HTTP message: control characters are written as `%` and two digits.
    case message
    /// A value of its own.
    case value

    var flags: FormatFlags {
        switch self {
        case .log: .log
        case .message: .message
        case .value: []
        }
    }
}

/// Reads format strings (manual, section 8.2.6).
///
/// Thread-safety: used while the configuration is read, by one thread.
public struct FormatParser {
    private let expressions: ExpressionParser
    private let use: FormatUse
    private var isLog: Bool { use == .log }

    /// - Parameters:
    ///   - expressions: reads what stands in `%[...]`.
    ///   - use: what becomes of the text.
    public init(expressions: ExpressionParser, use: FormatUse) {
        self.expressions = expressions
        self.use = use
    }

    /// What is being collected.
    private struct Draft {
        var items: [LogFormat.Item] = []
        var literals: [UInt8] = []
        var found: [Expression] = []
        /// The flags that `%o` set.
        var shared: FormatFlags
        var pending = 0

        mutating func endLiteral() {
            if pending > 0 {
                items.append(
                    LogFormat.Item(kind: .literal, flags: [], start: literals.count - pending, count: pending))
            }
            pending = 0
        }
    }

    public func parse(_ text: [UInt8]) throws(ExpressionFailure) -> LogFormat {
        var draft = Draft(shared: use.flags)
        var cursor = 0
        while cursor < text.count {
            let byte = text[cursor]
            if byte == UInt8(ascii: "%") {
                if cursor + 1 < text.count, text[cursor + 1] == UInt8(ascii: "%") {
                    draft.literals.append(byte)
                    draft.pending += 1
                    cursor += 2
                } else {
                    draft.endLiteral()
                    try variable(text, &cursor, &draft)
                }
            } else if byte == UInt8(ascii: " "), isLog {
                draft.endLiteral()
                if draft.items.last?.kind != .space { draft.items.append(LogFormat.Item(kind: .space, flags: [])) }
                cursor += 1
            } else {
                draft.literals.append(byte)
                draft.pending += 1
                cursor += 1
            }
        }
        draft.endLiteral()
        return LogFormat(text: text, items: draft.items, literals: draft.literals, expressions: draft.found)
    }

    /// A `%` that is none itself: flags, then a name or an expression.
    private func variable(_ text: [UInt8], _ cursor: inout Int, _ draft: inout Draft) throws(ExpressionFailure) {
        let start = cursor
        cursor += 1
        var flags = draft.shared
        if cursor < text.count, text[cursor] == UInt8(ascii: "{") { try read(text, &cursor, into: &flags) }
        guard cursor < text.count else {
            throw ExpressionFailure(
                "missing variable after '%'", at: start..<text.count, help: "write %% for the character itself",
                reason: .format)
        }
        if text[cursor] == UInt8(ascii: "[") {
            let (expression, end) = try expressions.parse(text, from: cursor + 1)
            guard end < text.count, text[end] == UInt8(ascii: "]") else {
                throw ExpressionFailure(
                    end < text.count
                        ? "unexpected text in the expression of '%[...]'" : "missing ']' after the expression",
                    at: start..<max(end, start + 1), reason: .format)
            }
            cursor = end + 1
            draft.items.append(LogFormat.Item(kind: .expression, flags: flags, start: draft.found.count))
            draft.found.append(expression)
            return
        }
        let nameStart = cursor
        while cursor < text.count, text[cursor].isLetter { cursor += 1 }
        let name = String(decoding: text[nameStart..<cursor], as: UTF8.self)
        let range = start..<max(cursor, start + 1)
        if name == "o" {
            draft.shared = flags
            return
        }
        if FormatTag.needTLS.contains(name) {
            throw ExpressionFailure(
                "variable '%\(name)' needs TLS, which is not supported by this version of Martlet", at: range,
                reason: .format)
        }
        guard let tag = FormatTag(rawValue: name) else {
            throw ExpressionFailure(
                name.isEmpty ? "missing variable after '%'" : "no such format variable '%\(name)'", at: range,
                help: "write %% for the character itself, %[...] for an expression", reason: .format)
        }
        draft.items.append(LogFormat.Item(kind: .tag, flags: flags, tag: tag))
    }

    /// `{+Q,-X}`.
    private func read(_ text: [UInt8], _ cursor: inout Int, into flags: inout FormatFlags) throws(ExpressionFailure) {
        let open = cursor
        guard let close = text[open...].firstIndex(of: UInt8(ascii: "}")) else {
            throw ExpressionFailure("missing '}' after the flags", at: open..<text.count, reason: .format)
        }
        cursor = close + 1
        for part in text[(open + 1)..<close].split(separator: UInt8(ascii: ",")) {
            var letters = part[...]
            var adds = true
            if letters.first == UInt8(ascii: "+") || letters.first == UInt8(ascii: "-") {
                adds = letters.first == UInt8(ascii: "+")
                letters = letters.dropFirst()
            }
            let flag: FormatFlags
            switch String(decoding: letters, as: UTF8.self) {
            case "Q": flag = .quote
            case "X": flag = .hexadecimal
            case "E": flag = .escape
            default:
                throw ExpressionFailure(
                    "unknown flag '\(String(decoding: part, as: UTF8.self))'", at: part.startIndex..<part.endIndex,
                    help: "there are Q (quotes), X (hexadecimal) and E (escapes), each behind '+' or '-'",
                    reason: .format)
            }
            if adds { flags.insert(flag) } else { flags.remove(flag) }
        }
    }
}
