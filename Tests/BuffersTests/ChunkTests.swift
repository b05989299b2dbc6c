import Testing

@testable import Buffers

/// `#expect` cannot take noncopyable operands apart; this takes their verdict.
private func check(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: sourceLocation)
}

private func text(_ chunk: borrowing Chunk) -> String {
    // SAFETY: the bytes are read while the chunk is borrowed.
    unsafe String(decoding: chunk.bytes, as: UTF8.self)
}

@Suite struct ChunkTests {
    @Test func aFreshChunkIsEmptyAndHasTheWholeBlockAsRoom() {
        let pool = ChunkPool(blockSizeBytes: 1024)
        let chunk = pool.take()!
        check(chunk.isEmpty)
        check(chunk.room == 1024)
        check(pool.blocksInUse == 1)
    }

    @Test func appendedBytesAreReadBackAndTakeRoom() {
        let pool = ChunkPool(blockSizeBytes: 1024)
        var chunk = pool.take()!
        check(chunk.append("GET / HTTP/1.1"))
        check(text(chunk) == "GET / HTTP/1.1")
        check(chunk.room == 1024 - 14)
        check(!chunk.append([UInt8](repeating: 1, count: 1020)))
        check(chunk.count == 14)
    }

    @Test func aSharedBlockHasNoRoomAndReturnsWithItsLastSlice() {
        let pool = ChunkPool(blockSizeBytes: 1024)
        var chunk = pool.take()!
        chunk.append("headbody")
        do {
            let head = chunk.splitFirst(4)
            check(text(head) == "head")
            check(text(chunk) == "body")
            check(chunk.room == 0)
            check(!chunk.isUnique)
        }
        check(chunk.isUnique)
        check(pool.blocksInUse == 1)
        _ = consume chunk
        check(pool.blocksInUse == 0)
        check(pool.blocksFree == 1)
    }

    @Test func theLimitRefusesAndCounts() {
        let pool = ChunkPool(blockSizeBytes: 1024, maximumBlocks: 1)
        let first = pool.take()
        let second = pool.take()
        check(first != nil)
        let refused = second == nil
        check(refused)
        check(pool.refusals == 1)
    }

    @Test func freeBlocksBeyondTheMaximumGoBackToTheAllocator() {
        let pool = ChunkPool(blockSizeBytes: 1024, maximumFreeBlocks: 2)
        do {
            let a = pool.take()!, b = pool.take()!, c = pool.take()!
            check(pool.blocksInUse == 3)
            _ = (a.count, b.count, c.count)
        }
        check(pool.blocksInUse == 0)
        check(pool.blocksFree == 2)
        pool.trim(toFreeBlocks: 0)
        check(pool.blocksFree == 0)
    }
}

@Suite struct ChunkChainTests {
    private func filled(_ pool: ChunkPool, _ byte: UInt8, _ count: Int) -> Chunk {
        var chunk = pool.take()!
        chunk.append([UInt8](repeating: byte, count: count))
        return chunk
    }

    @Test func keepsOrderAndCountsBytesAcrossGrowth() {
        let pool = ChunkPool(blockSizeBytes: 1024)
        var chain = ChunkChain()
        for index in 1...20 {
            chain.append(filled(pool, UInt8(index), index))
            check(chain.checkInvariants())
        }
        check(chain.byteCount == 210)
        for index in 1...20 {
            let chunk = chain.popFirst()!
            check(chunk.count == index)
            let first = unsafe chunk.bytes[0]  // SAFETY: chunk i holds i bytes.
            check(first == UInt8(index))
        }
        check(chain.isEmpty)
        check(pool.blocksInUse == 0)
        chain.releaseStorage()
        check(chain.checkInvariants())
    }

    @Test func removingFromTheFrontCutsAChunkAndReleasesTheOnesBeforeIt() {
        let pool = ChunkPool(blockSizeBytes: 1024)
        var chain = ChunkChain()
        chain.append(filled(pool, 1, 10))
        chain.append(filled(pool, 2, 10))
        chain.removeFirst(13)
        check(chain.checkInvariants())
        check(chain.byteCount == 7)
        check(chain.chunkCount == 1)
        check(pool.blocksInUse == 1)
    }

    @Test func anEmptyChunkIsNotKept() {
        let pool = ChunkPool(blockSizeBytes: 1024)
        var chain = ChunkChain()
        chain.append(pool.take()!)
        check(chain.isEmpty)
        check(pool.blocksInUse == 0)
    }

    @Test func theEndOfAChainReleasesItsChunks() {
        let pool = ChunkPool(blockSizeBytes: 1024)
        do {
            var chain = ChunkChain()
            chain.append(filled(pool, 1, 1))
            chain.append(filled(pool, 2, 1))
            chain.removeFirst(1)
        }
        check(pool.blocksInUse == 0)
    }
}
