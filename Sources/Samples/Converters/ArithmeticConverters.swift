/// Converters of integers and booleans (manual, section 7.3.1).
enum ArithmeticConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword("bool", .none, .type(.integer), .type(.boolean), "True unless the value is 0") {
            sample, _, _ in
            Sample(sample.integer != 0)
        },
        ConverterKeyword("cpl", .none, .type(.integer), .type(.integer), "Bitwise complement") { sample, _, _ in
            Sample(~sample.integer)
        },
        ConverterKeyword("even", .none, .type(.integer), .type(.boolean), "True if the value is even") { sample, _, _ in
            Sample(sample.integer & 1 == 0)
        },
        ConverterKeyword("odd", .none, .type(.integer), .type(.boolean), "True if the value is odd") { sample, _, _ in
            Sample(sample.integer & 1 != 0)
        },
        ConverterKeyword("neg", .none, .type(.integer), .type(.integer), "The opposite") { sample, _, _ in
            Sample(0 &- sample.integer)
        },
        ConverterKeyword("not", .none, .type(.integer), .type(.boolean), "True if the value is 0") { sample, _, _ in
            Sample(sample.integer == 0)
        },
    ]
}
