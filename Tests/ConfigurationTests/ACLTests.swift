import Testing

@testable import Configuration

@Suite("7 ACLs and conditions")
struct ACLTests {
    /// The expression of an ACL in an HTTP frontend.
    private func acl(_ text: String) throws -> ACLExpression {
        let section = try proxy(listen("acl x \(text)", mode: "http"))
        return try #require(section.acls.first?.expressions.first)
    }

    private func string(_ text: String, ignoreCase: Bool = false) -> ACLPattern {
        .string(Array(text.utf8), ignoreCase: ignoreCase)
    }

    @Test("fetches and the match methods they imply")
    func fetches() throws {
        #expect(try acl("path /").match == .string)
        #expect(try acl("path_beg /static").match == .prefix)
        #expect(try acl("path_end .png").match == .suffix)
        #expect(try acl("path_sub x").match == .substring)
        #expect(try acl("hdr_dom(host) example").match == .domain)
        #expect(try acl("path_beg -m end /").match == .suffix)
        #expect(try acl("path -m len 3").patterns == [.integer(3...3)])
        #expect(try acl("src 10.0.0.0/8").match == .ip)
        #expect(try acl("dst_port 80").match == .integer)
        #expect(try acl("method GET").match == .string)
        #expect(try acl("always_true").match == .boolean)
        #expect(try acl("hdr(x-seen) -m found").match == .found)
    }

