import Base
import Configuration
import Engine
import Glibc
import Samples

/// What expressions may ask before anything runs: clocks, chance and the variables of the process.
///
/// Thread-safety: the thread that starts the process.
final class StartScope: SampleScope {
    private let kernel: Kernel
    private let variables: ProcessVariables
    private var generator = Random.seededBySystem()

    init(kernel: Kernel, variables: ProcessVariables, valueLimit: Int) {
        self.kernel = kernel
        self.variables = variables
        super.init(valueLimit: valueLimit)
        isFinal = true
    }

    override var wallClockMicroseconds: Int64 { kernel.wallClockMicroseconds() }
    override func random() -> UInt64 { generator.next() }
    override func variable(_ name: VariableName) -> Sample? {
        name.scope == .process ? variables.value(name.number, scratch) : nil
    }
    override func setVariable(_ name: VariableName, _ value: Sample) -> Bool {
        name.scope == .process && variables.set(name.number, value)
    }
    override func writeDebug(_ line: borrowing LogLine, toError: Bool) {
        // SAFETY: the line is borrowed for the call.
        let bytes = unsafe line.bytes
        guard let base = bytes.baseAddress else { return }
        _ = unsafe kernel.write(toError ? STDERR_FILENO : STDOUT_FILENO, base, bytes.count)
    }
    override func unsetVariable(_ name: VariableName) { if name.scope == .process { variables.remove(name.number) } }

    /// Sets what `global` sets; one after the other, so that each sees those before. An expression without a value
    /// leaves its variable as it was.
    func set(_ assignments: [(VariableName, ProcessVariableValue)]) {
        for (name, value) in assignments {
            beginEvaluation()
            switch value {
            case .expression(let expression):
                if let sample = expression.evaluate(self) { _ = setVariable(name, sample) }
            case .format(let format):
                var line = LogLine()
                line.start(limit: scratch.valueLimit)
                format.write(self, to: &line)
                // SAFETY: the line's bytes stand while they are copied.
                _ = unsafe setVariable(name, Sample(.string, line.bytes))
            }
        }
    }
}
