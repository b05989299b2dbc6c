import HTTP

/// A place where expressions are evaluated, in the order in which `-dKsmp` prints them.
public enum SamplePoint: UInt8, Sendable, CaseIterable {
    case tcpRequestConnection, tcpRequestSession, tcpRequestContent
    case httpRequestHeader, httpRequestBody, useBackend
    case backendTCPRequestContent, backendHTTPRequestHeader, backendHTTPRequestBody, serverSelection, serverSource
    case backendTCPResponseContent, backendHTTPResponseHeader, backendHTTPResponseBody, stickStore
    case tcpResponseContent, httpResponseHeader, httpResponseBody
    case logs, tcpCheck, configuration, runtimeAPI

    /// As messages say it.
    public var name: String {
        switch self {
        case .tcpRequestConnection: "frontend tcp-request connection rule"
        case .tcpRequestSession: "frontend tcp-request session rule"
        case .tcpRequestContent: "frontend tcp-request content rule"
        case .httpRequestHeader: "frontend http-request header rule"
        case .httpRequestBody: "frontend http-request body rule"
        case .useBackend: "frontend use-backend rule"
        case .backendTCPRequestContent: "backend tcp-request content rule"
        case .backendHTTPRequestHeader: "backend http-request header rule"
        case .backendHTTPRequestBody: "backend http-request body rule"
        case .serverSelection: "backend use-server, balance or stick-match rule"
        case .serverSource: "server source selection"
        case .backendTCPResponseContent: "backend tcp-response content rule"
        case .backendHTTPResponseHeader: "backend http-response header rule"
        case .backendHTTPResponseBody: "backend http-response body rule"
        case .stickStore: "backend stick-store rule"
        case .tcpResponseContent: "frontend tcp-response content rule"
        case .httpResponseHeader: "frontend http-response header rule"
        case .httpResponseBody: "frontend http-response body rule"
        case .logs: "logs"
        case .tcpCheck: "backend tcp-check rule"
        case .configuration: "configuration parser"
        case .runtimeAPI: "CLI parser"
        }
    }
}

/// Where a fetch takes its value from, which decides at which points it may be used.
public enum SampleSource: UInt8, Sendable, CaseIterable {
    /// The process or the configuration, known before anything runs.
    case constant
    /// The state of the process, of proxies and of servers.
    case process
    /// The client's connection.
    case clientConnection
    /// The listener that accepted.
    case listener
    /// The session: what was agreed when it began.
    case session
    /// The request: its bytes, its head, its body.
    case request
    /// What was captured of a request, kept until the log line.
    case transaction
    /// The message at hand, a request or a response.
    case message
    /// The backend that was chosen.
    case backend
    /// The server that was chosen.
    case server
    /// The connection to the server.
    case serverConnection
    /// The response: its bytes, its head, its body.
    case response

    /// Bit n: may be used at the point of that raw value.
    public var points: UInt32 {
        let text: StaticString =
            switch self {
            case .constant: "YYYYYYYYYYYYYYYYYYYYYY"
            case .process: "YYYYYYYYYYYYYYYYYYYY.Y"
            case .clientConnection: "YYYYYYYYYYYYYYYYYYYY.."
            case .listener: "YYYYYYYYYYYYYYYYYYY..."
            case .session: ".YYYYYYYYYYYYYYYYYY..."
            case .request: "..YYYYYYYYY..........."
            case .transaction: "..YYYYYYYYYYYYYYYYY..."
            case .message: "..YYYYYYYYYYYYYYYY.Y.."
            case .backend: "......YYYYYYYYYYYYYY.."
            case .server: "..........YYYYYYYYYY.."
            case .serverConnection: "...........YYYYYYYYY.."
            case .response: "...........YYYYYYY.Y.."
            }
        var bits: UInt32 = 0
        let letters = text.bytes
        for index in letters.indices where letters[index] == UInt8(ascii: "Y") { bits |= 1 << UInt32(index) }
        return bits
    }

    /// Whether a fetch from this source may be used at a point.
    public func isAvailable(at point: SamplePoint) -> Bool { points & (1 << UInt32(point.rawValue)) != 0 }

    /// As messages say it.
    public var name: String {
        switch self {
        case .constant: "the configuration"
        case .process: "the process"
        case .clientConnection: "the client's connection"
        case .listener: "the listener"
        case .session: "the session"
        case .request: "the request"
        case .transaction: "the transaction"
        case .message: "the message at hand"
        case .backend: "the backend"
        case .server: "the server"
        case .serverConnection: "the server's connection"
        case .response: "the response"
        }
    }
}
