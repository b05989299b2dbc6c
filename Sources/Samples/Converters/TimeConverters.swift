import Base
import Glibc

/// Converters of dates (manual, section 7.3.1).
// SAFETY: `tm` is filled by the C library; its zone is not looked at.
enum TimeConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "http_date", ArgumentShape(optional: [.integer, .string]), .type(.integer), .type(.string),
            "A date as HTTP fields have it (RFC 9110, section 5.6.7)",
            prepare: { arguments, _ throws(ArgumentFailure) in
                switch String(decoding: arguments.string(1), as: UTF8.self) {
                case "", "s": return TimeUnit(1_000_000)
                case "ms": return TimeUnit(1000)
                case "us": return TimeUnit(1)
                case let other: throw ArgumentFailure(1, "'s', 'ms' or 'us' is expected, not '\(other)'")
                }
            }
        ) { sample, scope, arguments in
            let perSecond = 1_000_000 / (arguments.made(TimeUnit.self)?.microseconds ?? 1_000_000)
            let value = sample.integer &+ arguments.integer(0)
            return httpDate(value / perSecond, fraction: perSecond == 1 ? nil : value % perSecond, scope)
        },
        ConverterKeyword(
            "ltime", ArgumentShape([.string], optional: [.integer]), .type(.integer), .type(.string),
            "A date in local time, by a format of strftime(3)",
            prepare: { arguments, _ throws(ArgumentFailure) in try DateFormat(arguments) }
        ) { sample, scope, arguments in
            arguments.made(DateFormat.self)?.write(
                sample.integer &+ arguments.integer(1), isLocal: true, scope)
        },
        ConverterKeyword(
            "utime", ArgumentShape([.string], optional: [.integer]), .type(.integer), .type(.string),
            "A date in UTC, by a format of strftime(3)",
            prepare: { arguments, _ throws(ArgumentFailure) in try DateFormat(arguments) }
        ) { sample, scope, arguments in
            arguments.made(DateFormat.self)?.write(
                sample.integer &+ arguments.integer(1), isLocal: false, scope)
        },
    ]

    /// Seconds that the system's calendar can count; larger ones, and those before 1970, wrap into them.
    fileprivate static func calendar(_ seconds: Int64, isLocal: Bool) -> tm? {
        var time = time_t(seconds & 0x007F_FFFF_FFFF_FFFF)
        var parts = unsafe tm()
        // SAFETY: both read and write the locals only.
        guard unsafe (isLocal ? localtime_r(&time, &parts) : gmtime_r(&time, &parts)) != nil else { return nil }
        return unsafe parts
    }

    private static func httpDate(_ seconds: Int64, fraction: Int64?, _ scope: SampleScope) -> Sample? {
        guard let parts = unsafe calendar(seconds, isLocal: false) else { return nil }
        // SAFETY: the fields are plain numbers.
        let (weekday, month) = unsafe (Int(parts.tm_wday), Int(parts.tm_mon))
        guard (0..<7).contains(weekday), (0..<12).contains(month) else { return nil }
        return scope.scratch.compose { output in
            output.append(CalendarNames.weekdays[weekday])
            output.append(", ")
            output.append(decimal: UInt64(unsafe parts.tm_mday), width: 2)
            output.append(" ")
            output.append(CalendarNames.months[month])
            output.append(" ")
            output.append(decimal: UInt64(max(0, unsafe Int64(parts.tm_year) + 1900)), width: 4)
            output.append(" ")
            output.append(decimal: UInt64(unsafe parts.tm_hour), width: 2)
            output.append(":")
            output.append(decimal: UInt64(unsafe parts.tm_min), width: 2)
            output.append(":")
            output.append(decimal: UInt64(unsafe parts.tm_sec), width: 2)
            if let fraction {
                output.append(".")
                output.append(decimal: fraction)
            }
            output.append(" GMT")
            return true
        }
    }
}

/// Names of RFC 9110, section 5.6.7.
private enum CalendarNames {
    static let weekdays: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}

/// A format of strftime(3), ready for the C library.
// SAFETY: `tm` is filled by the C library; its zone is not looked at.
final class DateFormat: Sendable {
    private let format: [CChar]

    init(_ arguments: Arguments) throws(ArgumentFailure) {
        let text = arguments.string(0)
        if text.contains(0) { throw ArgumentFailure(0, "a format has no NUL") }
        format = text.map { CChar(bitPattern: $0) } + [0]
    }

    func write(_ seconds: Int64, isLocal: Bool, _ scope: SampleScope) -> Sample? {
        guard var parts = unsafe TimeConverters.calendar(seconds, isLocal: isLocal) else { return nil }
        return scope.scratch.compose { output in
            // SAFETY: strftime writes at most as many bytes as the room has; the format ends with a NUL.
            unsafe output.fill { room in
                unsafe strftime(room.baseAddress?.assumingMemoryBound(to: CChar.self), room.count, format, &parts)
            }
        }
    }
}
