import Base
import Engine

/// One worker's part of an engine world: timers that must be in time, and messages that must arrive, in their order.
final class EnginePostman: LoopTask {
    private let world: EngineWorld
    private let worker: Worker
    var isOver = false
    private var due = Ticks.zero
    /// The number of the next letter to each thread, and of the next expected from each.
    private var sent: [UInt64]
    private var received: [UInt64]
    private var dice: Dice

    init(_ world: EngineWorld, _ worker: Worker) {
        self.world = world
        self.worker = worker
        sent = Array(repeating: 0, count: world.threads)
        received = sent
        dice = Dice(seed: world.seed, 100 + UInt64(worker.index))
        super.init()
    }

    /// Before the workers run.
    func start() { schedule() }

    private func schedule() {
        due = worker.now.adding(milliseconds: dice.pick([1, 2, 10, 100, 255, 256, 300, 4000]))
        worker.schedule(self, at: due)
    }

    override func run(on worker: Worker, _ reason: WakeReason) {
        if worker !== self.worker { return world.violation("a task runs on another worker") }
        if reason.contains(.timer) {
            if worker.now < due { world.violation("a timer fires early") }
            // Threads are stalled for 20 ms at most at each call, and a turn has a bounded number of calls.
            if worker.now.milliseconds(since: due) > 5000 { world.violation("a timer fires late") }
        }
        if isOver { return }
        for _ in 0..<dice.between(0, 3) {
            let to = dice.between(0, world.threads - 1)
            worker.post(Letter(from: worker.index, number: sent[to], world), to: to)
            sent[to] += 1
        }
        if dice.chance(1, of: 4) { worker.wake(self) } else { schedule() }
    }

    fileprivate func receive(_ letter: Letter, on worker: Worker) {
        if worker !== self.worker { world.violation("a message is delivered by another thread") }
        // However long the receiver's own timers would let it sleep.
        if world.host.milliseconds - letter.sentMilliseconds > 1000 { world.violation("a message comes late") }
        if letter.number != received[letter.from] { world.violation("a message is lost, or overtaken") }
        received[letter.from] = letter.number + 1
    }

    /// Nothing is on its way any more.
    func checkRest() {
        for (thread, postman) in world.postmen.enumerated() where postman.received[worker.index] != sent[thread] {
            world.violation("\(sent[thread] - postman.received[worker.index]) messages have not arrived")
        }
    }
}

/// A numbered message.
private final class Letter: Message {
    let from: Int
    let number: UInt64
    let sentMilliseconds: UInt64
    private let world: EngineWorld

    init(from: Int, number: UInt64, _ world: EngineWorld) {
        self.from = from
        self.number = number
        self.world = world
        sentMilliseconds = world.host.milliseconds
        super.init()
    }

    override func deliver(on worker: Worker) { world.postmen[worker.index].receive(self, on: worker) }
}
