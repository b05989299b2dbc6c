import Glibc

/// A directory that is removed, with the files written into it, when nobody holds it any more.
final class TemporaryDirectory {
    struct Failure: Error {}

    let path: String
    private var files: [String] = []

    init() throws {
        var template = Array("/tmp/martlet-tests-XXXXXX".utf8CString)
        // SAFETY: mkdtemp changes the six last characters of the NUL-terminated template in place.
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe mkdtemp($0) != nil } ?? false
        }
        guard made else { throw Failure() }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func write(_ name: String, _ text: String) throws {
        let file = path + "/" + name
        files.append(file)
        // SAFETY: the path is a NUL-terminated copy for the call.
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure() }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        // SAFETY: write reads at most the count of bytes that the buffer has.
        let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written == bytes.count else { throw Failure() }
    }

    deinit {
        // SAFETY: the paths are NUL-terminated copies for the calls.
        for file in files { unsafe unlink(file) }
        unsafe rmdir(path)
    }
}
