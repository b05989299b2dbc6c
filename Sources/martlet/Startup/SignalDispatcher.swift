import Base
import Configuration
import Engine
import Glibc
import Proxy

/// What signals do to a running server (management manual, chapter 4). Lives on worker 0, like any other descriptor.
final class SignalDispatcher: FDHandler {
    static let signals = [SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT, SIGTTOU, SIGTTIN]

    private let runtime: ProxyRuntime
    private let runtimeAPI: RuntimeAPI
    private let pipe: SignalPipe
    private let messages: Messages
    private let hardStop: HardStop?
    /// In a worker, our end of the master's lifeline: without a master there is nobody to serve for.
    private let line: Int32?
    private var context: RuntimeContext?
    /// The signal that the process dies of.
    private var deadly: Int32?

    init(
        runtime: ProxyRuntime, runtimeAPI: RuntimeAPI, signals: SignalPipe, messages: Messages,
        hardStopAfterMilliseconds: Int?, line: Int32?
    ) {
        self.runtime = runtime
        self.runtimeAPI = runtimeAPI
        self.messages = messages
        self.line = line
        pipe = signals
        hardStop = hardStopAfterMilliseconds.map { HardStop(afterMilliseconds: $0, runtime, messages) }
        super.init()
    }

    /// Puts itself and the runtime API into worker 0, before the loops run.
    func open(context: RuntimeContext) {
        self.context = context
        let worker = runtime.group.workers[0]
        runtimeAPI.start(on: worker, context: context)
        for descriptor in [pipe.readEnd, line] {
            guard let descriptor else { continue }
            worker.insert(descriptor, self, kind: .stream)
            worker.want(descriptor, .read)
        }
    }

    override func ready(_ fd: Int32, _ events: FDEvents, on worker: Worker) {
        if fd == line {
            if Lifeline.read(fd) == .gone {
                worker.stop(fd, .read)
                stop(by: SIGTERM)
            } else {
                worker.cannot(fd, .read)
            }
            return
        }
        let numbers = pipe.take()
        if numbers.isEmpty { worker.cannot(fd, .read) }
        for number in numbers { handle(number, on: worker) }
    }

    private func handle(_ number: Int32, on worker: Worker) {
        switch number {
        case SIGTERM, SIGINT: stop(by: number)
        case SIGUSR1:
            if runtime.draining { return }
            context?.isStopping = true
            hardStop?.schedule(on: worker)
            runtimeAPI.stop(on: worker, keepingPaths: true, drainsFor: runtime)
            runtime.drain(on: worker)
        case SIGHUP:
            messages.warning("SIGHUP received, dumping servers states.")
            for line in runtime.serverStatusLines() { messages.warning(line) }
        case SIGQUIT: dumpMemory()
        case SIGTTOU, SIGTTIN:
            messages.warning("Pausing listeners is not supported by this version: the signal is ignored.")
        // SIGUSR2 means something to a master only; it must not end a server.
        default: break
        }
    }

    private func stop(by number: Int32) {
        deadly = deadly ?? number
        runtime.stop()
    }

    /// The figures of this thread's pool: those of other threads are theirs to read.
    private func dumpMemory() {
        let pool = runtime.group.workers[0].pool
        Console.error(
            "Dumping pools usage of thread 1.\n"
                + "  - Pool buffer (\(pool.blockSizeBytes) bytes) : \(pool.blocksInUse + pool.blocksFree) allocated, "
                + "\(pool.blocksInUse) used, \(pool.refusals) failures\n")
    }

    /// After the loops have ended: the exit status, unless the process is to die of a signal.
    func end() -> Int32 {
        if let deadly { SystemProcess.die(of: deadly) }
        return 0
    }
}

/// `hard-stop-after`: connections that outlive a drain by too much are cut off.
private final class HardStop: LoopTask {
    private let delayMilliseconds: Int
    private let runtime: ProxyRuntime
    private let messages: Messages

    init(afterMilliseconds delay: Int, _ runtime: ProxyRuntime, _ messages: Messages) {
        delayMilliseconds = delay
        self.runtime = runtime
        self.messages = messages
        super.init()
    }

    func schedule(on worker: Worker) {
        worker.schedule(self, at: worker.now.adding(milliseconds: delayMilliseconds))
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        messages.warning("soft-stop running for too long, performing a hard-stop.")
        runtime.stop()
    }
}
