import CInterleave
import Interleave
import Testing

/// The machinery: fibres, schedules as text, replay, bounds, traps.
@Suite struct SearchTests {
    /// Fails when b's store comes between a's load and its store, and c has read before.
    private func scenario(_ run: Run) {
        let x = run.cell(0, "x")
        let y = run.cell(0, "y")
        run.thread {
            let before = x.load(.sequential)
            y.store(1, .sequential)
            x.store(before + 1, .sequential)
        }
        run.thread { x.fetchAdd(1, .sequential) }
        run.thread { _ = y.load(.sequential) }
        run.atEnd { verify(x.peek == 2, "an addition was lost") }
    }

    @Test(arguments: [Search.Strategy.exhaustive, .bounded(preemptions: 2), .random(depth: 3, seed: 7)])
    func replayIsExact(strategy: Search.Strategy) throws {
        let found = try #require(Search(strategy).explore(scenario).failure)
        #expect(found.kind == .violation("an addition was lost"))
        #expect(!found.trace.isEmpty)
        for _ in 0..<3 {
            let again = try #require(Search(strategy).replay(found.schedule, scenario)?.failure)
            #expect(again.kind == found.kind && again.schedule == found.schedule && again.trace == found.trace)
        }
        let harmless = try #require(Search(strategy).replay("a3bc", scenario))
        #expect(harmless.failure == nil)
        #expect(Search(strategy).replay("a3 b", scenario) == nil, "not a schedule")
        #expect(Search(strategy).replay("a9", scenario)?.failure?.kind == .nondeterminism)
    }

    @Test func replayRepeatsOlderValues() throws {
        func passing(_ run: Run) {
            let (data, flag) = (run.cell(0, "data"), run.cell(0, "flag"))
            run.thread {
                data.store(1, .relaxed)
                flag.store(1, .relaxed)
            }
            run.thread {
                if flag.load(.acquire) == 1 { verify(data.load(.relaxed) == 1, "stale") }
            }
        }
        var search = Search(.exhaustive)
        search.weakMemory = true
        let found = try #require(search.explore(passing).failure)
        #expect(found.schedule == "a2bb.1")
        let again = try #require(search.replay(found.schedule, passing)?.failure)
        #expect(again.kind == .violation("stale") && again.trace == found.trace)
        #expect(again.trace.last == "  b data.load(relaxed) = 0 (1 old)")
    }

    @Test func randomSchedulesAreTheSameForTheSameSeed() {
        func steps(_ seed: UInt64) -> String? {
            Search(.random(depth: 3, seed: seed)).explore(scenario).failure?.schedule
        }
        #expect(steps(11) == steps(11))
        #expect(Set((0..<20).compactMap { steps($0) }).count > 1)
    }

    /// An addition in two halves is lost with one preemption, and never without.
    @Test func boundCountsPreemptions() {
        #expect(Search(.bounded(preemptions: 0)).explore(scenario).failure == nil)
        #expect(Search(.bounded(preemptions: 1)).explore(scenario).failure != nil)
    }

    /// Without the reduction every order of steps is run: 6!/(2!2!2!) = 90 of three threads with two each.
    /// With it, independent steps have one order.
    @Test func reductionLeavesEquivalentSchedulesOut() {
        func count(_ reduces: Bool, shared: Bool) -> Int {
            var search = Search(.exhaustive)
            search.reduces = reduces
            let report = search.explore { run in
                let cells = (0..<3).map { _ in run.cell() }
                for thread in 0..<3 {
                    run.thread { for _ in 0..<2 { cells[shared ? 0 : thread].fetchAdd(1, .sequential) } }
                }
            }
            #expect(report.isComplete)
            return report.schedules
        }
        #expect(count(false, shared: false) == 90)
        #expect(count(false, shared: true) == 90)
        #expect(count(true, shared: false) == 1)
        #expect(count(true, shared: true) == 90)
    }

    @Test func trapsAreReportedWithTheirSchedule() throws {
        func scenario(_ run: Run) {
            let x = run.cell()
            run.thread { x.store(1, .sequential) }
            run.thread {
                let read = Int(x.load(.sequential))
                precondition(read == 0, "traps when b runs behind a")
            }
        }
        let failure = try #require(Search(.exhaustive).explore(scenario).failure)
        guard case .trap = failure.kind else {
            Issue.record("\(failure)")
            return
        }
        #expect(failure.schedule == "ab")
    }

