import Testing

@testable import Simulation

@Suite struct SchedulerTests {
    @Test func aFibreRunsToItsEnd() {
        let scheduler = SimScheduler(seed: 1)
        var ran = false
        scheduler.spawn("one") { ran = true }
        #expect(!ran, "it starts when the scheduler runs")
        #expect(scheduler.run() == .finished)
        #expect(ran)
    }
}
