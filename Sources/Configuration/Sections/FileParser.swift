/// Feeds a file to a parser: lines, variables and directives (manual, sections 2.1 to 2.4).
struct FileParser {
    let parser: Parser
    let index: Int32
    private var conditionals = ConditionalStack()

    static let directives = [".alert", ".diag", ".elif", ".else", ".endif", ".if", ".notice", ".warning"]

    init(parser: Parser, index: Int32) {
        self.parser = parser
        self.index = index
    }

    mutating func parse() {
        let file = parser.tree.files[Int(index)]
        parser.section = .none
        parser.sectionName = ""
        for number in 1...Int32(max(file.lineStarts.count, 1)) {
            guard !parser.hasGivenUp, let line = file.line(number) else { break }
            read(line, number)
        }
        if let last = file.bytes.last, last != UInt8(ascii: "\n") {
            let number = Int32(file.lineStarts.count)
            let length = Int32(file.line(number)?.count ?? 0)
            parser.report(
                .missingLineEnd, "missing line end on the last line: the file might have been truncated",
                at: SourceRange(file: index, line: number, columnStart: length + 1, columnEnd: length + 1))
        }
        for level in conditionals.levels {
            parser.report(.unclosedConditional, "missing '.endif' for this '.if'", at: level.range)
        }
        parser.closeSection()
    }

    private mutating func read(_ line: ArraySlice<UInt8>, _ number: Int32) {
        let isDirective = line.first { !$0.isBlank } == UInt8(ascii: ".")
        // Lines that are switched off are not looked at, but for the directives that may switch them on.
        guard conditionals.isActive || isDirective else { return }
        var lexer = LineLexer(line: line) { [parser, index] name in Self.value(name, parser, index, number) }
        let words: [Word]
        do { words = try lexer.scan() } catch {
            guard conditionals.isActive else { return }
            parser.report(
                error.code, error.message,
                at: SourceRange(
                    file: index, line: number, columnStart: Int32(error.start + 1), columnEnd: Int32(error.end + 1)),
                help: error.help)
            return
        }
        guard !words.isEmpty else { return }
        let statement = Statement(words: words, file: index, line: number)
        checkCharacters(Array(line), statement)
        if lexer.endsWithBackslash, conditionals.isActive {
            parser.report(
                .trailingBackslash, "the backslash at the end of the line stands for itself: lines cannot be continued",
                at: statement.range(words.count - 1))
        }
        if isDirective {
            directive(statement)
        } else {
            parser.read(statement)
        }
    }

    /// Warns about bytes that a reader cannot see: they are kept, as HAProxy keeps them. Comments are not looked at.
    private func checkCharacters(_ line: [UInt8], _ statement: Statement) {
        guard line.contains(where: { $0 >= 0x7f || ($0 < 0x20 && $0 != 0x09) }) else { return }
        for index in statement.words.indices {
            let range = statement.range(index)
            let start = Int(range.columnStart) - 1
            let source = line[min(start, line.count)..<min(Int(range.columnEnd) - 1, line.count)]
            func place(_ offset: Int) -> SourceRange {
                let column = Int32(offset + 1)
                return SourceRange(file: range.file, line: range.line, columnStart: column, columnEnd: column + 1)
            }
            if let control = source.firstIndex(where: { $0 == 0x7f || ($0 < 0x20 && $0 != 0x09) }) {
                parser.report(
                    .controlCharacter, "control character 0x\(Self.hexadecimal(source[control])) in a word",
                    at: place(control),
                    help: "write it as \\x\(Self.hexadecimal(source[control])) if it is meant, or remove it")
            }
            if let offset = Self.firstInvalid(source) {
                parser.report(
                    .invalidEncoding, "byte 0x\(Self.hexadecimal(source[offset])) is not UTF-8", at: place(offset),
                    help: "save the file as UTF-8; the byte is kept as it is")
            }
        }
    }

