/// How a body is framed on the wire.
enum BodyFramingPlan: Equatable {
    case none
    case length
    case chunked
    /// Ends with the connection; responses only.
    case untilClose
}

/// A body as it is sent.
struct BodyPlan {
    var framing: BodyFramingPlan
    var count: Int
    var pattern: Pattern
    /// The longest chunk of a chunked body.
    var chunkBytes = 1000
    /// Whether a trailer field follows a chunked body.
    var hasTrailer = false

    static let trailer = "X-Trailer: at-the-end"

    /// All of it as it goes over the wire.
    func wireBytes() -> [UInt8] {
        switch framing {
        case .none: return []
        case .length, .untilClose: return pattern.bytes(from: 0, count: count)
        case .chunked:
            var bytes: [UInt8] = []
            var place = 0
            while place < count {
                let size = min(chunkBytes, count - place)
                bytes.append(contentsOf: "\(String(size, radix: 16))\r\n".utf8)
                pattern.append(from: UInt64(place), count: size, to: &bytes)
                bytes.append(contentsOf: "\r\n".utf8)
                place += size
            }
            bytes.append(contentsOf: "0\r\n".utf8)
            if hasTrailer { bytes.append(contentsOf: "\(BodyPlan.trailer)\r\n".utf8) }
            bytes.append(contentsOf: "\r\n".utf8)
            return bytes
        }
    }
}

/// What the client of an exchange does that a good client does not.
enum ClientFlaw: Equatable {
    case none
    /// Ends the connection after so many bytes of the request.
    case abort(afterBytes: Int, reset: Bool)
    /// Ends its side after so many bytes of the request and reads on.
    case endEarly(afterBytes: Int)
    /// Sends so many bytes of the request, and then nothing.
    case stall(afterBytes: Int)
    /// Goes away after so many bytes of the response.
    case leave(afterBytes: Int, reset: Bool)
    /// Ends its side after the whole request: legitimate, and the last thing on the connection.
    case halfClose
}

/// What the server of an exchange does that a good server does not.
enum ServerFlaw: Equatable {
    case none
    /// Answers before it has read the body, and then reads on.
    case answerEarly
    /// Answers before it has read the body, and closes.
    case answerEarlyAndClose
    /// Ends the connection after so many bytes of the response.
    case cut(afterBytes: Int, reset: Bool)
    /// Closes without an answer.
    case silent(reset: Bool)
    /// Sends so many bytes of the response, and then nothing until the connection ends.
    case stall(afterBytes: Int)
    /// Sends what is no response.
    case junk
    /// Closes the connection after a response that says nothing of it.
    case closeAfter
}

/// What came of a flaw: where bytes of a side end.
struct Pace {
    /// Bytes of a piece; 0 sends everything at once.
    var pieceBytes = 0
    var pauseMilliseconds = 0
}

/// One request and its response: as both ends know them from the seed, and what has become of them.
final class Exchange {
    let id: Int

    // What the client sends.
    var method = "GET"
    var target = "/"
    var isHTTP10 = false
    var fields: [(name: String, value: String)] = []
    var requestBody = BodyPlan(framing: .none, count: 0, pattern: Pattern(0))
    var requestPace = Pace()
    var expectsContinue = false
    /// The client closes after this one, and says so.
    var announcesClose = false
    var clientFlaw = ClientFlaw.none
    /// How much the client reads at a time, and how long it then waits.
    var readPace = Pace()
    /// How long the client waits before it sends.
    var thinkMilliseconds = 0

    // What the server sends.
    var status = 200
    var interimCount = 0
    var responseFields: [(name: String, value: String)] = []
    var responseBody = BodyPlan(framing: .length, count: 0, pattern: Pattern(0))
    var responsePace = Pace()
    var responseClosesConnection = false
    var workMilliseconds = 0
    var serverFlaw = ServerFlaw.none
    /// Asks for another protocol; the bytes of the bodies then flow as they are, both ways.
    var isUpgrade = false

    /// A request behind it on the connection, sent before its own response, is the last: the client's end comes early.
    var isFollowedByEnd = false
    /// Another request was sent behind it. If its response is the last of the connection, the proxy reads on for a
    /// second only, and then resets: a slow reader may lose the end of the response (RFC 9112 section 9.6).
    var isFollowed = false

