import Base
import Engine
import Glibc
import Testing

@testable import martlet

@Suite("Messages")
struct MessagesTests {
    private final class Said { var lines: [String] = [] }

    private func make(_ said: Said) -> Messages {
        Messages(executable: "/sbin/martlet") { text in
            said.lines += text.split(separator: "\n").map(String.init)
        }
    }

    @Test("the layout is HAProxy's, with the pid of the process")
    func layout() {
        let said = Said()
        let messages = make(said)
        messages.notice("one")
        messages.alert("two")
        messages.warning("three")
        #expect(
            said.lines == [
                "[NOTICE]   (\(getpid())) : one",
                "[NOTICE]   (\(getpid())) : martlet version is \(ProgramVersion.martlet)",
                "[NOTICE]   (\(getpid())) : path to executable is /sbin/martlet",
                "[ALERT]    (\(getpid())) : two",
                "[WARNING]  (\(getpid())) : three",
            ])
    }

    @Test("with log-format json in global, each message is an object with the fields of events")
    func json() {
        let said = Said()
        let messages = make(said)
        messages.isJSON = true
        messages.warning("a \"b\"\nc")
        #expect(said.lines.count == 3)
        #expect(said.lines.allSatisfy { $0.hasPrefix("{\"time\":\"") && $0.hasSuffix("\"}") })
        #expect(said.lines[0].contains("\"kind\":\"event\",\"level\":\"notice\",\"message\":\"martlet version is "))
        #expect(said.lines[2].contains("\"level\":\"warning\",\"message\":\"a \\\"b\\\"\\u000ac\"}"))
    }

    @Test("quiet says nothing, and the introduction waits for what is said")
    func quiet() {
        let said = Said()
        let messages = make(said)
        messages.isQuiet = true
        messages.alert("unheard")
        #expect(said.lines.isEmpty)
        messages.isQuiet = false
        messages.alert("heard")
        #expect(said.lines.count == 3)
    }

    @Test("a running process does not introduce itself")
    func running() {
        let said = Said()
        let messages = make(said)
        messages.dropIntroduction()
        messages.warning("x")
        #expect(said.lines == ["[WARNING]  (\(getpid())) : x"])
    }
}

@Suite("Signals and processes", .serialized)
struct ProcessTests {
    /// To this thread, which may be one of a pool that blocks all signals.
    private func send(_ signals: [Int32]) {
        var set = sigset_t()
        var before = sigset_t()
        // SAFETY: both sets are ours for the length of the calls.
        unsafe sigemptyset(&set)
        for number in signals { unsafe sigaddset(&set, number) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, &before)
        for number in signals { raise(number) }
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
    }

    @Test("a caught signal is read from the pipe, in order; the process goes on")
    func signals() throws {
        let pipe = try SignalPipe(catching: [SIGUSR1, SIGWINCH])
        #expect(pipe.take().isEmpty)
        send([SIGUSR1, SIGWINCH, SIGUSR1])
        #expect(pipe.take() == [SIGUSR1, SIGWINCH, SIGUSR1])
        #expect(pipe.take().isEmpty)
        pipe.abandon()
    }

    @Test("an abandoned pipe catches nothing any more")
    func abandoned() throws {
        let pipe = try SignalPipe(catching: [SIGWINCH])
        pipe.abandon()
        send([SIGWINCH])
        #expect(pipe.take().isEmpty)
    }

    @Test("a lifeline tells readiness, and the end")
    func lifeline() throws {
        let line = try Lifeline()
        let parent = line.parent
        #expect(Lifeline.read(parent) == .none)
        Lifeline.sayReady(on: line.child)
        #expect(Lifeline.waitReadable([parent]) == [parent])
        #expect(Lifeline.wait(parent) == .ready)
        line.keepParentEnd()
        #expect(Lifeline.wait(parent) == .gone)
        line.keepChildEnd()
    }

    @Test("-dR binds a port once, where it could be shared otherwise")
    func exclusivePorts() throws {
        func bindTwice(_ kernel: Kernel) -> Int32 {
            var sockets: [FDHolder] = []
            var address = SocketAddress(ipv4: 0x7f00_0001, port: 0)
            var result: Int32 = 0
            for _ in 0..<2 {
                let socket = FDHolder(kernel.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
                _ = kernel.setOption(socket.number, SOL_SOCKET, SO_REUSEPORT, 1)
                result = kernel.bind(socket.number, address)
                _ = kernel.localAddress(socket.number, &address)
                sockets.append(socket)
            }
            return result
        }
        #expect(bindTwice(HostKernel()) == 0)
        #expect(bindTwice(ExclusivePortsKernel()) == -EADDRINUSE)
    }

    @Test("a pid file is written whole, over what was there")
    func pidfile() throws {
        let path = "/tmp/martlet-test-\(getpid()).pid"
        try Pidfile(path: path).write(1_234_567)
        let file = try Pidfile(path: path)
        file.write(89)
        let text = try #require(SmallFile.read(path))
        #expect(text == "89\n")
        // SAFETY: the path is lent as a C string for the length of the call.
        _ = unsafe unlink(path)
        #expect(throws: SystemError(code: ENOENT)) { _ = try Pidfile(path: "/nonexistent/x.pid") }
    }

    @Test("the program and its code are among the loaded objects")
    func loadedObjects() throws {
        let path = try #require(SystemProcess.executablePath)
        #expect(LoadedObjects.list.split(separator: "\n").contains { $0 == path })
    }
}

/// A descriptor that an array can hold.
private final class FDHolder {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { close(number) }
}

enum SmallFile {
    static func read(_ path: String) -> String? {
        // SAFETY: the path and the buffer are lent for the length of the calls, the buffer with its count.
        let file = unsafe open(path, O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe Glibc.read(file, &bytes, bytes.count)
        return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
