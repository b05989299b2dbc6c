/// What may go wrong in a simulated kernel or on its network, one case for each kind.
public enum SimFault: Int, CaseIterable, Sendable {
    /// A receive returns less than there is; the rest arrives later.
    case shortRead
    /// A send takes less than there is room for.
    case shortWrite
    /// EAGAIN from a receive although the descriptor was reported as readable: the data comes later.
    case readAgain
    /// EAGAIN from a send although the descriptor was reported as writable: the room comes later.
    case writeAgain
    /// A poller learns later that something is ready.
    case lateReadiness
    /// A poller reports a descriptor as readable that is not.
    case spuriousReadiness
    /// A wait ends with EINTR.
    case interruptedWait
    /// More threads than one are woken for a connection at a listener.
    case crowdWake
    /// The network resets a connection in the middle of its stream.
    case reset
    /// The first packet of a connect is lost: it comes a second later.
    case lostConnect
    /// A connection whose peer reads and answers slowly, through small buffers.
    case slowPeer
    /// Accept answers ECONNABORTED: the client has gone meanwhile.
    case acceptAborted
    /// EMFILE from accept or socket.
    case noDescriptor
    /// ENFILE from accept or socket.
    case noFile
    /// ENOBUFS from accept or socket.
    case noBuffers
    /// ENOMEM from accept or socket.
    case noMemory
    /// A poller has no memory (ENOMEM) to watch one more descriptor.
    case noRegistration
    /// The operating system does not run a thread for a while.
    case stall
    /// The wall clock is set, forwards or backwards. The monotonic one is not.
    case wallClockJump
    /// An operation of a ring is done later than it could be.
    case lateCompletion
    /// A completion overtakes those of other operations.
    case reorderedCompletions
    /// A wait brings a few completions only of those that there are.
    case completionBacklog
    /// A repeating operation of a ring ends by itself.
    case endedRepeat
    /// A receive finds no provided buffer.
    case noRingBuffer
    /// A cancel comes too late: its operation is done, or being worked on.
    case lostCancel
    /// A ring takes no further operation (EBUSY).
    case ringFull

    /// Those that only rings know.
    static let ofRings: [SimFault] = [
        .lateCompletion, .reorderedCompletions, .completionBacklog, .endedRepeat, .noRingBuffer, .lostCancel, .ringFull,
    ]
}

/// How likely each kind of fault is at each occasion for it. All are 0 at first: an ideal kernel.
public struct FaultPlan: Sendable {
    private var probabilities = [Double](repeating: 0, count: SimFault.allCases.count)
    /// How late the rest of a short read, or readiness, may come.
    public var delayNanoseconds: ClosedRange<UInt64> = 1_000...5_000_000
    /// How long a stalled thread does not run.
    public var stallNanoseconds: ClosedRange<UInt64> = 10_000...20_000_000

    public init() {}

    /// The probability of a kind of fault, 0 to 1.
    public subscript(fault: SimFault) -> Double {
        get { probabilities[fault.rawValue] }
        set { probabilities[fault.rawValue] = min(max(newValue, 0), 1) }
    }

    /// A plan with each kind of fault equally likely.
    public static func all(_ probability: Double) -> FaultPlan {
        var plan = FaultPlan()
        for fault in SimFault.allCases { plan[fault] = probability }
        return plan
    }
}

/// How often each kind of fault has happened.
public struct FaultCounts: Sendable, Equatable {
    private var counts = [UInt64](repeating: 0, count: SimFault.allCases.count)

    public init() {}

    public internal(set) subscript(fault: SimFault) -> UInt64 {
        get { counts[fault.rawValue] }
        set { counts[fault.rawValue] = newValue }
    }

    /// All of them together.
    public var total: UInt64 { counts.reduce(0, +) }

    /// Adds another run's counts.
    public mutating func add(_ other: FaultCounts) {
        for fault in SimFault.allCases { self[fault] += other[fault] }
    }
}
