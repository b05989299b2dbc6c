/// The error that ends the reading of one statement. The parser reports it and goes on with the next line.
struct SyntaxFailure: Error {
    var message: String
    var range: SourceRange
    var help: String?

    init(_ message: String, at range: SourceRange, help: String? = nil) {
        self.message = message
        self.range = range
        self.help = help
    }

    /// What HAProxy knows and this version does not.
    static func unsupported(_ what: String, at range: SourceRange) -> SyntaxFailure {
        SyntaxFailure("\(what) is known to HAProxy but not supported by this version of Martlet", at: range)
    }
}
