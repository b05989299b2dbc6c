/// The scanner that both parsers are made of: a state machine over a head that may arrive one byte at a time.
///
/// Each byte is looked at once, or twice in a field line that is not here as a whole. When bytes run out, the place is
/// kept in the head (`HeadState.phase`, `position`, `mark`), and the next call goes on exactly there; so a head gives
/// the same result however it is cut. Lines may end in CRLF or LF: RFC 9112 section 2.2 lets a recipient accept LF, and
/// HAProxy does. The serializer writes CRLF whatever came.
//
// SAFETY: `bytes` covers `end` readable bytes during a call of `run`, and every access is guarded by `position < end`
// or lies before `position`; the head lives during the call, and its
// state is initialized as long; a field's entry is written only
// below the capacity of the index.
@safe
struct HeadScanner {
    /// What a step of the scanner found.
    enum Step {
        case go(HeadPhase)
        case starved
        case fail(HTTPParseError.Kind, Int)
    }

    let bytes: UnsafePointer<UInt8>
    let end: Int
    /// Not counted: the caller of the parser holds the head during the call.
    let head: Unmanaged<MessageHead>
    let state: UnsafeMutablePointer<HeadState>
    let limits: HTTPLimits
    var position: Int

    init(_ buffer: UnsafeRawBufferPointer, head: MessageHead, limits: HTTPLimits) {
        // An empty buffer has no base address, and any pointer does because nothing is read.
        unsafe bytes =
            buffer.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped
        end = min(buffer.count, limits.headBytes)
        unsafe self.head = Unmanaged.passUnretained(head)
        unsafe state = head.state
        self.limits = limits
        position = unsafe Int(state.pointee.position)
    }

    /// Scans on until the head is complete, refused, or out of bytes.
    mutating func run(from first: HeadPhase) -> HeadParseResult {
        var phase = first
        while true {
            switch step(phase) {
            case .go(.complete):
                unsafe state.pointee.phase = .complete
                unsafe state.pointee.headLength = UInt32(position)
                return .complete(headLength: position)
            case .go(let next):
                phase = next
            case .starved:
                if end >= limits.headBytes {
                    return fail(phase.isInTarget ? .targetTooLong : .headTooLarge, at: end)
                }
                unsafe state.pointee.phase = phase
                unsafe state.pointee.position = UInt32(position)
                return .needMore
            case .fail(let kind, let place):
                return fail(kind, at: place)
            }
        }
    }

    private func fail(_ kind: HTTPParseError.Kind, at place: Int) -> HeadParseResult {
        let error = HTTPParseError(kind, at: place)
        unsafe state.pointee.phase = .failed
        unsafe state.pointee.error = error
        return .failed(error)
    }

    @inline(__always)
    private mutating func step(_ phase: HeadPhase) -> Step {
        switch phase {
        case .lineStart: lineStart()
        case .name: name()
        case .beforeValue: beforeValue()
        case .value: value()
        case .valueLF: lineFeed(.lineStart, field: true)
        case .endLF: lineFeed(.complete, field: false)
        default: startLineStep(phase)
        }
    }

    private mutating func startLineStep(_ phase: HeadPhase) -> Step {
        switch phase {
        case .leading: leading()
        case .leadingLF: lineFeed(.leading, field: false)
        case .method: method()
        case .target: target()
        case .requestVersion: version(.startLF)
        case .statusVersion: version(.statusCode)
        case .statusCode: statusCode()
        case .reason: reason()
        default: lineFeed(.lineStart, field: false)
        }
    }

    // MARK: Common to the steps

    @inline(__always)
    func byte(_ index: Int) -> UInt8 { unsafe bytes[index] }

    /// Keeps where the current element began.
    @inline(__always)
    func setMark(_ place: Int) { unsafe state.pointee.mark = UInt32(truncatingIfNeeded: place) }

    @inline(__always)
    var mark: Int { unsafe Int(state.pointee.mark) }

