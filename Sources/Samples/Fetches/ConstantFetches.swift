import Base

/// Fetches of constants (manual, section 7.3.2).
enum ConstantFetches {
    static let all: [FetchKeyword] = [
        FetchKeyword("always_false", .none, .boolean, .constant, section: "7.3.2", "Always false") { _, _ in
            Sample(false)
        },
        FetchKeyword("always_true", .none, .boolean, .constant, section: "7.3.2", "Always true") { _, _ in
            Sample(true)
        },
        FetchKeyword(
            "str", ArgumentShape([.string]), .string, .constant, section: "7.3.2", "The string that is the argument",
            prepare: literal(0)
        ) { _, arguments in
            arguments.literal?.sample()
        },
        FetchKeyword(
            "int", ArgumentShape([.integer]), .integer, .constant, section: "7.3.2", "The integer that is the argument"
        ) { _, arguments in
            Sample(arguments.integer(0))
        },
    ]
}
