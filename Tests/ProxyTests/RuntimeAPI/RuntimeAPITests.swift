import Base
import Configuration
import Engine
import Glibc
import Testing

@testable import Proxy

/// The runtime API on an engine of its own, on a unix socket in a folder of its own.
private final class RunningAPI {
    let folder: String
    let path: String
    let kernel = HostKernel()
    let group: WorkerGroup
    let api: RuntimeAPI
    let statistics = ProcessStatistics(workerCount: 2, startMicroseconds: 0)
    private var thread = pthread_t()

    init(
        level: AccessLevel = .admin, timeoutMilliseconds: Int = 5000, maximumSessions: Int = 10,
        extraCommands: [Command] = []
    ) throws {
        var template = Array("/tmp/martlet-api-XXXXXX".utf8CString)
        // SAFETY: the array is writable and ends in NUL.
        folder = unsafe template.withUnsafeMutableBufferPointer {
            unsafe mkdtemp($0.baseAddress!).map { unsafe String(cString: $0) } ?? ""
        }
        try #require(!folder.isEmpty)
        path = folder + "/api.sock"
        var options = WorkerGroup.Options()
        options.threads = 2
        options.maxDescriptors = 1024
        group = try WorkerGroup(options, kernel: kernel)
        api = RuntimeAPI(
            timeoutMilliseconds: timeoutMilliseconds, maximumSessions: maximumSessions,
            table: CommandTable(extraCommands + CommandTable.standard.commands))
        var bind = BindSettings()
        bind.level = level
        bind.mode = 0o600
        try api.open([StatsSocket(addresses: [AddressSpec(host: .unix(path))], bind: bind)], kernel: kernel)
        var product = RuntimeContext.Product()
        product.version = "9.9"
        let context = RuntimeContext(
            product: product, statistics: statistics, engine: WorkerGroupView(group), sockets: api.socketNames)
        api.start(on: group.workers[0], context: context)
        // SAFETY: the thread takes the reference over; `stop` waits for its end.
        let box = unsafe Unmanaged.passRetained(group)
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                let group = unsafe Unmanaged<WorkerGroup>.fromOpaque(argument!).takeRetainedValue()
                try? group.start()
                group.runMain()
                return nil
            }, box.toOpaque())
        try #require(result == 0)
    }

    func stop() {
        group.stop()
        pthread_join(thread, nil)
        _ = kernel.unlink(path)
        // SAFETY: the call reads a NUL-terminated string.
        _ = unsafe rmdir(folder)
    }

    /// A client's socket that waits at most five seconds for an answer.
    func connect() throws -> Int32 {
        let address = try #require(SocketAddress(unixPath: path))
        let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(fd >= 0)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        // SAFETY: the option's value lives on the stack during the call.
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        try #require(kernel.connect(fd, address) == 0)
        return fd
    }

    func send(_ text: String, to fd: Int32) {
        let bytes = Array(text.utf8)
        // SAFETY: the array is valid during the call.
        unsafe bytes.withUnsafeBytes { _ = unsafe kernel.send(fd, $0.baseAddress!, $0.count, more: false) }
    }

    /// Receives until the text ends with `suffix`, or to the end; nil when nothing came in time.
    func receive(from fd: Int32, until suffix: String? = nil) -> String? {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 65536)
        // Bounded by the receive timeout.
        while true {
            // SAFETY: the buffer has the stated size.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe kernel.recv(fd, $0.baseAddress!, $0.count) }
            if count < 0 { return nil }
            if count == 0 { return text }
            text += String(decoding: buffer[..<count], as: UTF8.self)
            if let suffix, text.hasSuffix(suffix) { return text }
        }
    }

    /// Sends a line and receives everything that is answered.
    func ask(_ line: String) throws -> String? {
        let fd = try connect()
        defer { _ = close(fd) }
        send(line, to: fd)
        return receive(from: fd)
    }
}

@Suite("The runtime API over sockets", .serialized)
struct RuntimeAPITests {
    @Test("a line is answered and the connection ends")
    func answers() throws {
        let running = try RunningAPI()
        defer { running.stop() }
        #expect(try running.ask("show version\n") == "9.9\n\n")
        #expect(try running.ask("show cli sockets\n") == "# socket lvl processes\nunix@\(running.path) admin all\n\n")
        #expect(try running.ask("quit\n") == "")
        #expect(running.statistics.worker(0).runtimeSessions.value == 3)
    }

