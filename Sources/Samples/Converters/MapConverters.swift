import Base

/// Maps: files of keys and values (manual, section 7.3.1, `map`).
enum MapConverters {
    static let all: [ConverterKeyword] =
        [map("map", .string, .text), map("map_regm", .regex, .references)]
        + ([.string, .prefix, .substring, .subdirectory, .domain, .suffix, .regex, .integer, .ip] as [MatchMethod])
        .flatMap { method in
            let name = "map_\(method.rawValue)"
            return [
                map(name, method, .text), map("\(name)_int", method, .integer), map("\(name)_ip", method, .address),
            ]
        }

    /// What a value is made into.
    enum Output: Sendable {
        case text, integer, address
        /// Text with references to the groups of the expression that matched.
        case references

        var type: ConverterInput {
            switch self {
            case .text, .references: .type(.string)
            case .integer: .type(.integer)
            case .address: .address
            }
        }
    }

    private static func map(_ name: String, _ method: MatchMethod, _ output: Output) -> ConverterKeyword {
        ConverterKeyword(
            name, ArgumentShape([.string], optional: [output == .integer ? .integer : .string]), method.input,
            output.type, "The value that a map has for a key matched by '\(method.rawValue)'",
            prepare: { arguments, context throws(ArgumentFailure) in
                try MapLookup(arguments, method, output, context)
            }
        ) { sample, scope, arguments in
            arguments.withMade(MapLookup.self) { $0.find(sample, scope) }
        }
    }
}

/// A map, seen through one method, and what is given when it has no value.
final class MapLookup: Sendable {
    private let matcher: PatternMatcher
    private let output: MapConverters.Output
    private let fallback: LiteralBytes?
    private let hasFallback: Bool

    init(
        _ arguments: Arguments, _ method: MatchMethod, _ output: MapConverters.Output, _ context: ArgumentContext
    ) throws(ArgumentFailure) {
        self.output = output
        hasFallback = arguments.has(1)
        switch arguments[1] {
        case .integer(let value): fallback = LiteralBytes(Array("\(value)".utf8))
        case .string(let bytes): fallback = LiteralBytes(bytes)
        default: fallback = nil
        }
        let path = String(decoding: arguments.string(0), as: UTF8.self)
        if path.isEmpty { throw ArgumentFailure(0, "a file name is expected") }
        let set = try context.patternSet(path) { () throws(ArgumentFailure) in
            let set = PatternSet(name: path)
            do { try set.load(try context.readFile(path), withValues: true) } catch let error as PatternSet.FileFailure
            {
                throw ArgumentFailure(0, "'\(path)', line \(error.line): \(error.failure.message)")
            } catch let error as ArgumentFailure {
                throw error
            } catch {
                throw ArgumentFailure(0, "'\(path)' cannot be read", reason: .file)
            }
            return set
        }
        guard set.hasValues else {
            throw ArgumentFailure(
                0, "'\(path)' is used by an ACL as a list of patterns", help: "load it there with -M -f '\(path)'")
        }
        do { matcher = try set.matcher(method) } catch { throw ArgumentFailure(0, "'\(path)': \(error.message)") }
        do throws(PatternFailure) {
            switch output {
            case .integer: try set.requireValues(MapLookup.checkInteger)
            case .address: try set.requireValues(MapLookup.checkAddress)
            case .text, .references: break
            }
        } catch {
            throw ArgumentFailure(
                0, "'\(path)': \(error.message)",
                help: "every value of this map must be \(output == .integer ? "an integer" : "an address")")
        }
        if output == .address, let fallback, MapLookup.address(fallback.sample()) == nil {
            throw ArgumentFailure(1, "the default is no address")
        }
        set.note(use: "map at \(context.place)", isMap: true)
    }

    @Sendable
    private static func checkInteger(_ value: [UInt8]) throws(PatternFailure) {
        guard Int64(String(decoding: value, as: UTF8.self)) != nil else {
            throw PatternFailure("unable to parse '\(String(decoding: value, as: UTF8.self))'.")
        }
    }

    @Sendable
    private static func checkAddress(_ value: [UInt8]) throws(PatternFailure) {
        guard SampleCasts.leadingIPv4(value.span) != nil || SampleCasts.textIPv6(value.span) != nil else {
            throw PatternFailure("unable to parse '\(String(decoding: value, as: UTF8.self))'.")
        }
    }

    private static func address(_ text: Sample) -> Sample? {
        SampleCasts.leadingIPv4(text.span).map { Sample($0) } ?? SampleCasts.textIPv6(text.span).map { Sample($0) }
    }

    func find(_ sample: Sample, _ scope: SampleScope) -> Sample? {
        guard let found = matcher.match(sample, scope) else {
            guard hasFallback, let fallback else { return nil }
            return made(fallback.sample())
        }
        guard let value = found.value else { return nil }
        guard output == .references else { return made(value) }
        return scope.scratch.compose { output in
            RegexReplacement.write(template: value.span, to: &output, sample.span, scope.regexMatch)
            return true
        }
    }

    /// The value's text as the type of the output.
    private func made(_ text: Sample) -> Sample? {
        switch output {
        case .text, .references: text
        case .integer: Sample(SampleCasts.leadingInteger(text.span))
        case .address: MapLookup.address(text)
        }
    }
}
