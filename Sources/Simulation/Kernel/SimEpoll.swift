import Base
import CPlatform
import Glibc

/// One registration in an epoll instance: an open file, under the number that it was added with.
final class EpollItem: SimWaiter {
    let file: SimFile
    let number: Int32
    var events: UInt32
    var token: UInt64
    var isQueued = false
    private(set) var isGone = false
    private weak var epoll: SimEpoll?

    init(_ epoll: SimEpoll, _ file: SimFile, _ number: Int32, _ events: UInt32, _ token: UInt64) {
        self.epoll = epoll
        self.file = file
        self.number = number
        self.events = events
        self.token = token
        super.init(isExclusive: events & HOST_EPOLL_EXCLUSIVE != 0)
    }

    var isEdge: Bool { events & HOST_EPOLL_ET != 0 }
    /// What is asked for, and what is always reported.
    var wanted: UInt32 { events & 0xFFFF | Mask.always }

    override func notified(_ key: UInt32) -> Bool {
        guard let epoll, key == Mask.any || key & wanted != 0 else { return false }
        let sleeps = epoll.hasSleeper
        let machine = file.machine
        if let kernel = epoll.kernel, machine.inject(kernel.faults, .lateReadiness) {
            machine.scheduler.after(machine.scheduler.draw(kernel.faults.delayNanoseconds)) { [self] in
                if !isGone { self.epoll?.enqueue(self) }
            }
            return sleeps
        }
        epoll.enqueue(self)
        return sleeps
    }

    override func fileEnded() {
        isGone = true
        epoll?.drop(self)
    }

    /// Takes it out of the file.
    func detach() {
        isGone = true
        file.detach(self)
    }
}

/// An epoll instance. It works as Linux's does: a list of registrations that something has happened to, each of which
/// is asked for its state when the list is read; a level-triggered one that is ready goes back into the list, an
/// edge-triggered one waits for the next thing to happen. Source: epoll(7), epoll_ctl(2), epoll_wait(2).
final class SimEpoll: SimFile {
    private(set) weak var kernel: SimKernel?
    /// By descriptor number; several open files may be registered under one number, after it was reused.
    private var items: [[EpollItem]] = []
    private var ready: [EpollItem] = []
    private var sleepers: [SimFibre] = []

    init(_ machine: SimMachine, _ kernel: SimKernel) {
        self.kernel = kernel
        super.init(machine)
    }

    override var kind: String { "epoll" }
    override func poll() -> UInt32 { ready.contains { $0.file.poll() & $0.wanted != 0 } ? Mask.input : 0 }

    var hasSleeper: Bool { !sleepers.isEmpty }

    /// Registrations, for tests.
    var count: Int { items.reduce(0) { $0 + $1.count } }

    private func find(_ file: SimFile, _ number: Int32) -> EpollItem? {
        Int(number) < items.count ? items[Int(number)].first { $0.file === file } : nil
    }

    /// `epoll_ctl`.
    func control(_ operation: Int32, _ file: SimFile, _ number: Int32, _ events: UInt32, _ token: UInt64) -> Int32 {
        if file === self { return -EINVAL }
        if file is SimOpenFile { return -EPERM }
        if file is SimEpoll {
            machine.refuse("epoll within epoll")
            return -ENOSYS
        }
        let exclusive = events & HOST_EPOLL_EXCLUSIVE != 0
        let item = find(file, number)
        switch operation {
        case HOST_EPOLL_CTL_ADD:
            if item != nil { return -EEXIST }
            if let kernel, machine.inject(kernel.faults, .noRegistration) { return -ENOMEM }
            let added = EpollItem(self, file, number, events, token)
            while items.count <= Int(number) { items.append([]) }
            items[Int(number)].append(added)
            file.attach(added)
            look(added)
            return 0
        case HOST_EPOLL_CTL_MOD:
            if exclusive { return -EINVAL }
            guard let item else { return -ENOENT }
            if item.isExclusive { return -EINVAL }
            item.events = events
            item.token = token
            look(item)
            return 0
        case HOST_EPOLL_CTL_DEL:
            guard let item else { return -ENOENT }
            item.detach()
            drop(item)
            return 0
        default: return -EINVAL
        }
    }

    /// Whether something is the matter already.
    private func look(_ item: EpollItem) {
        if item.file.poll() & item.wanted != 0 { enqueue(item) }
    }

    func enqueue(_ item: EpollItem) {
        if !item.isQueued {
            item.isQueued = true
            ready.append(item)
        }
        if let sleeper = sleepers.first {
            sleepers.removeFirst()
            machine.scheduler.wake(sleeper)
        }
    }

    func drop(_ item: EpollItem) {
        if item.isQueued { ready.removeAll { $0 === item } }
        item.isQueued = false
        if Int(item.number) < items.count { items[Int(item.number)].removeAll { $0 === item } }
    }

    /// What is ready now, at most `limit`.
    func collect(_ limit: Int) -> [(events: UInt32, token: UInt64)] {
        var found: [(events: UInt32, token: UInt64)] = []
        var again: [EpollItem] = []
        var position = 0
        let list = ready
        while position < list.count && found.count < limit {
            let item = list[position]
            position += 1
            item.isQueued = false
            let mask = item.file.poll() & item.wanted
            if mask == 0 { continue }
            found.append((mask, item.token))
            if !item.isEdge { again.append(item) }
        }
        for item in again { item.isQueued = true }
        ready = Array(list[position...]) + again
        if found.isEmpty, let kernel, machine.inject(kernel.faults, .spuriousReadiness) {
            let all = items.joined().filter { $0.events & Mask.input != 0 }
            if !all.isEmpty {
                found.append((Mask.input, all[machine.scheduler.random.below(all.count)].token))
            }
        }
        return found
    }

    func sleep(_ fibre: SimFibre) { sleepers.append(fibre) }
    func getUp(_ fibre: SimFibre) { sleepers.removeAll { $0 === fibre } }

    override func released() {
        for item in items.joined() { item.detach() }
        items = []
        ready = []
        forgetWaiters()
    }
}
