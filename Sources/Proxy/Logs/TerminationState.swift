/// The first event that caused a session to end: the first character of the termination state (manual, section 8.5).
///
/// The raw value is the character that is printed.
public enum TerminationCause: UInt8, Sendable, CaseIterable {
    /// "-": both sides closed with nothing left to send.
    case none = 0x2D
    /// "C": the client aborted.
    case client = 0x43
    /// "S": the server aborted, or refused the connection.
    case server = 0x53
    /// "P": the proxy ended it: a limit, a rule, an invalid message.
    case proxy = 0x50
    /// "L": answered locally; no server was meant to be reached.
    case local = 0x4C
    /// "R": a resource of the proxy ran out.
    case resource = 0x52
    /// "I": an internal error.
    case internalError = 0x49
    /// "D": the server went down, and its sessions with it.
    case serverDown = 0x44
    /// "U": an active server came up, and ended the sessions of the backup one.
    case serverUp = 0x55
    /// "K": killed by an administrator.
    case killed = 0x4B
    /// "c": the client's timeout expired.
    case clientTimeout = 0x63
    /// "s": the server's timeout expired.
    case serverTimeout = 0x73
}

/// What the session was doing when it ended: the second character of the termination state (manual, section 8.5).
public enum TerminationPhase: UInt8, Sendable, CaseIterable {
    /// "-": it had ended normally.
    case none = 0x2D
    /// "R": waiting for a complete request.
    case request = 0x52
    /// "Q": waiting in a queue for a server's slot.
    case queue = 0x51
    /// "C": connecting to the server.
    case connect = 0x43
    /// "H": waiting for the response's head.
    case headers = 0x48
    /// "D": transferring data.
    case data = 0x44
    /// "L": the server had finished; the last data was on its way to the client.
    case last = 0x4C
    /// "T": the request was being held by a tarpit.
    case tarpit = 0x54
}
