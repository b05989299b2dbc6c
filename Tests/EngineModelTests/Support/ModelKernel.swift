import Base
import CPlatform
import Glibc
import Interleave

@testable import EngineModel

/// The operating system of a model: descriptors, epoll, poll and event counters, each call one step.
///
/// A waiter sleeps in `Cell.park`: waits have no timeouts here, so that who is not woken is seen to sleep for ever.
///
/// It serves all runs of an exploration (`mark` and `start`), and everything is in arrays of a fixed size: what a call
/// costs here is most of what a step costs.
// SAFETY: Sendable as the base class asks; all of a model runs on one thread of the operating system. The arrays are
// allocated for its life; numbers are below `maxFiles` where `file` has looked, places of instances below
// `instanceCount`, and counts of registrations at most `maxRegistrations`. Pointers of callers are valid for the counts
// that come with them.
@safe
final class ModelKernel: Kernel, @unchecked Sendable {
    static let maxFiles = 64
    private static let maxInstances = 8
    private static let maxRegistrations = 16

    enum Kind {
        case socket, counter, poller
    }

    /// An open file. Numbers come again; identities do not.
    struct File {
        /// 0 while the number is free.
        var identity = 0
        var kind = Kind.socket
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

    private struct Instance {
        var fd: Int32
        /// Registrations, in the order in which they were made.
        var count = 0
        var isWaiting = false
        /// Waits since the last sleep: a loop that is kept awake lets the others go on.
        var busyWaits = 0
        var bell: Cell
    }

    /// What everything is put back to before a run.
    private struct Mark {
        var files: [File] = []
        var instances: [Instance] = []
        var registrations: [Registration] = []
        var identities = 0
    }

    private let files: UnsafeMutablePointer<File>
    /// One more than the highest number that was ever open.
    private var bound = 0
    private let instances: UnsafeMutablePointer<Instance>
    private var instanceCount = 0
    private let registrations: UnsafeMutablePointer<Registration>
    private var beginning = Mark()
    // SAFETY: one object serves an exploration's runs, and this is kept for them only.
    private var run: Run { unsafe runReference }
    private unowned(unsafe) let runReference: Run
    /// Where every call steps.
    private var step: Cell
    /// What poll waits on.
    private var pollBell: Cell
    private var pollWaiters = 0
    private var identities = 0
    private(set) var closed = 0
    /// What poll and select were asked for when they last slept, a bit for each number, by the first descriptor of the
    /// set: the waker. 0 for who never slept.
    private let slept: UnsafeMutablePointer<UInt64>

    init(_ run: Run) {
        unsafe runReference = run
        step = run.cell(0, "kernel")
        pollBell = run.cell(0, "poll")
        unsafe files = .allocate(capacity: ModelKernel.maxFiles)
        unsafe files.initialize(repeating: File(), count: ModelKernel.maxFiles)
        unsafe instances = .allocate(capacity: ModelKernel.maxInstances)
        unsafe registrations = .allocate(capacity: ModelKernel.maxInstances * ModelKernel.maxRegistrations)
        unsafe slept = .allocate(capacity: ModelKernel.maxFiles)
        unsafe slept.initialize(repeating: 0, count: ModelKernel.maxFiles)
        super.init()
    }

    deinit {
        unsafe files.deallocate()
        unsafe instances.deallocate()
        unsafe registrations.deallocate()
        unsafe slept.deallocate()
    }

    // MARK: From run to run

    /// Every run begins with what there is now.
    func mark() {
        beginning.files = (0..<bound).map { unsafe files[$0] }
        beginning.instances = (0..<instanceCount).map { unsafe instances[$0] }
        let most = ModelKernel.maxRegistrations
        beginning.registrations = (0..<instanceCount * most).map { place in
            let isUsed = unsafe place % most < instances[place / most].count
            return unsafe isUsed
                ? registrations[place] : Registration(fd: -1, identity: 0, events: 0, token: 0, isPending: false)
        }
        beginning.identities = identities
    }

    /// Goes back to the mark, with new cells.
    func start() {
        for fd in 0..<bound {
            unsafe files[fd] = fd < beginning.files.count ? beginning.files[fd] : File()
            unsafe slept[fd] = 0
        }
        step = run.cell(0, "kernel")
        pollBell = run.cell(0, "poll")
        instanceCount = beginning.instances.count
        for place in 0..<instanceCount {
            unsafe instances[place] = beginning.instances[place]
            unsafe instances[place].bell = run.cell(0, "bell of \(place)")
            let first = place * ModelKernel.maxRegistrations
            for index in first..<first + beginning.instances[place].count {
                unsafe registrations[index] = beginning.registrations[index]
            }
        }
        pollWaiters = 0
        identities = beginning.identities
        closed = 0
    }

    private func enter() { step.fetchAdd(1, .sequential) }

    private func create(_ kind: Kind) -> Int32 {
        for fd in 0..<ModelKernel.maxFiles where unsafe files[fd].identity == 0 {
            identities += 1
            unsafe files[fd] = File(identity: identities, kind: kind)
            bound = max(bound, fd + 1)
            return Int32(fd)
        }
        return -EMFILE
    }

