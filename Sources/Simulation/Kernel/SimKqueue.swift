import Base
import CPlatform
import Glibc

/// One filter of a kqueue: an open file under a number, in one direction.
final class KqueueNote: SimWaiter {
    let file: SimFile
    let number: Int32
    let filter: Int32
    var token: UInt64
    /// EV_CLEAR: reported once for each change.
    var isEdge: Bool
    var isQueued = false
    private(set) var isGone = false
    private weak var queue: SimKqueue?

    init(_ queue: SimKqueue, _ file: SimFile, _ number: Int32, _ filter: Int32, _ token: UInt64, isEdge: Bool) {
        self.queue = queue
        self.file = file
        self.number = number
        self.filter = filter
        self.token = token
        self.isEdge = isEdge
        super.init()
    }

    var wanted: UInt32 {
        Mask.always | (filter == HOST_EVFILT_READ ? Mask.input | Mask.peerHangup : Mask.output)
    }

    override func notified(_ key: UInt32) -> Bool {
        guard let queue, key == Mask.any || key & wanted != 0 else { return false }
        let machine = file.machine
        if let kernel = queue.kernel, machine.inject(kernel.faults, .lateReadiness) {
            machine.scheduler.after(machine.scheduler.draw(kernel.faults.delayNanoseconds)) { [self] in
                if !isGone { self.queue?.enqueue(self) }
            }
        } else {
            queue.enqueue(self)
        }
        return true
    }

    override func fileEnded() {
        isGone = true
        queue?.drop(self)
    }

    func detach() {
        isGone = true
        file.detach(self)
    }
}

/// A kqueue. Filters belong to a descriptor: closing it drops them, whatever else refers to the same open file.
/// Source: kqueue(2) of FreeBSD.
final class SimKqueue: SimFile {
    struct Found {
        var number: UInt64
        var filter: Int32
        var flags: UInt32
        var errors: UInt32
        var token: UInt64
    }

    private(set) weak var kernel: SimKernel?
    private var notes: [KqueueNote] = []
    private var ready: [KqueueNote] = []
    private var sleepers: [SimFibre] = []
    // The one user event.
    private var userToken: UInt64?
    private var isTriggered = false

    init(_ machine: SimMachine, _ kernel: SimKernel) {
        self.kernel = kernel
        super.init(machine)
    }

    override var kind: String { "kqueue" }

    /// One change; 0 or an errno.
    func apply(_ number: UInt64, _ filter: Int32, _ flags: UInt32, _ more: UInt32, _ token: UInt64) -> Int32 {
        if filter == HOST_EVFILT_USER { return applyUser(flags, more, token) }
        guard filter == HOST_EVFILT_READ || filter == HOST_EVFILT_WRITE else { return EINVAL }
        guard let fd = Int32(exactly: number), let file = kernel?.file(fd) else { return EBADF }
        let note = notes.first { $0.number == fd && $0.filter == filter }
        if flags & HOST_EV_DELETE != 0 {
            guard let note else { return ENOENT }
            note.detach()
            drop(note)
            return 0
        }
        guard flags & HOST_EV_ADD != 0 else { return note == nil ? ENOENT : 0 }
        if note == nil, let kernel, machine.inject(kernel.faults, .noRegistration) { return ENOMEM }
        let isEdge = flags & HOST_EV_CLEAR != 0
        let current = note ?? KqueueNote(self, file, fd, filter, token, isEdge: isEdge)
        current.token = token
        current.isEdge = isEdge
        if note == nil {
            notes.append(current)
            file.attach(current)
        }
        if file.poll() & current.wanted != 0 { enqueue(current) }
        return 0
    }

    private func applyUser(_ flags: UInt32, _ more: UInt32, _ token: UInt64) -> Int32 {
        if flags & HOST_EV_ADD != 0 { userToken = token }
        guard userToken != nil else { return ENOENT }
        if flags & HOST_EV_DELETE != 0 { userToken = nil }
        if more & HOST_NOTE_TRIGGER != 0 {
            isTriggered = true
            wakeSleeper()
        }
        return 0
    }

    func enqueue(_ note: KqueueNote) {
        if !note.isQueued {
            note.isQueued = true
            ready.append(note)
        }
        wakeSleeper()
    }

    private func wakeSleeper() {
        guard let sleeper = sleepers.first else { return }
        sleepers.removeFirst()
        machine.scheduler.wake(sleeper)
    }

    func drop(_ note: KqueueNote) {
        if note.isQueued { ready.removeAll { $0 === note } }
        note.isQueued = false
        notes.removeAll { $0 === note }
    }

    /// A descriptor of the process has been closed.
    func closed(_ number: Int32) {
        for note in notes where note.number == number {
            note.detach()
            drop(note)
        }
    }

    func collect(_ limit: Int) -> [Found] {
        var found: [Found] = []
        var again: [KqueueNote] = []
        if isTriggered, let userToken, limit > 0 {
            isTriggered = false
            found.append(Found(number: 0, filter: HOST_EVFILT_USER, flags: 0, errors: 0, token: userToken))
        }
        var position = 0
        let list = ready
        while position < list.count && found.count < limit {
            let note = list[position]
            position += 1
            note.isQueued = false
            let mask = note.file.poll()
            if mask & note.wanted == 0 { continue }
            let ends =
                note.filter == HOST_EVFILT_READ
                ? Mask.hangup | Mask.peerHangup | Mask.error : Mask.hangup | Mask.error
            found.append(
                Found(
                    number: UInt64(note.number), filter: note.filter, flags: mask & ends != 0 ? HOST_EV_EOF : 0,
                    errors: mask & Mask.error != 0 ? 1 : 0, token: note.token))
            if !note.isEdge { again.append(note) }
        }
        for note in again { note.isQueued = true }
        ready = Array(list[position...]) + again
        // Of those that wait for input: nothing reports a socket as writable that is not.
        let readers = notes.filter { $0.filter == HOST_EVFILT_READ }
        if found.isEmpty, let kernel, !readers.isEmpty, machine.inject(kernel.faults, .spuriousReadiness) {
            let note = readers[machine.scheduler.random.below(readers.count)]
            found.append(
                Found(number: UInt64(note.number), filter: note.filter, flags: 0, errors: 0, token: note.token))
        }
        return found
    }

    func sleep(_ fibre: SimFibre) { sleepers.append(fibre) }
    func getUp(_ fibre: SimFibre) { sleepers.removeAll { $0 === fibre } }

    override func released() {
        for note in notes { note.detach() }
        notes = []
        ready = []
        forgetWaiters()
    }
}
