/// What is wrong with the spelling of a line, and where.
struct LexicalError: Error, Equatable {
    var code: DiagnosticCode
    var message: String
    /// Byte offsets within the line.
    var start: Int
    var end: Int
    var help: Help?
}

/// Cuts one line into words: quotes, escapes, comments and variables (manual, sections 2.2 and 2.3).
///
/// Inside double quotes variables are expanded; inside single quotes nothing is. A word that holds a NUL is refused,
/// as no keyword could use it.
struct LineLexer {
    /// A line or a word list longer than this is refused.
    static let lineLimitBytes = 1 << 20
    static let wordLimit = 4096

    private let line: [UInt8]
    private let lookUp: (String) -> String?
    private var cursor = 0
    private var words: [Word] = []
    private var current: [UInt8] = []
    /// Where in the line each byte of `current` comes from.
    private var origins: [Int32] = []
    private var currentStart: Int?
    private var isVerbatim = true

    /// A backslash ends the line: HAProxy's language knows no continued lines, so it is kept as it is.
    private(set) var endsWithBackslash = false

    /// - Parameter lookUp: gives the value of a variable, or nil when it is not set.
    init(line: ArraySlice<UInt8>, lookUp: @escaping (String) -> String?) {
        self.line = Array(line)
        self.lookUp = lookUp
    }

