import Base
import Testing

@testable import Engine

@Suite("TimerWheel")
struct TimerWheelTests {
    let queue = RunQueue()
    let start: UInt64 = 1_000_003

    func task() -> Job { Job { _, _, _ in } }

    func fired() -> [LoopTask] {
        var tasks: [LoopTask] = []
        while let task = queue.take() { tasks.append(task) }
        return tasks
    }

    func advance(_ wheel: TimerWheel, to milliseconds: UInt64) -> Int {
        let count = wheel.advance(to: Ticks(milliseconds: milliseconds), into: queue, limit: 1_000_000)
        wheel.checkInvariants()
        return count
    }

    @Test("a timer fires at its millisecond, not before and not after")
    func exact() {
        for delay: UInt64 in [0, 1, 2, 63, 64, 65, 4095, 4096, 4097, 300_000, 1 << 35, 1 << 50] {
            let wheel = TimerWheel(now: Ticks(milliseconds: start))
            let one = task()
            wheel.schedule(one, at: Ticks(milliseconds: start + delay))
            if delay > 0 { #expect(advance(wheel, to: start + delay - 1) == 0) }
            #expect(one.deadline == Ticks(milliseconds: start + delay))
            #expect(advance(wheel, to: start + delay) == 1)
            #expect(fired().first === one)
            #expect(one.deadline == .never)
            #expect(one.reasons == .timer)
            #expect(wheel.nextExpiry == .never)
        }
    }

    @Test("F: waiting until the next expiry always arrives, and never overshoots a deadline")
    func nextExpiry() {
        var random = Random(seed: 7)
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        var deadlines: [UInt64] = []
        var tasks: [Job] = []
        for _ in 0..<500 {
            let deadline = start + UInt64(random.below(1 << random.below(30)))
            deadlines.append(deadline)
            let one = task()
            tasks.append(one)
            wheel.schedule(one, at: Ticks(milliseconds: deadline))
        }
        var seen = 0
        var steps = 0
        while wheel.nextExpiry != .never {
            let next = wheel.nextExpiry.milliseconds
            let due = deadlines.filter { $0 <= next }.count
            seen += advance(wheel, to: next)
            #expect(seen == due, "everything due has fired, nothing else")
            steps += 1
            #expect(steps < 500 * TimerWheel.levels)
            if steps > 10_000 { break }
        }
        #expect(seen == 500)
    }

    @Test("a loop that slept too long fires everything that is due, in order of deadlines")
    func late() {
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        let tasks = [5000, 3, 70, 70_000].map { (delay: UInt64) in
            let one = task()
            wheel.schedule(one, at: Ticks(milliseconds: start + delay))
            return one
        }
        #expect(advance(wheel, to: start + 10_000) == 3)
        let order = fired()
        #expect(order.count == 3 && order[0] === tasks[1] && order[1] === tasks[2] && order[2] === tasks[0])
    }

    @Test("moving a timer later is a store; it fires at the later time only")
    func later() {
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        let one = task()
        wheel.schedule(one, at: Ticks(milliseconds: start + 10))
        let slot = one.timerSlot
        wheel.schedule(one, at: Ticks(milliseconds: start + 5000))
        #expect(one.timerSlot == slot, "it stays where it is")
        #expect(advance(wheel, to: start + 10) == 0)
        #expect(advance(wheel, to: start + 4999) == 0)
        #expect(advance(wheel, to: start + 5000) == 1)
    }

    @Test("moving a timer earlier takes effect")
    func earlier() {
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        let one = task()
        wheel.schedule(one, at: Ticks(milliseconds: start + 5000))
        wheel.schedule(one, at: Ticks(milliseconds: start + 20))
        #expect(wheel.nextExpiry.milliseconds <= start + 20)
        #expect(advance(wheel, to: start + 20) == 1)
    }

    @Test("a cancelled timer does not fire, and the wheel lets go of it")
    func cancelled() {
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        weak var gone: Job?
        do {
            let one = task()
            gone = one
            wheel.schedule(one, at: Ticks(milliseconds: start + 10))
            wheel.cancel(one)
        }
        #expect(gone == nil)
        #expect(advance(wheel, to: start + 20) == 0)
    }

    @Test("a timer that was taken away does not fire; the wheel lets go of its task when the place comes up")
    func takenAway() {
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        weak var gone: Job?
        do {
            let one = task()
            gone = one
            wheel.schedule(one, at: Ticks(milliseconds: start + 10))
            wheel.schedule(one, at: .never)
            #expect(one.deadline == .never)
        }
        #expect(advance(wheel, to: start + 9) == 0)
        #expect(gone != nil)
        #expect(advance(wheel, to: start + 10) == 0)
        #expect(gone == nil && wheel.count == 0 && wheel.nextExpiry == .never)
    }

    @Test("a timer that was taken away and set again fires at the new time only")
    func setAgain() {
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        let one = task()
        wheel.schedule(one, at: Ticks(milliseconds: start + 10))
        wheel.schedule(one, at: .never)
        wheel.schedule(one, at: Ticks(milliseconds: start + 30))
        #expect(advance(wheel, to: start + 29) == 0)
        #expect(advance(wheel, to: start + 30) == 1)
    }

    @Test("a deadline decades away fires when it comes, after few visits")
    func far() {
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        let one = task()
        let deadline = start + (1 << 40)
        wheel.schedule(one, at: Ticks(milliseconds: deadline))
        var steps = 0
        while wheel.nextExpiry.milliseconds < deadline && steps < 12 {
            #expect(advance(wheel, to: wheel.nextExpiry.milliseconds) == 0)
            steps += 1
        }
        #expect(advance(wheel, to: deadline) == 1)
    }

    @Test("a turn fires a bounded number of timers and loses none")
    func bounded() {
        let wheel = TimerWheel(now: Ticks(milliseconds: start))
        for index in 0..<100 { wheel.schedule(task(), at: Ticks(milliseconds: start + UInt64(index % 7))) }
        var rounds = 0
        var seen = 0
        while seen < 100 && rounds < 100 {
            let count = wheel.advance(to: Ticks(milliseconds: start + 10), into: queue, limit: 9)
            #expect(count <= 9)
            seen += count
            rounds += 1
        }
        #expect(seen == 100 && fired().count == 100)
    }
}
