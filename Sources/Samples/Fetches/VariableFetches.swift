/// Fetches of variables (manual, section 7.3.2).
enum VariableFetches {
    static let all: [FetchKeyword] = [
        FetchKeyword(
            "var", ArgumentShape([.variable], optional: [.string]), .string, .constant, section: "7.3.2",
            "The value of a variable, or the string that is given for when it is not set",
            prepare: literal(1)
        ) { scope, arguments in
            guard case .variable(let name) = arguments[0] else { return nil }
            return scope.variable(name) ?? arguments.literal?.sample()
        }
    ]
}
