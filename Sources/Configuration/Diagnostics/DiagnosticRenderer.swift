/// Prints diagnostics with the source line and a caret.
///
///     martlet.cfg:12:5: error: unknown keyword 'timout' in section 'defaults'
///         timout client 5s
///         ^~~~~~
///     help: did you mean 'timeout'?
///
/// Other places that it is about follow as `note`, each with its line.
public struct DiagnosticRenderer: Sendable {
    private let files: [SourceFile]

    /// The longest stretch of a source line that is shown, in bytes.
    static let widthLimit = 160

    public init(files: [SourceFile]) { self.files = files }

    /// The lines of a diagnostic, the last one without a line end. Control characters of the source are masked.
    public func render(_ diagnostic: Diagnostic) -> String {
        var text = header(diagnostic)
        if let excerpt = excerpt(diagnostic.range) { text += "\n" + excerpt }
        for note in diagnostic.notes {
            text += "\n" + header("note: \(Self.printable(note.message))", at: note.range)
            if let excerpt = excerpt(note.range) { text += "\n" + excerpt }
        }
        if let help = diagnostic.help { text += "\nhelp: \(Self.printable(help))" }
        return text
    }

    /// The first line alone: `file:line:column: severity: message`.
    public func header(_ diagnostic: Diagnostic) -> String {
        header("\(diagnostic.severity.name): \(Self.printable(diagnostic.message))", at: diagnostic.range)
    }

    private func header(_ message: String, at range: SourceRange) -> String {
        guard range.file >= 0, Int(range.file) < files.count else { return message }
        let name = Self.printable(files[Int(range.file)].name)
        guard range.line > 0 else { return "\(name): \(message)" }
        return "\(name):\(range.line):\(range.columnStart): \(message)"
    }

    /// Bytes that would disturb a terminal become '?'; a tab stays, so that carets line up.
    private static func printable(_ text: String) -> String {
        var view = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { view.append(isPlain(scalar) ? scalar : "?") }
        return String(view)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\n" || scalar == "\t"
            || (scalar.value >= 0x20 && scalar.value != 0x7f && !(0x80..<0xa0 ~= scalar.value))
    }

    private func excerpt(_ range: SourceRange) -> String? {
        guard range.file >= 0, Int(range.file) < files.count, range.line > 0,
            let line = files[Int(range.file)].line(range.line)
        else { return nil }
        let start = max(Int(range.columnStart) - 1, 0)
        guard start <= line.count else { return nil }
        // A window around the range where the line is long.
        let from = start > Self.widthLimit - 40 ? start - 40 : 0
        let shown = line.dropFirst(from).prefix(Self.widthLimit)
        let before = line.dropFirst(from).prefix(start - from)
        let marked = line.dropFirst(start).prefix(max(Int(range.columnEnd) - 1 - start, 1))
        let shownMarked = marked.prefix(max(shown.count - before.count, 0))
        // Columns of a terminal are characters, not bytes; a tab is repeated as it is.
        let padding = String(decoding: before, as: UTF8.self).map { $0 == "\t" ? $0 : Character(" ") }
        let width = max(String(decoding: shownMarked, as: UTF8.self).count, 1)
        let caret = String(padding) + "^" + String(repeating: "~", count: width - 1)
        return "    \(Self.printable(String(decoding: shown, as: UTF8.self)))\n    \(caret)"
    }
}
