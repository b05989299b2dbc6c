import Base

/// What a sample holds (manual, chapter 7.3).
public enum SampleType: UInt8, Sendable, CaseIterable {
    case boolean, integer, ipv4, ipv6, string, binary, method

    /// The name that `-dK` and messages use.
    public var name: String {
        switch self {
        case .boolean: "bool"
        case .integer: "sint"
        case .ipv4: "ipv4"
        case .ipv6: "ipv6"
        case .string: "str"
        case .binary: "bin"
        case .method: "meth"
        }
    }
}

/// A value that was fetched from a connection, a message or the process, or made by a converter.
///
/// Bytes are not owned: they lie in the message, in a literal or in the scope's scratch memory, and are valid until
/// the scope's next `beginEvaluation`.
///
/// Two words and a type, which calls return in registers: values are handed on several times in each evaluation.
// SAFETY: `bytes` is read by the evaluation that made it, on one thread, while its memory stands.
@safe
public struct Sample {
    public private(set) var type: SampleType
    /// Booleans (0, 1), integers, IPv4 addresses (host order); the upper half of IPv6 addresses; where bytes begin.
    private var first: UInt64
    /// The lower half of IPv6 addresses; how many bytes there are.
    private var second: UInt64

    private init(type: SampleType, first: UInt64, second: UInt64 = 0) {
        self.type = type
        self.first = first
        self.second = second
    }

    public init(_ value: Bool) { self.init(type: .boolean, first: value ? 1 : 0) }
    public init(_ value: Int64) { self.init(type: .integer, first: UInt64(bitPattern: value)) }
    public init(_ value: Int) { self.init(Int64(value)) }
    public init(_ address: IPv4Address) { self.init(type: .ipv4, first: UInt64(address.value)) }
    public init(_ address: IPv6Address) {
        self.init(type: .ipv6, first: address.high, second: address.low)
    }

    /// A string, binary data or a method's token. The bytes must stand until the end of the evaluation.
    @unsafe
    public init(_ type: SampleType, _ bytes: UnsafeRawBufferPointer) {
        precondition(type == .string || type == .binary || type == .method)
        self.init(
            type: type, first: UInt64(UInt(bitPattern: bytes.baseAddress)),
            second: UInt64(UInt(bitPattern: bytes.count)))
    }

    /// A literal.
    public init(_ type: SampleType = .string, literal: StaticString) {
        // SAFETY: a literal lives for the whole run of the program.
        unsafe self.init(
            type, UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Whether the value is bytes: a string, binary data or a method.
    @inlinable public var isText: Bool { type == .string || type == .binary || type == .method }

    /// A boolean or an integer; 0 for other types.
    public var integer: Int64 { type == .boolean || type == .integer ? Int64(bitPattern: first) : 0 }
    public var boolean: Bool { integer != 0 }
    public var ipv4: IPv4Address? {
        type == .ipv4 ? IPv4Address(value: UInt32(truncatingIfNeeded: first)) : nil
    }
    public var ipv6: IPv6Address? {
        type == .ipv6 ? IPv6Address(high: first, low: second) : nil
    }

    /// The bytes of a string, binary data or a method; empty for other types. Valid until the scope's next
    /// `beginEvaluation`.
    @unsafe
    @inline(__always)
    public var bytes: UnsafeRawBufferPointer {
        guard isText else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        // SAFETY: the two words are those of the buffer that the sample was made of, or of a part of it.
        return unsafe UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: first)), count: byteCount)
    }

    /// The bytes as a span, under the same condition.
    public var span: Span<UInt8> {
        @_lifetime(immortal)
        get {
            let bytes = unsafe Span<UInt8>(_unsafeBytes: self.bytes)
            // SAFETY: the bytes stand until the next evaluation begins, which no user of a sample does meanwhile.
            return unsafe _overrideLifetime(bytes, copying: ())
        }
    }

    @inline(__always)
    public var byteCount: Int { isText ? Int(truncatingIfNeeded: second) : 0 }

    /// The same bytes under another type of text: string, binary or method.
    public mutating func retype(_ type: SampleType) {
        precondition(isText && (type == .string || type == .binary || type == .method))
        self.type = type
    }

    /// A part of the bytes; bounds are clamped.
    public mutating func narrow(from start: Int, count: Int) {
        guard isText else { return }
        let offset = min(max(0, start), byteCount)
        second = UInt64(min(max(0, count), byteCount - offset))
        first &+= UInt64(offset)
    }
}
