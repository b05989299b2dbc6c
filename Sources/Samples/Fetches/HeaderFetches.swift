import Base
import HTTP

/// Fetches of the fields of messages (manual, section 7.3.6): `req.hdr`, `res.hdr` and kin.
enum HeaderFetches {
    static let all: [FetchKeyword] =
        family("req.hdr", .request) + full("req.fhdr", .request) + whole("req", .request)
        + family("res.hdr", .response) + full("res.fhdr", .response) + whole("res", .response)
        + family("shdr", .response, alias: true) + family("hdr", .message, alias: true).map(requestOnly)

    /// Of the fields of which message.
    enum Side {
        case request, response, message

        var source: SampleSource {
            switch self {
            case .request: .request
            case .response: .response
            case .message: .message
            }
        }
        var word: String {
            switch self {
            case .request: "request"
            case .response: "response"
            case .message: "message"
            }
        }

        /// Lets `body` look at the head of that message; nil when there is none.
        @inline(__always)
        func withHead<Result>(_ scope: SampleScope, _ body: (MessageHead) -> Result?) -> Result? {
            switch self {
            case .request: scope.withRequest(body)
            case .response: scope.withResponse(body)
            case .message: scope.isResponse ? scope.withResponse(body) : scope.withRequest(body)
            }
        }

        @inline(__always)
        func head(_ scope: SampleScope) -> MessageHead? {
            switch self {
            case .request: scope.requestHead
            case .response: scope.response
            case .message: scope.message
            }
        }
    }

    /// Only `hdr` itself follows the message at hand; `hdr_cnt` and kin are those of the request.
    private static func requestOnly(_ keyword: FetchKeyword) -> FetchKeyword {
        guard keyword.name != "hdr" else { return keyword }
        let suffix = keyword.name.dropFirst("hdr".count)
        return family("req.hdr", .request).first { $0.name == "req.hdr" + suffix }?.renamed(keyword.name) ?? keyword
    }

    private static let named = ArgumentShape([], optional: [.string, .integer])
    private static let name = ArgumentShape([], optional: [.string])

    /// `hdr`, `hdr_cnt`, `hdr_ip`, `hdr_val`: values between commas.
    private static func family(_ base: String, _ side: Side, alias: Bool = false) -> [FetchKeyword] {
        [
            FetchKeyword(
                base, named, .string, side.source, section: "7.3.6",
                "A value of a field of the \(side.word): the last, or with an occurrence that one", alias: alias,
                prepare: FieldSelector.prepare
            ) { scope, arguments in
                value(side, scope, arguments, isFull: false)
            },
            FetchKeyword(
                base + "_cnt", name, .integer, side.source, section: "7.3.6",
                "How many values a field of the \(side.word) has", alias: alias, prepare: FieldSelector.prepare
            ) { scope, arguments in
                count(side, scope, arguments, isFull: false)
            },
            FetchKeyword(
                base + "_ip", named, .ipv4, side.source, section: "7.3.6",
                "A value of a field of the \(side.word) as an address", alias: alias, prepare: FieldSelector.prepare
            ) { scope, arguments in
                address(side, scope, arguments)
            },
            FetchKeyword(
                base + "_val", named, .integer, side.source, section: "7.3.6",
                "A value of a field of the \(side.word) as an integer", alias: alias, prepare: FieldSelector.prepare
            ) { scope, arguments in
                value(side, scope, arguments, isFull: false).map { Sample(leadingInteger($0.span)) }
            },
        ]
    }

    /// `fhdr`, `fhdr_cnt`: whole lines.
    private static func full(_ base: String, _ side: Side) -> [FetchKeyword] {
        [
            FetchKeyword(
                base, named, .string, side.source, section: "7.3.6",
                "A line of a field of the \(side.word), commas and all", prepare: FieldSelector.prepare
            ) { scope, arguments in
                value(side, scope, arguments, isFull: true)
            },
            FetchKeyword(
                base + "_cnt", name, .integer, side.source, section: "7.3.6",
                "How many lines a field of the \(side.word) has", prepare: FieldSelector.prepare
            ) { scope, arguments in
                count(side, scope, arguments, isFull: true)
            },
        ]
    }

    /// `hdr_names`, `hdrs`, `hdrs_bin`: all fields.
    private static func whole(_ base: String, _ side: Side) -> [FetchKeyword] {
        [
            FetchKeyword(
                base + ".hdr_names", name, .string, side.source, section: "7.3.6",
                "The names of all fields of the \(side.word), joined", prepare: literal(0)
            ) { scope, arguments in
                guard let head = side.head(scope) else { return nil }
                let delimiter = arguments.literal.flatMap { $0.isEmpty ? nil : $0.span[0] } ?? UInt8(ascii: ",")
                let writer = FieldWriter(head)
                return writer.names(delimiter, scope)
            },
            FetchKeyword(
                base + ".hdrs", .none, .binary, side.source, section: "7.3.6",
                "All fields of the \(side.word) as text, with the empty line"
            ) { scope, _ in
                guard let head = side.head(scope) else { return nil }
                let writer = FieldWriter(head)
                return writer.text(scope)
            },
            FetchKeyword(
                base + ".hdrs_bin", .none, .binary, side.source, section: "7.3.6",
                "All fields of the \(side.word), each string behind its length"
            ) { scope, _ in
                guard let head = side.head(scope) else { return nil }
                let writer = FieldWriter(head)
                return writer.binary(scope)
            },
        ]
    }

