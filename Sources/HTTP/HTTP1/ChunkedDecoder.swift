/// What a chunked body's decoder found in the bytes it was given.
public enum ChunkedEvent: Sendable, Equatable {
    /// All bytes were read; the body goes on.
    case needMore
    /// These of the bytes are content; call again for what follows them.
    case data(Range<Int>)
    /// The body ended, trailers included, before the byte at this index.
    case complete(end: Int)
    /// The body is malformed; the position is an index into the bytes.
    case failed(HTTPParseError)
}

/// Decodes the chunked transfer coding (RFC 9112 section 7.1), one slice at a time and without copying.
///
/// Two ways to use it. `advance` judges framing and content together and says how far the bytes are valid, so that a
/// stream forwards them as they are. `next` reports each range of content, for a stream that sends the content in
/// another framing.
///
/// Stricter than a head: lines end in CRLF only, because a body is forwarded verbatim and the next recipient must find
/// the same end; trailer fields that frame or route a message are refused for the same reason (RFC 9110 section 6.5.1).
/// A value of 64 bytes; no allocation; one thread.
public struct ChunkedDecoder: Sendable {
    private enum Phase: UInt8 {
        case sizeStart, size, extensions, sizeLF, data, dataCR, dataLF
        case trailerStart, trailerName, trailerValue, trailerLF, finalLF, complete, failed
    }

    private var remaining: UInt64 = 0
    private var nameHash: UInt64 = 0
    private var lineBytes = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerFields = 0
    private var phase = Phase.sizeStart
    private let limits: Bounds

