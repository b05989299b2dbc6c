import Base
import Buffers
import Configuration
import Engine
import Glibc
import HTTP
import Samples

/// What expressions may ask of a stream: the scope of its worker, attached to one stream after the other.
///
/// Files: this one holds the stream and its connections; `+Facts` numbers and names of proxies and servers.
///
/// Thread-safety: its worker's thread only.
final class StreamScope: SampleScope {
    let worker: Worker
    // SAFETY: the runtime holds its contexts, which hold their scopes, and outlives the workers.
    private unowned(unsafe) let runtimeReference: ProxyRuntime
    var runtime: ProxyRuntime { unsafe runtimeReference }
    /// The stream that is being asked about; nil between evaluations.
    private(set) var stream: ProxiedStream?
    /// Local address of the client's connection, once it was asked for.
    private var local: SocketAddress?
    private var generator = Random.seededBySystem()
    lazy var directory = ProxyDirectory(runtime.tree, runtime.frontends, runtime.backends)
    private lazy var users = UserDirectory(runtime.tree.userLists)
    /// Where bytes that came in pieces are put together.
    private lazy var room = ByteRoom(sizeBytes: scratch.valueLimit)
    /// The head of a request that passes through in TCP mode.
    private lazy var payloadHead = MessageHead(limits: runtime.tuning.httpLimits)
    private var payloadResult: HeadParseResult?
    /// Estimates of rates, by the counters that they are taken from.
    var rates: [RateKey: RateEstimate] = [:]

    init(worker: Worker, runtime: ProxyRuntime, valueLimit: Int) {
        self.worker = worker
        // SAFETY: as for the property.
        unsafe runtimeReference = runtime
        super.init(valueLimit: valueLimit)
    }

    /// Turns to a stream. Whoever calls this calls `detach` when it is done.
    func attach(
        _ stream: ProxiedStream, request: MessageHead? = nil, response: MessageHead? = nil, isResponse: Bool = false,
        isFinal: Bool = true
    ) {
        self.stream = stream
        self.request = request
        self.response = response
        self.isResponse = isResponse
        self.isFinal = isFinal
        beginLookups()
    }

    /// Forgets the stream.
    func detach() {
        endLookups()
        stream = nil
        request = nil
        response = nil
        local = nil
        payloadResult = nil
    }

    override var wallClockMicroseconds: Int64 { worker.wallClockMicroseconds }
    override func random() -> UInt64 { generator.next() }

    // MARK: Addresses

    override func address(_ side: AddressSide) -> SocketAddress {
        guard let stream else { return SocketAddress() }
        switch side {
        case .source, .clientSource: return stream.record.client.socketAddress
        case .destination, .clientDestination:
            if side == .destination, let rules = stream.rules, rules.changesDestination { return rules.destination }
            if let local { return local }
            let address = localAddress(of: stream.clientTransport)
            local = address
            return address
        case .serverSource: return localAddress(of: stream.connection?.transport)
        case .serverDestination:
            var address = SocketAddress()
            guard let transport = stream.connection?.transport else { return address }
            _ = worker.kernel.peerAddress(transport.descriptor, &address)
            return address
        }
    }

    /// A rule has changed the address that the client connected to.
    func destinationChanged() { local = nil }

    override func write(_ tag: FormatTag, _ flags: FormatFlags, to line: inout LogLine) {
        guard let stream else { return line.appendNothing(flags) }
        TagWriter(stream: stream, scope: self, flags: flags).write(tag, to: &line)
    }

    override func capturedHeader(_ index: Int, response: Bool) -> Sample? {
        // SAFETY: see below.
        guard let store = stream?.rules?.captures, store.owner === stream?.frontend?.processing,
            let place = store.index(index, isResponse: response), let bytes = unsafe store.value(place)
        else { return nil }
        // SAFETY: the slot keeps the bytes until it is filled again, which no evaluation does.
        return unsafe Sample(.string, bytes)
    }

    // What converters ask for.

