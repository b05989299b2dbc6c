/// What a command answers: bytes that grow until the session has sent them.
public struct CommandOutput {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    /// Appends the text and an end of line.
    public mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Drops what was sent; the memory is kept.
    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    /// The answer as text.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// An answer that is made piece by piece, so that a long one never fills memory.
open class CommandDump {
    public init() {}

    /// Appends the next piece, a few kilobytes at most. Returns whether there is more.
    open func next(into output: inout CommandOutput) -> Bool { false }
}
