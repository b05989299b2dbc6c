/// The error that ends the reading of one statement, or a warning about it. The parser reports it and goes on with the
/// next line.
struct SyntaxFailure: Error {
    var code: DiagnosticCode
    var message: String
    var range: SourceRange
    var help: Help?
    var notes: [Diagnostic.Note]

    init(
        _ message: String, at range: SourceRange, code: DiagnosticCode = .invalidArgument, help: Help? = nil,
        notes: [Diagnostic.Note] = []
    ) {
        self.code = code
        self.message = message
        self.range = range
        self.help = help
        self.notes = notes
    }

    /// What HAProxy knows and this version does not.
    static func unsupported(_ what: String, at range: SourceRange) -> SyntaxFailure {
        SyntaxFailure(
            "\(what) is known to HAProxy but not supported by this version of Martlet", at: range, code: .unsupported)
    }
}

/// What stands behind `help:`; and, where one word put in place of another would mend the line, both.
public struct Help: Sendable, Hashable, ExpressibleByStringInterpolation {
    public var text: String
    /// The word that is wrong, as it stands in the file, and the one to write.
    var word = ""
    var replacement: String?

    public init(stringLiteral text: String) { self.text = text }

    init(_ text: String, replacing word: String = "", with replacement: String? = nil) {
        self.text = text
        self.word = word
        self.replacement = replacement
    }

    /// Where the replacement goes: to the word, if it stands in the range, and once only.
    func suggestion(in range: SourceRange, of files: [SourceFile]) -> Diagnostic.Suggestion? {
        guard let replacement, !word.isEmpty, range.file >= 0, Int(range.file) < files.count,
            let line = files[Int(range.file)].line(range.line)
        else { return nil }
        let start = max(Int(range.columnStart) - 1, 0)
        let text = Array(line.dropFirst(start).prefix(max(Int(range.columnEnd) - 1 - start, 0)))
        let bytes = Array(word.utf8)
        guard bytes.count <= text.count else { return nil }
        let places = (0...(text.count - bytes.count)).filter { text[$0...].starts(with: bytes) }
        guard places.count == 1 else { return nil }
        var place = range
        place.columnStart = Int32(start + places[0] + 1)
        place.columnEnd = place.columnStart + Int32(bytes.count)
        return Diagnostic.Suggestion(replacement: replacement, range: place)
    }
}
