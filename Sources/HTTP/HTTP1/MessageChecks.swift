/// What can only be judged when a head is complete: fields that need each other, and the target against Host.
// SAFETY: the head's state is initialized for the life of the head, and an index of a field is below the count of its
// fields.
extension MessageHead {
    /// What is wrong with a complete request, or nil.
    func checkRequest() -> HTTPParseError? {
        if let kind = settleFraming(isRequest: true) { return fault(kind, .transferEncoding) }
        if method == .connect { dropFraming() }
        let form = targetForm
        if form != .origin, let kind = checkTarget(form) {
            return HTTPParseError(kind, at: Int(targetSlice.offset))
        }
        guard let index = firstIndex(of: .host) else {
            return version >= .http11 ? HTTPParseError(.missingHost, at: headLength) : nil
        }
        let host = value(index)
        guard Authority.isValidHost(host) else { return fault(.badHost, .host) }
        switch form {
        case .origin, .asterisk: return nil
        case .absolute, .authority:
            let target = Authority(span(authoritySlice))
            let defaultPort = form == .authority ? nil : targetDefaultPort
            return target.matches(Authority(host), defaultPort: defaultPort, span(authoritySlice), host)
                ? nil : fault(.authorityMismatch, .host)
        }
    }

    /// What is wrong with a complete response, or nil.
    func checkResponse() -> HTTPParseError? {
        if let kind = settleFraming(isRequest: false) { return fault(kind, .transferEncoding) }
        // A length there means nothing, and a recipient that believed it would wait for content (RFC 9112 section 6.1,
        // RFC 9110 section 8.6). 304 is different: its length is that of the content it stands for.
        if status.code < 200 || status.code == 204 { dropFraming() }
        return nil
    }

    /// Removes the fields that frame content from a message that never has any: CONNECT (RFC 9110 section 9.3.6), 1xx,
    /// 204. Unless the length is 0, the connection does not outlive the message: the peer may have meant content after
    /// all.
    private func dropFraming() {
        let framing = unsafe state.pointee.framing
        guard framing.contains(.contentLength) || framing.contains(.transferEncoding) else { return }
        deleteAll(.contentLength)
        deleteAll(.transferEncoding)
        unsafe state.pointee.framing.subtract([.contentLength, .transferEncoding, .chunked])
        if unsafe framing.contains(.transferEncoding) || state.pointee.contentLength > 0 {
            unsafe state.pointee.framing.insert(.doubtful)
        }
    }

    private func fault(_ kind: HTTPParseError.Kind, _ header: KnownHeader) -> HTTPParseError {
        HTTPParseError(kind, at: firstIndex(of: header).map { Int(valueSlice($0).offset) } ?? headLength)
    }

    /// RFC 9112 sections 6.1 to 6.3: a coding overrides a length, which is removed, and the connection ends after the
    /// message.
    private func settleFraming(isRequest: Bool) -> HTTPParseError.Kind? {
        let framing = unsafe state.pointee.framing
        guard framing.contains(.transferEncoding) else { return nil }
        if version < .http11 {
            if isRequest { return .transferEncodingInOldVersion }
            // A response is read as it says, and the connection is not used again.
            unsafe state.pointee.framing.insert(.doubtful)
        }
        // A coding under chunked is one we do not have; anything that does not end in chunked has no end that can be
        // found.
        if framing.contains(.otherCoding) {
            return framing.contains(.chunked) ? .unknownTransferCoding : .badTransferEncoding
        }
        if framing.contains(.contentLength) {
            deleteAll(.contentLength)
            unsafe state.pointee.framing.remove(.contentLength)
            unsafe state.pointee.framing.insert(.doubtful)
        }
        return nil
    }

    /// RFC 9112 section 3.2: which form of target goes with which method.
    private func checkTarget(_ form: TargetForm) -> HTTPParseError.Kind? {
        let bytes = span(targetSlice)
        switch form {
        case .origin: return nil
        case .asterisk: return method == .options ? nil : .badTarget
        case .authority:
            let authority = Authority(bytes)
            return Authority.isValidHost(bytes) && authority.port != nil && !authority.host.isEmpty ? nil : .badTarget
        case .absolute:
            guard schemeLength(bytes) > 0 else { return .badTarget }
            let authority = span(authoritySlice)
            guard authority.count > 0, Authority.isValidAuthority(authority) else { return .badTarget }
            return nil
        }
    }

    /// The length of the scheme of an absolute target; 0 if it does not begin with one and `://`.
    private func schemeLength(_ bytes: Span<UInt8>) -> Int {
        var index = 0
        while index < bytes.count {
            let letter = lowercased(bytes[index])
            let isLetter = letter &- UInt8(ascii: "a") < 26
            let isOther =
                index > 0
                && (letter &- 0x30 < 10 || letter == UInt8(ascii: "+") || letter == UInt8(ascii: "-")
                    || letter == UInt8(ascii: "."))
            guard isLetter || isOther else { break }
            index += 1
        }
        guard index > 0, index + 2 < bytes.count, bytes.extracting(index..<index + 3).equals("://") else { return 0 }
        return index
    }

