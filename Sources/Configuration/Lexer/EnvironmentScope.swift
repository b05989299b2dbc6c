import Glibc

/// The variables that a configuration may expand: the caller's, the process's, and what the files change themselves.
struct EnvironmentScope {
    /// What was set by the caller or by `setenv`; nil: removed by `unsetenv`.
    private(set) var overrides: [String: String?]
    /// Whether names that are not in `overrides` are looked up in the process.
    private var inherits: Bool
    /// After `resetenv`: the only names that are still looked up in the process.
    private var allowed: Set<String>?

    init(variables: [String: String], inherits: Bool) {
        overrides = variables.mapValues { $0 }
        self.inherits = inherits
    }

    func value(_ name: String) -> String? {
        if let override = overrides[name] { return override }
        guard inherits, allowed?.contains(name) ?? true else { return nil }
        // SAFETY: getenv gives a NUL-terminated string or NULL; it is copied at once, and nothing in this
        // process writes the environment while a configuration is read.
        guard let found = unsafe getenv(name) else { return nil }
        return unsafe String(cString: found)
    }

    mutating func set(_ name: String, to value: String) { overrides[name] = .some(value) }

    mutating func unset(_ name: String) { overrides[name] = .some(nil) }

    /// Drops everything but the given names (manual, section 3.1, `resetenv`).
    mutating func reset(keeping names: Set<String>) {
        overrides = overrides.filter { names.contains($0.key) }
        allowed = names.intersection(allowed ?? names)
    }

    /// What is set here, without what is inherited.
    var changes: [String: String] { overrides.compactMapValues { $0 } }

    /// The first byte of a name is a letter or an underscore, the others may be digits too (manual, section 2.3).
    static func isNameStart(_ byte: UInt8) -> Bool { byte.isLetter || byte == UInt8(ascii: "_") }
    static func isNameByte(_ byte: UInt8) -> Bool { isNameStart(byte) || byte.isDigit }

    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isNameStart(first) else { return false }
        return text.utf8.allSatisfy(isNameByte)
    }
}
