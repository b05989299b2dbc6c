import Samples

/// `balance`, `hash-type`, `hash-balance-factor` (manual, section 4.2).
enum BalanceKeywords {
    /// Algorithms that only later versions of HAProxy have.
    private static let unsupportedAlgorithms: Set<String> = ["log-hash", "log-sticky", "sticky"]
    private static let algorithms = [
        "roundrobin", "static-rr", "leastconn", "first", "hash", "source", "uri", "url_param", "hdr", "random",
        "rdp-cookie",
    ]

    static let table: [Keyword] = [
        Keyword("balance", .serverSide, "<algorithm> [<arguments>]", count: 1...Keyword.many, "How a server is chosen")
        { parser, call throws(SyntaxFailure) in
            var balance = parser.draft.settings.balance
            balance.httpName = nil
            balance.bodyKey = nil
            try read(parser, call, into: &balance)
            parser.draft.settings.balance = balance
            parser.draft.settings.hasBalance = true
        },
        Keyword(
            "hash-balance-factor", .serverSide, "<factor>", count: 1...1,
            "Load that consistent hashes and 'random' may give a server, in percent of the average; 0: any"
        ) { parser, call throws(SyntaxFailure) in
            let factor = try call.integer(0, in: 0...(1 << 20))
            guard factor == 0 || factor > 100 else {
                throw call.failure("'hash-balance-factor' must be 0 or above 100, not \(factor)", 0, code: .outOfRange)
            }
            parser.draft.settings.balance.loadFactorPercent = factor
        },
        Keyword(
            "hash-type", .serverSide, "{ map-based | consistent } [<function>] [avalanche]", count: 1...3,
            "How hashes lead to servers"
        ) { parser, call throws(SyntaxFailure) in
            guard call[0] == "map-based" || call[0] == "consistent" else {
                throw call.unknownWord(0, among: ["map-based", "consistent"])
            }
            let isConsistent = call[0] == "consistent"
            let function = call.count > 1 ? try call.choice(1, of: Balance.Function.self) : .sdbm
            if call.count > 2, call[2] != "avalanche" { throw call.unknownWord(2, among: ["avalanche"]) }
            parser.draft.settings.balance.isConsistent = isConsistent
            parser.draft.settings.balance.function = function
            parser.draft.settings.balance.avalanches = call.count > 2 || (isConsistent && call.count == 1)
        },
    ]

    private static func read(
        _ parser: Parser, _ call: KeywordCall, into balance: inout Balance
    ) throws(SyntaxFailure) {
        let open = call[0].firstIndex(of: "(")
        let name = String(open.map { call[0][..<$0] } ?? call[0][...])
        guard algorithms.contains(name) else {
            if unsupportedAlgorithms.contains(name) {
                throw .unsupported("balance algorithm '\(name)'", at: call.range(0))
            }
            throw call.unknownWord(0, among: algorithms)
        }
        var argument: String?
        if let open {
            guard ["hdr", "random", "rdp-cookie"].contains(name), call[0].hasSuffix(")") else {
                throw call.failure("'balance \(name)' takes nothing in parentheses, or lacks a ')'", 0)
            }
            argument = String(call[0][call[0].index(after: open)...].dropLast())
        }
        switch name {
        case "leastconn": balance.algorithm = .leastConnections
        case "first": balance.algorithm = .first
        case "random": balance.algorithm = .random(draws: try draws(argument, call))
        case "source": balance.algorithm = .hash(try key("src", parser, call))
        case "rdp-cookie":
            balance.algorithm = .hash(
                try key("req.rdp_cookie(\(try word(argument ?? "mstshash", call)))", parser, call))
        case "hash":
            _ = try call.required(1, "an expression")
            let expression = try parser.expression(call.statement, call.first + 1, at: .serverSelection)
            balance.algorithm = .hash(Balance.Key(expression: expression))
            return try call.nothing(from: 2)
        case "hdr": return try header(argument, parser, call, &balance)
        case "uri": return try target(parser, call, &balance)
        case "url_param": return try parameter(parser, call, &balance)
        default: balance.algorithm = .roundRobin
        }
        try call.nothing(from: 1)
    }