    private var targetDefaultPort: UInt32? {
        let bytes = span(targetSlice)
        let scheme = bytes.extracting(0..<schemeLength(bytes))
        if scheme.equalsIgnoringCase("http") { return 80 }
        return scheme.equalsIgnoringCase("https") ? 443 : nil
    }
}

/// The parts of `userinfo@host:port` (RFC 3986 section 3.2), as ranges of the bytes it was made of.
struct Authority {
    let host: Range<Int>
    /// The port; nil if none is written.
    let port: UInt32?

    init(_ bytes: Span<UInt8>) {
        var start = 0
        for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "@") { start = index + 1 }
        var colon: Int?
        var index = bytes.count - 1
        // The last colon that is not inside the brackets of an IPv6 address.
        while index >= start, bytes[index] != UInt8(ascii: "]") {
            if bytes[index] == UInt8(ascii: ":") {
                colon = index
                break
            }
            index -= 1
        }
        host = start..<(colon ?? bytes.count)
        guard let colon, colon + 1 < bytes.count else {
            port = nil
            return
        }
        var number: UInt32 = 0
        for index in (colon + 1)..<bytes.count {
            number = min(number &* 10 &+ UInt32(bytes[index] &- 0x30), 1_000_000)
        }
        port = number
    }

    /// Whether both mean the same host and port; a port that one of them leaves out is the scheme's, and for CONNECT
    /// (no scheme) that of http or https.
    func matches(
        _ other: Authority, defaultPort: UInt32?, _ bytes: Span<UInt8>, _ otherBytes: Span<UInt8>
    ) -> Bool {
        guard bytes.extracting(host).equalsIgnoringCase(otherBytes.extracting(other.host)) else { return false }
        if port == other.port { return true }
        guard let given = port ?? other.port, port == nil || other.port == nil else {
            return (port ?? defaultPort) == (other.port ?? defaultPort)
        }
        if let defaultPort { return given == defaultPort }
        return given == 80 || given == 443
    }

    /// Whether a Host field's value is `uri-host [":" port]`, or empty (RFC 9110 section 7.2).
    static func isValidHost(_ bytes: Span<UInt8>) -> Bool {
        if isPlainHost(bytes) { return true }
        for index in 0..<bytes.count where !HTTPCharacters.isHostByte(bytes[index]) { return false }
        return hasValidShape(bytes, from: 0)
    }

    /// Whether these are letters, digits, `-` and `.` alone, as most are, and perhaps a port of up to four digits.
    @inline(__always)
    private static func isPlainHost(_ bytes: Span<UInt8>) -> Bool {
        let count = bytes.count
        var index = 0
        // Below 64: - . 0-9; from 64: A-Z a-z
        while index < count,
            HTTPCharacters.isIn(bytes[index], low: 0x03FF_6000_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
        {
            index += 1
        }
        if index == count { return true }
        guard index > 0, bytes[index] == UInt8(ascii: ":"), count - index <= 5 else { return false }
        index += 1
        while index < count, bytes[index] &- 0x30 < 10 { index += 1 }
        return index == count
    }

    /// As `isValidHost`, with user information allowed in front.
    static func isValidAuthority(_ bytes: Span<UInt8>) -> Bool {
        var start = 0
        for index in 0..<bytes.count {
            if bytes[index] == UInt8(ascii: "@") {
                guard start == 0, index > 0 else { return false }
                start = index + 1
            } else if !HTTPCharacters.isHostByte(bytes[index]) {
                return false
            }
        }
        return start < bytes.count && hasValidShape(bytes, from: start)
    }

    /// Brackets only around a whole IPv6 address, and after the host at most a colon and up to five digits.
    private static func hasValidShape(_ bytes: Span<UInt8>, from start: Int) -> Bool {
        var index = start
        if index < bytes.count, bytes[index] == UInt8(ascii: "[") {
            index += 1
            let first = index
            while index < bytes.count, bytes[index] != UInt8(ascii: "]") {
                let byte = lowercased(bytes[index])
                let fits =
                    byte &- 0x30 < 10 || byte &- UInt8(ascii: "a") < 6 || byte == UInt8(ascii: ":")
                    || byte == UInt8(ascii: ".")
                guard fits else { return false }
                index += 1
            }
            guard index < bytes.count, index > first else { return false }
            index += 1
        } else {
            while index < bytes.count, bytes[index] != UInt8(ascii: ":") {
                guard bytes[index] != UInt8(ascii: "["), bytes[index] != UInt8(ascii: "]") else { return false }
                index += 1
            }
            // A port needs a host before it.
            if index == start && index < bytes.count { return false }
        }
        guard index < bytes.count else { return true }
        guard bytes[index] == UInt8(ascii: ":") else { return false }
        index += 1
        guard bytes.count - index <= 5 else { return false }
        var port = 0
        while index < bytes.count {
            guard bytes[index] &- 0x30 < 10 else { return false }
            port = port * 10 + Int(bytes[index] &- 0x30)
            index += 1
        }
        return port <= 65535
    }
}
