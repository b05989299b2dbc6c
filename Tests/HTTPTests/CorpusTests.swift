import Glibc
import HTTP
import Testing

/// The fuzzers' properties over their seed corpus, and over every seed cut short at every byte.
@Suite struct CorpusTests {
    /// The inputs of a folder of Fuzz/corpus, by name.
    private func corpus(_ folder: String) -> [(name: String, bytes: [UInt8])] {
        let parts = "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false)
        let root = parts.dropLast(3).joined(separator: "/")
        let path = "\(root)/Fuzz/corpus/\(folder)"
        // SAFETY: the directory stream is this function's own, and an entry is read before the next call of readdir.
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var inputs: [(name: String, bytes: [UInt8])] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if !name.hasPrefix(".") { inputs.append((name, read("\(path)/\(name)"))) }
        }
        return inputs
    }

    private func read(_ path: String) -> [UInt8] {
        // SAFETY: the stream is this function's own, and the buffer is as long as it says.
        guard let file = unsafe fopen(path, "r") else { return [] }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }

    @Test(arguments: [("request", 30), ("response", 15), ("chunked", 15)])
    func thePropertiesHoldForTheCorpus(_ folder: String, _ least: Int) {
        let inputs = corpus(folder)
        #expect(inputs.count >= least)
        for (name, bytes) in inputs { #expect(check(folder, bytes) == nil, "\(folder)/\(name)") }
    }

    @Test(arguments: ["request", "response", "chunked"])
    func thePropertiesHoldForTheCorpusCutShort(_ folder: String) {
        for (name, bytes) in corpus(folder) where bytes.count <= 200 {
            for count in 0..<bytes.count {
                #expect(check(folder, Array(bytes[..<count])) == nil, "\(folder)/\(name) cut at \(count)")
            }
        }
    }

    /// One byte of each short seed replaced by each byte that means something to a parser.
    @Test(arguments: ["request", "response", "chunked"])
    func thePropertiesHoldForTheCorpusWithAByteReplaced(_ folder: String) {
        let special: [UInt8] = [0x00, 0x09, 0x0A, 0x0D, 0x20, 0x2C, 0x3A, 0x3B, 0x7F, 0xFF]
        for (name, bytes) in corpus(folder) where bytes.count <= 80 {
            for index in bytes.indices {
                for byte in special {
                    var changed = bytes
                    changed[index] = byte
                    #expect(check(folder, changed) == nil, "\(folder)/\(name) with \(byte) at \(index)")
                }
            }
        }
    }

    private func check(_ folder: String, _ bytes: [UInt8]) -> String? {
        switch folder {
        case "request": HTTPProperties.head(bytes, isRequest: true)
        case "response": HTTPProperties.head(bytes, isRequest: false)
        default: HTTPProperties.chunked(bytes)
        }
    }
}
