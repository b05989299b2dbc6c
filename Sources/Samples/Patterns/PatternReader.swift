import Glibc
import Synchronization

/// Says that a thread is looking something up, so that nothing that it may see is freed meanwhile.
///
/// Lookups take no lock. A writer first takes an entry out of an index, and frees it when every reader that was looking
/// something up at that time has finished: a reader notes the epoch when it begins and 0 when it ends; what was taken
/// out in epoch `n` is freed when no reader has an epoch up to `n`. Writers never wait.
///
/// A note costs an atomic exchange. So who evaluates rules one after the other keeps it (`keep`) from the first lookup
/// to the last: what was taken out meanwhile is freed a little later.
///
/// Thread-safety: the note is read by writers of any thread; all else is for the owner's thread.
// SAFETY: Sendable because what threads share is atomic; the flags are the owner's.
final class PatternReader: @unchecked Sendable {
    private let epoch = Atomic<UInt64>(0)
    private var isNoted = false
    private var isKept = false
    // Readers of different threads must not share a cache line.
    private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
    private let registry: PatternReaders

    init() {
        registry = PatternReaders.shared
        registry.add(self)
    }

    deinit { registry.remove(self) }

    /// Begins a lookup. Lookups do not nest.
    func enter() {
        if isNoted { return }
        isNoted = true
        // An exchange is a full barrier: what the lookup loads is loaded after writers can see the note.
        _ = epoch.exchange(registry.epoch.load(ordering: .acquiring), ordering: .sequentiallyConsistent)
    }

    /// Ends it: pointers that were found must not be used any more.
    func leave() {
        if !isKept { forget() }
    }

    /// Keeps the note of the next lookup until `release`.
    func keep() { isKept = true }

    func release() {
        isKept = false
        if isNoted { forget() }
    }

    private func forget() {
        isNoted = false
        epoch.store(0, ordering: .releasing)
    }

    fileprivate var current: UInt64 { epoch.load(ordering: .sequentiallyConsistent) }
}

/// All readers of the process.
// SAFETY: Sendable because `readers` is read and written under `lock`.
final class PatternReaders: @unchecked Sendable {
    static let shared = PatternReaders()

    /// The current epoch; it starts at 1.
    let epoch = Atomic<UInt64>(1)
    private let lock = PatternLock()
    private var readers: [ObjectIdentifier: Member] = [:]

    /// A reader that is not kept alive: it removes itself.
    // SAFETY: see its field.
    @safe
    private struct Member: @unchecked Sendable {
        // SAFETY: used under the lock only, which `deinit` of the reader takes before the reader goes away.
        let reader: Unmanaged<PatternReader>
    }

    fileprivate func add(_ reader: PatternReader) {
        let member = unsafe Member(reader: Unmanaged.passUnretained(reader))
        lock.withLock { readers[ObjectIdentifier(reader)] = member }
    }

    fileprivate func remove(_ reader: PatternReader) {
        let id = ObjectIdentifier(reader)
        lock.withLock { _ = readers.removeValue(forKey: id) }
    }

    /// Ends an epoch, after something was taken out of an index, and returns its number.
    func endEpoch() -> UInt64 { epoch.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue }

    /// What was taken out in an epoch before this one can be freed.
    func oldestInUse() -> UInt64 {
        lock.withLock {
            var oldest = UInt64.max
            for member in readers.values {
                // SAFETY: a registered reader is alive, see `Member`.
                let current = unsafe member.reader._withUnsafeGuaranteedRef { $0.current }
                if current != 0 { oldest = min(oldest, current) }
            }
            return oldest
        }
    }
}

/// A lock of the C library: what ThreadSanitizer knows. It is taken to change sets, never to look something up.
// SAFETY: Sendable because the mutex is what threads share; it stays where it was allocated until `deinit`.
@safe
final class PatternLock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }
}
