import Base
import Glibc
import Synchronization
import Testing

@testable import Samples

/// Threads that look up while one changes the set: run with `--sanitize=thread`, this shows that nothing is torn or
/// freed too early; without, that no lookup misses what is always there.
// SAFETY: the reference that a thread is given is retained until the thread takes it.
@Suite("Sets of patterns under change")
struct PatternThreadsTests {
    private final class Work: Sendable {
        let matchers: [PatternMatcher]
        let isDone = Atomic<Bool>(false)
        let misses = Atomic<Int>(0)
        let lookups = Atomic<Int>(0)

        init(_ matchers: [PatternMatcher]) { self.matchers = matchers }

        func look() {
            let scope = TestScope()
            let fixed = LiteralBytes(Array("/always/here".utf8))
            let other = LiteralBytes(Array("/sometimes/3".utf8))
            while !isDone.load(ordering: .acquiring) {
                // Half of the lookups follow each other under one note.
                let isKept = lookups.load(ordering: .relaxed) % 2 == 0
                if isKept { scope.beginLookups() }
                defer { scope.endLookups() }
                for matcher in matchers {
                    scope.beginEvaluation()
                    if !matcher.matches(fixed.sample(), scope) { misses.wrappingAdd(1, ordering: .relaxed) }
                    if let value = matcher.match(other.sample(), scope)?.value, value.byteCount != 8 {
                        misses.wrappingAdd(1, ordering: .relaxed)
                    }
                    lookups.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
    }

    @Test("readers find what stays, and whole values of what comes and goes")
    func threads() throws {
        let set = PatternSet(name: "")
        try set.add(Array("/always/here".utf8), value: Array("12345678".utf8))
        let work = try Work([
            set.matcher(.string), set.matcher(.prefix), set.matcher(.suffix), set.matcher(.substring),
            set.matcher(.regex), set.matcher(.string, ignoresCase: true),
        ])
        var threads: [pthread_t] = []
        for _ in 0..<3 {
            var thread = pthread_t()
            let context = unsafe Unmanaged.passRetained(work).toOpaque()
            let result = unsafe pthread_create(
                &thread, nil,
                { argument in
                    if let argument = unsafe argument {
                        unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().look()
                    }
                    return nil
                }, context)
            #expect(result == 0)
            threads.append(thread)
        }
        for round in 0..<400 {
            for number in 0..<8 {
                let key = Array("/sometimes/\(number)".utf8)
                switch round % 4 {
                case 0: try set.add(key, value: Array("abcdefgh".utf8))
                case 1: _ = try set.set(key, value: Array("ABCDEFGH".utf8))
                case 2:
                    if let entry = set.entries().last {
                        _ = set.remove(reference: entry.pattern == key ? entry.reference : 0)
                    }
                default: _ = set.remove(key)
                }
            }
            if round % 50 == 49 {
                let version = set.prepare()
                try set.add(Array("/always/here".utf8), value: Array("12345678".utf8), version: version)
                #expect(set.commit(version))
            }
        }
        work.isDone.store(true, ordering: .releasing)
        for thread in threads { pthread_join(thread, nil) }
        #expect(work.misses.load(ordering: .relaxed) == 0)
        #expect(work.lookups.load(ordering: .relaxed) > 0)
    }
}