    func file(_ fd: Int32) -> File? {
        guard fd >= 0 && fd < ModelKernel.maxFiles, unsafe files[Int(fd)].identity != 0 else { return nil }
        return unsafe files[Int(fd)]
    }

    private func place(of poller: Int32) -> Int? {
        for place in 0..<instanceCount where unsafe instances[place].fd == poller { return place }
        return nil
    }

    /// The registration of the file that is open under a number now.
    private func registration(_ place: Int, _ fd: Int32, _ identity: Int) -> UnsafeMutablePointer<Registration>? {
        let first = unsafe registrations + place * ModelKernel.maxRegistrations
        for index in 0..<(unsafe instances[place].count) {
            if unsafe first[index].fd == fd && first[index].identity == identity { return unsafe first + index }
        }
        return nil
    }

    /// Takes out what the condition holds for; the others keep their order.
    private func unregister(_ place: Int, where leaves: (Registration) -> Bool) {
        let first = unsafe registrations + place * ModelKernel.maxRegistrations
        var kept = 0
        for index in 0..<(unsafe instances[place].count) {
            let registration = unsafe first[index]
            if leaves(registration) { continue }
            unsafe first[kept] = registration
            kept += 1
        }
        unsafe instances[place].count = kept
    }

    // MARK: For scenarios

    /// A new socket with units to read.
    func open(readable: Int = 0, livesElsewhere: Bool = false) -> Int32 {
        enter()
        let fd = create(.socket)
        precondition(fd >= 0, "a scenario opens fewer descriptors")
        unsafe files[Int(fd)].readable = readable
        unsafe files[Int(fd)].livesElsewhere = livesElsewhere
        return fd
    }

    /// Something to read comes from outside. Nothing happens if the number is closed.
    func arrive(_ fd: Int32, _ count: Int = 1) {
        enter()
        guard file(fd) != nil else { return }
        unsafe files[Int(fd)].readable += count
        notify(fd)
    }

    /// Reads one unit. -EAGAIN, or -EBADF.
    func take(_ fd: Int32) -> Int {
        enter()
        guard let file = file(fd) else { return -Int(EBADF) }
        guard file.readable > 0 else { return -Int(EAGAIN) }
        unsafe files[Int(fd)].readable -= 1
        return 1
    }

    /// The numbers of the epoll instances, in their order.
    var pollers: [Int32] { (0..<instanceCount).map { unsafe instances[$0].fd } }

    /// The directions in which an epoll instance watches a descriptor.
    func watched(_ fd: Int32, by poller: Int32) -> UInt32 {
        guard let file = file(fd), let place = place(of: poller) else { return 0 }
        return unsafe registration(place, fd, file.identity)?.pointee.events ?? 0
    }

    /// Registrations of files that are not open under that number any more.
    func deadRegistrations(_ poller: Int32) -> Int {
        guard let place = place(of: poller) else { return 0 }
        let first = unsafe registrations + place * ModelKernel.maxRegistrations
        return (0..<(unsafe instances[place].count))
            .count { unsafe file(first[$0].fd)?.identity != first[$0].identity }
    }

    /// What a thread last slept with, by the number of its waker: a bit for each number, 0 if it never slept.
    func slept(_ waker: Int32) -> UInt64 { unsafe slept[Int(waker)] }

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
        for place in 0..<instanceCount {
            var rings = false
            let first = unsafe registrations + place * ModelKernel.maxRegistrations
            for index in 0..<(unsafe instances[place].count) {
                let registration = unsafe first[index]
                guard registration.identity == file.identity, registration.events & HOST_EPOLL_IN != 0 else { continue }
                unsafe first[index].isPending = true
                guard unsafe instances[place].isWaiting else { continue }
                let isExclusive = registration.events & HOST_EPOLL_EXCLUSIVE != 0
                if isExclusive && exclusiveIsWoken { continue }
                exclusiveIsWoken = exclusiveIsWoken || isExclusive
                rings = true
            }
            if rings { wake(place) }
        }
        if pollWaiters > 0 { pollBell.fetchAdd(1, .sequential) }
    }

    private func wake(_ place: Int) {
        unsafe instances[place].isWaiting = false
        let bell = unsafe instances[place].bell
        bell.fetchAdd(1, .sequential)
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
        unsafe files[Int(fd)].readable += 1
        notify(fd)
        return count
    }

    override func read(_ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        enter()
        guard let file = file(fd), file.kind == .counter else { return -Int(EBADF) }
        unsafe files[Int(fd)].readable = 0
        return file.readable > 0 ? count : -Int(EAGAIN)
    }

    override func close(_ fd: Int32) -> Int32 {
        enter()
        guard let file = file(fd) else {
            verify(false, "descriptor \(fd) closed twice")
            return -EBADF
        }
        closed += 1
        unsafe files[Int(fd)].identity = 0
        if file.kind == .poller, let place = place(of: fd) { forget(place) }
        if !file.livesElsewhere {
            for place in 0..<instanceCount { unregister(place) { $0.identity == file.identity } }
        }
        return 0
    }

