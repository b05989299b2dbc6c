import Testing

@testable import Configuration

@Suite("Rules (manual, section 4.2)")
struct RuleTests {
    private func load(_ lines: String..., mode: String = "http") -> ConfigurationLoader.Result {
        let text = """
            defaults
                mode \(mode)
                timeout client 1s
                timeout server 1s
                timeout connect 1s
            listen test
                bind :80
            \(lines.map { "    " + $0 }.joined(separator: "\n"))

            """
        return ConfigurationLoader().load(text: text)
    }

    private func messages(_ lines: [String], mode: String = "http") -> [String] {
        let text =
            "defaults\n mode \(mode)\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nlisten test\n"
            + " bind :80\n" + lines.map { " \($0)\n" }.joined()
        return ConfigurationLoader().load(text: text).diagnostics.map { $0.message }
    }

    @Test("a rule has an action and perhaps a condition, and keeps its place")
    func order() throws {
        let result = load(
            "http-request set-header X-A %[src] if { path /a }", "http-request deny unless { path /b }",
            "http-response del-header Server")
        #expect(result.diagnostics.isEmpty)
        let rules = try #require(result.tree.proxies.first).rules
        #expect(rules[.httpRequest].count == 2 && rules[.httpResponse].count == 1)
        guard case .setHeader(let name, let format) = rules[.httpRequest][0].action else {
            Issue.record("no set-header")
            return
        }
        #expect(name == Array("X-A".utf8) && !format.isConstant)
        #expect(rules[.httpRequest][0].condition != nil && rules[.httpRequest][1].condition?.isNegated == true)
        #expect(rules[.httpResponse][0].condition == nil)
    }

    @Test("each action is read where the table says, and nowhere else", arguments: ActionTable.actions.map(\.name))
    func places(name: String) throws {
        let action = try #require(ActionTable.actions.first { $0.name == name })
        for set in RuleSet.allCases where !action.sets.contains(set) {
            let found = messages(["\(set.keyword) \(name)\(action.takesParentheses ? "(a)" : "")"])
            #expect(found.contains { $0.hasPrefix("action '\(name)' cannot stand in '\(set.keyword)'") }, "\(found)")
        }
    }

    @Test(
        "mistakes in rules",
        arguments: [
            ("http-request", "'http-request' expects <action> [options...] [{if | unless} <condition>]"),
            ("http-request set-haeder a b", "unknown action 'set-haeder' of 'http-request'"),
            ("http-request set-header a", "'http-request set-header' expects a format"),
            ("http-request set-header a\u{20}b c", "'http-request set-header' does not take 'c'"),
            ("http-request set-header a: b", "'http-request set-header' expects the name of a field, not 'a:'"),
            (
                "http-request set-header a %[status]",
                "sample fetch 'status' needs the server's connection, which is not available in a backend "
                    + "http-request header rule"
            ),
            (
                "http-request track-sc0 src",
                "action 'track-sc0' of 'http-request' is known to HAProxy but not supported by this version of Martlet"
            ),
            (
                "http-request set-var(a) src",
                "'http-request set-var' expects the name of a variable: 'a' is no variable"
            ),
            ("http-request set-var src", "'http-request set-var' expects parentheses: (<var-name>[,<cond>...]) <expr>"),
            ("http-request deny deny_status 99", "'http-request deny' expects a status between 200 and 599, not '99'"),
            ("http-request return string x", "'http-request return' needs a 'content-type' for its payload"),
            (
                "http-request redirect code 300 location /",
                "'http-request redirect' expects a status between 301 and 308, not '300'"
            ),
            (
                "http-request replace-path ( /",
                "regular expression of 'http-request replace-path': missing closing parenthesis"
            ),
            (
                "http-request normalize-uri path-strip",
                "'http-request normalize-uri' does not know the normalizer 'path-strip'"
            ),
            (
                "http-request capture src id x",
                "'http-request capture' expects the number of a slot between 0 and 65535, not 'x'"
            ),
            (
                "http-request capture src id 0",
                "'http-request capture' names slot 0, which is not declared"
            ),
            (
                "http-response capture src id 3",
                "'http-response capture' names slot 3, which is not declared"
            ),
            (
                "http-request set-header a %[src,debug(a)]",
                "argument 1 of 'debug': writes to the ring 'buf0' without a destination, and rings are not supported"
            ),
            (
                "http-response set-status 42",
                "'http-response set-status' expects a status between 100 and 999, not '42'"
            ),
            ("http-request set-log-level loud", "'http-request set-log-level' does not know the level 'loud'"),
            ("use-server s if TRUE", "'use-server' of listen 'test': there is no server 's'"),
            ("log-format %xx", "no such format variable '%xx'"),
            ("errorfiles no", "there is no 'http-errors' section 'no'"),
        ])
    func mistakes(line: String, message: String) {
        #expect(messages([line]).contains(message), "\(messages([line]))")
    }

    @Test("a rule behind one that ends every evaluation is warned about")
    func unreachable() {
        #expect(
            messages(["http-request deny", "http-request set-header a b"]) == [
                "this 'http-request' rule is never reached"
            ])
        #expect(messages(["http-request deny if TRUE", "http-request set-header a b"]) == [])
    }

    @Test("lines of one kind behind those of a later kind are warned about, as they are evaluated before")
    func misplaced() {
        let found = messages(["redirect location / if FALSE", "http-request deny if FALSE"])
        #expect(found.count == 1 && found[0].hasPrefix("'http-request' rules are evaluated before 'redirect' rules"))
    }

    @Test("rules stand in named defaults sections only, and come before those of the proxy")
    func defaults() throws {
        let unnamed = ConfigurationLoader().load(text: "defaults\n http-request deny\n")
        #expect(unnamed.diagnostics.first?.message.contains("without a name") == true)
        let named = ConfigurationLoader().load(
            text: """
                defaults d
                 mode http
                 timeout client 1s
                 acl a path /a
                 http-request deny if a
                frontend f from d
                 bind :80
                 http-request allow

                """)
        #expect(named.diagnostics.isEmpty, "\(named.diagnostics)")
        let proxy = try #require(named.tree.proxies.first)
        #expect(proxy.rules[.httpRequest].count == 2 && proxy.rules[.httpRequest][0].condition != nil)
    }

    @Test("users and groups refer to each other in either order")
    func userlists() throws {
        let result = ConfigurationLoader().load(
            text: "userlist l\n group g users b\n group h\n user a insecure-password x groups h\n user b password y\n")
        #expect(result.diagnostics.isEmpty)
        let list = try #require(result.tree.userLists.first)
        #expect(list.users.map(\.groups) == [["h"], ["g"]])
        #expect(list.users.map(\.isEncrypted) == [false, true])
        let wrong = ConfigurationLoader().load(text: "userlist l\n group g users nobody\n")
        #expect(wrong.diagnostics.map(\.message) == ["userlist 'l' has no user 'nobody'"])
    }
}
