import Base
import Glibc

/// Bounds of integers, both included (manual, section 7.1.2): `5`, `1:5`, `:5`, `5:`.
struct PatternRange: BitwiseCopyable {
    var low: Int64
    var high: Int64

    func contains(_ number: Int64) -> Bool { number >= low && number <= high }

    /// - Parameter isVersion: numbers are versions such as `3.1`: a major and a minor number in one.
    init(_ text: [UInt8], isVersion: Bool) throws(PatternFailure) {
        let parts = text.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        func number(_ part: ArraySlice<UInt8>) throws(PatternFailure) -> Int64 {
            if let value = isVersion ? PatternRange.version(part) : PatternRange.integer(part) { return value }
            throw PatternFailure(
                "'\(String(decoding: text, as: UTF8.self))' is no integer and no range",
                help: "write a number, a range such as 1024:65535, or an operator: eq, ge, gt, le, lt")
        }
        guard parts.count == 2 else {
            low = try number(parts[0])
            high = low
            return
        }
        low = parts[0].isEmpty ? .min : try number(parts[0])
        high = parts[1].isEmpty ? .max : try number(parts[1])
        guard low <= high else {
            throw PatternFailure(
                "'\(String(decoding: text, as: UTF8.self))' is no valid range: it ends before it starts")
        }
    }

    private static func integer(_ part: ArraySlice<UInt8>) -> Int64? {
        guard let first = part.first, first.isDigit || first == UInt8(ascii: "-") else {
            return nil
        }
        return Int64(String(decoding: part, as: UTF8.self))
    }

    /// `3.1` is 0x30001, and `3` alone 0x30000.
    private static func version(_ part: ArraySlice<UInt8>) -> Int64? {
        let numbers = part.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard numbers.count <= 2, let major = integer(numbers[0]),
            let minor = numbers.count == 2 ? integer(numbers[1]) : 0,
            (0...0x7FFF).contains(major), (0...0xFFFF).contains(minor)
        else { return nil }
        return major << 16 | minor
    }
}

/// Characters that divide a sample into the words that `dir` and `dom` compare.
enum PatternDelimiters {
    case none, path, domain

    func contains(_ byte: UInt8) -> Bool {
        switch self {
        case .none: false
        case .path: byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?")
        case .domain:
            byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: ":")
        }
    }
}

/// Looks for a string in another one.
// SAFETY: places stay within the buffers: start + length <= size.
enum PatternSearch {
    /// Whether the text stands anywhere; with delimiters, between two of them or the ends.
    static func finds(
        _ text: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer, _ delimiters: PatternDelimiters,
        ignoresCase: Bool
    ) -> Bool {
        let (length, size) = (text.count, bytes.count)
        guard length <= size else { return false }
        guard length > 0 else {
            // A pattern of delimiters only stands where a delimiter ends the sample.
            return unsafe delimiters == .none || size == 0 || delimiters.contains(bytes[size - 1])
        }
        let head = unsafe ignoresCase ? text[0].lowercased : text[0]
        var start = 0
        while start <= size - length {
            if ignoresCase {
                while start <= size - length, unsafe bytes[start].lowercased != head { start += 1 }
            } else {
                // SAFETY: the bytes from `start` to the last place where the text may begin.
                guard let base = bytes.baseAddress,
                    let found = unsafe memchr(base + start, Int32(head), size - length - start + 1)
                else { return false }
                start = unsafe UnsafeRawPointer(found) - base
            }
            if unsafe start <= size - length && stands(text, at: start, in: bytes, delimiters, ignoresCase) {
                return true
            }
            start += 1
        }
        return false
    }

    private static func stands(
        _ text: UnsafeRawBufferPointer, at start: Int, in bytes: UnsafeRawBufferPointer,
        _ delimiters: PatternDelimiters, _ ignoresCase: Bool
    ) -> Bool {
        let end = start + text.count
        if delimiters != .none {
            if start > 0, unsafe !delimiters.contains(bytes[start - 1]) { return false }
            if end < bytes.count, unsafe !delimiters.contains(bytes[end]) { return false }
        }
        let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        return unsafe ignoresCase ? PatternBytes.equalFolded(text, part) : PatternBytes.equal(text, part)
    }
}
