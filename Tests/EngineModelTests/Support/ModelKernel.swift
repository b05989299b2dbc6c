import Base
import CPlatform
import Glibc
import Interleave

@testable import EngineModel

/// The operating system of a model: descriptors, epoll, poll and event counters, each call one step.
///
/// A waiter sleeps in `Cell.park`: waits have no timeouts here, so that who is not woken is seen to sleep for ever.
// SAFETY: Sendable as the base class asks; all of a model runs on one thread of the operating system. Pointers are the
// caller's, valid for the counts that come with them.
final class ModelKernel: Kernel, @unchecked Sendable {
    enum Kind {
        case socket, counter, poller
    }

    /// An open file. Numbers come again; identities do not.
    struct File {
        var identity: Int
        var kind: Kind
        /// Units that can be read.
        var readable = 0
        var isWritable = false
        var isHungUp = false
        /// The open file lives on in another process when it is closed here.
        var livesElsewhere = false
    }

    /// What an epoll instance knows of one descriptor.
    struct Registration {
        var fd: Int32
        var identity: Int
        var events: UInt32
        var token: UInt64
        /// Something came since it was last reported (edge-triggered).
        var isPending: Bool
    }

    struct Instance {
        var registrations: [Registration] = []
        var isWaiting = false
        var bell: Cell
        /// Waits since the last sleep: a loop that is kept awake lets the others go on.
        var busyWaits = 0
    }

    private(set) var files: [File?] = Array(repeating: nil, count: 64)
    private(set) var instances: [Int32: Instance] = [:]
    /// Where every call steps.
    private let step: Cell
    /// What poll waits on.
    private let pollBell: Cell
    private var pollWaiters = 0
    private var identities = 0
    private let makeCell: (String) -> Cell
    private let yield: () -> Void
    /// Called when a call is about to sleep.
    var willSleep: () -> Void = {}
    private(set) var closed = 0
    /// What poll and select were asked for when they last slept, by the first descriptor of the set: the waker.
    private(set) var slept: [Int32: Set<Int32>] = [:]
    private(set) var sleeps = 0

    init(_ run: Run) {
        yield = { [unowned run] in run.yield() }
        makeCell = { [unowned run] in run.cell(0, $0) }
        step = run.cell(0, "kernel")
        pollBell = run.cell(0, "poll")
        super.init()
    }

    private func enter() { step.fetchAdd(1, .sequential) }

    private func create(_ kind: Kind) -> Int32 {
        guard let fd = files.firstIndex(where: { $0 == nil }) else { return -EMFILE }
        identities += 1
        files[fd] = File(identity: identities, kind: kind)
        return Int32(fd)
    }

    func file(_ fd: Int32) -> File? { fd >= 0 && fd < 64 ? files[Int(fd)] : nil }

    // MARK: For scenarios

    /// A new socket with units to read.
    func open(readable: Int = 0, livesElsewhere: Bool = false) -> Int32 {
        enter()
        let fd = create(.socket)
        files[Int(fd)]?.readable = readable
        files[Int(fd)]?.livesElsewhere = livesElsewhere
        return fd
    }

    /// Something to read comes from outside. Nothing happens if the number is closed.
    func arrive(_ fd: Int32, _ count: Int = 1) {
        enter()
        guard file(fd) != nil else { return }
        files[Int(fd)]?.readable += count
        notify(fd)
    }

    /// Reads one unit. -EAGAIN, or -EBADF.
    func take(_ fd: Int32) -> Int {
        enter()
        guard let file = file(fd) else { return -Int(EBADF) }
        guard file.readable > 0 else { return -Int(EAGAIN) }
        files[Int(fd)]?.readable -= 1
        return 1
    }

    /// The directions in which an epoll instance watches a descriptor.
    func watched(_ fd: Int32, by poller: Int32) -> UInt32 {
        guard let file = file(fd), let instance = instances[poller] else { return 0 }
        return instance.registrations.first { $0.fd == fd && $0.identity == file.identity }?.events ?? 0
    }

