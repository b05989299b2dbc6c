/// The arguments between parentheses of a predicate or a sample fetch: `(a,"b,c",d)`.
///
/// Quotes and escapes are a second level, after those of the line (manual, section 2.2): `\#`, `\$` and `\xNN` are not
/// known here.
public struct ArgumentList {
    public var arguments: [[UInt8]]
    /// Where each stands in the text, its quotes included.
    public var ranges: [Range<Int>]
    /// Offset just after the closing parenthesis.
    public var end: Int

    public struct Failure: Error, Equatable {
        public var message: String
        public var offset: Int
    }

    /// At most this many arguments.
    public static let limit = 12

    /// - Parameter start: offset of the opening parenthesis.
    public static func parse(_ bytes: [UInt8], from start: Int) throws(Failure) -> ArgumentList {
        var cursor = start + 1
        var list = ArgumentList(arguments: [], ranges: [], end: cursor)
        var argumentStart = cursor
        var current: [UInt8] = []
        var quote: UInt8?
        var quoteStart = 0
        while cursor < bytes.count {
            let byte = bytes[cursor]
            if byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "'"), cursor + 1 < bytes.count {
                appendEscape(bytes[cursor + 1], to: &current)
                cursor += 2
                continue
            }
            cursor += 1
            if let open = quote {
                if byte == open { quote = nil } else { current.append(byte) }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                quote = byte
                quoteStart = cursor - 1
            case UInt8(ascii: ","), UInt8(ascii: ")"):
                list.arguments.append(current)
                list.ranges.append(argumentStart..<(cursor - 1))
                current = []
                argumentStart = cursor
                if list.arguments.count > limit { throw Failure(message: "too many arguments", offset: cursor - 1) }
                if byte == UInt8(ascii: ")") {
                    list.end = cursor
                    return list
                }
            default:
                current.append(byte)
            }
        }
        if quote != nil { throw Failure(message: "unmatched quote in the arguments", offset: quoteStart) }
        throw Failure(message: "missing closing ')'", offset: start)
    }

    private static func appendEscape(_ byte: UInt8, to current: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "n"): current.append(0x0a)
        case UInt8(ascii: "r"): current.append(0x0d)
        case UInt8(ascii: "t"): current.append(0x09)
        case UInt8(ascii: " "), UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: ","),
            UInt8(ascii: ")"), UInt8(ascii: "("):
            current.append(byte)
        default:
            current.append(UInt8(ascii: "\\"))
            current.append(byte)
        }
    }
}
