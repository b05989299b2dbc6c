import Testing

@testable import Engine
@testable import Proxy

@Suite("How many connections one report of a listener is worth")
struct AcceptPaceTests {
    @Test("one at first, and one for as long as turns without a report lie between")
    func oneAtATime() {
        var pace = AcceptPace(isShared: true)
        for turn in 0..<10_000 {
            #expect(pace.reported(inTurn: UInt64(turn * 2), limit: 64) == 1)
            pace.filled(1, limit: 64)
        }
    }

    @Test("a backlog, which is reported turn after turn, is worth more, up to the limit")
    func backlog() {
        var pace = AcceptPace(isShared: true)
        var most = 0
        for turn in 0..<10_000 {
            let batch = pace.reported(inTurn: UInt64(turn), limit: 4)
            most = max(most, batch)
            pace.filled(batch, limit: 4)
        }
        #expect(most == 4)
    }

    @Test("a limit of one is kept, whatever waits")
    func limitOfOne() {
        var pace = AcceptPace(isShared: true)
        for turn in 0..<10_000 {
            #expect(pace.reported(inTurn: UInt64(turn), limit: 1) == 1)
            pace.filled(1, limit: 1)
        }
    }

    @Test(
        "of so many connections at most one is followed by a try that finds nothing, whatever waits each turn",
        arguments: [(true, 512), (false, 32)])
    func emptyTriesAreRare(isShared: Bool, patience: Int) {
        for waiting in 1...7 {
            var pace = AcceptPace(isShared: isShared)
            var served = 0
            var empty = 0
            for turn in 0..<20_000 {
                let batch = pace.reported(inTurn: UInt64(turn), limit: 64)
                served += min(batch, waiting)
                if batch <= waiting {
                    pace.filled(batch, limit: 64)
                } else {
                    pace.foundNothing(after: waiting)
                    empty += 1
                }
            }
            #expect(empty <= served / patience, "\(waiting) waiting: \(empty) of \(served)")
            #expect(empty > 0, "\(waiting) waiting: it never tried for more")
        }
    }
}
