/// What a message says of its connection: Connection, Keep-Alive, Upgrade, Proxy-Connection and the defaults of its
/// version (RFC 9110 section 7.6.1, RFC 9112 section 9.3).
public struct ConnectionDirectives: OptionSet, Sendable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Connection has the option `close`.
    public static var close: ConnectionDirectives { ConnectionDirectives(rawValue: 1) }
    /// Connection has the option `keep-alive`.
    public static var keepAlive: ConnectionDirectives { ConnectionDirectives(rawValue: 2) }
    /// Connection has the option `upgrade`, and there is an Upgrade field.
    public static var upgrade: ConnectionDirectives { ConnectionDirectives(rawValue: 4) }
    /// Connection names other fields, which concern this hop only.
    public static var namesFields: ConnectionDirectives { ConnectionDirectives(rawValue: 8) }
    /// The connection can carry another message after this one: HTTP/1.1 without `close`, or HTTP/1.0 with
    /// `keep-alive`.
    public static var persistent: ConnectionDirectives { ConnectionDirectives(rawValue: 16) }
}

extension MessageHead {
    /// What this message says of its connection. `close` wins over `keep-alive`. The framing is the caller's to add: a
    /// message that ends with its connection, or whose framing is doubtful, is the last one whatever this says.
    public var connectionDirectives: ConnectionDirectives {
        var directives: ConnectionDirectives = []
        if !mayHave(.connection) { return version >= .http11 ? .persistent : [] }
        var index = firstIndex(of: .connection)
        while let current = index {
            collectOptions(value(current), into: &directives)
            index = nextIndex(of: .connection, behind: current)
        }
        if directives.contains(.upgrade) && (version < .http11 || !has(.upgrade)) { directives.remove(.upgrade) }
        let byVersion = version >= .http11 || directives.contains(.keepAlive)
        if byVersion && !directives.contains(.close) { directives.insert(.persistent) }
        return directives
    }

    private func collectOptions(_ bytes: Span<UInt8>, into directives: inout ConnectionDirectives) {
        // Nearly always there is one, and it is one of these.
        if bytes.isName("keep-alive") {
            directives.insert(.keepAlive)
            return
        }
        if bytes.isName("close") {
            directives.insert(.close)
            return
        }
        var options = ListElements()
        while let range = options.next(bytes) {
            let option = bytes.extracting(range)
            if option.isName("close") {
                directives.insert(.close)
            } else if option.isName("keep-alive") {
                directives.insert(.keepAlive)
            } else if option.isName("upgrade") {
                directives.insert(.upgrade)
            } else {
                directives.insert(.namesFields)
            }
        }
    }

    /// Deletes the fields that concern one hop only (RFC 9110 section 7.6.1): Connection and the fields it names,
    /// Keep-Alive, Proxy-Connection, and TE but for `trailers`. Upgrade goes too unless `keepUpgrade`.
    ///
    /// Transfer-Encoding stays, as the framing of the content stays; so do fields that a peer has no business to have
    /// removed. Returns what an edit of TE returned.
    @discardableResult
    public func removeHopByHopFields(keepUpgrade: Bool) -> HeadEditResult {
        var index = firstIndex(of: .connection)
        while let current = index {
            deleteNamedFields(in: value(current))
            delete(current)
            index = nextIndex(of: .connection, behind: current)
        }
        deleteAll(.keepAlive)
        deleteAll(.proxyConnection)
        if !keepUpgrade {
            deleteAll(.upgrade)
            deleteAll(.http2Settings)
        }
        guard let te = firstIndex(of: .te) else { return .done }
        let bytes = value(te)
        if bytes.equalsIgnoringCase("trailers") && nextIndex(of: .te, behind: te) == nil { return .done }
        let wantsTrailers = anyElement(of: .te, is: "trailers")
        deleteAll(.te)
        return wantsTrailers ? add(.te, value: "trailers") : .done
    }

    /// Whether a field of this kind has this element in its list; the literal is in lower case.
    public func anyElement(of header: KnownHeader, is literal: StaticString) -> Bool {
        var index = firstIndex(of: header)
        while let current = index {
            let bytes = value(current)
            var elements = ListElements()
            while let range = elements.next(bytes) {
                if bytes.extracting(range).equalsIgnoringCase(literal) { return true }
            }
            index = nextIndex(of: header, behind: current)
        }
        return false
    }

    /// The list in Connection is a peer's: it removes no field that frames the message, routes it, or was added on the
    /// way.
    private func deleteNamedFields(in bytes: Span<UInt8>) {
        if bytes.isName("keep-alive") || bytes.isName("close") { return }
        var options = ListElements()
        while let range = options.next(bytes) {
            let name = bytes.extracting(range)
            switch KnownHeader(name: name) {
            case .connection, .contentLength, .transferEncoding, .host, .te, .upgrade, .trailer, .keepAlive: continue
            case .xForwardedFor, .xForwardedProto, .xOriginalTo, .forwarded, .via, .authorization, .cookie: continue
            case .cacheControl, .date, .contentType, .contentEncoding, .setCookie, .location, .maxForwards: continue
            default: deleteAll(named: name)
            }
        }
    }
}

/// Walks the elements of a comma-separated list, empty ones left out (RFC 9110 section 5.6.1); commas in quoted strings
/// do not separate. The bytes are passed to each call, so that this holds no pointer.
public struct ListElements {
    private var place = 0

    public init() {}

    /// The range of the next element, without white space around it; nil after the last.
    public mutating func next(_ bytes: Span<UInt8>) -> Range<Int>? {
        while place < bytes.count {
            var start = place
            var isQuoted = false
            while place < bytes.count {
                let byte = bytes[place]
                if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
                if isQuoted && byte == UInt8(ascii: "\\") { place += 1 }
                if byte == UInt8(ascii: ",") && !isQuoted { break }
                place += 1
            }
            var end = min(place, bytes.count)
            place = min(place + 1, bytes.count)
            while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
            while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
            if start < end { return start..<end }
        }
        return nil
    }
}