    // MARK: Values

    /// The next value when the scope iterates, else the one that the occurrence names, else the last.
    private static func value(
        _ side: Side, _ scope: SampleScope, _ arguments: Arguments, isFull: Bool
    ) -> Sample? {
        arguments.withMade(FieldSelector.self) { selector in
            side.withHead(scope) { head in value(head, selector, scope, isFull: isFull) }
        }
    }

    private static func value(
        _ head: MessageHead, _ selector: FieldSelector, _ scope: SampleScope, isFull: Bool
    ) -> Sample? {
        guard !selector.name.isEmpty else { return nil }
        if selector.occurrence == 0 && scope.iterates {
            var values = FieldValues(isFull: isFull, from: scope.place)
            guard let (index, range) = values.next(head, selector) else { return nil }
            scope.place = values.place
            scope.hasMore = values.hasMore(head, selector)
            return Sample(head, head.valueSlice(index), range)
        }
        var values = FieldValues(isFull: isFull)
        var wanted = selector.occurrence
        if wanted == 0 || wanted == -1 {
            guard var last = values.next(head, selector) else { return nil }
            while let later = values.next(head, selector) { last = later }
            return Sample(head, head.valueSlice(last.index), last.range)
        }
        // From the end: counted first, then found.
        if wanted < 0 { wanted += count(head, selector, isFull: isFull) + 1 }
        guard wanted > 0 else { return nil }
        while let (index, range) = values.next(head, selector) {
            wanted -= 1
            if wanted == 0 { return Sample(head, head.valueSlice(index), range) }
        }
        return nil
    }

    private static func count(
        _ side: Side, _ scope: SampleScope, _ arguments: Arguments, isFull: Bool
    ) -> Sample? {
        arguments.withMade(FieldSelector.self) { selector in
            side.withHead(scope) { head in Sample(count(head, selector, isFull: isFull)) }
        }
    }

    private static func count(_ head: MessageHead, _ selector: FieldSelector, isFull: Bool) -> Int {
        var values = FieldValues(isFull: isFull)
        var count = 0
        while values.next(head, selector) != nil { count += 1 }
        return count
    }

    /// The address that a value is; an IPv4 address may have a port (RFC 7239, section 6).
    private static func address(_ side: Side, _ scope: SampleScope, _ arguments: Arguments) -> Sample? {
        value(side, scope, arguments, isFull: false).flatMap { AddressText.address($0.span) }
    }
}

/// The field that arguments name, and which of its values.
final class FieldSelector: Sendable {
    /// Empty: every field.
    let name: LiteralBytes
    let known: KnownHeader
    /// From 1, or from -1 for the last; 0: none is named.
    let occurrence: Int

    private init(_ arguments: Arguments) {
        name = LiteralBytes(arguments.string(0))
        known = KnownHeader(name: name.span)
        occurrence = Int(clamping: arguments.integer(1))
    }

    @Sendable
    static func prepare(_ arguments: Arguments, _: ArgumentContext) throws(ArgumentFailure) -> AnyObject? {
        FieldSelector(arguments)
    }

    /// The first such field at or after an index.
    func field(of head: MessageHead, from start: Int) -> Int? {
        if !name.isEmpty { return head.firstIndex(named: name.span, known, from: start) }
        var index = start
        while index < head.fieldCount {
            if head.isLive(index) { return index }
            index += 1
        }
        return nil
    }
}

/// The values of a field of a head, one after the other.
struct FieldValues {
    private let isFull: Bool
    private(set) var place: SampleScope.Place

    init(isFull: Bool, from place: SampleScope.Place = .init()) {
        self.isFull = isFull
        self.place = place
    }

    /// The index of the field and where its next value stands; nil after the last.
    mutating func next(_ head: MessageHead, _ selector: FieldSelector) -> (index: Int, range: Range<Int>)? {
        while true {
            if !place.isInside {
                guard let found = selector.field(of: head, from: place.index) else { return nil }
                place = SampleScope.Place(isInside: true, index: found, offset: 0)
            }
            let value = head.value(place.index)
            if isFull {
                defer { advance() }
                return (place.index, 0..<value.count)
            }
            if place.offset <= value.count {
                let range = element(value)
                return (place.index, range)
            }
            advance()
        }
    }

    /// Whether `next` would find another value; most fields have one, and to ask for a second in vain costs as much as
    /// the first.
    func hasMore(_ head: MessageHead, _ selector: FieldSelector) -> Bool {
        if place.isInside && place.offset <= head.value(place.index).count { return true }
        return selector.field(of: head, from: place.isInside ? place.index + 1 : place.index) != nil
    }

