import Samples

/// Evaluates the conditions of `.if` and of the command line's `-cc` (manual, section 2.4).
public struct ConditionEvaluator: Sendable {
    /// Why a condition could not be read.
    public struct Failure: Error, Sendable, Equatable {
        public var message: String
        /// Byte offset within the condition.
        public var offset: Int
        /// How many bytes are wrong.
        var count = 1
        public var help: Help?
    }

    /// Names that `feature(NAME)` answers yes to: those behind a `+` in `-vv`.
    public var features: Set<String>
    /// Names that `enabled(NAME)` answers yes to: POLL, EPOLL, KQUEUE, SPLICE and kin, as the command line left them.
    public var enabledOptions: Set<String>
    /// The dialect that `version_atleast` and `version_before` compare with.
    public var dialectVersion: String
    /// Version of OpenSSL, nil without TLS: then `openssl_version_*` are false.
    public var openSSLVersion: String?
    private let isDefined: @Sendable (String) -> Bool

    /// Parentheses nest at most this deep.
    static let depthLimit = 64

    /// - Parameter isDefined: whether an environment variable is set.
    public init(
        features: Set<String>, enabledOptions: Set<String> = [], dialectVersion: String,
        openSSLVersion: String? = nil, isDefined: @escaping @Sendable (String) -> Bool
    ) {
        self.features = features
        self.enabledOptions = enabledOptions
        self.dialectVersion = dialectVersion
        self.openSSLVersion = openSSLVersion
        self.isDefined = isDefined
    }

    /// The value of a condition. The empty one is false. Everything is read, also behind a decided `||`.
    public func evaluate(_ condition: String) throws(Failure) -> Bool {
        var scanner = Scanner(bytes: Array(condition.utf8), evaluator: self)
        scanner.skipBlanks()
        if scanner.isAtEnd { return false }
        let value = try scanner.alternatives(depth: 0)
        scanner.skipBlanks()
        guard scanner.isAtEnd else {
            throw Failure(message: "unexpected '\(scanner.rest)' at the end of the condition", offset: scanner.cursor)
        }
        return value
    }
}

extension ConditionEvaluator {
    /// A predicate of the language: declared once, here.
    struct Predicate: Sendable {
        var name: String
        var argumentCount: Int
        var documentation: String
        var evaluate: @Sendable (ConditionEvaluator, [String]) throws(Failure) -> Bool
    }

    static let predicates: [Predicate] = [
        Predicate(name: "defined", argumentCount: 1, documentation: "the environment variable is set") {
            evaluator, arguments throws(Failure) in evaluator.isDefined(arguments[0])
        },
        Predicate(name: "enabled", argumentCount: 1, documentation: "the run-time option is on") {
            evaluator, arguments throws(Failure) in evaluator.enabledOptions.contains(arguments[0])
        },
        Predicate(name: "feature", argumentCount: 1, documentation: "the feature is built in") {
            evaluator, arguments throws(Failure) in evaluator.features.contains(arguments[0])
        },
        Predicate(name: "openssl_version_atleast", argumentCount: 1, documentation: "OpenSSL is that recent") {
            evaluator, arguments throws(Failure) in
            let wanted = try Version(arguments[0])
            guard let version = evaluator.openSSLVersion else { return false }
            return try Version(version) >= wanted
        },
        Predicate(name: "openssl_version_before", argumentCount: 1, documentation: "OpenSSL is older") {
            evaluator, arguments throws(Failure) in
            let wanted = try Version(arguments[0])
            guard let version = evaluator.openSSLVersion else { return false }
            return try Version(version) < wanted
        },
        Predicate(name: "ssllib_name_startswith", argumentCount: 1, documentation: "the TLS library's name") {
            evaluator, arguments throws(Failure) in
            evaluator.openSSLVersion != nil && "OpenSSL".hasPrefix(arguments[0])
        },
        Predicate(name: "streq", argumentCount: 2, documentation: "the strings are equal") {
            _, arguments throws(Failure) in arguments[0] == arguments[1]
        },
        Predicate(name: "strneq", argumentCount: 2, documentation: "the strings differ") {
            _, arguments throws(Failure) in arguments[0] != arguments[1]
        },
        Predicate(name: "strstr", argumentCount: 2, documentation: "the first string contains the second") {
            _, arguments throws(Failure) in
            Array(arguments[0].utf8).contains(subsequence: Array(arguments[1].utf8))
        },
        Predicate(name: "version_atleast", argumentCount: 1, documentation: "this version is that recent") {
            evaluator, arguments throws(Failure) in
            try Version(evaluator.dialectVersion) >= Version(arguments[0])
        },
        Predicate(name: "version_before", argumentCount: 1, documentation: "this version is older") {
            evaluator, arguments throws(Failure) in
            try Version(evaluator.dialectVersion) < Version(arguments[0])
        },
    ]

    /// A version such as `2.4-dev19` or `3.4.1`: missing parts are zero, and a `-dev` comes before the release.
    struct Version: Comparable {
        var parts: [Int]

