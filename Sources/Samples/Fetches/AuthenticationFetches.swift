import Base
import HTTP

/// Fetches of what a client authenticates with (manual, section 7.3.6; RFC 7617, RFC 6750).
enum AuthenticationFetches {
    static let all: [FetchKeyword] = [
        FetchKeyword(
            "http_auth", ArgumentShape([.userlist]), .boolean, .request, section: "7.3.6",
            "Whether the user and the password are those of a list"
        ) { scope, arguments in
            guard case .userlist(let list) = arguments[0], let basic = Credentials(scope) else {
                return scope.requestHead.map { _ in Sample(false) }
            }
            return Sample(scope.isUser(basic.user.span, basic.password.span, in: list))
        },
        FetchKeyword(
            "http_auth_group", ArgumentShape([.userlist]), .string, .request, section: "7.3.6",
            "The user's name, if user and password are those of a list; in ACLs, each group of the user",
            evaluate: group),
        FetchKeyword(
            "http_auth_bearer", ArgumentShape([], optional: [.string]), .string, .request, section: "7.3.6",
            "The token of the scheme Bearer", prepare: literal(0)
        ) { scope, arguments in
            bearer(scope, arguments.literal)
        },
        FetchKeyword("http_auth_pass", .none, .string, .request, section: "7.3.6", "The password of the scheme Basic") {
            scope, _ in
            Credentials(scope)?.password
        },
        FetchKeyword("http_auth_type", .none, .string, .request, section: "7.3.6", "The scheme of authentication") {
            scope, _ in
            // Of credentials that cannot be read there is none.
            if Credentials(scope) != nil { return Sample(literal: "Basic") }
            return bearer(scope, nil) == nil ? nil : Sample(literal: "Bearer")
        },
        FetchKeyword("http_auth_user", .none, .string, .request, section: "7.3.6", "The user of the scheme Basic") {
            scope, _ in
            Credentials(scope)?.user
        },
    ]

    /// The field that credentials stand in.
    static func authorization(_ head: MessageHead) -> Int? { head.firstIndex(of: .authorization) }

    @Sendable
    private static func group(_ scope: SampleScope, _ arguments: Arguments) -> Sample? {
        let place = scope.place
        guard case .userlist(let list) = arguments[0], let basic = Credentials(scope),
            place.isInside || scope.isUser(basic.user.span, basic.password.span, in: list)
        else { return nil }
        guard scope.iterates else { return basic.user }
        guard let group = scope.group(place.index, of: basic.user.span, in: list) else {
            // A user of no group is found all the same.
            return place.isInside ? nil : Sample(literal: "")
        }
        scope.place = SampleScope.Place(isInside: true, index: place.index + 1)
        scope.hasMore = true
        return group
    }

    /// - Parameter name: of the field, if it is not `Authorization`.
    private static func bearer(_ scope: SampleScope, _ name: LiteralBytes?) -> Sample? {
        guard let head = scope.requestHead else { return nil }
        let field: Int?
        if let name, !name.isEmpty { field = head.firstIndex(named: name.span) } else { field = authorization(head) }
        guard let field else { return nil }
        let value = head.value(field)
        guard let start = Credentials.scheme("bearer", value) else { return nil }
        return Sample(head, head.valueSlice(field), start..<value.count)
    }
}

/// User and password of the scheme Basic, in the scope's scratch memory.
struct Credentials {
    let user: Sample
    let password: Sample

    init?(_ scope: SampleScope) {
        guard let head = scope.requestHead, let field = AuthenticationFetches.authorization(head) else { return nil }
        let value = head.value(field)
        guard let start = Credentials.scheme("basic", value),
            let text = scope.scratch.write(.string, { Credentials.decode(value.extracting(start..<value.count), &$0) })
        else { return nil }
        let bytes = text.span
        guard let colon = bytes.indices.first(where: { bytes[$0] == UInt8(ascii: ":") }) else { return nil }
        var user = text, password = text
        user.narrow(from: 0, count: colon)
        password.narrow(from: colon + 1, count: bytes.count - colon - 1)
        (self.user, self.password) = (user, password)
    }

    /// Where what follows a scheme begins; nil: it is another one.
    static func scheme(_ name: StaticString, _ value: Span<UInt8>) -> Int? {
        let count = name.utf8CodeUnitCount
        guard value.count > count, value[count] == 0x20, value.extracting(0..<count).equalsIgnoringCase(name) else {
            return nil
        }
        var start = count
        while start < value.count, value[start] == 0x20 { start += 1 }
        return start < value.count ? start : nil
    }

    /// Base 64 (RFC 4648); ends at what is no digit of it.
    private static func decode(_ text: Span<UInt8>, _ output: inout SampleOutput) {
        var bits: UInt32 = 0
        var count = 0
        for index in text.indices {
            guard let digit = sextet(text[index]) else { break }
            bits = bits << 6 | digit
            count += 1
            if count == 4 {
                for place in 0..<3 { output.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place))) }
                (bits, count) = (0, 0)
            }
        }
        if count >= 2 { output.append(UInt8(truncatingIfNeeded: bits >> UInt32(6 * count - 8))) }
        if count == 3 { output.append(UInt8(truncatingIfNeeded: bits >> 2)) }
    }

    private static func sextet(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
