import Base

/// Converters between ways to write bytes (manual, section 7.3.1).
enum EncodingConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword("base64", .none, .type(.binary), .type(.string), "Base64 (RFC 4648, section 4)") {
            sample, scope, _ in
            scope.scratch.compose { Base64.encode(sample.span, .standard, to: &$0) }
        },
        ConverterKeyword("b64dec", .none, .type(.string), .type(.binary), "The bytes of a Base64 string") {
            sample, scope, _ in
            scope.scratch.compose(.binary) { Base64.decode(sample.span, .standard, to: &$0) }
        },
        ConverterKeyword("ub64enc", .none, .type(.binary), .type(.string), "Base64 for URLs (RFC 4648, section 5)") {
            sample, scope, _ in
            scope.scratch.compose { Base64.encode(sample.span, .url, to: &$0) }
        },
        ConverterKeyword("ub64dec", .none, .type(.string), .type(.binary), "The bytes of a Base64 string for URLs") {
            sample, scope, _ in
            scope.scratch.compose(.binary) { Base64.decode(sample.span, .url, to: &$0) }
        },
        ConverterKeyword("hex", .none, .type(.binary), .type(.string), "Two hexadecimal digits for each byte") {
            sample, scope, _ in
            let bytes = sample.span
            return scope.scratch.compose { output in
                for index in bytes.indices { output.append(hexadecimal: bytes[index]) }
                return true
            }
        },
        ConverterKeyword("hex2i", .none, .type(.string), .type(.integer), "The integer that hexadecimal digits tell") {
            sample, _, _ in
            let text = sample.span
            var value: Int64 = 0
            for index in text.indices {
                guard let digit = text[index].hexValue else { return nil }
                value = value << 4 | Int64(digit)
            }
            return Sample(value)
        },
        ConverterKeyword(
            "be2dec", ArgumentShape([.string], optional: [.integer, .integer]), .type(.binary), .type(.string),
            "Decimal numbers of big-endian integers",
            prepare: { arguments, _ throws(ArgumentFailure) in try checkChunks(arguments, limit: 8) }
        ) { sample, scope, arguments in
            chunks(sample, scope, arguments) { bytes, range, output in
                var value: UInt64 = 0
                for index in range { value = value << 8 | UInt64(bytes[index]) }
                output.append(decimal: value)
            }
        },
        ConverterKeyword(
            "be2hex", ArgumentShape([.string], optional: [.integer, .integer]), .type(.binary), .type(.string),
            "Hexadecimal digits, in groups",
            prepare: { arguments, _ throws(ArgumentFailure) in
                // Without arguments all bytes are one group.
                arguments.count <= 1 && arguments.string(0).isEmpty ? nil : try checkChunks(arguments, limit: .max)
            }
        ) { sample, scope, arguments in
            chunks(sample, scope, arguments) { bytes, range, output in
                for index in range { output.append(hexadecimal: bytes[index]) }
            }
        },
        ConverterKeyword("htonl", .none, .type(.integer), .type(.binary), "Four bytes in network order") {
            sample, scope, _ in
            scope.scratch.compose(.binary) { output in
                output.append(bigEndian: UInt32(truncatingIfNeeded: sample.integer))
                return true
            }
        },
        ConverterKeyword(
            "url_dec", ArgumentShape(optional: [.integer]), .type(.string), .type(.string), "What a URL encodes"
        ) { sample, scope, arguments in
            let text = sample.span
            var isQuery = arguments.integer(0) != 0
            return scope.scratch.compose { output in
                var index = 0
                while index < text.count {
                    switch text[index] {
                    case UInt8(ascii: "%"):
                        guard index + 2 < text.count, let high = text[index + 1].hexValue,
                            let low = text[index + 2].hexValue
                        else { return false }
                        output.append(high << 4 | low)
                        index += 2
                    case UInt8(ascii: "+") where isQuery: output.append(UInt8(ascii: " "))
                    case UInt8(ascii: "?"):
                        isQuery = true
                        output.append(UInt8(ascii: "?"))
                    case let byte: output.append(byte)
                    }
                    index += 1
                }
                return true
            }
        },
        ConverterKeyword(
            "url_enc", ArgumentShape([.string]), .type(.string), .type(.string),
            "As a URL encodes it (RFC 3986, section 2.3)",
            prepare: { arguments, _ throws(ArgumentFailure) in
                let kind = arguments.string(0)
                guard kind.isEmpty || kind == Array("query".utf8) else {
                    throw ArgumentFailure(0, "there is no type but 'query'")
                }
                return nil
            }
        ) { sample, scope, _ in
            let text = sample.span
            return scope.scratch.compose { output in
                for index in text.indices {
                    let byte = text[index]
                    if byte.isLetter || byte.isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                        || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
                    {
                        output.append(byte)
                    } else {
                        output.append(UInt8(ascii: "%"))
                        output.append(hexadecimal: byte)
                    }
                }
                return true
            }
        },
        ConverterKeyword(
            "json", ArgumentShape([.string]), .type(.string), .type(.string), "Escaped as a string of JSON",
            prepare: { arguments, _ throws(ArgumentFailure) in try JSONEscape(arguments) }
        ) { sample, scope, arguments in
            guard let escape = arguments.made(JSONEscape.self) else { return nil }
            return scope.scratch.compose { escape.write(sample.span, to: &$0) }
        },
    ]

    private static func checkChunks(_ arguments: Arguments, limit: Int64) throws(ArgumentFailure) -> AnyObject? {
        guard (1...limit).contains(arguments.integer(1)) else {
            throw ArgumentFailure(
                1, limit == .max ? "a group has 1 byte or more" : "a number has 1 to \(limit) bytes")
        }
        if arguments.has(2), ![0, 1].contains(arguments.integer(2)) {
            throw ArgumentFailure(2, "it is 1 to leave out what is no whole group, or 0")
        }
        return nil
    }

    /// Writes groups of bytes, with a separator between them.
    private static func chunks(
        _ sample: Sample, _ scope: SampleScope, _ arguments: Arguments,
        _ write: (Span<UInt8>, Range<Int>, inout SampleOutput) -> Void
    ) -> Sample? {
        let bytes = sample.span
        let separator = arguments.string(0)
        let size = Int(min(arguments.integer(1, default: .max), Int64(Int32.max)))
        let isTruncated = arguments.integer(2) != 0
        return scope.scratch.compose { output in
            var start = 0
            while start < bytes.count, !output.isFull {
                let end = min(start + size, bytes.count)
                if isTruncated, end - start < size { break }
                if start > 0 { output.append(separator) }
                write(bytes, start..<end, &output)
                start = end
            }
            return true
        }
    }
}

