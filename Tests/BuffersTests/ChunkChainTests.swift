import Testing

@testable import Buffers

private func check(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: sourceLocation)
}

@Suite struct ChunkChainAbsorbTests {
    private let pool = ChunkPool(blockSizeBytes: 1024)

    private func chunk(_ count: Int, _ byte: UInt8 = 1) -> Chunk {
        var chunk = pool.take()!
        chunk.append([UInt8](repeating: byte, count: count))
        return chunk
    }

    /// Puts a chunk at the end as a transport does.
    private func put(_ count: Int, _ byte: UInt8, in chain: inout ChunkChain, limit: Int = 100) {
        let piece = chunk(count, byte)
        if !chain.absorb(piece, upTo: limit) { chain.append(piece) }
    }

    private func bytes(_ chain: inout ChunkChain) -> [UInt8] {
        var all: [UInt8] = []
        while let chunk = chain.popFirst() {
            // SAFETY: the bytes are copied while the chunk lives.
            unsafe all.append(contentsOf: chunk.bytes)
        }
        return all
    }

    @Test func smallChunksShareABlockInOrder() {
        var chain = ChunkChain()
        for byte in 0..<50 { put(10, UInt8(byte), in: &chain) }
        check(chain.chunkCount == 1)
        check(chain.byteCount == 500)
        check(pool.blocksInUse == 1)
        check(chain.checkInvariants())
        check(bytes(&chain) == (0..<50).flatMap { [UInt8](repeating: UInt8($0), count: 10) })
        check(pool.blocksInUse == 0)
    }

    @Test func theFirstChunkIsTakenInParts() {
        var chain = ChunkChain()
        for byte in 1...3 { chain.append(chunk(10, UInt8(byte))) }
        let part = chain.popFirst(upTo: 4)
        check(part?.count == 4 && chain.chunkCount == 3 && chain.byteCount == 26)
        check(chain.checkInvariants())
        let rest = chain.popFirst(upTo: 6)
        check(rest?.count == 6 && chain.chunkCount == 2)
        let whole = chain.popFirst(upTo: 100)
        check(whole?.count == 10 && chain.byteCount == 10)
        check(bytes(&chain) == [UInt8](repeating: 3, count: 10))
        check(chain.popFirst(upTo: 1) == nil)
        check(chain.checkInvariants())
    }

    @Test func aFullBlockIsFollowedByAnother() {
        var chain = ChunkChain()
        for _ in 0..<30 { put(100, 1, in: &chain) }
        check(chain.chunkCount == 3)
        check(chain.byteCount == 3000)
        check(chain.checkInvariants())
    }

    @Test func whatIsLargeKeepsItsBlock() {
        var chain = ChunkChain()
        put(10, 1, in: &chain)
        put(101, 2, in: &chain)
        check(chain.chunkCount == 2)
        check(chain.byteCount == 111)
    }

    @Test func aBlockThatSomeoneElseRefersToIsNotWritten() {
        var chain = ChunkChain()
        var whole = chunk(20, 1)
        let head = whole.splitFirst(10)
        chain.append(whole)
        put(5, 2, in: &chain)
        check(chain.chunkCount == 2)
        check(head.count == 10)
        check(bytes(&chain) == [UInt8](repeating: 1, count: 10) + [UInt8](repeating: 2, count: 5))
    }

    @Test func anEmptyChainAbsorbsNothing() {
        var chain = ChunkChain()
        let piece = chunk(1)
        check(!chain.absorb(piece, upTo: 100))
        check(chain.isEmpty)
    }

    @Test func absorbedBytesAreRemovedLikeOthers() {
        var chain = ChunkChain()
        put(60, 1, in: &chain)
        put(60, 2, in: &chain)
        chain.removeFirst(70)
        put(10, 3, in: &chain)
        check(chain.byteCount == 60)
        check(chain.checkInvariants())
        check(bytes(&chain) == [UInt8](repeating: 2, count: 50) + [UInt8](repeating: 3, count: 10))
    }
}

