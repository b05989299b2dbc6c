import Glibc

/// What the simulator needs of its own process.
enum Process {
    /// Starts the program again with hashing that does not differ from run to run, and with one time zone for all
    /// machines, unless it was started so.
    static func becomeDeterministic() {
        let isSet = environment("SWIFT_DETERMINISTIC_HASHING") == "1" && environment("TZ") == "UTC0"
        if isSet { return }
        // SAFETY: the process has one thread.
        _ = unsafe setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
        _ = unsafe setenv("TZ", "UTC0", 1)
        // SAFETY: the arguments are those that the process was started with, which live as long as it does.
        _ = unsafe execv("/proc/self/exe", CommandLine.unsafeArgv)
        say("cannot start again with deterministic hashing", to: 2)
        exit(2)
    }

    private static func environment(_ name: String) -> String? {
        // SAFETY: the value is copied at once; the process has one thread.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// The path of the program's file.
    static var path: String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        // SAFETY: the buffer has the stated size.
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Writes a line to a descriptor, at once.
    static func say(_ line: String, to fd: Int32 = 1) {
        let bytes = Array((line + "\n").utf8)
        var place = 0
        while place < bytes.count {
            // SAFETY: the range is within the array.
            let result = unsafe bytes.withUnsafeBytes {
                unsafe write(fd, $0.baseAddress! + place, bytes.count - place)
            }
            if result <= 0 && errno != EINTR { return }
            place += max(0, result)
        }
    }

    static var seconds: Double {
        var time = timespec()
        // SAFETY: filled by the call.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Another process of the program, and the lines that it writes.
// SAFETY: the stream is open from init to `wait`.
@safe
final class ChildProcess {
    private var stream: UnsafeMutablePointer<FILE>?
    private var pending: [UInt8] = []
    let fd: Int32

    /// Runs a command of the shell.
    init?(_ command: String) {
        guard let opened = unsafe popen(command, "r") else { return nil }
        unsafe stream = opened
        fd = unsafe fileno(opened)
    }

    /// Reads what there is. nil at the end.
    func lines() -> [String]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        // SAFETY: the buffer has the stated size.
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(fd, $0.baseAddress!, $0.count) }
        if count == 0 { return nil }
        if count < 0 { return errno == EINTR ? [] : nil }
        pending.append(contentsOf: buffer[..<count])
        var found: [String] = []
        var start = 0
        while let end = pending[start...].firstIndex(of: 0x0A) {
            found.append(String(decoding: pending[start..<end], as: UTF8.self))
            start = end + 1
        }
        pending.removeFirst(start)
        return found
    }

    /// The exit status, or 128 and the signal that ended it.
    func wait() -> Int32 {
        guard let open = unsafe stream else { return 0 }
        unsafe stream = nil
        let status = unsafe pclose(open)
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    }
}