    /// The key that a sample fetch yields.
    private static func key(
        _ text: String, _ parser: Parser, _ call: KeywordCall
    ) throws(SyntaxFailure) -> Balance.Key {
        let context = StatementContext(parser, call.statement, call.first, isWord: false)
        do {
            return Balance.Key(
                expression: try ExpressionParser(point: .serverSelection, context: context).parse(Array(text.utf8)))
        } catch {
            throw SampleReading.failure(error, call.statement, call.first, isWord: false)
        }
    }

    /// A name that may stand in an expression.
    private static func word(_ text: String, _ call: KeywordCall) throws(SyntaxFailure) -> String {
        guard !text.isEmpty, text.utf8.allSatisfy(RuleReader.isToken) else {
            throw call.failure("'\(text)' is no name that 'balance' could look for", 0, code: .invalidName)
        }
        return text
    }

    private static func draws(_ argument: String?, _ call: KeywordCall) throws(SyntaxFailure) -> Int {
        guard let argument else { return 2 }
        guard let draws = Int(argument), (1...1_000).contains(draws) else {
            throw call.failure(
                "'balance random' expects a number of draws from 1 to 1000, not '\(argument)'", 0, code: .outOfRange)
        }
        return draws
    }

    private static func header(
        _ argument: String?, _ parser: Parser, _ call: KeywordCall, _ balance: inout Balance
    ) throws(SyntaxFailure) {
        guard let argument else {
            throw call.failure("'balance hdr' expects the name of a field in parentheses", 0, code: .missingArgument)
        }
        var key = try key("req.hdr(\(try word(argument, call)),1)", parser, call)
        if call.count > 1 {
            guard call[1] == "use_domain_only" else { throw call.unknownWord(1, among: ["use_domain_only"]) }
            key.part = .domain
        }
        balance.algorithm = .hash(key)
        balance.httpName = "hdr"
        try call.nothing(from: 2)
    }

    private static func target(
        _ parser: Parser, _ call: KeywordCall, _ balance: inout Balance
    ) throws(SyntaxFailure) {
        var isWhole = false, isPathOnly = false, length = 0, depth = 0, cursor = 1
        while cursor < call.count {
            let name = call[cursor]
            let value = KeywordCall(
                statement: call.statement, name: "balance uri \(name)", first: call.first + cursor + 1, end: call.end)
            switch name {
            case "whole": isWhole = true
            case "path-only": isPathOnly = true
            case "len", "depth":
                _ = try value.required(0, "a number")
                let number = try value.integer(0, in: 1...(1 << 20))
                if name == "len" { length = number } else { depth = number }
                cursor += 1
            default: throw call.unknownWord(cursor, among: ["whole", "path-only", "len", "depth"])
            }
            cursor += 1
        }
        var key = try key(isPathOnly ? "pathq" : "url", parser, call)
        key.part = .target(isWhole: isWhole, lengthBytes: length, depth: depth)
        balance.algorithm = .hash(key)
        balance.httpName = "uri"
    }

    private static func parameter(
        _ parser: Parser, _ call: KeywordCall, _ balance: inout Balance
    ) throws(SyntaxFailure) {
        let name = try word(try call.required(1, "the name of a parameter"), call)
        balance.httpName = "url_param"
        guard call.count > 2 else {
            balance.algorithm = .hash(try key("url_param(\(name))", parser, call))
            return
        }
        guard call[2] == "check_post" else { throw call.unknownWord(2, among: ["check_post"]) }
        // A number behind it is how much of the body HAProxy once looked at.
        if call.count > 3 {
            _ = try call.integer(3, in: 0...(1 << 30))
            try call.nothing(from: 4)
        }
        balance.algorithm = .hash(try key("url_param(\(name))", parser, call))
        balance.bodyKey = try key("req.body_param(\(name))", parser, call)
    }
}
