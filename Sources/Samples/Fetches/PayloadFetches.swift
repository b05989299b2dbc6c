import Base

/// Fetches of bytes that were received and not consumed (manual, section 7.3.5).
enum PayloadFetches {
    static let all: [FetchKeyword] =
        lengths + blocks("req", .request) + blocks("res", .response) + blocks("", .message) + distcc + rdp

    private static let section = "7.3.5"

    /// Of which direction.
    private static func isResponse(_ side: HeaderFetches.Side, _ scope: SampleScope) -> Bool {
        side.isResponse(scope)
    }

    /// The bytes of a direction, as a sample. In HTTP mode there are none: messages are structured there.
    static func bytes(_ scope: SampleScope, response: Bool) -> Sample {
        // SAFETY: received bytes stay where they are during an evaluation.
        unsafe Sample(.binary, scope.payload(response: response))
    }

    /// nil, with a note that more data may bring a value.
    static func later(_ scope: SampleScope) -> Sample? {
        scope.mayChange = !scope.isFinal
        return nil
    }

    private static func length(_ name: String, _ side: HeaderFetches.Side, alias: Bool = false) -> FetchKeyword {
        FetchKeyword(
            name, .none, .integer, side.source, section: section, "How many bytes of the \(side.word) are here",
            alias: alias
        ) { scope, _ in
            scope.mayChange = !scope.isFinal
            return Sample(bytes(scope, response: side == .response).byteCount)
        }
    }

    private static let lengths: [FetchKeyword] = [
        length("req.len", .request), length("req_len", .request, alias: true), length("res.len", .response),
    ]

    private static func blocks(_ base: String, _ side: HeaderFetches.Side) -> [FetchKeyword] {
        let prefix = base.isEmpty ? "" : base + "."
        return [
            FetchKeyword(
                prefix + "payload", ArgumentShape([.integer, .integer]), .binary, side.source, section: section,
                "Bytes from an offset on: so many, or with 0 all", alias: base.isEmpty
            ) { scope, arguments in
                block(scope, response: isResponse(side, scope), arguments)
            },
            FetchKeyword(
                prefix + "payload_lv", ArgumentShape([.integer, .integer], optional: [.string]), .binary, side.source,
                section: section, "Bytes whose length stands at an offset", alias: base.isEmpty,
                prepare: BlockPlace.make
            ) { scope, arguments in
                measured(scope, response: isResponse(side, scope), arguments)
            },
        ]
    }

    private static func block(_ scope: SampleScope, response: Bool, _ arguments: Arguments) -> Sample? {
        let offset = Int(clamping: arguments.integer(0)), count = Int(clamping: arguments.integer(1))
        var data = bytes(scope, response: response)
        guard offset >= 0, count >= 0, offset <= Int(Int32.max), count <= Int(Int32.max),
            max(offset, 0) + count <= scope.scratch.valueLimit
        else { return nil }
        guard offset + max(count, 0) <= data.byteCount, data.byteCount > 0 else { return later(scope) }
        if count == 0 { scope.mayChange = !scope.isFinal }
        data.narrow(from: offset, count: count == 0 ? data.byteCount - offset : count)
        return data
    }

    private static func measured(_ scope: SampleScope, response: Bool, _ arguments: Arguments) -> Sample? {
        guard let place = arguments.made(BlockPlace.self) else { return nil }
        var data = bytes(scope, response: response)
        guard place.lengthEnd <= data.byteCount else { return later(scope) }
        var count = 0
        for index in (place.lengthEnd - place.lengthSize)..<place.lengthEnd {
            count = (count & Int(UInt32.max >> 8)) << 8 | Int(data.span[index])
        }
        guard count > 0 else { return nil }
        let start = place.start
        guard start >= 0, start + count <= scope.scratch.valueLimit else { return nil }
        guard start + count <= data.byteCount else { return later(scope) }
        data.narrow(from: start, count: count)
        return data
    }

    // MARK: Distcc

    private static let token = ArgumentShape([.string], optional: [.integer])

    private static let distcc: [FetchKeyword] = [
        FetchKeyword(
            "distcc_param", token, .integer, .message, section: section, "Parameter of a token of a distcc message",
            prepare: tokenLiteral
        ) { scope, arguments in
            distcc(scope, arguments).map { Sample(Int64($0.parameter)) }
        },
        FetchKeyword(
            "distcc_body", token, .binary, .message, section: section, "What follows a token of a distcc message",
            prepare: tokenLiteral
        ) { scope, arguments in
            guard let found = distcc(scope, arguments), DistccToken.hasBody(found.name) else { return nil }
            var data = bytes(scope, response: scope.isResponse)
            guard found.end + Int(found.parameter) <= data.byteCount else { return later(scope) }
            data.narrow(from: found.end, count: Int(found.parameter))
            return data
        },
    ]

    private static let tokenLiteral: @Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject? = {
        arguments, _ throws(ArgumentFailure) in
        guard arguments.string(0).count == 4 else { throw ArgumentFailure(0, "a token has four characters") }
        return LiteralBytes(arguments.string(0))
    }

    private static func distcc(_ scope: SampleScope, _ arguments: Arguments) -> DistccToken? {
        guard let name = arguments.literal else { return nil }
        let data = bytes(scope, response: scope.isResponse).span
        var left = max(arguments.integer(1, default: 1), 1)
        var place = 0
        while let token = DistccToken(data, at: place) {
            if data.extracting(place..<(place + 4)).equals(name.span) {
                left -= 1
                if left == 0 { return token }
            }
            place = token.end + (DistccToken.hasBody(token.name) ? Int(token.parameter) : 0)
        }
        _ = later(scope)
        return nil
    }