    private mutating func advance() { place = SampleScope.Place(isInside: false, index: place.index + 1, offset: 0) }

    /// The first quote or comma at or after a place, or the end.
    private static func plainEnd(_ value: Span<UInt8>, _ start: Int) -> Int {
        // SAFETY: each load lies within the bytes.
        unsafe value.withUnsafeBytes { bytes in
            let ones: UInt64 = 0x0101_0101_0101_0101
            var index = start
            while bytes.count - index >= 8 {
                let word = unsafe UInt64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                let comma = word ^ (ones &* UInt64(UInt8(ascii: ",")))
                let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
                // The lowest bit that is set is that of a true zero.
                let hits = ((comma &- ones) & ~comma | (quote &- ones) & ~quote) & (ones &* 0x80)
                if hits != 0 { return index + hits.trailingZeroBitCount / 8 }
                index += 8
            }
            while index < bytes.count {
                let byte = unsafe bytes[index]
                if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") { break }
                index += 1
            }
            return index
        }
    }

    /// The element at the place, without white space around it; quoted commas do not end one.
    private mutating func element(_ value: Span<UInt8>) -> Range<Int> {
        var start = place.offset
        var end = FieldValues.plainEnd(value, start)
        var isQuoted = false
        while end < value.count {
            let byte = value[end]
            if isQuoted && byte == UInt8(ascii: "\\") {
                end += 1
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == UInt8(ascii: ",") && !isQuoted {
                break
            }
            end += 1
        }
        end = min(end, value.count)
        place.offset = end + 1
        while start < end, value[start] == 0x20 || value[start] == 0x09 { start += 1 }
        while end > start, value[end - 1] == 0x20 || value[end - 1] == 0x09 { end -= 1 }
        return start..<end
    }
}

/// Writes all fields of a head into the scope's scratch memory.
struct FieldWriter {
    private let head: MessageHead

    init(_ head: MessageHead) { self.head = head }

    func names(_ delimiter: UInt8, _ scope: SampleScope) -> Sample? {
        scope.scratch.write(.string) { output in
            for index in 0..<head.fieldCount where head.isLive(index) {
                if output.count > 0 { output.append(delimiter) }
                output.append(lowercasing: head.name(index))
            }
        }
    }

    func text(_ scope: SampleScope) -> Sample? {
        scope.scratch.write(.binary) { output in
            for index in 0..<head.fieldCount where head.isLive(index) {
                output.append(lowercasing: head.name(index))
                output.append(UInt8(ascii: ":"))
                output.append(UInt8(ascii: " "))
                output.append(head.value(index))
                output.append(0x0D)
                output.append(0x0A)
            }
            output.append(0x0D)
            output.append(0x0A)
        }
    }

    func binary(_ scope: SampleScope) -> Sample? {
        scope.scratch.write(.binary) { output in
            for index in 0..<head.fieldCount where head.isLive(index) {
                output.append(variableInteger: head.name(index).count)
                output.append(lowercasing: head.name(index))
                output.append(variableInteger: head.value(index).count)
                output.append(head.value(index))
            }
            output.append(0)
            output.append(0)
        }
    }
}

/// Addresses as fields have them.
enum AddressText {
    static func address(_ text: Span<UInt8>) -> Sample? {
        var end = text.count
        if let colon = (0..<end).first(where: { text[$0] == UInt8(ascii: ":") }) {
            let dots = (0..<colon).contains { text[$0] == UInt8(ascii: ".") }
            guard dots else { return ipv6(text) }
            guard isPort(text, colon) else { return nil }
            end = colon
        }
        return ipv4(text, end)
    }

    private static func isPort(_ text: Span<UInt8>, _ colon: Int) -> Bool {
        guard text[colon] == UInt8(ascii: ":"), colon + 1 < text.count, text.count - colon <= 6 else { return false }
        var value = 0
        for index in (colon + 1)..<text.count {
            guard text[index].isDigit else { return false }
            value = value * 10 + Int(text[index] - UInt8(ascii: "0"))
        }
        return value <= 65535
    }

    private static func ipv4(_ text: Span<UInt8>, _ end: Int) -> Sample? {
        var value: UInt32 = 0, octet: UInt32 = 0
        var dots = 0, digits = 0
        for index in 0..<end {
            let byte = text[index]
            if byte.isDigit {
                octet = octet &* 10 &+ UInt32(byte &- UInt8(ascii: "0"))
                digits += 1
                guard digits <= 3, octet <= 255 else { return nil }
            } else if byte == UInt8(ascii: "."), digits > 0, dots < 3 {
                value = value << 8 | octet
                (octet, digits, dots) = (0, 0, dots + 1)
            } else {
                return nil
            }
        }
        guard dots == 3, digits > 0 else { return nil }
        return Sample(IPv4Address(value: value << 8 | octet))
    }

    private static func ipv6(_ text: Span<UInt8>) -> Sample? {
        // Rare, and short: an array is fine here.
        text.count <= 45 ? IPText.ipv6(text.array).map { Sample($0) } : nil
    }
}
