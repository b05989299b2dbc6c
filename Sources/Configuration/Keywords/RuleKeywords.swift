/// `acl` and `use_backend` (manual, sections 4.2 and 7).
enum RuleKeywords {
    static let table: [Keyword] = [
        Keyword(
            "acl", .everyProxy, "<aclname> <criterion> [flags] [operator] <value> ...", count: 2...Keyword.many,
            "Declares a condition, or completes one"
        ) { parser, call throws(SyntaxFailure) in
            do throws(SyntaxFailure) { try acl(parser, call) } catch {
                // Conditions that name it are not wrong for that.
                if !parser.draft.acls.contains(where: { $0.name == call[0] }) {
                    var broken = ACLDefinition(name: call[0], expressions: [], range: call.statement.range)
                    broken.isUsed = true
                    parser.draft.acls.append(broken)
                }
                throw error
            }
        },
        Keyword(
            "use_backend", [.frontend, .listen], "<backend> [{if | unless} <condition>]", count: 1...Keyword.many,
            "Backend for what matches a condition"
        ) { parser, call throws(SyntaxFailure) in
            parser.noteOrder(.useBackend, at: call.statement.range)
            let format = try RuleSetKeywords.name(parser, call, at: .useBackend)
            var condition: Condition?
            if call.count > 1 {
                condition = try parser.condition(call.statement, from: call.first + 1, at: .useBackend)
            }
            parser.draft.useBackends.append(
                UseBackendRule(
                    name: call[0], format: format, backend: -1, condition: condition, range: call.statement.range,
                    nameRange: call.range(0)))
        },
    ]

    private static func acl(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) {
        let name = call[0]
        if parser.section == .defaults, parser.draft.name.isEmpty {
            throw SyntaxFailure(
                "'acl' is not allowed in a 'defaults' section without a name", at: call.statement.range(0),
                code: .misplacedKeyword)
        }
        let bytes = call.bytes(0)
        if let bad = bytes.firstIndex(where: { !Parser.isNameByte($0) }) {
            throw SyntaxFailure(
                "character '\(Character(Unicode.Scalar(bytes[bad])))' is not permitted in the ACL name '\(name)'",
                at: call.statement.range(call.first, bytes: bad..<(bad + 1)), code: .invalidName)
        }
        if name == "or" || name.isEmpty {
            throw call.failure("an ACL named '\(name)' can never be used in a condition", 0, code: .invalidName)
        }
        var acls = ACLParser(parser, call.statement)
        let expression = try acls.parse(call.first + 1, call.end)
        for warning in acls.warnings { parser.report(warning) }
        if let index = parser.draft.acls.firstIndex(where: { $0.name == name && $0.range != .none }) {
            parser.draft.acls[index].expressions.append(expression)
        } else if parser.draft.acls.contains(where: { $0.name == name }) {
            throw call.failure(
                "the predefined ACL '\(name)' was used above: declare your own before its first use", 0,
                code: .duplicateName)
        } else {
            parser.draft.acls.append(
                ACLDefinition(name: name, expressions: [expression], range: call.statement.range))
        }
    }
}
