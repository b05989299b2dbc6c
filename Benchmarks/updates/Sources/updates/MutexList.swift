import Glibc

/// The list that the engine's is compared with: a plain doubly linked list of descriptors behind one mutex.
// SAFETY: Sendable because the links are only touched with the mutex held.
@safe
final class MutexList: @unchecked Sendable {
    private static let absent: Int32 = -2
    private static let end: Int32 = -1

    // SAFETY (both): allocated in init for `capacity` entries and never freed: the process ends with the benchmark.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let next: UnsafeMutablePointer<Int32>
    private let previous: UnsafeMutablePointer<Int32>
    private var first = MutexList.end
    private var last = MutexList.end

    init(capacity: Int) {
        // SAFETY: freshly allocated, initialised for its whole size.
        unsafe next = .allocate(capacity: capacity)
        unsafe previous = .allocate(capacity: capacity)
        unsafe next.initialize(repeating: MutexList.absent, count: capacity)
        unsafe previous.initialize(repeating: MutexList.absent, count: capacity)
        unsafe pthread_mutex_init(mutex, nil)
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        // SAFETY: initialised in init.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Puts a descriptor at the end, unless it is in the list.
    func add(_ fd: Int32) {
        locked {
            // SAFETY: descriptors are below the capacity.
            guard unsafe next[Int(fd)] == MutexList.absent else { return }
            unsafe next[Int(fd)] = MutexList.end
            unsafe previous[Int(fd)] = last
            if last == MutexList.end { first = fd } else { unsafe next[Int(last)] = fd }
            last = fd
        }
    }

    /// Takes a descriptor out, if it is in the list; `unless` is asked with the mutex held.
    func remove(_ fd: Int32, unless: () -> Bool = { false }) {
        locked {
            // SAFETY: as above.
            guard unsafe next[Int(fd)] != MutexList.absent, !unless() else { return }
            let (before, after) = unsafe (previous[Int(fd)], next[Int(fd)])
            if before == MutexList.end { first = after } else { unsafe next[Int(before)] = after }
            if after == MutexList.end { last = before } else { unsafe previous[Int(after)] = before }
            unsafe next[Int(fd)] = MutexList.absent
        }
    }

    /// The descriptors of the list that `isWanted`, into `found`, with the mutex taken once.
    func collect(into found: inout [Int32], where isWanted: (Int32) -> Bool) {
        locked {
            var cursor = first
            while cursor != MutexList.end {
                if isWanted(cursor) { found.append(cursor) }
                // SAFETY: as above.
                cursor = unsafe next[Int(cursor)]
            }
        }
    }
}
