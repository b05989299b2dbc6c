import Base

/// Messages of the Financial Information eXchange protocol (manual, section 7.3.1, `fix_is_valid`).
enum FIXConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "fix_is_valid", .none, .type(.binary), .type(.boolean), "Whether the bytes start with a valid FIX message"
        ) { sample, _, _ in
            FIXMessage.isValid(sample.span).map { Sample($0) }
        },
        ConverterKeyword(
            "fix_tag_value", ArgumentShape([.string]), .type(.binary), .type(.binary),
            "The value of a tag of a FIX message",
            prepare: { arguments, _ throws(ArgumentFailure) in try FIXTag(arguments.string(0)) }
        ) { sample, _, arguments in
            guard let tag = arguments.made(FIXTag.self)?.number else { return nil }
            let bytes = sample.span
            var index = 0
            while let field = FIXMessage.field(bytes, &index), let number = field.number {
                if number == tag, !field.value.isEmpty {
                    var result = sample
                    result.narrow(from: field.value.lowerBound, count: field.value.count)
                    return result
                }
            }
            return nil
        },
    ]
}

/// The number of a tag, from its name or its digits.
final class FIXTag: Sendable {
    let number: UInt32

    private static let names: [(name: String, number: UInt32)] = [
        ("beginstring", 8), ("bodylength", 9), ("msgtype", 35), ("sendercompid", 49), ("targetcompid", 56),
        ("checksum", 10),
    ]

    init(_ word: [UInt8]) throws(ArgumentFailure) {
        let text = String(decoding: word, as: UTF8.self)
        let known = FIXTag.names.first { $0.name == text.lowercased() }?.number
        guard let number = known ?? UInt32(text), number > 0 else {
            throw ArgumentFailure(0, "'\(text)' is neither a number nor the name of a tag")
        }
        self.number = number
    }
}

/// Fields of a FIX message: `tag=value`, each ended by a byte 1.
enum FIXMessage {
    private static let delimiter: UInt8 = 1
    /// Bytes of the shortest message.
    private static let shortest = 26

    struct Field {
        /// Nil when the tag is no number.
        var number: UInt32?
        var value: Range<Int>
    }

    /// The next field; nil when it has not ended yet.
    static func field(_ bytes: Span<UInt8>, _ index: inout Int) -> Field? {
        let start = index
        // The sign is looked for first: a delimiter in front of it belongs to a tag that is no number.
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: "=") { end += 1 }
        while end < bytes.count, bytes[end] != delimiter { end += 1 }
        guard end < bytes.count else { return nil }
        index = end + 1
        var number: UInt32 = 0
        var position = start
        while position < end, bytes[position].isDigit, number < 100_000_000 {
            number = number * 10 + UInt32(bytes[position] - UInt8(ascii: "0"))
            position += 1
        }
        guard position < end, bytes[position] == UInt8(ascii: "="), number > 0 else {
            return Field(number: nil, value: start..<end)
        }
        return Field(number: number, value: (position + 1)..<end)
    }

    /// Whether a message stands at the beginning; nil when that cannot be told yet.
    static func isValid(_ bytes: Span<UInt8>) -> Bool? {
        guard bytes.count >= shortest else { return nil }
        var index = 0
        guard let begin = field(bytes, &index) else { return nil }
        guard begin.number == 8, isVersion(bytes, begin.value) else { return false }
        guard let length = field(bytes, &index) else { return nil }
        guard length.number == 9, let bodyLength = number(bytes, length.value) else { return false }
        let bodyStart = index
        guard let type = field(bytes, &index) else { return nil }
        guard type.number == 35 else { return false }
        while true {
            let fieldStart = index
            guard let next = field(bytes, &index) else { return nil }
            guard let tag = next.number else { return false }
            if tag == 10 {
                guard fieldStart - bodyStart == bodyLength, next.value.count == 3,
                    let wanted = number(bytes, next.value)
                else { return false }
                var sum: UInt8 = 0
                for position in 0..<fieldStart { sum &+= bytes[position] }
                return Int(sum) == wanted
            }
            if index - bodyStart > bodyLength { return false }
        }
    }

    private static func isVersion(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let versions: [StaticString] = ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1"]
        return versions.contains { version in
            let text = version.bytes
            return text.count == range.count && text.indices.allSatisfy { text[$0] == bytes[range.lowerBound + $0] }
        }
    }

    private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard (1...9).contains(range.count), range.allSatisfy({ bytes[$0].isDigit }) else { return nil }
        return range.reduce(0) { $0 * 10 + Int(bytes[$1] - UInt8(ascii: "0")) }
    }
}
