import Base
import Buffers
import Glibc

/// One receive into several fresh blocks, by a call that does not wait: what serves a connection best whose blocks come
/// back full. It holds blocks for no longer than that, and they are those that were free last: the cache has them.
// SAFETY: what the kernel writes into are blocks that are kept here, and only during the call.
@safe
struct BulkReceive: ~Copyable {
    private static let most = 4
    private var blocks = InlineArray<4, Chunk?> { _ in nil }
    private var next = 0
    /// Bytes that were asked for, as far as there were blocks.
    private(set) var asked = 0
    /// Bytes received that have not been taken.
    private(set) var left = 0

    /// Receives at most so many bytes. Returns what the call does, or nil when there is no block.
    mutating func receive(_ fd: Int32, upTo byteCount: Int, _ pool: ChunkPool, _ kernel: Kernel) -> Int? {
        var count = 0
        // SAFETY: the blocks are fresh and ours; the kernel writes at most `asked` bytes into them.
        let received: Int? = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.most) { vectors in
            while count < Self.most && asked < byteCount {
                blocks[count] = pool.take()
                guard let free = unsafe blocks[count]?.freeBytes else { break }
                let length = min(byteCount - asked, free.count)
                unsafe vectors[count] = iovec(iov_base: free.baseAddress, iov_len: length)
                asked += length
                count += 1
            }
            if count == 0 { return nil }
            return unsafe kernel.recvv(fd, vectors.baseAddress!, count)
        }
        left = max(0, received ?? 0)
        return received
    }

    /// The next block with what was received into it.
    mutating func take() -> Chunk? {
        guard left > 0, next < Self.most, var chunk = blocks[next].take() else { return nil }
        next += 1
        let filled = min(left, chunk.room)
        chunk.extend(by: filled)
        left -= filled
        return chunk
    }
}
