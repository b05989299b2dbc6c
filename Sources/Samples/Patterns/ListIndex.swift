import Base
import Synchronization

/// Entries that are tried one after the other, in the order of the set.
///
/// Readers see a block of items and how many of them count; a new item is written behind them and then counted. What
/// changes otherwise is copied.
// SAFETY: `block` points to what `owner` keeps, or to what the recycler keeps for readers that loaded it before.
@safe
final class OrderedItems<Item: BitwiseCopyable> {
    // SAFETY: items are allocated here and freed in `deinit`; the first `count` of them are initialized.
    @safe
    private final class Block {
        let items: UnsafeMutablePointer<(record: RecordPointer, item: Item)>
        let count: Atomic<Int>
        let capacity: Int

        init(capacity: Int) {
            self.capacity = capacity
            unsafe items = .allocate(capacity: capacity)
            count = Atomic(0)
        }

        deinit { unsafe items.deallocate() }
    }

    private let block: Atomic<UnsafeRawPointer?>
    private var owner: Block
    private let recycler: PatternRecycler

    init(_ recycler: PatternRecycler) {
        self.recycler = recycler
        owner = Block(capacity: 4)
        unsafe block = Atomic(UnsafeRawPointer(Unmanaged.passUnretained(owner).toOpaque()))
    }

    /// Adds an item where its order wants it.
    func insert(_ record: RecordPointer, _ item: Item) {
        let count = owner.count.load(ordering: .relaxed)
        let isLast = unsafe count == 0 || owner.items[count - 1].record.pointee.order < record.pointee.order
        if isLast, count < owner.capacity {
            // SAFETY: no reader looks behind the count.
            unsafe (owner.items + count).initialize(to: (record, item))
            owner.count.store(count + 1, ordering: .releasing)
            return
        }
        var position = count
        while unsafe position > 0 && owner.items[position - 1].record.pointee.order > record.pointee.order {
            position -= 1
        }
        replace(capacity: max(4, count * 2)) { larger in
            // SAFETY: the new block has room for twice as many items.
            unsafe larger.items.initialize(from: owner.items, count: position)
            unsafe (larger.items + position).initialize(to: (record, item))
            unsafe (larger.items + position + 1).initialize(from: owner.items + position, count: count - position)
            larger.count.store(count + 1, ordering: .relaxed)
        }
    }

    func remove(_ record: RecordPointer) {
        let count = owner.count.load(ordering: .relaxed)
        guard let position = (0..<count).first(where: { unsafe owner.items[$0].record == record }) else {
            return
        }
        replace(capacity: max(4, count)) { copy in
            unsafe copy.items.initialize(from: owner.items, count: position)
            unsafe (copy.items + position).initialize(from: owner.items + position + 1, count: count - position - 1)
            copy.count.store(count - 1, ordering: .relaxed)
        }
    }

    private func replace(capacity: Int, _ fill: (Block) -> Void) {
        let other = Block(capacity: capacity)
        fill(other)
        let old = owner
        owner = other
        unsafe block.store(UnsafeRawPointer(Unmanaged.passUnretained(other).toOpaque()), ordering: .releasing)
        unsafe recycler.retire(.object(old))
    }

    /// The first item that is accepted.
    func first(_ accept: (RecordPointer, Item) -> Bool) -> RecordPointer? {
        guard let pointer = unsafe block.load(ordering: .acquiring) else { return nil }
        // SAFETY: the block is retired, not freed, while a reader may have loaded it.
        return unsafe Unmanaged<Block>.fromOpaque(pointer)._withUnsafeGuaranteedRef { block in
            let count = block.count.load(ordering: .acquiring)
            for index in 0..<count {
                let (record, item) = unsafe block.items[index]
                if unsafe accept(record, item) { return unsafe record }
            }
            return nil
        }
    }
}

/// Ranges of integers, for `int` and `len`.
// SAFETY: records of items are alive while a reader is within `enter` and `leave`; parts lie within their patterns.
final class RangeIndex: PatternIndex {
    private let items: OrderedItems<PatternRange>
    private let isVersion: Bool

