import CPlatform
import Configuration
import Glibc
import Proxy

/// Whole lines to a descriptor, without buffers of our own: what was said before a crash has been said.
enum Console {
    static func output(_ text: String) { write(text, to: STDOUT_FILENO) }
    static func error(_ text: String) { write(text, to: STDERR_FILENO) }

    static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            // SAFETY: the string lends its bytes for the length of the closure, and `offset` stays below their count.
            var offset = 0
            while offset < bytes.count {
                guard let start = bytes.baseAddress else { return }
                let written = unsafe host_write(descriptor, start + offset, bytes.count - offset)
                // A terminal that went away, or a full pipe that does not block: nobody is left to tell.
                guard written > 0 else { return }
                offset += written
            }
        }
    }
}

/// Messages in the layout that HAProxy's users and tools know: `[WARNING]  (1234) : text`.
///
/// Used on one thread at a time: by the main thread until the workers start, then by worker 0, the same thread.
final class Messages {
    enum Severity: String {
        case diagnostic = "DIAG", notice = "NOTICE", warning = "WARNING", alert = "ALERT"

        /// The level that lines of logs have for it.
        var level: LogLevel {
            switch self {
            case .diagnostic: .debug
            case .notice: .notice
            case .warning: .warning
            case .alert: .alert
            }
        }
    }

    /// Nothing is said while set (`-q`, for the time until listeners are bound).
    var isQuiet = false
    /// Each message is an object of JSON (`log-format json` in `global`).
    var isJSON = false
    /// Before the first warning or alert: which program of which version speaks.
    private var introduction: [String]?
    private let sink: (String) -> Void

    init(executable: String?, sink: @escaping (String) -> Void = Console.error) {
        self.sink = sink
        introduction =
            ["martlet version is \(ProgramVersion.martlet)"]
            + (executable.map { ["path to executable is \($0)"] } ?? [])
    }

    func notice(_ text: String) { say(.notice, text) }
    func warning(_ text: String) { say(.warning, text) }
    func alert(_ text: String) { say(.alert, text) }

    func say(_ severity: Severity, _ text: String) {
        if isQuiet { return }
        if let introduction, severity == .warning || severity == .alert {
            sink(introduction.map { line(.notice, $0) }.joined())
            self.introduction = nil
        }
        sink(line(severity, text))
    }

    /// Once the process runs, what it says needs no introduction.
    func dropIntroduction() { introduction = nil }

    private func line(_ severity: Severity, _ text: String) -> String {
        if isJSON { return EventLine.json(severity.level, text) + "\n" }
        let label = "[\(severity.rawValue)]"
        let padding = String(repeating: " ", count: 11 - label.utf8.count)
        return "\(label)\(padding)(\(getpid())) : \(text)\n"
    }
}
