import Base
import CPlatform
import Configuration
import Engine
import Glibc
import HTTP
import Samples

/// Actions that TCP and HTTP share.
extension ProxiedStream {
    /// The state among the rules, made when it is first needed, and kept for the stream's next requests.
    var ruleState: RuleState {
        if let rules { return rules }
        let made = RuleState()
        rules = made
        return made
    }

    /// Carries out an action that is about the stream, its connections or what is kept. False: it is none of those.
    func performShared(_ action: RuleAction, _ scope: StreamScope) -> Bool {
        switch action {
        case .setVariable(let name, let conditions, let expression):
            scope.beginEvaluation()
            if let sample = expression.evaluate(scope) { set(name, conditions, sample, scope) }
        case .setVariableFormat(let name, let conditions, let format):
            let text = context.texts.format(format, scope)
            scope.beginEvaluation()
            // SAFETY: the text stands until the next format is written.
            unsafe set(name, conditions, Sample(.string, text.bytes), scope)
        case .unsetVariable(let name): scope.unsetVariable(name)
        case .setAddress(let isSource, let expression): setAddress(isSource, expression, scope)
        case .setPort(let isSource, let expression): setPort(isSource, expression, scope)
        case .setLogLevel(let level):
            record.level = level
            record.isSilent = level == nil
        case .setTypeOfService(let value): setTypeOfService(value)
        case .setMark(let mark):
            if let fd = clientTransport?.descriptor {
                _ = worker.kernel.setOption(fd, SOL_SOCKET, SO_MARK, Int32(bitPattern: mark))
            }
        case .capture(let expression, let slot): capture(expression, slot, scope)
        case .setPriority(let isOffset, let expression): setPriority(isOffset, expression, scope)
        case .setNice: break
        default: return false
        }
        return true
    }

    private func setPriority(_ isOffset: Bool, _ expression: Expression, _ scope: StreamScope) {
        scope.beginEvaluation()
        guard let sample = expression.evaluate(scope), let number = SampleCasts.cast(sample, to: .type(.integer), scope)
        else { return }
        let bound: Int64 = isOffset ? 524_287 : 2_047
        let value = Int32(min(max(number.integer, -bound), bound))
        if isOffset { ruleState.priorityOffset = value } else { ruleState.priorityClass = value }
    }

    // MARK: Variables

    private func set(
        _ name: VariableName, _ conditions: VariableConditions, _ sample: Sample, _ scope: StreamScope
    ) {
        if conditions.allow(name, sample, scope) { _ = scope.setVariable(name, sample) }
    }

    private func capture(_ expression: Expression, _ slot: Int, _ scope: StreamScope) {
        guard let store = captureStore(), let index = store.index(slot, isResponse: scope.isResponse) else { return }
        scope.beginEvaluation()
        if let text = expression.evaluateText(scope) { store.keep(text.span, at: index) }
    }

    /// The frontend's captures; nil when it has none.
    func captureStore() -> CaptureStore? {
        guard let processing = frontend?.processing, !processing.captures.isEmpty else { return nil }
        if let captures = ruleState.captures, captures.owner === processing { return captures }
        let made = CaptureStore(processing)
        ruleState.captures = made
        return made
    }

    // MARK: Patterns

    /// Changes an ACL or a map that is loaded from a file. What is no pattern there changes nothing.
    func apply(_ change: PatternChange, _ scope: StreamScope) {
        guard let patterns = change.patterns else { return }
        let key = context.texts.format(change.key, scope).span.array
        switch change.kind {
        case .addACL: try? patterns.addIfAbsent(key)
        case .deleteACL, .deleteMap: _ = patterns.remove(key)
        case .setMap:
            guard let value = change.value else { return }
            try? patterns.setOrAdd(key, value: context.texts.format(value, scope).span.array)
        }
    }

    // MARK: Identifiers

    /// `%rt`: the number of this request, given when it is first asked for.
    func requestNumber() -> UInt32 {
        if let number = ruleState.requestNumber { return number }
        let number = context.process.nextRequestNumber()
        ruleState.requestNumber = number
        return number
    }

    /// `%ID`: made by `unique-id-format` when it is first asked for; empty without one.
    func uniqueID(_ scope: StreamScope) -> [UInt8] {
        guard ruleState.uniqueID.isEmpty, let format = frontend.processing.uniqueIDFormat else {
            return ruleState.uniqueID
        }
        var line = LogLine()
        line.start(limit: context.bufferBytes)
        format.write(scope, to: &line)
        // SAFETY: the line's bytes stand while they are copied.
        unsafe ruleState.uniqueID.append(contentsOf: line.bytes)
        return ruleState.uniqueID
    }

