import Base
import HTTP

/// Fetches of cookies (manual, section 7.3.6; RFC 6265).
enum CookieFetches {
    static let all: [FetchKeyword] =
        family("req.cook", .request) + family("cook", .request, alias: true)
        + family("res.cook", .response) + family("scook", .response, alias: true)
        + [
            FetchKeyword(
                "cookie", shape, .string, .message, section: "7.3.6", "The value of a cookie of the message at hand",
                alias: true, prepare: literal(0)
            ) { scope, arguments in
                value(.message, scope, arguments)
            }
        ]

    private static let shape = ArgumentShape([], optional: [.string])

    private static func family(_ base: String, _ side: HeaderFetches.Side, alias: Bool = false) -> [FetchKeyword] {
        [
            FetchKeyword(
                base, shape, .string, side.source, section: "7.3.6", "The value of a cookie of the \(side.word)",
                alias: alias, prepare: literal(0)
            ) { scope, arguments in
                value(side, scope, arguments)
            },
            FetchKeyword(
                base + "_cnt", shape, .integer, side.source, section: "7.3.6",
                "How many cookies of that name the \(side.word) has", alias: alias, prepare: literal(0)
            ) { scope, arguments in
                guard let head = side.head(scope) else { return nil }
                var cookies = Cookies(head, isResponse: side.isResponse(scope), arguments.literal)
                var count = 0
                while cookies.next() != nil { count += 1 }
                return Sample(count)
            },
            FetchKeyword(
                base + "_val", shape, .integer, side.source, section: "7.3.6",
                "The value of a cookie of the \(side.word) as an integer", alias: alias, prepare: literal(0)
            ) { scope, arguments in
                value(side, scope, arguments).map { Sample(leadingInteger($0.span)) }
            },
        ]
    }

    /// One after the other when the scope iterates; else the last of that name, or the first of any.
    private static func value(_ side: HeaderFetches.Side, _ scope: SampleScope, _ arguments: Arguments) -> Sample? {
        guard let head = side.head(scope) else { return nil }
        let name = arguments.literal
        var cookies = Cookies(
            head, isResponse: side.isResponse(scope), name, from: scope.iterates ? scope.place : .init())
        guard var found = cookies.next() else { return nil }
        if scope.iterates {
            scope.place = cookies.place
            scope.hasMore = true
        } else if let name, !name.isEmpty {
            while let later = cookies.next() { found = later }
        }
        return Sample(head, head.valueSlice(found.index), found.range)
    }
}

extension HeaderFetches.Side {
    func isResponse(_ scope: SampleScope) -> Bool {
        switch self {
        case .request: false
        case .response: true
        case .message: scope.isResponse
        }
    }
}

/// The cookies of a head, one after the other: `name=value` between semicolons or, as of old (RFC 2109), commas; or
/// with `Set-Cookie` one in each line.
public struct Cookies {
    private let head: MessageHead
    private let isResponse: Bool
    private let name: LiteralBytes?
    private(set) var place: SampleScope.Place

    init(_ head: MessageHead, isResponse: Bool, _ name: LiteralBytes?, from place: SampleScope.Place = .init()) {
        self.head = head
        self.isResponse = isResponse
        self.name = name
        self.place = place
    }

    /// The field and the value's range of the next cookie; nil after the last.
    mutating func next() -> (index: Int, range: Range<Int>)? {
        while true {
            if !place.isInside {
                guard let index = head.firstIndex(of: isResponse ? .setCookie : .cookie, from: place.index) else {
                    return nil
                }
                place = SampleScope.Place(isInside: true, index: index, offset: 0)
            }
            let field = head.value(place.index)
            while place.offset < field.count {
                let start = place.offset
                let end = Cookies.end(field, start, isResponse: isResponse)
                // Attributes of a `Set-Cookie` line are no cookies.
                place.offset = isResponse ? field.count : end + 1
                if let range = match(field, start, end) { return (place.index, range) }
            }
            place = SampleScope.Place(isInside: false, index: place.index + 1, offset: 0)
        }
    }

    /// Where the pair that starts here ends: at a separator outside of quotes, or at the line's end.
    public static func end(_ field: Span<UInt8>, _ start: Int, isResponse: Bool) -> Int {
        var index = start
        var isQuoted = false
        while index < field.count {
            let byte = field[index]
            if isQuoted && byte == UInt8(ascii: "\\") {
                index += 1
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if !isQuoted && (byte == UInt8(ascii: ";") || (byte == UInt8(ascii: ",") && !isResponse)) {
                return index
            }
            index += 1
        }
        return field.count
    }

    /// The value of the pair, if it has one and the name fits.
    private func match(_ field: Span<UInt8>, _ start: Int, _ end: Int) -> Range<Int>? {
        var first = start
        while first < end, isBlank(field[first]) { first += 1 }
        var equals = first
        while equals < end, field[equals] != UInt8(ascii: "=") { equals += 1 }
        guard equals < end else { return nil }
        var nameEnd = equals
        while nameEnd > first, isBlank(field[nameEnd - 1]) { nameEnd -= 1 }
        if let name, !name.isEmpty, !field.extracting(first..<nameEnd).equals(name.span) { return nil }
        var valueStart = equals + 1, valueEnd = end
        while valueStart < valueEnd, isBlank(field[valueStart]) { valueStart += 1 }
        while valueEnd > valueStart, isBlank(field[valueEnd - 1]) { valueEnd -= 1 }
        return valueStart..<valueEnd
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