    /// Registrations of files that are not open under that number any more.
    func deadRegistrations(_ poller: Int32) -> Int {
        instances[poller]?.registrations.filter { file($0.fd)?.identity != $0.identity }.count ?? 0
    }

    // MARK: Readiness

    private func ready(_ file: File) -> UInt32 {
        var ready: UInt32 = file.isWritable ? HOST_EPOLL_OUT : 0
        if file.readable > 0 { ready |= HOST_EPOLL_IN }
        if file.isHungUp { ready |= HOST_EPOLL_IN | HOST_EPOLL_RDHUP | HOST_EPOLL_HUP }
        return ready
    }

    /// Something came for a descriptor: whoever waits for it wakes; of exclusive waiters the first.
    private func notify(_ fd: Int32) {
        guard let file = file(fd) else { return }
        var exclusiveIsWoken = false
        for number in instances.keys.sorted() {
            guard var instance = instances[number] else { continue }
            var rings = false
            for index in instance.registrations.indices {
                let registration = instance.registrations[index]
                guard registration.identity == file.identity, registration.events & HOST_EPOLL_IN != 0 else { continue }
                instance.registrations[index].isPending = true
                guard instance.isWaiting else { continue }
                let isExclusive = registration.events & HOST_EPOLL_EXCLUSIVE != 0
                if isExclusive && exclusiveIsWoken { continue }
                exclusiveIsWoken = exclusiveIsWoken || isExclusive
                rings = true
            }
            instances[number] = instance
            if rings { wake(number) }
        }
        if pollWaiters > 0 { pollBell.fetchAdd(1, .sequential) }
    }

    private func wake(_ number: Int32) {
        instances[number]?.isWaiting = false
        if let bell = instances[number]?.bell { bell.fetchAdd(1, .sequential) }
    }

    // MARK: Calls

