/// A stretch of one line of a configuration file. Every node of the tree carries one.
public struct SourceRange: Sendable, Hashable {
    /// Index into `ConfigurationTree.files`; -1 for what no file says (predefined, or given by the caller).
    public var file: Int32
    /// Line, counted from 1. With continued lines: the physical line on which the words stand.
    public var line: Int32
    /// First column, in bytes, counted from 1.
    public var columnStart: Int32
    /// Column just after the last byte.
    public var columnEnd: Int32

    public init(file: Int32, line: Int32, columnStart: Int32, columnEnd: Int32) {
        self.file = file
        self.line = line
        self.columnStart = columnStart
        self.columnEnd = columnEnd
    }

    /// The range of things that stand in no file.
    public static let none = SourceRange(file: -1, line: 0, columnStart: 0, columnEnd: 0)
}

/// A file that was read, for messages that point into it.
public struct SourceFile: Sendable {
    /// The name as it was given (or found in a directory).
    public var name: String
    /// The whole contents.
    public var bytes: [UInt8]
    /// Offset of the first byte of each line in `bytes`.
    public var lineStarts: [Int]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
        var starts = [0]
        for (offset, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") { starts.append(offset + 1) }
        lineStarts = starts
    }

    /// The text of a line (counted from 1) without its line end; nil outside of the file.
    public func line(_ number: Int32) -> ArraySlice<UInt8>? {
        let index = Int(number) - 1
        guard index >= 0, index < lineStarts.count else { return nil }
        let start = lineStarts[index]
        var end = index + 1 < lineStarts.count ? lineStarts[index + 1] - 1 : bytes.count
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return bytes[start..<end]
    }
}
