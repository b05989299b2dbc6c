import Base
import Synchronization
import Testing

@testable import Samples

#if canImport(Glibc)
    import Glibc
#endif

/// Expressions with the results that Debian's HAProxy gives, captured with `dev/differential/capture`.
///
/// A line holds an expression, a tab, and `error` (it cannot be read), `none` (it has no value) or the bytes of the value
/// as a string, in hexadecimal digits.
@Suite("Results of HAProxy")
struct ExpectedResultsTests {
    /// What we do otherwise on purpose; see docs/differences.md.
    static let deviations: Set<String> = [
        // A quality of 0 without a dot ends HAProxy's search.
        "str(\"en;q=0, fr;q=0.1\"),language(en;fr)",
        "str(\"en;q=0,fr\"),language(en;fr)",
        "str(\"en;q=0,fr;q=0.1\"),language(en;fr)",
        // HAProxy takes padding for the 64th letter.
        "str(aGVsbG8=),ub64dec",
        "str(ab=),ub64dec,hex",
        // Operators without an operand do nothing in HAProxy.
        "int(7),add", "int(7),add()",
        // Hexadecimal integers are read everywhere.
        "int(7),add(0x10)",
        // What no integer can hold is an error, not the nearest one.
        "int(7),add(99999999999999999999)", "int(9223372036854775808)",
        // Arguments that may be left out may be empty.
        "int(1400000000),http_date(,ms)", "bin(),be2dec(.,1)", "bin(),be2hex", "bin(),add(0)",
    ]

    @Test(
        "every expression has HAProxy's result",
        arguments: ["casts", "arithmetic", "text", "encoding", "hashes", "time"])
    func expected(_ family: String) throws {
        var count = 0
        let scope = TestScope()
        for line in try TestFiles.lines(family) {
            let parts = line.split(separator: UInt8(ascii: "\t"))
            guard parts.count == 2 else { continue }
            let text = String(decoding: parts[0], as: UTF8.self)
            if Self.deviations.contains(text) { continue }
            let wanted = String(decoding: parts[1], as: UTF8.self)
            #expect(scope.result(Array(parts[0])) == wanted, "\(text)")
            count += 1
        }
        #expect(count > 10)
    }
}

/// Files beside the tests.
enum TestFiles {
    static func lines(_ family: String, from file: String = #filePath) throws -> [ArraySlice<UInt8>] {
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let path = "\(folder)/Expected/\(family).txt"
        return try bytes(path).split(separator: UInt8(ascii: "\n"))
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        guard let file = unsafe fopen(path, "r") else { throw ArgumentFailure(0, "cannot read \(path)") }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}

/// A scope with variables, and what else converters ask for.
final class TestScope: SampleScope {
    private(set) var variables: [VariableName: (SampleType, [UInt8], Int64)] = [:]
    private var kept: [LiteralBytes] = []
    var captures: [Int: [UInt8]] = [:]

    init() { super.init(valueLimit: 16384) }

    override func variable(_ name: VariableName) -> Sample? {
        guard let (type, bytes, number) = variables[name] else { return nil }
        switch type {
        case .integer: return Sample(number)
        case .boolean: return Sample(number != 0)
        case .ipv4: return Sample(IPv4Address(value: UInt32(truncatingIfNeeded: number)))
        default:
            let literal = LiteralBytes(bytes)
            kept.append(literal)
            return literal.sample(type)
        }
    }

    override func setVariable(_ name: VariableName, _ value: Sample) -> Bool {
        variables[name] = (
            value.type, value.span.indices.map { value.span[$0] }, value.ipv4.map { Int64($0.value) } ?? value.integer
        )
        return true
    }

    override func unsetVariable(_ name: VariableName) { variables[name] = nil }
    override func usableServers(backend name: Span<UInt8>) -> Int64? { name.count == 2 ? 3 : nil }
    override func queueLength(server name: Span<UInt8>) -> Int64? { name.count == 2 ? 7 : nil }
    override func capture(_ value: Sample, slot: Int, response: Bool) {
        captures[response ? -1 - slot : slot] = value.span.indices.map { value.span[$0] }
    }

    /// The outcome of an expression, in the words of the files.
    func result(_ text: [UInt8], _ context: ArgumentContext = TestContext()) -> String {
        guard let expression = try? ExpressionParser(point: nil, context: context).parse(text) else { return "error" }
        beginEvaluation()
        guard let sample = expression.evaluateText(self) else { return "none" }
        let digits = sample.span.indices.map { index in
            let byte = String(sample.span[index], radix: 16)
            return byte.count == 1 ? "0" + byte : byte
        }
        return "=" + digits.joined()
    }
}

/// Reads files from the disk, and keeps one set for each name.
final class TestContext: ArgumentContext {
    private var sets: [String: PatternSet] = [:]
    var files: [String: [UInt8]] = [:]

    override func readFile(_ path: String) throws(ArgumentFailure) -> [UInt8] {
        if let file = files[path] { return file }
        do { return try TestFiles.bytes(path) } catch { throw ArgumentFailure(0, "cannot read \(path)") }
    }

    override func patternSet(
        _ name: String, make: () throws(ArgumentFailure) -> PatternSet
    ) throws(ArgumentFailure) -> PatternSet {
        if let known = sets[name] { return known }
        let made = try make()
        sets[name] = made
        return made
    }
}
