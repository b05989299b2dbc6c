import Base
import Glibc

/// Queries of JSON (manual, section 7.3.1, `json_query`).
enum JSONConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "json_query", ArgumentShape([.string], optional: [.string]), .type(.string), .any,
            "The value at a path in a JSON text",
            prepare: { arguments, _ throws(ArgumentFailure) in try JSONQuery(arguments, 0) }
        ) { sample, scope, arguments in
            arguments.made(JSONQuery.self)?.find(in: sample.span, scope)
        }
    ]
}

/// A path through a JSON text: `$.a.b[1]`. Dots of names are written `\.`.
final class JSONQuery: Sendable {
    private enum Step: Sendable {
        case key([UInt8])
        case index(Int)
    }

    private let steps: [Step]
    /// Numbers are wanted as integers.
    private let wantsInteger: Bool

    init(_ arguments: Arguments, _ index: Int) throws(ArgumentFailure) {
        let path = arguments.string(index)
        guard path.first == UInt8(ascii: "$") else { throw ArgumentFailure(index, "a path starts with '$'") }
        var steps: [Step] = []
        var cursor = 1
        while cursor < path.count {
            switch path[cursor] {
            case UInt8(ascii: "."):
                cursor += 1
                var key: [UInt8] = []
                while cursor < path.count, path[cursor] != UInt8(ascii: "."), path[cursor] != UInt8(ascii: "[") {
                    if path[cursor] == UInt8(ascii: "\\"), cursor + 1 < path.count { cursor += 1 }
                    key.append(path[cursor])
                    cursor += 1
                }
                if key.isEmpty { throw ArgumentFailure(index, "a name is missing in the path") }
                steps.append(.key(key))
            case UInt8(ascii: "["):
                guard let end = path[cursor...].firstIndex(of: UInt8(ascii: "]")),
                    let number = Int(String(decoding: path[(cursor + 1)..<end], as: UTF8.self)), number >= 0
                else { throw ArgumentFailure(index, "an index is a number between brackets") }
                steps.append(.index(number))
                cursor = end + 1
            default: throw ArgumentFailure(index, "a path is made of '.name' and '[index]'")
            }
            if steps.count > 64 { throw ArgumentFailure(index, "a path has 64 steps at most") }
        }
        self.steps = steps
        let type = String(decoding: arguments.string(index + 1), as: UTF8.self)
        guard type.isEmpty || type == "int" else { throw ArgumentFailure(index + 1, "there is the type 'int' only") }
        wantsInteger = !type.isEmpty
    }

    /// The value at the path; nil when there is none, or when it is neither a string, a number nor a boolean.
    func find(in text: Span<UInt8>, _ scope: SampleScope) -> Sample? {
        var reader = JSONReader(position: 0)
        for step in steps {
            switch step {
            case .key(let key): guard reader.enter(key: key, text) else { return nil }
            case .index(let index): guard reader.enter(index: index, text) else { return nil }
            }
        }
        reader.skipBlanks(text)
        guard reader.position < text.count else { return nil }
        switch text[reader.position] {
        case UInt8(ascii: "\""):
            guard let range = reader.string(text) else { return nil }
            return scope.scratch.compose { JSONReader.unescape(text, range, to: &$0) }
        case UInt8(ascii: "t"): return reader.skip(word: "true", text) ? Sample(true) : nil
        case UInt8(ascii: "f"): return reader.skip(word: "false", text) ? Sample(false) : nil
        case let byte where byte.isDigit || byte == UInt8(ascii: "-"): return number(text, &reader, scope)
        default: return nil
        }
    }

    private func number(_ text: Span<UInt8>, _ reader: inout JSONReader, _ scope: SampleScope) -> Sample? {
        let range = reader.number(text)
        let digits = text.extracting(range)
        if wantsInteger { return Sample(SampleCasts.leadingInteger(digits)) }
        if digits.indices.allSatisfy({ digits[$0].isDigit || ($0 == 0 && digits[$0] == UInt8(ascii: "-")) }),
            range.count <= 18
        {
            return Sample(SampleCasts.leadingInteger(digits))
        }
        // A number that is whole is an integer, however it is written; others are text, in the shortest form of C.
        guard range.count < 64 else { return nil }
        var buffer = [CChar](repeating: 0, count: 65)
        for index in digits.indices { buffer[index] = CChar(bitPattern: digits[index]) }
        // SAFETY: the buffer ends with a NUL.
        let value = unsafe strtod(buffer, nil)
        if value == value.rounded(), value.magnitude < 9_007_199_254_740_992 { return Sample(Int64(value)) }
        return scope.scratch.compose { output in
            // SAFETY: snprintf writes at most as many bytes as the room has.
            unsafe output.fill { room in
                let count = unsafe withVaList([value]) {
                    unsafe vsnprintf(
                        room.baseAddress?.assumingMemoryBound(to: CChar.self), room.count, "%g", $0)
                }
                return Int(count)
            }
        }
    }
}

