import Base
import CPlatform
import Glibc

/// Which pollers may be used.
public struct PollerChoice: OptionSet, Sendable, Hashable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// `epoll(7)` of Linux.
    public static let epoll = PollerChoice(rawValue: 1)
    /// `kqueue(2)` of the BSDs; on Linux an emulation that only the tests have.
    public static let kqueue = PollerChoice(rawValue: 2)
    /// `poll(2)`.
    public static let poll = PollerChoice(rawValue: 4)
    /// `select(2)`, for numbers below 1024.
    public static let select = PollerChoice(rawValue: 8)
    /// `io_uring(7)` of Linux.
    public static let uring = PollerChoice(rawValue: 16)
    /// Whatever the system has; the best of them is taken.
    public static let all: PollerChoice = [.uring, .epoll, .kqueue, .poll, .select]
}

/// One poller as `-vv` lists it.
public struct PollerReport: Sendable, Hashable {
    /// The name of its system call.
    public let name: String
    /// The higher, the sooner it is taken.
    public let preference: Int
    /// Not forced off.
    public let isAllowed: Bool
    /// The result of its test on this system.
    public let works: Bool
    /// What of it failed here, and how; nil when it works, or the poller does not say.
    public let reason: String?
}

/// A kind of poller that this build knows.
struct PollerKind: Sendable {
    let name: String
    let preference: Int
    let choice: PollerChoice
    let isProcessWide: Bool
    /// See `Poller.keepsFiles`.
    var keepsFiles = false
    /// Whether the system offers it at all; what it does not offer is not listed.
    let isOffered: @Sendable (Kernel) -> Bool
    /// Tries it, for tables of `capacity` numbers; once, at start.
    let test: @Sendable (Kernel, _ capacity: Int) -> PollerTrial
    /// One instance for each thread.
    let make: @Sendable (Kernel, _ plan: PollerPlan) throws(SystemError) -> [Poller]

    /// All kinds; of two that are preferred equally the first is taken.
    static let all: [PollerKind] = [.uring, .epoll, .kqueue, .poll, .select]

    /// Tries those of a choice that the system offers, and lists them by descending preference.
    static func tried(
        _ choice: PollerChoice, on kernel: Kernel, capacity: Int
    ) -> [(kind: PollerKind, preference: Int, trial: PollerTrial)] {
        all.filter { choice.contains($0.choice) && $0.isOffered(kernel) }
            .map { kind in
                let trial = kind.test(kernel, capacity)
                return (kind, trial.preference ?? kind.preference, trial)
            }
            // Equal ones stay in their order.
            .sorted { $0.preference > $1.preference }
    }

    static let epoll = PollerKind(
        name: "epoll", preference: 300, choice: .epoll, isProcessWide: false,
        isOffered: { _ in true },
        test: { kernel, _ in
            let number = kernel.epollCreate()
            if number >= 0 { _ = kernel.close(number) }
            return PollerTrial(works: number >= 0)
        },
        make: { kernel, plan throws(SystemError) in
            var made: [Poller] = []
            for thread in 0..<plan.threads {
                made.append(try EpollPoller(kernel, thread: thread, maxEvents: plan.maxEvents))
            }
            return made
        })
}

/// What came of trying a kind of poller.
struct PollerTrial: Sendable {
    var works: Bool
    /// What failed, and how; nil when it works, or when that cannot be said.
    var reason: String?
    /// How much it is preferred on this system, if not as everywhere.
    var preference: Int?
    /// What its rings have, if it has rings.
    var rings = UringProbe.Features()
}

/// What a poller needs to know of its group.
struct PollerPlan: Sendable {
    var threads: Int
    var maxEvents: Int
    /// Numbers that the table covers.
    var capacity: Int
    /// What rings were found to have.
    var rings = UringProbe.Features()
}

extension PollerChoice {
    /// All pollers that this system has, by descending preference, each with the result of its test.
    public static func reports(allowed: PollerChoice, kernel: Kernel) -> [PollerReport] {
        let capacity = WorkerGroup.capacity(of: WorkerGroup.Options(), kernel)
        return PollerKind.tried(.all, on: kernel, capacity: capacity).map { kind, preference, trial in
            PollerReport(
                name: kind.name, preference: preference, isAllowed: allowed.contains(kind.choice), works: trial.works,
                reason: trial.reason)
        }
    }
}
