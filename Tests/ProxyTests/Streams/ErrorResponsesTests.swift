import Configuration
import HTTP
import Testing

@testable import Proxy

@Suite("Responses that the proxy gives itself (manual, section 4.2, errorfile)")
struct ErrorResponsesTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("the standard set, for connections that go on and for those that end")
    func standard() {
        let responses = ErrorResponses([:])
        for status in StandardResponses.statuses {
            let response = responses.response(for: Int(status))
            #expect(text(response.closing).hasPrefix("HTTP/1.1 \(status) "))
            #expect(text(response.closing).lowercased().contains("connection: close\r\n"))
            #expect(!text(response.persistent).lowercased().contains("connection: close\r\n"))
            #expect(response.mayPersist)
        }
    }

    @Test("a response's head ends where HEAD requests need it to")
    func headLengths() {
        let response = ErrorResponses([:]).response(for: 503)
        #expect(text(Array(response.closing.prefix(response.closingHeadBytes))).hasSuffix("\r\n\r\n"))
        #expect(text(Array(response.persistent.prefix(response.persistentHeadBytes))).hasSuffix("\r\n\r\n"))
        #expect(response.closingHeadBytes < response.closing.count)
    }

    @Test("a status without a response of its own is answered by that of 500")
    func unknown() {
        #expect(text(ErrorResponses([:]).response(for: 999).closing).hasPrefix("HTTP/1.1 500 "))
    }

    @Test("errorfile stands in as it is, and the connection ends; other statuses keep theirs")
    func file() {
        let bytes = Array("HTTP/1.0 503 Gone fishing\r\ncontent-length: 2\r\n\r\nhi".utf8)
        let responses = ErrorResponses([503: .file(path: "x", bytes: bytes)])
        let response = responses.response(for: 503)
        #expect(response.closing == bytes && response.persistent == bytes)
        #expect(!response.mayPersist)
        #expect(response.closingHeadBytes == bytes.count - 2)
        #expect(text(responses.response(for: 502).closing).hasPrefix("HTTP/1.1 502 "))
    }

    @Test("an empty errorfile says nothing")
    func emptyFile() {
        let response = ErrorResponses([408: .file(path: "/dev/null", bytes: [])]).response(for: 408)
        #expect(response.closing.isEmpty && response.closingHeadBytes == 0)
    }

    @Test("errorloc redirects")
    func redirect() {
        let response = ErrorResponses([404: .redirect(status: 302, location: "/sorry")]).response(for: 404)
        #expect(text(response.closing).hasPrefix("HTTP/1.1 302 "))
        #expect(text(response.closing).contains("location: /sorry\r\n"))
    }
}
