import Base
import Configuration
import Glibc

/// What a stream knows when it ends, or for an early log line when its data phase starts (manual, section 8.2).
///
/// A record lies inside its stream and is used again for each request: filling it allocates nothing, but for the buffer
/// of the request line, which is made at the first request that a log wants and kept until `releaseStorage`.
///
/// Durations are in milliseconds, -1 when their end was not reached (manual, section 8.4). Dates are wall clock time in
/// microseconds since the epoch.
///
/// Thread-safety: belongs to one thread.
@safe
public struct LogRecord: ~Copyable {
    // Who and when
    /// %ci:%cp
    public var client = LogAddress()
    /// %t: when the connection was accepted.
    public var acceptDateMicroseconds: Int64 = 0
    /// %tr: when the first byte of the request arrived.
    public var requestDateMicroseconds: Int64 = 0

    // By whom
    /// %f
    public var frontend = LogName(static: "")
    /// %b: the frontend's own name when no backend was reached.
    public var backend = LogName(static: "")
    /// %s: the last server that was tried, or one of the names for none.
    public var server = LogName.noServer

    // Timers
    /// %Th: handshakes below the protocol; 0 from the second request on.
    public var handshakeMilliseconds: Int32 = 0
    /// %Ti: idle before the first byte of the request.
    public var idleMilliseconds: Int32 = -1
    /// %TR: from the first byte of the request to the end of its head.
    public var requestMilliseconds: Int32 = -1
    /// %Tw: waiting in queues.
    public var queueMilliseconds: Int32 = -1
    /// %Tc: connecting to the server, retries included.
    public var connectMilliseconds: Int32 = -1
    /// %Tr: from the connection (or the sending on a kept one) to the end of the response's head.
    public var responseMilliseconds: Int32 = -1
    /// %Ta: from the first byte of the request to the end of the response.
    public var activeMilliseconds: Int32 = 0
    /// %Tt: from accept to the last close.
    public var totalMilliseconds: Int32 = 0

    // What
    /// %ST: the status sent to the client; -1 when none was.
    public var status: Int32 = -1
    /// %B: bytes from the server, or from the proxy itself, to the client.
    public var bytesRead: UInt64 = 0
    /// %U: bytes from the client.
    public var bytesUploaded: UInt64 = 0
    /// What statistics have counted of both so far (`option contstats`).
    var countedUploaded: UInt64 = 0
    var countedRead: UInt64 = 0
    /// What they have to count yet.
    var uncountedUploaded: UInt64 { bytesUploaded &- countedUploaded }
    var uncountedRead: UInt64 { bytesRead &- countedRead }
    public var cause = TerminationCause.none
    public var phase = TerminationPhase.none
    /// The third and fourth characters of the state in HTTP mode: persistence cookies of the client and the server.
    public var requestCookieState = UInt8(ascii: "-")
    public var responseCookieState = UInt8(ascii: "-")

    // How busy
    /// %ac: connections of the process, this one included.
    public var processConnections: Int32 = 0
    /// %fc: connections of the frontend, this one included.
    public var frontendConnections: Int32 = 0
    /// %bc: connections of the backend, this one included when it reached it.
    public var backendConnections: Int32 = 0
    /// %sc: connections of the server, this one included when it reached it.
    public var serverConnections: Int32 = 0
    /// %rc
    public var retries: Int32 = 0
    /// Another server was taken after the last retry: a "+" in front of the retries.
    public var isRedispatched = false
    /// %sq: sessions before this one in the server's queue.
    public var serverQueue: Int32 = 0
    /// %bq: sessions before this one in the backend's queue.
    public var backendQueue: Int32 = 0

    /// The line is written before the data phase is over (`option logasap`): "+" in front of total time and bytes.
    public var isEarly = false

    /// `set-log-level`: the level of the line; nil: as usual.
    public var level: LogLevel?
    /// `set-log-level silent`: there is no line.
    public var isSilent = false
    private var line: UnsafeMutablePointer<UInt8>?
    private var lineCapacity: Int32 = 0
    private var lineCount: Int32 = -1

    // SAFETY: the record alone knows its buffer, which comes from malloc or is nil.
    public init() { unsafe line = nil }

    // SAFETY: as above.
    deinit { unsafe free(line) }

    /// Starts the next request of the same connection: everything but the client, the dates and the names of the
    /// frontend is as in a new record. The buffer of the request line is kept.
    public mutating func reset() {
        backend = frontend
        server = .noServer
        handshakeMilliseconds = 0
        idleMilliseconds = -1
        requestMilliseconds = -1
        queueMilliseconds = -1
        connectMilliseconds = -1
        responseMilliseconds = -1
        activeMilliseconds = 0
        totalMilliseconds = 0
        status = -1
        bytesRead = 0
        bytesUploaded = 0
        countedRead = 0
        countedUploaded = 0
        cause = .none
        phase = .none
        requestCookieState = UInt8(ascii: "-")
        responseCookieState = UInt8(ascii: "-")
        retries = 0
        isRedispatched = false
        serverQueue = 0
        backendQueue = 0
        isEarly = false
        level = nil
        isSilent = false
        lineCount = -1
    }

    /// Copies the request line, without its end of line and at most `maximumBytes` of it (`tune.http.logurilen` - 1).
    /// To be called only when a log wants it (`Logger.wantsRequestLine`).
    ///
    /// Without memory for it, the line is logged as one that was not understood.
    @unsafe
    public mutating func captureRequestLine(_ bytes: UnsafeRawBufferPointer, maximumBytes: Int = 1023) {
        let count = Int32(truncatingIfNeeded: min(bytes.count, max(maximumBytes, 0), 65535))
        lineCount = -1
        if count > lineCapacity {
            let capacity = (count &+ 63) & ~63
            // SAFETY: the old buffer came from malloc and nobody else knows it; the new one is checked below.
            unsafe free(line)
            unsafe line = malloc(Int(capacity))?.assumingMemoryBound(to: UInt8.self)
            lineCapacity = unsafe line == nil ? 0 : capacity
            if lineCapacity == 0 { return }
        }
        // SAFETY: both hold `count` bytes; an empty source is not touched.
        if count > 0, let from = bytes.baseAddress, let to = unsafe line {
            unsafe memcpy(to, from, Int(count))
        }
        lineCount = count
    }

    /// Copies a request line; see above.
    public mutating func captureRequestLine(_ bytes: [UInt8], maximumBytes: Int = 1023) {
        // SAFETY: the array's storage is valid inside the closure.
        unsafe bytes.withUnsafeBytes { unsafe captureRequestLine($0, maximumBytes: maximumBytes) }
    }

    /// Frees the buffer of the request line: for a connection that becomes idle.
    public mutating func releaseStorage() {
        // SAFETY: the buffer came from malloc and nobody else knows it.
        unsafe free(line)
        unsafe line = nil
        lineCapacity = 0
        lineCount = -1
    }

    /// Whether a request line was captured since `reset`.
    public var hasRequestLine: Bool { lineCount >= 0 }

    /// The captured request line; empty when there is none. Valid until the record is changed.
    // SAFETY: `lineCount` bytes were copied into the buffer.
    @unsafe
    var requestLine: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: line, count: max(Int(lineCount), 0))
    }

    /// %Tq: Th + Ti + TR, -1 when one of them is.
    public var queryMilliseconds: Int32 {
        guard handshakeMilliseconds >= 0, idleMilliseconds >= 0, requestMilliseconds >= 0 else { return -1 }
        return handshakeMilliseconds &+ idleMilliseconds &+ requestMilliseconds
    }
}
