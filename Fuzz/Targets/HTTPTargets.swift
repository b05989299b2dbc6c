// The targets of the fuzz program for the HTTP parsers; Entry.swift
// chooses among them. The properties themselves stand in Tests/HTTPTests/Properties, because the unit tests replay
// the corpus too.

enum Target: String {
    case request, response, chunked

    /// What does not hold for an input, or nil.
    func check(_ input: [UInt8]) -> String? {
        switch self {
        case .request: HTTPProperties.head(input, isRequest: true)
        case .response: HTTPProperties.head(input, isRequest: false)
        case .chunked: HTTPProperties.chunked(input)
        }
    }
}
