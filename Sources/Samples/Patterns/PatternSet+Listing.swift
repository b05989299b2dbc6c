import Base

/// What the runtime API shows of sets (management guide, section 9.3, `show acl` and `show map`).
extension PatternSet {
    /// Gives the sets the numbers by which the runtime API names them: their own where `-u` says one, the others the
    /// lowest that are free, in order.
    public static func assignNumbers(_ sets: [PatternSet]) {
        let forced = Set(sets.compactMap { Int($0.name) })
        var next = 0
        for set in sets {
            if let number = Int(set.name) {
                set.id = number
                continue
            }
            while forced.contains(next) { next += 1 }
            set.id = next
            next += 1
        }
    }

    /// The name of its file; empty without one.
    public var fileName: String { Int(name) == nil ? name : "" }

    /// One line: number, file, who uses it, versions and entries.
    public var summaryLine: String {
        let users = uses.map(\.text)
        let description =
            fileName.isEmpty
            ? users.joined(separator: ", ")
            : "pattern loaded from file '\(fileName)' used by " + users.joined(separator: ", by ")
        let (current, next, count) = summary
        return "\(id) (\(fileName)) \(description). curr_ver=\(current) next_ver=\(next) entry_cnt=\(count)"
    }

    /// The entries of a version as they are shown: reference, pattern and value.
    public func listing(_ version: UInt32?) -> [String] {
        entries(version).map { entry in
            let reference = "0x" + String(entry.reference, radix: 16)
            let pattern = String(decoding: entry.pattern, as: UTF8.self)
            guard let value = entry.value else { return "\(reference) \(pattern)" }
            return "\(reference) \(pattern) \(String(decoding: value, as: UTF8.self))"
        }
    }

    /// What a lookup of a text finds, a line for each method that the set is used with.
    public func lookup(_ text: [UInt8], asMap: Bool) -> [String] {
        let scope = SampleScope(valueLimit: max(64, text.count))
        let literal = LiteralBytes(text)
        return withExtendedLifetime(literal) {
            matchers.map { matcher in
                let start =
                    "type=\(matcher.method.rawValue), case=\(matcher.ignoresCase ? "insensitive" : "sensitive"), "
                scope.beginEvaluation()
                guard let found = matcher.finding(literal.sample(), scope) else {
                    return start + (asMap ? "found=no" : "match=no")
                }
                let tree = "idx=\(found.isTree ? "tree" : "list")"
                let pattern = String(decoding: found.pattern, as: UTF8.self)
                guard asMap else { return start + "match=yes, \(tree), pattern=\"\(pattern)\"" }
                let value =
                    found.value.map { "\"\(String(decoding: $0, as: UTF8.self))\", type=\"str\"" } ?? "none"
                return start + "found=yes, \(tree), key=\"\(pattern)\", value=\(value)"
            }
        }
    }

    /// Sets the value of the entry that a reference names; false when there is none.
    public func set(reference: UInt, value: [UInt8]) throws(PatternFailure) -> Bool {
        try change(reference: reference, value: value)
    }

    /// Deletes the entry that a reference names; false when there is none.
    public func remove(reference: UInt) -> Bool { (try? change(reference: reference, value: nil)) ?? false }
}
