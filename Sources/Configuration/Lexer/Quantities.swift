/// Why a number, time or size could not be read.
enum QuantityError: Error, Equatable {
    case empty
    /// The first byte that does not belong.
    case unexpected(Character, offset: Int)
    case overflow
}

/// Numbers, times and sizes (manual, section 2.5). All checked; nothing wraps.
enum Quantities {
    /// What HAProxy's timers can hold.
    static let longestTimeMilliseconds = 2_147_483_647

    /// A decimal integer, perhaps with a sign.
    static func integer(_ bytes: some Collection<UInt8>) throws(QuantityError) -> Int {
        var rest = bytes[...]
        var isNegative = false
        var offset = 0
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            isNegative = first == UInt8(ascii: "-")
            rest = rest.dropFirst()
            offset = 1
        }
        guard !rest.isEmpty else { throw .empty }
        var value = 0
        for byte in rest {
            guard byte.isDigit else { throw .unexpected(Character(Unicode.Scalar(byte)), offset: offset) }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let digit = Int(byte &- UInt8(ascii: "0"))
            let (sum, carried) =
                isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !overflowed, !carried else { throw .overflow }
            value = sum
            offset += 1
        }
        return value
    }

    /// The number in front and the text behind it.
    private static func split(_ bytes: [UInt8]) throws(QuantityError) -> (Int, ArraySlice<UInt8>) {
        let digits = bytes.prefix(while: \.isDigit)
        guard !digits.isEmpty else {
            guard let first = bytes.first else { throw .empty }
            throw .unexpected(Character(Unicode.Scalar(first)), offset: 0)
        }
        return (try integer(digits), bytes[digits.endIndex...])
    }

    private static func unexpected(_ suffix: ArraySlice<UInt8>, in bytes: [UInt8]) -> QuantityError {
        let first = suffix.first ?? UInt8(ascii: "?")
        return .unexpected(Character(Unicode.Scalar(first)), offset: bytes.count - suffix.count)
    }

    /// A time in microseconds, with `defaultUnit` where none is written.
    private static func microseconds(_ bytes: [UInt8], defaultUnit: Int) throws(QuantityError) -> Int {
        let (number, suffix) = try split(bytes)
        let unit: Int
        switch String(decoding: suffix, as: UTF8.self) {
        case "": unit = defaultUnit
        case "us": unit = 1
        case "ms": unit = 1_000
        case "s": unit = 1_000_000
        case "m": unit = 60_000_000
        case "h": unit = 3_600_000_000
        case "d": unit = 86_400_000_000
        default: throw unexpected(suffix, in: bytes)
        }
        let (product, overflowed) = number.multipliedReportingOverflow(by: unit)
        guard !overflowed else { throw .overflow }
        return product
    }

    /// A time in milliseconds; parts of a millisecond count as a whole one.
    static func milliseconds(_ bytes: [UInt8]) throws(QuantityError) -> Int {
        let value = try microseconds(bytes, defaultUnit: 1_000)
        let rounded = value / 1_000 + (value % 1_000 == 0 ? 0 : 1)
        guard rounded <= longestTimeMilliseconds else { throw .overflow }
        return rounded
    }

    /// A time in seconds, where seconds are the unit that is not written.
    static func seconds(_ bytes: [UInt8]) throws(QuantityError) -> Int {
        let value = try microseconds(bytes, defaultUnit: 1_000_000)
        let rounded = value / 1_000_000 + (value % 1_000_000 == 0 ? 0 : 1)
        guard rounded <= longestTimeMilliseconds / 1_000 else { throw .overflow }
        return rounded
    }

    /// A size in bytes: `k`, `m` and `g` are powers of 1024.
    static func bytes(_ bytes: [UInt8]) throws(QuantityError) -> Int {
        let (number, suffix) = try split(bytes)
        let unit: Int
        switch String(decoding: suffix, as: UTF8.self) {
        case "": unit = 1
        case "k", "K": unit = 1 << 10
        case "m", "M": unit = 1 << 20
        case "g", "G": unit = 1 << 30
        default: throw unexpected(suffix, in: bytes)
        }
        let (product, overflowed) = number.multipliedReportingOverflow(by: unit)
        guard !overflowed else { throw .overflow }
        return product
    }
}
