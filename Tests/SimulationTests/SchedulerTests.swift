import Testing

@testable import Simulation

@Suite("Fibres and the virtual clock")
struct SchedulerTests {
    @Test("a fibre runs when the scheduler does, to its end")
    func one() {
        let scheduler = SimScheduler(seed: 1)
        var ran = false
        let fibre = scheduler.spawn("one") { ran = true }
        #expect(!ran)
        #expect(scheduler.run() == .finished)
        #expect(ran && fibre.hasEnded)
    }

    /// Three fibres that note their turns.
    private func order(seed: UInt64) -> [Int] {
        var options = SimScheduler.Options()
        options.switchProbability = 0.5
        let scheduler = SimScheduler(seed: seed, options: options)
        var order: [Int] = []
        for number in 0..<3 {
            scheduler.spawn("\(number)") {
                for _ in 0..<5 {
                    order.append(number)
                    scheduler.step()
                }
            }
        }
        #expect(scheduler.run() == .finished)
        return order
    }

    @Test("the same seed gives the same order, another seed another one")
    func seeds() {
        #expect(order(seed: 7) == order(seed: 7))
        let orders = (0..<20).map { order(seed: $0) }
        #expect(orders.contains { $0 != orders[0] })
        #expect(orders.allSatisfy { $0.count == 15 })
    }

    @Test("the clock stands still while anything runs, and then jumps to what comes next")
    func clock() {
        let scheduler = SimScheduler(seed: 2)
        let start = scheduler.now
        var times: [UInt64] = []
        scheduler.spawn("late") {
            scheduler.sleep(5_000)
            times.append(scheduler.now - start)
        }
        scheduler.spawn("early") {
            scheduler.sleep(1_000)
            times.append(scheduler.now - start)
            for _ in 0..<100 { scheduler.step() }
            times.append(scheduler.now - start)
        }
        #expect(scheduler.run() == .finished)
        #expect(times == [1_000, 1_000, 5_000])
    }

    @Test("a block ends by a wake, or at its deadline")
    func blocking() {
        let scheduler = SimScheduler(seed: 3)
        var results: [Bool] = []
        let sleeper = scheduler.spawn("sleeper") {
            results.append(scheduler.block())
            results.append(scheduler.block(until: scheduler.now + 10))
        }
        scheduler.spawn("waker") {
            scheduler.sleep(100)
            scheduler.wake(sleeper)
        }
        #expect(scheduler.run() == .finished)
        #expect(results == [true, false])
    }

    @Test("a deadline of an earlier block ends no later one")
    func oldDeadlines() {
        let scheduler = SimScheduler(seed: 4)
        let start = scheduler.now
        var woken: [UInt64] = []
        let sleeper = scheduler.spawn("sleeper") {
            scheduler.block(until: scheduler.now + 1_000)
            scheduler.block(until: scheduler.now + 5_000)
            woken.append(scheduler.now - start)
        }
        scheduler.spawn("waker") {
            scheduler.sleep(500)
            scheduler.wake(sleeper)
        }
        #expect(scheduler.run() == .finished)
        #expect(woken == [5_500])
    }

    @Test("events come in the order of their times, equal ones in that of their making")
    func events() {
        let scheduler = SimScheduler(seed: 5)
        var order: [String] = []
        let now = scheduler.now
        for (name, time) in [("c", 30), ("a", 10), ("b", 10), ("d", 30)] as [(String, UInt64)] {
            scheduler.at(now + time) { order.append(name) }
        }
        scheduler.spawn("one") { scheduler.sleep(100) }
        #expect(scheduler.run() == .finished)
        #expect(order == ["a", "b", "c", "d"])
    }

    @Test("join waits for the end; outside of fibres it runs the simulation until then")
    func joining() {
        let scheduler = SimScheduler(seed: 6)
        var order: [String] = []
        let worker = scheduler.spawn("worker") {
            scheduler.sleep(10)
            order.append("worker")
        }
        let boss = scheduler.spawn("boss") {
            scheduler.join(worker)
            order.append("boss")
        }
        scheduler.join(boss)
        #expect(order == ["worker", "boss"])
        #expect(scheduler.living.isEmpty)
    }

    @Test("who waits for what never comes is named")
    func deadlock() {
        let scheduler = SimScheduler(seed: 7)
        scheduler.spawn("forgotten") { scheduler.block() }
        scheduler.spawn("fine") {}
        #expect(scheduler.run() == .deadlock(["forgotten"]))
    }

    @Test("turning round without the clock moving is a livelock")
    func livelock() {
        var options = SimScheduler.Options()
        options.stepsAtOneTime = 1000
        let scheduler = SimScheduler(seed: 8, options: options)
        scheduler.spawn("busy") { while true { scheduler.step() } }
        guard case .livelock(let text) = scheduler.run() else {
            Issue.record("no livelock")
            return
        }
        #expect(text.contains("busy"))
    }

    @Test("a failure ends the run at once; a limit of time pauses it")
    func ends() {
        let failing = SimScheduler(seed: 9)
        var went = false
        failing.spawn("judge") {
            failing.fail("wrong")
            went = true
        }
        #expect(failing.run() == .failed("wrong") && !went)
        let paused = SimScheduler(seed: 9)
        let start = paused.now
        paused.spawn("slow") { paused.sleep(1_000_000) }
        #expect(paused.run(until: start + 10) == .timeReached)
        #expect(paused.run() == .finished)
    }

    @Test("thousands of fibres come and go on few stacks")
    func many() {
        let scheduler = SimScheduler(seed: 10)
        var ended = 0
        scheduler.spawn("parent") {
            for number in 0..<3000 {
                let child = scheduler.spawn("\(number)") { ended += 1 }
                if number % 10 == 0 { scheduler.join(child) }
            }
        }
        #expect(scheduler.run() == .finished)
        #expect(ended == 3000)
    }
}
