import Interleave
import Testing

/// Small algorithms, right and wrong: the search finds what is wrong and nothing else.
@Suite struct AlgorithmTests {
    // MARK: Locks

    /// A lock is entered, and a number that two threads count in must not lose a step.
    private func mutualExclusion(
        _ search: Search, lock: @escaping (Run) -> (enter: (Int) -> Void, leave: (Int) -> Void)
    ) -> Report {
        search.explore { run in
            let (enter, leave) = lock(run)
            let inside = run.cell(0, "inside")
            for me in 0..<2 {
                run.thread {
                    enter(me)
                    verify(inside.fetchAdd(1, .sequential) == 0, "two inside")
                    inside.fetchAdd(~0, .sequential)
                    leave(me)
                }
            }
        }
    }

    private func peterson(_ order: (StoreOrder, LoadOrder)) -> (Run) -> (enter: (Int) -> Void, leave: (Int) -> Void) {
        { run in
            let wants = [run.cell(0, "wants a"), run.cell(0, "wants b")]
            let turn = run.cell(0, "turn")
            return (
                { me in
                    wants[me].store(1, order.0)
                    turn.store(UInt64(1 - me), order.0)
                    while wants[1 - me].load(order.1) == 1 && turn.load(order.1) == UInt64(1 - me) {
                        // Either of the two may end the wait: looks again when the turn has changed, or the other left.
                        if wants[1 - me].peek == 1 && turn.peek == UInt64(1 - me) { wants[1 - me].spinWait(while: 1) }
                    }
                },
                { me in wants[me].store(0, order.0) }
            )
        }
    }

    @Test func petersonHoldsWhenSequential() {
        var search = Search(.exhaustive)
        search.weakMemory = true
        // Its wait is for one of two cells; a model of it waits for the one that always changes in the end.
        let report = mutualExclusion(search, lock: peterson((.sequential, .sequential)))
        #expect(report.failure?.kind != .violation("two inside"), "\(report)")
    }

    @Test func petersonFailsWithReleaseAndAcquire() {
        var search = Search(.exhaustive)
        search.weakMemory = true
        let report = mutualExclusion(search, lock: peterson((.release, .acquire)))
        #expect(report.failure?.kind == .violation("two inside"), "\(report)")
    }

    @Test func lockOfTwoStepsIsBroken() throws {
        let lock: (Run) -> (enter: (Int) -> Void, leave: (Int) -> Void) = { run in
            let held = run.cell(0, "held")
            return (
                { _ in
                    while held.load(.sequential) == 1 { held.spinWait(while: 1) }
                    held.store(1, .sequential)
                }, { _ in held.store(0, .sequential) }
            )
        }
        for strategy in [Search.Strategy.exhaustive, .bounded(preemptions: 2), .random(depth: 3, seed: 1)] {
            let report = mutualExclusion(Search(strategy), lock: lock)
            #expect(report.failure?.kind == .violation("two inside"), "\(strategy): \(report)")
        }
    }

    @Test func lockOfOneExchangeHolds() {
        let lock: (Run) -> (enter: (Int) -> Void, leave: (Int) -> Void) = { run in
            let held = run.cell(0, "held")
            return (
                { _ in while held.exchange(1, .acquire) == 1 { held.spinWait(while: 1) } },
                { _ in held.store(0, .release) }
            )
        }
        var search = Search(.exhaustive)
        search.weakMemory = true
        let report = mutualExclusion(search, lock: lock)
        #expect(report.failure == nil && report.isComplete, "\(report)")
    }

    @Test func locksTakenInOppositeOrderDeadlock() {
        let report = Search(.exhaustive).explore { run in
            let locks = [run.cell(), run.cell()]
            for me in 0..<2 {
                run.thread {
                    for lock in [locks[me], locks[1 - me]] {
                        while lock.exchange(1, .sequential) == 1 { lock.spinWait(while: 1) }
                    }
                    for lock in locks { lock.store(0, .sequential) }
                }
            }
        }
        #expect(report.failure?.kind == .deadlock, "\(report)")
    }

    @Test func threadsThatGoOnForEverAreALivelock() {
        var search = Search(.exhaustive)
        search.maxSteps = 500
        let report = search.explore { run in
            let flag = run.cell()
            run.thread { while flag.load(.sequential) == 0 {} }
        }
        #expect(report.failure?.kind == .livelock, "\(report)")
    }

    // MARK: Sleeping

    /// A sleeper that looks for work, and then sleeps: the work may come in between.
    private func sleeping(looksAgain: Bool) -> Report {
        Search(.exhaustive).explore { run in
            let (work, asleep, bell) = (run.cell(0, "work"), run.cell(0, "asleep"), run.cell(0, "bell"))
            var done = false
            run.thread {
                while work.load(.sequential) == 0 {
                    asleep.store(1, .sequential)
                    if looksAgain && work.load(.sequential) == 1 { break }
                    if !bell.park(while: 0) { return }
                    asleep.store(0, .sequential)
                }
                done = true
            }
            run.thread {
                work.store(1, .sequential)
                if asleep.load(.sequential) == 1 { bell.store(1, .sequential) }
            }
            run.atRest { verify(done, "the work was slept through") }
        }
    }

    @Test func wakeUpIsLostUnlessTheSleeperLooksAgain() {
        #expect(sleeping(looksAgain: false).failure?.kind == .violation("the work was slept through"))
        let report = sleeping(looksAgain: true)
        #expect(report.failure == nil && report.isComplete, "\(report)")
    }

    // MARK: Treiber's stack

    /// Nodes 1 and 2 are on the stack. One thread pops; the other pops both and pushes the first again.
    private func stack(tagged: Bool) -> Report {
        Search(.exhaustive).explore { run in
            let top = run.cell(0, "top")
            let next = (0..<4).map { run.cell(0, "next of \($0)") }
            var owners = [0, 0, 0, 0]

            func push(_ node: UInt64) {
                while true {
                    let before = top.load(.sequential)
                    next[Int(node)].store(before & 0xFF, .sequential)
                    let tag = tagged ? (before &>> 8 &+ 1) &<< 8 : 0
                    if top.compareExchange(before, node | tag, .sequential) { return }
                }
            }
            func pop() -> UInt64 {
                while true {
                    let before = top.load(.sequential)
                    let node = before & 0xFF
                    if node == 0 { return 0 }
                    let after = next[Int(node)].load(.sequential)
                    let tag = tagged ? (before &>> 8 &+ 1) &<< 8 : 0
                    if top.compareExchange(before, after | tag, .sequential) { return node }
                }
            }
            push(2)
            push(1)
            func own(_ node: UInt64) {
                owners[Int(node)] += 1
                verify(node == 0 || owners[Int(node)] == 1, "node \(node) popped twice")
            }
            run.thread {
                own(pop())
                own(pop())
            }
            run.thread {
                let first = pop()
                own(first)
                own(pop())
                if first != 0 {
                    owners[Int(first)] -= 1
                    push(first)
                }
            }
        }
    }

    @Test func stackWithoutTagsPopsTwice() {
        guard case .violation = stack(tagged: false).failure?.kind else {
            Issue.record("the ABA was not found")
            return
        }
        let report = stack(tagged: true)
        #expect(report.failure == nil && report.isComplete, "\(report)")
    }
}
