import Base
import Testing

@testable import Samples

@Suite("Sets of patterns")
struct PatternSetTests {
    private func set(_ patterns: [String], name: String = "") throws -> PatternSet {
        let set = PatternSet(name: name)
        for pattern in patterns { try set.add(Array(pattern.utf8), value: Array("=\(pattern)".utf8)) }
        return set
    }

    /// The pattern that wins, by its value.
    private func winner(_ matcher: PatternMatcher, _ text: String) -> String? {
        let scope = TestScope()
        let literal = LiteralBytes(Array(text.utf8))
        scope.beginEvaluation()
        return withExtendedLifetime(literal) {
            guard let found = matcher.match(literal.sample(), scope)?.value else { return nil }
            return String(decoding: found.span.indices.dropFirst().map { found.span[$0] }, as: UTF8.self)
        }
    }

    @Test("exact strings are found, with or without regard to case")
    func exact() throws {
        let set = try set(["abc", "ABD", "", "abc"])
        let exact = try set.matcher(.string)
        #expect(winner(exact, "abc") == "abc" && winner(exact, "abd") == nil && winner(exact, "") == "")
        let folded = try set.matcher(.string, ignoresCase: true)
        #expect(winner(folded, "aBC") == "abc" && winner(folded, "abd") == "ABD" && winner(folded, "ab") == nil)
    }

    @Test("the longest prefix wins, and the first one without regard to case")
    func prefix() throws {
        let set = try set(["/a", "/a/b", "/", "/a/bc"])
        let longest = try set.matcher(.prefix)
        #expect(winner(longest, "/a/b/c") == "/a/b" && winner(longest, "/x") == "/" && winner(longest, "x") == nil)
        let first = try set.matcher(.prefix, ignoresCase: true)
        #expect(winner(first, "/A/BC") == "/a" && winner(first, "/x") == "/")
    }

