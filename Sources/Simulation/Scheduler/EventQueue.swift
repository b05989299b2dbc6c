/// What is to happen at some time of the virtual clock.
enum SimEvent {
    /// A deadline of a fibre; out of date when the fibre has been blocked again since.
    case deadline(SimFibre, block: UInt64)
    case action(() -> Void)
}

/// Events by time, and by the order in which they were put in where the time is the same.
struct EventQueue {
    private struct Entry {
        var time: UInt64
        var sequence: UInt64
        var event: SimEvent

        func comesBefore(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : sequence < other.sequence
        }
    }

    private var heap: [Entry] = []
    private var sequence: UInt64 = 0

    var count: Int { heap.count }
    var nextTime: UInt64? { heap.first?.time }
    var next: SimEvent? { heap.first?.event }

    mutating func put(_ event: SimEvent, at time: UInt64) {
        sequence += 1
        heap.append(Entry(time: time, sequence: sequence, event: event))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if !heap[child].comesBefore(heap[parent]) { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func take() -> SimEvent? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if heap.isEmpty { return first.event }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].comesBefore(heap[least]) { least = child }
            }
            if least == parent { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return first.event
    }

    mutating func removeAll() { heap.removeAll() }
}
