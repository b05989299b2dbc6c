import Base
import Configuration
import Glibc
import Samples
import Testing

@testable import Proxy

@Suite("Where lines go, and in which frame (manual, section 4.2, log)")
struct LogSinkTests {
    @Test(
        "the frames",
        arguments: [
            (LogLineFormat.local, "<134>Feb  6 12:12:51 node1 martlet[14387]: text\n"),
            (.rfc3164, "<134>Feb  6 12:12:51 node1 martlet[14387]: text\n"),
            (.rfc5424, "<134>1 2009-02-06T12:12:51.443000+00:00 node1 martlet 14387 - - text\n"),
            (.priority, "<134>text\n"), (.short, "<6>text\n"),
            (.timed, "<6>2009-02-06T12:12:51.443000+00:00 text\n"),
            (.iso, "2009-02-06T12:12:51.443000+00:00 text\n"), (.raw, "text\n"),
        ])
    func frames(format: LogLineFormat, line: String) throws {
        let kernel = RecordingKernel()
        let logger = try LogFixture.logger(.tcp, [LogFixture.target(format)], hostname: "node1")
        logger.event(.info, "text", on: LogFixture.writer(kernel), at: LogFixture.moment)
        #expect(kernel.sent == [RecordingKernel.Sent(line: line, to: "fd@1")])
    }

    @Test("without log-send-hostname the default states no host, and a format that must have one says localhost")
    func noHostname() throws {
        let kernel = RecordingKernel()
        let logger = try LogFixture.logger(.tcp, [.local, .rfc3164, .rfc5424].map { LogFixture.target($0) })
        logger.event(.info, "text", on: LogFixture.writer(kernel), at: LogFixture.moment)
        #expect(
            kernel.lines == [
                "<134>Feb  6 12:12:51 martlet[14387]: text\n",
                "<134>Feb  6 12:12:51 localhost martlet[14387]: text\n",
                "<134>1 2009-02-06T12:12:51.443000+00:00 - martlet 14387 - - text\n",
            ])
    }

    @Test("a line is cut to its length, the end of line not counted")
    func truncation() throws {
        let kernel = RecordingKernel()
        let targets = [
            LogFixture.target(.local, length: 80), LogFixture.target(.local, length: 100),
            LogFixture.target(.raw, length: 80), LogFixture.target(.raw, length: 100),
        ]
        let logger = try LogFixture.logger(.tcp, targets)
        let text = String(repeating: "x", count: 200)
        logger.event(.info, text, on: LogFixture.writer(kernel), at: LogFixture.moment)
        // The text itself is bounded by the longest length of all, less one.
        #expect(kernel.lines.map(\.utf8.count) == [81, 101, 81, 100])
        #expect(kernel.lines.allSatisfy { $0.hasSuffix("x\n") })
        #expect(kernel.lines[0].hasPrefix("<134>Feb  6 12:12:51 martlet[14387]: xxx"))
    }

    @Test("an escape is not cut in the middle")
    func truncationOfEscapes() throws {
        let kernel = RecordingKernel()
        let logger = try LogFixture.logger(.http, [LogFixture.target(.raw, length: 117)])
        var record = LogRecord()
        LogFixture.fill(&record)
        record.captureRequestLine(Array("GET /".utf8) + [UInt8](repeating: 0xFF, count: 50))
        logger.ended(record, on: LogFixture.writer(kernel), at: LogFixture.moment)
        let line = try #require(kernel.lines.first)
        #expect(line.hasSuffix("\"GET /#FF#FF\n"))
        #expect(line.utf8.count <= 116)
    }

    @Test("datagrams go to the address, port 514 unless given, one socket for each family")
    func datagrams() throws {
        let kernel = RecordingKernel()
        let four = AddressSpec(host: .ipv4(IPv4Address(value: 0x7F00_0001)), transport: .datagram)
        let six = AddressSpec(
            host: .ipv6(IPv6Address(high: 0, low: 1)), transport: .datagram, port: .fixed(5140))
        let path = AddressSpec(host: .unix("/dev/log"), transport: .datagram)
        let targets = [four, six, path, four].map { LogFixture.target(to: .address($0)) }
        let logger = try LogFixture.logger(.tcp, targets)
        do {
            let writer = LogFixture.writer(kernel)
            logger.event(.info, "a", on: writer, at: LogFixture.moment)
            #expect(kernel.sent.map(\.to) == ["127.0.0.1:514", "[::1]:5140", "unix:/dev/log", "127.0.0.1:514"])
            #expect(kernel.openSockets.count == 3)
        }
        #expect(kernel.openSockets.isEmpty)
    }

    @Test("names are resolved by the program, and one without an address is an error")
    func names() throws {
        let name = AddressSpec(host: .name("loghost"), transport: .datagram, port: .fixed(515))
        let target = LogFixture.target(to: .address(name))
        let kernel = RecordingKernel()
        let logger = try Logger(targets: [target], format: .tcp, tag: "m") { specification in
            #expect(specification.host == .name("loghost"))
            return SocketAddress(ipv4: 0x0102_0304, port: 0)
        }
        logger.event(.info, "a", on: LogFixture.writer(kernel), at: 0)
        #expect(kernel.sent.map(\.to) == ["1.2.3.4:515"])
        #expect(throws: LogTargetError.unresolved("loghost")) {
            _ = try Logger(targets: [target], format: .tcp, tag: "m")
        }
    }

    @Test("a descriptor is made non-blocking once, before the first line")
    func nonBlocking() throws {
        let kernel = RecordingKernel()
        // A number that is no terminal, because it is not open.
        let logger = try LogFixture.logger(.tcp, [LogFixture.target(to: .fileDescriptor(900_000))])
        let writer = LogFixture.writer(kernel)
        for _ in 0..<3 { logger.event(.info, "line", on: writer, at: LogFixture.moment) }
        #expect(kernel.nonBlocking == [900_000])
        #expect(kernel.sent.map(\.to) == ["fd@900000", "fd@900000", "fd@900000"])
    }

    @Test(
        "what cannot be sent at once is dropped and counted", arguments: [-Int(EAGAIN), -Int(ENOSPC), -Int(ENOENT), 3])
    func drops(result: Int) throws {
        let kernel = RecordingKernel()
        kernel.failure = result
        let statistics = WorkerStatistics()
        let path = AddressSpec(host: .unix("/dev/log"), transport: .datagram)
        let logger = try LogFixture.logger(.tcp, [LogFixture.target(), LogFixture.target(to: .address(path))])
        logger.event(.info, "line", on: LogFixture.writer(kernel, statistics), at: LogFixture.moment)
        #expect(statistics.droppedLogs.value == 2)
        #expect(kernel.sent.isEmpty)
    }
}

