import Testing

@testable import Base

@Suite("ThreadSet")
struct ThreadSetTests {
    @Test("the first threads", arguments: [(0, 0), (-1, 0), (1, 1), (3, 7), (64, UInt64.max), (100, UInt64.max)])
    func all(_ count: Int, _ bits: UInt64) {
        #expect(ThreadSet.all(count).bits == bits)
    }

    @Test("one thread, or none for an index that no group has", arguments: [(0, 1), (63, 1 << 63), (64, 0), (-1, 0)])
    func single(_ index: Int, _ bits: UInt64) {
        #expect(ThreadSet.single(index).bits == bits)
        #expect(ThreadSet.single(index).contains(index) == (bits != 0))
    }

    @Test("sets are joined, intersected and walked in order")
    func algebra() {
        var set = ThreadSet.single(5).union(.single(2))
        set.insert(63)
        #expect(Array(set) == [2, 5, 63])
        #expect(set.first == 2 && set.count == 3)
        set.remove(2)
        #expect(Array(set.subtracting(.single(63))) == [5])
        #expect(set.intersection(.all(6)) == .single(5))
        #expect(ThreadSet.none.first == nil && ThreadSet.none.isEmpty)
    }
}