    /// `%bi:%bp`, which are gone when the line is written.
    func recordServerSource() {
        guard let transport = connection?.transport else { return }
        var address = SocketAddress()
        _ = worker.kernel.localAddress(transport.descriptor, &address)
        ruleState.serverSource = LogAddress(address)
    }

    // MARK: Addresses

    private func setAddress(_ isSource: Bool, _ expression: Expression, _ scope: StreamScope) {
        scope.beginEvaluation()
        guard let sample = expression.evaluate(scope),
            let address = SampleCasts.cast(sample, to: .address, scope)
        else { return }
        let side = isSource ? AddressSide.source : .destination
        let port = scope.address(side).port
        if let four = address.ipv4 {
            change(isSource, SocketAddress(ipv4: four.value, port: port), scope)
        } else if let six = address.ipv6 {
            change(isSource, SocketAddress(ipv6: six.high, six.low, port: port), scope)
        }
    }

    private func setPort(_ isSource: Bool, _ expression: Expression, _ scope: StreamScope) {
        scope.beginEvaluation()
        guard let sample = expression.evaluate(scope),
            let number = SampleCasts.cast(sample, to: .type(.integer), scope)
        else { return }
        var address = scope.address(isSource ? .source : .destination)
        // An address without ports becomes 0.0.0.0 with one.
        if address.ipv4 == nil && address.ipv6 == nil { address = SocketAddress(ipv4: 0, port: 0) }
        address.port = UInt16(truncatingIfNeeded: number.integer)
        change(isSource, address, scope)
    }

    private func change(_ isSource: Bool, _ address: SocketAddress, _ scope: StreamScope) {
        if isSource {
            record.client = LogAddress(address)
            ruleState.changesSource = true
        } else {
            ruleState.destination = address
            ruleState.changesDestination = true
            scope.destinationChanged()
        }
    }

    // MARK: Sockets

    private func setTypeOfService(_ value: Int32) {
        guard let fd = clientTransport?.descriptor else { return }
        _ = worker.kernel.setOption(fd, Int32(IPPROTO_IP), IP_TOS, value)
        _ = worker.kernel.setOption(fd, Int32(IPPROTO_IPV6), IPV6_TCLASS, value)
    }

    /// Lets the client's connection be forgotten without telling the client: in repair mode the kernel sends nothing;
    /// without the right to it, what it sends does not get far.
    func silenceClient() {
        guard let fd = clientTransport?.descriptor else { return }
        if worker.kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_REPAIR, 1) >= 0 { return }
        _ = worker.kernel.setOption(fd, Int32(IPPROTO_IP), IP_TTL, 1)
        _ = worker.kernel.setOption(fd, Int32(IPPROTO_IPV6), IPV6_UNICAST_HOPS, 1)
    }
}

/// Lines that formats of rules are written to, a worker's own.
final class RuleTexts {
    /// The value of a format.
    private var first = LogLine()
    /// What is made of it.
    private var second = LogLine()
    /// The head of a response, or the fields of an early one.
    var head = LogLine()
    /// The head of a response of our own.
    var reply = LogLine()
    private let limit: Int

    init(valueLimit: Int) { limit = min(valueLimit, LogLine.capacity) }

    /// Bytes that stand until the next call of `format` or `make`, each for its own.
    // SAFETY: they point into a line that is overwritten by that call only.
    @safe
    struct Text {
        @unsafe let bytes: UnsafeRawBufferPointer
        var span: Span<UInt8> {
            @_lifetime(immortal)
            get {
                let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
                return unsafe _overrideLifetime(span, copying: ())
            }
        }
    }

    func format(_ format: LogFormat, _ scope: SampleScope) -> Text {
        first.start(limit: limit)
        format.write(scope, to: &first)
        // SAFETY: the line is written to by the next call only.
        return unsafe Text(bytes: first.bytes)
    }

    /// A second text, made of other ones.
    func make(_ body: (inout LogLine) -> Void) -> Text {
        second.start(limit: limit)
        body(&second)
        // SAFETY: the line is written to by the next call only.
        return unsafe Text(bytes: second.bytes)
    }
}
