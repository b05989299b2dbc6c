import Samples
import Testing

@testable import Configuration

/// A small generator with a seed, so that a failure can be had again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

@Suite("No input traps")
struct RobustnessTests {
    private func exercise(_ bytes: [UInt8]) { #expect(ConfigurationProperties.file(bytes) == nil) }

    @Test("random bytes", arguments: 0..<20)
    func bytes(seed: Int) {
        var generator = SeededGenerator(state: UInt64(seed))
        for _ in 0..<50 {
            let count = Int.random(in: 0...400, using: &generator)
            exercise((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
        }
    }

    @Test("random words of the language", arguments: 0..<8)
    func words(seed: Int) {
        var generator = SeededGenerator(state: UInt64(seed) &+ 1_000)
        var vocabulary = (KeywordTable.globalKeywords + KeywordTable.proxyKeywords).map(\.name)
        vocabulary += BindParameters.table.map(\.name) + ServerParameters.table.map(\.name)
        vocabulary += Parser.sectionNames + FetchParser.names + FileParser.directives
        vocabulary += [
            "\n", "\n", "\n", "\n", "\n", "{", "}", "!", "or", "if", "unless", "-m", "-i", "-f", "--", "no", "default",
            "from",
            "a", "b", "1", "0", "-1", "99999999999999999999", "5s", "16k", ":80", "127.0.0.1:80", "[::1]:80-90", "/x",
            "fd@3", "\"$A\"", "\"${A[*]}\"", "\"", "'", "\\", "#", "1-2", "eq", "gt", "80:", "10.0.0.0/8", "hdr(a,1)",
            "streq(a,b)", "&&", "||", "(", ")", "/dev/null", "503", "stdout", "local0", "global",
        ]
        for _ in 0..<25 {
            var text = "listen x\n"
            for _ in 0..<60 { text += vocabulary.randomElement(using: &generator)! + " " }
            exercise(Array(text.utf8))
        }
    }

    @Test("a good file, damaged", arguments: 0..<10)
    func damaged(seed: Int) {
        var generator = SeededGenerator(state: UInt64(seed) &+ 2_000)
        let good = Array(
            """
            global
                log 127.0.0.1:514 len 1024 local0 info
                stats socket /run/a.sock mode 660 level admin
            defaults d
                mode http
                timeout client 5s
                option forwardfor except 10.0.0.0/8 header X
            frontend f from d
                bind :80,[::]:81-90 name x maxconn 5 thread 1-2
                acl a hdr(host,1) -i -m beg "w w" 'x'
                use_backend b if a !METH_GET || { src 10.0.0.0/8 ::1/64 } or { dst_port ge 5 }
            backend b from d
                server s 127.0.0.1:80 weight 5 source 0.0.0.0:5-6 interface l init-addr last,127.0.0.1
            .if streq("$A",1) && !defined(B)
            .endif

            """.utf8)
        for _ in 0..<60 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...5, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...2, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &generator)], at: index)
                }
            }
            exercise(bytes)
        }
    }

    @Test("very long lines and very many words are refused, not chewed on")
    func long() {
        exercise(Array(repeating: UInt8(ascii: "a"), count: 2 << 20))
        exercise(Array("defaults\n acl a path ".utf8) + Array(repeating: [0x61, 0x20], count: 10_000).flatMap { $0 })
        #expect(
            messages("global\n log-tag " + String(repeating: "a ", count: 5_000) + "\n").first?.contains(
                "too many words")
                == true)
    }
}

private enum FetchParser {
    static let names = SampleTables.fetches.map(\.name) + ACLKeywords.all.map(\.name)
}