/// A single chunk stands in the chain's fields, several in a ring: the same bytes must come out either way.
@Suite struct ChunkChainPlaceTests {
    private let pool = ChunkPool(blockSizeBytes: 1024)

    private func chunk(_ bytes: [UInt8]) -> Chunk {
        var chunk = pool.take()!
        chunk.append(bytes)
        return chunk
    }

    private func take(_ chain: inout ChunkChain) -> [UInt8]? {
        guard let chunk = chain.popFirst() else { return nil }
        // SAFETY: the bytes are copied while the chunk lives.
        return unsafe Array(chunk.bytes)
    }

    @Test func aSingleChunkIsShortenedAndMadeLonger() {
        var chain = ChunkChain()
        chain.append(chunk([1, 2, 3]))
        chain.removeFirst(2)
        check(chain.byteCount == 1 && chain.chunkCount == 1)
        check(chain.absorb(chunk([4]), upTo: 10))
        check(chain.checkInvariants())
        check(take(&chain) == [3, 4])
        check(take(&chain) == nil)
        check(pool.blocksInUse == 0)
    }

    @Test func aSecondChunkFollowsTheRestOfTheFirst() {
        var chain = ChunkChain()
        chain.append(chunk([1, 2, 3]))
        chain.removeFirst(1)
        chain.append(chunk([4]))
        check(chain.chunkCount == 2 && chain.byteCount == 3)
        check(chain.checkInvariants())
        check(take(&chain) == [2, 3])
        check(take(&chain) == [4])
        chain.releaseStorage()
        chain.append(chunk([5]))
        check(take(&chain) == [5])
    }

    @Test func aChainThatEndsGivesItsOnlyChunkBack() {
        do {
            var chain = ChunkChain()
            chain.append(chunk([1]))
            check(pool.blocksInUse == 1)
        }
        check(pool.blocksInUse == 0)
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func anyCourseIsThatOfAQueueOfBytes(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var chain = ChunkChain()
        var model: [UInt8] = []
        var next: UInt8 = 0
        for _ in 0..<200 {
            switch random(5) {
            case 0, 1:
                let bytes = (0..<random(400)).map { _ in
                    next &+= 1
                    return next
                }
                let piece = chunk(bytes)
                if random(2) == 0 || !chain.absorb(piece, upTo: 300) { chain.append(piece) }
                model += bytes
            case 2:
                let count = random(chain.byteCount + 1)
                chain.removeFirst(count)
                model.removeFirst(count)
            case 3:
                let bytes = take(&chain) ?? []
                check(Array(model.prefix(bytes.count)) == bytes)
                model.removeFirst(bytes.count)
            default:
                if chain.isEmpty { chain.releaseStorage() }
            }
            check(chain.byteCount == model.count && chain.isEmpty == model.isEmpty)
            check(chain.checkInvariants())
        }
        var left: [UInt8] = []
        while let bytes = take(&chain) { left += bytes }
        check(left == model)
        check(pool.blocksInUse == 0)
    }
}

@Suite struct ChunkPoolJoinTests {
    private let pool = ChunkPool(blockSizeBytes: 1024)

    private func chunk(_ count: Int, _ byte: UInt8) -> Chunk {
        var chunk = pool.take()!
        chunk.append([UInt8](repeating: byte, count: count))
        return chunk
    }

    @Test func bytesJoinInPlaceWhileThereIsRoom() {
        let joined = pool.join(chunk(1000, 1), chunk(24, 2))
        check(joined != nil)
        check(pool.blocksInUse == 1)
    }

    @Test func aSliceThatBeganLateInItsBlockIsCopiedToAFreshOne() {
        var late = chunk(1000, 1)
        late.removeFirst(990)
        switch pool.join(late, chunk(900, 2)) {
        case .some(let joined): check(joined.count == 910)
        case .none: Issue.record("ten and nine hundred bytes fit into a block")
        }
        check(pool.blocksInUse == 0)
    }

    @Test func whatDoesNotFitIsRefusedAndGivenBack() {
        let joined = pool.join(chunk(600, 1), chunk(600, 2))
        check(joined == nil)
        check(pool.blocksInUse == 0)
    }
}