    // What has become of it.
    /// Times that a server has received the head, and the whole request.
    var headsSeen = 0
    var timesDelivered = 0
    /// Times that a server has sent the whole response and kept the connection, or ended it in order.
    var timesAnswered = 0
    /// Times that the client has begun to send it: again, when the connection broke under a pipelined request.
    var timesSent = 0
    var interimsSeen = 0

    init(id: Int) { self.id = id }

    /// Whether another request may be sent behind it without waiting for its response.
    var mayBeFollowed: Bool {
        clientFlaw == .none && !announcesClose && !isHTTP10 && !isUpgrade && !expectsContinue
    }

    /// Whether the client ends its side with it.
    var endsEarly: Bool {
        switch clientFlaw {
        case .halfClose, .endEarly: return true
        case .none, .abort, .stall, .leave: return false
        }
    }

    /// Requests that may be sent again when nothing is known of the first time (RFC 9110 section 9.2.2).
    var isIdempotent: Bool { method != "POST" && method != "PATCH" }

    static let idField = "X-Exchange"

    /// The head of the request as the client sends it.
    func requestHead(host: String) -> [UInt8] {
        var text = "\(method) \(target) HTTP/1.\(isHTTP10 ? 0 : 1)\r\nHost: \(host)\r\n\(Exchange.idField): \(id)\r\n"
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        if isUpgrade { text += "Connection: upgrade\r\nUpgrade: sim\r\n" }
        if announcesClose { text += "Connection: close\r\n" }
        if expectsContinue { text += "Expect: 100-continue\r\n" }
        switch requestBody.framing {
        case .none, .untilClose: break
        case .length: text += "Content-Length: \(requestBody.count)\r\n"
        case .chunked: text += "Transfer-Encoding: chunked\r\n"
        }
        return Array((text + "\r\n").utf8)
    }

    /// Whether the response's head announces a body that does not follow.
    var hasBodilessResponse: Bool { method == "HEAD" || status == 204 || status == 304 }

    /// The head of the response as the server sends it.
    func responseHead(isHTTP10Server: Bool) -> [UInt8] {
        var text = "HTTP/1.\(isHTTP10Server ? 0 : 1) \(status) Simulated\r\n\(Exchange.idField): \(id)\r\n"
        for (name, value) in responseFields { text += "\(name): \(value)\r\n" }
        if isUpgrade {
            return Array((text + "Connection: upgrade\r\nUpgrade: sim\r\n\r\n").utf8)
        }
        if responseClosesConnection { text += "Connection: close\r\n" }
        switch responseBody.framing {
        case .none, .untilClose: break
        case .length: if status != 204 { text += "Content-Length: \(responseBody.count)\r\n" }
        case .chunked: text += "Transfer-Encoding: chunked\r\n"
        }
        return Array((text + "\r\n").utf8)
    }
}

/// One connection in TCP mode: its streams, and what has become of them.
final class Stream {
    /// How the two sides end.
    enum Ending: Equatable {
        /// The client ends its side after its bytes; the server then ends its own, after its bytes.
        case clientFirst
        /// The server ends its side after its bytes; the client then ends its own, after its bytes.
        case serverFirst
        /// The client's socket is reset after so many of its bytes.
        case clientResets(afterBytes: Int)
        case serverResets(afterBytes: Int)
        /// One side falls silent.
        case clientStalls(afterBytes: Int)
        case serverStalls(afterBytes: Int)
        /// The client closes without reading what the server sends.
        case clientLeaves
    }

    let id: Int
    var upCount = 0, downCount = 0
    var up = Pattern(0), down = Pattern(0)
    var upPace = Pace(), downPace = Pace()
    var readPace = Pace()
    var ending = Ending.clientFirst

    // What has become of it.
    var serverReceived = 0, clientReceived = 0
    var serverSawEnd = false, clientSawEnd = false
    var timesAccepted = 0

    init(id: Int) { self.id = id }

    /// What the client's stream begins with: the server finds the stream by it.
    static let prefaceBytes = 8

    var preface: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: id >> ($0 * 8)) } }
}
