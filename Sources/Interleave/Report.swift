/// What was found, and the schedule that shows it.
public struct Failure: Sendable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// A check of the scenario did not hold.
        case violation(String)
        /// Nobody can go on, and somebody waits in `spinWait`.
        case deadlock
        /// The bound of steps was passed: threads that go on for ever without getting anywhere, or a bound too small.
        case livelock
        /// The code under test trapped (a precondition, an overflow, an index out of range), by this signal.
        case trap(signal: Int32)
        /// The same choices led elsewhere: the scenario depends on something other than the schedule.
        case nondeterminism
        /// A bound of the model was passed.
        case limit(String)
    }

    public let kind: Kind
    /// The order of steps, for `Search.replay`: a letter for each step of a thread (`a` is the first), with a count
    /// where the thread goes on; `.n` behind a letter when the step read the n-th newest value instead of the newest.
    public let schedule: String
    /// One line for each access, in order; empty when the failure did not show again while it was replayed.
    public let trace: [String]

    public var description: String {
        let what: String
        switch kind {
        case .violation(let message): what = "violated: \(message)"
        case .deadlock: what = "deadlock"
        case .livelock: what = "livelock, or the bound of steps is too small"
        case .trap(let signal): what = "trapped (signal \(signal))"
        case .nondeterminism: what = "the scenario is not deterministic"
        case .limit(let message): what = message
        }
        let steps = trace.isEmpty ? "" : "\n" + trace.suffix(200).joined(separator: "\n")
        return "\(what)\nschedule: \(schedule)\(steps)"
    }
}

/// What an exploration did.
public struct Report: Sendable, CustomStringConvertible {
    /// Schedules run to their end.
    public internal(set) var schedules = 0
    /// Schedules that turned out to be equivalent to earlier ones on the way.
    public internal(set) var pruned = 0
    /// Scheduling points in all.
    public internal(set) var steps = 0
    /// The longest schedule, in steps.
    public internal(set) var longest = 0
    public internal(set) var seconds = 0.0
    /// Every schedule within the strategy's bounds has been run, or is equivalent to one that has.
    public internal(set) var isComplete = false
    public internal(set) var failure: Failure?

    public var schedulesPerSecond: Int { seconds > 0 ? Int(Double(schedules + pruned) / seconds) : 0 }

    public var description: String {
        let extent = isComplete ? "complete" : "not complete"
        let counts = "\(schedules) schedules (\(pruned) pruned), \(steps) steps, longest \(longest), \(extent)"
        let pace = "\(Int(seconds * 1000)) ms, \(schedulesPerSecond) schedules/s"
        return "\(counts), \(pace)" + (failure.map { "\n\($0)" } ?? "")
    }
}

/// The letters of a schedule. A step is a thread (lower byte) and the age of the value that it read (upper byte).
enum Notation {
    static func text(_ steps: [UInt16]) -> String {
        var text = ""
        var position = 0
        while position < steps.count {
            let step = steps[position]
            var count = 1
            while step >> 8 == 0 && position + count < steps.count && steps[position + count] == step { count += 1 }
            text.unicodeScalars.append(Unicode.Scalar(UInt8(97 + step & 0xFF)))
            if step >> 8 != 0 { text += ".\(step >> 8)" }
            if count > 1 { text += "\(count)" }
            position += count
        }
        return text
    }

    /// The steps of a text; nil when it is not a schedule.
    static func steps(_ text: String) -> [UInt16]? {
        var steps: [UInt16] = []
        let bytes = Array(text.utf8)
        var position = 0

        func number() -> Int? {
            var value = 0
            let start = position
            while position < bytes.count, bytes[position] >= 48, bytes[position] <= 57, position - start < 6 {
                value = value * 10 + Int(bytes[position] - 48)
                position += 1
            }
            return position == start ? nil : value
        }

        while position < bytes.count {
            let letter = bytes[position]
            guard letter >= 97, letter < 97 + UInt8(Scheduler.maxThreads) else { return nil }
            position += 1
            var step = UInt16(letter - 97)
            if position < bytes.count, bytes[position] == 46 {
                position += 1
                guard let age = number(), age < 256 else { return nil }
                step |= UInt16(age) << 8
            }
            let count = number() ?? 1
            guard count > 0, steps.count + count < 10_000_000 else { return nil }
            for _ in 0..<count { steps.append(step) }
        }
        return steps
    }
}
