import Base

/// Where a converter writes bytes: a part of the scratch memory. What does not fit is noticed at the end.
// SAFETY: the room belongs to one value while its converter writes; every write is checked against its size.
@safe
public struct SampleOutput {
    private let room: UnsafeMutableRawBufferPointer
    public private(set) var count = 0
    /// More was written than fits: there will be no value.
    public private(set) var isFull = false

    init(_ room: UnsafeMutableRawBufferPointer) { unsafe self.room = unsafe room }

    public mutating func append(_ byte: UInt8) {
        guard unsafe count < room.count else {
            isFull = true
            return
        }
        // SAFETY: checked just above.
        unsafe room[count] = byte
        count += 1
    }

    /// A part of some bytes; bounds are clamped.
    public mutating func append(_ bytes: Span<UInt8>, from start: Int = 0, to end: Int = .max) {
        let first = min(max(0, start), bytes.count)
        let length = max(min(end, bytes.count) - first, 0)
        guard unsafe length <= room.count - count else {
            isFull = true
            return
        }
        unsafe bytes.withUnsafeBytes { source in
            guard let from = source.baseAddress, let to = unsafe room.baseAddress, length > 0 else { return }
            // SAFETY: `first + length` is within the source, and `length` bytes of the room were free just above.
            unsafe (to + count).copyMemory(from: from + first, byteCount: length)
        }
        count += length
    }

    public mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

    public mutating func append(_ text: StaticString) { append(text.bytes) }

    public mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    /// A number below 256 in as many digits as it has.
    mutating func append(octet value: UInt8) {
        if value >= 100 { append(UInt8(ascii: "0") + value / 100) }
        if value >= 10 { append(UInt8(ascii: "0") + value / 10 % 10) }
        append(UInt8(ascii: "0") + value % 10)
    }

    /// - Parameter width: digits at least, with zeros in front.
    public mutating func append(decimal value: UInt64, width: Int = 1) {
        var divisor: UInt64 = 1
        var digits = 1
        while value / divisor >= 10 {
            divisor *= 10
            digits += 1
        }
        for _ in 0..<max(0, width - digits) { append(UInt8(ascii: "0")) }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// Two digits.
    public mutating func append(hexadecimal byte: UInt8, uppercase: Bool = true) {
        append(SampleOutput.digit(byte >> 4, uppercase))
        append(SampleOutput.digit(byte & 15, uppercase))
    }

    private static func digit(_ value: UInt8, _ uppercase: Bool) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : (uppercase ? UInt8(ascii: "A") : UInt8(ascii: "a")) + value - 10
    }

    /// The bytes of an integer, the most significant first.
    public mutating func append<Value: FixedWidthInteger>(bigEndian value: Value) {
        var shift = Value.bitWidth
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }

    /// Lets a function of C write: it is given the room that is left, and tells how many bytes it wrote, or nil when it
    /// failed.
    @unsafe
    mutating func fill(_ body: (UnsafeMutableRawBufferPointer) -> Int?) -> Bool {
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: room[count...])
        guard let written = unsafe body(rest), written >= 0, written <= rest.count else { return false }
        count += written
        return true
    }

    /// Takes the last bytes back.
    mutating func truncate(to count: Int) { self.count = min(self.count, max(0, count)) }

    /// A byte that was written.
    subscript(_ index: Int) -> UInt8 {
        precondition(index >= 0 && index < count)
        // SAFETY: checked just above.
        return unsafe room[index]
    }
}

extension SampleScratch {
    /// Makes a sample of what `body` writes; nil when it returns false or writes more than fits.
    public func compose(_ type: SampleType = .string, _ body: (inout SampleOutput) -> Bool) -> Sample? {
        unsafe make(type, limit: min(valueLimit, free)) { room in
            var output = unsafe SampleOutput(room)
            return body(&output) && !output.isFull ? output.count : nil
        }
    }
}
