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
    var preference: Int
    let choice: PollerChoice
    let isProcessWide: Bool
    /// See `Poller.keepsFiles`.
    var keepsFiles = false
    /// Whether the system offers it at all; what it does not offer is not listed.
    let isOffered: @Sendable (Kernel) -> Bool
    /// Whether it works here, for tables of `capacity` numbers; tried once, at start.
    let test: @Sendable (Kernel, _ capacity: Int) -> Bool
    /// One instance for each thread.
    let make: @Sendable (Kernel, _ plan: PollerPlan) throws(SystemError) -> [Poller]
    /// What made the test fail, in words, if that can be said.
    var whyNot: @Sendable (Kernel) -> String? = { _ in nil }

    /// All kinds, by descending preference; of two equal ones the first is preferred.
    static let all: [PollerKind] = [.uring, .epoll, .kqueue, .poll, .select]

    /// All kinds, as they are preferred on this system.
    ///
    /// Rings come before epoll where they have all that they can use: that is what was measured. What they lack
    /// otherwise costs them an operation for each receive, or a system call for each option.
    static func preferred(on kernel: Kernel) -> [PollerKind] {
        var kinds = all
        if kernel.offersRings, let features = try? UringProbe.run(kernel), !features.areComplete {
            kinds[0].preference = 250
            kinds.swapAt(0, 1)
            kinds.swapAt(1, 2)
        }
        return kinds
    }

    static let epoll = PollerKind(
        name: "epoll", preference: 300, choice: .epoll, isProcessWide: false,
        isOffered: { _ in true },
        test: { kernel, _ in
            let number = kernel.epollCreate()
            guard number >= 0 else { return false }
            _ = kernel.close(number)
            return true
        },
        make: { kernel, plan throws(SystemError) in
            var made: [Poller] = []
            for thread in 0..<plan.threads {
                made.append(try EpollPoller(kernel, thread: thread, maxEvents: plan.maxEvents))
            }
            return made
        })
}

/// What a poller needs to know of its group.
struct PollerPlan: Sendable {
    var threads: Int
    var maxEvents: Int
    /// Numbers that the table covers.
    var capacity: Int
}

extension PollerChoice {
    /// All pollers that this system has, by descending preference, each with the result of its test.
    public static func reports(allowed: PollerChoice, kernel: Kernel) -> [PollerReport] {
        let capacity = WorkerGroup.capacity(of: WorkerGroup.Options(), kernel)
        return PollerKind.preferred(on: kernel).filter { $0.isOffered(kernel) }.map {
            let works = $0.test(kernel, capacity)
            return PollerReport(
                name: $0.name, preference: $0.preference, isAllowed: allowed.contains($0.choice), works: works,
                reason: works ? nil : $0.whyNot(kernel))
        }
    }
}
