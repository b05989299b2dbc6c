/// The start line: request line and status line (RFC 9112 sections 3 and 4).
// SAFETY: as for the type.
extension HeadScanner {
    /// Empty lines before a request line are skipped (RFC 9112 section 2.2), a bounded number of them.
    mutating func leading() -> Step {
        guard position < end else { return .starved }
        let found = byte(position)
        if found == 0x0D || found == 0x0A {
            guard position < limits.leadingBytes else { return .fail(.tooManyEmptyLines, position) }
            position += 1
            return .go(found == 0x0D ? .leadingLF : .leading)
        }
        unsafe state.pointee.startOffset = UInt32(truncatingIfNeeded: position)
        setMark(position)
        return .go(.method)
    }

    mutating func method() -> Step {
        // Most requests, which are here from their first byte on.
        if end - position >= 8, word(position) & 0xFFFF_FFFF == 0x2054_4547, mark == position {
            unsafe state.pointee.method = slice(mark, mark + 3)
            unsafe state.pointee.methodKind = .get
            position += 4
            setMark(position)
            return .go(.target)
        }
        while position < end && HTTPCharacters.isTokenByte(byte(position)) { position += 1 }
        guard position < end else { return .starved }
        guard byte(position) == 0x20, position > mark else { return .fail(.badMethod, position) }
        let token = slice(mark, position)
        unsafe state.pointee.method = token
        unsafe state.pointee.methodKind = HTTPMethod(
            token: Span(_unsafeStart: bytes + mark, count: position - mark))
        position += 1
        setMark(position)
        return .go(.target)
    }

    mutating func target() -> Step {
        position = skipTargetBytes(from: position)
        // A fragment is never sent (RFC 9112 section 3.2): `#` is refused with the characters that no target may hold.
        while position < end && HTTPCharacters.isTargetByte(byte(position)) && byte(position) != UInt8(ascii: "#") {
            position += 1
        }
        if limits.acceptsInvalid { while position < end && isHarmless(byte(position)) { position += 1 } }
        guard position < end else { return .starved }
        switch byte(position) {
        case 0x20 where position > mark:
            unsafe state.pointee.target = slice(mark, position)
            unsafe state.pointee.pathIsKnown = false
            position += 1
            setMark(position)
            return .go(.requestVersion)
        case 0x0D where position > mark, 0x0A where position > mark:
            return .fail(.http09, position)
        default:
            return .fail(.badTarget, position)
        }
    }

    /// As far as eight bytes can be read at a time, the first place that may hold no byte of a target.
    @inline(__always)
    private func skipTargetBytes(from start: Int) -> Int {
        var index = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        while end - index >= 8 {
            let word = word(index)
            let delete = word ^ (ones &* 0x7F), fragment = word ^ (ones &* 0x23)
            // A byte below 0x21 or above 0x7E, and `#`, set their top bit here; the lowest bit that is set is always a
            // true one.
            let hits =
                ((word &- ones &* 0x21) | word | (delete &- ones) & ~delete | (fragment &- ones) & ~fragment)
                & (ones &* 0x80)
            if hits != 0 { return index + hits.trailingZeroBitCount / 8 }
            index += 8
        }
        return index
    }

    /// `HTTP/1.1` or `HTTP/1.0` and what has to follow, where all of it is here; nil for any other.
    @inline(__always)
    private mutating func wholeVersion(_ next: HeadPhase) -> Step? {
        guard end - position > 9, position == mark else { return nil }
        let word = word(position)
        // "HTTP/1.0", and the bit that makes it a 1.
        guard word | 1 << 56 == 0x312E_312F_5054_5448 else { return nil }
        let following = byte(position + 8)
        if next == .statusCode {
            guard following == 0x20 else { return nil }
            position += 9
            setMark(position)
        } else {
            guard following == 0x0D, byte(position + 9) == 0x0A else { return nil }
            position += 10
        }
        unsafe state.pointee.version = HTTPVersion(major: 1, minor: UInt8(truncatingIfNeeded: word >> 56 & 1))
        return .go(next == .statusCode ? .statusCode : .lineStart)
    }

    /// `HTTP/d.d`, then what `next` expects: a space before the status code, the line's end in a request.
    mutating func version(_ next: HeadPhase) -> Step {
        if let found = wholeVersion(next) { return found }
        let expected: StaticString = "HTTP/"
        while position < end {
            let offset = position - mark
            let found = byte(position)
            let fits: Bool =
                switch offset {
                case 0..<5: found == expected.bytes[offset]
                case 5, 7: found &- 0x30 < 10
                case 6: found == UInt8(ascii: ".")
                default: true
                }
            guard fits else { return .fail(.badVersion, position) }
            guard offset == 8 else {
                position += 1
                continue
            }
            if let kind = noteVersion() { return .fail(kind, mark) }
            position += 1
            if next == .statusCode {
                guard found == 0x20 else { return .fail(.badVersion, position - 1) }
                setMark(position)
                return .go(.statusCode)
            }
            return endOfStartLine(found, or: .badVersion)
        }
        return .starved
    }

    /// Major versions other than 1 are refused; a minor version above 1 is a promise of compatibility (RFC 9110 section
    /// 2.5).
    private func noteVersion() -> HTTPParseError.Kind? {
        let version = HTTPVersion(major: byte(mark + 5) &- 0x30, minor: byte(mark + 7) &- 0x30)
        unsafe state.pointee.version = version
        if version.major == 1 { return nil }
        let isPreface =
            unsafe version.major == 2
            && head._withUnsafeGuaranteedRef {
                $0.span($0.methodSlice).equals("PRI") && $0.span($0.targetSlice).equals("*")
            }
        return isPreface ? .http2Preface : .unsupportedVersion
    }

    mutating func statusCode() -> Step {
        if end - position > 3, position == mark, byte(position + 3) == 0x20 {
            let first = byte(position) &- 0x30, second = byte(position + 1) &- 0x30, third = byte(position + 2) &- 0x30
            if first &- 1 < 9, second < 10, third < 10 {
                unsafe state.pointee.status = UInt16(first) * 100 + UInt16(second) * 10 + UInt16(third)
                position += 4
                setMark(position)
                return .go(.reason)
            }
        }
        while position < end {
            let offset = position - mark
            let found = byte(position)
            position += 1
            if offset < 3 {
                let fits = found &- 0x30 < 10 && (offset > 0 || found != 0x30)
                guard fits else { return .fail(.badStatusCode, position - 1) }
                continue
            }
            let code = (0..<3).reduce(UInt16(0)) { $0 * 10 + UInt16(byte(mark + $1) &- 0x30) }
            unsafe state.pointee.status = code
            if found == 0x20 {
                setMark(position)
                return .go(.reason)
            }
            // The space is part of the grammar even before an empty phrase, but many origins leave both out.
            return endOfStartLine(found, or: .badStatusCode)
        }
        return .starved
    }

    mutating func reason() -> Step {
        position = skipFieldBytes(from: position)
        while position < end && HTTPCharacters.isFieldByte(byte(position)) { position += 1 }
        guard position < end else { return .starved }
        unsafe state.pointee.reason = slice(mark, position)
        position += 1
        return endOfStartLine(byte(position - 1), or: .badReason)
    }

    private func endOfStartLine(_ found: UInt8, or kind: HTTPParseError.Kind) -> Step {
        switch found {
        case 0x0D: return .go(.startLF)
        case 0x0A:
            unsafe state.pointee.framing.insert(.unevenLines)
            return .go(.lineStart)
        default: return .fail(kind, position - 1)
        }
    }
}
