import Glibc

/// A first-in-first-out queue of chunks, and the bytes in them.
///
/// A single chunk stands in the chain's own fields: most of what is sent and received is one. The second one makes it
/// allocate a ring of references, which is kept until `releaseStorage` or the end of the chain: a chain in steady use
/// allocates nothing.
// SAFETY: with a capacity, `memory` is a ring with room for as many references, of which `chunkCount` from `head` on
// are initialised; without, it is the block of the only chunk, if there is one, which begins at `head` and is
// `byteCount` long. Each chunk holds one reference on its block.
@safe
public struct ChunkChain: ~Copyable {
    private var memory: UnsafeMutableRawPointer?
    /// Of the ring; 0: there is none.
    private var capacity: Int32 = 0
    private var head: Int32 = 0
    /// Chunks in the chain.
    public private(set) var chunkCount: Int = 0
    /// Bytes in all chunks.
    public private(set) var byteCount: Int = 0

    /// An empty chain.
    public init() { unsafe memory = nil }

    deinit {
        var index = 0
        while index < chunkCount {
            _ = Chunk(adopting: reference(index))
            index += 1
        }
        if capacity > 0 { unsafe free(memory) }
    }

    /// Whether there is no chunk.
    public var isEmpty: Bool { chunkCount == 0 }

    /// A slot of the ring, which there is.
    @inline(__always)
    private func slot(_ index: Int) -> UnsafeMutablePointer<ChunkReference> {
        let place = Int((head &+ Int32(truncatingIfNeeded: index)) & (capacity &- 1))
        // SAFETY: the mask keeps it within the ring.
        return unsafe memory!.assumingMemoryBound(to: ChunkReference.self) + place
    }

    /// One of the chunks that there are.
    @inline(__always)
    private func reference(_ index: Int) -> ChunkReference {
        if capacity > 0 { return unsafe slot(index).pointee }
        // SAFETY: as stated above: it is the block of the only chunk.
        let block = unsafe memory!.assumingMemoryBound(to: BlockHeader.self)
        return unsafe ChunkReference(block: block, start: head, length: Int32(truncatingIfNeeded: byteCount))
    }

    /// Puts a chunk at the end. An empty chunk is released at once.
    public mutating func append(_ chunk: consuming Chunk) {
        if chunk.isEmpty { return }
        if chunkCount >= Int(capacity) {
            if chunkCount == 0 { return hold(chunk.detach()) }
            grow()
        }
        byteCount += chunk.count
        // SAFETY: grow left room for one more; the slot is uninitialised or trivially overwritten.
        unsafe slot(chunkCount).pointee = chunk.detach()
        chunkCount += 1
    }

    /// Makes a chunk the only one of a chain without a ring.
    @inline(__always)
    private mutating func hold(_ reference: ChunkReference) {
        unsafe memory = UnsafeMutableRawPointer(reference.block)
        head = reference.start
        byteCount = Int(reference.length)
        chunkCount = 1
    }

    /// Copies the chunk's bytes behind the last one's, if they are at most `limit` and its block has room that nobody
    /// else refers to. Returns false, with nothing changed, otherwise.
    public mutating func absorb(_ chunk: borrowing Chunk, upTo limit: Int) -> Bool {
        if chunkCount == 0 || chunk.count > limit { return false }
        // The chunk made of the reference here gives it back by `detach`.
        var last = Chunk(adopting: reference(chunkCount - 1))
        let fits = last.room >= chunk.count
        if fits {
            unsafe last.append(chunk.bytes)
            byteCount += chunk.count
        }
        let longer = last.detach()
        // SAFETY: the slot is the one that was read. A single chunk is as long as the chain.
        if capacity > 0 { unsafe slot(chunkCount - 1).pointee = longer }
        return fits
    }

