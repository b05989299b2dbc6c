import Base

/// What an argument of a fetch or of a converter may be.
public enum ArgumentKind: Sendable, Hashable {
    case string
    case integer
    /// A time; the unit that a bare number has.
    case milliseconds
    case ipv4, ipv6, ipv4Mask, ipv6Mask
    /// A literal number, or the name of a variable (`add(<value>)`).
    case integerOrVariable
    /// A literal string, or the name of a variable.
    case stringOrVariable
    /// The name of a variable: `txn.name`.
    case variable
    case regex
    /// Names of objects of the configuration. They are looked up when everything has been read.
    case frontend, backend, server, userlist, table
    /// Numbers joined by dots: a field of a protocol buffer.
    case protobufField

    /// Whether it names an object of the configuration that may be left out: the one at hand is meant then.
    var hasDefault: Bool { self == .frontend || self == .backend || self == .table }

    /// The word that `-dK` prints.
    public var name: String {
        switch self {
        case .string, .integerOrVariable, .stringOrVariable, .variable: "string"
        case .integer: "integer"
        case .milliseconds: "delay"
        case .ipv4: "IPv4 address"
        case .ipv6: "IPv6 address"
        case .ipv4Mask: "IPv4 mask"
        case .ipv6Mask: "IPv6 mask"
        case .regex: "regex"
        case .frontend: "frontend"
        case .backend: "backend"
        case .server: "server"
        case .userlist: "user list"
        case .table: "table"
        case .protobufField: "Protocol buffers field number"
        }
    }
}

/// The arguments that a keyword takes: the required ones, then the optional ones.
public struct ArgumentShape: Sendable {
    public var required: [ArgumentKind]
    public var optional: [ArgumentKind]

    public init(_ required: [ArgumentKind] = [], optional: [ArgumentKind] = []) {
        self.required = required
        self.optional = optional
    }

    public static let none = ArgumentShape()

    public var maximum: Int { required.count + optional.count }
    public func kind(_ index: Int) -> ArgumentKind {
        index < required.count ? required[index] : optional[index - required.count]
    }
}

/// An argument as it was read.
public enum ArgumentValue: Sendable {
    /// Left out, or empty where that is allowed.
    case absent
    case string([UInt8])
    case integer(Int64)
    case ipv4(IPv4Address)
    case ipv6(IPv6Address)
    case ipv4Mask(UInt32)
    case ipv6Mask(IPv6Address)
    case variable(VariableName)
    case regex(Regex, flags: [UInt8])
    /// An object of the configuration, by index: of a frontend or backend, among the tree's proxies; of a server, with
    /// its proxy. -1: the proxy that the stream is at.
    case frontend(Int), backend(Int), server(proxy: Int, server: Int), userlist(Int)
    case path([UInt32])
    /// The name of an object that was not known yet; the owner of the context resolves it after the last section.
    case unresolved([UInt8])
}

/// The arguments of one call, and what was prepared from them once.
///
/// Thread-safety: constant after the configuration has been read.
// SAFETY: Sendable because nothing is written after the parser is done with it; the unmanaged reference is to what the
// property beside it holds.
@safe
public final class Arguments: @unchecked Sendable {
    public internal(set) var values: [ArgumentValue]
    /// What the keyword's `prepare` made of the arguments: a map, a key, a table of characters.
    public internal(set) var prepared: AnyObject? {
        didSet { unsafe preparedReference = prepared.map { unsafe Unmanaged.passUnretained($0) } }
    }
    // SAFETY: what `prepared` holds, which does not change once the configuration is read: reading that would count a
    // reference in each evaluation.
    private var preparedReference: Unmanaged<AnyObject>?

    init(_ values: [ArgumentValue]) { self.values = values }

    /// Lets `body` use what `prepare` made; nil when it made nothing.
    /// - Parameter type: that the keyword's `prepare` returns.
    @inline(__always)
    func withMade<Made: AnyObject, Result>(_ type: Made.Type, _ body: (Made) -> Result?) -> Result? {
        guard let reference = unsafe preparedReference else { return nil }
        // SAFETY: the same table entry names the type in `prepare` and here; debug builds check it in `made`.
        return unsafe Unmanaged<Made>.fromOpaque(reference.toOpaque())._withUnsafeGuaranteedRef { body($0) }
    }

    public var count: Int { values.count }

    /// Replaces an argument that was `.unresolved`. Before the configuration is in use.
    public func resolve(_ index: Int, _ value: ArgumentValue) {
        precondition(index < values.count)
        values[index] = value
    }

    /// An argument; `.absent` beyond the last.
    public subscript(_ index: Int) -> ArgumentValue { index < values.count ? values[index] : .absent }

    /// An integer argument, or a default.
    public func integer(_ index: Int, default fallback: Int64 = 0) -> Int64 {
        if case .integer(let value) = self[index] { return value }
        return fallback
    }

    /// A string argument, or nothing.
    public func string(_ index: Int) -> [UInt8] {
        if case .string(let bytes) = self[index] { return bytes }
        return []
    }

    public func has(_ index: Int) -> Bool {
        if case .absent = self[index] { return false }
        return true
    }
}

/// Why an expression cannot be read.
public struct ExpressionFailure: Error, Sendable {
    public enum Reason: Sendable, Hashable {
        /// The name is in no table; it may be one that HAProxy knows.
        case unknownFetch(String), unknownConverter(String)
        /// The fetch has no value where the expression stands.
        case unavailable
        /// A format, a file that cannot be read, a regular expression.
        case format, file, regex
        case other
    }

    public var reason: Reason
    public var message: String
    /// Bytes of the text that are at fault.
    public var range: Range<Int>
    public var help: String?

    public init(_ message: String, at range: Range<Int>, help: String? = nil, reason: Reason = .other) {
        self.message = message
        self.range = range
        self.help = help
        self.reason = reason
    }
}