    override func usableServers(backend name: Span<UInt8>) -> Int64? {
        directory.backend(named: name).flatMap { number(.usableServers, of: $0) }
    }

    override func queueLength(server name: Span<UInt8>) -> Int64? {
        let slash = name.indices.first { name[$0] == UInt8(ascii: "/") }
        let proxy =
            slash.map { directory.backend(named: name.extracting(0..<$0)) }
            ?? stream?.backend.flatMap { directory.index(of: $0) }
        guard let proxy, let backend = directory.backend(proxy) else { return nil }
        let wanted = name.extracting((slash.map { $0 + 1 } ?? 0)..<name.count)
        guard let server = backend.servers.first(where: { wanted.equals($0.name.description) }) else { return nil }
        return number(.queueLength, of: proxy, server.index)
    }

    override func capture(_ value: Sample, slot: Int, response: Bool) {
        guard let store = stream?.captureStore(), let place = store.index(slot, isResponse: response) else { return }
        store.keep(value.span, at: place)
    }

    override func writeDebug(_ line: borrowing LogLine, toError: Bool) {
        stream?.context.logWriter.write(line, to: toError ? STDERR_FILENO : STDOUT_FILENO)
    }

    private func localAddress(of transport: Transport?) -> SocketAddress {
        var address = SocketAddress()
        if let transport { _ = worker.kernel.localAddress(transport.descriptor, &address) }
        return address
    }

    /// An address is this machine's if a socket can be bound to it.
    override func isLocal(_ side: AddressSide) -> Bool? {
        var address = self.address(side)
        guard address.ipv4 != nil || address.ipv6 != nil else { return nil }
        address.port = 0
        let fd = worker.kernel.socket(address.nativeFamily, Int32(SOCK_DGRAM.rawValue), 0)
        guard fd >= 0 else { return nil }
        defer { _ = worker.kernel.close(fd) }
        return worker.kernel.bind(fd, address) >= 0
    }

    override func tcpNumber(_ fact: TCPNumber) -> Int64? {
        guard let transport = stream?.clientTransport else { return nil }
        // Places of `struct tcp_info` in words, behind eight bytes of small fields.
        let place =
            switch fact {
            case .unacknowledged: 6
            case .selectivelyAcknowledged: 7
            case .lost: 8
            case .retransmissions: 9
            case .forwardAcknowledgements: 10
            case .roundTripTime: 17
            case .roundTripTimeVariance: 18
            case .reordering: 22
            }
        // SAFETY: the room is used within the closure, where its size is stated.
        return unsafe withUnsafeTemporaryAllocation(byteCount: 104, alignment: 8) { bytes in
            guard let base = bytes.baseAddress else { return nil }
            // SAFETY: the kernel writes at most the bytes of the room, and `count` of them; 6 is IPPROTO_TCP.
            let count = unsafe worker.kernel.getOption(transport.descriptor, 6, TCP_INFO, base, bytes.count)
            return unsafe count >= 4 * (place + 1) ? Int64(base.load(fromByteOffset: 4 * place, as: UInt32.self)) : nil
        }
    }

    // MARK: Bytes

    // SAFETY: of these two: the stream's chunks and the room stand until the evaluation is over.
    override func body(response: Bool) -> UnsafeRawBufferPointer {
        guard let stream else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe response
            ? stream.responseBodyBytes(copiedTo: room.bytes) : stream.requestBodyBytes(copiedTo: room.bytes)
    }

    override var responseHasContent: Bool { stream?.responseHasContent ?? true }

    override func payload(response: Bool) -> UnsafeRawBufferPointer {
        // SAFETY: see above.
        guard let stream else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe stream.waitingBytes(response: response, copiedTo: room.bytes)
    }

    override func receivedHead() -> MessageHead? {
        guard let stream, stream.frontend.settings.mode == .tcp else { return nil }
        if payloadResult == nil {
            // Once for as long as the scope is attached: more bytes come between two times only.
            payloadHead.reset()
            // SAFETY: the bytes stand, and stay where they are, while the scope is attached.
            payloadResult = unsafe RequestParser(limits: runtime.tuning.httpLimits).parse(
                payload(response: false), into: payloadHead)
        }
        switch payloadResult {
        case .complete: return payloadHead
        case .needMore: mayChange = !isFinal
        case .failed, nil: break
        }
        return nil
    }

