import Testing

@testable import Configuration
@testable import Proxy
@testable import Samples

/// Where hashes lead, and what is hashed of a value (manual, section 4.2, `balance`, `hash-type`).
@Suite("Hash rings")
struct HashRingTests {
    private func shares(_ ring: HashRing, servers: Int, of hashes: Int = 100_000) -> [Int] {
        var counts = [Int](repeating: 0, count: servers)
        for index in 0..<hashes {
            let hash = ShortHashes.avalanche(UInt32(truncatingIfNeeded: index) &* 2_654_435_761)
            counts[ring.owner(ring.place(of: hash))] += 1
        }
        return counts
    }

    @Test("an array gives each server exactly its weight's share")
    func map() {
        let ring = HashRing(weights: [1, 0, 3], numbers: [1, 2, 3], isConsistent: false)
        #expect(ring.count == 4)
        var counts = [0, 0, 0]
        for hash in 0..<UInt32(400) { counts[ring.owner(ring.place(of: hash))] += 1 }
        #expect(counts == [100, 0, 300])
    }

    @Test("a circle gives each server about its share, and none to those without weight")
    func circle() {
        let ring = HashRing(weights: [100, 200, 0, 100], numbers: [1, 2, 3, 4], isConsistent: true)
        let counts = shares(ring, servers: 4)
        #expect(counts[2] == 0)
        #expect((20_000...30_000).contains(counts[0]) && (20_000...30_000).contains(counts[3]))
        #expect((45_000...55_000).contains(counts[1]))
    }

    @Test("on a circle, hashes of a server that leaves move, and no others")
    func leaving() {
        let before = HashRing(weights: [10, 10, 10, 10], numbers: [1, 2, 3, 4], isConsistent: true)
        let after = HashRing(weights: [10, 0, 10, 10], numbers: [1, 2, 3, 4], isConsistent: true)
        for index in 0..<UInt32(10_000) {
            let hash = ShortHashes.avalanche(index)
            let owner = before.owner(before.place(of: hash))
            if owner != 1 { #expect(after.owner(after.place(of: hash)) == owner) }
        }
    }

    @Test("without any weight there is no place")
    func empty() {
        #expect(HashRing(weights: [0, 0], numbers: [1, 2], isConsistent: true).count == 0)
        #expect(HashRing(weights: [], numbers: [], isConsistent: false).count == 0)
    }

    private func part(_ text: String, _ part: Balance.Part) -> String {
        let bytes = Array(text.utf8)
        return String(decoding: bytes[part.range(of: bytes.span)], as: UTF8.self)
    }

    @Test("the domain of a name")
    func domain() {
        #expect(part("www.example.com", .domain) == "example")
        #expect(part("example.com:80", .domain) == "example")
        #expect(part("localhost", .domain) == "localhost")
        #expect(part("", .domain) == "" && part(".", .domain) == "" && part("a.", .domain) == "a")
    }

    @Test("the beginning of a target")
    func target() {
        let plain = Balance.Part.target(isWhole: false, lengthBytes: 0, depth: 0)
        #expect(part("/a/b?x", plain) == "/a/b" && part("/", plain) == "/" && part("?", plain) == "")
        #expect(part("/a?x", .target(isWhole: true, lengthBytes: 0, depth: 0)) == "/a?x")
        #expect(part("/a/b/c", .target(isWhole: false, lengthBytes: 0, depth: 1)) == "/a")
        #expect(part("/a/b/c", .target(isWhole: false, lengthBytes: 0, depth: 2)) == "/a/b")
        #expect(part("/abcdef", .target(isWhole: false, lengthBytes: 3, depth: 5)) == "/ab")
    }
}