    /// Where a text stops being UTF-8.
    private static func firstInvalid(_ text: ArraySlice<UInt8>) -> Int? {
        var decoder = UTF8.ForwardParser()
        var bytes = text.makeIterator()
        var offset = text.startIndex
        while true {
            switch decoder.parseScalar(from: &bytes) {
            case .valid(let scalar): offset += scalar.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    /// The value of a variable or pseudo-variable (manual, section 2.3).
    private static func value(_ name: String, _ parser: Parser, _ file: Int32, _ line: Int32) -> String? {
        switch name {
        case ".FILE": parser.tree.files[Int(file)].name
        case ".LINE": String(line)
        case ".SECTION": parser.sectionName
        default: name.hasPrefix(".") ? nil : parser.scope.value(name)
        }
    }

    // MARK: Directives

    private mutating func directive(_ statement: Statement) {
        let name = statement.words[0].text
        do throws(SyntaxFailure) {
            switch name {
            case ".if":
                let value = conditionals.isActive ? try condition(statement) : false
                guard conditionals.levels.count < ConditionalStack.depthLimit else {
                    throw SyntaxFailure("'.if' nests too deep", at: statement.range(0), code: .limitExceeded)
                }
                conditionals.open(value, at: statement.range)
            case ".elif":
                let value = conditionals.isWaiting ? try condition(statement) : false
                guard conditionals.otherwise(value, isElse: false) else { throw Self.lone(statement) }
            case ".else":
                try Self.nothingBehind(statement)
                guard conditionals.otherwise(true, isElse: true) else { throw Self.lone(statement) }
            case ".endif":
                try Self.nothingBehind(statement)
                guard conditionals.close() else { throw Self.lone(statement) }
            default:
                guard conditionals.isActive else { return }
                try message(statement)
            }
        } catch {
            parser.report(error)
            // The block is skipped, and its '.endif' finds its '.if'.
            if name == ".if" { conditionals.open(nil, at: statement.range) }
            if name == ".elif" { conditionals.abandon() }
        }
    }

    private static func lone(_ statement: Statement) -> SyntaxFailure {
        let name = statement.words[0].text
        return SyntaxFailure(
            "unexpected '\(name)'", at: statement.range(0), code: .unexpectedDirective,
            help: name == ".endif" ? "there is no '.if' for it" : "it stands behind an '.if', before its '.else'")
    }

    private static func nothingBehind(_ statement: Statement) throws(SyntaxFailure) {
        guard statement.words.count > 1 else { return }
        throw SyntaxFailure(
            "unexpected argument '\(statement.words[1].text)' to '\(statement.words[0].text)'", at: statement.range(1),
            code: .unexpectedArgument)
    }

    private func message(_ statement: Statement) throws(SyntaxFailure) {
        let name = statement.words[0].text
        let text = statement.words.count > 1 ? statement.words[1].text : ""
        if statement.words.count > 2, Self.directives.contains(name) {
            throw SyntaxFailure(
                "unexpected argument '\(statement.words[2].text)' to '\(name)'", at: statement.range(2),
                code: .unexpectedArgument,
                help: "put the message into quotes")
        }
        switch name {
        case ".alert": parser.report(.alertDirective, text, at: statement.range)
        case ".warning": parser.report(.warningDirective, text, at: statement.range)
        case ".notice": parser.report(.noticeDirective, text, at: statement.range)
        case ".diag": parser.report(.diagDirective, text, at: statement.range)
        default:
            throw SyntaxFailure(
                "unknown directive '\(name)'", at: statement.range(0), code: .unknownDirective,
                help: Suggestions.help(for: name, among: Self.directives)
                    ?? "there are \(Self.directives.joined(separator: ", "))")
        }
    }

    private func condition(_ statement: Statement) throws(SyntaxFailure) -> Bool {
        let text = statement.words.dropFirst().map(\.text).joined(separator: " ")
        let names = parser.scope
        let evaluator = ConditionEvaluator(
            features: parser.caller.features, enabledOptions: parser.caller.enabledOptions,
            dialectVersion: parser.caller.dialectVersion, openSSLVersion: parser.caller.openSSLVersion,
            isDefined: { names.value($0) != nil })
        do { return try evaluator.evaluate(text) } catch {
            throw SyntaxFailure(
                error.message, at: range(statement, error.offset, count: error.count), code: .invalidCondition,
                help: error.help)
        }
    }

    /// The place in the file of bytes of the joined words.
    private func range(_ statement: Statement, _ offset: Int, count: Int) -> SourceRange {
        var start = 0
        for index in statement.words.indices.dropFirst() {
            let end = start + statement.words[index].bytes.count
            if offset < end {
                // The blank in front of a word counts as its first byte.
                let first = max(offset, start)
                return statement.range(index, bytes: (first - start)..<(max(min(offset + count, end), first) - start))
            }
            start = end + 1
        }
        return statement.range(statement.words.count - 1)
    }
}
