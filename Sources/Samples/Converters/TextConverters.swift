import Base

/// Converters of strings (manual, section 7.3.1).
enum TextConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword("lower", .none, .type(.string), .type(.string), "ASCII letters in lower case") {
            sample, scope, _ in
            mapped(sample, scope) { $0.lowercased }
        },
        ConverterKeyword("upper", .none, .type(.string), .type(.string), "ASCII letters in upper case") {
            sample, scope, _ in
            mapped(sample, scope) { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") ? $0 & ~0x20 : $0 }
        },
        ConverterKeyword("length", .none, .type(.string), .type(.integer), "The number of bytes") { sample, _, _ in
            Sample(sample.byteCount)
        },
        ConverterKeyword(
            "ltrim", ArgumentShape([.string]), .type(.string), .type(.string),
            "Skips any of some characters at the beginning"
        ) { sample, _, arguments in
            let text = sample.span
            let set = arguments.string(0)
            var result = sample
            result.narrow(from: text.indices.first { !set.contains(text[$0]) } ?? text.count, count: text.count)
            return result
        },
        ConverterKeyword(
            "rtrim", ArgumentShape([.string]), .type(.string), .type(.string), "Skips any of some characters at the end"
        ) { sample, _, arguments in
            let text = sample.span
            let set = arguments.string(0)
            var count = text.count
            while count > 0, set.contains(text[count - 1]) { count -= 1 }
            var result = sample
            result.narrow(from: 0, count: count)
            return result
        },
        ConverterKeyword(
            "cut_crlf", .none, .type(.string), .type(.string), "Ends at the first carriage return or line feed"
        ) { sample, _, _ in
            let text = sample.span
            var result = sample
            let end = text.indices.first { text[$0] == 0x0d || text[$0] == 0x0a }
            result.narrow(from: 0, count: end ?? text.count)
            return result
        },
        ConverterKeyword(
            "field", ArgumentShape([.integer, .string], optional: [.integer]), .type(.string), .type(.string),
            "The part at an index, between delimiters", prepare: checkIndex
        ) { sample, _, arguments in
            TextParts.field(
                sample, arguments.integer(0), arguments.string(1), count: arguments.integer(2, default: 1))
        },
        ConverterKeyword(
            "word", ArgumentShape([.integer, .string], optional: [.integer]), .type(.string), .type(.string),
            "The word at an index, between delimiters", prepare: checkIndex
        ) { sample, _, arguments in
            TextParts.word(
                sample, arguments.integer(0), arguments.string(1), count: arguments.integer(2, default: 1))
        },
        ConverterKeyword(
            "bytes", ArgumentShape([.integer], optional: [.integer]), .type(.binary), .type(.binary),
            "Some bytes from an offset on"
        ) { sample, _, arguments in
            let offset = arguments.integer(0)
            let length = arguments.integer(1, default: -1)
            var result = sample
            guard offset >= 0, offset < Int64(sample.byteCount) else {
                result.narrow(from: 0, count: 0)
                return result
            }
            result.narrow(from: Int(offset), count: length < 0 ? .max : Int(length))
            return result
        },
        ConverterKeyword(
            "concat", ArgumentShape([.string], optional: [.string, .string]), .type(.string), .type(.string),
            "Appends a literal, a variable and a literal",
            prepare: { arguments, _ throws(ArgumentFailure) in try VariableOperand(arguments, 1) }
        ) { sample, scope, arguments in
            let variable = arguments.made(VariableOperand.self)?.text(scope)
            return scope.scratch.compose { output in
                output.append(sample.span)
                output.append(arguments.string(0))
                if let variable { output.append(variable.span) }
                output.append(arguments.string(2))
                return true
            }
        },
        ConverterKeyword(
            "add_item", ArgumentShape([.string, .string], optional: [.string]), .type(.string), .type(.string),
            "Appends a delimiter, a variable and a literal, as an item of a list",
            prepare: { arguments, _ throws(ArgumentFailure) in
                if arguments.string(1).isEmpty, arguments.string(2).isEmpty {
                    throw ArgumentFailure(1, "without a variable there must be a literal to append")
                }
                return try VariableOperand(arguments, 1)
            }
        ) { sample, scope, arguments in
            let variable = arguments.made(VariableOperand.self)?.text(scope)
            let suffix = arguments.string(2)
            let isEmpty = (variable?.byteCount ?? 0) == 0 && suffix.isEmpty
            return scope.scratch.compose { output in
                output.append(sample.span)
                if sample.byteCount > 0, !isEmpty { output.append(arguments.string(0)) }
                if let variable { output.append(variable.span) }
                output.append(suffix)
                return true
            }
        },
        ConverterKeyword(
            "iif", ArgumentShape([.string, .string]), .type(.boolean), .type(.string),
            "One of two strings: the first one if the value is true",
            prepare: { arguments, _ throws(ArgumentFailure) in
                LiteralPair(arguments.string(0), arguments.string(1))
            }
        ) { sample, _, arguments in
            guard let pair = arguments.made(LiteralPair.self) else { return nil }
            return sample.boolean ? pair.first.sample() : pair.second.sample()
        },
        ConverterKeyword(
            "strcmp", ArgumentShape([.variable]), .type(.string), .type(.integer),
            "How a string compares with a variable, as strcmp(3)"
        ) { sample, scope, arguments in
            guard case .variable(let name) = arguments[0], let value = scope.variable(name),
                let other = SampleCasts.cast(value, to: .type(.string), scope)
            else { return nil }
            return Sample(TextParts.compare(sample.span, other.span))
        },
        ConverterKeyword(
            "host_only", .none, .type(.string), .type(.string), "The host of a Host field, in lower case"
        ) { sample, scope, _ in
            var host = sample
            host.narrow(from: 0, count: TextParts.hostEnd(sample.span))
            return mapped(host, scope) { $0.lowercased }
        },
        ConverterKeyword(
            "port_only", .none, .type(.string), .type(.integer), "The port of a Host field, 0 without one"
        ) { sample, _, _ in
            let text = sample.span
            var index = TextParts.hostEnd(text) + 1
            var port: UInt32 = 0
            while index < text.count {
                port = port &* 10 &+ (UInt32(text[index]) &- UInt32(UInt8(ascii: "0")))
                index += 1
            }
            return Sample(Int64(port))
        },
        ConverterKeyword(
            "language", ArgumentShape([.string], optional: [.string]), .type(.string), .type(.string),
            "The one of some languages that Accept-Language prefers",
            prepare: { arguments, _ throws(ArgumentFailure) in LanguageList(arguments) }
        ) { sample, _, arguments in
            arguments.made(LanguageList.self)?.best(sample.span)
        },
        ConverterKeyword(
            "regsub", ArgumentShape([.regex, .string], optional: [.string]), .type(.string), .type(.string),
            "Replaces what a regular expression matches",
            prepare: { arguments, _ throws(ArgumentFailure) in try Substitution(arguments) }
        ) { sample, scope, arguments in
            arguments.made(Substitution.self)?.apply(sample.span, scope)
        },
    ]

    /// Each byte changed. Nothing is written when all stay as they are.
    private static func mapped(_ sample: Sample, _ scope: SampleScope, _ change: (UInt8) -> UInt8) -> Sample? {
        let text = sample.span
        guard text.indices.contains(where: { change(text[$0]) != text[$0] }) else { return sample }
        return scope.scratch.compose { output in
            for index in text.indices { output.append(change(text[index])) }
            return true
        }
    }

    @Sendable
    private static func checkIndex(
        _ arguments: Arguments, _ context: ArgumentContext
    ) throws(ArgumentFailure) -> AnyObject? {
        if arguments.integer(0) == 0 { throw ArgumentFailure(0, "indices start at 1 or at -1") }
        if arguments.string(1).isEmpty { throw ArgumentFailure(1, "it is empty") }
        return nil
    }
}