    @Test("the first suffix wins")
    func suffix() throws {
        let matcher = try set([".com", "a.com", "xcom"]).matcher(.suffix)
        #expect(
            winner(matcher, "a.com") == ".com" && winner(matcher, "xcom") == "xcom" && winner(matcher, "com") == nil)
    }

    @Test("the smallest network wins, and the families match each other as the manual says")
    func networks() throws {
        let matcher = try set([
            "10.0.0.0/8", "10.1.0.0/16", "::1", "192.168.1", "10.9.0.3/255.255.0.255", "::ffff:172.16.0.0/108",
        ]).matcher(.ip)
        #expect(winner(matcher, "10.1.2.3") == "10.1.0.0/16" && winner(matcher, "10.2.2.3") == "10.0.0.0/8")
        #expect(winner(matcher, "::1") == "::1" && winner(matcher, "::2") == nil)
        #expect(winner(matcher, "192.168.0.1") == "192.168.1")
        #expect(
            winner(matcher, "::ffff:10.1.2.3") == "10.1.0.0/16" && winner(matcher, "2002:0a01:0203::") == "10.1.0.0/16")
        #expect(winner(matcher, "172.16.5.6") == "::ffff:172.16.0.0/108")
        #expect(winner(matcher, "11.9.5.3") == nil)
        #expect(throws: PatternFailure.self) { try matcher.set.add(Array("300.1.1.1".utf8)) }
    }

    @Test("integers match values and ranges, versions have two parts")
    func integers() throws {
        let matcher = try set(["6:", ":4", "5"]).matcher(.integer)
        #expect(winner(matcher, "7") == "6:" && winner(matcher, "-9") == ":4" && winner(matcher, "5") == "5")
        let length = try set(["2:3"]).matcher(.length)
        #expect(winner(length, "ab") == "2:3" && winner(length, "abcd") == nil)
        let version = try set(["3.1:3.3"]).matcher(.integer, isVersion: true)
        #expect(winner(version, "\(3 << 16 | 2)") == "3.1:3.3" && winner(version, "\(3 << 16)") == nil)
        for wrong in ["7:3", "5x", "x", "", "+5", "1:2:3"] {
            #expect(throws: PatternFailure.self, "\(wrong)") { try matcher.set.add(Array(wrong.utf8)) }
        }
    }

    @Test("substrings, directories and domains")
    func parts() throws {
        let sub = try set(["bc", "b"]).matcher(.substring)
        #expect(winner(sub, "abc") == "bc" && winner(sub, "ab") == "b" && winner(sub, "a") == nil)
        let directory = try set(["/b/", "x=1"]).matcher(.subdirectory)
        #expect(winner(directory, "/a/b/c") == "/b/" && winner(directory, "/a/bc") == nil)
        #expect(winner(directory, "/a?x=1") == "x=1")
        let domain = try set([".example.", "80"]).matcher(.domain)
        #expect(winner(domain, "www.example.com") == ".example." && winner(domain, "a:80/b") == "80")
        #expect(winner(domain, "myexample.com") == nil)
    }

    @Test("blocks of bytes and regular expressions")
    func others() throws {
        let block = try set(["616263", "6A"]).matcher(.binary)
        #expect(winner(block, "abc") == "616263" && winner(block, "j") == "6A" && winner(block, "ab") == nil)
        let regex = try set(["^a+$", "^a"]).matcher(.regex)
        #expect(winner(regex, "aaa") == "^a+$" && winner(regex, "ab") == "^a" && winner(regex, "b") == nil)
        #expect(throws: PatternFailure.self) { try regex.set.add(Array("a(".utf8)) }
        #expect(throws: PatternFailure.self) { try block.set.add(Array("616".utf8)) }
        // What was refused is in no index.
        #expect(regex.set.count == 2 && block.set.count == 2)
    }

    @Test("entries are changed and deleted in all indices")
    func changes() throws {
        let set = try set(["a", "b", "a"])
        let exact = try set.matcher(.string)
        let prefix = try set.matcher(.prefix)
        let isSet = try set.set(Array("a".utf8), value: Array("=new".utf8))
        #expect(isSet && winner(exact, "a") == "new" && winner(prefix, "ax") == "new")
        #expect(set.entries().map { $0.value ?? [] } == [Array("=new".utf8), Array("=b".utf8), Array("=new".utf8)])
        // Without the first of two entries the second one counts.
        let first = set.entries()[0].reference
        let last = set.entries()[2].reference
        let isLastSet = try set.set(reference: last, value: Array("=last".utf8))
        let isFirstRemoved = set.remove(reference: first)
        #expect(isLastSet && isFirstRemoved)
        #expect(winner(exact, "a") == "last" && winner(prefix, "ax") == "last" && set.count == 2)
        let isRemoved = set.remove(Array("a".utf8))
        let isRemovedAgain = set.remove(Array("a".utf8))
        #expect(isRemoved && !isRemovedAgain && winner(exact, "a") == nil && winner(prefix, "a") == nil)
        try set.setOrAdd(Array("c".utf8), value: Array("=1".utf8))
        try set.setOrAdd(Array("c".utf8), value: Array("=2".utf8))
        #expect(winner(exact, "c") == "2" && set.count == 2)
        try set.addIfAbsent(Array("c".utf8))
        #expect(set.count == 2 && set.contains(Array("c".utf8)))
    }

    @Test("a version is prepared aside and comes into force as a whole")
    func versions() throws {
        let set = try set(["a"])
        let matcher = try set.matcher(.string)
        #expect(throws: PatternFailure.self) { try set.add(Array("x".utf8), version: 1) }
        let version = set.prepare()
        try set.add(Array("b".utf8), value: Array("=b".utf8), version: version)
        #expect(winner(matcher, "b") == nil && set.entries(version).count == 1 && set.summary.entryCount == 2)
        #expect(!set.commit(version + 1))
        #expect(set.commit(version))
        #expect(winner(matcher, "a") == nil && winner(matcher, "b") == "b" && set.currentVersion == version)
        #expect(!set.commit(version))
        let dropped = set.prepare()
        try set.add(Array("c".utf8), version: dropped)
        set.clear(dropped)
        #expect(set.entries(dropped).isEmpty)
        set.clear()
        #expect(winner(matcher, "b") == nil && set.count == 0)
    }

    @Test("a file's lines are read as HAProxy reads them")
    func files() throws {
        let text = "a 1\n  # b 2\n#c 3\n\tk\t v w \t\r\nx\n\nd  5\r\n"
        let map = PatternSet(name: "m")
        try map.load(Array(text.utf8), withValues: true)
        #expect(
            map.entries().map {
                "\(String(decoding: $0.pattern, as: UTF8.self))=\(String(decoding: $0.value ?? [], as: UTF8.self))"
            }
                == ["a=1", "#=b 2", "k=v w", "x=", "d=5"])
        let list = PatternSet(name: "l")
        try list.load(Array("a b\n #x\n#y\n  z  \nq\r\n".utf8), withValues: false)
        #expect(list.entries().map { String(decoding: $0.pattern, as: UTF8.self) } == ["a b", "#x", "z  ", "q"])
        let numbers = PatternSet(name: "n")
        _ = try numbers.matcher(.integer)
        #expect { try numbers.load(Array("1\nx\n".utf8), withValues: false) } throws: {
            ($0 as? PatternSet.FileFailure)?.line == 2
        }
    }

    @Test("indices agree with a plain search through a random history of changes", arguments: [1, 2, 3] as [UInt64])
    func history(_ seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let set = PatternSet(name: "")
        let matchers = try [
            set.matcher(.string), set.matcher(.string, ignoresCase: true), set.matcher(.prefix),
            set.matcher(.prefix, ignoresCase: true), set.matcher(.suffix), set.matcher(.suffix, ignoresCase: true),
        ]
        var model: [(key: String, value: String)] = []
        func text() -> String {
            String(
                decoding: (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    Array("abAB".utf8)[Int.random(in: 0..<4, using: &random)]
                }, as: UTF8.self)
        }
        for step in 0..<1500 {
            let key = text()
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                try set.add(Array(key.utf8), value: Array("=\(step)".utf8))
                model.append((key, "\(step)"))
            case 4..<7:
                _ = set.remove(Array(key.utf8))
                model.removeAll { $0.key == key }
            case 7 where !model.isEmpty:
                let place = Int.random(in: 0..<model.count, using: &random)
                let isRemoved = set.remove(reference: set.entries()[place].reference)
                #expect(isRemoved)
                model.remove(at: place)
            default:
                _ = try set.set(Array(key.utf8), value: Array("=\(step)".utf8))
                for index in model.indices where model[index].key == key { model[index].value = "\(step)" }
            }
            let sample = text() + text()
            let lower = sample.lowercased()
            #expect(winner(matchers[0], sample) == model.first { $0.key == sample }?.value)
            #expect(winner(matchers[1], sample) == model.first { $0.key.lowercased() == lower }?.value)
            let prefixes = model.filter { sample.hasPrefix($0.key) || $0.key.isEmpty }
            let longest = prefixes.map(\.key.count).max()
            #expect(winner(matchers[2], sample) == prefixes.first { $0.key.count == longest }?.value)
            #expect(
                winner(matchers[3], sample)
                    == model.first { lower.hasPrefix($0.key.lowercased()) || $0.key.isEmpty }?.value)
            #expect(winner(matchers[4], sample) == model.first { sample.hasSuffix($0.key) || $0.key.isEmpty }?.value)
            #expect(
                winner(matchers[5], sample)
                    == model.first { lower.hasSuffix($0.key.lowercased()) || $0.key.isEmpty }?.value)
        }
        #expect(set.count == model.count)
    }
}

/// The same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ state >> 29) &* 0xBF58_476D_1CE4_E5B9
    }
}
