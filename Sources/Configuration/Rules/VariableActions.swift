import Samples

/// Actions that keep values: variables, captures, patterns (manual, section 4.2).
enum VariableActions {
    static let table: [ActionKeyword] = [
        ActionKeyword(
            "set-var", .everywhere, "(<var-name>[,<cond>...]) <expr>", parentheses: true, "Sets a variable"
        ) { reader throws(SyntaxFailure) in
            let (name, conditions) = try variable(&reader)
            return .setVariable(name, conditions, try reader.expression())
        },
        ActionKeyword(
            "set-var-fmt", .everywhere, "(<var-name>[,<cond>...]) <fmt>", parentheses: true,
            "Sets a variable to a text"
        ) { reader throws(SyntaxFailure) in
            let (name, conditions) = try variable(&reader)
            return .setVariableFormat(name, conditions, try reader.format(.value))
        },
        ActionKeyword("unset-var", .everywhere, "(<var-name>)", parentheses: true, "Removes a variable") {
            reader throws(SyntaxFailure) in .unsetVariable(try variable(&reader).0)
        },
        ActionKeyword(
            "capture", [.httpRequest, .httpResponse, .httpAfterResponse, .tcpRequestContent],
            "<sample> { len <length> | id <id> }", "Keeps a value for logs"
        ) { reader throws(SyntaxFailure) in try capture(&reader) },
        change("add-acl", .addACL, "(<file-name>) <key fmt>", "Adds a pattern to an ACL"),
        change("del-acl", .deleteACL, "(<file-name>) <key fmt>", "Deletes a pattern of an ACL"),
        change("set-map", .setMap, "(<file-name>) <key fmt> <value fmt>", "Sets an entry of a map"),
        change("del-map", .deleteMap, "(<file-name>) <key fmt>", "Deletes an entry of a map"),
    ]

    private static func variable(
        _ reader: inout RuleReader
    ) throws(SyntaxFailure) -> (VariableName, VariableConditions) {
        let parts = reader.parentheses ?? []
        let name: VariableName
        do throws(ArgumentFailure) { name = try VariableName(Array((parts.first ?? "").utf8)) } catch {
            throw reader.failure(
                atLast: "expects the name of a variable: \(error.message)", code: .invalidName,
                help: error.help.map { Help($0) })
        }
        var conditions: [VariableConditions.Condition] = []
        for part in parts.dropFirst() {
            guard let found = VariableConditions.Condition(rawValue: part) else {
                let all = VariableConditions.Condition.allCases.map(\.rawValue)
                throw reader.failure(
                    atLast: "does not know the condition '\(part)'", code: .unknownValue,
                    help: Suggestions.help(for: part, among: all) ?? "there are \(all.joined(separator: ", "))")
            }
            conditions.append(found)
        }
        return (name, VariableConditions(conditions))
    }

    private static func capture(_ reader: inout RuleReader) throws(SyntaxFailure) -> RuleAction {
        let expression = try reader.expression()
        let isResponse = reader.ruleSet.isResponse
        switch try reader.text("'len' or 'id'") {
        case "len":
            if isResponse {
                throw reader.failure(atLast: "takes 'id' only, of a 'declare capture response'", code: .invalidArgument)
            }
            guard reader.parser.draft.kind.hasFrontend, reader.parser.section == .proxy else {
                throw reader.failure(
                    atLast: "takes 'len' in proxies with a frontend only", code: .misplacedKeyword,
                    help: "declare the slot there, and use 'id'")
            }
            let length = try reader.integer("a length", in: 1...65_535)
            reader.parser.draft.captures.request.append(CaptureSlot(lengthBytes: length))
            return .capture(expression, slot: reader.parser.draft.captures.request.count - 1)
        case "id":
            let id = try reader.integer("the number of a slot", in: 0...65_535)
            if reader.parser.section == .proxy, reader.parser.draft.kind.hasFrontend {
                reader.parser.captureUses.append(
                    Parser.CaptureUse(
                        id: id, isResponse: isResponse, rule: "\(reader.ruleSet.keyword) capture",
                        range: reader.statement.range(reader.cursor - 1)))
            }
            return .capture(expression, slot: id)
        default: throw reader.failure(atLast: "expects 'len' or 'id'", code: .unknownValue)
        }
    }

    private static func change(
        _ name: String, _ kind: PatternChange.Kind, _ arguments: String, _ documentation: String
    ) -> ActionKeyword {
        ActionKeyword(name, .http, arguments, parentheses: true, documentation) { reader throws(SyntaxFailure) in
            let file = reader.parentheses?.joined(separator: ",") ?? ""
            if file.isEmpty {
                throw reader.failure(atLast: "expects the name of a file in the parentheses", code: .missingArgument)
            }
            let key = try reader.format()
            let value = kind == .setMap ? try reader.format() : nil
            let change = PatternChange(kind: kind, file: file, key: key, value: value)
            reader.parser.patternChanges.append((change, reader.statement.range))
            return .changePatterns(change)
        }
    }
}