/// A variable that may be left out, among arguments that may be empty.
final class VariableOperand: Sendable {
    private let name: VariableName?

    init(_ arguments: Arguments, _ index: Int) throws(ArgumentFailure) {
        let word = arguments.string(index)
        name = word.isEmpty ? nil : try ArgumentReader.variable(word, index)
    }

    /// Its value as a string; nil when it is left out or not set.
    func text(_ scope: SampleScope) -> Sample? {
        guard let name, let value = scope.variable(name) else { return nil }
        return SampleCasts.cast(value, to: .type(.string), scope)
    }
}

/// Two literals at addresses that do not change.
final class LiteralPair: Sendable {
    let first: LiteralBytes
    let second: LiteralBytes

    init(_ first: [UInt8], _ second: [UInt8]) {
        self.first = LiteralBytes(first)
        self.second = LiteralBytes(second)
    }
}

/// Parts of strings.
enum TextParts {
    /// The field at an index, which may be empty; fields stand between two delimiters, or one and an end.
    /// - Parameter count: fields to take; 0: all that follow in the direction of the index.
    static func field(_ sample: Sample, _ index: Int64, _ delimiters: [UInt8], count: Int64) -> Sample? {
        let text = sample.span
        var result = sample
        let wanted = index.magnitude
        var number: UInt64 = 1
        if index > 0 {
            var start = 0
            while number < wanted {
                guard let end = next(text, start, delimiters) else { return nil }
                start = end + 1
                number += 1
            }
            var end = start
            var taken: Int64 = 0
            while let delimiter = next(text, end, delimiters) {
                taken += 1
                if taken == count {
                    result.narrow(from: start, count: delimiter - start)
                    return result
                }
                end = delimiter + 1
            }
            result.narrow(from: start, count: text.count - start)
            return result
        }
        var end = text.count
        while number < wanted {
            guard let start = previous(text, end, delimiters) else { return nil }
            end = start
            number += 1
        }
        var start = end
        var taken: Int64 = 0
        while let delimiter = previous(text, start, delimiters) {
            taken += 1
            if taken == count {
                result.narrow(from: delimiter + 1, count: end - delimiter - 1)
                return result
            }
            start = delimiter
        }
        result.narrow(from: 0, count: end)
        return result
    }

