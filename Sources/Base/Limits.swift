/// Every bound of the program in one place.
public enum Limits {
    /// Threads of a worker group: one bit each in the masks of a descriptor.
    public static let threads = 64
    /// Descriptor numbers that a table can cover (a number travels in 31 bits of the pollers' tokens).
    public static let descriptors = 1 << 24
    /// Descriptors when the operating system sets no limit.
    public static let descriptorsWithoutLimit = 1 << 20
    /// Descriptors that the engine opens for each thread: its poller, and one or two for its waker.
    public static let descriptorsPerThread = 3
    /// Kernel events that one turn of a loop takes from its poller.
    public static let pollEvents = 200
    /// Tasks that one turn of a loop runs before it looks at its descriptors again.
    public static let tasksPerTurn = 200
    /// Expired timers that one turn of a loop fires.
    public static let timersPerTurn = 1000
    /// Messages of other threads that one turn of a loop delivers.
    public static let messagesPerTurn = 1000
    /// Entries of the ready lists that one turn of a loop serves.
    public static let readyPerTurn = 200
    /// Times that one scan of the global update list starts again because entries left the list under it.
    public static let updateRescans = 8
    /// Bytes by which a receive may overshoot its credit; they queue inside the transport.
    public static let receiveOvershoot = 65536
    /// The longest wait in a poller, so that an idle loop is seen to live.
    public static let longestWaitMilliseconds = 60_000
    /// Rounds of a spin on a locked link before the thread gives up its processor.
    public static let spinsBeforeYield = 64
    /// Times that one event of a socket receives before other descriptors have their turn.
    public static let receivesPerTurn = 4
    /// A chunk no longer than this is copied behind the one before it when that has room.
    public static let copiedSendBytes = 4096
    /// How long a receive waits when there was no memory for it.
    public static let starvedRetryMilliseconds = 10
    /// How long an `Acceptor` pauses when no descriptor or no memory was left.
    public static let exhaustedPauseMilliseconds = 100
    /// Operations that a ring takes before it has to be entered, and completions that it holds.
    public static let ringEntries = 1024
    public static let ringCompletions = 4096
    /// Blocks that each thread's ring keeps to receive into: a power of two, at most 32768.
    public static let ringBuffers = 256
    /// Accepts of one listener that one thread keeps armed.
    public static let acceptsArmed = 16
    /// How long a thread waits before it asks again to watch a shared descriptor that the system had no memory for.
    public static let registrationRetryMilliseconds = 100
    /// How long a server connection is idle before it is offered to other threads, where an offer has its price.
    public static let offerDelayMilliseconds = 10
    /// Pieces that one operation of a ring sends: it is one in a turn, where a call is repeated at once.
    public static let ringVectorsPerSend = 64
    /// Pieces that one call sends.
    public static let vectorsPerSend = 16
}
