/// Writes text into a region of memory that it does not own, and remembers whether all of it fitted.
//
// SAFETY: `start` is writable for `capacity` bytes while the writer lives (whoever makes it sees to that), and `count`
// never exceeds it.
@safe
public struct HeadWriter: ~Copyable {
    @usableFromInline let start: UnsafeMutableRawPointer
    @usableFromInline let capacity: Int
    /// How many bytes were written.
    public private(set) var count = 0
    /// Whether something did not fit; nothing is written after that.
    public private(set) var isFull = false

    /// The region must stay valid while the writer is used.
    @unsafe
    public init(_ region: UnsafeMutableRawBufferPointer) {
        capacity = region.count
        // An empty region has no address; then nothing is ever written.
        unsafe start = region.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1).unsafelyUnwrapped
    }

    /// The bytes written, or nil if something did not fit.
    public var result: Int? { isFull ? nil : count }

    /// Writes a run of bytes.
    public mutating func append(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { unsafe append($0) }
    }

    /// Writes a literal.
    public mutating func append(_ literal: StaticString) {
        append(literal.bytes)
    }

    /// Writes one byte.
    public mutating func append(_ byte: UInt8) {
        guard !isFull, count < capacity else {
            isFull = true
            return
        }
        unsafe start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Writes a number in decimal.
    public mutating func append(decimal number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(0x30 + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }

    @unsafe
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard !isFull, bytes.count <= capacity - count else {
            isFull = true
            return
        }
        guard let source = bytes.baseAddress else { return }
        // SAFETY: there is room, checked above; source and region are different allocations.
        unsafe (start + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }
}
