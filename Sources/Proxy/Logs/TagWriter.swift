import Base
import Engine
import HTTP
import Samples

/// Writes the variables of log formats for a stream (manual, section 8.2.6).
///
/// In a log what the record holds is final; in a rule it is what is known so far.
struct TagWriter {
    let stream: ProxiedStream
    let scope: StreamScope
    let flags: FormatFlags

    private var isHexadecimal: Bool { flags.contains(.hexadecimal) }

    func write(_ tag: FormatTag, to line: inout LogLine) {
        switch tag {
        case .bytesRead: early(Int64(clamping: stream.record.bytesRead), to: &line)
        case .bytesUploaded: line.append(decimal: stream.record.bytesUploaded)
        case .status: line.append(decimal: stream.record.status)
        case .termination:
            line.append(stream.record.cause.rawValue)
            line.append(stream.record.phase.rawValue)
        case .terminationWithCookies:
            line.append(stream.record.cause.rawValue)
            line.append(stream.record.phase.rawValue)
            line.append(stream.record.requestCookieState)
            line.append(stream.record.responseCookieState)
        case .requestCookie, .responseCookie, .requestHeaders, .requestHeaderList, .responseHeaders,
            .responseHeaderList:
            captured(tag, to: &line)
        case .method, .uri, .uriWithoutQuery, .path, .query, .version, .requestLine: request(tag, to: &line)
        case .frontend, .frontendTransport: name(stream.record.frontend, to: &line)
        case .backend: name(stream.record.backend, to: &line)
        case .server: name(stream.record.server, to: &line)
        case .client, .clientPort, .frontendAddress, .frontendPort, .backendSource, .backendSourcePort,
            .serverAddress, .serverPort:
            address(tag, to: &line)
        case .dateUTC, .dateLocal, .acceptDate, .requestDate, .requestDateUTC, .requestDateLocal, .timestamp,
            .milliseconds:
            date(tag, to: &line)
        case .activeTime, .connectTime, .dataTime, .handshakeTime, .idleTime, .queryTime, .requestTime,
            .responseTime, .totalTime, .userTime, .queueTime:
            timer(tag, to: &line)
        case .hostname:
            // SAFETY: the array's storage is valid inside the closure.
            unsafe stream.context.logWriter.hostname.withUnsafeBytes { unsafe line.append(text: $0, flags) }
        case .processID:
            let number = UInt64(stream.context.logWriter.processNumber)
            if isHexadecimal { line.append(hexadecimal: number, width: 4) } else { line.append(decimal: number) }
        case .uniqueID: uniqueID(to: &line)
        case .requestCounter: counter(UInt64(stream.requestNumber()), to: &line)
        case .logCounter: counter(stream.frontend.logger.nextNumber, to: &line)
        case .processConnections, .frontendConnections, .backendConnections, .serverConnections, .retries,
            .serverQueue, .backendQueue:
            load(tag, to: &line)
        }
    }

    // MARK: Texts

    private func name(_ name: LogName, to line: inout LogLine) {
        // SAFETY: a name's bytes live for ever.
        unsafe line.append(text: name.bytes, flags)
    }

    private func uniqueID(to line: inout LogLine) {
        let identifier = stream.uniqueID(scope)
        if identifier.isEmpty { return line.appendNothing(flags) }
        // SAFETY: the array's storage is valid inside the closure.
        unsafe identifier.withUnsafeBytes { unsafe line.append(text: $0, flags) }
    }

    /// Parts of the request line: of the one that was kept, or of the head while it is there.
    private func request(_ tag: FormatTag, to line: inout LogLine) {
        if stream.record.hasRequestLine {
            // SAFETY: the record is not changed while its bytes are written.
            unsafe part(tag, of: stream.record.requestLine, to: &line)
        } else if let head = scope.request {
            var text = LogLine()
            text.append(head.span(head.methodSlice))
            text.append(UInt8(ascii: " "))
            text.append(head.span(head.targetSlice))
            text.append(head.version < .http11 ? " HTTP/1.0" : " HTTP/1.1")
            unsafe part(tag, of: text.bytes, to: &line)
        } else {
            line.append(text: "<BADREQ>", flags)
        }
    }

    /// - Parameter text: "GET /path?query HTTP/1.1".
    @unsafe
    private func part(_ tag: FormatTag, of text: UnsafeRawBufferPointer, to line: inout LogLine) {
        // SAFETY: the caller vouches for the text during the call.
        let span = unsafe Span<UInt8>(_unsafeBytes: text)
        var methodEnd = 0
        while methodEnd < span.count, span[methodEnd] != 0x20 { methodEnd += 1 }
        var uriEnd = methodEnd + 1
        while uriEnd < span.count, span[uriEnd] != 0x20 { uriEnd += 1 }
        uriEnd = min(uriEnd, span.count)
        let uri = min(methodEnd + 1, uriEnd)..<uriEnd
        var query = uri.lowerBound
        while query < uriEnd, span[query] != UInt8(ascii: "?") { query += 1 }
        let range: Range<Int>
        switch tag {
        case .method: range = 0..<methodEnd
        case .uri: range = uri
        case .uriWithoutQuery: range = uri.lowerBound..<query
        case .query: range = query..<uriEnd
        case .version: range = min(uriEnd + 1, span.count)..<span.count
        case .path: range = pathStart(span, uri, query)..<query
        default: range = 0..<span.count
        }
        if flags.contains(.quote) { line.append(UInt8(ascii: "\"")) }
        // SAFETY: the range lies inside of the text.
        unsafe line.append(
            escaping: UnsafeRawBufferPointer(rebasing: text[range]), backslashes: flags.contains(.escape))
        if flags.contains(.quote) { line.append(UInt8(ascii: "\"")) }
    }

