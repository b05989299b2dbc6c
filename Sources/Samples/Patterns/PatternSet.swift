import Base

/// Patterns of an ACL or a map, each with the value that a map gives for it: one set for all that name the same file.
///
/// It may be changed while it is used (runtime API, `set-map`, `add-acl`): lookups go on meanwhile, see
/// `PatternMatcher`. Several versions may exist (`prepare`, `commit`); the current one is searched.
///
/// Thread-safety: any thread; changes take a lock that lookups do not.
// SAFETY: Sendable because all state that changes is read and written under `lock`.
public final class PatternSet: @unchecked Sendable {
    /// The file or the `-u` number by which the runtime API knows it; empty without one.
    public let name: String
    /// A number that the runtime API knows it by, given when the configuration has been read.
    public internal(set) var id = -1

    let lock = PatternLock()
    private let recycler = PatternRecycler()
    private var current: PatternGeneration
    private var prepared: [UInt32: PatternGeneration] = [:]
    private(set) var currentVersion: UInt32 = 0
    private(set) var nextVersion: UInt32 = 0
    private(set) var matchers: [PatternMatcher] = []
    private var valueChecks: [@Sendable ([UInt8]) throws(PatternFailure) -> Void] = []
    /// Who uses it: `acl 'path' file 'h.cfg' line 10`, for the runtime API.
    private(set) var uses: [(isMap: Bool, text: String)] = []

    /// Read as a map: its entries have values.
    public internal(set) var hasValues = false

    /// Entries of one version at most.
    public static let entryLimit = 100_000_000

    public init(name: String) {
        self.name = name
        current = PatternGeneration(recycler)
    }

    /// Lets go of its matchers, which refer to it as it does to them: else a set lives as long as the process. For who
    /// makes many of them, as tests do; the set is not changed any more.
    func forgetMatchers() { lock.withLock { matchers = [] } }

    /// The set as one method sees it, made at the first call.
    ///
    /// - Throws: an entry of the set is no pattern of that method.
    public func matcher(
        _ method: MatchMethod, ignoresCase: Bool = false, isVersion: Bool = false
    ) throws(PatternFailure) -> PatternMatcher {
        try lock.withLock { () throws(PatternFailure) in
            if let known = matchers.first(where: {
                $0.method == method && $0.ignoresCase == ignoresCase && $0.isVersion == isVersion
            }) {
                return known
            }
            let index = PatternIndex.make(method, ignoresCase: ignoresCase, isVersion: isVersion, recycler)
            try current.add(index)
            let made = PatternMatcher(self, method, ignoresCase: ignoresCase, isVersion: isVersion, index)
            matchers.append(made)
            return made
        }
    }

    /// Has all values checked, now and when entries are added (`map_str_int` wants integers).
    func requireValues(
        _ check: @escaping @Sendable ([UInt8]) throws(PatternFailure) -> Void
    ) throws(PatternFailure) {
        try lock.withLock { () throws(PatternFailure) in
            for entry in current.entries() { try check(entry.value ?? []) }
            valueChecks.append(check)
        }
    }

    /// Notes who uses the set.
    public func note(use text: String, isMap: Bool) {
        lock.withLock { uses.append((isMap, text)) }
    }

    public var isUsedByMap: Bool { lock.withLock { uses.contains { $0.isMap } } }
    public var isUsedByACL: Bool { lock.withLock { uses.contains { !$0.isMap } } }

    /// The number of entries of the current version.
    public var count: Int { lock.withLock { current.count } }

    // MARK: Changes

    /// Adds an entry behind the others, whether or not there is one with the same pattern.
    /// - Parameter version: a version that `prepare` gave; nil: the current one.
    public func add(_ pattern: [UInt8], value: [UInt8]? = nil, version: UInt32? = nil) throws(PatternFailure) {
        try change { () throws(PatternFailure) in
            for check in valueChecks { try check(value ?? []) }
            try generation(version).add(pattern, value)
        }
    }

    /// Sets the value of all entries of a pattern; false when there is none.
    public func set(_ pattern: [UInt8], value: [UInt8]) throws(PatternFailure) -> Bool {
        try change { () throws(PatternFailure) in
            for check in valueChecks { try check(value) }
            return current.set(pattern, value)
        }
    }

