import Configuration
import HTTP

/// The responses that a proxy gives by itself, ready to be sent: the standard pages, or what `errorfile` and `errorloc`
/// put in their place (manual, section 4.2).
///
/// Thread-safety: immutable.
final class ErrorResponses: Sendable {
    struct Response: Sendable {
        /// The whole response for a connection that goes on; empty: nothing is sent, the connection is closed.
        let persistent: [UInt8]
        /// The whole response for one that is closed after it.
        let closing: [UInt8]
        /// How many bytes of each are the head: a HEAD request gets no more.
        let persistentHeadBytes: Int
        let closingHeadBytes: Int
        /// Whether the connection may go on after it.
        let mayPersist: Bool
        /// `http-error`: the response is made for each request.
        var reply: Reply?
    }

    private let responses: [Int: Response]
    private let fallback: Response
    /// The statuses whose pages are not the standard ones.
    private let configured: Set<Int>

    /// The standard pages, made once: a thousand proxies that change none of them share one table.
    private static let standardResponses: [Int: Response] = {
        var table: [Int: Response] = [:]
        for status in [200] + StandardResponses.statuses { table[Int(status)] = standard(status) }
        return table
    }()
    private static let standardFallback = standard(500)

    init(_ configured: [Int: ErrorResponse]) {
        var table = ErrorResponses.standardResponses
        for (status, response) in configured {
            switch response {
            case .file(_, let bytes):
                let head = StandardResponses.headLength(of: bytes)
                table[status] = Response(
                    persistent: bytes, closing: bytes, persistentHeadBytes: head, closingHeadBytes: head,
                    mayPersist: false)
            case .redirect(let code, let location):
                table[status] = ErrorResponses.redirect(UInt16(clamping: code), location)
            case .reply(let reply):
                table[status] = ErrorResponses.standard(UInt16(clamping: status))
                table[status]?.reply = reply
            // Taken apart when the configuration was read.
            case .section: break
            }
        }
        responses = table
        self.configured = Set(configured.keys)
        fallback = ErrorResponses.standardFallback
    }

    /// The response for a status.
    func response(for status: Int) -> Response { responses[status] ?? fallback }

    /// The response for a status of a backend that has one of its own for it, else of the frontend (manual, section
    /// 4.2, `errorfile`).
    static func response(for status: Int, of backend: ErrorResponses?, _ frontend: ErrorResponses) -> Response {
        if let backend, backend.configured.contains(status) { return backend.response(for: status) }
        return frontend.response(for: status)
    }

    private static func standard(_ status: UInt16) -> Response {
        let code = HTTPStatus(status)
        return both(
            StandardResponses.response(code), StandardResponses.response(code, connection: .close))
    }

    private static func redirect(_ status: UInt16, _ location: String) -> Response {
        let code = HTTPStatus(status)
        let fields = [("cache-control", "no-cache"), ("location", location)]
        return both(
            StandardResponses.response(code, contentType: "", content: [], fields: fields),
            StandardResponses.response(code, contentType: "", content: [], connection: .close, fields: fields))
    }

    private static func both(_ persistent: [UInt8], _ closing: [UInt8]) -> Response {
        Response(
            persistent: persistent, closing: closing,
            persistentHeadBytes: StandardResponses.headLength(of: persistent),
            closingHeadBytes: StandardResponses.headLength(of: closing), mayPersist: true)
    }
}
