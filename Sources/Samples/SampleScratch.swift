import Base

/// Memory for the bytes that converters make: a bump allocator that is emptied when an evaluation begins.
///
/// One of a worker, allocated once. A value that does not fit fails its converter: no expression's result is longer
/// than a buffer.
// SAFETY: the block is allocated in `init` and freed in `deinit`; parts of it are handed out once until `reset`.
@safe
public final class SampleScratch {
    private let base: UnsafeMutableRawPointer
    private var used = 0
    /// Bytes that one value may have.
    public let valueLimit: Int
    private let capacity: Int

    /// - Parameter valueLimit: bytes of a value at most (`tune.bufsize`).
    public init(valueLimit: Int) {
        self.valueLimit = valueLimit
        capacity = valueLimit * 8
        unsafe base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    /// Gives everything back. Bytes that were handed out must not be used any more.
    public func reset() { used = 0 }

    /// A place to come back to: what is written after it can be given up.
    public var mark: Int { used }
    public func release(to mark: Int) { used = min(used, mark) }

    /// Bytes that are left.
    public var free: Int { capacity - used }

    /// Lets `body` write up to `limit` bytes; it returns how many it wrote, or nil to give up. The result is a sample
    /// of that type.
    @inlinable
    public func make(
        _ type: SampleType, limit: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int?
    ) -> Sample? {
        guard let room = unsafe reserve(limit), let count = unsafe body(room), count >= 0, count <= room.count
        else { return nil }
        take(count)
        return unsafe Sample(type, UnsafeRawBufferPointer(start: room.baseAddress, count: count))
    }

    /// A copy of bytes that may go before the evaluation ends, as a string; nil when they do not fit.
    @unsafe
    func copy(_ bytes: UnsafeRawBufferPointer, as type: SampleType = .string) -> Sample? {
        unsafe make(type, limit: bytes.count) { room in
            unsafe room.copyMemory(from: bytes)
            return bytes.count
        }
    }

    /// The free room, if a value of that many bytes fits.
    @unsafe
    @usableFromInline
    func reserve(_ limit: Int) -> UnsafeMutableRawBufferPointer? {
        guard limit >= 0, limit <= valueLimit, capacity - used >= limit else { return nil }
        return unsafe UnsafeMutableRawBufferPointer(start: base + used, count: limit)
    }

    @usableFromInline
    func take(_ count: Int) { used += count }
}
