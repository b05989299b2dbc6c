import Base

/// What a match of a regular expression is replaced with: `\1` stands for its first group, `\0` for all of it, and
/// `\xNN` for a byte (manual, `http-request replace-header`).
public struct RegexReplacement: Sendable {
    private let template: [UInt8]

    public init(_ text: [UInt8]) { template = text }

    /// Writes the replacement for the match that was found last in the text.
    public func write(to output: inout SampleOutput, _ text: Span<UInt8>, _ match: RegexMatch) {
        RegexReplacement.write(template: template.span, to: &output, text, match)
    }

    /// The same for a template that is read as it is written.
    static func write(
        template: Span<UInt8>, to output: inout SampleOutput, _ text: Span<UInt8>, _ match: RegexMatch
    ) {
        var index = 0
        while index < template.count {
            guard template[index] == UInt8(ascii: "\\"), index + 1 < template.count else {
                output.append(template[index])
                index += 1
                continue
            }
            let next = template[index + 1]
            if next.isDigit {
                if let range = match.group(Int(next - UInt8(ascii: "0"))) {
                    output.append(text, from: range.lowerBound, to: range.upperBound)
                }
                index += 2
            } else if next == UInt8(ascii: "x"), index + 3 < template.count, let high = template[index + 2].hexValue,
                let low = template[index + 3].hexValue
            {
                output.append(high << 4 | low)
                index += 4
            } else {
                output.append(next)
                index += 2
            }
        }
    }
}
