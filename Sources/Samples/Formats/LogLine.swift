import Glibc

/// A bounded buffer that a line is built in: what does not fit is cut off, as `len` asks (manual, `log`).
///
/// The memory is reserved once per worker and only touched as far as lines reach. Thread-safety: one thread.
@safe
public struct LogLine: ~Copyable {
    /// The longest line that any log may have (`len` takes up to 65535), and its end of line.
    public static let capacity = 65536

    private let base: UnsafeMutablePointer<UInt8>
    public private(set) var count = 0
    /// Bytes that the line may have now; appending stops there.
    public private(set) var limit = LogLine.capacity

    public init() {
        // SAFETY: the line owns the memory until deinit.
        unsafe base = UnsafeMutablePointer<UInt8>.allocate(capacity: LogLine.capacity)
    }

    // SAFETY: allocated in init, and nobody else keeps the pointer.
    deinit { unsafe base.deallocate() }

    /// Empties the line and sets how long it may become.
    public mutating func start(limit: Int = LogLine.capacity) {
        count = 0
        self.limit = max(0, min(limit, LogLine.capacity))
    }

    /// Drops what stands behind the first `length` bytes.
    public mutating func truncate(to length: Int) {
        count = min(count, max(length, 0))
    }

    /// Moves the limit without emptying the line, so that an end of line always fits.
    public mutating func extendLimit(to newLimit: Int) {
        limit = max(count, min(newLimit, LogLine.capacity))
    }

    /// The line. Valid until it is changed.
    // SAFETY: `count` bytes are initialised.
    @unsafe
    public var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

    /// The line as text; for tests and event texts.
    public var text: String {
        // SAFETY: `count` bytes are initialised.
        unsafe String(decoding: bytes, as: UTF8.self)
    }

    public mutating func append(_ byte: UInt8) {
        guard count < limit else { return }
        // SAFETY: count < limit <= capacity.
        unsafe base[count] = byte
        count += 1
    }

    @unsafe
    public mutating func append(raw source: UnsafeRawBufferPointer) {
        let length = min(source.count, limit - count)
        guard length > 0, let from = source.baseAddress else { return }
        // SAFETY: `length` bytes fit behind `count`, and the source has as many.
        unsafe memcpy(base + count, from, length)
        count += length
    }

    public mutating func append(_ text: StaticString) {
        // SAFETY: a static string with a pointer representation lives for ever.
        unsafe append(raw: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    public mutating func append(_ source: [UInt8]) {
        // SAFETY: the array's storage is valid inside the closure.
        unsafe source.withUnsafeBytes { unsafe append(raw: $0) }
    }

    public mutating func append(_ other: borrowing LogLine) {
        // SAFETY: the other line is borrowed for the call.
        unsafe append(raw: other.bytes)
    }

    /// Text that is not on the request path: names of servers and reasons in events.
    public mutating func append(text: String) {
        var copy = text
        // SAFETY: the buffer is valid inside the closure.
        copy.withUTF8 { unsafe append(raw: UnsafeRawBufferPointer($0)) }
    }

    public mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    public mutating func append(decimal value: Int32) { append(decimal: Int64(value)) }

    public mutating func append(decimal value: UInt64) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = value
        repeat {
            first -= 1
            digits[first] = UInt8(truncatingIfNeeded: rest % 10) &+ 0x30
            rest /= 10
        } while rest != 0
        for index in first..<20 { append(digits[index]) }
    }

    /// Appends at least `width` digits, with zeros in front.
    public mutating func append(padded value: Int, width: Int) {
        var divisor = 1
        for _ in 1..<max(width, 1) { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(truncatingIfNeeded: value / divisor % 10) &+ 0x30)
            divisor /= 10
        }
    }

    /// Appends a number in lower-case hexadecimal digits without zeros in front.
    public mutating func append(hexadecimal value: UInt64) {
        var shift = (max(64 - value.leadingZeroBitCount, 1) + 3) / 4 * 4
        repeat {
            shift -= 4
            append(LogLine.digit(UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15), upperCase: false))
        } while shift > 0
    }

    public static func digit(_ value: UInt8, upperCase: Bool) -> UInt8 {
        value < 10 ? value &+ 0x30 : value &- 10 &+ (upperCase ? UInt8(ascii: "A") : UInt8(ascii: "a"))
    }

    /// Appends bytes of a request, with what could harm a log written as "#" and two digits (manual, section 8.6).
    /// - Parameter backslashes: what could end a value of structured data has a backslash in front (flag `E`).
    @unsafe
    public mutating func append(escaping source: UnsafeRawBufferPointer, backslashes: Bool = false) {
        // SAFETY: the caller vouches for the source during the call.
        for index in 0..<source.count {
            let byte = unsafe source[index]
            if LogLine.isPlain(byte) {
                // Quotes are not plain: they are digits by now.
                if backslashes && LogLine.endsValue(byte) { append(UInt8(ascii: "\\")) }
                append(byte)
            } else {
                // An escape is written whole or not at all, and nothing stands behind what was cut off.
                guard count + 3 <= limit else {
                    limit = count
                    return
                }
                append(UInt8(ascii: "#"))
                append(LogLine.digit(byte >> 4, upperCase: true))
                append(LogLine.digit(byte & 15, upperCase: true))
            }
        }
    }

    /// Whether a byte could end a value of structured data, and has a backslash in front with the flag `E`
    /// (RFC 5424, section 6.3.3).
    static func endsValue(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "]")
    }

    public static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "#") && byte != UInt8(ascii: "\"")
    }
}
