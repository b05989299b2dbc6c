import Base

/// What a match of a regular expression is replaced with: `\1` stands for its first group, `\0` for all of it, and `\xNN`
/// for a byte (manual, `http-request replace-header`).
public struct RegexReplacement: Sendable {
    private enum Part: Sendable {
        case byte(UInt8)
        case group(Int)
    }

    private let parts: [Part]

    public init(_ text: [UInt8]) {
        var parts: [Part] = []
        var index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "\\"), index + 1 < text.count else {
                parts.append(.byte(text[index]))
                index += 1
                continue
            }
            let next = text[index + 1]
            if next.isDigit {
                parts.append(.group(Int(next - UInt8(ascii: "0"))))
                index += 2
            } else if next == UInt8(ascii: "x"), index + 3 < text.count, let high = text[index + 2].hexValue,
                let low = text[index + 3].hexValue
            {
                parts.append(.byte(high << 4 | low))
                index += 4
            } else {
                parts.append(.byte(next))
                index += 2
            }
        }
        self.parts = parts
    }

    /// Writes the replacement for the match that was found last in the text.
    public func write(to output: inout SampleOutput, _ text: Span<UInt8>, _ match: RegexMatch) {
        for part in parts {
            switch part {
            case .byte(let byte): output.append(byte)
            case .group(let index):
                if let range = match.group(index) { output.append(text, from: range.lowerBound, to: range.upperBound) }
            }
        }
    }
}