    @Test func scenarioThatDependsOnMoreThanTheScheduleIsReported() {
        var runs = 0
        let report = Search(.exhaustive).explore { run in
            runs += 1
            let x = run.cell()
            if runs % 2 == 0 { run.thread { x.fetchAdd(1, .sequential) } }
            run.thread { x.fetchAdd(1, .sequential) }
            run.thread {
                x.fetchAdd(1, .sequential)
                x.fetchAdd(1, .sequential)
            }
        }
        #expect(report.failure?.kind == .nondeterminism, "\(report)")
    }

    /// What is kept is made in the first run, and again after a failure, which may have left it in the middle of
    /// something.
    @Test func keptThingsAreMadeOnce() {
        final class Counter {
            var value = 0
        }
        func made(expecting sum: Int) -> Int {
            var made = 0
            let report = Search(.exhaustive).explore { run in
                let counter = run.kept {
                    made += 1
                    return Counter()
                }
                counter.value = 0
                let x = run.cell()
                for thread in 1...2 {
                    run.thread {
                        x.fetchAdd(1, .sequential)
                        counter.value += thread
                    }
                }
                run.atEnd { verify(counter.value == sum, "the sum") }
            }
            #expect(report.schedules == (sum == 3 ? 2 : 1), "\(report)")
            #expect(report.failure?.trace.isEmpty != true, "the failure shows again with another one")
            return made
        }
        #expect(made(expecting: 3) == 1)
        #expect(made(expecting: 4) == 2)
    }

    // SAFETY: the word lives as long as the cell.
    @Test func cellsOutsideOfAnExplorationArePlainWords() {
        let word = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        defer { unsafe word.deallocate() }
        unsafe word.pointee = 5
        let cell = unsafe Cell(at: UnsafeMutableRawPointer(word))
        #expect(cell.fetchAdd(1, .relaxed) == 5 && cell.load(.acquire) == 6)
        #expect(cell.compareExchange(6, 8, .sequential) && !cell.compareExchange(6, 9, .sequential))
        #expect(cell.exchange(3, .relaxed) == 8 && cell.fetchOr(4, .relaxed) == 3 && cell.fetchAnd(6, .relaxed) == 7)
        #expect(cell.peek == 6)
    }

    @Test func halfWordsKeepTheirSign() {
        let report = Search(.exhaustive).explore { run in
            let word = run.cell()
            // SAFETY: the first half of a word of the run.
            let half = unsafe Cell32(at: UnsafeMutableRawPointer(word.word))
            run.thread {
                half.store(-7, .sequential)
                verify(half.load(.sequential) == -7, "sign")
                verify(half.compareExchange(-7, 3, .sequential) && half.exchange(-1, .sequential) == 3, "exchange")
            }
        }
        #expect(report.failure == nil && report.isComplete, "\(report)")
    }

    // MARK: Fibres

    /// What the two fibres of a test tell each other.
    // SAFETY: its pointers are contexts, used only while the fibre lives.
    @safe
    private struct Both {
        var contexts: (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) = (nil, nil)
        var count = 0
    }

    /// The switch in assembly and the one over ucontext do the same.
    // SAFETY: the stack and the block outlive the fibre, which is left for good in the middle of its loop.
    @Test(arguments: [false, true]) func fibresGoBackAndForth(portable: Bool) throws {
        let size = 65536
        let stack = unsafe try #require(unsafe il_stack_map(size))
        defer { unsafe il_stack_unmap(stack, size) }
        let both = UnsafeMutablePointer<Both>.allocate(capacity: 1)
        defer { unsafe both.deallocate() }
        unsafe both.initialize(to: Both())
        if portable {
            unsafe both.pointee.contexts.1 = il_portable_prepare(
                stack, size,
                { argument in
                    let both = unsafe argument!.assumingMemoryBound(to: Both.self)
                    while true {
                        unsafe both.pointee.count += 1
                        unsafe il_portable_switch(&both.pointee.contexts.1, both.pointee.contexts.0!)
                    }
                }, both)
            for _ in 0..<1000 { unsafe il_portable_switch(&both.pointee.contexts.0, both.pointee.contexts.1!) }
        } else {
            unsafe both.pointee.contexts.1 = il_fibre_prepare(
                stack, size,
                { argument in
                    let both = unsafe argument!.assumingMemoryBound(to: Both.self)
                    while true {
                        unsafe both.pointee.count += 1
                        unsafe il_fibre_switch(&both.pointee.contexts.1, both.pointee.contexts.0!)
                    }
                }, both)
            for _ in 0..<1000 { unsafe il_fibre_switch(&both.pointee.contexts.0, both.pointee.contexts.1!) }
        }
        #expect(unsafe both.pointee.count == 1000)
    }
}
