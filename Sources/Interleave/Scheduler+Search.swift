import CInterleave
import Glibc

// Which thread runs next, and which schedule comes next.

// SAFETY: see `Scheduler`.
extension Scheduler {
    /// Picks the thread that makes the next step; -1 when none can.
    func choose() -> Int {
        if ready == 0 { return -1 }
        // Who yields does not run as long as there is somebody else; whoever does ends that.
        let others = ready & ~yielding
        let enabled = others == 0 ? ready : others
        yielding = 0
        if steps >= options.maxSteps {
            fail(.livelock)
            return -1
        }
        let pick: Int
        if isFree {
            pick = continuing(enabled)
        } else {
            switch mode {
            case .search: pick = searched(enabled)
            case .random: pick = drawn(enabled)
            case .replay: pick = repeated(enabled)
            }
        }
        unsafe log[steps] = UInt16(truncatingIfNeeded: pick)
        steps &+= 1
        if pick != previous {
            if previous >= 0 && enabled & (1 << UInt8(previous)) != 0 { preemptions &+= 1 }
            previous = pick
        }
        return pick
    }

    /// See `Run.yield`.
    func yield() {
        guard current >= 0 else { return }
        yielding |= 1 << UInt8(current)
        if mode == .random {
            lower(current)
        }
    }

    private func lower(_ thread: Int) {
        lowest -= 1
        unsafe fibres[thread].priority = lowest
        comparedThreads = 0
    }

    /// The thread that ran last if it can go on, else the first that can.
    @inline(__always)
    private func continuing(_ enabled: UInt8) -> Int {
        previous >= 0 && enabled & (1 << UInt8(previous)) != 0 ? previous : enabled.trailingZeroBitCount
    }

    // MARK: Depth first

    private func searched(_ enabled: UInt8) -> Int {
        let position = depth
        if position < settled {
            // Going where an earlier run went.
            let node = unsafe nodes + position
            if unsafe node.pointee.values == 0 && node.pointee.enabled == enabled {
                depth = position &+ 1
                lastNode = position
                return unsafe Int(node.pointee.chosen)
            }
        }
        if position < nodeCount {
            guard unsafe nodes[position].values == 0 && nodes[position].enabled == enabled else {
                fail(.nondeterminism)
                return continuing(enabled)
            }
        } else {
            let sleep = sleeps ? inheritedSleep() : 0
            var allowed = enabled
            if preemptions >= bound && previous >= 0 && enabled & (1 << UInt8(previous)) != 0 {
                allowed = 1 << UInt8(previous)
            }
            let awake = allowed & ~sleep
            if awake == 0 {
                // Whatever follows has been seen from another schedule.
                isPruned = true
                isFree = true
                return continuing(enabled)
            }
            let pick = continuing(awake)
            var node = Node()
            node.enabled = enabled
            node.sleep = sleep
            node.allowed = allowed
            node.chosen = UInt8(truncatingIfNeeded: pick)
            node.backtrack = reduces ? 1 << UInt8(pick) : allowed
            push(node)
        }
        let pick = unsafe Int(nodes[position].chosen)
        unsafe nodes[position].stretch =
            pick == previous && lastNode >= 0 ? nodes[lastNode].stretch : Int32(truncatingIfNeeded: position)
        depth = position &+ 1
        lastNode = position
        return pick
    }

    /// Threads whose next step has been tried before the last step, or before one before it, and which no step since
    /// then has anything to do with.
    private func inheritedSleep() -> UInt8 {
        guard lastNode >= 0 else { return 0 }
        let node = unsafe nodes[lastNode]
        var sleep: UInt8 = 0
        var candidates = (node.sleep | node.done) & ~(1 << node.chosen)
        while candidates != 0 {
            let thread = candidates.trailingZeroBitCount
            candidates &= candidates &- 1
            let fibre = unsafe fibres[thread]
            let conflicts = fibre.cell == node.cell && (fibre.writes || node.writes)
            if !conflicts { sleep |= 1 << UInt8(thread) }
        }
        return sleep
    }