    private mutating func grow() {
        // Most chains of a connection never hold more than two, and an idle one keeps its ring.
        let newCapacity = capacity == 0 ? 2 : capacity * 2
        precondition(newCapacity <= 1 << 20, "a chain is bounded by its owner's credit")
        // SAFETY: references are trivial; the old ring's are moved in order into the new memory.
        let size = Int(newCapacity) * MemoryLayout<ChunkReference>.stride
        guard let larger = unsafe malloc(size) else { fatalError("out of memory for a chain of \(newCapacity) chunks") }
        let fresh = unsafe larger.bindMemory(to: ChunkReference.self, capacity: Int(newCapacity))
        for index in 0..<chunkCount { unsafe fresh[index] = reference(index) }
        if capacity > 0 { unsafe free(memory) }
        unsafe memory = unsafe larger
        capacity = newCapacity
        head = 0
    }

    /// Takes the first chunk out, if there is one.
    public mutating func popFirst() -> Chunk? {
        if chunkCount == 0 { return nil }
        let reference = reference(0)
        head = capacity > 0 ? (head &+ 1) & (capacity &- 1) : 0
        chunkCount -= 1
        byteCount -= Int(reference.length)
        return Chunk(adopting: reference)
    }

    /// Takes the first chunk out as far as `count` bytes, at least one; what is left of it stays the first.
    public mutating func popFirst(upTo count: Int) -> Chunk? {
        guard chunkCount > 0, Int(reference(0).length) > count else { return popFirst() }
        // The chunk made of the reference here gives back what is left.
        var rest = Chunk(adopting: reference(0))
        let first = rest.splitFirst(count)
        let left = rest.detach()
        if capacity == 0 {
            hold(left)
        } else {
            // SAFETY: the head slot, which was read.
            unsafe slot(0).pointee = left
            byteCount -= count
        }
        return first
    }

    /// Drops `count` bytes from the front, releasing the chunks that are used up.
    public mutating func removeFirst(_ count: Int) {
        precondition(count <= byteCount, "removed more than there is")
        // Most of what is sent is one chunk, and is sent as a whole.
        if chunkCount == 1 && count == byteCount {
            let reference = reference(0)
            chunkCount = 0
            byteCount = 0
            head = 0
            _ = Chunk(adopting: reference)
            return
        }
        if capacity == 0 {
            head += Int32(truncatingIfNeeded: count)
            byteCount -= count
            return
        }
        var left = count
        while left > 0 {
            // SAFETY: byteCount > 0 means that the head slot holds a reference.
            let first = unsafe slot(0)
            let length = unsafe Int(first.pointee.length)
            if length > left {
                unsafe first.pointee.start += Int32(truncatingIfNeeded: left)
                unsafe first.pointee.length -= Int32(truncatingIfNeeded: left)
                byteCount -= left
                return
            }
            left -= length
            _ = popFirst()
        }
    }

    /// Drops everything.
    public mutating func removeAll() {
        while chunkCount > 0 { _ = popFirst() }
    }

    /// Moves every chunk of another chain to the end of this one.
    public mutating func append(contentsOf other: inout ChunkChain) {
        while let chunk = other.popFirst() { append(chunk) }
    }

    /// Gives the ring back to the allocator; the chain must be empty.
    public mutating func releaseStorage() {
        precondition(chunkCount == 0, "storage released under chunks")
        if capacity > 0 { unsafe free(memory) }
        unsafe memory = nil
        capacity = 0
        head = 0
    }

    /// Fills `vectors` with the addresses of the first chunks, for `sendmsg`. Returns how many were filled.
    @unsafe
    public func fill(_ vectors: UnsafeMutableBufferPointer<iovec>) -> Int {
        let count = min(vectors.count, chunkCount)
        for index in 0..<count {
            // SAFETY: the block's bytes live as long as the chunk stays in the chain.
            let reference = reference(index)
            let base = unsafe UnsafeMutableRawPointer(reference.block)
                .advanced(by: ChunkPool.headerSizeBytes + Int(reference.start))
            unsafe vectors[index] = iovec(iov_base: base, iov_len: Int(reference.length))
        }
        return count
    }

    /// Checks what must hold between calls; for tests.
    public func checkInvariants() -> Bool {
        var total = 0
        for index in 0..<chunkCount {
            let reference = reference(index)
            // SAFETY: a chunk of the chain keeps its block.
            let references = unsafe reference.block.pointee.references
            if reference.length <= 0 || references <= 0 { return false }
            total += Int(reference.length)
        }
        return total == byteCount && chunkCount <= max(1, Int(capacity))
    }
}
