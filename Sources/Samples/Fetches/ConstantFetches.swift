import Base

/// Fetches of constants, of the clock and of chance (manual, section 7.3.2).
enum ConstantFetches {
    static let all: [FetchKeyword] = literals + environment + clocks + chance

    private static let literals: [FetchKeyword] = [
        FetchKeyword("always_false", .none, .boolean, .constant, section: "7.3.2", "Always false") { _, _ in
            Sample(false)
        },
        FetchKeyword("always_true", .none, .boolean, .constant, section: "7.3.2", "Always true") { _, _ in
            Sample(true)
        },
        FetchKeyword(
            "bin", ArgumentShape([.string]), .binary, .constant, section: "7.3.2",
            "The bytes that the argument has in hexadecimal digits",
            prepare: { arguments, _ throws(ArgumentFailure) in
                guard let bytes = hexadecimal(arguments.string(0)) else {
                    throw ArgumentFailure(0, "an even number of hexadecimal digits is expected")
                }
                return LiteralBytes(bytes)
            }
        ) { _, arguments in
            arguments.literal?.sample(.binary)
        },
        FetchKeyword(
            "bool", ArgumentShape([.string]), .boolean, .constant, section: "7.3.2", "true, false, 1 or 0",
            prepare: { arguments, _ throws(ArgumentFailure) in
                switch String(decoding: arguments.string(0), as: UTF8.self).lowercased() {
                case "true", "1": return LiteralBytes([1])
                case "false", "0": return LiteralBytes([])
                default: throw ArgumentFailure(0, "'true', 'false', '1' or '0' is expected")
                }
            }
        ) { _, arguments in
            Sample(arguments.literal?.isEmpty == false)
        },
        FetchKeyword(
            "int", ArgumentShape([.integer]), .integer, .constant, section: "7.3.2", "The integer that is the argument"
        ) { _, arguments in
            Sample(arguments.integer(0))
        },
        FetchKeyword(
            "ipv4", ArgumentShape([.ipv4]), .ipv4, .constant, section: "7.3.2", "The address that is the argument"
        ) { _, arguments in
            if case .ipv4(let address) = arguments[0] { Sample(address) } else { nil }
        },
        FetchKeyword(
            "ipv6", ArgumentShape([.ipv6]), .ipv6, .constant, section: "7.3.2", "The address that is the argument"
        ) { _, arguments in
            if case .ipv6(let address) = arguments[0] { Sample(address) } else { nil }
        },
        FetchKeyword(
            "meth", ArgumentShape([.string]), .method, .constant, section: "7.3.2", "The method that is the argument",
            prepare: literal(0)
        ) { _, arguments in
            arguments.literal?.sample(.method)
        },
        FetchKeyword(
            "str", ArgumentShape([.string]), .string, .constant, section: "7.3.2", "The string that is the argument",
            prepare: literal(0)
        ) { _, arguments in
            arguments.literal?.sample()
        },
    ]

    private static let environment: [FetchKeyword] = [
        FetchKeyword(
            "env", ArgumentShape([.string]), .string, .constant, section: "7.3.2",
            "The value of an environment variable, as it was when the configuration was read",
            prepare: { arguments, context throws(ArgumentFailure) in
                context.environmentVariable(String(decoding: arguments.string(0), as: UTF8.self)).map {
                    LiteralBytes(Array($0.utf8))
                }
            }
        ) { _, arguments in
            arguments.literal?.sample()
        },
        FetchKeyword(
            "hostname", .none, .string, .constant, section: "7.3.2", "The name of this machine",
            prepare: { _, context throws(ArgumentFailure) in LiteralBytes(Array(context.hostName.utf8)) }
        ) { _, arguments in
            arguments.literal?.sample()
        },
        FetchKeyword("nbproc", .none, .integer, .constant, section: "7.3.2", "Always 1") { _, _ in Sample(1) },
        FetchKeyword("proc", .none, .integer, .constant, section: "7.3.2", "Always 1") { _, _ in Sample(1) },
        FetchKeyword("thread", .none, .integer, .constant, section: "7.3.2", "Number of the thread, from 0") {
            scope, _ in
            Sample(scope.number(.thread) ?? 0)
        },
    ]

    private static let clocks: [FetchKeyword] = [
        FetchKeyword(
            "date", ArgumentShape([], optional: [.integer, .string]), .integer, .constant, section: "7.3.2",
            "The time since 1970 in seconds, or in the unit given, plus an offset",
            prepare: { arguments, _ throws(ArgumentFailure) in
                switch String(decoding: arguments.string(1), as: UTF8.self) {
                case "", "s": return TimeUnit(1_000_000)
                case "ms": return TimeUnit(1000)
                case "us": return TimeUnit(1)
                case let other: throw ArgumentFailure(1, "'s', 'ms' or 'us' is expected, not '\(other)'")
                }
            }
        ) { scope, arguments in
            let unit = arguments.made(TimeUnit.self)?.microseconds ?? 1_000_000
            return Sample(scope.wallClockMicroseconds / unit &+ arguments.integer(0))
        },
        FetchKeyword(
            "date_us", .none, .integer, .constant, section: "7.3.2", "The microseconds of the current second"
        ) { scope, _ in
            Sample(scope.wallClockMicroseconds % 1_000_000)
        },
    ]

    private static let chance: [FetchKeyword] = [
        FetchKeyword(
            "rand", ArgumentShape([], optional: [.integer]), .integer, .constant, section: "7.3.2",
            "A random number from 0 to below the argument, or to below 2^32"
        ) { scope, arguments in
            let number = Int64(scope.random() & 0xFFFF_FFFF)
            guard arguments.has(0) else { return Sample(number) }
            // The number as a fraction of 2^32.
            let range = UInt64(min(max(arguments.integer(0), 0), Int64(UInt32.max)))
            return Sample(Int64(truncatingIfNeeded: (UInt64(number) &* range) >> 32))
        },
        FetchKeyword(
            "uuid", ArgumentShape([], optional: [.integer]), .string, .constant, section: "7.3.2",
            "A random universally unique identifier (RFC 4122, version 4)",
            prepare: { arguments, _ throws(ArgumentFailure) in
                let version = arguments.integer(0, default: 4)
                if version != 0 && version != 4 { throw ArgumentFailure(0, "there is version 4 only") }
                return nil
            }
        ) { scope, _ in
            uuid(scope)
        },
    ]

    /// Version 4, variant 1: eight groups of digits with dashes.
    private static func uuid(_ scope: SampleScope) -> Sample? {
        let high = scope.random() & ~0xF000 | 0x4000
        let low = scope.random() & ~(3 << 62) | 2 << 62
        return scope.scratch.write(.string) { output in
            for (index, word) in [high, low].enumerated() {
                for nibble in 0..<16 {
                    let position = index * 16 + nibble
                    if [8, 12, 16, 20].contains(position) { output.append(UInt8(ascii: "-")) }
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * nibble)) & 15
                    output.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                }
            }
        }
    }

    static func hexadecimal(_ digits: [UInt8]) -> [UInt8]? {
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index].hexValue, let low = digits[index + 1].hexValue else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}

/// A unit of time, as `prepare` keeps it.
final class TimeUnit: Sendable {
    let microseconds: Int64
    init(_ microseconds: Int64) { self.microseconds = microseconds }
}
