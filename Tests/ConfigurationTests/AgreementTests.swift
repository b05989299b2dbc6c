import Testing

@testable import Configuration

@Suite("Agreement with HAProxy on what is accepted")
struct AgreementTests {
    private static let timeouts = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"

    private static func check(_ recorded: String, _ wrap: (String) -> String) -> [String] {
        recorded.split(separator: "\n").compactMap { line in
            let isAccepted = line.hasPrefix("+")
            let text = line.dropFirst(2).split(separator: "|", omittingEmptySubsequences: false).joined(
                separator: "\n ")
            // The process's environment counts here, as it did for HAProxy.
            let result = ConfigurationLoader().load(text: wrap(text), name: "recorded.cfg")
            return result.hasErrors == isAccepted ? "\(line): \(result.diagnostics.map(describe))" : nil
        }
    }

    @Test("lines of an HTTP proxy")
    func http() {
        let head = Self.timeouts + " mode http\nlisten t\n bind 127.0.0.1:18080\n "
        #expect(Self.check(RecordedAgreement.httpLines) { head + $0 + "\n" } == [])
        #expect(Self.check(RecordedAgreement.optionLines) { head + $0 + "\n" } == [])
    }

    @Test("lines of a TCP proxy")
    func tcp() {
        let head = Self.timeouts + " mode tcp\nlisten t\n bind 127.0.0.1:18080\n "
        #expect(Self.check(RecordedAgreement.tcpLines) { head + $0 + "\n" } == [])
    }

    @Test("lines of global")
    func global() {
        let tail = Self.timeouts + "listen t\n bind 127.0.0.1:18080\n"
        #expect(Self.check(RecordedAgreement.globalLines) { "global\n " + $0 + "\n" + tail } == [])
        #expect(Self.check(RecordedAgreement.optionGlobalLines) { "global\n " + $0 + "\n" + tail } == [])
    }

    @Test("whole files")
    func files() {
        #expect(Self.check(RecordedAgreement.files) { $0 + "\n" } == [])
    }
}
