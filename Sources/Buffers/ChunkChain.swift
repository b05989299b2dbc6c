import Glibc

/// A first-in-first-out queue of chunks, and the bytes in them.
///
/// The ring that holds the references is allocated at the first append and kept until `releaseStorage` or the end of
/// the chain, so a chain in steady use allocates nothing and an idle one holds nothing.
// SAFETY: the ring has room for `capacity` references, of which `chunkCount` from `head` on are initialised, each
// holding one reference on its block.
@safe
public struct ChunkChain: ~Copyable {
    private var ring: UnsafeMutablePointer<ChunkReference>?
    private var capacity: Int32 = 0
    private var head: Int32 = 0
    /// Chunks in the chain.
    public private(set) var chunkCount: Int = 0
    /// Bytes in all chunks.
    public private(set) var byteCount: Int = 0

    /// An empty chain.
    public init() { unsafe ring = nil }

    deinit {
        var index = 0
        while index < chunkCount {
            // SAFETY: the slots of the chain's chunks are initialised, each holding one reference.
            let reference = unsafe ring![Int((head &+ Int32(truncatingIfNeeded: index)) & (capacity &- 1))]
            _ = Chunk(adopting: reference)
            index += 1
        }
        unsafe free(ring)
    }

    /// Whether there is no chunk.
    public var isEmpty: Bool { chunkCount == 0 }

    private func slot(_ index: Int) -> Int {
        Int((head &+ Int32(truncatingIfNeeded: index)) & (capacity &- 1))
    }

    /// Puts a chunk at the end. An empty chunk is released at once.
    public mutating func append(_ chunk: consuming Chunk) {
        if chunk.isEmpty { return }
        if chunkCount == Int(capacity) { grow() }
        byteCount += chunk.count
        // SAFETY: grow left room for one more; the slot is uninitialised or trivially overwritten.
        unsafe ring![slot(chunkCount)] = chunk.detach()
        chunkCount += 1
    }

    /// Copies the chunk's bytes behind the last one's, if they are at most `limit` and its block has room that nobody
    /// else refers to. Returns false, with nothing changed, otherwise.
    public mutating func absorb(_ chunk: borrowing Chunk, upTo limit: Int) -> Bool {
        if chunkCount == 0 || chunk.count > limit { return false }
        // SAFETY: the slot holds a reference; the chunk made of it here gives it back by `detach`.
        let place = slot(chunkCount - 1)
        var last = unsafe Chunk(adopting: ring![place])
        let fits = last.room >= chunk.count
        if fits {
            unsafe last.append(chunk.bytes)
            byteCount += chunk.count
        }
        unsafe ring![place] = last.detach()
        return fits
    }

    private mutating func grow() {
        // Most chains of a connection never hold more than two, and an idle one keeps its ring.
        let newCapacity = capacity == 0 ? 2 : capacity * 2
        precondition(newCapacity <= 1 << 20, "a chain is bounded by its owner's credit")
        // SAFETY: references are trivial; the old ring's are moved in order into the new memory.
        let size = Int(newCapacity) * MemoryLayout<ChunkReference>.stride
        guard let memory = unsafe malloc(size) else { fatalError("out of memory for a chain of \(newCapacity) chunks") }
        let fresh = unsafe memory.bindMemory(to: ChunkReference.self, capacity: Int(newCapacity))
        for index in 0..<chunkCount { unsafe fresh[index] = ring![slot(index)] }
        unsafe free(ring)
        unsafe ring = fresh
        capacity = newCapacity
        head = 0
    }

    /// Takes the first chunk out, if there is one.
    public mutating func popFirst() -> Chunk? {
        if chunkCount == 0 { return nil }
        // SAFETY: the head slot holds a reference; it is taken over by the chunk returned.
        let reference = unsafe ring![Int(head)]
        head = (head &+ 1) & (capacity &- 1)
        chunkCount -= 1
        byteCount -= Int(reference.length)
        return Chunk(adopting: reference)
    }

    /// Takes the first chunk out as far as `count` bytes, at least one; what is left of it stays the first.
    public mutating func popFirst(upTo count: Int) -> Chunk? {
        // SAFETY: the head slot of a chain that is not empty holds a reference; the chunk made of it here gives back
        // what is left.
        guard chunkCount > 0, unsafe Int(ring![Int(head)].length) > count else { return popFirst() }
        var rest = unsafe Chunk(adopting: ring![Int(head)])
        let first = rest.splitFirst(count)
        unsafe ring![Int(head)] = rest.detach()
        byteCount -= count
        return first
    }

    /// Drops `count` bytes from the front, releasing the chunks that are used up.
    public mutating func removeFirst(_ count: Int) {
        precondition(count <= byteCount, "removed more than there is")
        // Most of what is sent is one chunk, and is sent as a whole.
        if chunkCount == 1 && count == byteCount {
            // SAFETY: the head slot holds a reference, which the chunk made of it releases.
            let reference = unsafe ring![Int(head)]
            chunkCount = 0
            byteCount = 0
            head = 0
            _ = Chunk(adopting: reference)
            return
        }
        var left = count
        while left > 0 {
            // SAFETY: byteCount > 0 means that the head slot holds a reference.
            let length = unsafe Int(ring![Int(head)].length)
            if length > left {
                unsafe ring![Int(head)].start += Int32(truncatingIfNeeded: left)
                unsafe ring![Int(head)].length -= Int32(truncatingIfNeeded: left)
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
        unsafe free(ring)
        unsafe ring = nil
        capacity = 0
        head = 0
    }

    /// Fills `vectors` with the addresses of the first chunks, for `sendmsg`. Returns how many were filled.
    @unsafe
    public func fill(_ vectors: UnsafeMutableBufferPointer<iovec>) -> Int {
        let count = min(vectors.count, chunkCount)
        for index in 0..<count {
            // SAFETY: the slot holds a reference; its bytes live as long as the chunk stays in the chain.
            let reference = unsafe ring![slot(index)]
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
            // SAFETY: slots of the chain's chunks are initialised.
            let reference = unsafe ring![slot(index)]
            let references = unsafe reference.block.pointee.references
            if reference.length <= 0 || references <= 0 { return false }
            total += Int(reference.length)
        }
        return total == byteCount && chunkCount <= Int(capacity)
    }
}
