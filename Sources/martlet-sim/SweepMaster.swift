import Glibc
import Simulation

/// A sweep: divides the seeds among processes, so that a trap in one world ends that world only, and adds up.
final class SweepMaster {
    private struct Failure {
        var seed: UInt64
        var kind: Sweep.Kind
        var texts: [String]
        var trace: [String]
    }

    private final class Job {
        let number: Int
        var child: ChildProcess?
        var next: UInt64
        var current: (seed: UInt64, kind: Sweep.Kind)?
        var texts: [String] = [], trace: [String] = []
        var hasEnded = false, wantsMore = false

        init(number: Int, first: UInt64) {
            self.number = number
            next = first
        }
    }

    private let command: MartletSim
    private let program = Process.path
    private var totals = SweepTotals()
    private var sweepHash: UInt64 = 0
    private var failures: [Failure] = []
    private let start = Process.seconds
    private var lastSaid = 0.0

    init(command: MartletSim) { self.command = command }

    func run() -> Int32 {
        let jobs = (0..<command.jobs).map { Job(number: $0, first: command.first + UInt64($0)) }
        for job in jobs { begin(job) }
        while jobs.contains(where: { $0.child != nil }) && !hasFailedEnough {
            var entries = jobs.compactMap { $0.child }.map { pollfd(fd: $0.fd, events: Int16(POLLIN), revents: 0) }
            // SAFETY: the array has the stated number of entries.
            _ = unsafe poll(&entries, nfds_t(entries.count), 1000)
            for job in jobs {
                guard let child = job.child, entries.contains(where: { $0.fd == child.fd && $0.revents != 0 })
                else { continue }
                if let lines = child.lines() {
                    for line in lines { read(line, job) }
                } else {
                    ended(job, child.wait())
                }
            }
            sayProgress()
        }
        sayTotals()
        return failures.isEmpty ? 0 : 1
    }

    private var hasFailedEnough: Bool { command.failures > 0 && failures.count >= command.failures }

    private func begin(_ job: Job) {
        let end = command.first + command.seeds
        guard job.next < end else { return }
        var words = [
            "'\(program)'", "--worker", "--first", "\(job.next)", "--seeds", "\(end - job.next)", "--stride",
            "\(command.jobs)", "--connections", "\(command.connections)", "--world", command.world,
        ]
        for name in command.poller { words += ["--poller", name] }
        if command.noFaults { words.append("--no-faults") }
        job.hasEnded = false
        job.wantsMore = false
        job.child = ChildProcess(words.joined(separator: " ") + " 2>&1")
    }

    private func read(_ line: String, _ job: Job) {
        let words = line.split(separator: " ")
        switch words.first {
        case "begin":
            guard words.count == 3, let kind = Sweep.Kind(rawValue: String(words[1])), let seed = UInt64(words[2])
            else { return }
            job.current = (seed, kind)
            job.next = seed + UInt64(command.jobs)
            job.texts = []
            job.trace = []
        case "done":
            // The same for the same seeds, in whatever order they end.
            if let hash = words.dropFirst().first.flatMap({ UInt64($0) }) { sweepHash ^= hash }
            totals.add(Array(words.dropFirst(2)))
            if !job.texts.isEmpty { note(job) }
            job.current = nil
        case "fail": job.texts.append(String(line.dropFirst(5)))
        case "trace": job.trace.append(String(line.dropFirst(6)))
        case "end": job.hasEnded = true
        case "more": job.wantsMore = true
        default: if job.trace.count < 200 { job.trace.append(line) }
        }
    }

    private func ended(_ job: Job, _ status: Int32) {
        job.child = nil
        if job.hasEnded { return }
        if job.wantsMore { return begin(job) }
        job.texts.append("the process has ended with \(status)")
        note(job)
        begin(job)
    }

    private func note(_ job: Job) {
        guard let (seed, kind) = job.current else { return }
        failures.append(Failure(seed: seed, kind: kind, texts: job.texts, trace: job.trace))
        Process.say("FAILED seed \(seed) (\(kind.rawValue)): \(job.texts.first ?? "")")
        if failures.count <= 3 {
            for line in job.trace.suffix(30) { Process.say("    \(line)") }
        }
        for text in job.texts.dropFirst() { Process.say("    \(text)") }
        Process.say("  replay: \(command.replay(seed, kind))")
    }

    private func sayProgress() {
        let now = Process.seconds
        if now - lastSaid < 10 { return }
        lastSaid = now
        if totals.worlds > 0 { Process.say("\(totals.worlds) worlds, \(failures.count) failed, \(Int(now - start)) s") }
    }

    private func sayTotals() {
        let seconds = Process.seconds - start
        Process.say(
            "\(totals.worlds) worlds in \(rounded(seconds)) s, \(rounded(Double(totals.worlds) / seconds)) a second; "
                + "\(totals.steps) steps, \(totals.virtualMilliseconds / 1000) s of virtual time")
        Process.say(
            "\(totals.connections) connections, \(totals.checked) exchanges checked, \(totals.whole) of them whole; "
                + "\(totals.commands) commands, \(totals.logLines) log lines")
        Process.say("\(totals.events) events, \(totals.eventsForNothing) for nothing")
        let counts = zip(SimFault.allCases, totals.faults).filter { $1 > 0 }.map { "\($0) \($1)" }
        Process.say("faults: " + (counts.isEmpty ? "none" : counts.joined(separator: ", ")))
        Process.say("\(failures.count) failed; hash of all traces \(String(sweepHash, radix: 16))")
        for failure in failures { Process.say("  \(command.replay(failure.seed, failure.kind))") }
    }

    private func rounded(_ value: Double) -> String {
        let tenths = Int(value * 10)
        return "\(tenths / 10).\(tenths % 10)"
    }
}
