import Synchronization

/// How long a variable lives (manual, section 2.3 of the chapter on actions: `set-var`).
public enum VariableScope: UInt8, Sendable, CaseIterable {
    case process, session, transaction, request, response

    /// The prefix of a name.
    public var prefix: String {
        switch self {
        case .process: "proc"
        case .session: "sess"
        case .transaction: "txn"
        case .request: "req"
        case .response: "res"
        }
    }
}

/// The name of a variable, such as `txn.user`: its scope, and the number of its name.
///
/// Names are numbered as the configuration is read, so that looking a variable up compares numbers.
public struct VariableName: Sendable, Hashable {
    public let scope: VariableScope
    /// The number of the name among all names of the process.
    public let number: Int32

    public init(scope: VariableScope, number: Int32) {
        self.scope = scope
        self.number = number
    }
}

/// The numbers of all names of variables.
enum VariableNames {
    private static let numbers = Mutex<[[UInt8]: Int32]>([:])

    /// The number of a name, a new one if it is new. Any thread; not on the request path.
    static func number(of name: [UInt8]) -> Int32 {
        numbers.withLock {
            if let known = $0[name] { return known }
            let number = Int32(truncatingIfNeeded: $0.count)
            $0[name] = number
            return number
        }
    }
}
