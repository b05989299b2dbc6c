import Base
import Samples
import Testing

@testable import Proxy

@Suite("Variables")
struct VariableTableTests {
    private let total = VariableTotal(limitBytes: 0)

    private func text(_ sample: Sample?) -> String? { sample.map { String(decoding: bytes($0), as: UTF8.self) } }
    private func bytes(_ sample: Sample) -> [UInt8] { sample.span.indices.map { sample.span[$0] } }

    @Test("a variable keeps its own copy of the value, of any type, until it is set again or removed")
    func values() {
        let table = VariableTable(total)
        #expect(table.value(1) == nil)
        #expect(table.set(1, Sample(literal: "abc"), limitBytes: 0))
        #expect(table.set(2, Sample(42), limitBytes: 0))
        #expect(text(table.value(1)) == "abc" && table.value(2)?.integer == 42)
        #expect(table.set(1, Sample(literal: "longer than before"), limitBytes: 0))
        #expect(text(table.value(1)) == "longer than before")
        // A variable may be set to its own value.
        if let own = table.value(1) { #expect(table.set(1, own, limitBytes: 0)) }
        #expect(text(table.value(1)) == "longer than before")
        table.remove(1)
        table.remove(7)
        #expect(table.value(1) == nil && table.value(2)?.integer == 42)
    }

    @Test("what exceeds the limit of a table or of all is refused, and the old value stays")
    func limits() {
        let small = VariableTotal(limitBytes: 2 * VariableTable.overheadBytes + 10)
        do {
            let table = VariableTable(small)
            #expect(table.set(1, Sample(literal: "12345"), limitBytes: VariableTable.overheadBytes + 5))
            #expect(!table.set(1, Sample(literal: "123456"), limitBytes: VariableTable.overheadBytes + 5))
            #expect(!table.set(2, Sample(literal: ""), limitBytes: VariableTable.overheadBytes + 5))
            #expect(text(table.value(1)) == "12345")
            let other = VariableTable(small)
            #expect(other.set(1, Sample(literal: "12345"), limitBytes: 0))
            #expect(!other.set(2, Sample(1), limitBytes: 0))
            #expect(small.sizeBytes == 2 * VariableTable.overheadBytes + 10)
        }
        #expect(small.sizeBytes == 0)
    }

    @Test("a table that was emptied has no values, counts none, and takes new ones of any length")
    func emptied() {
        let total = VariableTotal(limitBytes: 0)
        let table = VariableTable(total)
        for round in 0..<3 {
            for number in 0..<Int32(VariableTable.keptSlots + 10) {
                let text = SampleScratch(valueLimit: 4096)
                let length = Int(number) * (VariableTable.keptBytes / 40) + round
                #expect(table.value(number) == nil)
                let value = text.string([UInt8](repeating: UInt8(ascii: "a") + UInt8(round), count: length))
                if let value { #expect(table.set(number, value, limitBytes: 0)) }
                #expect(table.value(number)?.byteCount == length)
            }
            #expect(total.sizeBytes == table.sizeBytes && total.sizeBytes > 0)
            var count = 0
            table.forEach { _, _ in count += 1 }
            #expect(count == VariableTable.keptSlots + 10)
            table.removeAll()
            #expect(table.sizeBytes == 0 && total.sizeBytes == 0 && table.value(3) == nil)
            table.forEach { _, _ in count += 1 }
            #expect(count == VariableTable.keptSlots + 10)
        }
        // A shorter value in the memory of a longer one; a part of a variable's own value in its place.
        #expect(table.set(1, Sample(literal: "a long value"), limitBytes: 0))
        if var part = table.value(1) {
            part.narrow(from: 2, count: 4)
            #expect(table.set(1, part, limitBytes: 0))
        }
        #expect(text(table.value(1)) == "long")
        table.remove(1)
        #expect(table.value(1) == nil && table.sizeBytes == 0)
    }

    @Test("variables of the process are read whole, in the reader's memory")
    func process() {
        let variables = ProcessVariables(limitBytes: 0)
        let scratch = SampleScratch(valueLimit: 64)
        #expect(variables.set(3, Sample(literal: "first")))
        let read = variables.value(3, scratch)
        #expect(variables.set(3, Sample(literal: "other")))
        #expect(text(read) == "first" && text(variables.value(3, scratch)) == "other")
        variables.remove(3)
        #expect(variables.value(3, scratch) == nil)
    }
}

@Suite("Rates that are asked for")
struct RateEstimateTests {
    @Test("events of this second, and what is less than a second ago of the last one")
    func sliding() {
        var estimate = RateEstimate()
        #expect(estimate.rate(0, at: Ticks(milliseconds: 10_000)) == 0)
        #expect(estimate.rate(100, at: Ticks(milliseconds: 10_500)) == 100)
        #expect(estimate.rate(100, at: Ticks(milliseconds: 11_000)) == 100)
        #expect(estimate.rate(100, at: Ticks(milliseconds: 11_250)) == 75)
        #expect(estimate.rate(120, at: Ticks(milliseconds: 11_500)) == 70)
        #expect(estimate.rate(120, at: Ticks(milliseconds: 30_000)) < 5)
    }
}
