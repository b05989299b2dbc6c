import Base

/// Converters that set variables (manual, section 7.3.1).
enum VariableConverters {
    static let all: [ConverterKeyword] = [
        ConverterKeyword(
            "set-var", ArgumentShape([.variable], optional: [.string, .string, .string, .string]), .any, .any,
            "Sets a variable to the value, which goes on unchanged",
            prepare: { arguments, _ throws(ArgumentFailure) in try VariableConditions(arguments, from: 1) }
        ) { sample, scope, arguments in
            guard case .variable(let name) = arguments[0],
                let conditions = arguments.made(VariableConditions.self)
            else { return nil }
            // Without its conditions it yields nothing.
            guard conditions.allow(name, sample, scope) else { return nil }
            _ = scope.setVariable(name, sample)
            return sample
        },
        ConverterKeyword("unset-var", ArgumentShape([.variable]), .any, .any, "Unsets a variable") {
            sample, scope, arguments in
            guard case .variable(let name) = arguments[0] else { return nil }
            scope.unsetVariable(name)
            return sample
        },
    ]
}

/// When a variable is set (manual, `set-var`): all conditions must hold.
public final class VariableConditions: Sendable {
    public enum Condition: String, Sendable, CaseIterable {
        case ifexists, ifnotexists, ifempty, ifnotempty, ifset, ifnotset, ifgt, iflt
    }

    private let conditions: [Condition]

    public init(_ conditions: [Condition]) { self.conditions = conditions }

    init(_ arguments: Arguments, from first: Int) throws(ArgumentFailure) {
        var conditions: [Condition] = []
        for index in first..<max(first, arguments.count) {
            let name = String(decoding: arguments.string(index), as: UTF8.self)
            guard let condition = Condition(rawValue: name) else {
                throw ArgumentFailure(
                    index, "'\(name)' is no condition",
                    help: "there are " + Condition.allCases.map(\.rawValue).joined(separator: ", "))
            }
            conditions.append(condition)
        }
        self.conditions = conditions
    }

    /// Whether the value may be stored.
    public func allow(_ name: VariableName, _ value: Sample, _ scope: SampleScope) -> Bool {
        for condition in conditions {
            let holds: Bool =
                switch condition {
                // Variables of the process exist since the configuration was read.
                case .ifexists: name.scope == .process || scope.variable(name) != nil
                case .ifnotexists: name.scope != .process && scope.variable(name) == nil
                case .ifempty: value.isText && value.byteCount == 0
                case .ifnotempty: !value.isText || value.byteCount > 0
                case .ifset: scope.variable(name) != nil
                case .ifnotset: scope.variable(name) == nil
                case .ifgt: VariableConditions.compares(name, value, scope) { $0 > $1 }
                case .iflt: VariableConditions.compares(name, value, scope) { $0 < $1 }
                }
            if !holds { return false }
        }
        return true
    }

    /// Compares the variable with the value if both are integers; what cannot be compared counts as true.
    private static func compares(
        _ name: VariableName, _ value: Sample, _ scope: SampleScope, _ order: (Int64, Int64) -> Bool
    ) -> Bool {
        guard value.type == .integer, let old = scope.variable(name), old.type == .integer else { return true }
        return order(old.integer, value.integer)
    }
}
