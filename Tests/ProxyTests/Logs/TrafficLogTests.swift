import Base
import Configuration
import Testing

@testable import Proxy

@Suite("Traffic lines (manual, section 8.2)")
struct TrafficLogTests {
    let tcpLine = "10.0.1.2:33313 [06/Feb/2009:12:12:51.443] fnt bck/srv1 0/30/5007 2750 -- 1/1/1/1/0 0/0\n"
    let httpLine =
        "10.0.1.2:33313 [06/Feb/2009:12:12:51.443] fnt bck/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "
        + "\"GET /index.html HTTP/1.1\"\n"

    @Test("option tcplog")
    func tcp() throws {
        #expect(try LogFixture.lines(.tcp) { _ in } == [tcpLine])
    }

    @Test("option httplog")
    func http() throws {
        #expect(try LogFixture.lines(.http) { _ in } == [httpLine])
    }

    @Test("option httplog clf states UTC, quotes names and ends in the place of the captured headers")
    func common() throws {
        #expect(
            try LogFixture.lines(.httpCLF) { _ in } == [
                "10.0.1.2 - - [06/Feb/2009:12:12:51 +0000] \"GET /index.html HTTP/1.1\" 200 2750 \"\" \"\" 33313 443 "
                    + "\"fnt\" \"bck\" \"srv1\" 10 0 30 69 109 ---- 1 1 1 1 0 0 0 \"\" \"\" \n"
            ])
    }

    @Test("a request that was not understood is <BADREQ>, and timers not reached are -1")
    func badRequest() throws {
        let lines = try LogFixture.lines(.http) { record in
            record.reset()
            record.bytesUploaded = 5
            record.status = 400
            record.cause = .proxy
            record.phase = .request
            record.backendConnections = 0
            record.serverConnections = 0
        }
        #expect(
            lines == [
                "10.0.1.2:33313 [06/Feb/2009:12:12:51.443] fnt fnt/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 "
                    + "\"<BADREQ>\"\n"
            ])
    }

    @Test("a redispatch puts a plus before the retries, an early line before total and bytes")
    func plusSigns() throws {
        let redispatched = try LogFixture.lines(.tcp) { record in
            record.retries = 3
            record.isRedispatched = true
            record.serverQueue = 4
            record.backendQueue = 7
        }
        #expect(redispatched.first?.hasSuffix("-- 1/1/1/1/+3 4/7\n") == true)
        let early = try LogFixture.lines(.tcp) { $0.isEarly = true }
        #expect(early.first?.contains(" 0/30/+5007 +2750 -- ") == true)
        let earlyHTTP = try LogFixture.lines(.http) { $0.isEarly = true }
        #expect(earlyHTTP.first?.contains(" 10/0/30/69/+109 200 +2750 - - ") == true)
        let earlyCommon = try LogFixture.lines(.httpCLF) { $0.isEarly = true }
        #expect(earlyCommon.first?.contains("\" 200 +2750 \"\"") == true)
        #expect(earlyCommon.first?.contains(" 10 0 30 69 +109 ----") == true)
    }

    @Test("bytes that could harm a log are written as # and two digits (manual, section 8.6)")
    func escaping() throws {
        let lines = try LogFixture.lines(.http) {
            $0.captureRequestLine(Array("GET /a\"b#c{|}".utf8) + [0x01, 0x7F, 0xC3, 0xA9] + Array(" ~ HTTP/1.1".utf8))
        }
        #expect(lines.first?.hasSuffix(" \"GET /a#22b#23c{|}#01#7F#C3#A9 ~ HTTP/1.1\"\n") == true)
    }

    @Test("a request line is cut to the bytes that were asked for")
    func requestLineBound() throws {
        let lines = try LogFixture.lines(.http) {
            $0.captureRequestLine(Array("GET /abcdefgh HTTP/1.1".utf8), maximumBytes: 9)
        }
        #expect(lines.first?.hasSuffix(" \"GET /abcd\"\n") == true)
    }

    @Test(
        "the termination state is one character each",
        arguments: [
            (TerminationCause.client, TerminationPhase.data, "CD"), (.clientTimeout, .request, "cR"),
            (.server, .connect, "SC"), (.serverTimeout, .headers, "sH"), (.local, .request, "LR"),
            (.serverTimeout, .queue, "sQ"), (.none, .none, "--"),
        ])
    func termination(cause: TerminationCause, phase: TerminationPhase, text: String) throws {
        let lines = try LogFixture.lines(.tcp) {
            $0.cause = cause
            $0.phase = phase
        }
        #expect(lines.first?.contains(" 2750 \(text) 1/") == true)
    }

    @Test("unix and IPv6 clients")
    func addresses() throws {
        let unix = try LogFixture.lines(.tcp) { record in
            record.client = LogAddress(SocketAddress(), listenerID: 2)
        }
        #expect(unix.first?.hasPrefix("unix:2 [06/Feb") == true)
        let six = try LogFixture.lines(.tcp) { record in
            record.client = LogAddress(SocketAddress(ipv6: 0x2001_0DB8_0000_0000, 0x0000_0000_0001_0000, port: 5))
        }
        #expect(six.first?.hasPrefix("2001:db8::1:0:5 [06/Feb") == true)
    }

    @Test("the line at accept (manual, section 8.2.1)")
    func accepted() throws {
        let kernel = RecordingKernel()
        let logger = try LogFixture.logger(.plain)
        #expect(logger.logsAtAccept && !logger.wantsRequestLine)
        let local = LogAddress(SocketAddress(ipv4: 0x0A00_031F, port: 8012))
        let writer = LogFixture.writer(kernel)
        logger.accepted(
            from: LogAddress(LogFixture.client), to: local, frontend: LogName("www"), mode: .http, on: writer,
            at: LogFixture.moment)
        let unix = LogAddress(SocketAddress(), listenerID: 1)
        logger.accepted(
            from: unix, to: unix, frontend: LogName("u"), mode: .tcp, on: writer, at: LogFixture.moment)
        #expect(
            kernel.lines == [
                "Connect from 10.0.1.2:33313 to 10.0.3.31:8012 (www/HTTP)\n", "Connect to unix:1 (u/TCP)\n",
            ])
        // Its traffic lines are those at accept only.
        var record = LogRecord()
        LogFixture.fill(&record)
        logger.ended(record, on: writer, at: LogFixture.moment)
        #expect(kernel.lines.count == 2)
    }

    @Test("a connection that broke before it became a session (manual, section 8.2.5)")
    func refused() throws {
        let kernel = RecordingKernel()
        let logger = try LogFixture.logger(.http, options: [.dontLogNull])
        for isNull in [false, true] {
            logger.refused(
                from: LogAddress(LogFixture.client), acceptDateMicroseconds: LogFixture.moment,
                frontend: LogName("frt"), listener: LogName("f1"), message: "Connection error during SSL handshake",
                isNull: isNull, on: LogFixture.writer(kernel), at: LogFixture.moment)
        }
        #expect(
            kernel.lines == [
                "10.0.1.2:33313 [06/Feb/2009:12:12:51.443] frt/f1: Connection error during SSL handshake\n"
            ])
    }

    @Test("a record is used again: what belonged to the last request is gone")
    func reuse() throws {
        let lines = try LogFixture.lines(.http) { record in
            record.retries = 2
            record.isRedispatched = true
            record.cause = .server
            record.reset()
            let (hasLine, query) = (record.hasRequestLine, record.queryMilliseconds)
            #expect(!hasLine && query == -1)
            record.bytesUploaded = 1
            record.captureRequestLine(Array("GET / HTTP/1.0".utf8))
        }
        #expect(lines.first?.contains(" fnt fnt/<NOSRV> -1/-1/-1/-1/0 -1 0 - - ---- ") == true)
        #expect(lines.first?.hasSuffix("/0 0/0 \"GET / HTTP/1.0\"\n") == true)
    }
}

