import Base
import Glibc

/// Casts between the types of samples: what an input type accepts, and how the value changes (manual, chapter 7.3 and
/// the behaviour of HAProxy).
public enum SampleCasts {
    /// Whether a value of one type can ever be used where another is wanted: checked when the configuration is read.
    public static func exists(from type: SampleType, to input: ConverterInput) -> Bool {
        switch input {
        case .any: return true
        case .address: return type != .boolean && type != .method && type != .binary
        case .type(let wanted):
            if type == wanted { return true }
            switch (type, wanted) {
            case (.string, _), (_, .string), (_, .binary): return true
            case (.binary, .method): return true
            case (.boolean, .integer), (.integer, .boolean): return true
            case (.integer, .ipv4), (.integer, .ipv6): return true
            case (.ipv4, .integer), (.ipv4, .ipv6), (.ipv6, .ipv4): return true
            default: return false
            }
        }
    }

    /// The value as another type; nil when this value cannot be cast.
    public static func cast(_ sample: Sample, to input: ConverterInput, _ scope: SampleScope) -> Sample? {
        switch input {
        case .any: return sample
        case .address: return address(sample)
        case .type(let wanted):
            if sample.type == wanted { return sample }
            switch wanted {
            case .string: return string(sample, scope)
            case .binary: return binary(sample, scope)
            case .integer: return integer(sample).map { Sample($0) }
            case .boolean: return sample.type == .integer || sample.type == .string ? boolean(sample) : nil
            case .ipv4: return ipv4(sample)
            case .ipv6: return ipv6(sample)
            case .method:
                guard sample.isText else { return nil }
                var copy = sample
                copy.retype(.method)
                return copy
            }
        }
    }

    // MARK: To text

