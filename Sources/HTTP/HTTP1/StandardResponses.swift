/// Whole responses that the proxy itself gives, in the form that HAProxy gives them: no-cache, HTML, a length.
///
/// To be made once, at start, and kept by whoever sends them: each call builds a new array. Thread-safe.
public enum StandardResponses {
    /// The statuses that have a page.
    public static let statuses: [UInt16] = [
        400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504, 505,
    ]

    /// Makes the whole response to be sent with a status: head, and the page as content.
    ///
    /// - Parameters:
    ///   - connection: what to say of the connection; `.close` where it is closed afterwards.
    ///   - fields: more fields, each a name and a value that are known to be well-formed.
    public static func response(
        _ status: HTTPStatus, connection: ConnectionOption = .implied, fields: [(String, String)] = []
    ) -> [UInt8] {
        let page = Array(page(status).utf8)
        return response(
            status, contentType: "text/html", content: page, connection: connection,
            fields: [("cache-control", "no-cache")] + fields)
    }

    /// Makes a whole response with any content. The type is left out if it is empty.
    public static func response(
        _ status: HTTPStatus, reason: String? = nil, contentType: String, content: [UInt8],
        connection: ConnectionOption = .implied, fields: [(String, String)] = []
    ) -> [UInt8] {
        var text = "HTTP/1.1 \(status.code) \(reason ?? String(describing: status.reason))\r\n"
        if !status.forbidsContent { text += "content-length: \(content.count)\r\n" }
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        if !contentType.isEmpty { text += "content-type: \(contentType)\r\n" }
        switch connection {
        case .implied: break
        case .close: text += "connection: close\r\n"
        case .keepAlive: text += "connection: keep-alive\r\n"
        case .upgrade: text += "connection: upgrade\r\n"
        }
        text += "\r\n"
        return Array(text.utf8) + (status.forbidsContent ? [] : content)
    }

    /// Where the content begins in a whole response: after its first empty line. A HEAD request is answered with what
    /// stands before.
    public static func headLength(of response: [UInt8]) -> Int {
        var index = 3
        while index < response.count {
            if response[index] == 0x0A && response[index - 1] == 0x0D && response[index - 2] == 0x0A
                && response[index - 3] == 0x0D
            {
                return index + 1
            }
            index += 1
        }
        return response.count
    }

    /// The page that a person sees.
    private static func page(_ status: HTTPStatus) -> String {
        let title = "\(status.code) \(status.reason)"
        return "<!doctype html>\n<html><head><title>\(title)</title></head>\n"
            + "<body><h1>\(title)</h1>\n<p>\(explanation(status))</p></body></html>\n"
    }

    private static func explanation(_ status: HTTPStatus) -> StaticString {
        switch status.code {
        case 200: "Service ready."
        case 400: "This request is not valid HTTP."
        case 401: "Please sign in to see this page."
        case 403: "You are not allowed to see this page."
        case 404: "There is nothing at this address."
        case 405: "This method cannot be used at this address."
        case 407: "Please sign in to the proxy first."
        case 408: "The request did not arrive in time."
        case 410: "What was at this address is gone for good."
        case 413: "The content of this request is too large."
        case 414: "The address of this request is too long."
        case 421: "This server does not answer for that host."
        case 422: "The content of this request cannot be processed."
        case 425: "This request came too early to be safe; please send it again."
        case 429: "There were too many requests; please wait a moment."
        case 431: "The header of this request is too large."
        case 500: "Something went wrong here."
        case 501: "This request asks for something that is not supported."
        case 502: "The server's answer was not valid or not complete."
        case 503: "No server can take this request now."
        case 504: "The server did not answer in time."
        case 505: "This version of HTTP is not supported."
        default: "The request could not be served."
        }
    }
}
