import Base
import CPlatform
import Glibc

/// The process as the operating system sees it: identity, limits, signals, children. All calls of that kind are here.
enum SystemProcess {
    /// The system's error of the call that just failed.
    static var lastError: SystemError { SystemError(code: errno) }

    // ---- What it was started with

    static var environment: [String: String] {
        var variables: [String: String] = [:]
        // SAFETY: `environ` is an array of C strings that ends with a null; no other thread changes it at start.
        var entry: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = unsafe environ
        while let text = unsafe entry.pointee {
            let line = unsafe String(cString: text)
            if let equals = line.firstIndex(of: "=") {
                variables[String(line[..<equals])] = String(line[line.index(after: equals)...])
            }
            unsafe entry += 1
        }
        return variables
    }

    static var executablePath: String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // SAFETY: the buffer is valid for its count for the length of the call, which does not end it with a null.
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return -1 }
            return unsafe readlink("/proc/self/exe", start, bytes.count)
        }
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        // SAFETY: one byte less than the buffer has, so that a null always ends it.
        let result = unsafe buffer.withUnsafeMutableBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return -1 }
            return unsafe Int(gethostname(start, bytes.count - 1))
        }
        guard result == 0 else { return "localhost" }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    // ---- Place and limits

    static func changeDirectory(_ path: String) throws(SystemError) {
        // SAFETY: the path is lent as a C string for the length of the call.
        if unsafe chdir(path) != 0 { throw lastError }
    }

    /// Limits the address space, in bytes.
    static func limitMemory(bytes: UInt64) throws(SystemError) {
        var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
        // SAFETY: the struct is ours for the length of the call.
        if unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) != 0 { throw lastError }
    }

    static var descriptorLimits: (soft: UInt64, hard: UInt64) {
        (host_descriptor_limit(0), host_descriptor_limit(1))
    }

    static func setDescriptorLimit(soft: UInt64, hard: UInt64) throws(SystemError) {
        let result = host_set_descriptor_limit(soft, hard)
        if let error = SystemError(result: result) { throw error }
    }

    // ---- Privileges

    static var isRoot: Bool { geteuid() == 0 }

    static func changeRoot(_ path: String) throws(SystemError) {
        // SAFETY: the paths are lent as C strings for the length of the calls.
        if unsafe Glibc.chroot(path) != 0 || chdir("/") != 0 { throw lastError }
    }

    static func dropSupplementaryGroups() throws(SystemError) {
        if setgroups(0, nil) != 0 { throw lastError }
    }

    static func become(group: UInt32) throws(SystemError) {
        if setgid(group) != 0 { throw lastError }
    }

    static func become(user: UInt32) throws(SystemError) {
        if setuid(user) != 0 { throw lastError }
    }

    static func userID(named name: String) -> UInt32? {
        // SAFETY: the entry is the C library's, read at once; start-up has one thread.
        guard let entry = unsafe getpwnam(name) else { return nil }
        return unsafe entry.pointee.pw_uid
    }

    static func groupID(named name: String) -> UInt32? {
        // SAFETY: as for users.
        guard let entry = unsafe getgrnam(name) else { return nil }
        return unsafe entry.pointee.gr_gid
    }

    // ---- Children and sessions

    enum Side { case parent(child: Int32), child }

    /// Forks. To be called while there is one thread only.
    static func fork() throws(SystemError) -> Side {
        let pid = Glibc.fork()
        if pid < 0 { throw lastError }
        return pid == 0 ? .child : .parent(child: pid)
    }

    /// Ends without running what the C library has registered: for the parents of daemons.
    static func leave(status: Int32) -> Never { _exit(status) }

    /// Leads a session of its own, and has no terminal any more.
    static func leaveTerminal() {
        _ = setsid()
        // SAFETY: a constant string.
        let null = unsafe host_open("/dev/null", O_RDWR, 0)
        guard null >= 0 else { return }
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { _ = dup2(null, descriptor) }
        if null > STDERR_FILENO { _ = host_close(null) }
    }

    /// How a child ended, as a shell would put it: its exit status, or 128 and the signal's number.
    struct Ending: Equatable, Sendable {
        var pid: Int32
        var status: Int32
    }

    /// A child that has ended and was not yet asked for; nil when there is none.
    static func reap() -> Ending? {
        var status: Int32 = 0
        // SAFETY: the status is ours for the length of the call.
        let pid = unsafe waitpid(-1, &status, WNOHANG)
        guard pid > 0 else { return nil }
        let signal = status & 0x7f
        return Ending(pid: pid, status: signal == 0 ? (status >> 8) & 0xff : 128 + signal)
    }

    @discardableResult
    static func send(_ signal: Int32, to pid: Int32) -> Bool { kill(pid, signal) == 0 }

    /// Dies of a signal, as if no handler had ever been there.
    static func die(of number: Int32) -> Never {
        _ = Glibc.signal(number, SIG_DFL)
        var set = sigset_t()
        // SAFETY: the set is ours.
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, number)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        _ = raise(number)
        // A signal whose default is to be ignored: what a shell would have reported.
        _exit(128 + number)
    }
}
