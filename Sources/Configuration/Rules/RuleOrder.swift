/// The order in which kinds of rules are evaluated, whatever the order of their lines (manual, section 4.2).
enum RuleOrder: Int, CaseIterable {
    case tcpConnection, tcpSession, tcpContent, monitorFail, httpRequest, redirect, useBackend, useServer

    /// The kind as messages about lines say it.
    var lineName: String {
        switch self {
        case .tcpConnection: "tcp-request connection"
        case .tcpSession: "tcp-request session"
        case .tcpContent: "tcp-request content"
        case .monitorFail: "monitor fail"
        case .httpRequest: "http-request"
        case .redirect: "redirect"
        case .useBackend: "use_backend"
        case .useServer: "use-server"
        }
    }
}

extension Parser {
    /// Takes note of a line, and warns when one of a later kind stands above it: it reads as if it came after.
    func noteOrder(_ kind: RuleOrder, at range: SourceRange) {
        let later = RuleOrder.allCases.first { $0.rawValue > kind.rawValue && draft.ruleOrders[$0] != nil }
        if section == .proxy, let later, let above = draft.ruleOrders[later] {
            report(
                .ruleOrder,
                "'\(kind.lineName)' rules are evaluated before '\(later.lineName)' rules, though this one stands "
                    + "behind one of these", at: range, notes: [Diagnostic.Note("it stands behind this one", at: above)]
            )
        }
        if draft.ruleOrders[kind] == nil { draft.ruleOrders[kind] = range }
    }
}
