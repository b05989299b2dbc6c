import Base
import Configuration
import HTTP

/// The sizes and bounds that `tune.*` sets (manual, section 3.2).
public struct ProxyTuning: Sendable {
    /// Bytes of a block, the unit of all buffers (`tune.bufsize`).
    public var bufferBytes: Int
    /// Bytes of a block that received heads leave free (`tune.maxrewrite`).
    public var rewriteBytes: Int
    /// Connections that one event of a listener accepts (`tune.maxaccept`).
    public var acceptsPerTurn: Int
    /// Kernel events of one turn (`tune.maxpollevents`).
    public var pollEvents: Int
    /// Fields of a message head (`tune.http.maxhdr`).
    public var maximumFields: Int
    /// Bytes of a request line that logs keep (`tune.http.logurilen`).
    public var loggedLineBytes: Int
    /// Pipes that a worker may have for splicing: its share of `maxpipes`; 0 with `nosplice`.
    public var pipesPerWorker = 0
    /// Bytes of a pipe (`tune.pipesize`); 0: as the system has it.
    public var pipeBytes = 0
    /// What variables may take (`tune.vars.*`).
    var variableLimits = VariableLimits()
    /// Names of fields in the letters of `h1-case-adjust`.
    public var caseAdjustments: [[UInt8]] = []
    /// Whether GET, HEAD and DELETE of HTTP/1.0 may have content (`h1-accept-payload-with-any-method`).
    public var acceptsPayloadWithAnyMethod = false
    /// Whether listeners share their addresses with those of other processes (`noreuseport`: no).
    public var reusesPorts = true
    /// Percents of the descriptors (`tune.pool-low-fd-ratio`, `tune.pool-high-fd-ratio`).
    var idleLowPercent: Int
    var idleHighPercent: Int
    public var clientReceiveBytes: Int?
    public var clientSendBytes: Int?
    public var serverReceiveBytes: Int?
    public var serverSendBytes: Int?

    public init(_ global: GlobalSettings) {
        bufferBytes = max(1024, global.tuneBufsizeBytes ?? 16384)
        let rewrite = global.tuneMaxrewriteBytes ?? 1024
        // Like HAProxy: a reserve that would leave less than half for the head is cut to half.
        rewriteBytes = rewrite > bufferBytes / 2 ? bufferBytes / 2 : rewrite
        let accepts = global.tuneMaxaccept ?? 4
        acceptsPerTurn = accepts < 0 ? .max : max(1, accepts)
        pollEvents = max(1, global.tuneMaxpollevents ?? Limits.pollEvents)
        maximumFields = global.tuneHTTPMaxhdr ?? 101
        loggedLineBytes = (global.tuneHTTPLogurilenBytes ?? 1024) - 1
        pipeBytes = global.tunePipesizeBytes ?? 0
        idleLowPercent = global.tunePoolLowFDRatio
        idleHighPercent = global.tunePoolHighFDRatio
        let variables = global.tuneVariables
        let totals = [variables.globalBytes, variables.processBytes].filter { $0 > 0 }
        variableLimits = VariableLimits(
            totalBytes: totals.min() ?? 0, sessionBytes: variables.sessionBytes,
            transactionBytes: variables.transactionBytes, messageBytes: variables.messageBytes)
        caseAdjustments = global.caseAdjustments
        acceptsPayloadWithAnyMethod = global.acceptsPayloadWithAnyMethod
        reusesPorts = !global.noReusePort
        clientReceiveBytes = global.tuneRcvbufClientBytes
        clientSendBytes = global.tuneSndbufClientBytes
        serverReceiveBytes = global.tuneRcvbufServerBytes
        serverSendBytes = global.tuneSndbufServerBytes
    }

    /// Whether `h1-case-adjust` says how a name is written; the name is in lower case.
    func adjusts(_ name: StaticString) -> Bool { caseAdjustments.contains { $0.span.equalsIgnoringCase(name) } }

    /// The bounds on HTTP messages that follow.
    var httpLimits: HTTPLimits {
        HTTPLimits(headBytes: bufferBytes - rewriteBytes, fieldCount: maximumFields)
    }
}
