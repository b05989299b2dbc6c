/// Fetches of variables (manual, section 7.3.2).
enum VariableFetches {
    static let all: [FetchKeyword] = [
        FetchKeyword(
            "var", ArgumentShape([.variable], optional: [.string]), .string, .constant, section: "7.3.2",
            "The value of a variable, or the string that is given for when it is not set",
            prepare: VariableReading.prepare
        ) { scope, arguments in
            arguments.withMade(VariableReading.self) { reading in
                reading.name.flatMap { scope.variable($0) } ?? reading.fallback?.sample()
            }
        }
    ]
}

/// The variable that arguments name, and what stands for it while it is not set.
private final class VariableReading: Sendable {
    let name: VariableName?
    let fallback: LiteralBytes?

    private init(_ arguments: Arguments) {
        if case .variable(let name) = arguments[0] { self.name = name } else { name = nil }
        fallback = arguments.has(1) ? LiteralBytes(arguments.string(1)) : nil
    }

    @Sendable
    static func prepare(_ arguments: Arguments, _: ArgumentContext) throws(ArgumentFailure) -> AnyObject? {
        VariableReading(arguments)
    }
}
