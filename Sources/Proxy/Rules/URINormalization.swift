import Base
import Configuration
import HTTP
import Samples

/// The normal forms of `normalize-uri` (manual, section 4.2; RFC 3986, section 6.2.2).
enum URINormalization {
    /// Writes a path with its query in a normal form. False: it is not one that the strict form lets pass.
    static func write(_ text: Span<UInt8>, _ normalizer: URINormalizer, to line: inout LogLine) -> Bool {
        var pathEnd = 0
        while pathEnd < text.count, text[pathEnd] != UInt8(ascii: "?"), text[pathEnd] != UInt8(ascii: "#") {
            pathEnd += 1
        }
        let path = text.extracting(0..<pathEnd)
        let rest = text.extracting(pathEnd..<text.count)
        switch normalizer {
        case .fragmentStrip: line.append(text.extracting(0..<fragment(text)))
        case .fragmentEncode: encodeFragment(text, to: &line)
        case .mergeSlashes:
            for index in 0..<path.count
            where index == 0 || path[index] != UInt8(ascii: "/") || path[index - 1] != UInt8(ascii: "/") {
                line.append(path[index])
            }
            line.append(rest)
        case .stripDot:
            stripDots(path, to: &line)
            line.append(rest)
        case .stripDotDot(let isFull):
            stripDotDots(path, isFull, to: &line)
            line.append(rest)
        case .decodeUnreserved(let isStrict): return decode(text, isStrict, to: &line)
        case .uppercasePercent(let isStrict): return uppercase(text, isStrict, to: &line)
        case .sortQuery:
            line.append(path)
            sort(rest, to: &line)
        }
        return true
    }

    private static func fragment(_ text: Span<UInt8>) -> Int {
        var index = 0
        while index < text.count, text[index] != UInt8(ascii: "#") { index += 1 }
        return index
    }

    private static func encodeFragment(_ text: Span<UInt8>, to line: inout LogLine) {
        for index in 0..<text.count {
            if text[index] == UInt8(ascii: "#") { line.append("%23") } else { line.append(text[index]) }
        }
    }

    /// Leaves out segments that are a single dot.
    private static func stripDots(_ path: Span<UInt8>, to line: inout LogLine) {
        var index = 0
        while index < path.count {
            if path[index] == UInt8(ascii: "/"), index + 1 < path.count, path[index + 1] == UInt8(ascii: ".") {
                if index + 2 == path.count {
                    line.append(UInt8(ascii: "/"))
                    return
                }
                if path[index + 2] == UInt8(ascii: "/") {
                    index += 2
                    continue
                }
            }
            line.append(path[index])
            index += 1
        }
    }

    /// Leaves out `..` together with the segment before it.
    private static func stripDotDots(_ path: Span<UInt8>, _ isFull: Bool, to line: inout LogLine) {
        // Where the segments that were written begin; those that begin with `..` cannot be taken back.
        let base = line.count
        var starts: [Int] = []
        var index = 0
        while index < path.count {
            var end = index + 1
            while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
            let isLast = end == path.count
            let isDots =
                end - index == 3 && path[index + 1] == UInt8(ascii: ".") && path[index + 2] == UInt8(ascii: ".")
            if isDots {
                if let last = starts.popLast() {
                    line.truncate(to: last)
                } else if !isFull {
                    line.append(path.extracting(index..<end))
                    index = end
                    continue
                }
                // A `..` at the end stands for the directory itself.
                if isLast { line.append(UInt8(ascii: "/")) }
            } else {
                starts.append(line.count)
                line.append(path.extracting(index..<end))
            }
            index = end
        }
        if line.count == base { line.append(UInt8(ascii: "/")) }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }

    private static func decode(_ text: Span<UInt8>, _ isStrict: Bool, to line: inout LogLine) -> Bool {
        var index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "%") else {
                line.append(text[index])
                index += 1
                continue
            }
            guard let value = octet(text, index) else {
                if isStrict { return false }
                line.append(text[index])
                index += 1
                continue
            }
            if isUnreserved(value) { line.append(value) } else { line.append(text.extracting(index..<(index + 3))) }
            index += 3
        }
        return true
    }

    private static func uppercase(_ text: Span<UInt8>, _ isStrict: Bool, to line: inout LogLine) -> Bool {
        var index = 0
        while index < text.count {
            line.append(text[index])
            guard text[index] == UInt8(ascii: "%") else {
                index += 1
                continue
            }
            index += 1
            guard octet(text, index - 1) != nil else {
                if isStrict { return false }
                continue
            }
            for _ in 0..<2 {
                let byte = text[index]
                line.append(byte.isLetter ? byte & ~0x20 : byte)
                index += 1
            }
        }
        return true
    }

    /// The value of `%HH`.
    private static func octet(_ text: Span<UInt8>, _ index: Int) -> UInt8? {
        guard index + 2 < text.count, let high = text[index + 1].hexValue, let low = text[index + 2].hexValue else {
            return nil
        }
        return high << 4 | low
    }

    /// Sorts the parameters by name; those of one name keep their order.
    private static func sort(_ rest: Span<UInt8>, to line: inout LogLine) {
        guard rest.count > 1, rest[0] == UInt8(ascii: "?") else { return line.append(rest) }
        let end = fragment(rest)
        var parts: [Range<Int>] = []
        var start = 1
        for index in 1...end where index == end || rest[index] == UInt8(ascii: "&") {
            parts.append(start..<index)
            start = index + 1
        }
        func nameEnd(_ part: Range<Int>) -> Int {
            var index = part.lowerBound
            while index < part.upperBound, rest[index] != UInt8(ascii: "=") { index += 1 }
            return index
        }
        func precedes(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
            let (leftEnd, rightEnd) = (nameEnd(left), nameEnd(right))
            var (one, other) = (left.lowerBound, right.lowerBound)
            while one < leftEnd, other < rightEnd {
                if rest[one] != rest[other] { return rest[one] < rest[other] }
                one += 1
                other += 1
            }
            return leftEnd - left.lowerBound < rightEnd - right.lowerBound
        }
        // Equal names keep their order.
        parts.sort { precedes($0, $1) || (!precedes($1, $0) && $0.lowerBound < $1.lowerBound) }
        line.append(UInt8(ascii: "?"))
        for (index, part) in parts.enumerated() {
            if index > 0 { line.append(UInt8(ascii: "&")) }
            line.append(rest.extracting(part))
        }
        line.append(rest.extracting(end..<rest.count))
    }
}
