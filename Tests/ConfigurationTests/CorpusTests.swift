import Glibc
import Testing

@testable import Configuration

@Suite("The fuzzers' corpus")
struct CorpusTests {
    /// The inputs of a folder of Fuzz/corpus, by name.
    private func corpus(_ folder: String) throws -> [(name: String, bytes: [UInt8])] {
        let root = "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        let path = root.joined(separator: "/") + "/Fuzz/corpus/\(folder)"
        // SAFETY: the stream is this function's own, and an entry is read before the next call of readdir.
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var inputs: [(name: String, bytes: [UInt8])] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if !name.hasPrefix(".") { inputs.append((name, try FileReader.read("\(path)/\(name)"))) }
        }
        return inputs.sorted { $0.name < $1.name }
    }

    @Test("the properties hold for the seeds")
    func seeds() throws {
        let files = try corpus("configuration")
        let conditions = try corpus("condition")
        #expect(files.count >= 12 && conditions.count >= 9)
        for (name, bytes) in files { #expect(ConfigurationProperties.file(bytes) == nil, "\(name)") }
        for (name, bytes) in conditions { #expect(ConfigurationProperties.condition(bytes) == nil, "\(name)") }
    }

    @Test("the properties hold for the conditions cut short anywhere")
    func cutConditions() throws {
        for (name, bytes) in try corpus("condition") {
            for count in bytes.indices {
                #expect(ConfigurationProperties.condition(Array(bytes[..<count])) == nil, "\(name) cut at \(count)")
            }
        }
    }
}
