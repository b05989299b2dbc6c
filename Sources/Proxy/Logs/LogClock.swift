import Glibc
import Samples

/// Wall clock dates as text, made once per second: `localtime_r` takes a lock of the C library.
///
/// Dates are microseconds since the epoch. Thread-safety: one thread.
struct LogClock: ~Copyable {
    /// The second that is cached, broken down in local time.
    private struct Moment {
        var second = Int64.min
        var (year, month, day) = (1970, 0, 1)
        var (hour, minute, secondOfMinute) = (0, 0, 0)
        var offsetSeconds = 0
    }

    // Headers are written at "now", records hold the dates of connections that may be old: one cache for each.
    private var header = Moment()
    private var record = Moment()
    private var common = Moment()

    static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    private static func split(_ microseconds: Int64) -> (second: Int64, microsecond: Int) {
        var (second, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        if rest < 0 {
            rest += 1_000_000
            second -= 1
        }
        return (second, Int(rest))
    }

    /// The milliseconds of a date's second.
    static func milliseconds(of microseconds: Int64) -> Int { split(microseconds).microsecond / 1000 }

    private static func load(_ moment: inout Moment, _ second: Int64, inUTC: Bool = false) {
        if moment.second == second { return }
        var time = time_t(second)
        // SAFETY: a struct of zeros, filled by the call below.
        var local = unsafe tm()
        // SAFETY: both pointers are to values on the stack, for the time of the call.
        _ = unsafe inUTC ? gmtime_r(&time, &local) : localtime_r(&time, &local)
        moment.second = second
        // SAFETY: these fields are numbers; the struct counts as unsafe for the name of its zone.
        unsafe (moment.year, moment.month, moment.day) = (
            Int(local.tm_year) + 1900, Int(local.tm_mon), Int(local.tm_mday)
        )
        unsafe (moment.hour, moment.minute) = (Int(local.tm_hour), Int(local.tm_min))
        unsafe moment.secondOfMinute = Int(local.tm_sec)
        unsafe moment.offsetSeconds = local.tm_gmtoff
    }

    private static func appendMonth(_ month: Int, to line: inout LogLine) {
        let index = month >= 0 && month < 12 ? month : 0
        // SAFETY: the static string has three bytes for each of twelve months.
        unsafe line.append(raw: UnsafeRawBufferPointer(start: months.utf8Start + index * 3, count: 3))
    }

    private static func appendTime(_ local: Moment, to line: inout LogLine) {
        line.append(padded: local.hour, width: 2)
        line.append(UInt8(ascii: ":"))
        line.append(padded: local.minute, width: 2)
        line.append(UInt8(ascii: ":"))
        line.append(padded: local.secondOfMinute, width: 2)
    }

    /// "Nov 22 21:04:05", the day with a space in front of one digit (RFC 3164, section 4.1.2).
    mutating func appendSyslogDate(_ microseconds: Int64, to line: inout LogLine) {
        LogClock.load(&header, LogClock.split(microseconds).second)
        LogClock.appendMonth(header.month, to: &line)
        line.append(UInt8(ascii: " "))
        let day = header.day
        if day < 10 { line.append(UInt8(ascii: " ")) }
        line.append(decimal: Int64(day))
        line.append(UInt8(ascii: " "))
        LogClock.appendTime(header, to: &line)
    }

    /// "2026-11-22T21:04:05.123456+00:00" (RFC 3339).
    mutating func appendISODate(_ microseconds: Int64, to line: inout LogLine) {
        let (second, microsecond) = LogClock.split(microseconds)
        LogClock.load(&header, second)
        line.append(padded: header.year, width: 4)
        line.append(UInt8(ascii: "-"))
        line.append(padded: header.month + 1, width: 2)
        line.append(UInt8(ascii: "-"))
        line.append(padded: header.day, width: 2)
        line.append(UInt8(ascii: "T"))
        LogClock.appendTime(header, to: &line)
        line.append(UInt8(ascii: "."))
        line.append(padded: microsecond, width: 6)
        LogClock.appendZone(header.offsetSeconds, to: &line)
    }

    /// "+01:00".
    private static func appendZone(_ offsetSeconds: Int, to line: inout LogLine) {
        line.append(offsetSeconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        let minutes = Int(offsetSeconds.magnitude / 60)
        line.append(padded: minutes / 60, width: 2)
        line.append(UInt8(ascii: ":"))
        line.append(padded: minutes % 60, width: 2)
    }

    /// "22/Nov/2026:21:04:05".
    private static func appendRecordSecond(_ local: Moment, to line: inout LogLine) {
        line.append(padded: local.day, width: 2)
        line.append(UInt8(ascii: "/"))
        appendMonth(local.month, to: &line)
        line.append(UInt8(ascii: "/"))
        line.append(padded: local.year, width: 4)
        line.append(UInt8(ascii: ":"))
        appendTime(local, to: &line)
    }

    /// "22/Nov/2026:21:04:05.123", the date of an accept or a request (manual, section 8.2.2).
    mutating func appendRecordDate(_ microseconds: Int64, to line: inout LogLine) {
        let (second, microsecond) = LogClock.split(microseconds)
        LogClock.load(&record, second)
        LogClock.appendRecordSecond(record, to: &line)
        line.append(UInt8(ascii: "."))
        line.append(padded: microsecond / 1000, width: 3)
    }

    /// "22/Nov/2026:21:04:05 +0100", in local time.
    mutating func appendLocalDate(_ microseconds: Int64, to line: inout LogLine) {
        LogClock.load(&record, LogClock.split(microseconds).second)
        LogClock.appendRecordSecond(record, to: &line)
        line.append(record.offsetSeconds < 0 ? " -" : " +")
        let minutes = Int(record.offsetSeconds.magnitude / 60)
        line.append(padded: minutes / 60, width: 2)
        line.append(padded: minutes % 60, width: 2)
    }

    /// "22/Nov/2026:21:04:05 +0000", the date of the common log format, in UTC.
    mutating func appendCommonDate(_ microseconds: Int64, to line: inout LogLine) {
        LogClock.load(&common, LogClock.split(microseconds).second, inUTC: true)
        LogClock.appendRecordSecond(common, to: &line)
        line.append(" +0000")
    }
}
