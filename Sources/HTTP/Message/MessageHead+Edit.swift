/// What became of an edit.
public enum HeadEditResult: Sendable, Equatable {
    case done
    /// The arena is full: nothing was changed.
    case noSpace
    /// The index is full: nothing was changed.
    case tooManyFields
    /// The name or the value holds a character that would break the message apart: nothing was changed.
    case invalid
}

// SAFETY: the head's state is initialized for the life of the head, and an index of a field is below the count of its
// fields.
extension MessageHead {
    /// Deletes one field.
    public func delete(_ index: Int) {
        precondition(index >= 0 && index < fieldCount)
        // SAFETY: entries below `fieldCount` are initialized.
        unsafe fields[index].flags.insert(.deleted)
    }

    /// Deletes all fields of a kind; returns how many there were.
    @inlinable
    @inline(__always)
    @discardableResult
    public func deleteAll(_ header: KnownHeader) -> Int { mayHave(header) ? deleteEach(header) : 0 }

    @usableFromInline
    @inline(never)
    func deleteEach(_ header: KnownHeader) -> Int {
        var deleted = 0
        var next = firstIndex(of: header)
        while let index = next {
            delete(index)
            deleted += 1
            next = nextIndex(of: header, behind: index)
        }
        // SAFETY: `state` is initialized for the life of self.
        unsafe state.pointee.present &= ~(1 << UInt64(header.rawValue))
        unsafe state.pointee.repeated &= ~(1 << UInt64(header.rawValue))
        return deleted
    }

    /// Deletes all fields of a name; returns how many there were.
    @discardableResult
    public func deleteAll(named name: Span<UInt8>) -> Int {
        var deleted = 0
        var start = 0
        while let index = firstIndex(named: name, from: start) {
            delete(index)
            deleted += 1
            start = index + 1
        }
        return deleted
    }

    /// Adds a field after all others; name and value are copied.
    public func add(name: Span<UInt8>, value: Span<UInt8>) -> HeadEditResult {
        add(name: name, KnownHeader(name: name), value: value)
    }

    private func add(name: Span<UInt8>, _ known: KnownHeader, value: Span<UInt8>) -> HeadEditResult {
        guard HTTPCharacters.isToken(name), name.count <= Int(UInt16.max), HTTPCharacters.isFieldValue(value) else {
            return .invalid
        }
        // SAFETY: `state` is initialized for the life of self; the new entry is in range of the allocation and made of
        // slices of the arena.
        guard unsafe state.pointee.fieldCount < state.pointee.fieldCapacity else { return .tooManyFields }
        guard let place = reserve(name.count + value.count) else { return .noSpace }
        write(name, at: place)
        write(value, at: place + name.count)
        let count = unsafe state.pointee.fieldCount
        unsafe (fields + count).initialize(
            to: FieldEntry(
                nameOffset: UInt32(place), nameLength: UInt16(name.count), valueOffset: UInt32(place + name.count),
                valueLength: UInt32(value.count), known: known, flags: [.nameInArena, .valueInArena]))
        unsafe state.pointee.fieldCount = count + 1
        let bit: UInt64 = 1 << UInt64(known.rawValue)
        unsafe state.pointee.repeated |= state.pointee.present & bit
        unsafe state.pointee.present |= bit
        return .done
    }

    /// Adds a field of a known kind, its name in lower case.
    public func add(_ header: KnownHeader, value: Span<UInt8>) -> HeadEditResult {
        add(name: header.name.bytes, value: value)
    }

    /// Adds a field whose name and value are literals.
    public func add(_ header: KnownHeader, value: StaticString) -> HeadEditResult {
        add(name: header.name.bytes, value: value.bytes)
    }

    /// Makes this the only field of its name: the others are deleted.
    public func set(name: Span<UInt8>, value: Span<UInt8>) -> HeadEditResult {
        let before = fieldCount
        let known = KnownHeader(name: name)
        let result = add(name: name, known, value: value)
        guard result == .done else { return result }
        for index in 0..<before {
            let field = entry(index)
            // What is cheap to compare first: most fields differ in it.
            guard field.known == known, Int(field.nameLength) == name.count, !field.flags.contains(.deleted),
                known != .other || span(field.name).equalsIgnoringCase(name)
            else { continue }
            delete(index)
        }
        return .done
    }

    /// Replaces the value of one field; it keeps its place.
    public func setValue(_ index: Int, _ value: Span<UInt8>) -> HeadEditResult {
        precondition(index >= 0 && index < fieldCount)
        guard HTTPCharacters.isFieldValue(value) else { return .invalid }
        guard let place = reserve(value.count) else { return .noSpace }
        write(value, at: place)
        // SAFETY: entries below `fieldCount` are initialized; the value is inside the arena.
        unsafe fields[index].valueOffset = UInt32(place)
        unsafe fields[index].valueLength = UInt32(value.count)
        unsafe fields[index].flags.insert(.valueInArena)
        return .done
    }

