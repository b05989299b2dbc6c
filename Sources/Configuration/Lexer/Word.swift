/// One word of a line after quotes, escapes and variables have been resolved.
struct Word: Sendable, Hashable {
    var bytes: [UInt8]
    /// The same as text; bytes that are no UTF-8 are replaced, so compare `bytes` where that matters.
    var text: String
    /// Columns in the file, counted from 1; the end is just after the last byte.
    var columnStart: Int32
    var columnEnd: Int32
    /// The column that each byte comes from; empty where the word stands in the file byte for byte.
    var origins: [Int32]

    init(bytes: [UInt8], columnStart: Int32, columnEnd: Int32, origins: [Int32] = []) {
        self.bytes = bytes
        text = String(decoding: bytes, as: UTF8.self)
        self.columnStart = columnStart
        self.columnEnd = columnEnd
        self.origins = origins
    }
}

/// The words of one line that is not empty.
struct Statement: Sendable {
    var words: [Word]
    var file: Int32
    var line: Int32

    /// The range of a word, or the empty one after the last word.
    func range(_ index: Int) -> SourceRange {
        if index >= 0, index < words.count {
            let word = words[index]
            return SourceRange(file: file, line: line, columnStart: word.columnStart, columnEnd: word.columnEnd)
        }
        let end = words.last?.columnEnd ?? 1
        return SourceRange(file: file, line: line, columnStart: end, columnEnd: end)
    }

    /// From one word to another, both included.
    func range(from first: Int, through last: Int) -> SourceRange {
        var range = self.range(first)
        range.columnEnd = max(self.range(last).columnEnd, range.columnEnd)
        return range
    }

    /// A part of a word, given by byte offsets; the whole word where they lie outside. Behind the last byte is a place.
    func range(_ index: Int, bytes: Range<Int>) -> SourceRange {
        var range = self.range(index)
        guard index >= 0, index < words.count else { return range }
        let word = words[index]
        guard bytes.lowerBound >= 0, bytes.lowerBound <= word.bytes.count, bytes.upperBound <= word.bytes.count + 1
        else { return range }
        let isInside = bytes.lowerBound < word.bytes.count
        let last = min(max(bytes.upperBound - 1, bytes.lowerBound), word.bytes.count - 1)
        if word.origins.isEmpty {
            let start = range.columnStart
            range.columnStart = start &+ Int32(bytes.lowerBound)
            range.columnEnd = start &+ Int32(isInside ? last + 1 : bytes.lowerBound + 1)
        } else {
            let end = range.columnEnd
            range.columnStart = isInside ? word.origins[bytes.lowerBound] : max(end - 1, range.columnStart)
            range.columnEnd = isInside ? word.origins[last] + 1 : end
        }
        return range
    }

    /// The whole statement.
    var range: SourceRange { range(from: 0, through: words.count - 1) }
}
