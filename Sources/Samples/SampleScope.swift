import Base
import HTTP

/// Everything that an expression may ask, at one point of one stream's life.
///
/// One object of a worker is filled in for each evaluation. What costs a system call or a lookup is a method, which the
/// proxy overrides; a fetch that has no value where it is asked yields nil.
///
/// Thread-safety: its worker's thread only.
// SAFETY: the unmanaged references are to what properties beside them hold.
@safe
open class SampleScope {
    /// Bytes that converters make.
    public final let scratch: SampleScratch
    /// Memory of regular expressions.
    public final let regexMatch = RegexMatch()
    /// What this thread is looking up in sets of patterns.
    final let patternReader = PatternReader()
    /// The head of the request; nil before it was received, and in TCP mode.
    public final var request: MessageHead? {
        didSet { unsafe requestReference = request.map { unsafe Unmanaged.passUnretained($0) } }
    }
    /// The head of the response; nil before it was received.
    public final var response: MessageHead? {
        didSet { unsafe responseReference = response.map { unsafe Unmanaged.passUnretained($0) } }
    }
    // SAFETY: what the two properties above hold. Reading those would count a reference for each fetch.
    private final var requestReference: Unmanaged<MessageHead>?
    private final var responseReference: Unmanaged<MessageHead>?
    /// Whether the response is the message at hand.
    public final var isResponse = false
    /// Whether values of a fetch that has several are wanted one by one, as ACLs do; `place` then says where to go on.
    public final var iterates = false
    /// Set by a fetch that yields one of several values: it is to be asked again.
    public final var hasMore = false
    /// Where the fetch of several values stands; it belongs to the fetch.
    public final var place = Place()
    /// Set by a fetch that has no value, or another one, only because more data may come.
    public final var mayChange = false
    /// No more bytes will come: what could still change is final.
    public final var isFinal = false

    /// - Parameter valueLimit: bytes of a value at most (`tune.bufsize`).
    public init(valueLimit: Int) { scratch = SampleScratch(valueLimit: valueLimit) }

    /// The message at hand.
    public final var message: MessageHead? { isResponse ? response : requestHead }

    /// The head of the request; in TCP mode, of what was received, if it is one.
    public final var requestHead: MessageHead? { request ?? receivedHead() }

    /// What was received in TCP mode, read as an HTTP request; nil if it is none, or none yet (`mayChange`).
    open func receivedHead() -> MessageHead? { nil }

    /// Lets `body` look at the head of the request (`requestHead`); nil when there is none.
    @inline(__always)
    final func withRequest<Result>(_ body: (MessageHead) -> Result?) -> Result? {
        // SAFETY: the scope holds the head as long as its reference stands here.
        if let head = unsafe requestReference { return unsafe head._withUnsafeGuaranteedRef { body($0) } }
        return receivedHead().flatMap { body($0) }
    }

    /// Lets `body` look at the head of the response; nil when there is none.
    @inline(__always)
    final func withResponse<Result>(_ body: (MessageHead) -> Result?) -> Result? {
        // SAFETY: as above.
        unsafe responseReference.flatMap { unsafe $0._withUnsafeGuaranteedRef { body($0) } }
    }

    /// Lookups in sets of patterns follow each other until `endLookups`: they cost less.
    public final func beginLookups() { patternReader.keep() }
    public final func endLookups() { patternReader.release() }

    /// Begins the evaluation of one expression or of one rule: samples of the one before are void.
    public final func beginEvaluation() {
        scratch.reset()
        iterates = false
        hasMore = false
        place = Place()
        mayChange = false
    }

    /// How far a fetch of several values has come.
    public struct Place {
        /// Whether it stands within a field.
        public var isInside = false
        /// A field's index.
        public var index = 0
        /// A place within the field's value, or within other bytes.
        public var offset = 0

        public init(isInside: Bool = false, index: Int = 0, offset: Int = 0) {
            self.isInside = isInside
            self.index = index
            self.offset = offset
        }
    }

    // MARK: Clocks and chance

    /// Microseconds since 1970, as of this turn of the loop.
    open var wallClockMicroseconds: Int64 { 0 }
    /// A random number.
    open func random() -> UInt64 { 0 }

    // MARK: Variables

    /// The value of a variable, or nil. Its bytes stand until the variable is set again.
    open func variable(_ name: VariableName) -> Sample? { nil }
    /// Sets a variable; false when there is no room (`tune.vars.*-max-size`).
    open func setVariable(_ name: VariableName, _ value: Sample) -> Bool { false }
    open func unsetVariable(_ name: VariableName) {}

    // MARK: Formats

    /// Writes the value of a variable of log formats (manual, section 8.2.6).
    open func write(_ tag: FormatTag, _ flags: FormatFlags, to line: inout LogLine) { line.appendNothing(flags) }

    // MARK: For converters