    @inline(__always)
    func slice(_ start: Int, _ end: Int) -> HeadSlice {
        HeadSlice(offset: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: end - start))
    }

    /// The LF that must follow a CR.
    @inline(__always)
    private mutating func lineFeed(_ next: HeadPhase, field: Bool) -> Step {
        guard position < end else { return .starved }
        guard byte(position) == 0x0A else { return .fail(.bareCR, position - 1) }
        position += 1
        if field, let fault = addField() { return fault }
        return .go(next)
    }

    // MARK: Field lines (RFC 9112 section 5)

    private mutating func lineStart() -> Step {
        if let found = wholeFields() { return found }
        guard position < end else { return .starved }
        switch byte(position) {
        case 0x0D:
            position += 1
            return .go(.endLF)
        case 0x0A:
            position += 1
            unsafe state.pointee.framing.insert(.unevenLines)
            return .go(.complete)
        case 0x20, 0x09:
            // Refused, as RFC 9112 section 5.2 allows: two parsers that disagree on a fold disagree on the message.
            return .fail(.obsoleteFolding, position)
        default:
            unsafe state.pointee.nameOffset = UInt32(truncatingIfNeeded: position)
            return .go(.name)
        }
    }

    /// Field lines that are here as a whole, and written as most are, in one go; and the empty line behind them. nil
    /// before any other line, of which nothing has been taken: the steps judge it, and go on in it when more has come.
    @inline(__always)
    private mutating func wholeFields() -> Step? {
        let capacity = unsafe min(limits.fieldCount, state.pointee.fieldCapacity)
        var count = unsafe state.pointee.fieldCount
        while end - position >= 2 {
            let start = position
            if pair(start) == HeadScanner.lineEnd {
                position = start + 2
                return .go(.complete)
            }
            // Bounded by the fields: each round takes one.
            guard count < capacity else { return nil }
            guard let colon = firstColon(from: start), colon > start, colon - start <= Int(UInt16.max),
                end - colon > 3
            else { return nil }
            let known = knownHeader(start, colon)
            if known == .other && skipNameBytes(from: start) != colon { return nil }
            let valueStart = byte(colon + 1) == 0x20 ? colon + 2 : colon + 1
            let valueEnd = skipFieldBytes(from: valueStart)
            // White space around a value beyond one space before it is for the steps to take off.
            guard end - valueEnd > 1, pair(valueEnd) == HeadScanner.lineEnd, byte(valueStart) != 0x20,
                byte(valueEnd - 1) != 0x20 || valueEnd == valueStart
            else { return nil }
            position = valueEnd + 2
            unsafe (head._withUnsafeGuaranteedRef { unsafe $0.fields } + count).initialize(
                to: FieldEntry(
                    nameOffset: UInt32(truncatingIfNeeded: start),
                    nameLength: UInt16(truncatingIfNeeded: colon - start),
                    valueOffset: UInt32(truncatingIfNeeded: valueStart),
                    valueLength: UInt32(truncatingIfNeeded: valueEnd - valueStart), known: known, flags: []))
            if let kind = enter(known, count) { return .fail(kind, valueStart) }
            count += 1
        }
        return nil
    }

    /// CR and LF, as they are read at once.
    private static var lineEnd: UInt16 { UInt16(littleEndian: 0x0A0D) }

    /// Two bytes, which lie before the end.
    @inline(__always)
    private func pair(_ index: Int) -> UInt16 {
        unsafe UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt16.self)
    }

    /// Eight bytes, which lie before the end, the first one lowest.
    @inline(__always)
    func word(_ index: Int) -> UInt64 {
        unsafe UInt64(littleEndian: UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt64.self))
    }

    /// The first colon at or after an index, as far as eight bytes can be read at a time.
    @inline(__always)
    private func firstColon(from start: Int) -> Int? {
        var index = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        while end - index >= 8 {
            let difference = word(index) ^ (ones &* 0x3A)
            // The lowest bit that is set is always a true one.
            let hits = (difference &- ones) & ~difference & (ones &* 0x80)
            if hits != 0 { return index + hits.trailingZeroBitCount / 8 }
            index += 8
        }
        return nil
    }

    /// The field that a name denotes, of which eight bytes can be read at its start.
    @inline(__always)
    private func knownHeader(_ start: Int, _ colon: Int) -> KnownHeader {
        let count = colon - start
        if count < 8 { return .named(short: word(start) & (1 &<< UInt64(count &* 8) &- 1), count: count) }
        let middle = count > 16 ? word(start + 8) : 0
        return .named(first: word(start), middle: middle, last: word(colon - 8), count: count)
    }

    private mutating func name() -> Step {
        var index = skipNameBytes(from: position)
        if limits.acceptsInvalid {
            while index < end && isHarmless(byte(index)) && byte(index) != UInt8(ascii: ":") { index += 1 }
        }
        position = index
        guard index < end else { return .starved }
        let start = unsafe Int(state.pointee.nameOffset)
        let found = byte(index)
        guard found == UInt8(ascii: ":") else {
            switch found {
            case 0x20, 0x09: return .fail(index > start ? .spaceBeforeColon : .badFieldName, index)
            case 0x0D, 0x0A: return .fail(.missingColon, index)
            default: return .fail(.badFieldName, index)
            }
        }
        let length = index - start
        guard length > 0 else { return .fail(.badFieldName, index) }
        guard length <= Int(UInt16.max) else { return .fail(.headTooLarge, index) }
        unsafe state.pointee.nameLength = UInt16(length)
        position = index + 1
        return .go(.beforeValue)
    }

    /// Neither a control character nor a space nor DEL.
    @inline(__always)
    func isHarmless(_ byte: UInt8) -> Bool { byte > 0x20 && byte != 0x7F }

    /// The first place at or after an index that holds no byte of a name.
    @inline(__always)
    private func skipNameBytes(from start: Int) -> Int {
        var index = skipCommonNameBytes(from: start)
        while index < end && HTTPCharacters.isTokenByte(byte(index)) { index += 1 }
        return index
    }

    /// As far as eight bytes can be read at a time, the first place that is no letter, digit or hyphen, of which nearly
    /// all names are made. (The same with `SIMD16` took 4400 instructions a request more, as it was compiled.)
    @inline(__always)
    private func skipCommonNameBytes(from start: Int) -> Int {
        var index = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        while end - index >= 8 {
            let word = word(index)
            // Without their top bits nothing is carried from one byte into the next; a sum's top bit says that the byte
            // is at least what was taken from 0x80.
            let low = word & (ones &* 0x7F), lower = low | (ones &* 0x20)
            let letters = (lower &+ ones &* (0x80 - 0x61)) & ~(lower &+ ones &* (0x80 - 0x7B))
            let digits = (low &+ ones &* (0x80 - 0x30)) & ~(low &+ ones &* (0x80 - 0x3A))
            let hyphens = ~((low ^ ones &* 0x2D) &+ ones &* 0x7F)
            let others = (~(letters | digits | hyphens) | word) & (ones &* 0x80)
            if others != 0 { return index + others.trailingZeroBitCount / 8 }
            index += 8
        }
        return index
    }

    private mutating func beforeValue() -> Step {
        while position < end && (byte(position) == 0x20 || byte(position) == 0x09) { position += 1 }
        guard position < end else { return .starved }
        setMark(position)
        return .go(.value)
    }

    private mutating func value() -> Step {
        var index = position
        repeat {
            index = skipFieldBytes(from: index)
            guard index < end else {
                position = index
                return .starved
            }
            if byte(index) == 0x09 { index += 1 } else { break }
        } while true
        position = index + 1
        switch byte(index) {
        case 0x0D:
            return .go(.valueLF)
        case 0x0A:
            unsafe state.pointee.framing.insert(.unevenLines)
            if let fault = addField() { return fault }
            return .go(.lineStart)
        default:
            return .fail(.badFieldValue, index)
        }
    }

    /// The first place at or after an index that is not SP, a visible character or obs-text, eight bytes at a time.
    @inline(__always)
    func skipFieldBytes(from start: Int) -> Int {
        var index = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        while end - index >= 8 {
            let word = word(index)
            let delete = word ^ (ones &* 0x7F)
            // A byte below 0x20, or equal to 0x7F, sets its top bit here; the lowest bit that is set is always a true
            // one.
            let hits = ((word &- ones &* 0x20) & ~word | (delete &- ones) & ~delete) & (ones &* 0x80)
            if hits != 0 { return index + hits.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < end && byte(index) >= 0x20 && byte(index) != 0x7F { index += 1 }
        return index
    }

    /// Enters the field whose line end was just passed.
    private mutating func addField() -> Step? {
        let start = mark
        // The line's end: `position` is after the LF, and a CR may stand before it. White space around a value is not
        // part of it.
        var last = position - 1
        if last > start && byte(last - 1) == 0x0D { last -= 1 }
        if last > start && (byte(last - 1) == 0x20 || byte(last - 1) == 0x09) {
            unsafe state.pointee.framing.insert(.unevenLines)
            repeat { last -= 1 } while last > start && (byte(last - 1) == 0x20 || byte(last - 1) == 0x09)
        }
        let count = unsafe state.pointee.fieldCount
        let nameOffset = unsafe state.pointee.nameOffset
        guard count < limits.fieldCount, unsafe count < state.pointee.fieldCapacity else {
            return .fail(.tooManyFields, Int(nameOffset))
        }
        let nameLength = unsafe state.pointee.nameLength
        let known = unsafe KnownHeader(
            name: Span(_unsafeStart: bytes + Int(nameOffset), count: Int(nameLength)))
        unsafe (head._withUnsafeGuaranteedRef { unsafe $0.fields } + count).initialize(
            to: FieldEntry(
                nameOffset: nameOffset, nameLength: nameLength, valueOffset: UInt32(truncatingIfNeeded: start),
                valueLength: UInt32(truncatingIfNeeded: last - start), known: known, flags: []))
        if let kind = enter(known, count) { return .fail(kind, start) }
        return nil
    }

    /// Counts a field whose entry was just written, and looks at it where the framing depends on it.
    @inline(__always)
    private func enter(_ known: KnownHeader, _ index: Int) -> HTTPParseError.Kind? {
        unsafe state.pointee.fieldCount = index + 1
        let present = unsafe state.pointee.present
        let bit: UInt64 = 1 &<< UInt64(known.rawValue)
        unsafe state.pointee.present = present | bit
        unsafe state.pointee.repeated |= present & bit
        switch known {
        case .contentLength, .transferEncoding: break
        // The first Host says nothing of the framing.
        case .host where present & bit != 0: break
        default: return nil
        }
        return unsafe head._withUnsafeGuaranteedRef { $0.noteFramingField(index) }
    }
}

extension HeadPhase {
    /// Whether the request target has not ended yet.
    var isInTarget: Bool {
        switch self {
        case .leading, .leadingLF, .method, .target: true
        default: false
        }
    }
}
