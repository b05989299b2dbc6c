import Glibc
import Testing

@testable import Configuration

@Suite("Diagnostics for editors")
struct DiagnosticJSONTests {
    private func render(_ text: String, name: String = "web.cfg", exitStatus: Int32 = 1) -> String {
        let result = ConfigurationLoader(environment: .init(inheritsProcessEnvironment: false)).load(
            text: text, name: name)
        return DiagnosticJSON(files: result.tree.files).render(result.diagnostics, exitStatus: exitStatus)
    }

    @Test("a suggestion is a text and the range that it goes in place of")
    func suggestion() {
        #expect(
            render("defaults\n    timout client 5s\n") == #"""
                {"version":1,"diagnostics":[
                {"file":"web.cfg","line":2,"column":5,"endLine":2,"endColumn":11,"severity":"error",\#
                "code":"unknown-keyword","message":"unknown keyword 'timout' in section 'defaults'",\#
                "help":"did you mean 'timeout'?","suggestion":{"replacement":"timeout","file":"web.cfg","line":2,\#
                "column":5,"endLine":2,"endColumn":11},"notes":[]}
                ],"summary":{"errors":1,"warnings":0,"notices":0,"diags":0,"exitStatus":1}}

                """#)
    }

    @Test("the range of a suggestion is the word alone, where the message is about more")
    func narrowSuggestion() {
        let text = render("frontend web\n    bind :80\n    acl is_api src ::1\n    http-request deny if !\"is_apy\"\n")
        #expect(
            text.contains(
                #""replacement":"is_api","file":"web.cfg","line":4,"column":28,"endLine":4,"endColumn":34}"#))
    }

    @Test("other places are notes; what is in no file has no place")
    func notes() {
        let result = ConfigurationLoader().load(paths: ["/nonexistent/web.cfg"])
        #expect(
            DiagnosticJSON(files: result.tree.files).render(result.diagnostics, exitStatus: 1) == #"""
                {"version":1,"diagnostics":[
                {"file":null,"line":null,"column":null,"endLine":null,"endColumn":null,"severity":"error",\#
                "code":"unreadable-file","message":"cannot read the configuration file '/nonexistent/web.cfg': \#
                No such file or directory","help":null,"suggestion":null,"notes":[]}
                ],"summary":{"errors":1,"warnings":0,"notices":0,"diags":0,"exitStatus":1}}

                """#)
        #expect(
            render("backend a\nbackend a\n") == #"""
                {"version":1,"diagnostics":[
                {"file":"web.cfg","line":2,"column":1,"endLine":2,"endColumn":10,"severity":"error",\#
                "code":"duplicate-name","message":"backend 'a' has the name of another proxy","help":null,\#
                "suggestion":null,"notes":[{"file":"web.cfg","line":1,"column":1,"endLine":1,"endColumn":10,\#
                "message":"the first one is here"}]}
                ],"summary":{"errors":1,"warnings":0,"notices":0,"diags":0,"exitStatus":1}}

                """#)
    }

    @Test("columns are bytes, and what JSON wants escaped is")
    func bytes() {
        let text = render("defaults\n\tlog-tag \"é\\\"\" x\n", name: "a\"b.cfg")
        #expect(text.contains(#"{"file":"a\"b.cfg","line":2,"column":17,"endLine":2,"endColumn":18,"#))
    }

    @Test("nothing to say is an empty list")
    func nothing() {
        #expect(
            render("backend a\n", exitStatus: 2) == #"""
                {"version":1,"diagnostics":[],"summary":{"errors":0,"warnings":0,"notices":0,"diags":0,"exitStatus":2}}

                """#)
    }

    @Test("the page of codes is the one in docs")
    func page() throws {
        try expectPage("docs/reference/diagnostics.md", DiagnosticCode.markdown(), suite: "DiagnosticJSONTests")
    }

    @Test("codes are words of lower case with hyphens, each once")
    func names() {
        let names = DiagnosticCode.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(name.utf8.allSatisfy { (0x61...0x7a).contains($0) || $0 == 0x2d }, "\(name)")
        }
    }
}

/// Compares a page that is made from a table with the file in the repository, which it writes when it is told to.
func expectPage(
    _ name: String, _ markdown: String, suite: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let root = "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
    let path = root.joined(separator: "/") + "/" + name
    let page = Array(markdown.utf8)
    // SAFETY: getenv gives a C string or NULL, and only that it is there is looked at.
    if unsafe getenv("MARTLET_WRITE_REFERENCE") != nil {
        // SAFETY: the path is a NUL-terminated copy, and write reads at most as many bytes as the page has.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        let written = unsafe page.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        #expect(written == page.count, sourceLocation: sourceLocation)
    }
    #expect(
        try FileReader.read(path) == page, "make it again: MARTLET_WRITE_REFERENCE=1 swift test --filter \(suite)",
        sourceLocation: sourceLocation)
}