@Suite("Which lines are left out, and at what level (manual, section 8.3)")
struct LogSelectionTests {
    @Test("dontlognull leaves out sessions in which the client sent nothing")
    func nullSessions() throws {
        #expect(try LogFixture.lines(.tcp, options: [.dontLogNull]) { $0.bytesUploaded = 0 }.isEmpty)
        #expect(try LogFixture.lines(.tcp, options: [.dontLogNull]) { $0.bytesUploaded = 1 }.count == 1)
        #expect(try LogFixture.lines(.tcp) { $0.bytesUploaded = 0 }.count == 1)
        // An early line cannot know yet.
        let early = try LogFixture.lines(.tcp, options: [.dontLogNull]) {
            $0.bytesUploaded = 0
            $0.isEarly = true
        }
        #expect(early.count == 1)
    }

    @Test("dontlog-normal keeps errors, retries, redispatches and statuses of 500 and above")
    func normalSessions() throws {
        func count(_ change: (inout LogRecord) -> Void) throws -> Int {
            try LogFixture.lines(.http, options: [.dontLogNormal], change).count
        }
        #expect(try count { _ in } == 0)
        #expect(try count { $0.status = 404 } == 0)
        #expect(try count { ($0.cause, $0.phase) = (.local, .request) } == 0)
        #expect(try count { $0.status = 503 } == 1)
        #expect(try count { $0.retries = 1 } == 1)
        #expect(try count { $0.isRedispatched = true } == 1)
        #expect(try count { $0.cause = .clientTimeout } == 1)
    }

