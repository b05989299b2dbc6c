import Base
import HTTP

/// Fetches of the start lines of messages and of what is known of their exchange (manual, section 7.3.6).
enum MessageFetches {
    static let all: [FetchKeyword] = target + hosts + lines + captures + cached

    private static let section = "7.3.6"

    private static let target: [FetchKeyword] = [
        FetchKeyword("path", .none, .string, .request, section: section, "Path of the request, without the query") {
            scope, _ in
            scope.withRequest { head in
                let path = head.pathSlice
                return isPath(head, path) ? Sample(head, path) : nil
            }
        },
        FetchKeyword("pathq", .none, .string, .request, section: section, "Path of the request, with the query") {
            scope, _ in
            scope.withRequest { head in
                let path = head.pathAndQuerySlice
                return isPath(head, path) ? Sample(head, path) : nil
            }
        },
        FetchKeyword(
            "query", .none, .string, .request, section: section, "The query: what follows the first question mark"
        ) { scope, _ in
            guard let head = scope.requestHead else { return nil }
            let target = head.targetSlice
            let bytes = head.span(target)
            guard let mark = bytes.indices.first(where: { bytes[$0] == UInt8(ascii: "?") }) else { return nil }
            return Sample(head, target, (mark + 1)..<bytes.count)
        },
        FetchKeyword("url", .none, .string, .request, section: section, "The target of the request as it came") {
            scope, _ in
            scope.withRequest { Sample($0, $0.targetSlice) }
        },
        FetchKeyword("url_ip", .none, .ipv4, .request, section: section, "The address in an absolute target") {
            scope, _ in
            guard let head = scope.requestHead else { return nil }
            return URLHost(head)?.address
        },
        FetchKeyword("url_port", .none, .integer, .request, section: section, "The port in an absolute target") {
            scope, _ in
            guard let head = scope.requestHead else { return nil }
            return URLHost(head).map { Sample(Int64($0.port)) }
        },
    ]

    static func isPath(_ head: MessageHead, _ slice: HeadSlice) -> Bool {
        slice.count > 0 && head.span(slice)[0] == UInt8(ascii: "/")
    }

    // MARK: Host and path

    /// The first Host field and a part of the target, one behind the other.
    private static func joined(_ scope: SampleScope, _ part: (MessageHead) -> HeadSlice) -> Sample? {
        guard let head = scope.requestHead else { return nil }
        let slice = part(head)
        let hasPath = isPath(head, slice)
        guard let host = head.firstIndex(of: .host), head.value(host).count > 0 else {
            return hasPath ? Sample(head, slice) : nil
        }
        if !hasPath { return Sample(head, head.valueSlice(host)) }
        return scope.scratch.write(.string) { output in
            output.append(head.value(host))
            output.append(head.span(slice))
        }
    }

    private static func hash(_ scope: SampleScope, _ part: (MessageHead) -> HeadSlice) -> UInt32? {
        joined(scope, part).map { ShortHashes.avalanche(ShortHashes.sdbm($0.span)) }
    }

    private static func withSource(_ scope: SampleScope, _ part: (MessageHead) -> HeadSlice) -> Sample? {
        let address = scope.address(.source)
        guard let hash = hash(scope, part), address.ipv4 != nil || address.ipv6 != nil else { return nil }
        return scope.scratch.write(.binary) { output in
            output.append(bigEndian: hash)
            if let four = address.ipv4 { output.append(bigEndian: four) }
            if let six = address.ipv6 {
                for half in [six.high, six.low] {
                    output.append(bigEndian: UInt32(truncatingIfNeeded: half >> 32))
                    output.append(bigEndian: UInt32(truncatingIfNeeded: half))
                }
            }
        }
    }

    private static let hosts: [FetchKeyword] = [
        FetchKeyword("base", .none, .string, .request, section: section, "The first Host field and the path") {
            scope, _ in
            joined(scope) { $0.pathSlice }
        },
        FetchKeyword("baseq", .none, .string, .request, section: section, "The same with the query") { scope, _ in
            joined(scope) { $0.pathAndQuerySlice }
        },
        FetchKeyword("base32", .none, .integer, .request, section: section, "A hash of base") { scope, _ in
            hash(scope) { $0.pathSlice }.map { Sample(Int64($0)) }
        },
        FetchKeyword("base32+src", .none, .binary, .request, section: section, "base32 and the client's address") {
            scope, _ in
            withSource(scope) { $0.pathSlice }
        },
        FetchKeyword("url32", .none, .integer, .request, section: section, "A hash of the Host field and the URL") {
            scope, _ in
            hash(scope) { $0.pathAndQuerySlice }.map { Sample(Int64($0)) }
        },
        FetchKeyword("url32+src", .none, .binary, .request, section: section, "url32 and the client's address") {
            scope, _ in
            withSource(scope) { $0.pathAndQuerySlice }
        },
    ]

    // MARK: Start lines

