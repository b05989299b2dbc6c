/// Which pollers may be used.
public struct PollerChoice: OptionSet, Sendable, Hashable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let epoll = PollerChoice(rawValue: 1)
    public static let kqueue = PollerChoice(rawValue: 2)
    public static let poll = PollerChoice(rawValue: 4)
    public static let select = PollerChoice(rawValue: 8)
    public static let all: PollerChoice = [.epoll, .kqueue, .poll, .select]
}

/// One poller as `-vv` lists it.
public struct PollerReport: Sendable, Hashable {
    public let name: String
    public let preference: Int
    public let enabled: Bool
    public let worksHere: Bool
}

extension PollerChoice {
    /// All pollers that this build has, by descending preference, each with the result of its test.
    public static func reports(allowed: PollerChoice, kernel: Kernel) -> [PollerReport] {
        []
    }
}