    /// Sets the value of all entries of a pattern, or adds one: what `set-map` does.
    public func setOrAdd(_ pattern: [UInt8], value: [UInt8]) throws(PatternFailure) {
        try change { () throws(PatternFailure) in
            for check in valueChecks { try check(value) }
            if !current.set(pattern, value) { try current.add(pattern, value) }
        }
    }

    /// Adds an entry unless there is one of that pattern: what `add-acl` does.
    public func addIfAbsent(_ pattern: [UInt8]) throws(PatternFailure) {
        try change { () throws(PatternFailure) in
            if !current.contains(pattern) { try current.add(pattern, nil) }
        }
    }

    /// Deletes all entries of a pattern; false when there is none.
    public func remove(_ pattern: [UInt8]) -> Bool {
        (try? change { () throws(PatternFailure) in current.remove(pattern) }) ?? false
    }

    /// Whether there is an entry of that pattern, letter by letter.
    public func contains(_ pattern: [UInt8]) -> Bool { lock.withLock { current.contains(pattern) } }

    /// Runs a change under the lock, and frees what can be freed.
    func change<Result>(_ body: () throws(PatternFailure) -> Result) throws(PatternFailure) -> Result {
        try lock.withLock { () throws(PatternFailure) in
            defer { recycler.collect() }
            return try body()
        }
    }

    // MARK: Versions

    private func generation(_ version: UInt32?) throws(PatternFailure) -> PatternGeneration {
        guard let version, version != currentVersion else { return current }
        guard isPending(version) else {
            throw PatternFailure("Version number in the future, please use 'prepare' before.")
        }
        if let known = prepared[version] { return known }
        let made = PatternGeneration(recycler)
        for matcher in matchers {
            try made.add(
                PatternIndex.make(
                    matcher.method, ignoresCase: matcher.ignoresCase, isVersion: matcher.isVersion, recycler))
        }
        prepared[version] = made
        return made
    }

    /// Whether a version was prepared and not committed; numbers wrap.
    private func isPending(_ version: UInt32) -> Bool {
        version &- currentVersion >= 1 && version &- currentVersion <= nextVersion &- currentVersion
    }

    /// Gives a number to a new version.
    public func prepare() -> UInt32 {
        lock.withLock {
            nextVersion &+= 1
            return nextVersion
        }
    }

    /// Makes a version the current one, and drops those before it; false when it was not prepared.
    public func commit(_ version: UInt32) -> Bool {
        (try? change { () throws(PatternFailure) in
            guard isPending(version) else { return false }
            install(try generation(version))
            currentVersion = version
            prepared = prepared.filter { isPending($0.key) }
            return true
        }) ?? false
    }

    /// Drops all entries of a version; nil: of the current one.
    public func clear(_ version: UInt32? = nil) {
        _ = try? change { () throws(PatternFailure) in
            if let version, version != currentVersion {
                prepared[version] = nil
                return
            }
            let empty = PatternGeneration(recycler)
            for matcher in matchers {
                try empty.add(
                    PatternIndex.make(
                        matcher.method, ignoresCase: matcher.ignoresCase, isVersion: matcher.isVersion, recycler))
            }
            install(empty)
        }
    }

    private func install(_ generation: PatternGeneration) {
        for (matcher, index) in zip(matchers, generation.indices) {
            unsafe recycler.retire(.object(matcher.replace(index)))
        }
        unsafe recycler.retire(.object(current))
        current = generation
    }

    /// The entries of a version, in the set's order.
    func entries(_ version: UInt32? = nil) -> [PatternGeneration.Entry] {
        lock.withLock {
            guard let version, version != currentVersion else { return current.entries() }
            return prepared[version]?.entries() ?? []
        }
    }

    /// Versions and entries of all versions, as the list of sets shows them.
    var summary: (current: UInt32, next: UInt32, entryCount: Int) {
        lock.withLock {
            (currentVersion, nextVersion, prepared.values.reduce(current.count) { $0 + $1.count })
        }
    }

    /// Sets the value of the entry of that reference, or deletes it when there is none; false when it is not there.
    func change(reference: UInt, value: [UInt8]?) throws(PatternFailure) -> Bool {
        try change { () throws(PatternFailure) in
            if let value {
                for check in valueChecks { try check(value) }
            }
            return current.change(reference: reference, value: value)
        }
    }

    /// Bytes of the records of the current version, without the indices, for tests and measurements.
    var recordBytes: Int { lock.withLock { current.sizeBytes } }
}
