import Base

/// Reads `fetch[(arguments)][,converter[(arguments)]]...` (manual, chapter 7.3).
///
/// Thread-safety: used while the configuration is read, by one thread.
public struct ExpressionParser {
    /// Where the expression will be evaluated; nil: at no particular point (a named ACL is checked where it is used).
    public let point: SamplePoint?
    public let context: ArgumentContext
    /// Whether the expression is that of an ACL, which knows more names.
    public let isACL: Bool

    public init(point: SamplePoint?, context: ArgumentContext, isACL: Bool = false) {
        self.point = point
        self.context = context
        self.isACL = isACL
    }

    /// Reads a whole word.
    public func parse(_ text: [UInt8]) throws(ExpressionFailure) -> Expression {
        let (expression, end) = try parse(text, from: 0)
        if end < text.count {
            throw ExpressionFailure("unexpected text after the expression", at: end..<text.count)
        }
        return expression
    }

    /// Reads an expression that starts at an offset, and says where it ends: at the end of the text, or at a character
    /// that cannot continue it (the `]` of `%[...]`).
    public func parse(_ text: [UInt8], from start: Int) throws(ExpressionFailure) -> (Expression, end: Int) {
        var cursor = start
        let (name, nameRange) = ExpressionParser.name(text, &cursor)
        if name.isEmpty {
            throw ExpressionFailure("missing sample fetch", at: nameRange)
        }
        let fetchName = isACL ? ACLKeywords.byName[name]?.fetch ?? name : name
        guard let fetch = SampleTables.fetchesByName[fetchName] else {
            throw ExpressionFailure(
                "unknown sample fetch '\(name)'", at: nameRange, reason: .unknownFetch(name))
        }
        try checkAvailable(fetch, at: nameRange)
        let arguments = try self.arguments(of: name, fetch.arguments, text, &cursor, nameRange, fetch.prepare)
        var converters: [(keyword: ConverterKeyword, arguments: Arguments)] = []
        var type = fetch.yields
        var ended = fetch.output
        while cursor < text.count, text[cursor] == UInt8(ascii: ",") {
            cursor += 1
            let (name, nameRange) = ExpressionParser.name(text, &cursor)
            if name.isEmpty {
                throw ExpressionFailure("missing converter after ','", at: nameRange)
            }
            guard let converter = SampleTables.convertersByName[name] else {
                throw ExpressionFailure(
                    "unknown converter '\(name)'", at: nameRange, reason: .unknownConverter(name))
            }
            if case .type(let known) = type, !SampleCasts.exists(from: known, to: converter.input) {
                throw ExpressionFailure(
                    "converter '\(name)' takes \(converter.input.name), which cannot be made of \(ended.name)",
                    at: nameRange)
            }
            let arguments = try self.arguments(
                of: name, converter.arguments, text, &cursor, nameRange, converter.prepare)
            converters.append((converter, arguments))
            type = converter.output
            if case .type(let known) = type { ended = known }
        }
        let step = converters.reversed().reduce(nil as Expression.Step?) { next, converter in
            Expression.Step(
                convert: converter.keyword.convert, arguments: converter.arguments, input: converter.keyword.input,
                next: next)
        }
        let expression = Expression(
            text: String(decoding: text[start..<cursor], as: UTF8.self), fetch: fetch, arguments: arguments,
            step: step, output: type)
        return (expression, cursor)
    }

    /// Whether a fetch has a value at this parser's point.
    private func checkAvailable(_ fetch: FetchKeyword, at range: Range<Int>) throws(ExpressionFailure) {
        guard let point, !fetch.source.isAvailable(at: point) else { return }
        throw ExpressionFailure(
            "sample fetch '\(fetch.name)' needs \(fetch.source.name), which is not available in a \(point.name)",
            at: range, reason: .unavailable)
    }

    /// Letters, digits and `.`, `_`, `-`, `+`, from the cursor on.
    static func name(_ text: [UInt8], _ cursor: inout Int) -> (String, Range<Int>) {
        let start = cursor
        while cursor < text.count {
            let byte = text[cursor]
            guard
                byte.isLetter || byte.isDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
            else { break }
            cursor += 1
        }
        return (String(decoding: text[start..<cursor], as: UTF8.self), start..<max(cursor, start + 1))
    }