    /// Behind scheme and authority.
    private func pathStart(_ span: Span<UInt8>, _ uri: Range<Int>, _ end: Int) -> Int {
        if uri.lowerBound >= end || span[uri.lowerBound] == UInt8(ascii: "/") { return uri.lowerBound }
        var index = uri.lowerBound
        while index + 2 < end {
            if span[index] == UInt8(ascii: ":"), span[index + 1] == UInt8(ascii: "/"),
                span[index + 2] == UInt8(ascii: "/")
            {
                index += 3
                while index < end, span[index] != UInt8(ascii: "/") { index += 1 }
                return index
            }
            index += 1
        }
        return uri.lowerBound
    }

    // MARK: Captures

    private func captured(_ tag: FormatTag, to line: inout LogLine) {
        guard let store = stream.rules?.captures, store.owner === stream.frontend.processing, store.isFilled else {
            if tag == .requestCookie || tag == .responseCookie { line.appendNothing(flags) }
            return
        }
        switch tag {
        case .requestCookie: raw(store, store.requestCookie, to: &line)
        case .responseCookie: raw(store, store.responseCookie, to: &line)
        case .requestHeaders: braces(store, 0, store.requestCount, to: &line)
        case .responseHeaders: braces(store, store.requestCount, store.responseCount, to: &line)
        case .requestHeaderList: list(store, 0, store.requestCount, to: &line)
        default: list(store, store.requestCount, store.responseCount, to: &line)
        }
    }

    private func raw(_ store: CaptureStore, _ index: Int, to line: inout LogLine) {
        // SAFETY: the slot is not filled while its bytes are written.
        guard let bytes = unsafe store.value(index) else { return line.appendNothing(flags) }
        unsafe line.append(text: bytes, flags)
    }

    /// "{one|two}", or nothing when nothing is declared.
    private func braces(_ store: CaptureStore, _ first: Int, _ count: Int, to line: inout LogLine) {
        if count == 0 { return }
        if flags.contains(.quote) { line.append(UInt8(ascii: "\"")) }
        line.append(UInt8(ascii: "{"))
        for index in 0..<count {
            if index > 0 { line.append(UInt8(ascii: "|")) }
            // SAFETY: the slot is not filled while its bytes are written.
            if let bytes = unsafe store.value(first + index) {
                unsafe line.append(escapingCapture: bytes, backslashes: flags.contains(.escape))
            }
        }
        line.append(UInt8(ascii: "}"))
        if flags.contains(.quote) { line.append(UInt8(ascii: "\"")) }
    }

    /// Each by itself, in the way of the common log format.
    private func list(_ store: CaptureStore, _ first: Int, _ count: Int, to line: inout LogLine) {
        for index in 0..<count {
            if index > 0 { line.append(UInt8(ascii: " ")) }
            // SAFETY: the slot is not filled while its bytes are written.
            guard let bytes = unsafe store.value(first + index) else {
                line.appendNothing(flags.union(.log))
                continue
            }
            if flags.contains(.quote) { line.append(UInt8(ascii: "\"")) }
            // SAFETY: as above.
            unsafe line.append(escapingCapture: bytes, backslashes: flags.contains(.escape))
            if flags.contains(.quote) { line.append(UInt8(ascii: "\"")) }
        }
    }

    // MARK: Numbers

    /// With `option logasap` what still grows has a "+" in front.
    private func early(_ value: Int64, to line: inout LogLine) {
        if stream.record.isEarly { line.append(UInt8(ascii: "+")) }
        line.append(decimal: value)
    }

    private func counter(_ value: UInt64, to line: inout LogLine) {
        if isHexadecimal { line.append(hexadecimal: value, width: 4) } else { line.append(decimal: value) }
    }

    private func load(_ tag: FormatTag, to line: inout LogLine) {
        if !flags.contains(.log) { stream.recordCounts() }
        switch tag {
        case .processConnections: line.append(decimal: stream.record.processConnections)
        case .frontendConnections: line.append(decimal: stream.record.frontendConnections)
        case .backendConnections: line.append(decimal: stream.record.backendConnections)
        case .serverConnections: line.append(decimal: stream.record.serverConnections)
        case .serverQueue: line.append(decimal: stream.record.serverQueue)
        case .backendQueue: line.append(decimal: stream.record.backendQueue)
        default:
            if stream.record.isRedispatched { line.append(UInt8(ascii: "+")) }
            line.append(decimal: stream.record.retries)
        }
    }

