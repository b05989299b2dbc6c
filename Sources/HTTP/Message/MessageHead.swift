/// The head of a request or a response: an index into the bytes that it arrived in, and the edits that rules made.
///
/// The object is reused: `reset()` forgets a message and frees nothing. It does not own the received bytes; their owner
/// keeps them where the parser saw them, or calls `rebase` when they move, until `reset()`. Edits copy into an arena of
/// fixed size, which is allocated by the first edit and never moves, so a span stays valid until `reset()`.
///
/// Thread-safety: none; a head belongs to one thread at a time.
//
// SAFETY: `state` and `fields` are allocated in `init`, freed in `deinit` only, and never handed out; entries below
// `fieldCount` are initialized.
@safe
public final class MessageHead {
    @usableFromInline let state: UnsafeMutablePointer<HeadState>
    @usableFromInline let fields: UnsafeMutablePointer<FieldEntry>

    /// Makes a head with room for the fields that the limits allow. One allocation per use is avoided by
    /// `MessageHeadPool`.
    public init(limits: HTTPLimits = HTTPLimits()) {
        let capacity = limits.fieldCount + limits.addedFieldCount
        // SAFETY: freshly allocated memory is initialized before any use; entries are written before `fieldCount`
        // covers them.
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: HeadState(fieldCapacity: capacity, arenaCapacity: limits.arenaBytes))
        unsafe fields = .allocate(capacity: capacity)
    }

    deinit {
        // SAFETY: the counterpart of `init`; the arena is nil or was allocated by `reserve`.
        unsafe state.pointee.arena?.deallocate()
        unsafe state.deallocate()
        unsafe fields.deallocate()
    }

    /// Forgets the message; keeps the memory.
    public func reset() {
        // SAFETY: `state` is initialized for the life of self.
        unsafe state.pointee.base = nil
        unsafe state.pointee.arenaUsed = 0
        unsafe state.pointee.fieldCount = 0
        unsafe state.pointee.present = 0
        unsafe state.pointee.repeated = 0
        unsafe state.pointee.method = .empty
        unsafe state.pointee.target = .empty
        unsafe state.pointee.reason = .empty
        unsafe state.pointee.pathIsKnown = false
        unsafe state.pointee.methodKind = .other
        unsafe state.pointee.version = .http11
        unsafe state.pointee.status = 0
        unsafe state.pointee.startLineEdited = false
        unsafe state.pointee.framing = []
        unsafe state.pointee.contentLength = 0
        unsafe state.pointee.phase = .leading
        unsafe state.pointee.position = 0
        unsafe state.pointee.mark = 0
        unsafe state.pointee.startOffset = 0
        unsafe state.pointee.headLength = 0
    }

    /// Gives the arena back to the allocator; for a head that waits in a pool.
    public func releaseArena() {
        // SAFETY: the arena is nil or was allocated by `reserve`; `arenaUsed` 0 means that no slice refers to it.
        guard unsafe state.pointee.arenaUsed == 0 else { return }
        unsafe state.pointee.arena?.deallocate()
        unsafe state.pointee.arena = nil
    }

    /// Tells where the received bytes are now; the bytes themselves must be the same.
    @unsafe
    public func rebase(_ base: UnsafeRawPointer) {
        unsafe state.pointee.base = unsafe base
    }

    // MARK: The start line

    /// The method; `.other` for one that this module has no case for.
    @inlinable public var method: HTTPMethod { unsafe state.pointee.methodKind }
    /// The method's token.
    @inlinable public var methodSlice: HeadSlice { unsafe state.pointee.method }
    /// The request target as it was received or last set.
    @inlinable public var targetSlice: HeadSlice { unsafe state.pointee.target }
    /// The reason phrase, possibly empty.
    @inlinable public var reasonSlice: HeadSlice { unsafe state.pointee.reason }
    /// The version in the start line.
    @inlinable public var version: HTTPVersion { unsafe state.pointee.version }
    /// The status of a response; 0 for a request.
    @inlinable public var status: HTTPStatus { unsafe HTTPStatus(state.pointee.status) }
    /// How many bytes the received head takes, its final empty line included; 0 before it is complete.
    @inlinable public var headLength: Int { unsafe Int(state.pointee.headLength) }
    /// Where the start line begins: empty lines may stand before it.
    @inlinable public var startOffset: Int { unsafe Int(state.pointee.startOffset) }

    // MARK: Fields by index

    /// How many fields there are, deleted ones included; indices are 0 to this.
    @inlinable public var fieldCount: Int { unsafe state.pointee.fieldCount }

    /// Whether the field was not deleted.
    @inlinable
    public func isLive(_ index: Int) -> Bool { !entry(index).flags.contains(.deleted) }

    /// What the field is.
    @inlinable
    public func known(_ index: Int) -> KnownHeader { entry(index).known }

    /// The field's name, in the letters it was received in.
    @inlinable
    public func nameSlice(_ index: Int) -> HeadSlice { entry(index).name }

    /// The field's value, without white space around it.
    @inlinable
    public func valueSlice(_ index: Int) -> HeadSlice { entry(index).value }

    /// The first live field of this kind at or after an index, or nil.
    @inlinable
    @inline(__always)
    public func firstIndex(of header: KnownHeader, from start: Int = 0) -> Int? {
        mayHave(header) ? search(header, from: start) : nil
    }

    /// False when no live field of this kind exists; true when one did.
    @inlinable
    @inline(__always)
    func mayHave(_ header: KnownHeader) -> Bool {
        unsafe state.pointee.present & (1 &<< UInt64(header.rawValue)) != 0
    }

    /// The next live field of this kind behind one of them.
    @inlinable
    @inline(__always)
    func nextIndex(of header: KnownHeader, behind index: Int) -> Int? {
        unsafe state.pointee.repeated & (1 &<< UInt64(header.rawValue)) != 0 ? search(header, from: index + 1) : nil
    }

    @usableFromInline
    @inline(never)
    func search(_ header: KnownHeader, from start: Int) -> Int? {
        let count = fieldCount
        var index = start
        precondition(index >= 0)
        while index < count {
            // SAFETY: entries below `fieldCount` are initialized.
            let field = unsafe fields[index]
            if field.known == header && !field.flags.contains(.deleted) { return index }
            index += 1
        }
        return nil
    }

    /// The first live field of this name at or after an index, or nil; the case of letters does not matter.
    public func firstIndex(named name: Span<UInt8>, from start: Int = 0) -> Int? {
        firstIndex(named: name, KnownHeader(name: name), from: start)
    }

    /// The same for a name whose kind is known already.
    public func firstIndex(named name: Span<UInt8>, _ header: KnownHeader, from start: Int = 0) -> Int? {
        if header != .other { return firstIndex(of: header, from: start) }
        var index = start
        while index < fieldCount {
            let field = entry(index)
            // The length first: most names differ in it.
            if Int(field.nameLength) == name.count && field.known == .other && !field.flags.contains(.deleted)
                && span(field.name).equalsIgnoringCase(name)
            {
                return index
            }
            index += 1
        }
        return nil
    }

    /// The last live field of this name before an index (or of all), or nil.
    public func lastIndex(named name: Span<UInt8>, before end: Int? = nil) -> Int? {
        let header = KnownHeader(name: name)
        var index = min(end ?? fieldCount, fieldCount) - 1
        while index >= 0 {
            let field = entry(index)
            if field.known == header && !field.flags.contains(.deleted)
                && (header != .other || span(field.name).equalsIgnoringCase(name))
            {
                return index
            }
            index -= 1
        }
        return nil
    }

    /// Whether a live field of this kind exists.
    @inlinable
    public func has(_ header: KnownHeader) -> Bool { firstIndex(of: header) != nil }

    // MARK: Bytes

    /// The bytes of a slice of this head; valid until `reset()` or `rebase`, and not to be kept past the call that
    /// asked for them.
    ///
    /// The compiler does not check that: a span that borrows a class could not even be asked for through a property.
    @inlinable
    @_lifetime(immortal)
    public func span(_ slice: HeadSlice) -> Span<UInt8> {
        let bytes = unsafe Span<UInt8>(_unsafeElements: buffer(slice))
        // SAFETY: received bytes are kept by their owner, and the arena by self, until a reset, which no callee of a
        // user of spans does.
        return unsafe _overrideLifetime(bytes, copying: ())
    }

    /// The bytes of a slice of this head, as a pointer that the caller must not use after `reset()` or `rebase`.
    @unsafe
    @inlinable
    public func buffer(_ slice: HeadSlice) -> UnsafeBufferPointer<UInt8> {
        // SAFETY: slices are made by the parser (inside the received bytes, which the owner keeps) or by `reserve`
        // (inside the arena).
        let start = unsafe slice.inArena ? UnsafeRawPointer(state.pointee.arena) : state.pointee.base
        guard let start = unsafe start, slice.length > 0 else {
            return unsafe UnsafeBufferPointer(start: nil, count: 0)
        }
        return unsafe UnsafeBufferPointer(
            start: (start + Int(slice.offset)).assumingMemoryBound(to: UInt8.self), count: Int(slice.length))
    }

    /// The name of a field.
    @inlinable
    @_lifetime(immortal)
    public func name(_ index: Int) -> Span<UInt8> { span(nameSlice(index)) }

    /// The value of a field.
    @inlinable
    @_lifetime(immortal)
    public func value(_ index: Int) -> Span<UInt8> { span(valueSlice(index)) }

    /// The value of the first live field of this kind; nil if there is none.
    @inlinable
    @_lifetime(immortal)
    public func firstValue(of header: KnownHeader) -> Span<UInt8>? {
        guard let index = firstIndex(of: header) else { return nil }
        return value(index)
    }

    @inlinable
    func entry(_ index: Int) -> FieldEntry {
        // A precondition: an index out of range is a fault of the program, no input can cause it.
        precondition(index >= 0 && index < fieldCount)
        // SAFETY: entries below `fieldCount` are initialized.
        return unsafe fields[index]
    }
}
