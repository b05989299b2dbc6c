import Interleave
import Testing

/// What two threads read in a litmus test, gathered over all schedules.
final class Outcomes {
    var seen: Set<[UInt64]> = []
    var results: [UInt64] = []
}

/// The classic small programs: the set of results over all schedules has to be the one of the theory.
@Suite struct LitmusTests {
    /// Explores a program of several threads, each of which fills in its places of the results.
    private func outcomes(
        weak: Bool, results: Int, _ search: Search.Strategy = .exhaustive,
        _ program: (Run, Outcomes) -> Void
    ) -> Set<[UInt64]> {
        let all = Outcomes()
        var options = Search(search)
        options.weakMemory = weak
        let report = options.explore { run in
            all.results = Array(repeating: 99, count: results)
            program(run, all)
            run.atEnd { all.seen.insert(all.results) }
        }
        #expect(report.failure == nil && report.isComplete, "\(report)")
        return all.seen
    }

    private func storeBuffering(weak: Bool, _ store: StoreOrder, _ load: LoadOrder) -> Set<[UInt64]> {
        outcomes(weak: weak, results: 2) { run, out in
            let (x, y) = (run.cell(), run.cell())
            run.thread {
                x.store(1, store)
                out.results[0] = y.load(load)
            }
            run.thread {
                y.store(1, store)
                out.results[1] = x.load(load)
            }
        }
    }

    @Test func storeBufferingIsSeenUnlessEverythingIsSequential() {
        #expect(storeBuffering(weak: true, .release, .acquire).contains([0, 0]))
        #expect(storeBuffering(weak: true, .relaxed, .relaxed).contains([0, 0]))
        #expect(storeBuffering(weak: true, .sequential, .sequential) == [[0, 1], [1, 0], [1, 1]])
        #expect(storeBuffering(weak: false, .relaxed, .relaxed) == [[0, 1], [1, 0], [1, 1]])
    }

    private func messagePassing(_ store: StoreOrder, _ load: LoadOrder) -> Set<[UInt64]> {
        outcomes(weak: true, results: 2) { run, out in
            let (data, flag) = (run.cell(), run.cell())
            run.thread {
                data.store(1, .relaxed)
                flag.store(1, store)
            }
            run.thread {
                out.results[0] = flag.load(load)
                out.results[1] = data.load(.relaxed)
            }
        }
    }

    @Test func messagePassingNeedsReleaseAndAcquire() {
        let right: Set<[UInt64]> = [[0, 0], [0, 1], [1, 1]]
        #expect(messagePassing(.release, .acquire) == right)
        #expect(messagePassing(.sequential, .sequential) == right)
        #expect(messagePassing(.relaxed, .acquire).contains([1, 0]))
        #expect(messagePassing(.release, .relaxed).contains([1, 0]))
    }

    /// A read-modify-write hands on what the release before it published.
    @Test func releaseSequencesPassThroughUpdates() {
        let seen = outcomes(weak: true, results: 2) { run, out in
            let (data, flag) = (run.cell(), run.cell())
            run.thread {
                data.store(1, .relaxed)
                flag.store(1, .release)
            }
            run.thread { flag.fetchAdd(1, .relaxed) }
            run.thread {
                out.results[0] = flag.load(.acquire)
                out.results[1] = data.load(.relaxed)
            }
        }
        #expect(seen.contains([2, 1]) && !seen.contains([2, 0]))
        #expect(seen.contains([1, 0]), "1 may be the addition's, before the store")
    }

    @Test func loadsOfOneCellNeverGoBack() {
        let seen = outcomes(weak: true, results: 2) { run, out in
            let x = run.cell()
            run.thread {
                x.store(1, .relaxed)
                x.store(2, .relaxed)
            }
            run.thread {
                out.results[0] = x.load(.relaxed)
                out.results[1] = x.load(.relaxed)
            }
        }
        #expect(seen == [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]])
    }