    private func timer(_ tag: FormatTag, to line: inout LogLine) {
        let query = stream.record.queryMilliseconds
        let total = stream.record.totalMilliseconds
        switch tag {
        case .activeTime: early(Int64(stream.record.activeMilliseconds), to: &line)
        case .totalTime: early(Int64(total), to: &line)
        case .userTime: early(Int64(total) - Int64(max(0, stream.record.idleMilliseconds)), to: &line)
        case .connectTime: line.append(decimal: stream.record.connectMilliseconds)
        case .handshakeTime: line.append(decimal: stream.record.handshakeMilliseconds)
        case .idleTime: line.append(decimal: stream.record.idleMilliseconds)
        case .queryTime: line.append(decimal: query)
        case .requestTime: line.append(decimal: stream.record.requestMilliseconds)
        case .responseTime: line.append(decimal: stream.record.responseMilliseconds)
        case .queueTime: line.append(decimal: stream.record.queueMilliseconds)
        default:
            guard stream.record.responseMilliseconds >= 0 else { return line.append(decimal: Int32(-1)) }
            let before =
                Int64(max(0, query)) + Int64(max(0, stream.record.queueMilliseconds))
                + Int64(max(0, stream.record.connectMilliseconds)) + Int64(stream.record.responseMilliseconds)
            line.append(decimal: max(0, Int64(total) - before))
        }
    }

    // MARK: Addresses

    private func address(_ tag: FormatTag, to line: inout LogLine) {
        let isPort = tag == .clientPort || tag == .frontendPort || tag == .backendSourcePort || tag == .serverPort
        let address: LogAddress
        switch tag {
        case .client, .clientPort: address = stream.record.client
        case .frontendAddress, .frontendPort: address = LogAddress(scope.address(.destination))
        case .serverAddress, .serverPort:
            // What stands for a server with `option transparent` has no address of its own.
            let own = stream.server.map { LogAddress($0.address) } ?? LogAddress()
            address = own.kind == .unknown ? stream.rules?.serverAddress ?? own : own
        default:
            address =
                stream.connection == nil
                ? stream.rules?.serverSource ?? LogAddress() : LogAddress(scope.address(.serverSource))
        }
        if isPort {
            if address.kind == .unknown {
                flags.contains(.log) ? line.append("-") : line.append("")
            } else if isHexadecimal {
                line.append(hexadecimal: UInt64(address.number), width: 4)
            } else {
                line.append(decimal: Int64(address.number))
            }
            return
        }
        switch address.kind {
        case .unknown: line.appendNothing(flags)
        case .unix: line.append(text: "unix", flags)
        case .ipv4 where isHexadecimal: line.append(hexadecimal: address.low, width: 8)
        case .ipv6 where isHexadecimal:
            line.append(hexadecimal: address.high, width: 16)
            line.append(hexadecimal: address.low, width: 16)
        case .ipv4, .ipv6:
            if flags.contains(.quote) { line.append(UInt8(ascii: "\"")) }
            address.appendHost(to: &line)
            if flags.contains(.quote) { line.append(UInt8(ascii: "\"")) }
        }
    }

    // MARK: Dates

    private func date(_ tag: FormatTag, to line: inout LogLine) {
        let accepted = stream.record.acceptDateMicroseconds, requested = stream.record.requestDateMicroseconds
        let writer = stream.context.logWriter
        switch tag {
        case .timestamp:
            let seconds = UInt64(clamping: accepted / 1_000_000)
            if isHexadecimal { line.append(hexadecimal: seconds, width: 1) } else { line.append(decimal: seconds) }
        case .milliseconds:
            let milliseconds = LogClock.milliseconds(of: accepted)
            if isHexadecimal {
                line.append(hexadecimal: UInt64(milliseconds), width: 2)
            } else {
                line.append(padded: milliseconds, width: 3)
            }
        case .acceptDate: writer.clock.appendRecordDate(accepted, to: &line)
        case .requestDate: writer.clock.appendRecordDate(requested, to: &line)
        case .dateUTC: writer.clock.appendCommonDate(accepted, to: &line)
        case .requestDateUTC: writer.clock.appendCommonDate(requested, to: &line)
        case .dateLocal: writer.clock.appendLocalDate(accepted, to: &line)
        default: writer.clock.appendLocalDate(requested, to: &line)
        }
    }
}

extension LogLine {
    /// Bytes of a captured field: what could be taken for the braces of the list is written as "#" and two digits too.
    @unsafe
    mutating func append(escapingCapture source: UnsafeRawBufferPointer, backslashes: Bool) {
        for index in 0..<source.count {
            // SAFETY: the index is below the count; the caller vouches for the source during the call.
            let byte = unsafe source[index]
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "|") {
                append(UInt8(ascii: "#"))
                append(LogLine.digit(byte >> 4, upperCase: true))
                append(LogLine.digit(byte & 15, upperCase: true))
            } else {
                let one = unsafe UnsafeRawBufferPointer(rebasing: source[index..<(index + 1)])
                unsafe append(escaping: one, backslashes: backslashes)
            }
        }
    }
}
