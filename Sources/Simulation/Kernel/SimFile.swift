import Base
import CPlatform
import Glibc

// What descriptors refer to, and who is told when its state changes. Masks are those of epoll, which poll, select and
// kqueue are derived from.

enum Mask {
    static let input = HOST_EPOLL_IN
    static let output = HOST_EPOLL_OUT
    static let error = HOST_EPOLL_ERR
    static let hangup = HOST_EPOLL_HUP
    static let peerHangup = HOST_EPOLL_RDHUP
    /// Reported whether asked for or not.
    static let always = error | hangup
    /// A change that everybody looks at.
    static let any: UInt32 = 0
}

/// An open file: what one or several descriptors, of one or several processes, refer to.
class SimFile {
    unowned let machine: SimMachine
    /// Descriptors that refer to it.
    var references = 0
    private(set) var waiters: [SimWaiter] = []

    init(_ machine: SimMachine) {
        self.machine = machine
    }

    /// What it is called in traces.
    var kind: String { "file" }

    /// What is ready now. Like the kernel's own, this notes that somebody looks for room.
    func poll() -> UInt32 { 0 }

    /// Reads up to `buffer.count` bytes; the number of them, or -errno.
    func read(_ buffer: UnsafeMutableRawBufferPointer, _ call: SimRead) -> Int { -Int(EINVAL) }

    /// Writes up to `bytes.count` bytes; the number of them, or -errno.
    func write(_ bytes: UnsafeRawBufferPointer, _ call: SimWrite) -> Int { -Int(EINVAL) }

    /// The last descriptor has been closed.
    func released() {}

    var isSocket: Bool { false }

    // MARK: Who waits

    /// Exclusive waiters stand last, in the order of their coming; the others first, the latest at the head.
    func attach(_ waiter: SimWaiter) {
        if waiter.isExclusive { waiters.append(waiter) } else { waiters.insert(waiter, at: 0) }
    }

    func detach(_ waiter: SimWaiter) { waiters.removeAll { $0 === waiter } }

    /// Tells those who wait that something has changed: everybody but the exclusive ones, and of these one after the
    /// other until one has taken it. Linux begins with the first of them; here the seed says with which.
    func wake(_ key: UInt32, all: Bool = false) {
        if waiters.isEmpty { return }
        let list = waiters
        let shared = list.firstIndex { $0.isExclusive } ?? list.count
        for waiter in list[..<shared] { _ = waiter.notified(key) }
        let exclusive = list.count - shared
        if exclusive == 0 { return }
        var everybody = all
        let first = exclusive == 1 ? 0 : machine.scheduler.random.below(exclusive)
        for turn in 0..<exclusive {
            let taken = list[shared + (first + turn) % exclusive].notified(key)
            if !taken || everybody { continue }
            if machine.inject(machine.faults, .crowdWake) { everybody = true } else { return }
        }
    }

    /// Detaches everybody, at the end.
    func forgetWaiters() {
        for waiter in waiters { waiter.fileEnded() }
        waiters = []
    }
}

/// How a call reads.
struct SimRead {
    var peeks = false
    /// The faults of the calling process.
    var faults: FaultPlan?
    /// As of `read` or `recv`: sockets know the difference.
    var isReceive = false
}

/// How a call writes.
struct SimWrite {
    var faults: FaultPlan?
}

/// Somebody who is told of the changes of a file.
class SimWaiter {
    let isExclusive: Bool

    init(isExclusive: Bool = false) {
        self.isExclusive = isExclusive
    }

    /// Something changed, in the directions of the key (`Mask.any`: in any). Whether a sleeping thread was woken.
    func notified(_ key: UInt32) -> Bool { false }

    /// The file has ended.
    func fileEnded() {}
}

/// A fibre in poll or select.
final class FibreWaiter: SimWaiter {
    private let fibre: SimFibre
    private let wanted: UInt32
    private let kernel: SimKernel

    init(_ fibre: SimFibre, _ wanted: UInt32, _ kernel: SimKernel) {
        self.fibre = fibre
        self.wanted = wanted | Mask.always
        self.kernel = kernel
        super.init()
    }

    override func notified(_ key: UInt32) -> Bool {
        if key != Mask.any && key & wanted == 0 { return false }
        kernel.wake(fibre)
        return true
    }
}

/// Bytes in a row.
// SAFETY: buffers are the caller's, valid for the counts that they carry.
struct ByteQueue {
    private var bytes: [UInt8] = []
    private var first = 0

    var count: Int { bytes.count - first }

    mutating func append(_ more: UnsafeRawBufferPointer) { unsafe bytes.append(contentsOf: more) }

    /// Copies the first bytes, as many as there are and fit, without taking them out.
    func copy(to buffer: UnsafeMutableRawBufferPointer, limit: Int) -> Int {
        let length = min(buffer.count, limit, count)
        // SAFETY: the part copied lies within both.
        unsafe bytes.withUnsafeBytes {
            unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[first..<first + length]))
        }
        return length
    }

    mutating func removeFirst(_ length: Int) {
        first += length
        if first == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 65536 {
            bytes.removeSubrange(0..<first)
            first = 0
        }
    }

    mutating func removeAll() {
        bytes = []
        first = 0
    }
}
