/// A sample fetch: declared once, as a value in one of the tables of `Fetches/`.
///
/// The parser, the messages, `-dKsmp` and the reference page read the tables.
public struct FetchKeyword: Sendable {
    public let name: String
    public let arguments: ArgumentShape
    /// The type that it yields in general; the value that a call yields tells its own.
    public let output: SampleType
    public let source: SampleSource
    public let documentation: String
    public let manualSection: String
    /// Only `-dKsmp` and the parser see it as another name of the same fetch.
    public let isAlias: Bool
    /// Checks the arguments when they are read, and makes what evaluation needs of them.
    let prepare: (@Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject?)?
    /// Fetches the value; nil when there is none. `scope.mayChange` is set when that may be otherwise with more data.
    ///
    /// For a fetch of several values (a field), `scope.iterates` says whether one after the other is wanted, as an ACL
    /// does, or the one that the manual names. It then keeps its place in `scope.place`, and sets `scope.hasMore` with
    /// each value.
    let evaluate: @Sendable (SampleScope, Arguments) -> Sample?

    public init(
        _ name: String, _ arguments: ArgumentShape = .none, _ output: SampleType, _ source: SampleSource,
        section: String, _ documentation: String, alias: Bool = false,
        prepare: (@Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject?)? = nil,
        evaluate: @escaping @Sendable (SampleScope, Arguments) -> Sample?
    ) {
        self.name = name
        self.arguments = arguments
        self.output = output
        self.source = source
        self.documentation = documentation
        manualSection = section
        isAlias = alias
        self.prepare = prepare
        self.evaluate = evaluate
    }

    /// What a call yields, as far as it is known before: any type for variables, which have the type that was stored.
    public var yields: ConverterInput { name == "var" ? .any : .type(output) }

    /// Whether it looks into an HTTP message.
    public var needsHTTP: Bool { manualSection == "7.3.6" }

    /// The same fetch under another name.
    func renamed(_ name: String) -> FetchKeyword {
        FetchKeyword(
            name, arguments, output, source, section: manualSection, documentation, alias: true, prepare: prepare,
            evaluate: evaluate)
    }
}

/// What a converter takes: a type, an address of either kind, or anything.
public enum ConverterInput: Sendable, Hashable {
    case type(SampleType)
    case address
    case any

    public var name: String {
        switch self {
        case .type(let type): type.name
        case .address: "addr"
        case .any: "any"
        }
    }
}

/// A converter: declared once, as a value in one of the tables of `Converters/`.
public struct ConverterKeyword: Sendable {
    public let name: String
    public let arguments: ArgumentShape
    public let input: ConverterInput
    /// `.any`: what went in.
    public let output: ConverterInput
    public let documentation: String
    let prepare: (@Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject?)?
    /// Converts the sample, which has been cast to the input type; nil: the conversion fails and the expression has no
    /// value. Bytes that it makes go to `scope.scratch`.
    let convert: @Sendable (Sample, SampleScope, Arguments) -> Sample?

    public init(
        _ name: String, _ arguments: ArgumentShape = .none, _ input: ConverterInput, _ output: ConverterInput,
        _ documentation: String,
        prepare: (@Sendable (Arguments, ArgumentContext) throws(ArgumentFailure) -> AnyObject?)? = nil,
        convert: @escaping @Sendable (Sample, SampleScope, Arguments) -> Sample?
    ) {
        self.name = name
        self.arguments = arguments
        self.input = input
        self.output = output
        self.documentation = documentation
        self.prepare = prepare
        self.convert = convert
    }
}

/// What is wrong with an argument: its index, and a sentence.
public struct ArgumentFailure: Error, Sendable {
    public var index: Int
    public var message: String
    public var help: String?
    public var reason: ExpressionFailure.Reason
    /// The byte of the argument that is wrong; nil: all of it.
    public var offset: Int?

    public init(
        _ index: Int, _ message: String, help: String? = nil, reason: ExpressionFailure.Reason = .other,
        offset: Int? = nil
    ) {
        self.index = index
        self.message = message
        self.help = help
        self.reason = reason
        self.offset = offset
    }

    /// A regular expression that is none.
    init(_ index: Int, _ error: Regex.Failure) {
        self.init(
            index, "no regular expression: \(error.message)", reason: .regex, offset: error.offset)
    }
}

/// What the tables' `prepare` functions and the parser need of who reads the configuration.
open class ArgumentContext {
    public init() {}

    /// Where the expression stands, as the runtime API tells it of maps: `file 'h.cfg' line 10`.
    open var place: String { "" }

    /// Reads a file that an argument names (a map, a key).
    open func readFile(_ path: String) throws(ArgumentFailure) -> [UInt8] {
        throw ArgumentFailure(0, "files cannot be read here", reason: .file)
    }

    /// The value of an environment variable, as the configuration has it.
    open func environmentVariable(_ name: String) -> String? { nil }

    /// The name of this machine.
    open var hostName: String { "" }

    /// The set of patterns, or the map, of that name: one for all that name it. Made at the first call.
    open func patternSet(_ name: String, make: () throws(ArgumentFailure) -> PatternSet) throws(ArgumentFailure)
        -> PatternSet
    {
        try make()
    }

    /// The index of a named object of the configuration; nil when there is none (or not yet: what is unresolved is
    /// asked for again after the last section). An empty name means the section at hand.
    open func find(_ kind: ArgumentKind, _ name: String) -> ArgumentValue? { nil }

    /// Called for each argument that names an object that `find` did not have: whoever owns the context puts the
    /// object's index in its place with `Arguments.resolve`, or reports that there is none.
    ///
    /// `place` is where the text of the expression has the name; or, where it is left out, the keyword.
    open func resolveLater(
        _ arguments: Arguments, _ index: Int, _ kind: ArgumentKind, _ name: String, of keyword: String,
        at place: Range<Int>
    ) {}
}
