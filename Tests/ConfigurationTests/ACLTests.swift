import Samples
import Testing

@testable import Configuration

@Suite("7 ACLs and conditions")
struct ACLTests {
    /// The expression of an ACL in an HTTP frontend.
    private func acl(_ text: String) throws -> ACLExpression {
        let section = try proxy(listen("acl x \(text)", mode: "http"))
        return try #require(section.acls.first?.expressions.first)
    }

    /// The words of a condition's terms, as indices of named ACLs.
    private func names(_ terms: [ACLTerm]) -> [Int?] { terms.map(\.name) }

    /// Whether an ACL accepts a string.
    private func accepts(_ acl: ACLExpression, _ text: StaticString) -> Bool {
        acl.patterns.matchers.contains { $0.matches(Sample(literal: text), SampleScope(valueLimit: 1024)) }
    }

    /// Whether an ACL accepts an integer.
    private func accepts(_ acl: ACLExpression, _ number: Int64) -> Bool {
        acl.patterns.matchers.contains { $0.matches(Sample(number), SampleScope(valueLimit: 1024)) }
    }

    @Test("fetches and the match methods they imply")
    func fetches() throws {
        #expect(try acl("path /").method == .string)
        #expect(try acl("path_beg /static").method == .prefix)
        #expect(try acl("path_end .png").method == .suffix)
        #expect(try acl("path_sub x").method == .substring)
        #expect(try acl("hdr_dom(host) example").method == .domain)
        #expect(try acl("path_beg -m end /").method == .suffix)
        #expect(try accepts(acl("path -m len 3"), "abc"))
        #expect(try acl("src 10.0.0.0/8").method == .ip)
        #expect(try acl("dst_port 80").method == .integer)
        #expect(try acl("method GET").method == .string)
        #expect(try acl("always_true").method == .boolean)
        #expect(try acl("hdr(x-seen) -m found").method == .found)
    }

    @Test("names of ACLs stand for a fetch; converters take what it yields, and decide how it is matched")
    func names() throws {
        #expect(try acl("hdr(Host) a").expression.fetchName == "req.hdr")
        #expect(try acl("hdr_beg(x,-1) a").expression.fetchName == "req.hdr")
        #expect(try acl("path() /").expression.fetchName == "path")
        #expect(try acl("path_beg,even -m bool").method == .boolean)
        #expect(try acl("int(3),even").method == .boolean)
        #expect(try acl("path_beg -m reg ^/").method == .regex)
    }

    @Test("patterns: case, flags, files")
    func patterns() throws {
        for (text, value, expected): (String, StaticString, Bool) in [
            ("path a b", "b", true), ("path a b", "a b", false), ("path -i A", "a", true), ("path A", "a", false),
            ("path -- -i", "-i", true), ("path a -i", "-i", true), ("path a -i", "A", false),
            ("path -f /dev/null --", "", false), ("path_dir /a/b/", "/x/a/b", true),
            ("hdr_dom(host) .example.com:", "www.example.com", true), ("path -m bin 2f61", "/a", true),
            ("path_reg ^/[a-c]+$", "/abc", true), ("path_reg ^/[a-c]+$", "/abd", false),
            ("path_reg -i ^/A", "/a", true),
        ] {
            #expect(try accepts(acl(text), value) == expected, "\(text)")
        }
    }

