import Configuration
import Samples

/// The texts of traffic lines (manual, section 8.2).
enum LogLayout {
    /// Section 8.2.1: "Connect from 10.0.1.2:33312 to 10.0.3.31:8012 (www/HTTP)".
    static func appendConnect(
        from client: LogAddress, to local: LogAddress, frontend: LogName, mode: ProxyMode, to line: inout LogLine
    ) {
        line.append("Connect ")
        // A unix socket has one name for both ends.
        if client.kind != .unix {
            line.append("from ")
            client.append(to: &line)
            line.append(UInt8(ascii: " "))
        }
        line.append("to ")
        (client.kind == .unix ? client : local).append(to: &line)
        line.append(" (")
        line.append(frontend)
        line.append(mode == .http ? "/HTTP)" : "/TCP)")
    }

    /// Section 8.2.2: %ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq
    static func appendTCP(_ record: borrowing LogRecord, clock: inout LogClock, to line: inout LogLine) {
        appendFrom(record, date: record.acceptDateMicroseconds, clock: &clock, to: &line)
        append(record.queueMilliseconds, "/", to: &line)
        append(record.connectMilliseconds, "/", to: &line)
        if record.isEarly { line.append(UInt8(ascii: "+")) }
        append(record.totalMilliseconds, " ", to: &line)
        if record.isEarly { line.append(UInt8(ascii: "+")) }
        line.append(decimal: record.bytesRead)
        line.append(UInt8(ascii: " "))
        line.append(record.cause.rawValue)
        line.append(record.phase.rawValue)
        line.append(UInt8(ascii: " "))
        appendLoad(record, to: &line)
    }

    /// Section 8.2.3: %ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq
    /// %hr %hs %{+Q}r; nothing is captured, so the cookies are "-" and the braces are absent.
    static func appendHTTP(_ record: borrowing LogRecord, clock: inout LogClock, to line: inout LogLine) {
        appendFrom(record, date: record.requestDateMicroseconds, clock: &clock, to: &line)
        append(record.requestMilliseconds, "/", to: &line)
        append(record.queueMilliseconds, "/", to: &line)
        append(record.connectMilliseconds, "/", to: &line)
        append(record.responseMilliseconds, "/", to: &line)
        if record.isEarly { line.append(UInt8(ascii: "+")) }
        append(record.activeMilliseconds, " ", to: &line)
        append(record.status, " ", to: &line)
        if record.isEarly { line.append(UInt8(ascii: "+")) }
        line.append(decimal: record.bytesRead)
        line.append(" - - ")
        appendState(record, to: &line)
        line.append(UInt8(ascii: " "))
        appendLoad(record, to: &line)
        line.append(UInt8(ascii: " "))
        appendRequest(record, to: &line)
    }

    /// `option httplog clf`: the common log format, then the fields of the HTTP one, one by one.
    static func appendCommon(_ record: borrowing LogRecord, clock: inout LogClock, to line: inout LogLine) {
        record.client.appendHost(to: &line)
        line.append(" - - [")
        clock.appendCommonDate(record.requestDateMicroseconds, to: &line)
        line.append("] ")
        appendRequest(record, to: &line)
        line.append(UInt8(ascii: " "))
        append(record.status, " ", to: &line)
        if record.isEarly { line.append(UInt8(ascii: "+")) }
        line.append(decimal: record.bytesRead)
        line.append(" \"\" \"\" ")
        line.append(decimal: Int64(record.client.number))
        line.append(UInt8(ascii: " "))
        line.append(padded: LogClock.milliseconds(of: record.acceptDateMicroseconds), width: 3)
        line.append(" \"")
        line.append(record.frontend)
        line.append("\" \"")
        line.append(record.backend)
        line.append("\" \"")
        line.append(record.server)
        line.append("\" ")
        append(record.requestMilliseconds, " ", to: &line)
        append(record.queueMilliseconds, " ", to: &line)
        append(record.connectMilliseconds, " ", to: &line)
        append(record.responseMilliseconds, " ", to: &line)
        if record.isEarly { line.append(UInt8(ascii: "+")) }
        append(record.activeMilliseconds, " ", to: &line)
        appendState(record, to: &line)
        line.append(UInt8(ascii: " "))
        append(record.processConnections, " ", to: &line)
        append(record.frontendConnections, " ", to: &line)
        append(record.backendConnections, " ", to: &line)
        append(record.serverConnections, " ", to: &line)
        if record.isRedispatched { line.append(UInt8(ascii: "+")) }
        append(record.retries, " ", to: &line)
        append(record.serverQueue, " ", to: &line)
        line.append(decimal: record.backendQueue)
        // Captured cookies, and behind the last space captured headers: none.
        line.append(" \"\" \"\" ")
    }

    /// Section 8.2.5: "127.0.0.1:56059 [03/Dec/2012:17:35:10.380] frt/f1: message".
    static func appendRefusal(
        from client: LogAddress, acceptDateMicroseconds: Int64, frontend: LogName, listener: LogName,
        message: StaticString, clock: inout LogClock, to line: inout LogLine
    ) {
        appendClient(client, to: &line)
        line.append(" [")
        clock.appendRecordDate(acceptDateMicroseconds, to: &line)
        line.append("] ")
        line.append(frontend)
        line.append(UInt8(ascii: "/"))
        line.append(listener)
        line.append(": ")
        line.append(message)
    }

    // MARK: Fields

    private static func append(_ value: Int32, _ separator: StaticString, to line: inout LogLine) {
        line.append(decimal: value)
        line.append(separator)
    }

    private static func appendClient(_ client: LogAddress, to line: inout LogLine) {
        client.append(to: &line)
    }

    /// "client [date] frontend backend/server ".
    private static func appendFrom(
        _ record: borrowing LogRecord, date: Int64, clock: inout LogClock, to line: inout LogLine
    ) {
        record.client.append(to: &line)
        line.append(" [")
        clock.appendRecordDate(date, to: &line)
        line.append("] ")
        line.append(record.frontend)
        line.append(UInt8(ascii: " "))
        line.append(record.backend)
        line.append(UInt8(ascii: "/"))
        line.append(record.server)
        line.append(UInt8(ascii: " "))
    }

    private static func appendState(_ record: borrowing LogRecord, to line: inout LogLine) {
        line.append(record.cause.rawValue)
        line.append(record.phase.rawValue)
        line.append(record.requestCookieState)
        line.append(record.responseCookieState)
    }

    /// "actconn/feconn/beconn/srv_conn/retries srv_queue/backend_queue".
    private static func appendLoad(_ record: borrowing LogRecord, to line: inout LogLine) {
        append(record.processConnections, "/", to: &line)
        append(record.frontendConnections, "/", to: &line)
        append(record.backendConnections, "/", to: &line)
        append(record.serverConnections, "/", to: &line)
        if record.isRedispatched { line.append(UInt8(ascii: "+")) }
        append(record.retries, " ", to: &line)
        append(record.serverQueue, "/", to: &line)
        line.append(decimal: record.backendQueue)
    }

    private static func appendRequest(_ record: borrowing LogRecord, to line: inout LogLine) {
        line.append(UInt8(ascii: "\""))
        if record.hasRequestLine {
            // SAFETY: the record is borrowed for the call.
            unsafe line.append(escaping: record.requestLine)
        } else {
            line.append("<BADREQ>")
        }
        line.append(UInt8(ascii: "\""))
    }
}
