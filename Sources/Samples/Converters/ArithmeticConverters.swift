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
            Sample(Saturating.subtract(0, sample.integer))
        },
        ConverterKeyword("not", .none, .type(.integer), .type(.boolean), "True if the value is 0") { sample, _, _ in
            Sample(sample.integer == 0)
        },
        binary("add", "Adds the argument") { Saturating.add($0, $1) },
        binary("sub", "Subtracts the argument") { Saturating.subtract($0, $1) },
        binary("mul", "Multiplies by the argument") { Saturating.multiply($0, $1) },
        binary("div", "Divides by the argument; the largest integer when that is 0") { Saturating.divide($0, $1) },
        binary("mod", "The remainder of a division by the argument; 0 when that is 0") {
            // The remainder by -1 is 0 for every integer, which the processor cannot divide in one case.
            $1 == 0 || $1 == -1 ? 0 : $0 % $1
        },
        binary("and", "Bitwise AND with the argument") { $0 & $1 },
        binary("or", "Bitwise OR with the argument") { $0 | $1 },
        binary("xor", "Bitwise XOR with the argument") { $0 ^ $1 },
    ]

    /// An operator whose second operand is a literal or a variable.
    private static func binary(
        _ name: String, _ documentation: String, _ operation: @escaping @Sendable (Int64, Int64) -> Int64
    ) -> ConverterKeyword {
        ConverterKeyword(
            name, ArgumentShape([.integerOrVariable]), .type(.integer), .type(.integer), documentation
        ) { sample, scope, arguments in
            operand(arguments, scope).map { Sample(operation(sample.integer, $0)) }
        }
    }

    /// The integer argument, or the variable's value; nil when there is no such variable, or it is no integer.
    private static func operand(_ arguments: Arguments, _ scope: SampleScope) -> Int64? {
        switch arguments[0] {
        case .integer(let value): return value
        case .variable(let name):
            guard let value = scope.variable(name) else { return nil }
            return SampleCasts.cast(value, to: .type(.integer), scope)?.integer
        default: return nil
        }
    }
}

/// Arithmetic that ends at the largest and the smallest integer.
enum Saturating {
    static func add(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? (left < 0 ? .min : .max) : sum
    }

    static func subtract(_ left: Int64, _ right: Int64) -> Int64 {
        let (difference, overflow) = left.subtractingReportingOverflow(right)
        return overflow ? (left < 0 ? .min : .max) : difference
    }

    static func multiply(_ left: Int64, _ right: Int64) -> Int64 {
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? ((left < 0) == (right < 0) ? .max : .min) : product
    }

    static func divide(_ left: Int64, _ right: Int64) -> Int64 {
        guard right != 0 else { return .max }
        let (quotient, overflow) = left.dividedReportingOverflow(by: right)
        return overflow ? .max : quotient
    }
}