/// Walks through a JSON text (RFC 8259) as far as it is asked to. No recursion: values are skipped by counting
/// brackets.
struct JSONReader {
    var position: Int

    mutating func skipBlanks(_ text: Span<UInt8>) {
        while position < text.count, text[position].isBlank || text[position] == 0x0a || text[position] == 0x0d {
            position += 1
        }
    }

    private mutating func take(_ byte: UInt8, _ text: Span<UInt8>) -> Bool {
        skipBlanks(text)
        guard position < text.count, text[position] == byte else { return false }
        position += 1
        return true
    }

    /// The text between the quotes of a string that stands here.
    mutating func string(_ text: Span<UInt8>) -> Range<Int>? {
        guard take(UInt8(ascii: "\""), text) else { return nil }
        let start = position
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "\""):
                position += 1
                return start..<(position - 1)
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        position = text.count
        return nil
    }

    mutating func number(_ text: Span<UInt8>) -> Range<Int> {
        let start = position
        while position < text.count {
            let byte = text[position]
            guard
                byte.isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
                    || byte | 0x20 == UInt8(ascii: "e")
            else { break }
            position += 1
        }
        return start..<position
    }

    mutating func skip(word: StaticString, _ text: Span<UInt8>) -> Bool {
        let bytes = word.bytes
        for index in bytes.indices {
            guard position + index < text.count, text[position + index] == bytes[index] else { return false }
        }
        position += bytes.count
        return true
    }

    /// Skips a value of any kind; false at the end of the text.
    private mutating func skipValue(_ text: Span<UInt8>) -> Bool {
        var depth = 0
        while true {
            skipBlanks(text)
            guard position < text.count else { return false }
            switch text[position] {
            case UInt8(ascii: "\""): guard string(text) != nil else { return false }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return false }
                depth -= 1
                position += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                if depth == 0 { return false }
                position += 1
            default:
                while position < text.count, !JSONReader.isPunctuation(text[position]) { position += 1 }
            }
            if depth == 0 { return true }
        }
    }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ","),
            UInt8(ascii: ":"), UInt8(ascii: "\""), 0x20, 0x09, 0x0a, 0x0d:
            true
        default: false
        }
    }

    /// Moves to the value of a member of the object that stands here.
    mutating func enter(key: [UInt8], _ text: Span<UInt8>) -> Bool {
        guard take(UInt8(ascii: "{"), text) else { return false }
        while true {
            guard let name = string(text), take(UInt8(ascii: ":"), text) else { return false }
            if name.count == key.count, key.indices.allSatisfy({ key[$0] == text[name.lowerBound + $0] }) {
                return true
            }
            guard skipValue(text), take(UInt8(ascii: ","), text) else { return false }
        }
    }

    /// Moves to an item of the array that stands here.
    mutating func enter(index: Int, _ text: Span<UInt8>) -> Bool {
        guard take(UInt8(ascii: "["), text) else { return false }
        for _ in 0..<index {
            guard skipValue(text), take(UInt8(ascii: ","), text) else { return false }
        }
        return true
    }

    /// Writes what a string stands for (RFC 8259, section 7); false when an escape is none.
    static func unescape(_ text: Span<UInt8>, _ range: Range<Int>, to output: inout SampleOutput) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            guard text[index] == UInt8(ascii: "\\"), index + 1 < range.upperBound else {
                output.append(text[index])
                index += 1
                continue
            }
            index += 2
            switch text[index - 1] {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0c)
            case UInt8(ascii: "n"): output.append(0x0a)
            case UInt8(ascii: "r"): output.append(0x0d)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(text[index - 1])
            case UInt8(ascii: "u"):
                guard var code = codeUnit(text, &index, range.upperBound) else { return false }
                if (0xD800..<0xDC00).contains(code) {
                    guard index + 1 < range.upperBound, text[index] == UInt8(ascii: "\\"),
                        text[index + 1] == UInt8(ascii: "u")
                    else { return false }
                    index += 2
                    guard let low = codeUnit(text, &index, range.upperBound), (0xDC00..<0xE000).contains(low) else {
                        return false
                    }
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                }
                guard let scalar = Unicode.Scalar(code) else { return false }
                for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { output.append(byte) }
            default: return false
            }
        }
        return true
    }

    private static func codeUnit(_ text: Span<UInt8>, _ index: inout Int, _ end: Int) -> UInt32? {
        guard index + 4 <= end else { return nil }
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = text[index].hexValue else { return nil }
            code = code << 4 | UInt32(digit)
            index += 1
        }
        return code
    }
}