    private func arguments(
        of name: String, _ shape: ArgumentShape, _ text: [UInt8], _ cursor: inout Int, _ nameRange: Range<Int>,
        _ prepare: (@Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject?)?
    ) throws(ExpressionFailure) -> Arguments {
        var words: [[UInt8]] = []
        var ranges: [Range<Int>] = []
        let start = cursor
        if cursor < text.count, text[cursor] == UInt8(ascii: "(") {
            let list: ArgumentList
            do { list = try ArgumentList.parse(text, from: cursor) } catch {
                throw ExpressionFailure(
                    "\(error.message) of '\(name)'", at: error.offset..<(error.offset + 1))
            }
            words = list.arguments == [[]] ? [] : list.arguments
            ranges = list.ranges
            cursor = list.end
        }
        let range = start < cursor ? start..<cursor : nameRange
        // A string that is left out is empty.
        if words.isEmpty, shape.required == [.string] { words = [[]] }
        if words.count < shape.required.count, !shape.kind(words.count).hasDefault {
            let wanted = shape.required.map(\.name).joined(separator: ", ")
            throw ExpressionFailure(
                "'\(name)' needs \(shape.required.count == 1 ? "an argument" : "arguments"): (\(wanted))", at: range)
        }
        if words.count > shape.maximum {
            throw ExpressionFailure(
                shape.maximum == 0
                    ? "'\(name)' takes no argument"
                    : "'\(name)' takes at most \(shape.maximum) argument\(shape.maximum == 1 ? "" : "s")",
                at: range)
        }
        var values: [ArgumentValue] = []
        do throws(ArgumentFailure) {
            for (index, word) in words.enumerated() {
                let value = try ArgumentReader.read(word, shape.kind(index), index, context)
                if case .absent = value, index < shape.required.count {
                    throw ArgumentFailure(index, "it is empty")
                }
                values.append(value)
            }
            // An object that is not named is the one at hand.
            while values.count < shape.maximum, shape.kind(values.count).hasDefault { values.append(.unresolved([])) }
            let arguments = Arguments(values)
            if let prepare { arguments.prepared = try prepare(arguments, context) }
            for index in 0..<values.count {
                guard case .unresolved(let word) = values[index] else { continue }
                context.resolveLater(
                    arguments, index, shape.kind(index), String(decoding: word, as: UTF8.self), of: name,
                    at: word.isEmpty || !ranges.indices.contains(index) ? nameRange : ranges[index])
            }
            return arguments
        } catch {
            let word = words.indices.contains(error.index) ? words[error.index] : []
            var place = ranges.indices.contains(error.index) && !word.isEmpty ? ranges[error.index] : range
            // Without quotes and escapes, the offset in the argument is that in the text.
            if let offset = error.offset, place.count == word.count {
                let byte = min(place.lowerBound + offset, place.upperBound)
                place = byte..<(byte + 1)
            }
            throw ExpressionFailure(
                "argument \(error.index + 1) of '\(name)': \(error.message)", at: place, help: error.help,
                reason: error.reason)
        }
    }
}

/// Reads one argument.
enum ArgumentReader {
    static func read(
        _ word: [UInt8], _ kind: ArgumentKind, _ index: Int, _ context: ArgumentContext
    ) throws(ArgumentFailure) -> ArgumentValue {
        let text = String(decoding: word, as: UTF8.self)
        switch kind {
        case .string: return .string(word)
        case .frontend, .backend, .server, .userlist, .table:
            return context.find(kind, text) ?? .unresolved(word)
        default: break
        }
        if word.isEmpty { return .absent }
        switch kind {
        case .integer: return .integer(try integer(word, index))
        case .milliseconds: return .integer(try integer(word, index))
        case .ipv4:
            guard let address = IPText.ipv4(word) else {
                throw ArgumentFailure(index, "'\(text)' is no IPv4 address")
            }
            return .ipv4(address)
        case .ipv6:
            guard let address = IPText.ipv6(word) else {
                throw ArgumentFailure(index, "'\(text)' is no IPv6 address")
            }
            return .ipv6(address)
        case .ipv4Mask:
            if let dotted = IPText.ipv4(word) { return .ipv4Mask(dotted.value) }
            guard let length = Int(text), (0...32).contains(length) else {
                throw ArgumentFailure(index, "'\(text)' is no IPv4 mask")
            }
            return .ipv4Mask(length == 0 ? 0 : UInt32.max << UInt32(32 - length))
        case .ipv6Mask:
            if let mask = IPText.ipv6(word) { return .ipv6Mask(mask) }
            guard let length = Int(text), (0...128).contains(length) else {
                throw ArgumentFailure(index, "'\(text)' is no IPv6 mask")
            }
            return .ipv6Mask(
                IPv6Address(
                    high: length == 0 ? 0 : length >= 64 ? .max : .max << UInt64(64 - length),
                    low: length <= 64 ? 0 : .max << UInt64(128 - length)))
        case .variable: return .variable(try variable(word, index))
        case .integerOrVariable:
            if let name = try? variable(word, index) { return .variable(name) }
            return .integer(try integer(word, index))
        case .stringOrVariable:
            if let name = try? variable(word, index) { return .variable(name) }
            return .string(word)
        case .regex:
            do { return .regex(try Regex(word), flags: []) } catch { throw ArgumentFailure(index, error) }
        case .protobufField:
            var path: [UInt32] = []
            for part in word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
                guard let number = UInt32(String(decoding: part, as: UTF8.self)), number > 0 else {
                    throw ArgumentFailure(index, "'\(text)' is no field number such as 1 or 2.3")
                }
                path.append(number)
            }
            return .path(path)
        default: return .string(word)
        }
    }

    static func integer(_ word: [UInt8], _ index: Int) throws(ArgumentFailure) -> Int64 {
        let text = String(decoding: word, as: UTF8.self)
        if word.starts(with: "0x".utf8), let value = Int64(text.dropFirst(2), radix: 16) { return value }
        guard let value = Int64(text) else { throw ArgumentFailure(index, "'\(text)' is no integer") }
        return value
    }

    static func variable(_ word: [UInt8], _ index: Int) throws(ArgumentFailure) -> VariableName {
        let text = String(decoding: word, as: UTF8.self)
        guard let dot = word.firstIndex(of: UInt8(ascii: ".")), dot + 1 < word.count,
            let scope = VariableScope.allCases.first(where: { $0.prefix.utf8.elementsEqual(word[..<dot]) })
        else {
            throw ArgumentFailure(
                index, "'\(text)' is no variable",
                help: "names start with proc., sess., txn., req. or res., as in txn.\(text)")
        }
        let name = word[(dot + 1)...]
        guard name.allSatisfy({ $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") })
        else { throw ArgumentFailure(index, "'\(text)': a name has letters, digits, '_' and '.' only") }
        return VariableName(scope: scope, number: VariableNames.number(of: Array(name)))
    }
}