        init(_ text: String) throws(Failure) {
            var rest = Array(text.utf8)[...]
            func number() -> Int? {
                let digits = rest.prefix(while: \.isDigit)
                guard let value = try? Quantities.integer(digits) else { return nil }
                rest = rest.dropFirst(digits.count)
                return value
            }
            func takes(_ prefix: String) -> Bool {
                guard rest.starts(with: prefix.utf8) else { return false }
                rest = rest.dropFirst(prefix.utf8.count)
                return true
            }
            guard let major = number() else {
                throw Failure(
                    message: "'\(text)' is no version", offset: 0, help: "a version looks like 2.6 or 3.4-dev1")
            }
            let minor = takes(".") ? number() ?? 0 : 0
            let development = takes("-dev") ? number() ?? 0 : Int.max
            let patch = takes(".") ? number() ?? 0 : 0
            parts = [major, minor, development, patch, takes("-") ? number() ?? 0 : 0]
        }

        static func < (left: Version, right: Version) -> Bool { left.parts.lexicographicallyPrecedes(right.parts) }
    }

    private struct Scanner {
        let bytes: [UInt8]
        let evaluator: ConditionEvaluator
        var cursor = 0

        init(bytes: [UInt8], evaluator: ConditionEvaluator) {
            self.bytes = bytes
            self.evaluator = evaluator
        }

        var isAtEnd: Bool { cursor >= bytes.count }
        var rest: String { String(decoding: bytes[min(cursor, bytes.count)...], as: UTF8.self) }

        mutating func skipBlanks() {
            while cursor < bytes.count, bytes[cursor].isBlank { cursor += 1 }
        }

        mutating func takes(_ text: String) -> Bool {
            skipBlanks()
            guard bytes[cursor...].starts(with: text.utf8) else { return false }
            cursor += text.utf8.count
            return true
        }

        mutating func alternatives(depth: Int) throws(Failure) -> Bool {
            var value = try conjunction(depth: depth)
            while takes("||") {
                let right = try conjunction(depth: depth)
                value = value || right
            }
            return value
        }

        mutating func conjunction(depth: Int) throws(Failure) -> Bool {
            var value = try term(depth: depth)
            while takes("&&") {
                let right = try term(depth: depth)
                value = value && right
            }
            return value
        }

        mutating func term(depth: Int) throws(Failure) -> Bool {
            var isNegated = false
            while takes("!") { isNegated.toggle() }
            skipBlanks()
            guard cursor < bytes.count else {
                throw Failure(message: "the condition ends where a term is expected", offset: cursor)
            }
            if bytes[cursor] == UInt8(ascii: "(") {
                guard depth < ConditionEvaluator.depthLimit else {
                    throw Failure(message: "parentheses nest too deep", offset: cursor)
                }
                let open = cursor
                cursor += 1
                let value = try alternatives(depth: depth + 1)
                guard takes(")") else { throw Failure(message: "missing ')' for this '('", offset: open) }
                return value != isNegated
            }
            return try atom() != isNegated
        }

        mutating func atom() throws(Failure) -> Bool {
            let start = cursor
            let first = bytes[cursor]
            if first.isDigit || first == UInt8(ascii: "-") {
                cursor += 1
                while cursor < bytes.count, bytes[cursor].isDigit { cursor += 1 }
                let digits = bytes[start..<cursor]
                guard digits.contains(where: \.isDigit) else {
                    throw Failure(message: "unexpected '-' in the condition", offset: start)
                }
                return digits.contains { $0 != UInt8(ascii: "0") && $0 != UInt8(ascii: "-") }
            }
            while cursor < bytes.count, bytes[cursor].isLetter || bytes[cursor] == UInt8(ascii: "_") { cursor += 1 }
            let name = String(decoding: bytes[start..<cursor], as: UTF8.self)
            guard let predicate = ConditionEvaluator.predicates.first(where: { $0.name == name }) else {
                let found = name.isEmpty ? rest : name
                throw Failure(
                    message: "unknown predicate '\(found)' in the condition", offset: start, count: found.utf8.count,
                    help: Suggestions.help(for: found, among: ConditionEvaluator.predicates.map(\.name)))
            }
            guard cursor < bytes.count, bytes[cursor] == UInt8(ascii: "(") else {
                throw Failure(message: "missing arguments after '\(name)'", offset: cursor, help: "write \(name)(...)")
            }
            let list: ArgumentList
            do {
                list = try ArgumentList.parse(bytes, from: cursor)
            } catch {
                throw Failure(message: error.message, offset: error.offset)
            }
            guard list.arguments.count == predicate.argumentCount else {
                throw Failure(
                    message: "'\(name)' takes \(predicate.argumentCount) "
                        + "argument\(predicate.argumentCount == 1 ? "" : "s"), not \(list.arguments.count)",
                    offset: cursor)
            }
            do {
                let value = try predicate.evaluate(
                    evaluator, list.arguments.map { String(decoding: $0, as: UTF8.self) })
                cursor = list.end
                return value
            } catch {
                throw Failure(message: error.message, offset: start, help: error.help)
            }
        }
    }
}

extension [UInt8] {
    /// Whether the bytes stand somewhere inside; the empty sequence does.
    func contains(subsequence other: [UInt8]) -> Bool {
        guard other.count <= count else { return false }
        return (0...(count - other.count)).contains { self[$0...].starts(with: other) }
    }
}