    private static func string(_ sample: Sample, _ scope: SampleScope) -> Sample? {
        switch sample.type {
        case .string: return sample
        case .method:
            var copy = sample
            copy.retype(.string)
            return copy
        case .binary:
            // A string ends at a NUL.
            var copy = sample
            copy.retype(.string)
            let bytes = sample.span
            if let end = bytes.indices.first(where: { bytes[$0] == 0 }) { copy.narrow(from: 0, count: end) }
            return copy
        case .boolean, .integer:
            return scope.scratch.compose { output in
                output.append(decimal: sample.integer)
                return true
            }
        case .ipv4:
            guard let value = sample.ipv4?.value else { return nil }
            return scope.scratch.compose { output in
                for part in 0..<4 {
                    if part > 0 { output.append(UInt8(ascii: ".")) }
                    output.append(octet: UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * part)))
                }
                return true
            }
        case .ipv6:
            guard let address = sample.ipv6 else { return nil }
            return text(address, scope)
        }
    }

    private static func text(_ address: IPv6Address, _ scope: SampleScope) -> Sample? {
        var words = (address.high.bigEndian, address.low.bigEndian)
        return scope.scratch.compose { output in
            // SAFETY: inet_ntop reads 16 bytes and writes at most as many as the room has, with a NUL.
            unsafe output.fill { room in
                guard
                    unsafe inet_ntop(
                        AF_INET6, &words, room.baseAddress?.assumingMemoryBound(to: CChar.self),
                        socklen_t(min(room.count, 64))) != nil
                else { return nil }
                return unsafe room.firstIndex(of: 0)
            }
        }
    }

    private static func binary(_ sample: Sample, _ scope: SampleScope) -> Sample? {
        if sample.isText {
            var copy = sample
            copy.retype(.binary)
            return copy
        }
        return scope.scratch.compose(.binary) { output in
            if let address = sample.ipv4 {
                output.append(bigEndian: address.value)
            } else if let address = sample.ipv6 {
                output.append(bigEndian: address.high)
                output.append(bigEndian: address.low)
            } else {
                output.append(bigEndian: sample.integer)
            }
            return true
        }
    }

    // MARK: To numbers

    private static func boolean(_ sample: Sample) -> Sample? { integer(sample).map { Sample($0 != 0) } }

    private static func integer(_ sample: Sample) -> Int64? {
        switch sample.type {
        case .boolean, .integer: return sample.integer
        case .ipv4: return sample.ipv4.map { Int64($0.value) }
        case .string: return sample.byteCount == 0 ? nil : leadingInteger(sample.span)
        case .ipv6, .binary, .method: return nil
        }
    }

    /// A sign and digits; what follows them does not matter. 0 without digits; the nearest number when there are too
    /// many.
    public static func leadingInteger(_ text: Span<UInt8>) -> Int64 {
        var index = 0
        let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
        if text.count > 0, isNegative || text[0] == UInt8(ascii: "+") { index = 1 }
        var value: Int64 = 0
        while index < text.count, text[index].isDigit {
            let digit = Int64(text[index] - UInt8(ascii: "0"))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) =
                isNegative
                ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflow || carry { return isNegative ? .min : .max }
            value = sum
            index += 1
        }
        return value
    }

    // MARK: To addresses

    private static func address(_ sample: Sample) -> Sample? {
        switch sample.type {
        case .ipv4, .ipv6: return sample
        case .integer: return ipv4(sample)
        case .string: return leadingIPv4(sample.span).map { Sample($0) } ?? textIPv6(sample.span).map { Sample($0) }
        case .boolean, .binary, .method: return nil
        }
    }

    private static func ipv4(_ sample: Sample) -> Sample? {
        switch sample.type {
        case .ipv4: return sample
        case .integer: return Sample(IPv4Address(value: UInt32(truncatingIfNeeded: sample.integer)))
        case .ipv6: return sample.ipv6.flatMap(mapped).map { Sample($0) }
        case .string: return leadingIPv4(sample.span).map { Sample($0) }
        case .boolean, .binary, .method: return nil
        }
    }

    private static func ipv6(_ sample: Sample) -> Sample? {
        switch sample.type {
        case .ipv6: return sample
        case .ipv4, .integer: return ipv4(sample)?.ipv4.map { Sample(mapped($0)) }
        case .string: return textIPv6(sample.span).map { Sample($0) }
        case .boolean, .binary, .method: return nil
        }
    }

    /// `::ffff:a.b.c.d`.
    static func mapped(_ address: IPv4Address) -> IPv6Address {
        IPv6Address(high: 0, low: 0xFFFF << 32 | UInt64(address.value))
    }

    static func mapped(_ address: IPv6Address) -> IPv4Address? {
        guard address.high == 0, address.low >> 32 == 0xFFFF else { return nil }
        return IPv4Address(value: UInt32(truncatingIfNeeded: address.low))
    }

    /// Four numbers; what follows them does not matter.
    static func leadingIPv4(_ text: Span<UInt8>) -> IPv4Address? {
        var index = 0
        var address: UInt32 = 0
        for part in 0..<4 {
            if part > 0 {
                guard index < text.count, text[index] == UInt8(ascii: ".") else { return nil }
                index += 1
            }
            let start = index
            var number: UInt32 = 0
            while index < text.count, text[index].isDigit {
                number = number * 10 + UInt32(text[index] - UInt8(ascii: "0"))
                guard number <= 255 else { return nil }
                index += 1
            }
            guard index > start else { return nil }
            address = address << 8 | number
        }
        if index < text.count, text[index] == UInt8(ascii: ".") { return nil }
        return IPv4Address(value: address)
    }

    /// An IPv6 address and nothing else.
    static func textIPv6(_ text: Span<UInt8>) -> IPv6Address? {
        // The longest one has 45 bytes; a NUL follows.
        guard text.count >= 2, text.count <= 45 else { return nil }
        var buffer: InlineArray<46, CChar> = .init(repeating: 0)
        for index in text.indices { buffer[index] = CChar(bitPattern: text[index]) }
        var words: (UInt64, UInt64) = (0, 0)
        var span = buffer.mutableSpan
        // SAFETY: the text ends with a NUL; inet_pton writes the 16 bytes of the tuple.
        let result = unsafe span.withUnsafeMutableBufferPointer { text in
            unsafe inet_pton(AF_INET6, text.baseAddress, &words)
        }
        return result == 1 ? IPv6Address(high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1)) : nil
    }
}