    /// Two readers may disagree about the order of independent writes, unless all is sequential.
    @Test func independentReadsOfIndependentWrites() {
        func seen(_ store: StoreOrder, _ load: LoadOrder) -> Set<[UInt64]> {
            outcomes(weak: true, results: 4) { run, out in
                let (x, y) = (run.cell(), run.cell())
                run.thread { x.store(1, store) }
                run.thread { y.store(1, store) }
                run.thread {
                    out.results[0] = x.load(load)
                    out.results[1] = y.load(load)
                }
                run.thread {
                    out.results[2] = y.load(load)
                    out.results[3] = x.load(load)
                }
            }
        }
        #expect(seen(.release, .acquire).contains([1, 0, 1, 0]))
        #expect(!seen(.sequential, .sequential).contains([1, 0, 1, 0]))
    }

    /// Write to read causality: what a thread has acquired, it hands on.
    @Test func causalityIsTransitive() {
        let seen = outcomes(weak: true, results: 3) { run, out in
            let (x, y) = (run.cell(), run.cell())
            run.thread { x.store(1, .release) }
            run.thread {
                out.results[0] = x.load(.acquire)
                y.store(1, .release)
            }
            run.thread {
                out.results[1] = y.load(.acquire)
                out.results[2] = x.load(.relaxed)
            }
        }
        #expect(seen.contains([1, 1, 1]) && seen.contains([0, 1, 0]))
        #expect(!seen.contains([1, 1, 0]))
    }

    @Test func updatesAreAtomicWithoutAnyOrdering() {
        let seen = outcomes(weak: true, results: 1) { run, out in
            let x = run.cell()
            for _ in 0..<3 { run.thread { x.fetchAdd(1, .relaxed) } }
            run.atEnd { out.results[0] = x.peek }
        }
        #expect(seen == [[3]])
    }

    @Test func updatesInTwoHalvesAreLost() {
        let seen = outcomes(weak: false, results: 1) { run, out in
            let x = run.cell()
            for _ in 0..<3 {
                run.thread {
                    let before = x.load(.sequential)
                    x.store(before + 1, .sequential)
                }
            }
            run.atEnd { out.results[0] = x.peek }
        }
        #expect(seen == [[1], [2], [3]])
    }

    /// The reduction leaves out schedules, but no result: both searches see the same, on programs of all shapes.
    @Test(arguments: 0..<200) func reductionLosesNoOutcome(seed: Int) {
        func program(_ run: Run, _ out: Outcomes) {
            var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 12345
            func next(_ limit: UInt64) -> Int {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int((state &>> 33) % limit)
            }
            let cells = [run.cell(), run.cell(), run.cell()]
            for thread in 0..<3 {
                var actions: [(Int, Int)] = []
                for _ in 0..<(thread == 2 ? 2 : 3) { actions.append((next(3), next(5))) }
                run.thread {
                    for (cell, action) in actions {
                        switch action {
                        case 0, 1:
                            out.results[thread] = out.results[thread] &* 7 &+ cells[cell].load(.sequential)
                        case 2: cells[cell].store(UInt64(thread + 1), .sequential)
                        case 3: cells[cell].fetchAdd(10, .sequential)
                        default:
                            let done = cells[cell].compareExchange(0, UInt64(thread + 5), .sequential)
                            out.results[thread] = out.results[thread] &* 7 &+ (done ? 1 : 2)
                        }
                    }
                }
            }
            run.atEnd { for (index, cell) in cells.enumerated() { out.results[3 + index] = cell.peek } }
        }
        func seen(_ strategy: Search.Strategy, reduced: Bool) -> (Set<[UInt64]>, Int) {
            let all = Outcomes()
            var search = Search(strategy)
            search.reduces = reduced
            let report = search.explore { run in
                all.results = Array(repeating: 0, count: 6)
                program(run, all)
                run.atEnd { all.seen.insert(all.results) }
            }
            #expect(report.isComplete && report.failure == nil, "\(report)")
            return (all.seen, report.schedules)
        }
        let (reduced, few) = seen(.exhaustive, reduced: true)
        let (full, many) = seen(.exhaustive, reduced: false)
        #expect(reduced == full)
        #expect(few <= many)
        for bound in 0...3 {
            let (reduced, _) = seen(.bounded(preemptions: bound), reduced: true)
            let (full, _) = seen(.bounded(preemptions: bound), reduced: false)
            #expect(reduced == full, "at most \(bound) preemptions")
        }
    }
}
