/// The nested state of `.if`, `.elif`, `.else` and `.endif` within a file (manual, section 2.4).
struct ConditionalStack {
    enum Branch {
        /// This branch is read.
        case taken
        /// None of the branches so far held.
        case waiting
        /// An earlier branch was taken, or the surrounding block is skipped.
        case done
    }

    struct Level {
        var branch: Branch
        var seenElse = false
        /// Where the `.if` stands.
        var range: SourceRange
    }

    static let depthLimit = 64

    private(set) var levels: [Level] = []

    /// Whether lines are to be read now.
    var isActive: Bool { levels.allSatisfy { $0.branch == .taken } }

    /// Whether an `.elif` or `.else` at this point is worth evaluating.
    var isWaiting: Bool { levels.last?.branch == .waiting }

    /// - Parameter value: nil when the condition cannot be read: then no branch of the block is.
    mutating func open(_ value: Bool?, at range: SourceRange) {
        guard isActive, let value else { return levels.append(Level(branch: .done, range: range)) }
        levels.append(Level(branch: value ? .taken : .waiting, range: range))
    }

    /// The condition of an `.elif` cannot be read: no branch from here on is.
    mutating func abandon() {
        guard let last = levels.indices.last else { return }
        levels[last].branch = .done
    }

    /// - Returns: false when there is nothing to continue.
    mutating func otherwise(_ value: Bool, isElse: Bool) -> Bool {
        guard var level = levels.popLast(), !level.seenElse else { return false }
        switch level.branch {
        case .taken: level.branch = .done
        case .waiting: level.branch = value ? .taken : .waiting
        case .done: break
        }
        level.seenElse = isElse
        levels.append(level)
        return true
    }

    mutating func close() -> Bool { levels.popLast() != nil }
}
