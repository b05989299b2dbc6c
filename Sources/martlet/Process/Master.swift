import Base
import CPlatform
import Glibc

/// The master of `-W`: starts one worker process, hands signals on to it, and ends as it does.
///
/// It opens no listener and drops no privilege, so that nothing that a worker has closed is kept open by it.
final class Master {
    private let messages: Messages
    private let signals: SignalPipe
    private let worker: Int32
    private let line: Int32
    private let notifier: SystemdNotifier?
    /// Called once, when the worker serves.
    private let started: () -> Void
    private var isStarted = false
    private var isStopping = false

    /// - Parameters:
    ///   - worker: the worker's pid.
    ///   - line: our end of its lifeline.
    init(
        worker: Int32, line: Int32, signals: SignalPipe, messages: Messages, notifier: SystemdNotifier?,
        started: @escaping () -> Void
    ) {
        self.worker = worker
        self.line = line
        self.signals = signals
        self.messages = messages
        self.notifier = notifier
        self.started = started
    }

    static let signals = [SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT, SIGTTIN, SIGTTOU, SIGCHLD]

    /// Until the worker has ended. Returns the exit status of the master.
    func run() -> Int32 {
        messages.notice("New worker (\(worker)) forked")
        var watched = [signals.readEnd, line]
        while true {
            let readable = Lifeline.waitReadable(watched)
            if readable.contains(line) {
                switch Lifeline.read(line) {
                case .ready: workerIsReady()
                // How it ended is what SIGCHLD tells.
                case .gone: watched = [signals.readEnd]
                case .none: break
                }
            }
            for number in signals.take() {
                if number != SIGCHLD { handle(number) }
            }
            while let ending = SystemProcess.reap() {
                if ending.pid == worker { return workerEnded(ending.status) }
            }
        }
    }

    private func workerIsReady() {
        if isStarted { return }
        isStarted = true
        messages.notice("Loading success.")
        notifier?.ready()
        started()
    }

    private func handle(_ number: Int32) {
        switch number {
        case SIGTERM, SIGINT, SIGUSR1:
            if !isStopping { messages.warning("Exiting Master process...") }
            isStopping = true
            notifier?.stopping()
            SystemProcess.send(number, to: worker)
        case SIGHUP, SIGUSR2:
            messages.warning("Reloading is not supported by this version: the signal is ignored.")
        default:
            SystemProcess.send(number, to: worker)
        }
    }

    /// A worker that was told to go, or that anybody terminated, is no failure.
    private func workerEnded(_ status: Int32) -> Int32 {
        // A worker that never served has said why.
        guard isStarted else { return status == 0 ? 1 : min(status, 255) }
        let text = "Current worker (\(worker)) exited with code \(status)\(Master.name(of: status))"
        if status == 0 { messages.warning(text) } else { messages.alert(text) }
        let own = status == 128 + SIGTERM ? 0 : status
        messages.warning("All workers exited. Exiting... (\(own))")
        return own
    }

    private static func name(of status: Int32) -> String {
        if status == 0 { return " (Exit)" }
        guard status > 128 else { return "" }
        // SAFETY: a static string of the C library, or null.
        guard let text = unsafe strsignal(status - 128) else { return "" }
        return unsafe " (\(String(cString: text)))"
    }
}
