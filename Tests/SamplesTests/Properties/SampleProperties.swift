import Base

@testable import Samples

/// What must hold for every input of the fuzzers; see Fuzz/README.md.
enum SampleProperties {
    /// The converters that read bytes by a syntax, each over a variable that holds the input.
    static let chains = [
        "json_query($.a)", "json_query($.a.b[2],int)", "json_query($)", "json(utf8)", "json(utf8ps)", "url_dec(1)",
        "url_enc",
        "b64dec", "ub64dec", "base64,b64dec", "hex,hex2i", "be2dec(:,4)", "be2hex(-,3,1)", "word(2,./)",
        "field(-2,;,0)",
        "language(en;fr;de)", "host_only", "port_only", "regsub(\"(.)(.)\",<\\2>,g)", "jwt_header_query($.alg)",
        "jwt_payload_query", "jwt_verify(HS256,key)", "protobuf(1,int32)", "protobuf(3.2.1)", "ungrpc(1.1)",
        "fix_is_valid",
        "fix_tag_value(35)", "mqtt_is_valid", "mqtt_field_value(connect,username)", "mqtt_field_value(connack,17)",
        "add(1)", "ipmask(24,64)", "lower,upper,length", "cut_crlf", "xxh3", "wt6", "sha1,hex",
    ]

    private static let expressions = chains.compactMap { chain in
        try? ExpressionParser(point: nil, context: ArgumentContext()).parse(Array("var(txn.input),\(chain)".utf8))
    }

    private final class InputScope: SampleScope {
        private let input: LiteralBytes
        private let type: SampleType

        init(_ input: [UInt8], _ type: SampleType) {
            self.input = LiteralBytes(input)
            self.type = type
            super.init(valueLimit: 4096)
        }

        override func variable(_ name: VariableName) -> Sample? { input.sample(type) }
    }

    /// The first byte chooses the converters. The same input has the same value again, and none is longer than a
    /// buffer.
    static func converter(_ input: [UInt8]) -> String? {
        guard expressions.count == chains.count else { return "a chain cannot be read" }
        guard let first = input.first else { return nil }
        let expression = expressions[Int(first & 0x7F) % expressions.count]
        let scope = InputScope(Array(input.dropFirst().prefix(4096)), first & 0x80 != 0 ? .string : .binary)
        func value() -> [UInt8]? {
            scope.beginEvaluation()
            return expression.evaluateText(scope).map { sample in sample.span.indices.map { sample.span[$0] } }
        }
        let value1 = value()
        let value2 = value()
        if value1 != value2 { return "'\(expression.text)' has another value the second time" }
        if let value1, value1.count > 4096 { return "'\(expression.text)' is longer than a buffer" }
        return nil
    }

    /// Bytes as a history of a set of patterns: what is added, removed and looked up, by three indices and by a plain
    /// search.
    static func patterns(_ input: [UInt8]) -> String? {
        let set = PatternSet(name: "")
        defer { set.forgetMatchers() }
        guard let exact = try? set.matcher(.string), let prefix = try? set.matcher(.prefix),
            let suffix = try? set.matcher(.suffix)
        else { return "no matcher" }
        var model: [[UInt8]] = []
        var index = 0
        while index < input.count, model.count < 200 {
            let operation = input[index] >> 4
            let length = Int(input[index] & 7)
            let text = Array(input[(index + 1)...].prefix(length))
            index += 1 + length
            switch operation % 4 {
            case 0, 1:
                guard (try? set.add(text)) != nil else { return "an entry was refused" }
                model.append(text)
            case 2:
                if set.remove(text) != model.contains(text) { return "removed what was not there, or not what was" }
                model.removeAll { $0 == text }
            default:
                let scope = InputScope(text, .string)
                let sample = scope.variable(VariableName(scope: .transaction, number: 0)) ?? Sample(false)
                if exact.matches(sample, scope) != model.contains(text) { return "exact" }
                if prefix.matches(sample, scope) != model.contains(where: { text.starts(with: $0) }) { return "prefix" }
                if suffix.matches(sample, scope)
                    != model.contains(where: { text.reversed().starts(with: $0.reversed()) })
                {
                    return "suffix"
                }
            }
        }
        return set.count == model.count ? nil : "\(set.count) entries instead of \(model.count)"
    }
}