/// Base64, with the standard alphabet or that for URLs, which has no padding (RFC 4648).
enum Base64 {
    enum Alphabet { case standard, url }

    static func encode(_ bytes: Span<UInt8>, _ alphabet: Alphabet, to output: inout SampleOutput) -> Bool {
        var index = 0
        while index < bytes.count {
            let count = min(3, bytes.count - index)
            var group = UInt32(bytes[index]) << 16
            if count > 1 { group |= UInt32(bytes[index + 1]) << 8 }
            if count > 2 { group |= UInt32(bytes[index + 2]) }
            for position in 0..<4 {
                if position <= count {
                    output.append(letter(UInt8(group >> UInt32(18 - 6 * position) & 63), alphabet))
                } else if alphabet == .standard {
                    output.append(UInt8(ascii: "="))
                }
            }
            index += 3
        }
        return true
    }

    private static func letter(_ value: UInt8, _ alphabet: Alphabet) -> UInt8 {
        switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + value - 26
        case 52..<62: UInt8(ascii: "0") + value - 52
        case 62: alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: "-")
        default: alphabet == .standard ? UInt8(ascii: "/") : UInt8(ascii: "_")
        }
    }

    private static func value(_ letter: UInt8, _ alphabet: Alphabet) -> UInt32? {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+") where alphabet == .standard, UInt8(ascii: "-") where alphabet == .url: 62
        case UInt8(ascii: "/") where alphabet == .standard, UInt8(ascii: "_") where alphabet == .url: 63
        default: nil
        }
    }

    /// Fails at a letter that is none; the standard alphabet wants groups of four, filled with `=`.
    static func decode(_ text: Span<UInt8>, _ alphabet: Alphabet, to output: inout SampleOutput) -> Bool {
        if alphabet == .standard ? text.count % 4 != 0 : text.count % 4 == 1 { return false }
        var index = 0
        while index < text.count {
            var group: UInt32 = 0
            var letters = 0
            for position in 0..<4 {
                group <<= 6
                guard index + position < text.count else { continue }
                let letter = text[index + position]
                if letter == UInt8(ascii: "="), alphabet == .standard, position > 0 { continue }
                guard let value = value(letter, alphabet), letters == position else { return false }
                group |= value
                letters += 1
            }
            for position in 0..<max(0, letters - 1) {
                output.append(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * position)))
            }
            index += 4
        }
        return true
    }

    /// The bytes of a string; nil when it is none.
    static func decode(_ text: [UInt8], _ alphabet: Alphabet) -> [UInt8]? {
        let scratch = SampleScratch(valueLimit: max(16, text.count))
        guard let sample = scratch.compose(.binary, { decode(text.span, alphabet, to: &$0) }) else { return nil }
        return sample.span.indices.map { sample.span[$0] }
    }
}

