import Glibc
import Samples

/// A name as log lines print it: bytes that live for ever, so that a record takes it over by copying two words.
///
/// Names belong to frontends, backends and servers, which live as long as the process: a name that was made from a
/// string is copied once and never freed. Make one per configured object, never one per request.
///
/// Thread-safety: immutable.
// SAFETY: Sendable because the bytes are never written again after init, and never freed.
@safe
public struct LogName: @unchecked Sendable, Equatable, CustomStringConvertible {
    let start: UnsafePointer<UInt8>
    /// Bytes of the name.
    public let count: Int

    /// Copies the UTF-8 of a configured name; the copy is never freed.
    public init(_ text: String) {
        self.init(bytes: Array(text.utf8))
    }

    /// Copies the bytes of a configured name; the copy is never freed.
    public init(bytes: [UInt8]) {
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        for (index, byte) in bytes.enumerated() {
            // SAFETY: index < bytes.count, the capacity.
            unsafe memory[index] = byte
        }
        unsafe start = UnsafePointer(memory)
        count = bytes.count
    }

    /// A name of the program's own.
    public init(static text: StaticString) {
        // SAFETY: the UTF-8 of a static string lives for ever; every one here has a pointer representation.
        unsafe start = text.utf8Start
        count = text.utf8CodeUnitCount
    }

    /// Printed instead of a server's name when none was reached.
    public static var noServer: LogName { LogName(static: "<NOSRV>") }
    /// Printed instead of a server's name when the statistics page answered.
    public static var statistics: LogName { LogName(static: "<STATS>") }

    /// The bytes.
    @unsafe
    public var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: start, count: count) }

    public var description: String {
        // SAFETY: the bytes live for ever.
        unsafe String(decoding: bytes, as: UTF8.self)
    }

    public static func == (left: LogName, right: LogName) -> Bool {
        guard left.count == right.count else { return false }
        // SAFETY: both runs have `count` bytes.
        return unsafe left.start == right.start || memcmp(left.start, right.start, left.count) == 0
    }
}

extension LogName {
    /// Whether the name is exactly these bytes.
    func equals(_ other: Span<UInt8>) -> Bool {
        guard other.count == count else { return false }
        // SAFETY: a name's bytes live for ever.
        for index in 0..<count where unsafe start[index] != other[index] { return false }
        return true
    }
}

extension LogLine {
    mutating func append(_ name: LogName) {
        // SAFETY: a name's bytes live for ever.
        unsafe append(raw: name.bytes)
    }
}
