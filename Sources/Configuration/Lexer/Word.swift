/// One word of a line after quotes, escapes and variables have been resolved.
struct Word: Sendable, Hashable {
    var bytes: [UInt8]
    /// The same as text; bytes that are no UTF-8 are replaced, so compare `bytes` where that matters.
    var text: String
    /// Columns in the file, counted from 1; the end is just after the last byte.
    var columnStart: Int32
    var columnEnd: Int32
    /// The word stands in the file byte for byte, so that offsets into it are columns.
    var isVerbatim: Bool

    init(bytes: [UInt8], columnStart: Int32, columnEnd: Int32, isVerbatim: Bool) {
        self.bytes = bytes
        text = String(decoding: bytes, as: UTF8.self)
        self.columnStart = columnStart
        self.columnEnd = columnEnd
        self.isVerbatim = isVerbatim
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

    /// A part of a word, given by byte offsets; the whole word where it does not stand verbatim in the file.
    func range(_ index: Int, bytes: Range<Int>) -> SourceRange {
        var range = self.range(index)
        guard index >= 0, index < words.count, words[index].isVerbatim, bytes.upperBound <= words[index].bytes.count
        else { return range }
        let start = range.columnStart
        range.columnStart = start &+ Int32(bytes.lowerBound)
        range.columnEnd = start &+ Int32(max(bytes.upperBound, bytes.lowerBound + 1))
        return range
    }

    /// The whole statement.
    var range: SourceRange { range(from: 0, through: words.count - 1) }
}
