#if MODEL

    import Interleave

    // The cells of the model build, in place of those in `AtomicCell.swift`, which that build leaves out: each access
    // is a scheduling point of `Interleave`.

    /// Orderings of a load.
    @frozen
    public enum LoadOrder: Sendable {
        case relaxed, acquire, sequential

        var model: Interleave.LoadOrder {
            switch self {
            case .relaxed: .relaxed
            case .acquire: .acquire
            case .sequential: .sequential
            }
        }
    }

    /// Orderings of a store.
    @frozen
    public enum StoreOrder: Sendable {
        case relaxed, release, sequential

        var model: Interleave.StoreOrder {
            switch self {
            case .relaxed: .relaxed
            case .release: .release
            case .sequential: .sequential
            }
        }
    }

    /// Orderings of a read-modify-write.
    @frozen
    public enum UpdateOrder: Sendable {
        case relaxed, acquireRelease, sequential

        var model: Interleave.UpdateOrder {
            switch self {
            case .relaxed: .relaxed
            case .acquireRelease: .acquireRelease
            case .sequential: .sequential
            }
        }
    }

    /// A 64-bit word shared by the threads of a model.
    // SAFETY: as for the real one: its memory outlives it.
    @safe
    @frozen
    public struct AtomicCell: @unchecked Sendable {
        @usableFromInline
        let word: UnsafeMutablePointer<UInt64>

        /// A cell over eight aligned bytes that stay allocated for as long as the cell is used.
        @usableFromInline
        init(at address: UnsafeMutableRawPointer) {
            unsafe word = address.assumingMemoryBound(to: UInt64.self)
        }

        /// The same word as the model checker sees it.
        public var model: Cell { unsafe Cell(at: UnsafeMutableRawPointer(word)) }

        /// Adds without a scheduling point, on the only thread that ever writes the word.
        func count(_ delta: UInt64) { unsafe word.pointee &+= delta }

        public func load(_ order: LoadOrder) -> UInt64 { model.load(order.model) }

        public func store(_ value: UInt64, _ order: StoreOrder) { model.store(value, order.model) }

        public func exchange(_ value: UInt64, _ order: UpdateOrder) -> UInt64 { model.exchange(value, order.model) }

        public func compareExchange(_ expected: UInt64, _ desired: UInt64, _ order: UpdateOrder) -> Bool {
            model.compareExchange(expected, desired, order.model)
        }

        @discardableResult
        public func fetchOr(_ bits: UInt64, _ order: UpdateOrder) -> UInt64 { model.fetchOr(bits, order.model) }

        @discardableResult
        public func fetchAnd(_ bits: UInt64, _ order: UpdateOrder) -> UInt64 { model.fetchAnd(bits, order.model) }

        @discardableResult
        public func fetchAdd(_ delta: UInt64, _ order: UpdateOrder) -> UInt64 { model.fetchAdd(delta, order.model) }
    }

    /// A 32-bit signed word shared by the threads of a model.
    // SAFETY: as for `AtomicCell`.
    @safe
    @frozen
    public struct AtomicLink: @unchecked Sendable {
        @usableFromInline
        let word: UnsafeMutablePointer<Int32>

        /// A cell over four aligned bytes that stay allocated for as long as the cell is used.
        @usableFromInline
        init(at address: UnsafeMutableRawPointer) {
            unsafe word = address.assumingMemoryBound(to: Int32.self)
        }

        /// The same word as the model checker sees it.
        public var model: Cell32 { unsafe Cell32(at: UnsafeMutableRawPointer(word)) }

        func load(_ order: LoadOrder) -> Int32 { model.load(order.model) }

        func store(_ value: Int32, _ order: StoreOrder) { model.store(value, order.model) }

        func compareExchange(_ expected: Int32, _ desired: Int32) -> Bool {
            model.compareExchange(expected, desired, .sequential)
        }

        /// Does not return before the link has another value, or was written.
        func spinWait(while value: Int32, round: inout Int) {
            round &+= 1
            model.spinWait(while: value)
        }
    }

    /// Owns zero-filled cells, as the real one.
    // SAFETY: Sendable because it only hands out cells, and the pointer never changes; indexes are checked.
    @safe
    final class CellBlock: @unchecked Sendable {
        private let memory: UnsafeMutableRawPointer
        let lines: Int

        static let lineBytes = 128

        init(lines: Int) {
            self.lines = lines
            unsafe memory = UnsafeMutableRawPointer.allocate(
                byteCount: lines * CellBlock.lineBytes, alignment: CellBlock.lineBytes)
            unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: lines * CellBlock.lineBytes)
        }

        /// All of its words, for a rig that puts them back into their first state.
        var words: UnsafeMutableBufferPointer<UInt64> {
            unsafe UnsafeMutableRawBufferPointer(start: memory, count: lines * CellBlock.lineBytes)
                .assumingMemoryBound(to: UInt64.self)
        }

        func cell(line: Int, _ index: Int = 0) -> AtomicCell {
            precondition(line >= 0 && line < lines && index >= 0 && index < 16)
            return unsafe AtomicCell(at: memory + line * CellBlock.lineBytes + index * 8)
        }

        func link(line: Int, _ index: Int = 0) -> AtomicLink {
            precondition(line >= 0 && line < lines && index >= 0 && index < 32)
            return unsafe AtomicLink(at: memory + line * CellBlock.lineBytes + index * 4)
        }

        deinit {
            unsafe memory.deallocate()
        }
    }

#endif