    // MARK: Users

    override func isUser(_ name: Span<UInt8>, _ password: Span<UInt8>, in userlist: Int) -> Bool {
        users.isUser(name, password, in: userlist)
    }

    override func group(_ index: Int, of name: Span<UInt8>, in userlist: Int) -> Sample? {
        users.group(index, of: name, in: userlist).flatMap { scratch.string($0) }
    }

    // MARK: Variables

    private func table(_ scope: VariableScope, creates: Bool) -> VariableTable? {
        guard let stream else { return nil }
        switch scope {
        case .process: return nil
        case .session:
            if let table = stream.sessionVariables { return table }
            if creates { stream.sessionVariables = VariableTable(runtime.variables.total) }
            return stream.sessionVariables
        case .transaction:
            if let table = stream.transactionVariables { return table }
            if creates { stream.transactionVariables = VariableTable(runtime.variables.total) }
            return stream.transactionVariables
        case .request, .response:
            // One table serves both: what a request set is gone when its response begins.
            guard (scope == .response) == isResponse else { return nil }
            if stream.messageVariablesAreOfResponse != isResponse {
                stream.messageVariables?.removeAll()
                stream.messageVariablesAreOfResponse = isResponse
            }
            if let table = stream.messageVariables { return table }
            if creates { stream.messageVariables = VariableTable(runtime.variables.total) }
            return stream.messageVariables
        }
    }

    override func variable(_ name: VariableName) -> Sample? {
        if name.scope == .process { return runtime.variables.value(name.number, scratch) }
        return table(name.scope, creates: false)?.value(name.number)
    }

    override func setVariable(_ name: VariableName, _ value: Sample) -> Bool {
        if name.scope == .process { return runtime.variables.set(name.number, value) }
        guard let table = table(name.scope, creates: true) else { return false }
        let limits = runtime.tuning.variableLimits
        let limit = limits.boundsStreams ? self.limit(of: table, name.scope, limits) : 0
        return table.set(name.number, value, limitBytes: limit)
    }

    /// What a table may take; 0: no limit. What a scope may take includes what is taken by the scopes within it.
    private func limit(of table: VariableTable, _ scope: VariableScope, _ limits: VariableLimits) -> Int {
        guard let stream else { return 0 }
        let message = stream.messageVariables?.sizeBytes ?? 0
        let transaction = stream.transactionVariables?.sizeBytes ?? 0
        let session = stream.sessionVariables?.sizeBytes ?? 0
        var limit = 0
        func bound(_ bytes: Int, _ used: Int) {
            guard bytes > 0 else { return }
            // Of the table alone: what the others leave of the bound.
            let own = max(bytes - (used - table.sizeBytes), 1)
            limit = limit == 0 ? own : min(limit, own)
        }
        bound(limits.sessionBytes, session + transaction + message)
        if scope != .session { bound(limits.transactionBytes, transaction + message) }
        if scope == .request || scope == .response { bound(limits.messageBytes, message) }
        return limit
    }

    override func unsetVariable(_ name: VariableName) {
        if name.scope == .process { return runtime.variables.remove(name.number) }
        table(name.scope, creates: false)?.remove(name.number)
    }

    // MARK: Facts

    override func number(_ fact: StreamNumber) -> Int64? {
        guard let stream else { return fact == .thread ? Int64(worker.index) : nil }
        return streamNumber(fact, stream)
    }

    override func text(_ fact: StreamText) -> Sample? { stream.flatMap { streamText(fact, $0) } }

    override func number(_ fact: ProxyNumber, of proxy: Int?) -> Int64? { proxyNumber(fact, proxy) }

    override func number(_ fact: ServerNumber, of proxy: Int, _ server: Int) -> Int64? {
        directory.server(proxy, server).map { serverNumber(fact, $0) }
    }
}