    private func push(_ node: Node) {
        if nodeCount == nodeCapacity {
            let larger = UnsafeMutablePointer<Node>.allocate(capacity: nodeCapacity * 2)
            unsafe larger.initialize(from: nodes, count: nodeCount)
            unsafe nodes.deallocate()
            unsafe nodes = unsafe larger
            let clocks = UnsafeMutablePointer<Int32>.allocate(capacity: nodeCapacity * 2 * Scheduler.maxThreads)
            unsafe clocks.initialize(from: nodeClocks, count: nodeCapacity * Scheduler.maxThreads)
            unsafe nodeClocks.deallocate()
            unsafe nodeClocks = unsafe clocks
            nodeCapacity *= 2
        }
        unsafe (nodes + nodeCount).initialize(to: node)
        nodeCount &+= 1
    }

    /// The step of `thread` could have come before the one of a node. What has happened since then without needing that
    /// step, and this one behind it, is to be tried there, beginning with any thread that can begin it.
    func mayPrecede(_ position: Int, _ thread: Int) {
        if bound != Int.max {
            // Also where that node's thread began to run, because there it may cost no preemption.
            add(thread, at: position)
            unsafe add(thread, at: Int(nodes[position].stretch))
            return
        }
        let beginners = self.beginners(position, thread)
        let node = unsafe nodes[position]
        if beginners & (node.backtrack | node.sleep) != 0 { return }
        let able = beginners & node.enabled
        if able == 0 {
            unsafe nodes[position].backtrack |= node.enabled
        } else if able & (1 << UInt8(thread)) != 0 {
            unsafe nodes[position].backtrack |= 1 << UInt8(thread)
        } else {
            unsafe nodes[position].backtrack |= able & (~able &+ 1)
        }
    }

    /// Of the steps since a node that its own is not before, and the step that `thread` makes now: the threads whose
    /// first one has none of the others before it.
    private func beginners(_ position: Int, _ thread: Int) -> UInt8 {
        let threads = Scheduler.maxThreads
        let owner = unsafe Int(nodes[position].chosen)
        unsafe firsts.update(repeating: Int32.max, count: threads)
        var beginners: UInt8 = 0
        var later = position + 1
        while later <= lastNode {
            defer { later &+= 1 }
            if unsafe nodes[later].values > 0 { continue }
            let isLast = later == lastNode
            let clock = unsafe isLast ? scratch : nodeClocks + later &* threads
            if unsafe !isLast && clock[owner] >= position { continue }
            let who = unsafe isLast ? thread : Int(nodes[later].chosen)
            guard unsafe firsts[who] == Int32.max else { continue }
            var begins = true
            for other in 0..<threadCount where other != who {
                if unsafe firsts[other] <= clock[other] { begins = false }
            }
            unsafe firsts[who] = Int32(truncatingIfNeeded: later)
            if begins { beginners |= 1 << UInt8(who) }
        }
        return beginners
    }

    @inline(__always)
    private func add(_ thread: Int, at position: Int) {
        let bit: UInt8 = 1 << UInt8(thread)
        let node = unsafe nodes[position]
        unsafe nodes[position].backtrack |= node.enabled & bit != 0 ? bit : node.enabled
    }

    /// Picks one of several values, 0 being the newest.
    func chooseValue(_ count: Int) -> Int {
        var age = 0
        if isFree { return 0 }
        switch mode {
        case .search:
            let position = depth
            if position < nodeCount {
                guard unsafe Int(nodes[position].values) == count else {
                    fail(.nondeterminism)
                    return 0
                }
            } else {
                var node = Node()
                node.values = UInt8(clamping: count)
                push(node)
            }
            age = unsafe Int(nodes[position].chosen)
            depth = position &+ 1
        case .random:
            let number = draw()
            age = number & 1 == 0 ? 0 : Int(truncatingIfNeeded: (number &>> 8) % UInt64(count))
        case .replay:
            age = steps <= given.count ? min(Int(given[steps - 1] >> 8), count - 1) : 0
        }
        unsafe log[steps &- 1] |= UInt16(truncatingIfNeeded: age) << 8
        return age
    }

