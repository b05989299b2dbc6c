import Configuration
import Glibc
import HTTP
import Samples

/// Lines about the program that no logger writes.
public enum EventLine {
    /// What an event is in `log-format json`, as of now, without an end of line.
    public static func json(_ level: LogLevel, _ text: String) -> String {
        var clock = LogClock()
        var line = LogLine()
        var now = timeval()
        // SAFETY: the value is on the stack, for the time of the call.
        _ = unsafe gettimeofday(&now, nil)
        let microseconds = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_usec)
        JSONLayout.appendEvent(level, text, at: microseconds, clock: &clock, to: &line)
        return line.text
    }
}

/// `log-format json`: each line of the program is one JSON object (RFC 8259) with field names that do not change.
///
/// Fields without a value are left out; durations are in milliseconds.
enum JSONLayout {
    /// A request or a session that has ended.
    static func appendTraffic(
        _ record: borrowing LogRecord, at microseconds: Int64, clock: inout LogClock, to line: inout LogLine
    ) {
        let isHTTP = record.idleMilliseconds >= 0
        begin(isHTTP ? "request" : "session", at: microseconds, clock: &clock, to: &line)
        line.append(",\"accepted\":\"")
        clock.appendISODate(record.acceptDateMicroseconds, to: &line)
        line.append("\",\"client\":\"")
        record.client.appendHost(to: &line)
        line.append("\",\"client_port\":")
        line.append(decimal: Int64(record.client.number))
        name(",\"frontend\":", record.frontend, to: &line)
        name(",\"backend\":", record.backend, to: &line)
        name(",\"server\":", record.server, to: &line)
        if record.hasRequestLine {
            line.append(",\"request\":")
            // SAFETY: the record is borrowed for the call.
            unsafe append(string: record.requestLine, to: &line)
        }
        number(",\"status\":", Int64(record.status), to: &line)
        line.append(",\"bytes_sent\":")
        line.append(decimal: record.bytesRead)
        line.append(",\"bytes_received\":")
        line.append(decimal: record.bytesUploaded)
        line.append(",\"termination\":\"")
        line.append(record.cause.rawValue)
        line.append(record.phase.rawValue)
        line.append(UInt8(ascii: "\""))
        number(",\"time_idle\":", Int64(record.idleMilliseconds), to: &line)
        number(",\"time_request\":", Int64(record.requestMilliseconds), to: &line)
        number(",\"time_queue\":", Int64(record.queueMilliseconds), to: &line)
        number(",\"time_connect\":", Int64(record.connectMilliseconds), to: &line)
        number(",\"time_response\":", Int64(record.responseMilliseconds), to: &line)
        if isHTTP { number(",\"time_active\":", Int64(record.activeMilliseconds), to: &line) }
        number(",\"time_total\":", Int64(record.totalMilliseconds), to: &line)
        number(",\"retries\":", Int64(record.retries), to: &line)
        line.append(record.isRedispatched ? ",\"redispatched\":true" : ",\"redispatched\":false")
        number(",\"connections\":", Int64(record.processConnections), to: &line)
        number(",\"frontend_connections\":", Int64(record.frontendConnections), to: &line)
        number(",\"backend_connections\":", Int64(record.backendConnections), to: &line)
        number(",\"server_connections\":", Int64(record.serverConnections), to: &line)
        number(",\"backend_queue\":", Int64(record.backendQueue), to: &line)
        line.append(UInt8(ascii: "}"))
    }

    /// A connection that broke before it became a session.
    static func appendRefusal(
        from client: LogAddress, frontend: LogName, listener: LogName, message: StaticString, at microseconds: Int64,
        clock: inout LogClock, to line: inout LogLine
    ) {
        begin("error", at: microseconds, clock: &clock, to: &line)
        line.append(",\"client\":\"")
        client.appendHost(to: &line)
        line.append("\",\"client_port\":")
        line.append(decimal: Int64(client.number))
        name(",\"frontend\":", frontend, to: &line)
        name(",\"listener\":", listener, to: &line)
        line.append(",\"message\":")
        // SAFETY: a literal lives for ever.
        unsafe append(
            string: UnsafeRawBufferPointer(start: message.utf8Start, count: message.utf8CodeUnitCount), to: &line)
        line.append(UInt8(ascii: "}"))
    }

    /// Something that happened to the program.
    static func appendEvent(
        _ level: LogLevel, _ text: String, at microseconds: Int64, clock: inout LogClock, to line: inout LogLine
    ) {
        begin("event", at: microseconds, clock: &clock, to: &line)
        line.append(",\"level\":\"")
        line.append(text: "\(level)")
        line.append("\",\"message\":")
        var copy = text
        // SAFETY: the buffer is valid inside the closure.
        copy.withUTF8 { unsafe append(string: UnsafeRawBufferPointer($0), to: &line) }
        line.append(UInt8(ascii: "}"))
    }

    private static func begin(
        _ kind: StaticString, at microseconds: Int64, clock: inout LogClock, to line: inout LogLine
    ) {
        line.append("{\"time\":\"")
        clock.appendISODate(microseconds, to: &line)
        line.append("\",\"kind\":\"")
        line.append(kind)
        line.append(UInt8(ascii: "\""))
    }

    private static func name(_ key: StaticString, _ name: LogName, to line: inout LogLine) {
        line.append(key)
        // SAFETY: a name's bytes live for ever.
        unsafe append(string: name.bytes, to: &line)
    }

    /// A number that is not below 0; else nothing.
    private static func number(_ key: StaticString, _ value: Int64, to line: inout LogLine) {
        guard value >= 0 else { return }
        line.append(key)
        line.append(decimal: value)
    }

    /// A string with what RFC 8259, section 7, wants escaped; bytes beyond ASCII become escapes of the same number, so
    /// that the line is valid whatever a client sent.
    @unsafe
    private static func append(string bytes: UnsafeRawBufferPointer, to line: inout LogLine) {
        line.append(UInt8(ascii: "\""))
        for index in 0..<bytes.count {
            // SAFETY: the index is below the count; the caller vouches for the bytes during the call.
            let byte = unsafe bytes[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                line.append(UInt8(ascii: "\\"))
                line.append(byte)
            case 0x20..<0x7F: line.append(byte)
            default:
                line.append("\\u00")
                line.append(LogLine.digit(byte >> 4, upperCase: false))
                line.append(LogLine.digit(byte & 15, upperCase: false))
            }
        }
        line.append(UInt8(ascii: "\""))
    }
}
