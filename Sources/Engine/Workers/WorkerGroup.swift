import Base

public final class WorkerGroup {
    public struct Options: Sendable {
        public var threads = 1
        public var maxDescriptors = 0
        public var maxPollEvents = Limits.pollEvents
        public var pollers = PollerChoice.all
        public var blockSizeBytes = 16384

        public init() {}
    }

    public let workers: [Worker] = []
    public let options: Options
    public let kernel: Kernel
    public var pollerName: String { "" }

    public init(_ options: Options, kernel: Kernel) throws(SystemError) {
        self.options = options
        self.kernel = kernel
    }

    public func start() {}
    public func runMain() {}
    public func stop() {}
}
