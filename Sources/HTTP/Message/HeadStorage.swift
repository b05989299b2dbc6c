/// A run of bytes of a message's head: in the received bytes, or in the arena that edits write to.
public struct HeadSlice: Sendable, Equatable {
    @usableFromInline var offset: UInt32
    @usableFromInline var length: UInt32
    @usableFromInline var inArena: Bool

    @inlinable
    init(offset: UInt32, length: UInt32, inArena: Bool = false) {
        self.offset = offset
        self.length = length
        self.inArena = inArena
    }

    @inlinable static var empty: HeadSlice { HeadSlice(offset: 0, length: 0) }

    /// How many bytes.
    @inlinable public var count: Int { Int(length) }
}

/// One field of a head, 16 bytes: where its name and its value stand, what it is, and what became of it.
@usableFromInline
struct FieldEntry {
    @usableFromInline var nameOffset: UInt32
    @usableFromInline var valueOffset: UInt32
    @usableFromInline var valueLength: UInt32
    @usableFromInline var nameLength: UInt16
    @usableFromInline var known: KnownHeader
    @usableFromInline var flags: FieldFlags

    @inlinable
    init(
        nameOffset: UInt32, nameLength: UInt16, valueOffset: UInt32, valueLength: UInt32, known: KnownHeader,
        flags: FieldFlags
    ) {
        self.nameOffset = nameOffset
        self.valueOffset = valueOffset
        self.valueLength = valueLength
        self.nameLength = nameLength
        self.known = known
        self.flags = flags
    }

    @inlinable var name: HeadSlice {
        HeadSlice(offset: nameOffset, length: UInt32(nameLength), inArena: flags.contains(.nameInArena))
    }
    @inlinable var value: HeadSlice {
        HeadSlice(offset: valueOffset, length: valueLength, inArena: flags.contains(.valueInArena))
    }
}

@usableFromInline
struct FieldFlags: OptionSet, Sendable {
    @usableFromInline let rawValue: UInt8
    @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable static var deleted: FieldFlags { FieldFlags(rawValue: 1) }
    @inlinable static var nameInArena: FieldFlags { FieldFlags(rawValue: 2) }
    @inlinable static var valueInArena: FieldFlags { FieldFlags(rawValue: 4) }
    /// The value is shorter than what stands on the line: the line cannot be copied as it is.
    @inlinable static var rewritten: FieldFlags { FieldFlags(rawValue: 8) }
}

/// Where a parser stands in a head that is still arriving; see `HeadScanner`.
@usableFromInline
enum HeadPhase: UInt8 {
    case leading, leadingLF
    case method, target, requestVersion
    case statusVersion, statusCode, reason
    case startLF
    case lineStart, name, beforeValue, value, valueLF, endLF
    case complete, failed
}

/// What is known of a message's framing while its fields arrive (RFC 9112 section 6).
@usableFromInline
struct FramingFacts: OptionSet, Sendable {
    @usableFromInline let rawValue: UInt8
    @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable static var contentLength: FramingFacts { FramingFacts(rawValue: 1) }
    @inlinable static var transferEncoding: FramingFacts { FramingFacts(rawValue: 2) }
    /// The last transfer coding is chunked.
    @inlinable static var chunked: FramingFacts { FramingFacts(rawValue: 4) }
    /// A coding other than chunked is applied.
    @inlinable static var otherCoding: FramingFacts { FramingFacts(rawValue: 8) }
    /// The framing is legal but doubtful (both a length and a coding): the connection ends after this message.
    @inlinable static var doubtful: FramingFacts { FramingFacts(rawValue: 16) }
    /// At least one line of the head ended in a bare LF, or in white space: its lines are not sent as they came.
    @inlinable static var unevenLines: FramingFacts { FramingFacts(rawValue: 32) }
}

/// What a `MessageHead` holds besides its field entries; it lives in memory of its own, so that access to
/// it costs no exclusivity check.
// SAFETY: `base` is the owner's memory, `arena` the head's own; only `MessageHead` and the scanner follow them.
@unsafe
@usableFromInline
struct HeadState {
    @usableFromInline var base: UnsafeRawPointer?
    @usableFromInline var arena: UnsafeMutableRawPointer?
    @usableFromInline var arenaUsed: UInt32 = 0
    @usableFromInline var arenaCapacity: UInt32
    @usableFromInline var fieldCount: Int = 0
    @usableFromInline var fieldCapacity: Int
    /// One bit for each known header that a live field ever had in this message; a clear bit saves the search.
    @usableFromInline var present: UInt64 = 0
    /// The same for those that there was more than one of.
    @usableFromInline var repeated: UInt64 = 0
    @usableFromInline var method = HeadSlice.empty
    @usableFromInline var target = HeadSlice.empty
    @usableFromInline var reason = HeadSlice.empty
    /// The path of the target, once it was asked for: rules ask again and again.
    @usableFromInline var path = HeadSlice.empty
    @usableFromInline var pathIsKnown = false
    @usableFromInline var methodKind = HTTPMethod.other
    @usableFromInline var version = HTTPVersion(major: 1, minor: 1)
    @usableFromInline var status: UInt16 = 0
    @usableFromInline var startLineEdited = false
    @usableFromInline var framing: FramingFacts = []
    @usableFromInline var contentLength: UInt64 = 0

    // The parser's place.
    @usableFromInline var phase = HeadPhase.leading
    @usableFromInline var isRequest = true
    @usableFromInline var position: UInt32 = 0
    @usableFromInline var startOffset: UInt32 = 0
    @usableFromInline var mark: UInt32 = 0
    @usableFromInline var nameOffset: UInt32 = 0
    @usableFromInline var nameLength: UInt16 = 0
    @usableFromInline var headLength: UInt32 = 0
    @usableFromInline var error = HTTPParseError(.badMethod, at: 0)

    init(fieldCapacity: Int, arenaCapacity: Int) {
        unsafe base = nil
        unsafe arena = nil
        unsafe self.arenaCapacity = UInt32(arenaCapacity)
        unsafe self.fieldCapacity = fieldCapacity
    }
}
