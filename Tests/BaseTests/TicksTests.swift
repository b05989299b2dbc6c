import Testing

@testable import Base

@Suite("Ticks")
struct TicksTests {
    let ten = Ticks(milliseconds: 10)

    @Test("durations move an instant, and saturate at both ends")
    func adding() {
        #expect(ten.adding(milliseconds: 5) == Ticks(milliseconds: 15))
        #expect(ten.adding(milliseconds: -4) == Ticks(milliseconds: 6))
        #expect(ten.adding(milliseconds: -11) == .zero)
        #expect(ten.adding(milliseconds: Int.min) == .zero)
        #expect(ten.adding(milliseconds: UInt64.max) == .never)
        #expect(Ticks.never.adding(milliseconds: 1) == .never)
    }

    @Test("the time between two instants is never negative")
    func since() {
        #expect(ten.milliseconds(since: Ticks(milliseconds: 3)) == 7)
        #expect(ten.milliseconds(since: Ticks(milliseconds: 30)) == 0)
    }

    @Test("instants are ordered, and never is the last")
    func order() {
        #expect(ten < Ticks(milliseconds: 11))
        #expect(ten < .never)
        #expect(Ticks.never.description == "never" && ten.description == "10ms")
    }
}
