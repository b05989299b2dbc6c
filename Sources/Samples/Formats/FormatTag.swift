/// The variables of log formats: what stands behind a `%` (manual, section 8.2.6).
///
/// Declared once: the parser and the reference read the cases, the proxy writes their values.
public enum FormatTag: String, Sendable, CaseIterable {
    case bytesRead = "B"
    case requestCookie = "CC"
    case responseCookie = "CS"
    case hostname = "H"
    case method = "HM"
    case uriWithoutQuery = "HP"
    case path = "HPO"
    case query = "HQ"
    case uri = "HU"
    case version = "HV"
    case uniqueID = "ID"
    case status = "ST"
    case dateUTC = "T"
    case activeTime = "Ta"
    case connectTime = "Tc"
    case dataTime = "Td"
    case handshakeTime = "Th"
    case idleTime = "Ti"
    case dateLocal = "Tl"
    case queryTime = "Tq"
    case requestTime = "TR"
    case responseTime = "Tr"
    case timestamp = "Ts"
    case totalTime = "Tt"
    case userTime = "Tu"
    case queueTime = "Tw"
    case bytesUploaded = "U"
    case processConnections = "ac"
    case backend = "b"
    case backendConnections = "bc"
    case backendSource = "bi"
    case backendSourcePort = "bp"
    case backendQueue = "bq"
    case client = "ci"
    case clientPort = "cp"
    case frontend = "f"
    case frontendConnections = "fc"
    case frontendAddress = "fi"
    case frontendPort = "fp"
    case frontendTransport = "ft"
    case requestHeaders = "hr"
    case requestHeaderList = "hrl"
    case responseHeaders = "hs"
    case responseHeaderList = "hsl"
    case logCounter = "lc"
    case milliseconds = "ms"
    case processID = "pid"
    case requestLine = "r"
    case retries = "rc"
    case requestCounter = "rt"
    case server = "s"
    case serverConnections = "sc"
    case serverAddress = "si"
    case serverPort = "sp"
    case serverQueue = "sq"
    case acceptDate = "t"
    case requestDate = "tr"
    case requestDateUTC = "trg"
    case requestDateLocal = "trl"
    case termination = "ts"
    case terminationWithCookies = "tsc"

    /// Whether only `mode http` has a value (R = H in the manual's table).
    public var isHTTPOnly: Bool {
        switch self {
        case .requestCookie, .responseCookie, .method, .uriWithoutQuery, .path, .query, .uri, .version, .activeTime,
            .idleTime, .queryTime, .requestTime, .responseTime, .requestLine, .requestDate, .requestDateUTC,
            .requestDateLocal, .terminationWithCookies:
            true
        default: false
        }
    }

    /// Tags that the manual has and that need TLS.
    static let needTLS: Set<String> = ["sslc", "sslv"]
}

/// How a value is written (manual, section 8.2.6), and where.
public struct FormatFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `+Q`: text stands between double quotes.
    public static let quote = FormatFlags(rawValue: 1)
    /// `+X`: addresses, ports and some numbers in hexadecimal digits.
    public static let hexadecimal = FormatFlags(rawValue: 2)
    /// `+E`: `"`, `\` and `]` get a backslash.
    public static let escape = FormatFlags(rawValue: 4)
    /// The line of a log: what has no value is written as `-`, and spaces are merged.
    public static let log = FormatFlags(rawValue: 8)
    /// A part of an HTTP message: control characters of expressions are written as `%` and two digits.
    public static let message = FormatFlags(rawValue: 16)
}
