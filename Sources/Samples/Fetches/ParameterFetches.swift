import Base
import HTTP

/// Fetches of parameters of URLs and of bodies (manual, section 7.3.6).
enum ParameterFetches {
    static let all: [FetchKeyword] =
        [url("urlp"), url("url_param", alias: true), integer] + body("req", .request) + body("res", .response)
        + [parameter]

    private static let section = "7.3.6"
    private static let shape = ArgumentShape([], optional: [.string, .string])

    private static func url(_ name: String, alias: Bool = false) -> FetchKeyword {
        FetchKeyword(
            name, shape, .string, .request, section: section, "The value of a parameter of the query", alias: alias,
            prepare: ParameterQuestion.make, evaluate: value)
    }

    private static let integer = FetchKeyword(
        "urlp_val", shape, .integer, .request, section: section, "The value of a parameter of the query as an integer",
        prepare: ParameterQuestion.make
    ) { scope, arguments in
        value(scope, arguments).map { Sample(leadingInteger($0.span)) }
    }

    @Sendable
    private static func value(_ scope: SampleScope, _ arguments: Arguments) -> Sample? {
        guard let head = scope.requestHead, let question = arguments.made(ParameterQuestion.self) else { return nil }
        let target = head.targetSlice
        let bytes = head.span(target)
        let start: Int
        if scope.place.isInside {
            start = scope.place.offset
        } else {
            guard let begin = bytes.indices.first(where: { question.begins(bytes[$0]) }) else { return nil }
            start = begin + 1
        }
        guard let (range, next) = question.find(bytes, from: start) else { return nil }
        if scope.iterates {
            scope.place = SampleScope.Place(isInside: true, index: 0, offset: next)
            scope.hasMore = true
        }
        return Sample(head, target, range)
    }

    // MARK: Bodies

    private static let parameter = FetchKeyword(
        "req.body_param", ArgumentShape([], optional: [.string]), .binary, .request, section: section,
        "The value of a parameter of a form that is the request's body", prepare: ParameterQuestion.make
    ) { scope, arguments in
        guard scope.requestHead != nil, let question = arguments.made(ParameterQuestion.self) else { return nil }
        // SAFETY: the body stands until the evaluation is over.
        var body = unsafe Sample(.binary, scope.body(response: false))
        guard let (range, next) = question.find(body.span, from: scope.place.offset) else { return nil }
        if scope.iterates {
            scope.place = SampleScope.Place(isInside: true, index: 0, offset: next)
            scope.hasMore = true
        }
        body.narrow(from: range.lowerBound, count: range.count)
        return body
    }

    private static func body(_ base: String, _ side: HeaderFetches.Side) -> [FetchKeyword] {
        let isResponse = side == .response
        return [
            FetchKeyword(
                base + ".body", .none, .binary, side.source, section: section,
                "The body of the \(side.word), as far as it is here"
            ) { scope, _ in
                guard side.head(scope) != nil else { return nil }
                // SAFETY: the body stands until the evaluation is over.
                return unsafe Sample(.binary, scope.body(response: isResponse))
            },
            FetchKeyword(
                base + ".body_len", .none, .integer, side.source, section: section,
                "How many bytes of the body of the \(side.word) are here"
            ) { scope, _ in
                guard side.head(scope) != nil else { return nil }
                // SAFETY: only counted.
                return unsafe Sample(scope.body(response: isResponse).count)
            },
            FetchKeyword(
                base + ".body_size", .none, .integer, side.source, section: section,
                "The length that the \(side.word) announces, or how many bytes of the body are here"
            ) { scope, _ in
                guard let head = side.head(scope) else { return nil }
                if isResponse && !scope.responseHasContent { return Sample(0) }
                if let length = head.firstValue(of: .contentLength) { return Sample(leadingInteger(length)) }
                // SAFETY: only counted.
                return unsafe Sample(scope.body(response: isResponse).count)
            },
        ]
    }
}

/// Which parameter is asked for, and between which delimiters.
final class ParameterQuestion: Sendable {
    /// Empty: any.
    private let name: LiteralBytes
    private let delimiter: UInt8

    init(name: [UInt8], delimiter: UInt8) {
        self.name = LiteralBytes(name)
        self.delimiter = delimiter
    }

    static let make: @Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject? = {
        arguments, _ throws(ArgumentFailure) in
        let delimiter = arguments.string(1)
        if delimiter.count > 1 { throw ArgumentFailure(1, "a delimiter is one character") }
        return ParameterQuestion(name: arguments.string(0), delimiter: delimiter.first ?? UInt8(ascii: "?"))
    }

    /// Whether the parameters begin after this character. The manual has "?" beside the delimiter; HAProxy does not.
    func begins(_ byte: UInt8) -> Bool { byte == delimiter }

    private func ends(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "&") || byte == UInt8(ascii: ";") || byte == delimiter
    }

    /// The value of the next parameter of that name from a place on, and where the one after it begins.
    func find(_ bytes: Span<UInt8>, from start: Int) -> (value: Range<Int>, next: Int)? {
        var first = start
        while first < bytes.count {
            var end = first
            while end < bytes.count, !ends(bytes[end]) { end += 1 }
            var equals = first
            while equals < end, bytes[equals] != UInt8(ascii: "=") { equals += 1 }
            if equals < end, name.isEmpty || bytes.extracting(first..<equals).equals(name.span) {
                return ((equals + 1)..<end, end + 1)
            }
            first = end + 1
        }
        return nil
    }
}