    /// The word at an index; several delimiters count as one. Empty when there are not so many words.
    /// - Parameter count: words to take; 0: all that follow in the direction of the index.
    static func word(_ sample: Sample, _ index: Int64, _ delimiters: [UInt8], count: Int64) -> Sample? {
        let text = sample.span
        var result = sample
        let isForward = index > 0
        // Positions count from the end where words do.
        func byte(_ position: Int) -> UInt8 { text[isForward ? position : text.count - 1 - position] }
        func isDelimiter(_ position: Int) -> Bool { delimiters.contains(byte(position)) }
        var position = 0
        var number: UInt64 = 0
        while true {
            while position < text.count, isDelimiter(position) { position += 1 }
            number += 1
            guard position < text.count else {
                result.narrow(from: 0, count: 0)
                return result
            }
            if number == index.magnitude { break }
            while position < text.count, !isDelimiter(position) { position += 1 }
        }
        let start = position
        var taken: Int64 = 0
        while position < text.count {
            while position < text.count, !isDelimiter(position) { position += 1 }
            taken += 1
            if taken == count { break }
            // With fewer words than were asked for, what delimits the last one belongs to it.
            while position < text.count, isDelimiter(position) { position += 1 }
        }
        let end = position
        result.narrow(from: isForward ? start : text.count - end, count: end - start)
        return result
    }

    private static func next(_ text: Span<UInt8>, _ start: Int, _ delimiters: [UInt8]) -> Int? {
        var index = start
        while index < text.count {
            if delimiters.contains(text[index]) { return index }
            index += 1
        }
        return nil
    }

    private static func previous(_ text: Span<UInt8>, _ end: Int, _ delimiters: [UInt8]) -> Int? {
        var index = end - 1
        while index >= 0 {
            if delimiters.contains(text[index]) { return index }
            index -= 1
        }
        return nil
    }

    /// The sign of the first difference, or of the lengths'.
    static func compare(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Int64 {
        for index in 0..<min(left.count, right.count) where left[index] != right[index] {
            return Int64(left[index]) - Int64(right[index])
        }
        return Int64(left.count) - Int64(right.count)
    }

    /// Where the host of `host:port` ends; colons within brackets are the host's.
    static func hostEnd(_ text: Span<UInt8>) -> Int {
        var index = text.count - 1
        while index >= 0 {
            if text[index] == UInt8(ascii: "]") { return text.count }
            if text[index] == UInt8(ascii: ":") { return index }
            index -= 1
        }
        return text.count
    }
}

/// Languages to choose from, for `language` (RFC 9110, section 12.5.4).
final class LanguageList: Sendable {
    private let languages: [LiteralBytes]
    private let fallback: LiteralBytes?
    private let names: [[UInt8]]