    /// Writes the name of a field in other letters, where it stands.
    ///
    /// - Parameter name: the same but for the case of letters; else nothing is changed.
    public func respell(_ index: Int, _ name: Span<UInt8>) {
        let slice = nameSlice(index)
        guard span(slice).equalsIgnoringCase(name) else { return }
        // SAFETY: the slice is in the arena, or in the received bytes, which lie in a block that their owner may write
        // to; both sides have as many bytes.
        let place = unsafe buffer(slice)
        guard let start = place.baseAddress else { return }
        unsafe name.withUnsafeBytes { source in
            if let from = source.baseAddress {
                unsafe UnsafeMutableRawPointer(mutating: start).copyMemory(from: from, byteCount: source.count)
            }
        }
    }

    /// Replaces the method.
    public func setMethod(_ token: Span<UInt8>) -> HeadEditResult {
        guard HTTPCharacters.isToken(token) else { return .invalid }
        guard let slice = store(token) else { return .noSpace }
        // SAFETY: `state` is initialized for the life of self.
        unsafe state.pointee.method = slice
        unsafe state.pointee.methodKind = HTTPMethod(token: token)
        unsafe state.pointee.pathIsKnown = false
        unsafe state.pointee.startLineEdited = true
        return .done
    }

    /// Replaces the whole request target.
    public func setTarget(_ target: Span<UInt8>) -> HeadEditResult {
        guard HTTPCharacters.isTarget(target) else { return .invalid }
        guard let slice = store(target) else { return .noSpace }
        // SAFETY: `state` is initialized for the life of self.
        unsafe state.pointee.target = slice
        unsafe state.pointee.pathIsKnown = false
        unsafe state.pointee.startLineEdited = true
        return .done
    }

    /// Replaces the status of a response, and its reason phrase by the one given or the standard one.
    public func setStatus(_ status: HTTPStatus, reason: Span<UInt8>? = nil) -> HeadEditResult {
        guard status.code >= 100, status.code <= 999 else { return .invalid }
        if let reason, !HTTPCharacters.isFieldValue(reason) { return .invalid }
        let stored = if let reason { store(reason) } else { store(status.reason.bytes) }
        guard let stored else { return .noSpace }
        // SAFETY: `state` is initialized for the life of self.
        unsafe state.pointee.status = status.code
        unsafe state.pointee.reason = stored
        unsafe state.pointee.startLineEdited = true
        return .done
    }

    /// Copies bytes to the arena; nil when it is full.
    func store(_ bytes: Span<UInt8>) -> HeadSlice? {
        guard let place = reserve(bytes.count) else { return nil }
        write(bytes, at: place)
        return HeadSlice(offset: UInt32(place), length: UInt32(bytes.count), inArena: true)
    }

    /// Takes room in the arena; nil when there is not enough. The first call of a head's life allocates.
    private func reserve(_ count: Int) -> Int? {
        // SAFETY: `state` is initialized for the life of self; the arena is `arenaCapacity` bytes once it is not nil.
        let used = unsafe Int(state.pointee.arenaUsed)
        guard unsafe count <= Int(state.pointee.arenaCapacity) - used else { return nil }
        if unsafe state.pointee.arena == nil {
            unsafe state.pointee.arena = .allocate(byteCount: Int(state.pointee.arenaCapacity), alignment: 8)
        }
        unsafe state.pointee.arenaUsed = UInt32(used + count)
        return used
    }

    private func write(_ bytes: Span<UInt8>, at place: Int) {
        guard bytes.count > 0 else { return }
        // SAFETY: `reserve` made sure that `place` and the bytes after it are inside the arena; the source does not
        // overlap it, because that part of the arena was free.
        unsafe bytes.withUnsafeBytes { source in
            if let arena = unsafe state.pointee.arena, let start = source.baseAddress {
                unsafe (arena + place).copyMemory(from: start, byteCount: source.count)
            }
        }
    }
}

extension StaticString {
    /// The literal's bytes.
    @inlinable
    public var bytes: Span<UInt8> {
        @_lifetime(immortal)
        get {
            // SAFETY: a literal lives for the whole run of the program.
            let span = unsafe Span<UInt8>(_unsafeStart: utf8Start, count: utf8CodeUnitCount)
            return unsafe _overrideLifetime(span, copying: ())
        }
    }
}
