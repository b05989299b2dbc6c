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
            "silent-drop", Set.tcpRequests.union([.tcpResponseContent, .httpRequest, .httpResponse]), "",
            "Forgets the connection; the client is not told"
        ) { _ throws(SyntaxFailure) in .silentDrop },
    ]
}
