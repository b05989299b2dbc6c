import Samples

/// Actions that end an evaluation without a response of their own (manual, section 4.2).
enum FlowActions {
    static let table: [ActionKeyword] = [
        ActionKeyword("allow", .messages, "", "Ends the evaluation of this set") { _ throws(SyntaxFailure) in .allow },
        ActionKeyword(
            "accept", Set.tcpRequests.union([.tcpResponseContent]), "", "Ends the evaluation of this set"
        ) { _ throws(SyntaxFailure) in .allow },
        ActionKeyword(
            "reject", Set.tcpRequests.union([.tcpResponseContent, .httpRequest]), "",
            "Closes the connection without an answer"
        ) { _ throws(SyntaxFailure) in .reject },
        ActionKeyword(
            "close", [.tcpResponseContent], "",
            "Closes the server's connection at once; the client gets what has come; ends the evaluation of this set"
        ) { _ throws(SyntaxFailure) in .closeServer },
        ActionKeyword(
            "silent-drop", Set.tcpRequests.union([.tcpResponseContent, .httpRequest, .httpResponse]), "",
            "Forgets the connection; the client is not told"
        ) { _ throws(SyntaxFailure) in .silentDrop },
        ActionKeyword(
            "switch-mode", [.tcpRequestContent], "http [ proto <name> ]",
            "What follows in a frontend in 'mode tcp' is HTTP; ends the evaluation of this set"
        ) { reader throws(SyntaxFailure) in try switchMode(&reader) },
    ]

    private static func switchMode(_ reader: inout RuleReader) throws(SyntaxFailure) -> RuleAction {
        if reader.parser.section == .proxy, !reader.parser.draft.kind.hasFrontend {
            throw reader.failure(
                atLast: "can only stand in proxies with a frontend", code: .misplacedKeyword,
                help: "put it into the frontend that leads to '\(reader.parser.draft.name)'")
        }
        let mode = try reader.text("a mode")
        guard mode == "http" else {
            throw reader.failure(atLast: "knows 'http', not '\(mode)'", code: .unknownValue)
        }
        if reader.skip("proto") {
            _ = try reader.text("the name of a protocol")
            try KeywordCall(statement: reader.statement, name: "proto", first: reader.cursor - 1).onlyHTTP1(0)
        }
        return .switchMode
    }
}
