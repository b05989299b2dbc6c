import Base
import Configuration
import Engine

/// `show activity` (management guide, section 9.3): the engine's counters, in all and by thread.
enum ActivityCommands {
    static let all = [
        Command("show activity", "show per-thread activity stats (for support/developers)") { invocation in
            .text(text(invocation))
        }
    ]

    /// Counters for which scripts know a name already.
    private static let knownNames = ["poll_events": "poll_io", "accepts": "accepted", "takeovers": "fd_takeover"]

    private static func text(_ invocation: CommandInvocation) -> String {
        let threads = invocation.context.engine.counters()
        let now = invocation.context.engine.nowMicroseconds()
        let fraction = String(max(now, 0) % 1_000_000)
        var text = "thread_id: \((invocation.worker?.index ?? 0) + 1) (1..\(max(threads.count, 1)))\n"
        text += "date_now: \(max(now, 0) / 1_000_000)."
        text += String(repeating: "0", count: 6 - fraction.utf8.count) + fraction + "\n"
        guard let first = threads.first else { return text }
        for (index, counter) in first.enumerated() {
            let values = threads.map { index < $0.count ? $0[index].value : 0 }
            let total = values.reduce(0, &+)
            text += "\(knownNames[counter.name] ?? counter.name): \(total)"
            // One thread's figures are the total.
            if values.count > 1 { text += " [ " + values.map { String($0) }.joined(separator: " ") + " ]" }
            text += "\n"
        }
        return text
    }
}

/// `show fd` (management guide, section 9.3): the descriptors in use.
enum DescriptorCommands {
    static let all = [
        Command(
            "show fd [num]", "dump list of file descriptors in use or a specific one", level: .operator,
            name: "show fd"
        ) { invocation in
            var found = invocation.context.engine.descriptors(on: invocation.worker)
            if let word = invocation.arguments.first {
                let number = Int32(word)
                found = found.filter { $0.fd == number }
            }
            return .dump(DescriptorDump(found))
        }
    ]

    /// "      4 : st=0x3(R:PrA W:pra hec uf) kind=listener gen=1 tmask=0x3 ..."; "!" at the end where the state is
    /// suspicious. The number holds, from its lowest bit: active and ready for reading and writing, hang-up, error.
    static func line(_ slot: FDDescription) -> String {
        let number = String(slot.fd)
        let padding = String(repeating: " ", count: max(0, 7 - number.utf8.count))
        let read = direction(slot, .read, slot.polledRead)
        let write = direction(slot, .write, slot.polledWrite)
        let ends = (slot.hangup ? "H" : "h") + (slot.error ? "E" : "e") + (slot.closing ? "C" : "c")
        let lists = (slot.inUpdateList ? "U" : "u") + (slot.inReadyList ? "F" : "f")
        let bits =
            UInt(slot.active.rawValue) | UInt(slot.ready.rawValue) << 2 | (slot.hangup ? 16 : 0) | (slot.error ? 32 : 0)
        var line = "\(padding)\(number) : st=0x\(String(bits, radix: 16))"
        line += "(R:\(read) W:\(write) \(ends) \(lists)) kind=\(slot.kind)"
        line += " gen=\(slot.generation) tmask=\(slot.threads) umask=\(slot.updating) rmask=\(slot.running)"
        line += " prmsk=\(slot.polledRead) pwmsk=\(slot.polledWrite)"
        if !slot.handler.isEmpty { line += " owner=\(slot.handler)" }
        return line + (isSuspicious(slot) ? " !\n" : "\n")
    }

    /// "P" where some poller watches, "R" ready, "A" active; small letters where not.
    private static func direction(_ slot: FDDescription, _ interest: Interest, _ polled: ThreadSet) -> String {
        let isPolled = slot.registered || !polled.isEmpty
        return (isPolled ? "P" : "p") + (slot.ready.contains(interest) ? "R" : "r")
            + (slot.active.contains(interest) ? "A" : "a")
    }

    /// Somebody waits for an event that nobody watches for, and no update is on its way.
    private static func isSuspicious(_ slot: FDDescription) -> Bool {
        guard !slot.registered, slot.updating.isEmpty, slot.running.isEmpty, !slot.inReadyList else { return false }
        let waitsForRead = slot.active.contains(.read) && !slot.ready.contains(.read) && slot.polledRead.isEmpty
        let waitsForWrite = slot.active.contains(.write) && !slot.ready.contains(.write) && slot.polledWrite.isEmpty
        return waitsForRead || waitsForWrite
    }
}

/// The descriptors of `show fd`, some lines at a time.
private final class DescriptorDump: CommandDump {
    private var slots: ArraySlice<FDDescription>
    private static let linesAtOnce = 50

    init(_ slots: [FDDescription]) { self.slots = slots[...] }

    override func next(into output: inout CommandOutput) -> Bool {
        for slot in slots.prefix(DescriptorDump.linesAtOnce) { output.append(DescriptorCommands.line(slot)) }
        slots = slots.dropFirst(DescriptorDump.linesAtOnce)
        return !slots.isEmpty
    }
}