/// Escapes for strings of JSON, for `json` (RFC 8259, section 7).
final class JSONEscape: Sendable {
    private enum Input: String { case ascii, utf8, utf8s, utf8p, utf8ps }
    private let input: Input

    init(_ arguments: Arguments) throws(ArgumentFailure) {
        let name = String(decoding: arguments.string(0), as: UTF8.self)
        guard let input = name.isEmpty ? .ascii : Input(rawValue: name) else {
            throw ArgumentFailure(0, "'\(name)' is none of ascii, utf8, utf8s, utf8p, utf8ps")
        }
        self.input = input
    }

    func write(_ text: Span<UInt8>, to output: inout SampleOutput) -> Bool {
        var index = 0
        while index < text.count, !output.isFull {
            var code = UInt32(text[index])
            if input == .ascii {
                index += 1
            } else {
                let decoded = LenientUTF8.decode(text, &index)
                code = decoded.code
                let isPermissive = input == .utf8p || input == .utf8ps
                if !decoded.isWellFormed || LenientUTF8.isProhibited(code) || (decoded.isOverlong && !isPermissive)
                    || code > 0xFFFF
                {
                    if input == .utf8s || input == .utf8ps { continue }
                    return false
                }
            }
            switch code {
            case 0x22: output.append("\\\"")
            case 0x5C: output.append("\\\\")
            case 0x2F: output.append("\\/")
            case 0x08: output.append("\\b")
            case 0x0C: output.append("\\f")
            case 0x0A: output.append("\\n")
            case 0x0D: output.append("\\r")
            case 0x09: output.append("\\t")
            case 0x20..<0x7F: output.append(UInt8(code))
            default:
                output.append("\\u")
                output.append(hexadecimal: UInt8(truncatingIfNeeded: code >> 8), uppercase: false)
                output.append(hexadecimal: UInt8(truncatingIfNeeded: code), uppercase: false)
            }
        }
        return true
    }
}

/// UTF-8 that may be wrong, told apart by what is wrong with it. Up to six bytes, as before RFC 3629.
enum LenientUTF8 {
    struct Decoded {
        var code: UInt32
        var isWellFormed: Bool
        /// Written with more bytes than necessary.
        var isOverlong: Bool
    }

    /// Reads one character; the index moves behind it, or behind what cannot begin or continue one.
    static func decode(_ text: Span<UInt8>, _ index: inout Int) -> Decoded {
        let first = text[index]
        index += 1
        if first < 0x80 { return Decoded(code: UInt32(first), isWellFormed: true, isOverlong: false) }
        let length = (~first).leadingZeroBitCount
        guard (2...6).contains(length) else { return Decoded(code: 0, isWellFormed: false, isOverlong: false) }
        var code = UInt32(first) & (UInt32(0x7F) >> UInt32(length))
        for _ in 1..<length {
            guard index < text.count, text[index] & 0xC0 == 0x80 else {
                return Decoded(code: code, isWellFormed: false, isOverlong: false)
            }
            code = code << 6 | UInt32(text[index] & 0x3F)
            index += 1
        }
        let smallest: UInt32 =
            switch length {
            case 2: 0x80
            case 3: 0x800
            case 4: 0x1_0000
            case 5: 0x20_0000
            default: 0x400_0000
            }
        return Decoded(code: code, isWellFormed: true, isOverlong: code < smallest)
    }

    /// Surrogates, and the two that are no characters.
    static func isProhibited(_ code: UInt32) -> Bool {
        (0xD800...0xDFFF).contains(code) || code == 0xFFFE || code == 0xFFFF
    }
}
