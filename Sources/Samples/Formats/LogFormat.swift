/// A format string, ready to be written: literals, variables and expressions (manual, section 8.2.6).
///
/// Thread-safety: constant; any thread may write it, each with a scope and a line of its own.
public final class LogFormat: Sendable {
    /// What stands at one place; a plain value, so that walking a format counts no reference.
    struct Item: Sendable {
        enum Kind: UInt8, Sendable { case literal, space, tag, expression }
        var kind: Kind
        var flags: FormatFlags
        var tag = FormatTag.bytesRead
        /// Of a literal: its bytes in `literals`. Of an expression: its index in `expressions`.
        var start = 0
        var count = 0
    }

    /// The text as it was written.
    public let text: [UInt8]
    let items: [Item]
    let literals: [UInt8]
    public let expressions: [Expression]

    init(text: [UInt8], items: [Item], literals: [UInt8], expressions: [Expression]) {
        self.text = text
        self.items = items
        self.literals = literals
        self.expressions = expressions
    }

    /// The variables that the format asks for.
    public var tags: [FormatTag] { items.filter { $0.kind == .tag }.map(\.tag) }
    /// Whether it is the same each time.
    public var isConstant: Bool { items.allSatisfy { $0.kind == .literal || $0.kind == .space } }

    /// Writes the format behind what the line holds; what does not fit is cut off.
    ///
    /// Each expression is an evaluation of its own: samples that were taken from the scope before are void.
    public func write(_ scope: SampleScope, to line: inout LogLine) {
        var afterSpace = true
        for index in items.indices {
            let item = items[index]
            let before = line.count
            switch item.kind {
            case .literal:
                // SAFETY: the range lies inside of the literals, which stand during the call.
                unsafe literals.withUnsafeBytes {
                    unsafe line.append(
                        raw: UnsafeRawBufferPointer(rebasing: $0[item.start..<(item.start + item.count)]))
                }
            case .space:
                if !afterSpace { line.append(UInt8(ascii: " ")) }
                afterSpace = true
                continue
            case .tag: scope.write(item.tag, item.flags, to: &line)
            case .expression: write(expressions[item.start], item.flags, scope, to: &line)
            }
            if line.count > before { afterSpace = false }
        }
    }

    private func write(
        _ expression: Expression, _ flags: FormatFlags, _ scope: SampleScope, to line: inout LogLine
    ) {
        scope.beginEvaluation()
        guard let sample = expression.evaluateText(scope) else {
            if flags.contains(.log) { line.appendNothing(flags) }
            return
        }
        // Outside of logs a value is written without quotes.
        let kept: FormatFlags = flags.contains(.log) ? flags : flags.intersection([.escape, .message])
        // SAFETY: the sample's bytes stand until the next evaluation begins.
        unsafe line.append(text: sample.bytes, kept)
    }
}

extension LogLine {
    /// Writes text as the flags ask.
    @unsafe
    public mutating func append(text: UnsafeRawBufferPointer, _ flags: FormatFlags) {
        if flags.contains(.quote) { append(UInt8(ascii: "\"")) }
        if flags.contains(.message) {
            unsafe append(encoding: text, escapes: flags.contains(.escape))
        } else if flags.contains(.escape) {
            for index in 0..<text.count {
                // SAFETY: the index is below the count; the caller vouches for the text during the call.
                let byte = unsafe text[index]
                if LogLine.endsValue(byte) { append(UInt8(ascii: "\\")) }
                append(byte)
            }
        } else {
            // SAFETY: the caller vouches for the text during the call.
            unsafe append(raw: text)
        }
        if flags.contains(.quote) { append(UInt8(ascii: "\"")) }
    }

    /// Writes a value into a message: what could break it apart as `%` and two digits.
    @unsafe
    private mutating func append(encoding text: UnsafeRawBufferPointer, escapes: Bool) {
        for index in 0..<text.count {
            // SAFETY: the index is below the count; the caller vouches for the text during the call.
            let byte = unsafe text[index]
            if (byte < 0x20 && byte != 0x09) || byte == 0x7F {
                append(UInt8(ascii: "%"))
                append(LogLine.digit(byte >> 4, upperCase: true))
                append(LogLine.digit(byte & 15, upperCase: true))
                continue
            }
            if escapes && LogLine.endsValue(byte) { append(UInt8(ascii: "\\")) }
            append(byte)
        }
    }

    /// Writes the text of a literal as the flags ask.
    public mutating func append(text: StaticString, _ flags: FormatFlags) {
        // SAFETY: a literal lives for ever.
        unsafe append(
            text: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), flags)
    }

    /// What stands for a text that there is not.
    public mutating func appendNothing(_ flags: FormatFlags) {
        if flags.contains(.quote) {
            append("\"\"")
        } else if flags.contains(.log) {
            append(UInt8(ascii: "-"))
        }
    }

    /// A number in upper-case hexadecimal digits, at least `width` of them.
    public mutating func append(hexadecimal value: UInt64, width: Int) {
        let digits = max(width, (64 - value.leadingZeroBitCount + 3) / 4, 1)
        for index in stride(from: digits - 1, through: 0, by: -1) {
            let digit = index > 15 ? 0 : UInt8(truncatingIfNeeded: value >> UInt64(index * 4) & 15)
            append(LogLine.digit(digit, upperCase: true))
        }
    }
}
