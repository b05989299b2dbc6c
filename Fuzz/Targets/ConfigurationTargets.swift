// The targets of the fuzz program for the configuration; Entry.swift
// chooses among them. The properties themselves stand in Tests/ConfigurationTests/Properties, because the unit tests
// replay the corpus too.

enum Target: String {
    case configuration, condition

    /// What does not hold for an input, or nil.
    func check(_ input: [UInt8]) -> String? {
        switch self {
        case .configuration: ConfigurationProperties.file(input)
        case .condition: ConfigurationProperties.condition(input)
        }
    }
}
