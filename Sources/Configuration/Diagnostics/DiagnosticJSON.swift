import Base

/// Prints diagnostics for editors and scripts: what `docs/reference/check.md` describes.
public struct DiagnosticJSON {
    /// The number in `version`: it grows when a field changes its meaning or goes away.
    static let version = 1

    private let files: [SourceFile]

    public init(files: [SourceFile]) { self.files = files }

    /// One object, with a line end behind it; each diagnostic stands on a line of its own.
    /// - Parameter exitStatus: that of the process that prints it.
    public func render(_ diagnostics: [Diagnostic], exitStatus: Int32) -> String {
        func count(_ severity: Diagnostic.Severity) -> Int { diagnostics.count { $0.severity == severity } }
        let summary = object([
            ("errors", "\(count(.error))"), ("warnings", "\(count(.warning))"), ("notices", "\(count(.notice))"),
            ("diags", "\(count(.diag))"), ("exitStatus", "\(exitStatus)"),
        ])
        var list = diagnostics.map { "\n" + render($0) }.joined(separator: ",")
        if !list.isEmpty { list += "\n" }
        return object([("version", "\(Self.version)"), ("diagnostics", "[\(list)]"), ("summary", summary)]) + "\n"
    }

    private func render(_ diagnostic: Diagnostic) -> String {
        let suggestion = diagnostic.suggestion.map { suggestion in
            object([("replacement", JSONText.quoted(suggestion.replacement))] + place(suggestion.range))
        }
        let notes = diagnostic.notes.map { object(place($0.range) + [("message", JSONText.quoted($0.message))]) }
        return object(
            place(diagnostic.range) + [
                ("severity", JSONText.quoted(diagnostic.severity.name)),
                ("code", JSONText.quoted(diagnostic.code.rawValue)),
                ("message", JSONText.quoted(diagnostic.message)),
                ("help", diagnostic.help.map(JSONText.quoted) ?? "null"),
                ("suggestion", suggestion ?? "null"), ("notes", "[\(notes.joined(separator: ","))]"),
            ])
    }

    /// Lines and columns from 1, columns in bytes; the end is the column behind the last byte. null: no such place.
    private func place(_ range: SourceRange) -> [(String, String)] {
        let file = range.file >= 0 && Int(range.file) < files.count ? files[Int(range.file)].name : nil
        let hasLine = file != nil && range.line > 0
        func number(_ value: Int32) -> String { hasLine ? "\(value)" : "null" }
        return [
            ("file", file.map(JSONText.quoted) ?? "null"), ("line", number(range.line)),
            ("column", number(range.columnStart)), ("endLine", number(range.line)),
            ("endColumn", number(range.columnEnd)),
        ]
    }

    private func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }
}
