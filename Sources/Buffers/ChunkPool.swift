import Glibc

/// The header that stands in front of a block's bytes.
///
/// The count is plain: a block belongs to its pool's thread, and only that thread shares or releases it.
// SAFETY: a header stands in front of memory that its pool allocated, and that the pool alone frees.
@usableFromInline
@unsafe
struct BlockHeader {
    @usableFromInline var references: Int32
    @usableFromInline var capacity: Int32
    @usableFromInline var nextFree: UnsafeMutablePointer<BlockHeader>?
    @usableFromInline let pool: Unmanaged<ChunkPool>

    @usableFromInline
    init(capacity: Int32, pool: Unmanaged<ChunkPool>) {
        unsafe self.references = 1
        unsafe self.capacity = capacity
        unsafe self.nextFree = nil
        unsafe self.pool = pool
    }
}

/// The blocks of one thread: fixed-size pieces of memory that chunks are slices of.
///
/// Thread-safety: a pool and every chunk cut from it belong to one thread. A pool must outlive its chunks; it is the
/// worker's, which lives as long as the process serves.
// SAFETY: what is on the free list came from this pool's malloc, and no chunk refers to it.
@safe
public final class ChunkPool {
    /// Usable bytes of a block (`tune.bufsize`).
    public let blockSizeBytes: Int
    /// How many blocks may exist at once; 0 is no limit.
    public let maximumBlocks: Int
    /// How many free blocks are kept for reuse; more go back to the allocator.
    public let maximumFreeBlocks: Int

    /// Blocks that chunks refer to now.
    public private(set) var blocksInUse = 0
    /// Blocks kept for reuse now.
    public private(set) var blocksFree = 0
    /// Times that a block was asked for and the limit, or the allocator, refused.
    public private(set) var refusals: UInt64 = 0

    private var firstFree: UnsafeMutablePointer<BlockHeader>?

    @usableFromInline static var headerSizeBytes: Int { (unsafe MemoryLayout<BlockHeader>.size + 15) & ~15 }

    /// - Parameters:
    ///   - blockSizeBytes: usable bytes of each block, at least 1024.
    ///   - maximumBlocks: the limit of blocks in use, 0 for none.
    ///   - maximumFreeBlocks: blocks kept for reuse.
    public init(blockSizeBytes: Int, maximumBlocks: Int = 0, maximumFreeBlocks: Int = 512) {
        precondition(blockSizeBytes >= 1024 && blockSizeBytes <= 1 << 28, "a block holds 1 KiB to 256 MiB")
        self.blockSizeBytes = blockSizeBytes
        self.maximumBlocks = maximumBlocks
        self.maximumFreeBlocks = maximumFreeBlocks
        unsafe self.firstFree = nil
    }

    deinit {
        trim(toFreeBlocks: 0)
    }

    /// An empty chunk at the start of a fresh block, or nil when there is no block to be had.
    public func take() -> Chunk? {
        // SAFETY: a block on the free list is not referred to by any chunk; it came from this pool's malloc.
        if let block = unsafe firstFree {
            unsafe firstFree = block.pointee.nextFree
            unsafe block.pointee.nextFree = nil
            unsafe block.pointee.references = 1
            blocksFree -= 1
            blocksInUse += 1
            return unsafe Chunk(block: block, offset: 0, length: 0)
        }
        if maximumBlocks != 0 && blocksInUse >= maximumBlocks {
            refusals += 1
            return nil
        }
        // SAFETY: the memory holds the header and the block's bytes behind it, aligned by malloc to 16.
        guard let memory = unsafe malloc(Self.headerSizeBytes + blockSizeBytes) else {
            refusals += 1
            return nil
        }
        let block = unsafe memory.bindMemory(to: BlockHeader.self, capacity: 1)
        unsafe block.initialize(
            to: BlockHeader(capacity: Int32(blockSizeBytes), pool: Unmanaged.passUnretained(self)))
        blocksInUse += 1
        return unsafe Chunk(block: block, offset: 0, length: 0)
    }

    /// Puts the bytes of `second` behind those of `first`, in place if there is room and otherwise in a fresh block.
    /// nil if they do not fit into one block, or there is none.
    public func join(_ first: consuming Chunk, _ second: consuming Chunk) -> Chunk? {
        var first = first
        let second = second
        if first.room >= second.count {
            // SAFETY: the bytes are copied while the second chunk lives.
            unsafe first.append(second.bytes)
            return first
        }
        guard first.count + second.count <= blockSizeBytes, var joined = take() else { return nil }
        // SAFETY: the bytes are copied while both chunks live.
        unsafe joined.append(first.bytes)
        unsafe joined.append(second.bytes)
        return joined
    }

    /// Takes back a block that no chunk refers to any more.
    @usableFromInline
    @unsafe
    func reclaim(_ block: UnsafeMutablePointer<BlockHeader>) {
        blocksInUse -= 1
        if blocksFree >= maximumFreeBlocks {
            // SAFETY: nobody refers to the block, and it came from malloc in `take`.
            unsafe free(block)
            return
        }
        // SAFETY: as above; the header is ours to write.
        unsafe block.pointee.nextFree = firstFree
        unsafe firstFree = block
        blocksFree += 1
    }

    /// Returns free blocks to the allocator until at most `count` are kept.
    public func trim(toFreeBlocks count: Int) {
        while blocksFree > count {
            // SAFETY: the free list holds `blocksFree` blocks, each from malloc in `take`.
            guard let block = unsafe firstFree else { return }
            unsafe firstFree = block.pointee.nextFree
            unsafe free(block)
            blocksFree -= 1
        }
    }
}
