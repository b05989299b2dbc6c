import Base
import Testing

@Suite("Strings of JSON")
struct JSONTextTests {
    @Test("what must be escaped is (RFC 8259, section 7)")
    func escapes() {
        #expect(JSONText.quoted("a\"b\\c\n\u{1}é") == "\"a\\\"b\\\\c\\u000a\\u0001é\"")
    }
}
