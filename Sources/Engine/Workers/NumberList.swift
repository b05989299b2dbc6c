/// A growing list of numbers that owns its memory: appending costs a store, and no check of exclusive access.
// SAFETY: the pointer has `capacity` elements, of which `count` are in use; one thread uses the list.
@safe
final class NumberListOf<Number: BitwiseCopyable> {
    private var memory: UnsafeMutablePointer<Number>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 64) {
        self.capacity = capacity
        unsafe memory = .allocate(capacity: capacity)
    }

    func append(_ number: Number) {
        if count == capacity { grow() }
        unsafe (memory + count).initialize(to: number)
        count &+= 1
    }

    @inline(never)
    private func grow() {
        let larger = UnsafeMutablePointer<Number>.allocate(capacity: capacity * 2)
        unsafe larger.initialize(from: memory, count: count)
        unsafe memory.deallocate()
        unsafe memory = unsafe larger
        capacity *= 2
    }

    subscript(index: Int) -> Number {
        precondition(index >= 0 && index < count)
        return unsafe memory[index]
    }

    /// Drops the first `served` numbers.
    func removeFirst(_ served: Int) {
        precondition(served <= count)
        let rest = count - served
        if rest > 0 && served > 0 { unsafe memory.update(from: memory + served, count: rest) }
        count = rest
    }

    deinit {
        unsafe memory.deallocate()
    }
}

typealias NumberList = NumberListOf<Int32>
typealias NumberList64 = NumberListOf<UInt64>
