import Glibc
import Testing

@testable import Base

@Suite("SystemError")
struct SystemErrorTests {
    @Test("an errno has its symbolic name and its message")
    func names() {
        let error = SystemError(code: ECONNREFUSED)
        #expect(error.name == "ECONNREFUSED")
        #expect(error.description == "Connection refused")
        #expect(SystemError(code: 9999).name == "E9999")
        #expect(SystemError(code: 9999).description == "Unknown error 9999")
    }

    @Test("results of the kernel below zero are errors, the others none")
    func results() {
        #expect(SystemError(result: Int(-EAGAIN))?.code == EAGAIN)
        #expect(SystemError(result: -EBADF as Int32)?.name == "EBADF")
        #expect(SystemError(result: 0) == nil)
        #expect(SystemError(result: 17) == nil)
    }
}

@Suite("FileDescriptor")
struct FileDescriptorTests {
    @Test("a descriptor is closed at the end of its owner's life, unless it was released")
    func ownership() throws {
        var pair: [Int32] = [-1, -1]
        // SAFETY: the call writes two numbers.
        try #require(unsafe pipe(&pair) == 0)
        let kept = FileDescriptor(owning: pair[0]).release()
        #expect(fcntl(kept, F_GETFD) >= 0)
        do {
            let owner = FileDescriptor(owning: pair[1])
            #expect(fcntl(owner.number, F_GETFD) >= 0)
        }
        // The only writing end is closed: the reading end sees the end. (Its number may be somebody else's by now.)
        var byte: UInt8 = 0
        #expect(unsafe read(kept, &byte, 1) == 0)
        close(kept)
    }
}

@Suite("Random")
struct RandomTests {
    @Test("the same seed gives the same numbers, another seed others")
    func seeds() {
        var (one, same, other) = (Random(seed: 1), Random(seed: 1), Random(seed: 2))
        let numbers = (0..<5).map { _ in one.next() }
        #expect(numbers == (0..<5).map { _ in same.next() })
        #expect(numbers != (0..<5).map { _ in other.next() })
        #expect(Set(numbers).count == 5)
    }

    @Test("numbers stay below their bound, and reach all of it")
    func below() {
        var random = Random(seed: 0)
        #expect(random.below(0) == 0 && random.below(1) == 0 && random.below(-3) == 0)
        #expect(Set((0..<200).map { _ in random.below(5) }) == [0, 1, 2, 3, 4])
    }
}
