import CPlatform
import Glibc

/// `-dL`: the files that are mapped as code, the program itself first.
enum LoadedObjects {
    static var list: String {
        var paths: [String] = []
        // A line: addresses, permissions, offset, device, inode, path.
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard words.count == 6, words[1].contains("x") else { continue }
            let path = String(words[5].drop { $0 == " " })
            if path.hasPrefix("/") && !paths.contains(path) { paths.append(path) }
        }
        return paths.map { $0 + "\n" }.joined()
    }

    private static var maps: String {
        // SAFETY: a constant string.
        let file = unsafe host_open("/proc/self/maps", O_RDONLY, 0)
        guard file >= 0 else { return "" }
        defer { _ = host_close(file) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while text.count < 1 << 20 {
            // SAFETY: the buffer is lent with its count for the length of the call.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe host_read(file, $0.baseAddress, $0.count) }
            if count <= 0 { break }
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