    init(_ arguments: Arguments) {
        names = arguments.string(0).split(separator: UInt8(ascii: ";")).map(Array.init)
        languages = names.map(LiteralBytes.init)
        fallback = arguments.has(1) ? LiteralBytes(arguments.string(1)) : nil
    }

    /// The language of the first item with the highest quality among those that are known.
    func best(_ text: Span<UInt8>) -> Sample? {
        var best: (index: Int, quality: Int)?
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: ",") { end += 1 }
            while start < end, text[start].isBlank { start += 1 }
            var nameEnd = start
            while nameEnd < end, text[nameEnd] != UInt8(ascii: ";"), !text[nameEnd].isBlank { nameEnd += 1 }
            if let index = find(text, start, nameEnd) {
                let quality = LanguageList.quality(text, nameEnd, end)
                if quality > (best?.quality ?? 0) { best = (index, quality) }
            }
            start = end + 1
        }
        if let best { return languages[best.index].sample() }
        return fallback?.sample()
    }

    /// The first language that is the item, or the item without its variant.
    private func find(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        names.firstIndex { name in
            guard name.count <= end - start, name.indices.allSatisfy({ name[$0] == text[start + $0] }) else {
                return false
            }
            return name.count == end - start || text[start + name.count] == UInt8(ascii: "-")
        }
    }

    /// The quality in thousandths; what cannot be read counts as 1.
    private static func quality(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index < end, text[index].isBlank || text[index] == UInt8(ascii: ";") { index += 1 }
        guard index + 2 < end, text[index].lowercased == UInt8(ascii: "q"), text[index + 1] == UInt8(ascii: "=")
        else { return 1000 }
        index += 2
        guard text[index] == UInt8(ascii: "0") else { return 1000 }
        index += 1
        guard index < end, text[index] == UInt8(ascii: ".") else { return 0 }
        var quality = 0
        var weight = 100
        index += 1
        while index < end, text[index].isDigit, weight > 0 {
            quality += weight * Int(text[index] - UInt8(ascii: "0"))
            weight /= 10
            index += 1
        }
        return quality
    }
}

/// A regular expression and what replaces its matches, for `regsub`.
final class Substitution: Sendable {
    private let regex: Regex
    private let replacement: RegexReplacement
    private let isGlobal: Bool

    init(_ arguments: Arguments) throws(ArgumentFailure) {
        let flags = arguments.string(2)
        for flag in flags where flag != UInt8(ascii: "g") && flag != UInt8(ascii: "i") {
            throw ArgumentFailure(2, "there are the flags 'g' and 'i' only")
        }
        isGlobal = flags.contains(UInt8(ascii: "g"))
        guard case .regex(let read, _) = arguments[0] else {
            throw ArgumentFailure(0, "a regular expression is expected")
        }
        do {
            regex = try Regex(read.pattern, ignoresCase: flags.contains(UInt8(ascii: "i")))
        } catch {
            throw ArgumentFailure(0, error)
        }
        replacement = RegexReplacement(arguments.string(1))
    }

    func apply(_ text: Span<UInt8>, _ scope: SampleScope) -> Sample? {
        scope.scratch.compose { output in
            var start = 0
            while true {
                let isAtEnd = start >= text.count
                // Each search is of what is left as a text of its own, whose beginning is no beginning of a line: an
                // assertion sees nothing in front of it, as with HAProxy.
                let rest = text.extracting(start...)
                guard scope.regexMatch.find(regex, in: rest, isBeginning: start == 0),
                    let found = scope.regexMatch.group(0)
                else { break }
                output.append(rest, from: 0, to: found.lowerBound)
                replacement.write(to: &output, rest, scope.regexMatch)
                start += found.upperBound
                if found.upperBound == 0, start < text.count {
                    // The same place would be found for ever.
                    output.append(text[start])
                    start += 1
                }
                if !isGlobal || isAtEnd || output.isFull { break }
            }
            output.append(text, from: start)
            return true
        }
    }
}
