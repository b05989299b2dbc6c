import Base
import HTTP

/// Bytes of a literal argument, at an address that does not change.
// SAFETY: Sendable because the bytes are written in `init` only; freed in `deinit`.
@safe
final class LiteralBytes: @unchecked Sendable {
    private let buffer: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        unsafe buffer = .allocate(byteCount: bytes.count, alignment: 1)
        unsafe buffer.copyBytes(from: bytes)
    }

    deinit { unsafe buffer.deallocate() }

    /// The literal as a string, or as another kind of bytes. It stands as long as the expression that it is part of.
    func sample(_ type: SampleType = .string) -> Sample { unsafe Sample(type, UnsafeRawBufferPointer(buffer)) }

    var isEmpty: Bool { unsafe buffer.isEmpty }

    /// The bytes, while the expression that the literal is part of stands.
    var span: Span<UInt8> {
        @_lifetime(immortal)
        get {
            let bytes = unsafe Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(buffer))
            // SAFETY: expressions live as long as the configuration, which outlives every evaluation.
            return unsafe _overrideLifetime(bytes, copying: ())
        }
    }
}

extension Arguments {
    /// What `prepare` made; of the type that the keyword's `prepare` returns.
    @inline(__always)
    func made<Made: AnyObject>(_ type: Made.Type) -> Made? {
        guard let prepared else { return nil }
        // SAFETY: the same table entry names the type in `prepare` and here; debug builds check it.
        return unsafe unsafeDowncast(prepared, to: Made.self)
    }

    /// The literal that `literal(_:)` prepared.
    var literal: LiteralBytes? { made(LiteralBytes.self) }
}

/// A `prepare` that keeps one argument's bytes.
func literal(
    _ index: Int
) -> @Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject? {
    { (arguments: Arguments, _: ArgumentContext) throws(ArgumentFailure) in
        arguments.has(index) ? LiteralBytes(arguments.string(index)) : nil
    }
}

extension Sample {
    /// A run of bytes of a message's head. They stand until the head is reset or moved.
    init(_ head: MessageHead, _ slice: HeadSlice, _ type: SampleType = .string) {
        // SAFETY: rules are evaluated while the head stands, and nothing of an evaluation moves it.
        unsafe self.init(type, UnsafeRawBufferPointer(head.buffer(slice)))
    }

    /// The same, for the proxy.
    public init(_ type: SampleType, _ head: MessageHead, _ slice: HeadSlice) { self.init(head, slice, type) }

    /// A part of a run of bytes of a message's head.
    init(_ head: MessageHead, _ slice: HeadSlice, _ range: Range<Int>) {
        self.init(head, slice)
        narrow(from: range.lowerBound, count: range.count)
    }

    /// An address of a connection, if it is one of IPv4 or IPv6.
    init?(_ address: SocketAddress) {
        if let number = address.ipv4 {
            self.init(IPv4Address(value: number))
        } else if let halves = address.ipv6 {
            self.init(IPv6Address(high: halves.high, low: halves.low))
        } else {
            return nil
        }
    }
}

/// Reads decimal integers out of bytes as HAProxy does for `hdr_val` and kin: digits until something else comes.
func leadingInteger(_ bytes: Span<UInt8>) -> Int64 {
    var value: Int64 = 0
    var index = 0
    var isNegative = false
    if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
        isNegative = bytes[index] == UInt8(ascii: "-")
        index += 1
    }
    while index < bytes.count, bytes[index].isDigit {
        value = value &* 10 &+ Int64(bytes[index] &- UInt8(ascii: "0"))
        index += 1
    }
    return isNegative ? 0 &- value : value
}

extension SampleScratch {
    /// A copy of a sample's bytes, of the same type; nil if they do not fit.
    public func copy(_ sample: Sample) -> Sample? { write(sample.type) { $0.append(sample.span) } }

    /// A string of these bytes; nil if they do not fit.
    public func string(_ bytes: [UInt8]) -> Sample? { write(.string) { $0.append(bytes.span) } }

    /// A sample of what `body` writes; nil if it does not fit.
    func write(_ type: SampleType, _ body: (inout SampleOutput) -> Void) -> Sample? {
        compose(type) { output in
            body(&output)
            return true
        }
    }
}

extension SampleOutput {
    /// Bytes in lower case, as names of fields are in lists.
    mutating func append(lowercasing bytes: Span<UInt8>) {
        for index in bytes.indices { append(lowercased(bytes[index])) }
    }

    /// The variable integers of the SPOE protocol.
    mutating func append(variableInteger number: Int) {
        guard number >= 240 else { return append(UInt8(truncatingIfNeeded: number)) }
        append(UInt8(truncatingIfNeeded: number | 240))
        var rest = (number - 240) >> 4
        while rest >= 128 {
            append(UInt8(truncatingIfNeeded: rest | 128))
            rest = (rest - 128) >> 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