    @Test("log-separate-errors raises the level of what is not normal")
    func separateErrors() throws {
        func levels(_ options: ProxyOptions, _ cause: TerminationCause) throws -> [String] {
            let kernel = RecordingKernel()
            let logger = try LogFixture.logger(.tcp, [LogFixture.target(.short)], options: options)
            var record = LogRecord()
            LogFixture.fill(&record)
            record.cause = cause
            logger.ended(record, on: LogFixture.writer(kernel), at: LogFixture.moment)
            return kernel.lines.map { String($0.prefix(3)) }
        }
        #expect(try levels([], .server) == ["<6>"])
        #expect(try levels([.logSeparateErrors], .server) == ["<3>"])
        #expect(try levels([.logSeparateErrors], .none) == ["<6>"])
    }

    @Test("a sink takes lines of its level and above only, and caps what is too severe")
    func levels() throws {
        let kernel = RecordingKernel()
        let targets = [
            LogFixture.target(.short, level: .notice), LogFixture.target(.priority, level: .info, minimum: .warning),
        ]
        let logger = try LogFixture.logger(.tcp, targets)
        let writer = LogFixture.writer(kernel)
        logger.event(.debug, "debug", on: writer, at: LogFixture.moment)
        logger.event(.info, "info", on: writer, at: LogFixture.moment)
        logger.event(.alert, "alert", on: writer, at: LogFixture.moment)
        // local0 is facility 16: 16 * 8 + 6, and 16 * 8 + 4 where alert (1) is capped to warning (4).
        #expect(kernel.lines == ["<134>info\n", "<1>alert\n", "<132>alert\n"])
    }

    @Test("without a target nothing is wanted and nothing is written")
    func noTargets() throws {
        let kernel = RecordingKernel()
        let logger = try LogFixture.logger(.http, [])
        #expect(!logger.isEnabled && !logger.wantsRequestLine && !logger.logsAtAccept)
        var record = LogRecord()
        LogFixture.fill(&record)
        logger.ended(record, on: LogFixture.writer(kernel), at: LogFixture.moment)
        #expect(kernel.sent.isEmpty)
    }
}