    @Test(
        "integers, ranges and operators",
        arguments: [
            ("80", 80...80), ("80:90", 80...90), ("80:", 80...Int64.max), (":90", Int64.min...90), ("-5", -5 ... -5),
            ("eq 5", 5...5), ("ge 5", 5...Int64.max), ("gt 5", 6...Int64.max), ("le 5", Int64.min...5),
            ("lt 5", Int64.min...4),
        ])
    func integers(text: String, bounds: ClosedRange<Int64>) throws {
        let ports = try acl("dst_port \(text)")
        #expect(accepts(ports, bounds.lowerBound) && accepts(ports, bounds.upperBound))
        if bounds.lowerBound > .min { #expect(!accepts(ports, bounds.lowerBound - 1)) }
        if bounds.upperBound < .max { #expect(!accepts(ports, bounds.upperBound + 1)) }
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
        #expect(names(condition.alternatives[0]) == [0, 1])
        guard case .anonymous(let expression) = condition.alternatives[1][0].test else {
            return #expect(Bool(false), "an anonymous ACL")
        }
        #expect(accepts(expression, 80) && !accepts(expression, 81))
        #expect(condition.alternatives[2].map(\.isNegated) == [true, false, false])
        #expect(names(condition.alternatives[2]) == [0, 2, 1])
        #expect(section.acls[2].name == "METH_GET")
        #expect(accepts(section.acls[2].expressions[0], "HEAD") && !accepts(section.acls[2].expressions[0], "PUT"))
        #expect(section.useBackends[1].condition?.isNegated == true)
    }

    @Test("every predefined ACL can be used", arguments: ACLKeywords.predefined.keys.sorted())
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
            ("x pth /", "7:11 error: unknown sample fetch 'pth' (did you mean 'path'?)"),
            (
                "x sc0_conn_cur gt 5",
                "7:11 error: sample fetch 'sc0_conn_cur' is known to HAProxy but not supported by this version of "
                    + "Martlet"
            ),
            (
                "x path,in_table(t)",
                "7:16 error: converter 'in_table' is known to HAProxy but not supported by this version of Martlet"
            ),
            ("x path,evne /", "7:16 error: unknown converter 'evne' (did you mean 'even'?)"),
            ("x path,even,", "7:21 error: missing converter after ','"),
            (
                "x hdr(a,b) c",
                "7:17 error: argument 2 of 'hdr': 'b' is no integer"
            ),
            ("x hdr(a,1,2) c", "7:14 error: 'hdr' takes at most 2 arguments"),
            ("x hdr(a b", "7:14 error: missing closing ')' of 'hdr'"),
            ("x path(y) /", "7:15 error: 'path' takes no argument"),
            (
                "x path -m foo /",
                "7:19 error: unknown matching method 'foo' (there are found, bool, int, ip, bin, len, "
                    + "str, beg, end, sub, dir, dom, reg)"
            ),
            (
                "x method -m int 1",
                "7:21 error: matching method 'int' cannot be used with 'method', which yields a method "
                    + "(here there are found, bin, len, str, beg, end, sub, dir, dom, reg)"
            ),
            (
                "x req.body abc",
                "7:11 error: 'req.body' yields binary data: say with '-m' how it is matched "
                    + "(there are found, bin, len, str, beg, end, sub, dir, dom, reg)"
            ),
            (
                "x always_true -m ip ::1",
                "7:26 error: matching method 'ip' cannot be used with 'always_true', which yields a boolean (here "
                    + "there are found, bool, int, bin, len, str, beg, end, sub, dir, dom, reg)"
            ),
            ("x path -q /", "7:16 error: unknown ACL flag '-q' (write '--' before a pattern that starts with '-')"),
            (
                "x path -u a",
                "7:19 error: '-u' expects a number from 0 to 2147483647"
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
                "pool if { status 200 }",
                "8:25 warning: this ACL never matches: 'status' needs the server's connection, which is not available "
                    + "in a frontend use-backend rule"
            ),
            (
                "test if { path /",
                "8:25 error: missing '}' for this '{' (braces are words of their own: leave a space around them)"
            ),
            ("pool if { }", "8:27 error: missing sample fetch in the ACL expression"),
            ("pool if {path / }", "8:25 error: no such ACL: '{path' (leave a space after '{')"),
        ])
    func conditionMistakes(text: String, expected: String) {
        #expect(messages(listen("acl x path /", "use_backend \(text)", mode: "http")) == [expected])
    }

    @Test("parts of a request never match in mode tcp")
    func modeTCP() {
        #expect(
            messages(listen("use_backend pool if { path / }")) == [
                "7:22 warning: conditions of listen 'test' ask for parts of a request, and never match in 'mode tcp'"
            ])
        #expect(messages(listen("use_backend pool if { src 10.0.0.1 }")) == [])
    }
}
