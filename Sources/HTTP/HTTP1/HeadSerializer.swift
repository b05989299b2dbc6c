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
/// Fields that no rule touched and that stood next to each other are copied in one piece, with the start line before
/// them and the empty line behind them where those are to be sent as they came. Fields in the arena follow in the order
/// they were added. The head's own Connection field must have been deleted (`removeHopByHopFields`) if an
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
        let byteCount = head.methodSlice.count + head.targetSlice.count + 12
        let isCopied = copiesStartLine(head, version, byteCount)
        if !isCopied { append(requestLine: head, version: version, to: &writer) }
        append(
            linesOf: head, from: isCopied ? UInt32(truncatingIfNeeded: head.startOffset) : nil, connection: connection,
            to: &writer)
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
        let isCopied = copiesStartLine(head, version, head.reasonSlice.count + 15)
        if !isCopied { append(statusLine: head, version: version, to: &writer) }
        append(
            linesOf: head, from: isCopied ? UInt32(truncatingIfNeeded: head.startOffset) : nil, connection: connection,
            to: &writer)
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
        append(linesOf: head, from: nil, connection: connection, to: &writer)
    }

    /// Writes the received bytes from a place on, if one is given, that no edit concerns, and what follows.
    @inline(__always)
    private static func append(
        linesOf head: MessageHead, from place: UInt32?, connection: ConnectionOption, to writer: inout HeadWriter
    ) {
        // SAFETY: the head's state is initialized for the life of the head, and its entries below `fieldCount` are.
        let canCopyLines = unsafe !head.state.pointee.framing.contains(.unevenLines)
        let count = head.fieldCount
        // Where the bytes begin that are to be copied in one piece; nil: nowhere yet.
        var start = place
        var index = 0
        while index < count {
            let field = unsafe head.fields[index]
            index += 1
            if canCopyLines && field.flags.isEmpty {
                if start == nil { start = field.nameOffset }
                continue
            }
            let isReceived = !field.flags.contains(.nameInArena)
            if let first = start {
                let end = isReceived ? field.nameOffset : UInt32(truncatingIfNeeded: head.headLength - 2)
                writer.append(head.span(HeadSlice(offset: first, length: end &- first)))
                start = nil
            }
            if field.flags.contains(.deleted) { continue }
            writer.append(head.span(field.name))
            writer.append(": ")
            writer.append(head.span(field.value))
            writer.append("\r\n")
        }
        if let first = start {
            // The empty line is as it came, too.
            let end = UInt32(truncatingIfNeeded: connection == .implied ? head.headLength : head.headLength - 2)
            writer.append(head.span(HeadSlice(offset: first, length: end &- first)))
            if connection == .implied { return }
        }
        switch connection {
        case .implied: writer.append("\r\n")
        case .close: writer.append("connection: close\r\n\r\n")
        case .keepAlive: writer.append("connection: keep-alive\r\n\r\n")
        case .upgrade: writer.append("connection: upgrade\r\n\r\n")
        }
    }

    /// Whether the start line goes out as it came: no edit has touched it, it has the version that is asked for and as
    /// many bytes as it would be written with, and the head's lines end as they should.
    @inline(__always)
    private static func copiesStartLine(_ head: MessageHead, _ version: HTTPVersion, _ byteCount: Int) -> Bool {
        // SAFETY: as above.
        if unsafe head.state.pointee.startLineEdited || head.state.pointee.framing.contains(.unevenLines) {
            return false
        }
        guard head.version == version, head.headLength > 2 else { return false }
        let start = head.startOffset
        var end = head.headLength - 2
        if head.fieldCount > 0 {
            let first = unsafe head.fields[0]
            if !first.flags.contains(.nameInArena) { end = Int(first.nameOffset) }
        }
        return end - start == byteCount
    }
}