    /// Goes back to the last choice that has something left, and takes it. False when there is none: all is done.
    private func backtrack() -> Bool {
        while nodeCount > 0 {
            let node = unsafe nodes + (nodeCount - 1)
            if unsafe node.pointee.values > 0 {
                if unsafe node.pointee.chosen + 1 < node.pointee.values {
                    unsafe node.pointee.chosen += 1
                    return true
                }
            } else {
                unsafe node.pointee.done |= 1 << node.pointee.chosen
                let left =
                    unsafe node.pointee.backtrack & node.pointee.allowed & ~node.pointee.done & ~node.pointee.sleep
                if left != 0 {
                    unsafe node.pointee.chosen = UInt8(left.trailingZeroBitCount)
                    return true
                }
            }
            nodeCount -= 1
        }
        return false
    }

    // MARK: Random priorities

    private func draw() -> UInt64 {
        // SplitMix64.
        random &+= 0x9E37_79B9_7F4A_7C15
        var mixed = random
        mixed = (mixed ^ (mixed &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed &>> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed &>> 31)
    }

    func drawPriorities() {
        guard case .random(let depth, _) = options.strategy else { return }
        for thread in 0..<threadCount { unsafe fibres[thread].priority = Int64(draw() &>> 2) }
        changes.removeAll(keepingCapacity: true)
        for _ in 1..<max(1, depth) { changes.append(Int(draw() % UInt64(max(1, expectedSteps)))) }
        nextChange = changes.min() ?? Int.max
        comparedThreads = 0
        lowest = 0
    }

    private func drawn(_ enabled: UInt8) -> Int {
        if steps == nextChange {
            if previous >= 0 { lower(previous) }
            nextChange = changes.lazy.filter { $0 > self.steps }.min() ?? Int.max
        }
        if enabled == comparedThreads { return foremost }
        var best = -1
        var left = enabled
        while left != 0 {
            let thread = left.trailingZeroBitCount
            left &= left &- 1
            if best < 0 || (unsafe fibres[thread].priority > fibres[best].priority) { best = thread }
        }
        comparedThreads = enabled
        foremost = best
        return best
    }

    // MARK: A given schedule

    private func repeated(_ enabled: UInt8) -> Int {
        guard steps < given.count else { return continuing(enabled) }
        let thread = Int(given[steps] & 0xFF)
        guard thread < 8, enabled & (1 << UInt8(thread)) != 0 else {
            fail(.nondeterminism)
            return continuing(enabled)
        }
        return thread
    }

    // MARK: All runs

    func explore(_ scenario: (Run) -> Void) -> Report {
        var report = Report()
        let start = Scheduler.now()
        while true {
            runOnce(scenario)
            if isPruned { report.pruned += 1 } else { report.schedules += 1 }
            report.steps += steps
            report.longest = max(report.longest, steps)
            expectedSteps = report.longest
            if let kind = failure {
                report.seconds = Scheduler.now() - start
                report.failure = explain(kind, scenario)
                return report
            }
            if mode == .search && !backtrack() {
                report.isComplete = true
                break
            }
            let runs = report.schedules + report.pruned
            if runs >= options.maxSchedules { break }
            if runs & 63 == 0 && Scheduler.now() - start > options.maxSeconds { break }
        }
        report.seconds = Scheduler.now() - start
        return report
    }

    /// Runs the failing schedule once more, for its trace.
    private func explain(_ kind: Failure.Kind, _ scenario: (Run) -> Void) -> Failure {
        let schedule = (0..<steps).map { unsafe log[$0] }
        let again = replay(schedule, scenario)
        let trace = again.failure?.kind == kind ? again.failure?.trace ?? [] : []
        return Failure(kind: kind, schedule: Notation.text(schedule), trace: trace)
    }

    func replay(_ schedule: [UInt16], _ scenario: (Run) -> Void) -> Report {
        var report = Report()
        mode = .replay
        given = schedule
        isTracing = true
        runOnce(scenario)
        isTracing = false
        report.schedules = 1
        report.steps = steps
        report.longest = steps
        if let kind = failure {
            let text = Notation.text((0..<steps).map { unsafe log[$0] })
            report.failure = Failure(kind: kind, schedule: text, trace: trace)
        }
        return report
    }

    private static func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
