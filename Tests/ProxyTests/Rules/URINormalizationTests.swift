import Configuration
import Samples
import Testing

@testable import Proxy

@Suite("Normal forms of URIs (manual, section 4.2, normalize-uri)")
struct URINormalizationTests {
    private func normal(_ text: String, _ normalizer: URINormalizer) -> String? {
        var line = LogLine()
        line.start()
        let bytes = Array(text.utf8)
        return URINormalization.write(bytes.span, normalizer, to: &line) ? line.text : nil
    }

    @Test(
        "each normalizer",
        arguments: [
            (URINormalizer.fragmentEncode, "/#foo", "/%23foo"), (.fragmentStrip, "/a?b#foo", "/a?b"),
            (.stripDot, "/.", "/"), (.stripDot, "/./bar/", "/bar/"), (.stripDot, "/a/./a", "/a/a"),
            (.stripDot, "/.well-known/", "/.well-known/"), (.stripDot, "/a?/./", "/a?/./"),
            (.stripDotDot(isFull: false), "/foo/../", "/"), (.stripDotDot(isFull: false), "/foo/../bar/", "/bar/"),
            (.stripDotDot(isFull: false), "/foo/bar/../", "/foo/"),
            (.stripDotDot(isFull: false), "/../bar/", "/../bar/"),
            (.stripDotDot(isFull: false), "/bar/../../", "/../"), (.stripDotDot(isFull: false), "/foo//../", "/foo/"),
            (.stripDotDot(isFull: false), "/foo/..", "/"), (.stripDotDot(isFull: true), "/../bar/", "/bar/"),
            (.stripDotDot(isFull: true), "/bar/../../", "/"), (.stripDotDot(isFull: true), "/..", "/"),
            (.mergeSlashes, "//", "/"), (.mergeSlashes, "/foo//bar?a//b", "/foo/bar?a//b"),
            (.decodeUnreserved(isStrict: false), "/%61dmin", "/admin"),
            (.decodeUnreserved(isStrict: false), "/foo%3Fbar=baz", "/foo%3Fbar=baz"),
            (.decodeUnreserved(isStrict: false), "/%%36%36", "/%66"),
            (.uppercasePercent(isStrict: false), "/%6f%zz", "/%6F%zz"),
            (.sortQuery, "/?c=3&a=1&b=2", "/?a=1&b=2&c=3"), (.sortQuery, "/?aaa=3&a=1&aa=2", "/?a=1&aa=2&aaa=3"),
            (.sortQuery, "/?a=3&b=4&a=1&b=5&a=2", "/?a=3&a=1&a=2&b=4&b=5"),
        ])
    func forms(normalizer: URINormalizer, text: String, expected: String) {
        #expect(normal(text, normalizer) == expected)
    }

    @Test("the strict forms refuse what is no valid encoding", arguments: ["/%zz", "/%", "/%4", "/%%36%36"])
    func strict(text: String) {
        #expect(normal(text, .decodeUnreserved(isStrict: true)) == nil)
        #expect(normal(text, .uppercasePercent(isStrict: true)) == nil)
    }
}

@Suite("Groups of a match in a template")
struct TemplateTests {
    @Test("digits are groups, x and two digits a byte, anything else itself")
    func groups() throws {
        let regex = try Regex(Array("(a+)(b)?".utf8))
        let match = RegexMatch()
        let subject = Array("xaay".utf8)
        let found = match.find(regex, in: subject.span)
        #expect(found)
        var line = LogLine()
        line.start()
        line.append(Array("<\\0|\\1|\\2|\\9|\\x41|\\q|\\\\|\\".utf8).span, groupsOf: subject.span, match)
        #expect(line.text == "<aa|aa|||A|q|\\|\\")
    }
}
