import Base
import Glibc
import Testing

@testable import Engine

@Suite("FDList")
struct FDListTests {
    let memory = FDMemory(capacity: 64)!
    let block = CellBlock(lines: 2)
    let list: FDList

    init() {
        list = FDList(memory, .update, head: block, line: 0)
    }

    func contents() -> [Int32] {
        var found: [Int32] = []
        var cursor = list.head()
        while let fd = cursor {
            found.append(fd)
            cursor = list.successor(of: fd)
        }
        list.checkInvariants()
        return found
    }

    @Test("a slot of zeros is in no list")
    func zeros() {
        #expect(!list.holds(0))
        #expect(list.isEmpty)
        #expect(contents() == [])
    }

    @Test("entries keep the order of adding, each at most once")
    func order() {
        #expect(list.add(5))
        #expect(list.add(0))
        #expect(list.add(63))
        #expect(!list.add(0))
        #expect(contents() == [5, 0, 63])
    }

    @Test("any entry can leave, and come back at the end", arguments: [5, 0, 63] as [Int32])
    func removing(_ fd: Int32) {
        for number in [5, 0, 63] as [Int32] { list.add(number) }
        #expect(list.remove(fd))
        #expect(!list.remove(fd))
        #expect(!list.holds(fd))
        #expect(contents() == [5, 0, 63].filter { $0 != fd })
        #expect(list.add(fd))
        #expect(contents() == [5, 0, 63].filter { $0 != fd } + [fd])
    }

    @Test("a scanner on an entry that leaves goes on behind it")
    func scanningRemoved() {
        for number in [1, 2, 3] as [Int32] { list.add(number) }
        list.remove(1)
        #expect(list.successor(of: 1) == 2)
        list.remove(2)
        #expect(list.successor(of: 2) == 3)
        list.remove(3)
        #expect(list.successor(of: 3) == nil)
    }

    @Test("A8: a scanner whose entry was linked again at the end learns that it may have jumped")
    func jumping() {
        for number in [1, 2, 3] as [Int32] { list.add(number) }
        let departures = list.departures
        let standing = list.head()
        #expect(standing == 1)
        list.remove(1)
        list.add(1)
        #expect(list.successor(of: 1) == nil, "2 and 3 were jumped over")
        #expect(list.departures != departures)
    }

    @Test("A2 A3: a locked link is neither present nor absent: an adder waits, and loads it again")
    func locked() throws {
        let link = memory[7].updateNext
        link.store(FDList.locked, .sequential)
        let thread = try Parallel { list.add(7) }
        usleep(2000)
        #expect(!thread.hasEnded, "it does not take locked for present")
        link.store(0, .sequential)
        thread.join()
        #expect(contents() == [7])
    }

    @Test("A7: the lists of two groups are apart, through the same links too")
    func twoLists() {
        let other = FDList(memory, .update, head: block, line: 1)
        list.add(1)
        other.add(2)
        list.add(3)
        other.add(4)
        list.remove(3)
        other.remove(2)
        other.checkInvariants()
        #expect(contents() == [1])
        #expect(other.head() == 4)
        list.remove(1)
        list.add(4)
        #expect(list.isEmpty, "4 is in the other one")
        // An entry may move: the tail that one list remembers is then another list's.
        other.remove(4)
        list.add(4)
        other.add(1)
        other.checkInvariants()
        #expect(contents() == [4])
    }

    @Test("threads that add and remove the same entries leave a sound list")
    func threads() throws {
        let added = Counter()
        let removed = Counter()
        let workers = try (0..<3).map { index in
            try Parallel {
                var random = Random(seed: UInt64(index))
                for _ in 0..<20_000 {
                    let fd = Int32(random.below(6))
                    if random.below(2) == 0 {
                        if list.add(fd) { added.add() }
                    } else if list.remove(fd) {
                        removed.add()
                    }
                }
            }
        }
        for worker in workers { worker.join() }
        #expect(contents().count == added.value - removed.value)
        #expect(UInt64(removed.value) == list.departures)
    }
}
