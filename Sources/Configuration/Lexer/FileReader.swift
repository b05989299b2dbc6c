import Glibc

/// Where the files that keywords name come from: the system, or nowhere.
struct FileSource: Sendable {
    let read: @Sendable (String) throws(FileReader.Failure) -> [UInt8]

    static let system = FileSource { path throws(FileReader.Failure) in try FileReader.read(path) }

    /// For texts from strangers, such as a fuzzer's: nothing outside of the text is looked at.
    static let none = FileSource { _ throws(FileReader.Failure) in
        throw FileReader.Failure(message: "files are not read here")
    }
}

/// Reads files and directories through a few system calls. Every size is bounded.
enum FileReader {
    /// Why a file could not be read, as the system says it.
    struct Failure: Error, Equatable {
        var message: String
    }

    /// A configuration or pattern file larger than this is refused.
    static let fileLimitBytes = 64 << 20
    /// At most this many files of one directory.
    static let directoryLimit = 4096

    private static func systemMessage() -> String {
        // SAFETY: strerror gives a NUL-terminated string that stays valid until the next call; it is copied at once.
        unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
    }

    static func isDirectory(_ path: String) -> Bool {
        // SAFETY: stat fills the structure that it is given; the path is a NUL-terminated copy for the call.
        var status = stat()
        let result = unsafe stat(path, &status)
        return result == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The whole file.
    static func read(_ path: String, limitBytes: Int = fileLimitBytes) throws(Failure) -> [UInt8] {
        guard !path.utf8.contains(0) else { throw Failure(message: "invalid file name") }
        // SAFETY: the path is a NUL-terminated copy for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(message: systemMessage()) }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            // SAFETY: read writes at most `bytes.count` bytes to the start of the buffer.
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Glibc.read(descriptor, bytes.baseAddress, bytes.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(message: systemMessage())
            }
            if count == 0 { return contents }
            contents.append(contentsOf: buffer[..<count])
            if contents.count > limitBytes { throw Failure(message: "larger than \(limitBytes) bytes") }
        }
    }

    /// The files of a directory whose names end in `.cfg` and start with no dot, in lexical order of their bytes.
    static func configurationFiles(in directory: String) throws(Failure) -> [String] {
        // SAFETY: opendir gives a stream or NULL; it is used by this function alone and closed at its end.
        guard let stream = unsafe opendir(directory) else { throw Failure(message: systemMessage()) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        // SAFETY: readdir gives an entry that is valid until the next call, with a NUL-terminated name; it is copied.
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard name.hasSuffix(".cfg"), !name.hasPrefix(".") else { continue }
            let path = directory.hasSuffix("/") ? directory + name : directory + "/" + name
            if !isDirectory(path) { names.append(path) }
            if names.count > directoryLimit { throw Failure(message: "more than \(directoryLimit) files") }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The directory part of a path: "." where it has none.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