    @Test("a unix socket gets the mode that was asked for, and no other file is left")
    func unixSocket() throws {
        let running = try RunningAPI()
        defer { running.stop() }
        var status = stat()
        // SAFETY: the call fills the struct.
        #expect(unsafe stat(running.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test("show fd lists the listener and the session itself, show activity each thread")
    func engineCommands() throws {
        let running = try RunningAPI()
        defer { running.stop() }
        let descriptors = try #require(try running.ask("show fd\n"))
        #expect(descriptors.contains(" : st=0x"))
        #expect(descriptors.contains("kind=listener"))
        #expect(descriptors.contains("owner=StatsListener"))
        #expect(descriptors.contains("owner=SocketTransport"))
        #expect(try running.ask("show fd 99999\n") == "\n")
        #expect(try running.ask("show fd junk\n") == "\n")
        let activity = try #require(try running.ask("show activity\n"))
        #expect(activity.contains("\nloops: "))
        #expect(activity.contains("\naccepted: "))
        #expect(activity.contains("thread_id: 1 (1..2)\n"))
    }

    @Test("an interactive session goes on until it is ended")
    func interactive() throws {
        let running = try RunningAPI()
        defer { running.stop() }
        let fd = try running.connect()
        defer { _ = close(fd) }
        running.send("prompt\n", to: fd)
        #expect(running.receive(from: fd, until: "> ") == "\n> ")
        running.send("show version\n", to: fd)
        #expect(running.receive(from: fd, until: "> ") == "9.9\n\n> ")
        running.send("quit\n", to: fd)
        #expect(running.receive(from: fd) == "")
    }

    @Test("a client that sends and ends its side is still answered")
    func halfClosed() throws {
        let running = try RunningAPI()
        defer { running.stop() }
        for (line, answer) in [("show version\n", "9.9\n\n"), ("show vers", ""), ("", "")] {
            let fd = try running.connect()
            if !line.isEmpty { running.send(line, to: fd) }
            _ = shutdown(fd, Int32(SHUT_WR))
            #expect(running.receive(from: fd) == answer)
            _ = close(fd)
        }
    }

    @Test("a silent client is closed after the timeout")
    func timeout() throws {
        let running = try RunningAPI(timeoutMilliseconds: 50)
        defer { running.stop() }
        let fd = try running.connect()
        defer { _ = close(fd) }
        #expect(running.receive(from: fd) == "")
    }

    @Test("at the limit of sessions further clients wait until one leaves")
    func limit() throws {
        let running = try RunningAPI(maximumSessions: 1)
        defer { running.stop() }
        let first = try running.connect()
        running.send("prompt\n", to: first)
        #expect(running.receive(from: first, until: "> ") == "\n> ")
        let second = try running.connect()
        defer { _ = close(second) }
        running.send("show version\n", to: second)
        // SAFETY: the struct is the call's only descriptor.
        var waiting = pollfd(fd: second, events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&waiting, 1, 50) == 0)
        _ = close(first)
        #expect(running.receive(from: second) == "9.9\n\n")
    }

    @Test("a long answer waits for a slow client and loses nothing")
    func backPressure() throws {
        final class Numbers: CommandDump {
            var next = 0
            override func next(into output: inout CommandOutput) -> Bool {
                for _ in 0..<100 {
                    output.line("line \(next)")
                    next += 1
                }
                return next < 100_000
            }
        }
        let running = try RunningAPI(extraCommands: [Command("numbers", "a long answer") { _ in .dump(Numbers()) }])
        defer { running.stop() }
        let fd = try running.connect()
        defer { _ = close(fd) }
        running.send("numbers;show version\n", to: fd)
        usleep(50_000)
        // Others are served meanwhile.
        #expect(try running.ask("show version\n") == "9.9\n\n")
        let answer = try #require(running.receive(from: fd))
        let lines = answer.split(separator: "\n")
        #expect(lines.count == 100_001)
        #expect(lines[99_999] == "line 99999" && lines[100_000] == "9.9")
    }

    @Test("a client that goes away in the middle of an answer harms nothing")
    func abandoned() throws {
        final class Endless: CommandDump {
            override func next(into output: inout CommandOutput) -> Bool {
                output.line(String(repeating: "x", count: 1000))
                return true
            }
        }
        let running = try RunningAPI(extraCommands: [Command("endless", "no end") { _ in .dump(Endless()) }])
        defer { running.stop() }
        let fd = try running.connect()
        running.send("endless\n", to: fd)
        usleep(20_000)
        _ = close(fd)
        #expect(try running.ask("show version\n") == "9.9\n\n")
        for _ in 0..<1000 where running.statistics.runtimeSessions.current > 0 { usleep(20_000) }
        #expect(running.statistics.runtimeSessions.current == 0)
    }

    @Test("input without an end of line ends in an answer, not in memory")
    func endlessLine() throws {
        let running = try RunningAPI()
        defer { running.stop() }
        let fd = try running.connect()
        defer { _ = close(fd) }
        running.send(String(repeating: "x", count: 40_000), to: fd)
        #expect(running.receive(from: fd)?.hasPrefix("The command line is too long.\n") == true)
    }

    @Test("an address that cannot be had is an error, and what was opened before it is closed again")
    func errors() throws {
        let kernel = HostKernel()
        let api = RuntimeAPI()
        let good = AddressSpec(host: .ipv4(IPv4Address(value: 0x7F00_0001)), port: .fixed(0))
        let bad = AddressSpec(host: .unix("/nonexistent-folder/api.sock"))
        #expect(throws: StatsSocketError.self) {
            try api.open([StatsSocket(addresses: [good, bad])], kernel: kernel)
        }
        #expect(api.listenerCount == 0 && api.socketNames.isEmpty)
    }
}
