import Samples

/// What a variable of the process starts with (`set-var`, `set-var-fmt` of `global`).
public enum ProcessVariableValue: Sendable {
    case expression(Expression)
    case format(LogFormat)
}

/// `global`: variables of the process (manual, section 3.1).
enum VariableKeywords {
    static let table: [Keyword] = [
        Keyword(
            "set-var", .global, "<proc.name> <expression>", count: 2...2, section: "3.1", "Sets a variable at the start"
        ) { parser, call throws(SyntaxFailure) in
            let name = try name(call)
            let expression = try parser.expression(call.statement, call.first + 1, at: .configuration)
            parser.tree.global.variables.append((name, .expression(expression)))
        },
        Keyword(
            "set-var-fmt", .global, "<proc.name> <fmt>", count: 2...2, section: "3.1",
            "Sets a variable to a text at the start"
        ) { parser, call throws(SyntaxFailure) in
            let name = try name(call)
            let format = try parser.format(call.statement, call.first + 1, at: .configuration, .value)
            parser.tree.global.variables.append((name, .format(format)))
        },
    ]

    private static func name(_ call: KeywordCall) throws(SyntaxFailure) -> VariableName {
        let name: VariableName
        do throws(ArgumentFailure) { name = try VariableName(call.bytes(0)) } catch {
            throw SyntaxFailure(error.message, at: call.range(0), code: .invalidName, help: error.help.map { Help($0) })
        }
        guard name.scope == .process else {
            throw call.failure(
                "'\(call[0])' is no variable of the process: their names start with 'proc.'", 0, code: .invalidName)
        }
        return name
    }
}
