import Base
import Buffers

/// The blocks that a ring receives into: always as many as it has places for, as far as the pool gives them.
///
/// A filled block leaves as the chunk that a stream keeps, and its place is given a fresh one at once, so that keeping
/// chunks never starves the ring.
///
/// Thread-safety: the ring's thread only.
// SAFETY: `places` has `capacity` initialised optionals from `init` to `deinit`. A block that the kernel may write into
// is in its place, which keeps it.
@safe
final class UringBuffers {
    private let ring: Ring
    private let pool: ChunkPool
    private let capacity: Int
    private let places: UnsafeMutablePointer<Chunk?>
    /// Places without a block, because the pool had none.
    private var missing: [Int] = []
    /// Blocks that the kernel has.
    private(set) var count = 0

    init(_ ring: Ring, _ pool: ChunkPool, capacity: Int) {
        self.ring = ring
        self.pool = pool
        self.capacity = capacity
        unsafe places = .allocate(capacity: capacity)
        for number in 0..<capacity { unsafe (places + number).initialize(to: nil) }
        missing.reserveCapacity(capacity)
        for number in 0..<capacity { fill(number) }
    }

    deinit {
        for number in 0..<capacity { unsafe (places + number).deinitialize(count: 1) }
        unsafe places.deallocate()
    }

    var isComplete: Bool { missing.isEmpty }

    /// The block that the kernel has filled with so many bytes; its place gets another one. nil for a number that the
    /// kernel was not given.
    func take(_ number: Int, byteCount: Int) -> Chunk? {
        guard number >= 0 && number < capacity, var chunk = unsafe places[number].take() else { return nil }
        count &-= 1
        if byteCount > 0 { chunk.extend(by: byteCount) }
        fill(number)
        return chunk
    }

    /// Looks again for blocks that the pool did not have.
    func refill() {
        var left = missing.count
        while left > 0, let number = missing.popLast() {
            left &-= 1
            fill(number)
            if unsafe places[number] == nil { return }
        }
    }

    private func fill(_ number: Int) {
        guard let fresh = pool.take() else { return missing.append(number) }
        // The block stays where it is, in its place, until the kernel has named it in a completion.
        unsafe ring.provide(number, fresh.freeBytes)
        unsafe places[number] = consume fresh
        count &+= 1
    }

    /// Gives all blocks back; the ring is closed.
    func clear() {
        for number in 0..<capacity { unsafe places[number] = nil }
        missing.removeAll()
        count = 0
    }
}
