// The targets of the fuzz program for samples; Entry.swift chooses among
// them. The properties themselves stand in Tests/SamplesTests/Properties, because the unit tests replay the
// corpus too.

enum Target: String {
    case converter, patterns

    /// What does not hold for an input, or nil.
    func check(_ input: [UInt8]) -> String? {
        switch self {
        case .converter: SampleProperties.converter(input)
        case .patterns: SampleProperties.patterns(input)
        }
    }
}