    /// An instance is closed.
    private func forget(_ place: Int) {
        instanceCount -= 1
        let most = ModelKernel.maxRegistrations
        for later in place..<instanceCount {
            unsafe instances[later] = unsafe instances[later + 1]
            let count = unsafe instances[later].count
            unsafe (registrations + later * most).update(from: registrations + (later + 1) * most, count: count)
        }
    }

    override func isOpen(_ fd: Int32) -> Int32 { file(fd) == nil ? -EBADF : 0 }

    override func epollCreate() -> Int32 {
        enter()
        let fd = create(.poller)
        precondition(fd >= 0 && instanceCount < ModelKernel.maxInstances, "a group of a few threads")
        unsafe (instances + instanceCount).initialize(to: Instance(fd: fd, bell: run.cell(0, "bell")))
        instanceCount += 1
        return fd
    }

    override func epollControl(
        _ poller: Int32, _ operation: Int32, _ fd: Int32, _ events: UInt32, _ token: UInt64
    ) -> Int32 {
        enter()
        guard let file = file(fd), let place = place(of: poller) else { return -EBADF }
        let found = unsafe registration(place, fd, file.identity)
        switch operation {
        case HOST_EPOLL_CTL_ADD:
            if unsafe found != nil { return -EEXIST }
            let count = unsafe instances[place].count
            precondition(count < ModelKernel.maxRegistrations, "a scenario has fewer descriptors")
            unsafe (registrations + place * ModelKernel.maxRegistrations + count).initialize(
                to: Registration(fd: fd, identity: file.identity, events: events, token: token, isPending: true))
            unsafe instances[place].count += 1
        case HOST_EPOLL_CTL_MOD:
            guard let found = unsafe found else { return -ENOENT }
            if unsafe found.pointee.events & HOST_EPOLL_EXCLUSIVE != 0 { return -EINVAL }
            unsafe found.pointee.events = events
            unsafe found.pointee.token = token
            unsafe found.pointee.isPending = true
        default:
            if unsafe found == nil { return -ENOENT }
            unregister(place) { $0.fd == fd && $0.identity == file.identity }
        }
        return 0
    }

    override func epollWait(
        _ poller: Int32, _ events: UnsafeMutablePointer<epoll_event>, _ count: Int32, _ timeout: Int32
    ) -> Int32 {
        guard let place = place(of: poller) else { return -EBADF }
        unsafe instances[place].busyWaits += 1
        if unsafe instances[place].busyWaits > 2 { run.yield() }
        while true {
            enter()
            let found = unsafe collect(place, events, count)
            let waits = found == 0 && timeout != 0
            unsafe instances[place].isWaiting = waits
            if !waits { return found }
            unsafe instances[place].busyWaits = 0
            let bell = unsafe instances[place].bell
            if !bell.park(while: bell.peek) { return 0 }
        }
    }

    /// What an instance has to report.
    private func collect(_ place: Int, _ events: UnsafeMutablePointer<epoll_event>, _ count: Int32) -> Int32 {
        var found: Int32 = 0
        let first = unsafe registrations + place * ModelKernel.maxRegistrations
        for index in 0..<(unsafe instances[place].count) where found < count {
            let registration = unsafe first[index]
            // Of a file that lives on elsewhere the registration is still there; nothing comes for it here.
            guard let file = file(registration.fd), file.identity == registration.identity else { continue }
            let reported = ready(file) & (registration.events | HOST_EPOLL_HUP)
            guard reported != 0 else { continue }
            if registration.events & HOST_EPOLL_ET != 0 {
                if !registration.isPending { continue }
                unsafe first[index].isPending = false
            }
            unsafe (events + Int(found)).initialize(to: host_epoll_make(reported, registration.token))
            found += 1
        }
        return found
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
            var asked: UInt64 = 0
            for index in 0..<count { asked |= 1 << UInt64(unsafe descriptors[index].fd) }
            unsafe slept[Int(descriptors[0].fd)] = asked
            if !sleepInPoll() { return 0 }
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
            for fd in 0..<bound where asked >> UInt64(fd) & 1 != 0 {
                if file(Int32(fd))?.kind == .counter { unsafe slept[fd] = asked }
            }
            if !sleepInPoll() { return 0 }
        }
    }

    /// Sleeps until something comes for anybody; false when nothing will.
    private func sleepInPoll() -> Bool {
        pollWaiters += 1
        let isWoken = pollBell.park(while: pollBell.peek)
        pollWaiters -= 1
        return isWoken
    }

    override var hasFibres: Bool { true }

    override func descriptorLimit(hard: Bool) -> UInt64 { UInt64(ModelKernel.maxFiles) }

    override func setDescriptorLimit(soft: UInt64, hard: UInt64) -> Int32 { 0 }
}
