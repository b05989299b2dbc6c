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