    private static func version(_ name: String, _ side: HeaderFetches.Side, alias: Bool = false) -> FetchKeyword {
        FetchKeyword(
            name, .none, .string, side.source, section: section, "HTTP version of the \(side.word), as 1.1",
            alias: alias
        ) { scope, _ in
            guard let version = side.withHead(scope, { $0.version }) else { return nil }
            switch (version.major, version.minor) {
            case (1, 0): return Sample(literal: "1.0")
            case (1, _): return Sample(literal: "1.1")
            default: return Sample(literal: "2.0")
            }
        }
    }

    private static let lines: [FetchKeyword] = [
        FetchKeyword("method", .none, .method, .transaction, section: section, "Method of the request") { scope, _ in
            if let method = scope.withRequest({ Sample($0, $0.methodSlice, .method) }) { return method }
            guard var kept = scope.text(.capturedMethod) else { return nil }
            kept.retype(.method)
            return kept
        },
        version("req.ver", .request), version("req_ver", .request, alias: true),
        version("res.ver", .response), version("resp_ver", .response, alias: true),
        FetchKeyword("status", .none, .integer, .serverConnection, section: section, "Status of the response") {
            scope, _ in
            scope.withResponse { Sample(Int64($0.status.code)) }
        },
        FetchKeyword(
            "http_first_req", .none, .boolean, .transaction, section: section,
            "Whether the request is the first of its connection"
        ) { scope, _ in
            scope.number(.isFirstRequest).map { Sample($0 != 0) }
        },
        FetchKeyword(
            "req.proto_http", .none, .boolean, .transaction, section: section, "Whether what was received is HTTP",
            evaluate: isHTTP),
        FetchKeyword(
            "req_proto_http", .none, .boolean, .transaction, section: section, "Whether what was received is HTTP",
            alias: true, evaluate: isHTTP),
        FetchKeyword(
            "unique-id", .none, .string, .constant, section: section, "The request's unique-id"
        ) { scope, _ in
            scope.text(.uniqueID)
        },
    ]

    @Sendable
    private static func isHTTP(_ scope: SampleScope, _: Arguments) -> Sample? {
        scope.requestHead != nil || scope.text(.capturedMethod) != nil ? Sample(true) : nil
    }

    // MARK: What was captured

    private static func text(_ name: String, _ fact: StreamText, _ documentation: String) -> FetchKeyword {
        FetchKeyword(name, .none, .string, .transaction, section: section, documentation) { scope, _ in
            scope.text(fact)
        }
    }

    private static let captures: [FetchKeyword] = [
        text("capture.req.method", .capturedMethod, "Method of the request, also later"),
        text("capture.req.uri", .capturedURI, "Target of the request from its first slash, also later"),
        text("capture.req.ver", .capturedRequestVersion, "HTTP version of the request, as HTTP/1.1"),
        text("capture.res.ver", .capturedResponseVersion, "HTTP version of the response, as HTTP/1.1"),
        FetchKeyword(
            "capture.req.hdr", ArgumentShape([.integer]), .string, .transaction, section: section,
            "A captured field of the request, by its place"
        ) { scope, arguments in
            scope.capturedHeader(Int(clamping: arguments.integer(0)), response: false)
        },
        FetchKeyword(
            "capture.res.hdr", ArgumentShape([.integer]), .string, .serverConnection, section: section,
            "A captured field of the response, by its place"
        ) { scope, arguments in
            scope.capturedHeader(Int(clamping: arguments.integer(0)), response: true)
        },
    ]

    /// Nothing is cached or compressed here.
    private static let cached: [FetchKeyword] = [
        FetchKeyword(
            "res.cache_hit", .none, .boolean, .server, section: section, "Whether the response comes from a cache"
        ) { _, _ in
            Sample(false)
        },
        FetchKeyword(
            "res.cache_name", .none, .string, .server, section: section, "Name of the cache that it comes from"
        ) { _, _ in
            Sample(literal: "")
        },
        FetchKeyword(
            "res.comp", .none, .boolean, .serverConnection, section: section, "Whether the response was compressed"
        ) { _, _ in
            Sample(false)
        },
        FetchKeyword(
            "res.comp_algo", .none, .string, .serverConnection, section: section, "What compressed the response"
        ) { _, _ in
            nil
        },
    ]
}

/// An address and a port in an absolute target: `http://192.0.2.1:8080/`.
struct URLHost {
    let address: Sample
    let port: UInt16

    init?(_ head: MessageHead) {
        guard head.targetForm == .absolute || head.targetForm == .authority else { return nil }
        let bytes = head.span(head.authoritySlice)
        var end = 0
        if bytes.count > 0, bytes[0] == UInt8(ascii: "[") {
            while end < bytes.count, bytes[end] != UInt8(ascii: "]") { end += 1 }
            end = min(end + 1, bytes.count)
        } else {
            while end < bytes.count, bytes[end] != UInt8(ascii: ":") { end += 1 }
        }
        guard let address = AddressText.address(bytes.extracting(0..<end)) else { return nil }
        self.address = address
        guard end < bytes.count else {
            port = 80
            return
        }
        var number = 0
        var index = end + 1
        while index < bytes.count, bytes[index].isDigit, number <= 65535 {
            number = number * 10 + Int(bytes[index] - UInt8(ascii: "0"))
            index += 1
        }
        guard index == bytes.count, number <= 65535 else { return nil }
        port = UInt16(number)
    }
}
