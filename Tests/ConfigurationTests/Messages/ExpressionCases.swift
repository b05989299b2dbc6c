@testable import Configuration

/// What is said about expressions and conditions.
extension MessageCase {
    static let expressionCases: [MessageCase] = [
        MessageCase(
            "a sample fetch that is one letter off",
            [.unknownFetch, .unknownFetch],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                acl api pth_beg /api
                http-request set-header x %[hrd(host)]
                use_backend a if api
            backend a
            """,
            says:
                """
                test.cfg:8:13: error: unknown sample fetch 'pth_beg'
                        acl api pth_beg /api
                                ^~~~~~~
                help: did you mean 'path_beg'?
                test.cfg:9:33: error: unknown sample fetch 'hrd'
                        http-request set-header x %[hrd(host)]
                                                    ^~~
                help: did you mean 'hdr'?
                """),
        MessageCase(
            "a converter that is one letter off",
            [.unknownConverter],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request set-header x %[path,lowr]
            """,
            says:
                """
                test.cfg:8:38: error: unknown converter 'lowr'
                        http-request set-header x %[path,lowr]
                                                         ^~~~
                help: did you mean 'lower'?
                """),
        MessageCase(
            "arguments of fetches and converters",
            [.invalidExpression, .invalidExpression, .invalidExpression, .invalidExpression, .invalidExpression],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request set-header a %[path,bytes(x)]
                http-request set-header b %[path,lower(1)]
                http-request set-header c %[path,bytes]
                http-request set-header d %[path,bytes(1]
                http-request set-header e %[src,ipmask(33)]
            """,
            says:
                """
                test.cfg:8:44: error: argument 1 of 'bytes': 'x' is no integer
                        http-request set-header a %[path,bytes(x)]
                                                               ^
                test.cfg:9:43: error: 'lower' takes no argument
                        http-request set-header b %[path,lower(1)]
                                                              ^~~
                test.cfg:10:38: error: 'bytes' needs an argument: (integer)
                        http-request set-header c %[path,bytes]
                                                         ^~~~~
                test.cfg:11:43: error: missing closing ')' of 'bytes'
                        http-request set-header d %[path,bytes(1]
                                                              ^
                test.cfg:12:44: error: argument 1 of 'ipmask': '33' is no IPv4 mask
                        http-request set-header e %[src,ipmask(33)]
                                                               ^~
                """),
        MessageCase(
            "a value that a converter cannot take",
            [.invalidExpression],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request set-header a %[always_true,ipmask(24)]
            """,
            says:
                """
                test.cfg:8:45: error: converter 'ipmask' takes addr, which cannot be made of bool
                        http-request set-header a %[always_true,ipmask(24)]
                                                                ^~~~~~
                """),
        MessageCase(
            "a sample of the response in a rule about the request",
            [.unavailableSample, .neverMatches, .neverMatches],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request set-header x %[status]
                acl ok status 200
                http-request deny if ok
                http-request deny if { res.hdr(x) y }
            """,
            says:
                """
                test.cfg:8:33: error: sample fetch 'status' needs the server's connection, which is not available in \
                a frontend http-request header rule
                        http-request set-header x %[status]
                                                    ^~~~~~
                test.cfg:10:26: warning: ACL 'ok' never matches here: 'status' needs the server's connection, which \
                is not available in a frontend http-request header rule
                        http-request deny if ok
                                             ^~
                test.cfg:11:26: warning: this ACL never matches: 'res.hdr' needs the response, which is not available \
                in a frontend http-request header rule
                        http-request deny if { res.hdr(x) y }
                                             ^~~~~~~~~~~~~~~~
                """),
        MessageCase(
            "regular expressions that are none",
            [.invalidRegex, .invalidRegex, .invalidRegex, .invalidRegex],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request replace-path /(a /b
                http-request del-header x-[ -m reg
                acl a path_reg ^/a(b
                http-request set-header x %[path,regsub([a,b)]
                http-request deny if a
            """,
            says:
                """
                test.cfg:8:34: error: regular expression of 'http-request replace-path': missing closing parenthesis
                        http-request replace-path /(a /b
                                                     ^
                test.cfg:9:32: error: regular expression of 'http-request del-header': missing terminating ] for \
                character class
                        http-request del-header x-[ -m reg
                                                   ^
                test.cfg:10:25: error: '^/a(b' is no regular expression: missing closing parenthesis
                        acl a path_reg ^/a(b
                                            ^
                test.cfg:11:47: error: argument 1 of 'regsub': no regular expression: missing terminating ] for \
                character class
                        http-request set-header x %[path,regsub([a,b)]
                                                                  ^
                """),
        MessageCase(
            "log formats",
            [.missingLog, .invalidFormat, .invalidFormat, .invalidFormat, .invalidFormat],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                log global
                log-format "%ci %zz"
                log-format-sd "%[src"
                unique-id-format "%{+Z}ci"
                http-request set-header x 100%
            """,
            says:
                """
                test.cfg:6:1: warning: log format ignored for frontend 'web', which has no 'log' line
                    frontend web
                    ^~~~~~~~~~~~
                help: say where the lines go: 'log global', or 'log' with a target
                test.cfg:9:21: error: no such format variable '%zz'
                        log-format "%ci %zz"
                                        ^~~
                help: write %% for the character itself, %[...] for an expression
                test.cfg:10:20: error: missing ']' after the expression
                        log-format-sd "%[src"
                                       ^~~~~
                test.cfg:11:25: error: unknown flag '+Z'
                        unique-id-format "%{+Z}ci"
                                            ^~
                help: there are Q (quotes), X (hexadecimal) and E (escapes), each behind '+' or '-'
                test.cfg:12:34: error: missing variable after '%'
                        http-request set-header x 100%
                                                     ^
                help: write %% for the character itself
                """),
        MessageCase(
            "an ACL that there is not",
            [.unknownACL, .unknownACL, .unknownACL, .unknownACL],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                acl is_api path_beg /api
                http-request deny if is_apy
                http-request deny if !is_ap
                http-request deny if nobody
                http-request deny if {path_beg /a }
                http-request deny if is_api
            """,
            says:
                """
                test.cfg:9:26: error: no such ACL: 'is_apy'
                        http-request deny if is_apy
                                             ^~~~~~
                help: did you mean 'is_api'?
                test.cfg:10:26: error: no such ACL: 'is_ap'
                        http-request deny if !is_ap
                                             ^~~~~~
                help: did you mean 'is_api'?
                test.cfg:11:26: error: no such ACL: 'nobody'
                        http-request deny if nobody
                                             ^~~~~~
                help: declare it with 'acl nobody ...' above this line
                test.cfg:12:26: error: no such ACL: '{path_beg'
                        http-request deny if {path_beg /a }
                                             ^~~~~~~~~
                help: leave a space after '{'
                """),
        MessageCase(
            "conditions that are malformed",
            [
                .unknownValue, .invalidCondition, .invalidCondition, .invalidCondition, .invalidCondition,
                .invalidCondition,
            ],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request deny iff { path / }
                http-request deny if { path /
                http-request deny if
                http-request deny if || { path / }
                http-request deny if { path / } or
                http-request deny if !
            """,
            says:
                """
                test.cfg:8:23: error: 'http-request deny' does not take 'iff'
                        http-request deny iff { path / }
                                          ^~~
                help: did you mean 'if'?
                test.cfg:9:26: error: missing '}' for this '{'
                        http-request deny if { path /
                                             ^
                help: braces are words of their own: leave a space around them
                test.cfg:10:23: error: missing ACL after 'if'
                        http-request deny if
                                          ^~
                test.cfg:11:26: error: missing ACL before '||'
                        http-request deny if || { path / }
                                             ^~
                test.cfg:12:37: error: missing ACL after 'or'
                        http-request deny if { path / } or
                                                        ^~
                test.cfg:13:26: error: missing ACL after '!'
                        http-request deny if !
                                             ^
                """),
        MessageCase(
            "flags and methods of ACLs",
            [.unknownValue, .unknownValue, .missingArgument, .invalidPattern, .invalidPattern],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                acl a path -m begn /a
                acl b path -x /a
                acl c src -m dom a
                acl d req.body /a
                acl e hdr_cnt(x) gt five
                acl f src 192.0.2.300
            """,
            says:
                """
                test.cfg:8:19: error: unknown matching method 'begn'
                        acl a path -m begn /a
                                      ^~~~
                help: did you mean 'beg'?
                test.cfg:9:16: error: unknown ACL flag '-x'
                        acl b path -x /a
                                   ^~
                help: write '--' before a pattern that starts with '-'
                test.cfg:11:11: error: 'req.body' yields binary data: say with '-m' how it is matched
                        acl d req.body /a
                              ^~~~~~~~
                help: there are found, bin, len, str, beg, end, sub, dir, dom, reg
                test.cfg:12:25: error: 'five' is no integer and no range
                        acl e hdr_cnt(x) gt five
                                            ^~~~
                help: write a number, a range such as 1024:65535, or an operator: eq, ge, gt, le, lt
                test.cfg:13:15: error: '192.0.2.300' is no valid IPv4 or IPv6 address or network
                        acl f src 192.0.2.300
                                  ^~~~~~~~~~~
                help: write an address, or a network such as 10.0.0.0/8; host names are not resolved here
                """),
        MessageCase(
            "ACLs that say nothing",
            [.neverMatches, .ignoredPatterns],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                acl a path_beg
                acl b path -m found /x
                http-request deny if a b
            """,
            says:
                """
                test.cfg:8:11: warning: no pattern to match 'path_beg' against: this ACL never matches
                        acl a path_beg
                              ^~~~~~~~
                help: use '-m found' to test for existence, or '--' to say that this is meant
                test.cfg:9:25: warning: patterns are ignored by '-m found'
                        acl b path -m found /x
                                            ^~
                """),
        MessageCase(
            "a predefined ACL that is declared after its use",
            [.duplicateName],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request deny if METH_GET
                acl METH_GET method GET
            """,
            says:
                """
                test.cfg:9:9: error: the predefined ACL 'METH_GET' was used above: declare your own before its first \
                use
                        acl METH_GET method GET
                            ^~~~~~~~
                """),
    ]
}