    override func recv(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int { take(fd) }

    override func eventfd() -> Int32 {
        enter()
        return create(.counter)
    }

    override func write(_ fd: Int32, _ buffer: UnsafeRawPointer, _ count: Int) -> Int {
        enter()
        guard file(fd)?.kind == .counter else { return -Int(EBADF) }
        files[Int(fd)]?.readable += 1
        notify(fd)
        return count
    }

    override func read(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        enter()
        guard let file = file(fd), file.kind == .counter else { return -Int(EBADF) }
        files[Int(fd)]?.readable = 0
        return file.readable > 0 ? count : -Int(EAGAIN)
    }

    override func close(_ fd: Int32) -> Int32 {
        enter()
        guard let file = file(fd) else {
            verify(false, "descriptor \(fd) closed twice")
            return -EBADF
        }
        closed += 1
        files[Int(fd)] = nil
        if file.kind == .poller { instances[fd] = nil }
        if !file.livesElsewhere {
            for number in instances.keys { instances[number]?.registrations.removeAll { $0.identity == file.identity } }
        }
        return 0
    }

    override func isOpen(_ fd: Int32) -> Int32 { file(fd) == nil ? -EBADF : 0 }

    override func epollCreate() -> Int32 {
        enter()
        let fd = create(.poller)
        instances[fd] = Instance(bell: makeCell("bell of \(fd)"))
        return fd
    }

    override func epollControl(
        _ poller: Int32, _ operation: Int32, _ fd: Int32, _ events: UInt32, _ token: UInt64
    ) -> Int32 {
        enter()
        guard let file = file(fd), var instance = instances[poller] else { return -EBADF }
        let index = instance.registrations.firstIndex { $0.fd == fd && $0.identity == file.identity }
        switch operation {
        case HOST_EPOLL_CTL_ADD:
            if index != nil { return -EEXIST }
            instance.registrations.append(
                Registration(fd: fd, identity: file.identity, events: events, token: token, isPending: true))
        case HOST_EPOLL_CTL_MOD:
            guard let index else { return -ENOENT }
            if instance.registrations[index].events & HOST_EPOLL_EXCLUSIVE != 0 { return -EINVAL }
            instance.registrations[index].events = events
            instance.registrations[index].token = token
            instance.registrations[index].isPending = true
        default:
            guard let index else { return -ENOENT }
            instance.registrations.remove(at: index)
        }
        instances[poller] = instance
        return 0
    }

    override func epollWait(
        _ poller: Int32, _ events: UnsafeMutablePointer<epoll_event>, _ count: Int32, _ timeout: Int32
    ) -> Int32 {
        instances[poller]?.busyWaits += 1
        if instances[poller]?.busyWaits ?? 0 > 2 { yield() }
        while true {
            enter()
            guard var instance = instances[poller] else { return -EBADF }
            var found: Int32 = 0
            for index in instance.registrations.indices where found < count {
                let registration = instance.registrations[index]
                // A file that lives on elsewhere still reports, under its old token.
                guard let file = files.first(where: { $0?.identity == registration.identity }) ?? nil else { continue }
                let reported = ready(file) & (registration.events | HOST_EPOLL_HUP)
                guard reported != 0 else { continue }
                if registration.events & HOST_EPOLL_ET != 0 {
                    if !registration.isPending { continue }
                    instance.registrations[index].isPending = false
                }
                unsafe (events + Int(found)).initialize(to: host_epoll_make(reported, registration.token))
                found += 1
            }
            instance.isWaiting = found == 0 && timeout != 0
            if instance.isWaiting { instance.busyWaits = 0 }
            instances[poller] = instance
            if found > 0 || timeout == 0 { return found }
            let seen = instance.bell.peek
            sleeps += 1
            willSleep()
            if !instance.bell.park(while: seen) { return 0 }
        }
    }

    override func poll(_ descriptors: UnsafeMutablePointer<pollfd>, _ count: Int, _ timeout: Int32) -> Int32 {
        while true {
            enter()
            var found: Int32 = 0
            for index in 0..<count {
                let wanted = unsafe Int32(descriptors[index].events)
                var reported: Int32 = 0
                if let file = unsafe file(descriptors[index].fd) {
                    if file.readable > 0 { reported |= wanted & POLLIN }
                    if file.isWritable { reported |= wanted & POLLOUT }
                } else {
                    reported = POLLNVAL
                }
                unsafe descriptors[index].revents = Int16(reported)
                if reported != 0 { found += 1 }
            }
            if found > 0 || timeout == 0 { return found }
            unsafe slept[descriptors[0].fd] = Set((0..<count).map { unsafe descriptors[$0].fd })
            pollWaiters += 1
            let seen = pollBell.peek
            sleeps += 1
            willSleep()
            let woken = pollBell.park(while: seen)
            pollWaiters -= 1
            if !woken { return 0 }
        }
    }

    override func select(
        _ count: Int32, _ read: UnsafeMutablePointer<UInt64>, _ write: UnsafeMutablePointer<UInt64>, _ timeout: Int32
    ) -> Int32 {
        if count == 0 { return 0 }
        let (wantsRead, wantsWrite) = unsafe (read.pointee, write.pointee)
        while true {
            enter()
            var (canRead, canWrite): (UInt64, UInt64) = (0, 0)
            for fd in 0..<min(count, 64) {
                let bit: UInt64 = 1 << UInt64(fd)
                if wantsRead & bit != 0, file(fd)?.readable ?? 1 > 0 { canRead |= bit }
                if wantsWrite & bit != 0, file(fd)?.isWritable ?? false { canWrite |= bit }
            }
            unsafe read.pointee = canRead
            unsafe write.pointee = canWrite
            let found = Int32(canRead.nonzeroBitCount + canWrite.nonzeroBitCount)
            if found > 0 || timeout == 0 { return found }
            let asked = wantsRead | wantsWrite
            let set = Set((0..<Int32(64)).filter { asked >> UInt64($0) & 1 != 0 })
            for waker in set where file(waker)?.kind == .counter { slept[waker] = set }
            pollWaiters += 1
            let seen = pollBell.peek
            sleeps += 1
            willSleep()
            let woken = pollBell.park(while: seen)
            pollWaiters -= 1
            if !woken { return 0 }
        }
    }

    override func descriptorLimit(hard: Bool) -> UInt64 { 64 }

    override func setDescriptorLimit(soft: UInt64, hard: UInt64) -> Int32 { 0 }
}