    /// The number of usable servers of the backend of that name; nil when there is none.
    open func usableServers(backend name: Span<UInt8>) -> Int64? { nil }
    /// The number of sessions that wait for a server, `backend/server` or one of the backend at hand; nil when there is
    /// none.
    open func queueLength(server name: Span<UInt8>) -> Int64? { nil }
    /// Keeps a value in a slot of `declare capture`; nothing happens when there is no such slot.
    open func capture(_ value: Sample, slot: Int, response: Bool) {}

    /// Writes a line of the converter `debug` to standard output, or to standard error.
    open func writeDebug(_ line: borrowing LogLine, toError: Bool) {}

    // MARK: Connections

    /// Addresses of the two connections. `.unspecified` when unknown.
    open func address(_ side: AddressSide) -> SocketAddress { SocketAddress() }

    /// Bytes received and not consumed, of the request's or the response's direction; empty where there are none.
    @unsafe open func payload(response: Bool) -> UnsafeRawBufferPointer {
        // SAFETY: no bytes at all.
        unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
    /// The part of the body of the message at hand that has been received.
    @unsafe open func body(response: Bool) -> UnsafeRawBufferPointer {
        // SAFETY: no bytes at all.
        unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
    /// Whether the response may have content: one to HEAD has none, whatever its fields say.
    open var responseHasContent: Bool { true }
    /// Whether the whole body of that message has been received.
    open func bodyIsComplete(response: Bool) -> Bool { true }

    // MARK: Streams, proxies and servers

    /// A number that belongs to the stream; nil when there is none (yet).
    open func number(_ fact: StreamNumber) -> Int64? { nil }
    /// A text that belongs to the stream; nil when there is none (yet).
    open func text(_ fact: StreamText) -> Sample? { nil }
    /// A number of a frontend or a backend.
    /// - Parameter proxy: the index among the configuration's proxies; nil: the one that the stream is at.
    open func number(_ fact: ProxyNumber, of proxy: Int?) -> Int64? { nil }
    /// A number of a server, by the indices of its proxy and of itself.
    open func number(_ fact: ServerNumber, of proxy: Int, _ server: Int) -> Int64? { nil }
    /// What the system knows of the client's connection, times in microseconds.
    open func tcpNumber(_ fact: TCPNumber) -> Int64? { nil }
    /// Whether an address belongs to this machine; nil when there is no address.
    open func isLocal(_ side: AddressSide) -> Bool? { nil }
    /// A field that `capture` or `declare capture` keeps, by its place in the configuration.
    open func capturedHeader(_ index: Int, response: Bool) -> Sample? { nil }
    /// Whether a list has that user with that password.
    open func isUser(_ name: Span<UInt8>, _ password: Span<UInt8>, in userlist: Int) -> Bool { false }
    /// A group of that user of a list, by number from 0; nil after the last.
    open func group(_ index: Int, of name: Span<UInt8>, in userlist: Int) -> Sample? { nil }
}

/// Numbers of a stream: see the fetches of the same names (manual, sections 7.3.2 and 7.3.3).
public enum StreamNumber: UInt8, Sendable {
    case thread, isStopping, isHTTP, isFirstRequest
    case frontendID, listenerID, listenerConnections, clientTimeout, clientMajorVersion
    case backendID, serverTimeout, tunnelTimeout, currentServerTimeout, currentTunnelTimeout
    case serverID, serverMajorVersion
    case priorityClass, priorityOffset, lastRuleLine
}

/// Texts of a stream.
public enum StreamText: UInt8, Sendable {
    case frontendName, defaultBackendName, listenerName, backendName, serverName, uniqueID, lastRuleFile
    case capturedMethod, capturedURI, capturedRequestVersion, capturedResponseVersion
}

/// Numbers of a frontend or a backend.
public enum ProxyNumber: UInt8, Sendable {
    case frontendConnections, frontendSessionRate, frontendRequestRate
    case backendConnections, freeConnections, freeSlots, backendSessionRate, queueLength, averageQueueLength
    case usableServers
}

/// Numbers of a server.
public enum ServerNumber: UInt8, Sendable {
    case connections, freeConnections, isUp, initialWeight, weight, userWeight, queueLength, sessionRate
}

/// Numbers that the system keeps of a TCP connection.
public enum TCPNumber: UInt8, Sendable {
    case roundTripTime, roundTripTimeVariance, unacknowledged, selectivelyAcknowledged, lost, retransmissions
    case forwardAcknowledgements, reordering
}

/// One end of one of the two connections of a stream.
public enum AddressSide: UInt8, Sendable {
    /// The client, as rules see and may change it (`src`), and the address that it connected to (`dst`).
    case source, destination
    /// The same as the connection itself has them (`fc_src`, `fc_dst`).
    case clientSource, clientDestination
    /// The two ends of the connection to the server (`bc_src`, `bc_dst`).
    case serverSource, serverDestination
}