    private struct Bounds {
        let header: Int32
        let extensions: Int32
        let trailer: Int32
        let fields: Int32
    }

    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = Bounds(
            header: Int32(limits.chunkHeaderBytes), extensions: Int32(limits.chunkExtensionBytes),
            trailer: Int32(limits.trailerBytes), fields: Int32(limits.fieldCount))
    }

    /// Whether the end of the body was reached.
    public var isComplete: Bool { phase == .complete }

    /// How many bytes of the current chunk's content are still to come; 0 outside of content. A stream may move as many
    /// bytes without showing them (splice), and then says so with `skip`.
    public var remainingInChunk: UInt64 { phase == .data ? remaining : 0 }

    /// Content of the current chunk went by unseen. At most `remainingInChunk` bytes.
    public mutating func skip(_ count: UInt64) {
        precondition(phase == .data && count <= remaining)
        remaining -= count
        if remaining == 0 { phase = .dataCR }
    }

    /// Bytes of chunk extensions, and of the white space before them, so far.
    public var extensionByteCount: Int { extensionBytes }

    /// Like `advance`, for bytes in which there are chunk extensions: what is not one is moved to the front, and so are
    /// the bytes behind the end of the body. `count` becomes the number of bytes left; `.complete` tells the end among
    /// them. Nobody else may refer to these bytes.
    // SAFETY: the bytes are the caller's for the duration of the call, and `kept` never exceeds `index`.
    @unsafe
    public mutating func advanceRemovingExtensions(
        _ bytes: UnsafeMutableRawBufferPointer, count: inout Int
    ) -> ChunkedEvent {
        var kept = 0
        var index = 0
        while index < bytes.count && phase != .complete {
            let before = extensionBytes
            let byte = unsafe bytes[index]
            if phase == .data {
                remaining -= 1
                if remaining == 0 { phase = .dataCR }
            } else if let kind = step(byte) {
                phase = .failed
                return .failed(HTTPParseError(kind, at: index))
            }
            index += 1
            if extensionBytes != before && phase != .sizeLF { continue }
            unsafe bytes[kept] = byte
            kept += 1
        }
        let end = kept
        while index < bytes.count {
            // SAFETY: `kept` never exceeds `index`, which is below the count of the bytes.
            unsafe bytes[kept] = bytes[index]
            kept += 1
            index += 1
        }
        count = kept
        return phase == .complete ? .complete(end: end) : .needMore
    }

    /// Judges bytes that will be forwarded as they are: `.needMore`, `.complete` or `.failed`, never `.data`.
    @unsafe
    public mutating func advance(_ bytes: UnsafeRawBufferPointer) -> ChunkedEvent {
        var index = 0
        while true {
            // SAFETY: the bytes are the caller's for the duration of the call.
            switch unsafe next(bytes, from: index) {
            case .data(let range): index = range.upperBound
            case let event: return event
            }
        }
    }

    /// Reads on from an index up to the end of the bytes, or of a range of content.
    @unsafe
    public mutating func next(_ bytes: UnsafeRawBufferPointer, from start: Int) -> ChunkedEvent {
        if phase == .complete { return .complete(end: start) }
        var index = start
        while index < bytes.count {
            if phase == .data {
                let count = Int(min(remaining, UInt64(bytes.count - index)))
                remaining -= UInt64(count)
                if remaining == 0 { phase = .dataCR }
                return .data(index..<index + count)
            }
            // SAFETY: `index` is below the count of the bytes.
            if let kind = step(unsafe bytes[index]) {
                phase = .failed
                return .failed(HTTPParseError(kind, at: index))
            }
            index += 1
            if phase == .complete { return .complete(end: index) }
        }
        return .needMore
    }

    /// One byte of framing; returns what is wrong with it, or nil.
    private mutating func step(_ byte: UInt8) -> HTTPParseError.Kind? {
        switch phase {
        case .sizeStart, .size: return size(byte)
        case .extensions: return extensions(byte)
        case .sizeLF:
            guard byte == 0x0A else { return .badChunkSize }
            phase = remaining == 0 ? .trailerStart : .data
            lineBytes = 0
        case .dataCR:
            guard byte == 0x0D else { return .badChunkEnd }
            phase = .dataLF
        case .dataLF:
            guard byte == 0x0A else { return .badChunkEnd }
            phase = .sizeStart
        case .trailerStart, .trailerName, .trailerValue, .trailerLF: return trailer(byte)
        case .finalLF:
            guard byte == 0x0A else { return .badTrailer }
            phase = .complete
        case .failed: return .badChunkSize
        case .data, .complete: break
        }
        return nil
    }

    private mutating func size(_ byte: UInt8) -> HTTPParseError.Kind? {
        let digit = Self.hexadecimal(byte)
        if digit < 16 {
            lineBytes += 1
            // Sixteen digits at most: an implementation that counts in 64 bits would read more of them as another
            // number.
            guard lineBytes <= 16, remaining < 1 << 59 else { return .chunkSizeTooLarge }
            remaining = remaining << 4 | UInt64(digit)
            phase = .size
            return nil
        }
        guard phase == .size else { return .badChunkSize }
        switch byte {
        case 0x0D: phase = .sizeLF
        case 0x20, 0x09, UInt8(ascii: ";"):
            // White space is legal before a semicolon only; `extensions` sees to that.
            phase = .extensions
            extensionBytes += 1
            nameHash = byte == UInt8(ascii: ";") ? 1 : 0
        default: return .badChunkSize
        }
        return nil
    }

    /// Extensions are checked for characters and length, and otherwise ignored (RFC 9112 section 7.1.1).
    private mutating func extensions(_ byte: UInt8) -> HTTPParseError.Kind? {
        lineBytes += 1
        extensionBytes += 1
        guard lineBytes <= limits.header, extensionBytes <= limits.extensions else { return .chunkHeaderTooLong }
        let hasSemicolon = nameHash != 0
        if !hasSemicolon {
            if byte == 0x0D {
                // White space that nothing follows: senders pad sizes with it.
                phase = .sizeLF
                return nil
            }
            guard byte == UInt8(ascii: ";") || byte == 0x20 || byte == 0x09 else { return .badChunkSize }
            nameHash = byte == UInt8(ascii: ";") ? 1 : 0
            return nil
        }
        if byte == 0x0D {
            phase = .sizeLF
            return nil
        }
        return HTTPCharacters.isFieldByte(byte) ? nil : .badChunkExtension
    }

    /// The trailer section (RFC 9112 section 7.1.2): field lines as in a head, and an empty line.
    private mutating func trailer(_ byte: UInt8) -> HTTPParseError.Kind? {
        trailerBytes += 1
        guard trailerBytes <= limits.trailer else { return .trailerTooLarge }
        switch phase {
        case .trailerStart where byte == 0x0D:
            phase = .finalLF
        case .trailerStart:
            guard HTTPCharacters.isTokenByte(byte) else { return .badTrailer }
            trailerFields += 1
            guard trailerFields <= limits.fields else { return .trailerTooLarge }
            nameHash = Self.hash(Self.hashSeed, byte)
            phase = .trailerName
        case .trailerName where byte == UInt8(ascii: ":"):
            guard !Self.isForbiddenTrailer(nameHash) else { return .forbiddenTrailer }
            phase = .trailerValue
        case .trailerName:
            guard HTTPCharacters.isTokenByte(byte) else { return .badTrailer }
            nameHash = Self.hash(nameHash, byte)
        case .trailerValue where byte == 0x0D:
            phase = .trailerLF
        case .trailerValue:
            return HTTPCharacters.isFieldByte(byte) ? nil : .badTrailer
        default:
            guard byte == 0x0A else { return .badTrailer }
            phase = .trailerStart
        }
        return nil
    }

    @inline(__always)
    private static func hexadecimal(_ byte: UInt8) -> UInt8 {
        let digit = byte &- 0x30
        if digit < 10 { return digit }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter + 10 : 255
    }

    // A name may be cut anywhere, so it is recognised by a running hash (FNV-1a); a name that collides by chance (1 in
    // 2^64) is refused too.
    private static let hashSeed: UInt64 = 0xCBF2_9CE4_8422_2325

    @inline(__always)
    private static func hash(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(lowercased(byte))) &* 0x0100_0000_01B3
    }

    private static func isForbiddenTrailer(_ nameHash: UInt64) -> Bool {
        isHash(nameHash, of: .contentLength) || isHash(nameHash, of: .transferEncoding)
            || isHash(nameHash, of: .host) || isHash(nameHash, of: .connection) || isHash(nameHash, of: .te)
            || isHash(nameHash, of: .upgrade) || isHash(nameHash, of: .trailer)
    }

    private static func isHash(_ nameHash: UInt64, of header: KnownHeader) -> Bool {
        let name = header.name.bytes
        var value = hashSeed
        for index in 0..<name.count { value = hash(value, name[index]) }
        return value == nameHash
    }
}

/// Writes the framing of the chunked transfer coding.
public enum ChunkedEncoder {
    /// The most bytes that `writeHeader` writes.
    public static let headerBytes = 18

    /// The last chunk and an empty trailer section.
    public static var lastChunk: StaticString { "0\r\n\r\n" }

    /// What stands between a chunk's content and the next chunk's header.
    public static var chunkEnd: StaticString { "\r\n" }

    /// Writes the header of a chunk of this many bytes (not 0: that is the last chunk); returns its length, or nil if
    /// there is no room.
    public static func writeHeader(_ count: UInt64, into bytes: inout MutableSpan<UInt8>) -> Int? {
        precondition(count > 0)
        let digits = (64 - count.leadingZeroBitCount + 3) / 4
        guard bytes.count >= digits + 2 else { return nil }
        for index in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: count >> UInt64(4 * (digits - 1 - index))) & 15
            bytes[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
        }
        bytes[digits] = 0x0D
        bytes[digits + 1] = 0x0A
        return digits + 2
    }
}
