/// How HTTP/1 messages are read and written (manual, section 3.1).
enum HTTP1Keywords {
    static let table: [Keyword] = [
        Keyword(
            "h1-accept-payload-with-any-method", .global, section: "3.1",
            "Takes GET, HEAD and DELETE of HTTP/1.0 with content"
        ) { parser, _ throws(SyntaxFailure) in parser.tree.global.acceptsPayloadWithAnyMethod = true },
        Keyword(
            "h1-case-adjust", .global, "<from> <to>", count: 2...2, section: "3.1",
            "How the name of a field is written where an option asks for it"
        ) { parser, call throws(SyntaxFailure) in
            if let problem = add(call.bytes(0), call.bytes(1), to: &parser.tree.global.caseAdjustments) {
                throw call.failure(problem, 0, code: .invalidName)
            }
        },
        Keyword(
            "h1-case-adjust-file", .global, "<hdrs-file>", count: 1...1, repeatable: true, section: "3.1",
            "A file of pairs for 'h1-case-adjust', one a line"
        ) { parser, call throws(SyntaxFailure) in
            try readFile(parser, call)
        },
    ]

    private static func readFile(_ parser: Parser, _ call: KeywordCall) throws(SyntaxFailure) {
        let bytes: [UInt8]
        do { bytes = try parser.files.read(parser.resolve(call[0], of: call.statement)) } catch {
            throw call.failure("cannot read '\(call[0])': \(error.message)", 0, code: .unreadableFile)
        }
        for (number, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let words = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }.map { Array($0) }
            guard let first = words.first, first.first != UInt8(ascii: "#") else { continue }
            let problem =
                words.count == 2
                ? add(first, words[1], to: &parser.tree.global.caseAdjustments) : "a line needs two names"
            if let problem { throw call.failure("'\(call[0])', line \(number + 1): \(problem)", 0) }
        }
    }

    /// Notes a spelling, or says what is wrong with it.
    private static func add(_ from: [UInt8], _ to: [UInt8], to list: inout [[UInt8]]) -> String? {
        let text = String(decoding: from, as: UTF8.self)
        guard !from.isEmpty, from.allSatisfy(RuleReader.isToken) else { return "'\(text)' is no name of a field" }
        guard to.map(\.lowercased) == from.map(\.lowercased) else {
            return "'\(String(decoding: to, as: UTF8.self))' differs from '\(text)' in more than the case of letters"
        }
        if list.contains(where: { $0.map(\.lowercased) == from.map(\.lowercased) }) {
            return "'\(text)' has a spelling already"
        }
        list.append(to)
        return nil
    }
}
