import Testing

@testable import Configuration

/// A configuration with a mistake, and all that is said about it, letter by letter.
struct MessageCase: Sendable, CustomTestStringConvertible {
    let name: String
    let codes: [DiagnosticCode]
    let configuration: [UInt8]
    let output: String

    /// - Parameter isCut: the last line has no end.
    init(
        _ name: String, _ codes: [DiagnosticCode], _ configuration: String, isCut: Bool = false, says output: String
    ) {
        self.init(name, codes, bytes: Array((configuration + (isCut ? "" : "\n")).utf8), says: output)
    }

    init(_ name: String, _ codes: [DiagnosticCode], bytes: [UInt8], says output: String) {
        self.name = name
        self.codes = codes
        configuration = bytes
        self.output = output
    }

    var testDescription: String { name }

    static let all: [MessageCase] =
        lineCases + keywordCases + argumentCases + expressionCases + ruleCases + nameCases
}

extension ConfigurationLoader.Result {
    /// What `martlet check` prints, without what comes before each message.
    var rendered: String {
        let renderer = DiagnosticRenderer(files: tree.files)
        return diagnostics.map(renderer.render).joined(separator: "\n")
    }
}
