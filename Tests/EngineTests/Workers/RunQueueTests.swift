import Base
import Testing

@testable import Engine

@Suite("RunQueue")
struct RunQueueTests {
    let queue = RunQueue()

    func task() -> Job { Job { _, _, _ in } }

    @Test("tasks leave in the order in which they came")
    func order() {
        let tasks = (0..<3).map { _ in task() }
        for one in tasks { queue.put(one, .woken) }
        queue.checkInvariants()
        for one in tasks { #expect(queue.take() === one) }
        #expect(queue.take() == nil)
        #expect(queue.isEmpty)
    }

    @Test("a task that is queued already gathers reasons and keeps its place")
    func reasons() {
        let (first, second) = (task(), task())
        queue.put(first, .input)
        queue.put(second, .woken)
        queue.put(first, .timer)
        #expect(queue.count == 2)
        #expect(queue.take() === first)
        #expect(first.reasons == [.input, .timer])
    }

    @Test("a cancelled task keeps its place without a reason, and can be woken again")
    func cancelled() {
        let one = task()
        queue.put(one, .woken)
        queue.cancel(one)
        queue.put(one, .output)
        #expect(queue.count == 1)
        #expect(queue.take() === one)
        #expect(one.reasons == .output)
    }

    @Test("the queue keeps a task alive, and lets go of it")
    func lifetime() {
        weak var gone: Job?
        do {
            let one = task()
            gone = one
            queue.put(one, .woken)
        }
        #expect(gone != nil)
        _ = queue.take()
        #expect(gone == nil)
    }
}
