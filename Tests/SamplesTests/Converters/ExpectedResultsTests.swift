import Base
import Synchronization
import Testing

@testable import Samples

#if canImport(Glibc)
    import Glibc
#endif

/// Expressions with the results that Debian's HAProxy gives, captured with `dev/differential/capture`.
///
/// A line holds an expression, a tab, and `error` (it cannot be read), `none` (it has no value) or the bytes of the
/// value as a string, in hexadecimal digits.
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
        arguments: [
            "casts", "arithmetic", "text", "encoding", "hashes", "time", "maps", "json", "jwt", "protobuf", "fix",
            "mqtt",
        ])
    func expected(_ family: String) throws {
        var count = 0
        let scope = TestScope()
        for line in try TestFiles.lines(family) {
            let parts = line.split(separator: UInt8(ascii: "\t"))
            guard parts.count == 2 else { continue }
            let text = String(decoding: parts[0], as: UTF8.self)
            if Self.deviations.contains(text) { continue }
            let wanted = String(decoding: parts[1], as: UTF8.self)
            #expect(scope.result(TestFiles.resolved(parts[0])) == wanted, "\(text)")
            count += 1
        }
        #expect(count > 10)
    }
}

/// Where HAProxy's result is not followed; see docs/differences.md.
@Suite("Results unlike HAProxy's")
struct DifferentResultsTests {
    private func text(_ expression: String) -> String {
        let result = TestScope().result(TestFiles.resolved(Array(expression.utf8)[...]))
        guard result.hasPrefix("=") else { return result }
        let digits = Array(result.utf8.dropFirst())
        return String(
            decoding: stride(from: 0, to: digits.count, by: 2).map {
                (digits[$0].hexValue ?? 0) << 4 | (digits[$0 + 1].hexValue ?? 0)
            }, as: UTF8.self)
    }

    @Test("integers of JSON keep their digits, and escapes of its strings are understood")
    func json() {
        // {"c":100000000000} is 1e+11 there.
        #expect(text("bin(7b2263223a3130303030303030303030307d),json_query($.c)") == "100000000000")
        #expect(text(#"str({\"a\":9007199254740993}),json_query($.a,int)"#) == "9007199254740993")
        // "\n\t\/\\", "x\u0041\n\/" and a surrogate pair have no value there.
        #expect(text("bin(7b2263223a225c6e5c745c2f5c5c227d),json_query($.c)") == "\n\t/\\")
        #expect(text("bin(7b2261223a22785c75303034315c6e5c2f227d),json_query($.a)") == "xA\n/")
        #expect(text("bin(7b2261223a225c75643833645c7564653030227d),json_query($.a)") == "\u{1F600}")
        // A lone surrogate is none.
        #expect(text("bin(7b2261223a225c7564383364227d),json_query($.a)") == "none")
        // Paths are checked when they are read.
        #expect(text(#"str({\"a\":1}),json_query($..a)"#) == "error")
    }

    @Test("the header and the payload of a token can be had whole, as the manual says")
    func token() {
        let token = "str(eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.abc)"
        #expect(text("\(token),jwt_header_query") == #"{"alg":"HS256"}"#)
        #expect(text("\(token),jwt_payload_query") == #"{"iss":"joe"}"#)
    }

    @Test("a field that has no end has no value")
    func protobuf() {
        #expect(text("bin(08960112),protobuf(2),hex") == "none")
        #expect(text("bin(0801),protobuf(0)") == "error")
    }
}

/// Files beside the tests.
// SAFETY: the file is open until it is closed; the buffer has as many bytes as are asked for.
enum TestFiles {
    static func lines(_ family: String, from file: String = #filePath) throws -> [ArraySlice<UInt8>] {
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let path = "\(folder)/Expected/\(family).txt"
        return try bytes(path).split(separator: UInt8(ascii: "\n"))
    }

    /// `@/` stands for the folder of the files that expressions read.
    static func resolved(_ text: ArraySlice<UInt8>, from file: String = #filePath) -> [UInt8] {
        guard let mark = text.indices.first(where: { text[$0...].starts(with: "@/".utf8) }) else { return Array(text) }
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return text[..<mark] + Array("\(folder)/Expected/files/".utf8) + text[(mark + 2)...]
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
