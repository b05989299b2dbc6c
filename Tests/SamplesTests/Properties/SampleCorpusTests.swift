import Glibc
import Testing

@testable import Samples

// SAFETY: the directory is open until it is closed; an entry is read before the next one.
@Suite("The fuzzers' corpus for samples")
struct SampleCorpusTests {
    private func corpus(_ folder: String) throws -> [[UInt8]] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        let path = "\(root)/Fuzz/corpus/\(folder)"
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var inputs: [[UInt8]] = []
        while let entry = unsafe readdir(directory) {
            // SAFETY: a name of a directory entry ends with a NUL.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasPrefix(".") { continue }
            inputs.append(try TestFiles.bytes("\(path)/\(name)"))
        }
        return inputs
    }

    @Test("what converters must not do with any input")
    func converters() throws {
        let inputs = try corpus("converter")
        #expect(inputs.count > 10)
        for input in inputs { #expect(SampleProperties.converter(input) == nil) }
    }

    @Test("what sets of patterns must hold after any history")
    func patterns() throws {
        let inputs = try corpus("patterns")
        #expect(!inputs.isEmpty)
        for input in inputs { #expect(SampleProperties.patterns(input) == nil) }
    }
}