    @Test("header arguments")
    func headers() throws {
        #expect(try acl("hdr(Host) a").call == FetchCall(fetch: .requestHeader, headerName: "host"))
        #expect(
            try acl("req.hdr(X-For,-1) a").call == FetchCall(fetch: .requestHeader, headerName: "x-for", occurrence: -1)
        )
        #expect(try acl("path() /").call == FetchCall(fetch: .path))
    }

    @Test("patterns: case, flags, files")
    func patterns() throws {
        #expect(try acl("path a b").patterns == [string("a"), string("b")])
        #expect(try acl("path -i A").patterns == [string("a", ignoreCase: true)])
        #expect(try acl("path -- -i").patterns == [string("-i")])
        #expect(try acl("path a -i").patterns == [string("a"), string("-i")])
        #expect(try acl("path -f /dev/null --").patterns == [])
        #expect(try acl("path_dir /a/b/").patterns == [string("a/b")])
        #expect(try acl("hdr_dom(host) .example.com:").patterns == [string("example.com")])
    }

    @Test(
        "integers, ranges and operators",
        arguments: [
            ("80", 80...80), ("80:90", 80...90), ("80:", 80...Int64.max), (":90", Int64.min...90), ("-5", -5 ... -5),
            ("eq 5", 5...5), ("ge 5", 5...Int64.max), ("gt 5", 6...Int64.max), ("le 5", Int64.min...5),
            ("lt 5", Int64.min...4),
        ])
    func integers(text: String, bounds: ClosedRange<Int64>) throws {
        #expect(try acl("dst_port \(text)").patterns == [.integer(bounds)])
    }

    @Test("an ACL of several lines is one, true when any is")
    func several() throws {
        let section = try proxy(listen("acl a src 10.0.0.1", "acl b src 10.0.0.2", "acl a src 10.0.0.3"))
        #expect(section.acls.map(\.name) == ["a", "b"])
        #expect(section.acls.map(\.expressions.count) == [2, 1])
    }

    @Test("conditions are an OR of ANDs")
    func conditions() throws {
        let section = try proxy(
            listen(
                "acl a src 10.0.0.1", "acl b src 10.0.0.2",
                "use_backend pool if a !b or { dst_port 80 } || ! a METH_GET !!b", "use_backend pool unless a",
                mode: "http"))
        let condition = try #require(section.useBackends[0].condition)
        #expect(!condition.isNegated)
        #expect(condition.alternatives.map(\.count) == [2, 1, 3])
        #expect(condition.alternatives[0].map(\.isNegated) == [false, true])
        #expect(condition.alternatives[0].map(\.test) == [.named(0), .named(1)])
        guard case .anonymous(let expression) = condition.alternatives[1][0].test else {
            return #expect(Bool(false), "an anonymous ACL")
        }
        #expect(expression.patterns == [.integer(80...80)])
        #expect(condition.alternatives[2].map(\.isNegated) == [true, false, false])
        #expect(condition.alternatives[2].map(\.test) == [.named(0), .named(2), .named(1)])
        #expect(section.acls[2].name == "METH_GET")
        #expect(section.acls[2].expressions[0].patterns == [string("GET"), string("HEAD")])
        #expect(section.useBackends[1].condition?.isNegated == true)
    }

    @Test("every predefined ACL can be used", arguments: FetchTable.predefined.keys.sorted())
    func predefined(name: String) throws {
        let section = try proxy(listen("use_backend pool if \(name)", mode: "http"))
        #expect(section.acls.map(\.name) == [name])
    }

    @Test("a section's own ACL comes before a predefined one")
    func ownACL() throws {
        let section = try proxy(listen("acl LOCALHOST src 10.0.0.1", "use_backend pool if LOCALHOST"))
        #expect(section.acls.count == 1)
    }

    @Test(
        "mistakes in ACLs",
        arguments: [
            ("a/b path /", "7:10 error: character '/' is not permitted in the ACL name 'a/b'"),
            ("or path /", "7:9 error: an ACL named 'or' can never be used in a condition"),
            ("x", "7:5 error: 'acl' expects <aclname> <criterion> [flags] [operator] <value> ..."),
            ("x pth /", "7:11 error: unknown sample fetch 'pth' in the ACL expression (did you mean 'path'?)"),
            (
                "x url_beg /",
                "7:11 error: sample fetch 'url_beg' is known to HAProxy but not supported by this version of Martlet"
            ),
            (
                "x path,lower /",
                "7:15 error: the converter after 'path' is known to HAProxy but not supported by this "
                    + "version of Martlet"
            ),
            ("x hdr foo", "7:11 error: 'hdr' expects the name of a field (write hdr(host))"),
            (
                "x hdr(a,b) c",
                "7:11 error: 'b' is no valid occurrence for 'hdr' (1 is the first value of the field, -1 the last)"
            ),
            ("x hdr(a,1,2) c", "7:11 error: 'hdr' takes a name and an occurrence, no more"),
            ("x hdr(a b", "7:14 error: missing closing ')' of 'hdr'"),
            ("x path(y) /", "7:11 error: 'path' takes no argument"),
            (
                "x path -m foo /",
                "7:19 error: unknown matching method 'foo' (there are found, bool, int, ip, str, beg, "
                    + "end, sub, dir, dom, len)"
            ),
            (
                "x path -m reg ^/",
                "7:19 error: matching method 'reg' is known to HAProxy but not supported by this version of Martlet"
            ),
            (
                "x src -m str 1.2.3.4",
                "7:18 error: matching method 'str' cannot be used with 'src', which yields an ip "
                    + "(here there are ip, found)"
            ),
            (
                "x hdr(x) -m ip ::1",
                "7:21 error: matching method 'ip' on a string is known to HAProxy but not supported by this version of "
                    + "Martlet"
            ),
            ("x path -q /", "7:16 error: unknown ACL flag '-q' (write '--' before a pattern that starts with '-')"),
            (
                "x path -M -f y",
                "7:16 error: ACL flag '-M' is known to HAProxy but not supported by this version of Martlet"
            ),
            (
                "x path -f /nonexistent",
                "7:19 error: cannot read the pattern file '/nonexistent': No such file or directory"
            ),
            ("x path -f /dev/null -m beg", "7:29 error: '-m' must stand before files and patterns"),
            (
                "x src 10.0.0.300",
                "7:15 error: '10.0.0.300' is no valid IPv4 or IPv6 address or network (write an "
                    + "address, or a network such as 10.0.0.0/8; host names are not resolved here)"
            ),
            ("x dst_port 90:80", "7:20 error: '90:80' is no valid range: it ends before it starts"),
            (
                "x dst_port eighty",
                "7:20 error: 'eighty' is no integer and no range (write a number, a range such as "
                    + "1024:65535, or an operator: eq, ge, gt, le, lt)"
            ),
            ("x dst_port gt", "7:20 error: missing number after the operator 'gt'"),
            ("x dst_port gt 1:5", "7:23 error: the operator 'gt' cannot be used with a range"),
            (
                "x path",
                "7:11 warning: no pattern to match 'path' against: this ACL never matches (use '-m "
                    + "found' to test for existence, or '--' to say that this is meant)"
            ),
            ("x path -m found /", "7:25 warning: patterns are ignored by '-m found'"),
        ])
    func mistakes(text: String, expected: String) {
        #expect(messages(listen("acl \(text)", mode: "http")) == [expected])
    }

    @Test(
        "mistakes in conditions",
        arguments: [
            ("pool foo", "8:22 error: unexpected 'foo': only 'if' or 'unless' may stand here"),
            ("pool if", "8:22 error: missing ACL after 'if'"), ("pool if x or", "8:27 error: missing ACL after 'or'"),
            ("pool if or x", "8:25 error: missing ACL before 'or'"),
            ("pool if !", "8:25 error: missing ACL after '!'"),
            ("pool if y", "8:25 error: no such ACL: 'y' (declare it with 'acl y ...' above this line)"),
            ("pool if METH_PSOT", "8:25 error: no such ACL: 'METH_PSOT' (did you mean 'METH_POST'?)"),
            (
                "test if HTTP_URL_STAR",
                "8:25 error: predefined ACL 'HTTP_URL_STAR' is known to HAProxy but not supported by "
                    + "this version of Martlet"
            ),
            (
                "test if { path /",
                "8:25 error: missing '}' for this '{' (braces are words of their own: leave a space around them)"
            ),
            ("pool if { }", "8:27 error: missing sample fetch in the ACL expression"),
            ("pool if {path / }", "8:25 error: no such ACL: '{path' (leave a space after '{')"),
            (
                "%[path]",
                "8:17 error: a computed backend name is known to HAProxy but not supported by this version of Martlet"
            ),
        ])
    func conditionMistakes(text: String, expected: String) {
        #expect(messages(listen("acl x path /", "use_backend \(text)", mode: "http")) == [expected])
    }

    @Test("parts of a request never match in mode tcp")
    func modeTCP() {
        #expect(
            messages(listen("use_backend pool if { path / }")) == [
                "1:1 warning: conditions of listen 'test' ask for parts of a request, and never match in 'mode tcp'"
            ])
        #expect(messages(listen("use_backend pool if { src 10.0.0.1 }")) == [])
    }
}