    // MARK: RDP

    private static let name = ArgumentShape([], optional: [.string])

    private static func cookie(_ keyword: String, alias: Bool = false) -> FetchKeyword {
        FetchKeyword(
            keyword, name, .string, .request, section: section, "The cookie of an RDP connection request",
            alias: alias, prepare: literal(0), evaluate: rdpCookie)
    }

    private static func count(_ keyword: String, alias: Bool = false) -> FetchKeyword {
        FetchKeyword(
            keyword, name, .integer, .request, section: section, "Whether there is such a cookie: 1 or 0",
            alias: alias, prepare: literal(0)
        ) { scope, arguments in
            Sample(rdpCookie(scope, arguments) == nil ? 0 : 1)
        }
    }

    private static let rdp: [FetchKeyword] = [
        cookie("req.rdp_cookie"), cookie("rdp_cookie", alias: true),
        count("req.rdp_cookie_cnt"), count("rdp_cookie_cnt", alias: true),
    ]

    /// TPKT header, X.224 connection request, then `Cookie: name=value` and a line end (MS-RDPBCGR, section 2.2.1.1).
    @Sendable
    private static func rdpCookie(_ scope: SampleScope, _ arguments: Arguments) -> Sample? {
        var data = bytes(scope, response: false)
        let span = data.span
        guard span.count >= 11 else { return later(scope) }
        guard span[0] == 3, span[5] == 0xE0 else { return nil }
        let prefix: StaticString = "cookie:"
        var start = 11 + prefix.utf8CodeUnitCount
        guard span.count >= start else { return later(scope) }
        guard span.extracting(11..<start).equalsIgnoringCase(prefix) else { return nil }
        while start < span.count, span[start] == 0x20 { start += 1 }
        var equals = start
        while equals < span.count, span[equals] != UInt8(ascii: "="), span[equals] != 0x0D { equals += 1 }
        guard equals < span.count else { return later(scope) }
        guard span[equals] == UInt8(ascii: "=") else { return nil }
        if let wanted = arguments.literal, !wanted.isEmpty,
            !span.extracting(start..<equals).equalsIgnoringCase(wanted.span)
        {
            return nil
        }
        var end = equals + 1
        while end < span.count, span[end] != 0x0D { end += 1 }
        guard end < span.count else { return later(scope) }
        guard end + 1 < span.count else { return later(scope) }
        guard span[end + 1] == 0x0A else { return nil }
        data.narrow(from: equals + 1, count: end - equals - 1)
        data.retype(.string)
        return data
    }
}

/// Where a block and its length stand.
final class BlockPlace: Sendable {
    /// Offset after the length.
    let lengthEnd: Int
    let lengthSize: Int
    /// Offset of the block.
    let start: Int

    private init(lengthEnd: Int, lengthSize: Int, start: Int) {
        self.lengthEnd = lengthEnd
        self.lengthSize = lengthSize
        self.start = start
    }

    static let make: @Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject? = {
        arguments, _ throws(ArgumentFailure) in
        let offset = arguments.integer(0), size = arguments.integer(1)
        guard (0...Int64(Int32.max)).contains(offset) else { throw ArgumentFailure(0, "the offset is negative") }
        guard (1...Int64(Int32.max)).contains(size) else { throw ArgumentFailure(1, "the length must not be 0") }
        let end = Int(offset + size)
        let text = String(decoding: arguments.string(2), as: UTF8.self)
        guard !text.isEmpty else { return BlockPlace(lengthEnd: end, lengthSize: Int(size), start: end) }
        guard let number = Int32(text) else { throw ArgumentFailure(2, "'\(text)' is no offset") }
        let isRelative = text.hasPrefix("+") || text.hasPrefix("-")
        let start = isRelative ? end + Int(number) : Int(number)
        guard start >= 0 else { throw ArgumentFailure(2, "the block would start before the data") }
        return BlockPlace(lengthEnd: end, lengthSize: Int(size), start: start)
    }
}

/// One token of the distcc protocol: four letters and eight hexadecimal digits.
struct DistccToken {
    let name: UInt32
    let parameter: UInt32
    /// Offset after the token.
    let end: Int

    init?(_ data: Span<UInt8>, at place: Int) {
        guard place >= 0, place <= data.count - 12 else { return nil }
        var name: UInt32 = 0, parameter: UInt32 = 0
        for index in place..<(place + 4) { name = name << 8 | UInt32(data[index]) }
        for index in (place + 4)..<(place + 12) {
            guard let digit = data[index].hexValue else { return nil }
            parameter = parameter << 4 | UInt32(digit)
        }
        (self.name, self.parameter, end) = (name, parameter, place + 12)
    }

    /// Whether the parameter of a token is the length of what follows.
    static func hasBody(_ name: UInt32) -> Bool {
        switch name {
        case word("ARGV"), word("CDIR"), word("DOTI"), word("DOTO"), word("FILE"), word("LINK"), word("NAME"),
            word("SERR"), word("SOUT"):
            true
        default: false
        }
    }

    private static func word(_ text: StaticString) -> UInt32 {
        // SAFETY: four letters, each below the literal's end.
        var word: UInt32 = 0
        for index in 0..<4 { word = unsafe word << 8 | UInt32(text.utf8Start[index]) }
        return word
    }
}