    /// The words of the line; none for an empty line or a comment.
    mutating func scan() throws(LexicalError) -> [Word] {
        if line.count > Self.lineLimitBytes {
            throw LexicalError(
                code: .lineTooLong, message: "line too long: more than \(Self.lineLimitBytes) bytes", start: 0, end: 1)
        }
        while cursor < line.count {
            let byte = line[cursor]
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                try flush()
                cursor += 1
            case UInt8(ascii: "#"):
                try flush()
                return words
            case UInt8(ascii: "\""):
                try doubleQuoted()
            case UInt8(ascii: "'"):
                try singleQuoted()
            case UInt8(ascii: "\\"):
                begin()
                try escape(isQuoted: false)
            case UInt8(ascii: "\r"):
                throw LexicalError(
                    code: .invalidCharacter, message: "carriage return inside of a line", start: cursor,
                    end: cursor + 1,
                    help: "write it as \\r, or remove it")
            default:
                begin()
                append(byte, from: cursor)
                cursor += 1
            }
        }
        try flush()
        return words
    }

    private mutating func begin() {
        if currentStart == nil { currentStart = cursor }
    }

    private mutating func append(_ byte: UInt8, from offset: Int) {
        current.append(byte)
        origins.append(Int32(offset + 1))
    }

    /// The value of a variable: all of it comes from the place of the dollar.
    private mutating func append(_ value: ArraySlice<UInt8>, from dollar: Int) {
        for byte in value { append(byte, from: dollar) }
    }

    private mutating func flush() throws(LexicalError) {
        guard let start = currentStart else { return }
        if words.count >= Self.wordLimit {
            throw LexicalError(
                code: .limitExceeded, message: "too many words: more than \(Self.wordLimit)", start: start, end: cursor)
        }
        if current.contains(0) {
            // The character itself, or the word that makes one by an escape.
            let place = line[start..<cursor].firstIndex(of: 0)
            throw LexicalError(
                code: .invalidCharacter, message: "a word cannot hold a NUL character", start: place ?? start,
                end: place.map { $0 + 1 } ?? cursor)
        }
        words.append(
            Word(
                bytes: current, columnStart: Int32(start + 1), columnEnd: Int32(max(cursor, start + 1) + 1),
                origins: isVerbatim ? [] : origins))
        current.removeAll()
        origins.removeAll()
        currentStart = nil
        isVerbatim = true
    }

    private mutating func singleQuoted() throws(LexicalError) {
        begin()
        isVerbatim = false
        let open = cursor
        cursor += 1
        while cursor < line.count, line[cursor] != UInt8(ascii: "'") {
            append(line[cursor], from: cursor)
            cursor += 1
        }
        guard cursor < line.count else { throw unmatched(open) }
        cursor += 1
    }

    private mutating func doubleQuoted() throws(LexicalError) {
        begin()
        isVerbatim = false
        let open = cursor
        cursor += 1
        while cursor < line.count {
            let byte = line[cursor]
            switch byte {
            case UInt8(ascii: "\""):
                cursor += 1
                return
            case UInt8(ascii: "\\"):
                guard cursor + 1 < line.count else { throw unmatched(open) }
                try escape(isQuoted: true)
            case UInt8(ascii: "$"):
                try variable()
            default:
                append(byte, from: cursor)
                cursor += 1
            }
        }
        throw unmatched(open)
    }

    private func unmatched(_ open: Int) -> LexicalError {
        let quote = line[open] == UInt8(ascii: "\"") ? "double" : "single"
        return LexicalError(
            code: .unmatchedQuote, message: "unmatched \(quote) quote", start: open, end: open + 1,
            help: "close it, or write \\\(Character(Unicode.Scalar(line[open]))) for the character itself")
    }

    /// A backslash: the protected characters, the usual C escapes; kept as it is before anything else.
    ///
    /// A dollar needs protection within double quotes only. Outside, HAProxy's binary keeps the backslash (for regular
    /// expressions), though the manual's table has it otherwise; so do we.
    private mutating func escape(isQuoted: Bool) throws(LexicalError) {
        isVerbatim = false
        guard cursor + 1 < line.count else {
            endsWithBackslash = true
            append(UInt8(ascii: "\\"), from: cursor)
            cursor += 1
            return
        }
        let next = line[cursor + 1]
        switch next {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "#"), UInt8(ascii: "\\"), UInt8(ascii: "'"),
            UInt8(ascii: "\""):
            append(next, from: cursor)
        case UInt8(ascii: "$") where isQuoted:
            append(next, from: cursor)
        case UInt8(ascii: "n"): append(0x0a, from: cursor)
        case UInt8(ascii: "r"): append(0x0d, from: cursor)
        case UInt8(ascii: "t"): append(0x09, from: cursor)
        case UInt8(ascii: "x"):
            guard cursor + 3 < line.count, let high = line[cursor + 2].hexValue, let low = line[cursor + 3].hexValue
            else {
                throw LexicalError(
                    code: .invalidEscape, message: "truncated or invalid hexadecimal sequence", start: cursor,
                    end: min(cursor + 4, line.count), help: "\\x takes exactly two digits, as in \\x0a")
            }
            append(high << 4 | low, from: cursor)
            cursor += 2
        default:
            append(UInt8(ascii: "\\"), from: cursor)
            append(next, from: cursor + 1)
        }
        cursor += 2
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}`, `${NAME[*]-default}`.
    private mutating func variable() throws(LexicalError) {
        let dollar = cursor
        cursor += 1
        let isBraced = cursor < line.count && line[cursor] == UInt8(ascii: "{")
        if isBraced { cursor += 1 }
        let nameStart = cursor
        let isPseudo = cursor < line.count && line[cursor] == UInt8(ascii: ".")
        if isPseudo { cursor += 1 }
        guard cursor < line.count, EnvironmentScope.isNameStart(line[cursor]) else {
            throw LexicalError(
                code: .invalidVariable, message: "a variable's name starts with a letter or '_'", start: dollar,
                end: min(cursor + 1, line.count), help: "write \\$ for the character itself")
        }
        while cursor < line.count, EnvironmentScope.isNameByte(line[cursor]) { cursor += 1 }
        let name = String(decoding: line[nameStart..<cursor], as: UTF8.self)
        var isList = false
        var fallback: [UInt8] = []
        if isBraced {
            if line[cursor...].starts(with: "[*]".utf8) {
                isList = true
                cursor += 3
            }
            if cursor < line.count, line[cursor] == UInt8(ascii: "-") {
                cursor += 1
                while cursor < line.count, line[cursor] != UInt8(ascii: "}") {
                    fallback.append(line[cursor])
                    cursor += 1
                }
            }
            guard cursor < line.count, line[cursor] == UInt8(ascii: "}") else {
                throw LexicalError(
                    code: .invalidVariable, message: "missing '}' after the variable '\(name)'", start: dollar,
                    end: min(cursor + 1, line.count))
            }
            cursor += 1
        }
        let value = lookUp(name)
        if isPseudo, value == nil {
            throw LexicalError(
                code: .invalidVariable, message: "unknown pseudo-variable '\(name)'", start: dollar, end: cursor,
                help: "there are .FILE, .LINE and .SECTION")
        }
        try insert(value.map { Array($0.utf8) } ?? fallback, asList: isList, from: dollar)
        if current.count > Self.lineLimitBytes {
            throw LexicalError(code: .lineTooLong, message: "value of '\(name)' too long", start: dollar, end: cursor)
        }
    }

    private mutating func insert(_ value: [UInt8], asList: Bool, from dollar: Int) throws(LexicalError) {
        guard asList else {
            append(value[...], from: dollar)
            return
        }
        var isFirst = true
        for part in value.split(whereSeparator: \.isBlank) {
            if !isFirst {
                try flush()
                currentStart = dollar
                isVerbatim = false
            }
            append(part, from: dollar)
            isFirst = false
        }
    }
}