    init(_ recycler: PatternRecycler, isVersion: Bool) {
        items = OrderedItems(recycler)
        self.isVersion = isVersion
        super.init(recycler)
    }

    override var isTree: Bool { false }

    override func insert(_ record: RecordPointer) throws(PatternFailure) {
        let range = try unsafe PatternRange(Array(record.pattern), isVersion: isVersion)
        unsafe items.insert(record, range)
    }

    override func remove(_ record: RecordPointer) { unsafe items.remove(record) }

    override func find(number: Int64) -> RecordPointer? {
        unsafe items.first { _, range in range.contains(number) }
    }
}

/// Strings that are looked for anywhere in the sample: `sub`, `dir` and `dom`.
// SAFETY: records of items are alive while a reader is within `enter` and `leave`; parts lie within their patterns.
final class TextListIndex: PatternIndex {
    private let items: OrderedItems<TextPart>
    private let delimiters: PatternDelimiters
    private let ignoresCase: Bool

    /// The part of a pattern that is compared: delimiters around it say nothing.
    struct TextPart: BitwiseCopyable {
        var start: Int
        var count: Int
    }

    init(_ method: MatchMethod, ignoresCase: Bool, _ recycler: PatternRecycler) {
        items = OrderedItems(recycler)
        delimiters =
            switch method {
            case .subdirectory: .path
            case .domain: .domain
            default: .none
            }
        self.ignoresCase = ignoresCase
        super.init(recycler)
    }

    override var isTree: Bool { false }

    override func insert(_ record: RecordPointer) throws(PatternFailure) {
        let pattern = unsafe record.pattern
        var (start, end) = (0, pattern.count)
        while start < end, unsafe delimiters.contains(pattern[start]) { start += 1 }
        while start < end, unsafe delimiters.contains(pattern[end - 1]) { end -= 1 }
        unsafe items.insert(record, TextPart(start: start, count: end - start))
    }

    override func remove(_ record: RecordPointer) { unsafe items.remove(record) }

    override func find(_ bytes: UnsafeRawBufferPointer, _ scope: SampleScope) -> RecordPointer? {
        unsafe items.first { record, part in
            // SAFETY: the part lies within the pattern.
            let text = unsafe UnsafeRawBufferPointer(
                rebasing: record.pattern[part.start..<(part.start + part.count)])
            return unsafe PatternSearch.finds(text, in: bytes, delimiters, ignoresCase: ignoresCase)
        }
    }
}

/// Regular expressions.
// SAFETY: items point to expressions that `compiled` keeps, or the recycler for readers.
@safe
final class RegexIndex: PatternIndex {
    private let items: OrderedItems<Unmanaged<Regex>>
    private let ignoresCase: Bool
    /// Keeps what the items point to.
    private var compiled: [UInt: Regex] = [:]

    init(_ recycler: PatternRecycler, ignoresCase: Bool) {
        unsafe items = unsafe OrderedItems(recycler)
        self.ignoresCase = ignoresCase
        super.init(recycler)
    }

    override var isTree: Bool { false }

    override func insert(_ record: RecordPointer) throws(PatternFailure) {
        let pattern = unsafe Array(record.pattern)
        let regex: Regex
        do { regex = try Regex(pattern, ignoresCase: ignoresCase) } catch {
            let text = String(decoding: pattern, as: UTF8.self)
            throw PatternFailure("'\(text)' is no regular expression: \(error.message)", offset: error.offset)
        }
        compiled[UInt(bitPattern: record)] = regex
        unsafe items.insert(record, Unmanaged.passUnretained(regex))
    }

    override func remove(_ record: RecordPointer) {
        unsafe items.remove(record)
        if let regex = compiled.removeValue(forKey: UInt(bitPattern: record)) {
            unsafe recycler.retire(.object(regex))
        }
    }

    override func find(_ bytes: UnsafeRawBufferPointer, _ scope: SampleScope) -> RecordPointer? {
        let text = unsafe Span<UInt8>(_unsafeBytes: bytes)
        return unsafe items.first { _, regex in
            // SAFETY: a compiled expression is retired, not freed, while a reader may have found its item.
            unsafe regex._withUnsafeGuaranteedRef { $0.matches(text, scope.regexMatch) }
        }
    }
}
