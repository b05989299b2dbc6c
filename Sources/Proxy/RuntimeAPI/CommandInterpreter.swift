import Configuration
import Engine

/// One session of the runtime API without its socket: bytes of commands in, bytes of answers out.
///
/// In non-interactive mode one line is served (and what else has already arrived), then the session is over; `prompt`
/// makes it interactive (management guide, section 9.3).
final class CommandInterpreter {
    /// What `advance` came to.
    enum Progress: Equatable {
        /// Something was answered, or there is more to do: call again once the output is sent.
        case working
        /// A further line is needed.
        case needsInput
        /// The session is over once the output is sent.
        case finished
    }

    let state: CommandState
    private let table: CommandTable
    private let context: RuntimeContext
    private let worker: Worker?
    private var input: [UInt8] = []
    private var inputStart = 0
    private var hasEnded = false
    /// The commands of the current line that are still to be run, the next one last.
    private var pending: [[String]] = []
    private var dump: CommandDump?
    private var hasServedLine = false
    /// The lines behind a line that ends with `<<`, up to an empty one; they belong to the line's last command.
    private var payload: [[UInt8]]?
    private var isInPayload = false
    private var payloadBytes = 0

    /// The longest line, and so the most input that is kept.
    static let lineLimitBytes = 16384
    /// The most that lines behind `<<` may hold together.
    static let payloadLimitBytes = 1 << 20

    init(
        level: AccessLevel, severity: SeverityOutput = .none, table: CommandTable = .standard,
        context: RuntimeContext, worker: Worker? = nil
    ) {
        self.worker = worker
        state = CommandState(level: level)
        state.severityOutput = severity
        self.table = table
        self.context = context
    }

    /// Bytes that may be given now.
    var room: Int { max(0, CommandInterpreter.lineLimitBytes - (input.count - inputStart)) }

    /// Takes bytes of the client; no more than `room`.
    func receive(_ bytes: some Collection<UInt8>) {
        if inputStart == input.count {
            input.removeAll(keepingCapacity: true)
            inputStart = 0
        } else if inputStart > CommandInterpreter.lineLimitBytes {
            input.removeFirst(inputStart)
            inputStart = 0
        }
        input.append(contentsOf: bytes)
    }

    /// The client will send nothing more.
    func end() { hasEnded = true }

    /// Does the next piece of work: a command, or a piece of a long answer.
    func advance(into output: inout CommandOutput) -> Progress {
        if let current = dump {
            if current.next(into: &output) { return .working }
            dump = nil
            endCommand(into: &output)
            return .working
        }
        if state.isQuitting { return .finished }
        if isInPayload { return advancePayload(into: &output) }
        if let words = pending.popLast() {
            run(words, into: &output)
            return .working
        }
        // A line was served, and nothing holds the session open any longer.
        if hasServedLine && !state.isInteractive && !hasLine { return .finished }
        if let line = takeLine() {
            startLine(line)
            return .working
        }
        if hasEnded { return .finished }
        if room == 0 {
            output.line("The command line is too long.")
            state.isQuitting = true
            return .working
        }
        return .needsInput
    }

    /// Takes a line: its commands, and what follows it when it ends with `<<` (management guide, section 9.3).
    private func startLine(_ line: ArraySlice<UInt8>) {
        var text = line
        while let last = text.last, last == 0x20 || last == 0x09 || last == 0x0d { text = text.dropLast() }
        if text.suffix(3).elementsEqual(" <<".utf8) {
            isInPayload = true
            payload = []
            payloadBytes = 0
            text = text.dropLast(3)
        }
        pending = CommandParser.parse(text).reversed()
        hasServedLine = true
    }

    private func advancePayload(into output: inout CommandOutput) -> Progress {
        guard let line = takeLine() else {
            if hasEnded || room == 0 || payloadBytes > CommandInterpreter.payloadLimitBytes {
                // The payload has no end: nothing of it is used.
                pending = []
                isInPayload = false
                if !hasEnded { output.line("The payload is too long.") }
                state.isQuitting = true
                return .working
            }
            return .needsInput
        }
        let text = line.last == 0x0d ? line.dropLast() : line
        if text.isEmpty {
            isInPayload = false
        } else if payloadBytes <= CommandInterpreter.payloadLimitBytes {
            payload?.append(Array(text))
            payloadBytes += text.count
        }
        return .working
    }

    private func run(_ words: [String], into output: inout CommandOutput) {
        let lines = pending.isEmpty ? payload : nil
        if pending.isEmpty { payload = nil }
        switch table.run(words, state: state, context: context, worker: worker, payload: lines) {
        case .text(let text): output.append(text)
        case .message(let text): output.append(state.mark(isError: false) + text)
        case .failure(let text): output.append(state.mark(isError: true) + text)
        case .denied: output.line(state.mark(isError: true) + "Permission denied")
        case .dump(let dump):
            self.dump = dump
            return
        case .nothing: return
        }
        endCommand(into: &output)
    }

    /// An empty line ends the answer of each command.
    private func endCommand(into output: inout CommandOutput) {
        output.append("\n")
        if state.isInteractive { output.append("> ") }
    }

    private var hasLine: Bool { input[inputStart...].contains(UInt8(ascii: "\n")) }

    private func takeLine() -> ArraySlice<UInt8>? {
        guard let end = input[inputStart...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = input[inputStart..<end]
        inputStart = end + 1
        return line
    }
}