@Suite("Dates of lines")
struct LogClockTests {
    private func text(_ body: (inout LogClock, inout LogLine) -> Void) -> String {
        precondition(LogFixture.usesUTC)
        var clock = LogClock()
        var line = LogLine()
        line.start()
        body(&clock, &line)
        return line.text
    }

    @Test("the date changes with the second, not before")
    func secondBoundary() {
        let dates = text { clock, line in
            for microseconds in [1_233_922_371_999_999, 1_233_922_372_000_000, 1_233_922_371_999_000] as [Int64] {
                clock.appendRecordDate(microseconds, to: &line)
                line.append(UInt8(ascii: " "))
            }
        }
        #expect(dates == "06/Feb/2009:12:12:51.999 06/Feb/2009:12:12:52.000 06/Feb/2009:12:12:51.999 ")
    }

    @Test("days, months and years change")
    func yearBoundary() {
        let dates = text { clock, line in
            for second in [1_798_761_599, 1_798_761_600] as [Int64] {
                clock.appendSyslogDate(second * 1_000_000, to: &line)
                line.append(UInt8(ascii: "|"))
                clock.appendISODate(second * 1_000_000 + 7, to: &line)
                line.append(UInt8(ascii: "|"))
            }
        }
        #expect(
            dates
                == "Dec 31 23:59:59|2026-12-31T23:59:59.000007+00:00|Jan  1 00:00:00|2027-01-01T00:00:00.000007+00:00|")
    }

    @Test("dates before the epoch do not trap")
    func beforeEpoch() {
        #expect(text { $0.appendRecordDate(-1, to: &$1) } == "31/Dec/1969:23:59:59.999")
    }
}

@Suite("Building a line")
struct LogLineTests {
    @Test(
        "decimal numbers",
        arguments: [(Int64(0), "0"), (-1, "-1"), (1234567890123, "1234567890123"), (.min, "-9223372036854775808")])
    func decimal(value: Int64, text: String) {
        var line = LogLine()
        line.start()
        line.append(decimal: value)
        #expect(line.text == text)
    }

    @Test("the largest unsigned number and padded ones")
    func numbers() {
        var line = LogLine()
        line.start()
        line.append(decimal: UInt64.max)
        line.append(UInt8(ascii: " "))
        line.append(padded: 7, width: 3)
        line.append(hexadecimal: 0)
        line.append(hexadecimal: 0xBEEF)
        #expect(line.text == "18446744073709551615 0070beef")
    }

    @Test("nothing is written beyond the limit")
    func limit() {
        var line = LogLine()
        line.start(limit: 4)
        line.append("ab")
        line.append("cdef")
        line.append(UInt8(ascii: "g"))
        #expect(line.text == "abcd")
        line.extendLimit(to: 5)
        line.append(UInt8(ascii: "\n"))
        line.append(UInt8(ascii: "x"))
        #expect(line.text == "abcd\n")
    }

    @Test(
        "IPv6 addresses in the form of RFC 5952",
        arguments: [
            (UInt64(0), UInt64(0), "::"), (0, 1, "::1"), (0x2001_0DB8 << 32, 0, "2001:db8::"),
            (0x2001_0DB8_0000_0001, 0x0001_0001_0001_0001, "2001:db8:0:1:1:1:1:1"),
            (0x2001_0000_0000_0001, 0x0000_0000_0000_0001, "2001:0:0:1::1"),
            (0, 0xFFFF_0A00_0001, "::ffff:10.0.0.1"), (0xFE80_0000_0000_0000, 0x0001_0000_0000_0000, "fe80::1:0:0:0"),
        ])
    func ipv6(high: UInt64, low: UInt64, text: String) {
        var line = LogLine()
        line.start()
        LogAddress(SocketAddress(ipv6: high, low, port: 1)).appendHost(to: &line)
        #expect(line.text == text)
        #expect(SocketAddress(ipv6: high, low, port: 1).host == text)
    }
}
