import Base
import Testing

@testable import Proxy

@Suite("Sessions a second (manual, section 4.2, rate-limit sessions)")
struct SessionRateTests {
    private func ticks(_ milliseconds: UInt64) -> Ticks { Ticks(milliseconds: milliseconds) }

    @Test("as many as the limit at once, then one after each share of a second")
    func shares() {
        let rate = SessionRate(perSecond: 4)
        #expect((0..<4).allSatisfy { _ in rate.take(at: ticks(10_000)) })
        #expect(!rate.take(at: ticks(10_000)))
        #expect(rate.wait(at: ticks(10_000)) == 250 && rate.wait(at: ticks(10_249)) == 1)
        #expect(!rate.take(at: ticks(10_249)) && rate.take(at: ticks(10_250)) && !rate.take(at: ticks(10_250)))
    }

    @Test("a pause earns no more than a second's share; a share that is given back is there again")
    func pauses() {
        let rate = SessionRate(perSecond: 2)
        #expect(rate.take(at: ticks(1_000)) && rate.wait(at: ticks(900_000)) == 0)
        #expect((0..<2).allSatisfy { _ in rate.take(at: ticks(900_000)) } && !rate.take(at: ticks(900_000)))
        rate.giveBack()
        #expect(rate.wait(at: ticks(900_000)) == 0 && rate.take(at: ticks(900_000)))
    }
}
