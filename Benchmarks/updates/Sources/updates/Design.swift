import Base

@testable import Engine

/// A poller that does nothing: what is left is the cost of the masks and of the list.
final class NoPoller: Poller {
    override func update(_ fd: Int32, _ slot: FDSlot, _ worker: Worker) {}
}

/// How a change of a shared descriptor reaches the pollers of all threads.
class Design {
    let group: WorkerGroup
    var table: FDTable { group.table }

    init(_ group: WorkerGroup) { self.group = group }

    func change(_ fd: Int32, wanted: Bool, on worker: Worker) {}
    func take(_ worker: Worker) {}
    func put(_ fd: Int32) {}
    func drop(_ fd: Int32) {}
}

/// The engine as it ships.
final class LockFree: Design {
    override func change(_ fd: Int32, wanted: Bool, on worker: Worker) {
        if wanted { worker.want(fd, .read) } else { worker.stop(fd, .read) }
    }

    override func take(_ worker: Worker) {
        while !table.takeUpdates(worker) {}
    }

    override func put(_ fd: Int32) { table.updateList.add(fd) }
    override func drop(_ fd: Int32) { table.updateList.remove(fd) }
}

/// The same masks and the same order of steps, around a plain list with one mutex.
final class OneMutex: Design {
    private let list: MutexList
    private var found: [[Int32]]

    override init(_ group: WorkerGroup) {
        list = MutexList(capacity: group.table.capacity)
        found = Array(repeating: [], count: group.workers.count)
        super.init(group)
    }

    override func change(_ fd: Int32, wanted: Bool, on worker: Worker) {
        let slot = table.memory[fd]
        let entered = table.enter(slot, worker.bit)
        defer { if entered { table.leave(fd, slot, worker.bit, worker) } }
        guard slot.threadMask.load(.sequential) != 0 else { return }
        if wanted {
            slot.state.fetchOr(FDState.activeRead, .sequential)
        } else {
            slot.state.fetchAnd(~FDState.activeRead, .sequential)
        }
        let watchers = slot.polledRead.load(.sequential) | slot.polledWrite.load(.sequential)
        let mask = (slot.threadMask.load(.sequential) | watchers) & table.live.load(.sequential)
        slot.updateMask.fetchOr(mask, .sequential)
        list.add(fd)
        table.posts.fetchAdd(1, .sequential)
    }

    override func take(_ worker: Worker) {
        // Each thread has an array of its own, which keeps its memory.
        var mine: [Int32] = []
        swap(&mine, &found[worker.index])
        mine.removeAll(keepingCapacity: true)
        list.collect(into: &mine) { table.memory[$0].updateMask.load(.sequential) & worker.bit != 0 }
        for fd in mine { acknowledge(fd, worker) }
        swap(&mine, &found[worker.index])
    }

    private func acknowledge(_ fd: Int32, _ worker: Worker) {
        let slot = table.memory[fd]
        let entered = table.enter(slot, worker.bit)
        defer { if entered { table.leave(fd, slot, worker.bit, worker) } }
        let before = slot.updateMask.fetchAnd(~worker.bit, .sequential)
        if slot.threadMask.load(.sequential) != 0 { table.pollers[worker.index].update(fd, slot, worker) }
        if before & ~worker.bit == 0 { list.remove(fd) { slot.updateMask.load(.sequential) != 0 } }
    }

    override func put(_ fd: Int32) { list.add(fd) }
    override func drop(_ fd: Int32) { list.remove(fd) }
}
