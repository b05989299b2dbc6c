/// What a head says of its connection when it is sent.
public enum ConnectionOption: UInt8, Sendable {
    /// No Connection field: what the version implies.
    case implied
    case close
    case keepAlive
    case upgrade
}

/// Writes heads, once, into the memory that they are sent from (RFC 9112 sections 3 to 5).
///
/// Fields that no rule touched and that stood next to each other are copied in one piece. Fields in the arena follow in
/// the order they were added. The head's own Connection field must have been deleted (`removeHopByHopFields`) if an
/// option is given.
public enum HeadSerializer {
    /// Writes a request's head; returns its length, or nil if it does not fit.
    @unsafe
    public static func writeRequest(
        _ head: MessageHead, version: HTTPVersion = .http11, connection: ConnectionOption = .implied,
        into region: UnsafeMutableRawBufferPointer
    ) -> Int? {
        // SAFETY: the caller keeps the region valid during the call.
        var writer = unsafe HeadWriter(region)
        append(requestLine: head, version: version, to: &writer)
        append(fieldsOf: head, connection: connection, to: &writer)
        return writer.result
    }

    /// Writes a response's head; returns its length, or nil if it does not fit.
    @unsafe
    public static func writeResponse(
        _ head: MessageHead, version: HTTPVersion = .http11, connection: ConnectionOption = .implied,
        into region: UnsafeMutableRawBufferPointer
    ) -> Int? {
        // SAFETY: the caller keeps the region valid during the call.
        var writer = unsafe HeadWriter(region)
        append(statusLine: head, version: version, to: &writer)
        append(fieldsOf: head, connection: connection, to: &writer)
        return writer.result
    }

    /// Writes the request line.
    public static func append(requestLine head: MessageHead, version: HTTPVersion, to writer: inout HeadWriter) {
        writer.append(head.span(head.methodSlice))
        writer.append(0x20)
        writer.append(head.span(head.targetSlice))
        writer.append(version >= .http11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n")
    }

    /// Writes the status line; the phrase is the origin's, or the one that a rule set.
    public static func append(statusLine head: MessageHead, version: HTTPVersion, to writer: inout HeadWriter) {
        writer.append(version >= .http11 ? "HTTP/1.1 " : "HTTP/1.0 ")
        writer.append(decimal: UInt64(head.status.code))
        writer.append(0x20)
        writer.append(head.span(head.reasonSlice))
        writer.append("\r\n")
    }

    /// Writes the live fields, a Connection field if one is asked for, and the empty line.
    public static func append(
        fieldsOf head: MessageHead, connection: ConnectionOption, to writer: inout HeadWriter
    ) {
        // SAFETY: the head's state is initialized for the life of the head.
        let canCopyLines = unsafe !head.state.pointee.framing.contains(.unevenLines)
        let count = head.fieldCount
        var index = 0
        while index < count {
            let field = head.entry(index)
            if canCopyLines && field.flags.isEmpty {
                let first = index
                repeat { index += 1 } while index < count && head.entry(index).flags.isEmpty
                writer.append(head.span(lines(of: head, first, index)))
                continue
            }
            index += 1
            if field.flags.contains(.deleted) { continue }
            writer.append(head.span(field.name))
            writer.append(": ")
            writer.append(head.span(field.value))
            writer.append("\r\n")
        }
        switch connection {
        case .implied: writer.append("\r\n")
        case .close: writer.append("connection: close\r\n\r\n")
        case .keepAlive: writer.append("connection: keep-alive\r\n\r\n")
        case .upgrade: writer.append("connection: upgrade\r\n\r\n")
        }
    }

    /// The bytes of the received lines of fields `first` to before `end`: up to where the next received line begins.
    private static func lines(of head: MessageHead, _ first: Int, _ end: Int) -> HeadSlice {
        let start = head.entry(first).nameOffset
        var stop = UInt32(truncatingIfNeeded: head.headLength - 2)
        if end < head.fieldCount && !head.entry(end).flags.contains(.nameInArena) {
            stop = head.entry(end).nameOffset
        }
        return HeadSlice(offset: start, length: stop &- start)
    }
}
