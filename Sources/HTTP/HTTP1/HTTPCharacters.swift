/// The classes of characters of RFC 9110 section 5.6 and RFC 3986, as sets of bits: a test is two instructions and
/// touches no memory.
public enum HTTPCharacters {
    /// tchar (RFC 9110 section 5.6.2).
    @inlinable
    @inline(__always)
    public static func isTokenByte(_ byte: UInt8) -> Bool {
        // Below 64: ! # $ % & ' * + - . 0-9; from 64: A-Z ^ _ ` a-z | ~
        isIn(byte, low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    }

    /// What a field value may hold: HTAB, SP, visible characters and obs-text (RFC 9110 section 5.5).
    @inlinable
    @inline(__always)
    public static func isFieldByte(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7F : byte == 0x09
    }

    /// What a request target may hold: visible ASCII.
    @inlinable
    @inline(__always)
    public static func isTargetByte(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F }

    /// What a host and port may hold (RFC 3986 section 3.2): unreserved, sub-delims, `%`, `:`, `[`, `]`.
    @inlinable
    @inline(__always)
    public static func isHostByte(_ byte: UInt8) -> Bool {
        // Below 64: ! $ % & ' ( ) * + , - . 0-9 : ; = ; from 64: A-Z [ ] _ a-z ~
        isIn(byte, low: 0x2FFF_7FF2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE)
    }

    @inlinable
    @inline(__always)
    static func isIn(_ byte: UInt8, low: UInt64, high: UInt64) -> Bool {
        let word = byte & 64 == 0 ? low : high
        return byte < 128 && (word >> UInt64(byte & 63)) & 1 != 0
    }

    /// Whether these bytes are a token: not empty, tchar only.
    public static func isToken(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count > 0 else { return false }
        for index in 0..<bytes.count where !isTokenByte(bytes[index]) { return false }
        return true
    }

    /// Whether these bytes can stand as a field's value.
    public static func isFieldValue(_ bytes: Span<UInt8>) -> Bool {
        // SAFETY: each load lies within the bytes.
        unsafe bytes.withUnsafeBytes { bytes in
            var index = 0
            let ones: UInt64 = 0x0101_0101_0101_0101
            while bytes.count - index >= 8 {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                let delete = word ^ (ones &* 0x7F)
                // Zero only when no byte is below 0x20, or equal to 0x7F; HTAB is looked for one by one.
                if ((word &- ones &* 0x20) & ~word | (delete &- ones) & ~delete) & (ones &* 0x80) != 0 { break }
                index += 8
            }
            while index < bytes.count {
                if unsafe !isFieldByte(bytes[index]) { return false }
                index += 1
            }
            return true
        }
    }

    /// Whether these bytes can stand as a request target.
    public static func isTarget(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count > 0 else { return false }
        for index in 0..<bytes.count where !isTargetByte(bytes[index]) { return false }
        return true
    }
}
