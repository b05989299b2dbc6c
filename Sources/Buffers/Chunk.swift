/// A run of bytes inside a block: (block, offset, length).
///
/// Chunks are moved, not copied: passing one on costs three words and no reference counting. `share` makes a second
/// slice of the same block. The block goes back to its pool when the last slice is gone.
///
/// Thread-safety: a chunk belongs to its pool's thread.
// SAFETY: `block` is alive while a slice of it is: each slice holds one of its references, and the last one gives it
// back; start and length lie within the block.
@safe
@frozen
public struct Chunk: ~Copyable {
    @usableFromInline let block: UnsafeMutablePointer<BlockHeader>
    @usableFromInline var start: Int32
    @usableFromInline var length: Int32

    @inlinable
    init(block: UnsafeMutablePointer<BlockHeader>, offset: Int32, length: Int32) {
        unsafe self.block = block
        self.start = offset
        self.length = length
    }

    @inlinable
    deinit {
        // SAFETY: this slice holds one reference on the block; on the last one the pool, which outlives it, takes it.
        let left = unsafe block.pointee.references &- 1
        unsafe block.pointee.references = left
        if left == 0 {
            unsafe block.pointee.pool._withUnsafeGuaranteedRef { unsafe $0.reclaim(block) }
        }
    }

    /// Bytes in the chunk.
    @inlinable public var count: Int { Int(length) }
    /// Whether the chunk has no bytes.
    @inlinable public var isEmpty: Bool { length == 0 }
    /// Bytes that the whole block can hold.
    @inlinable public var blockCapacity: Int { unsafe Int(block.pointee.capacity) }
    /// Whether no other slice refers to the block.
    @inlinable public var isUnique: Bool { unsafe block.pointee.references == 1 }
    /// Bytes that may still be appended behind the chunk: the rest of the block when no one else refers to it, else 0.
    @inlinable public var room: Int { isUnique ? blockCapacity - Int(start) - Int(length) : 0 }

    @inlinable
    @unsafe
    var base: UnsafeMutableRawPointer {
        // SAFETY: the block's bytes start behind its header; start is within the block.
        unsafe UnsafeMutableRawPointer(block).advanced(by: ChunkPool.headerSizeBytes + Int(start))
    }

    /// The chunk's bytes. Valid while the chunk lives and is not changed; moving the chunk does not move the bytes.
    @inlinable
    @unsafe
    public var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: Int(length))
    }

    /// The chunk's bytes, to be changed in place. The caller makes sure that no other slice shares them.
    @inlinable
    @unsafe
    public var mutableBytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base, count: Int(length))
    }

    /// The free room behind the chunk (empty unless the chunk is unique). What is written there becomes part of the
    /// chunk by `extend(by:)`.
    @inlinable
    @unsafe
    public var freeBytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base.advanced(by: Int(length)), count: room)
    }

    /// The chunk's bytes as a span.
    @inlinable
    public var span: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            // SAFETY: the bytes live as long as the block, which this chunk, borrowed by the span, keeps.
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: Int(length))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Makes `count` bytes written into `freeBytes` part of the chunk.
    @inlinable
    public mutating func extend(by count: Int) {
        precondition(count >= 0 && count <= room, "extended beyond the block")
        length += Int32(truncatingIfNeeded: count)
    }

    /// Copies as many of the bytes as there is room for behind the chunk. Returns how many were copied.
    @inlinable
    @unsafe
    @discardableResult
    public mutating func append(_ source: UnsafeRawBufferPointer) -> Int {
        // SAFETY: the destination is the unshared rest of the block; at most its size is copied.
        let free = unsafe freeBytes
        let count = min(free.count, source.count)
        if count > 0, let from = source.baseAddress, let to = free.baseAddress {
            unsafe to.copyMemory(from: from, byteCount: count)
            length += Int32(truncatingIfNeeded: count)
        }
        return count
    }

    /// Copies the string's UTF-8 behind the chunk. Returns false, with nothing changed, if it does not fit.
    @discardableResult
    public mutating func append(_ text: StaticString) -> Bool {
        // SAFETY: a static string lives for ever.
        let source = unsafe UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard source.count <= room else { return false }
        unsafe append(source)
        return true
    }

    /// Copies the bytes behind the chunk. Returns false, with nothing changed, if they do not fit.
    @discardableResult
    public mutating func append(_ source: [UInt8]) -> Bool {
        guard source.count <= room else { return false }
        // SAFETY: the array's storage is valid inside the closure.
        unsafe source.withUnsafeBytes { _ = unsafe append($0) }
        return true
    }

    /// Drops bytes from the front.
    @inlinable
    public mutating func removeFirst(_ count: Int) {
        precondition(count >= 0 && count <= Int(length), "removed more than there is")
        start += Int32(truncatingIfNeeded: count)
        length -= Int32(truncatingIfNeeded: count)
    }

    /// Drops bytes from the end.
    @inlinable
    public mutating func removeLast(_ count: Int) {
        precondition(count >= 0 && count <= Int(length), "removed more than there is")
        length -= Int32(truncatingIfNeeded: count)
    }

    /// A second slice of the same block.
    @inlinable
    public borrowing func share(_ range: Range<Int>) -> Chunk {
        precondition(range.lowerBound >= 0 && range.upperBound <= Int(length), "shared beyond the chunk")
        // SAFETY: the new slice takes a reference of its own.
        unsafe block.pointee.references &+= 1
        return unsafe Chunk(
            block: block, offset: start + Int32(truncatingIfNeeded: range.lowerBound),
            length: Int32(truncatingIfNeeded: range.count))
    }

    /// Cuts the first `count` bytes off into a chunk of their own that shares the block.
    @inlinable
    public mutating func splitFirst(_ count: Int) -> Chunk {
        let first = share(0..<count)
        removeFirst(count)
        return first
    }

    /// Gives the reference up without releasing it; `init(adopting:)` takes it back.
    @inlinable
    consuming func detach() -> ChunkReference {
        let reference = unsafe ChunkReference(block: block, start: start, length: length)
        discard self
        return reference
    }

    /// Takes back what `detach` gave up.
    @inlinable
    init(adopting reference: ChunkReference) {
        unsafe self.block = reference.block
        self.start = reference.start
        self.length = reference.length
    }
}

/// A chunk whose reference is held by a container (arrays refuse noncopyable elements).
// SAFETY: the pointer is that of a chunk, whose reference is held here.
@usableFromInline
@safe
struct ChunkReference {
    @usableFromInline let block: UnsafeMutablePointer<BlockHeader>
    @usableFromInline var start: Int32
    @usableFromInline var length: Int32

    @inlinable
    init(block: UnsafeMutablePointer<BlockHeader>, start: Int32, length: Int32) {
        unsafe self.block = block
        self.start = start
        self.length = length
    }
}
