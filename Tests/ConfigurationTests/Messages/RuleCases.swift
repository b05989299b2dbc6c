@testable import Configuration

/// What is said about rules.
extension MessageCase {
    static let ruleCases: [MessageCase] = [
        MessageCase(
            "an action that is one letter off",
            [.unknownAction, .unknownAction],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request set-heder x y
                http-request set-headr(x) y
            """,
            says:
                """
                test.cfg:8:18: error: unknown action 'set-heder' of 'http-request'
                        http-request set-heder x y
                                     ^~~~~~~~~
                help: did you mean 'set-header'?
                test.cfg:9:18: error: unknown action 'set-headr' of 'http-request'
                        http-request set-headr(x) y
                                     ^~~~~~~~~
                help: did you mean 'set-header'?
                """),
        MessageCase(
            "an action that only HAProxy has",
            [.unsupported],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request use-service lua.hello
            """,
            says:
                """
                test.cfg:8:18: error: action 'use-service' of 'http-request' is known to HAProxy but not supported by \
                this version of Martlet
                        http-request use-service lua.hello
                                     ^~~~~~~~~~~
                """),
        MessageCase(
            "a slot that a listen section does not declare, and a destination that debug does not have",
            [.unknownName, .unknownName, .invalidExpression],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen web
                bind :80
                http-request capture src id 1
                http-response capture src id 0
                declare capture request len 9
                http-request set-header a %[src,debug(a,buf0)]
            """,
            says:
                """
                test.cfg:8:33: error: 'http-request capture' names slot 1, which is not declared
                        http-request capture src id 1
                                                    ^
                help: declare it, with 'declare capture request len <length>'
                test.cfg:9:34: error: 'http-response capture' names slot 0, which is not declared
                        http-response capture src id 0
                                                     ^
                help: declare it, with 'declare capture response len <length>'
                test.cfg:11:45: error: argument 2 of 'debug': the destination 'buf0' is not supported by this version \
                of Martlet
                        http-request set-header a %[src,debug(a,buf0)]
                                                                ^~~~
                help: there are stdout and stderr
                """),
        MessageCase(
            "an action of another set of rules",
            [.misplacedKeyword, .misplacedKeyword],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-response auth
                tcp-request connection set-header x y
            """,
            says:
                """
                test.cfg:8:19: error: action 'auth' cannot stand in 'http-response'
                        http-response auth
                                      ^~~~
                help: it can in http-request
                test.cfg:9:28: error: action 'set-header' cannot stand in 'tcp-request connection'
                        tcp-request connection set-header x y
                                               ^~~~~~~~~~
                help: it can in http-request, http-response, http-after-response
                """),
        MessageCase(
            "arguments of actions",
            [
                .missingArgument, .missingArgument, .unexpectedArgument, .missingArgument, .invalidExpression,
                .invalidName,
            ],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request
                http-request set-header x
                http-request set-header x y z
                http-request set-var txn.x int(1)
                http-request set-var(txn.x int(1)
                http-request set-var(x) int(1)
            """,
            says:
                """
                test.cfg:8:5: error: 'http-request' expects <action> [options...] [{if | unless} <condition>]
                        http-request
                        ^~~~~~~~~~~~
                test.cfg:9:30: error: 'http-request set-header' expects a format
                        http-request set-header x
                                                 ^
                test.cfg:10:33: error: 'http-request set-header' does not take 'z'
                        http-request set-header x y z
                                                    ^
                help: it takes: <name> <fmt>
                test.cfg:11:18: error: 'http-request set-var' expects parentheses: (<var-name>[,<cond>...]) <expr>
                        http-request set-var txn.x int(1)
                                     ^~~~~~~
                test.cfg:12:18: error: 'http-request set-var' lacks a closing ')'
                        http-request set-var(txn.x int(1)
                                     ^~~~~~~~~~~~~
                test.cfg:13:18: error: 'http-request set-var' expects the name of a variable: 'x' is no variable
                        http-request set-var(x) int(1)
                                     ^~~~~~~~~~
                help: names start with proc., sess., txn., req. or res., as in txn.x
                """),
        MessageCase(
            "a change of mode that cannot be",
            [.misplacedKeyword, .unknownValue, .missingArgument, .unsupported],
            """
            defaults
                mode tcp
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            backend pool
                tcp-request content switch-mode http
            frontend web
                bind :80
                default_backend pool
                tcp-request content switch-mode tcp
                tcp-request content switch-mode
                tcp-request content switch-mode http proto h2
            """,
            says:
                """
                test.cfg:7:25: error: 'tcp-request content switch-mode' can only stand in proxies with a frontend
                        tcp-request content switch-mode http
                                            ^~~~~~~~~~~
                help: put it into the frontend that leads to 'pool'
                test.cfg:11:37: error: 'tcp-request content switch-mode' knows 'http', not 'tcp'
                        tcp-request content switch-mode tcp
                                                        ^~~
                test.cfg:12:36: error: 'tcp-request content switch-mode' expects a mode
                        tcp-request content switch-mode
                                                       ^
                test.cfg:13:48: error: protocol 'h2' is known to HAProxy but not supported by this version of Martlet
                        tcp-request content switch-mode http proto h2
                                                                   ^~
                """),
        MessageCase(
            "a rule that stands behind one of a later kind",
            [.ruleOrder],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                use_backend a if { path /a }
                http-request deny if { path /b }
            backend a
            """,
            says:
                """
                test.cfg:9:5: warning: 'http-request' rules are evaluated before 'use_backend' rules, though this one \
                stands behind one of these
                        http-request deny if { path /b }
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
                test.cfg:8:5: note: it stands behind this one
                        use_backend a if { path /a }
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~
                """),
        MessageCase(
            "rules that are never reached",
            [.unreachableRule, .unreachableRule],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request deny
                http-request set-header x y
                use_backend a
                use_backend a if { path / }
            backend a
            """,
            says:
                """
                test.cfg:9:5: warning: this 'http-request' rule is never reached
                        http-request set-header x y
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~
                test.cfg:8:5: note: this rule ends the evaluation and has no condition
                        http-request deny
                        ^~~~~~~~~~~~~~~~~
                test.cfg:11:5: warning: this 'use_backend' is never reached
                        use_backend a if { path / }
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~
                test.cfg:10:5: note: this rule has no condition
                        use_backend a
                        ^~~~~~~~~~~~~
                """),
        MessageCase(
            "rules about HTTP in a tcp proxy",
            [.ignoredInMode, .ignoredInMode, .ignoredInMode, .ignoredInMode, .neverMatches],
            """
            defaults
                mode tcp
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                log 127.0.0.1 local0
            listen web
                bind :80
                option forwardfor
                option httplog
                http-request deny
                redirect location /
                use_backend pool if { path / }
                server s1 192.0.2.1:80
            backend pool
            """,
            says:
                """
                test.cfg:9:5: warning: 'option forwardfor' ignored for listen 'web', which is not in 'mode http'
                        option forwardfor
                        ^~~~~~~~~~~~~~~~~
                test.cfg:10:5: warning: 'option httplog' cannot be used by listen 'web', which is not in 'mode http': \
                falling back to 'option tcplog'
                        option httplog
                        ^~~~~~~~~~~~~~
                test.cfg:11:5: warning: 'http-request' rules ignored for listen 'web', which is not in 'mode http'
                        http-request deny
                        ^~~~~~~~~~~~~~~~~
                test.cfg:12:5: warning: 'redirect' rules ignored for listen 'web', which is not in 'mode http'
                        redirect location /
                        ^~~~~~~~~~~~~~~~~~~
                test.cfg:13:22: warning: conditions of listen 'web' ask for parts of a request, and never match in \
                'mode tcp'
                        use_backend pool if { path / }
                                         ^~~~~~~~~~~~~
                """),
        MessageCase(
            "rules in defaults without a name",
            [.misplacedKeyword, .misplacedKeyword],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                http-request deny
                acl a src 192.0.2.1
            """,
            says:
                """
                test.cfg:6:5: error: 'http-request' is not allowed in a 'defaults' section without a name
                        http-request deny
                        ^~~~~~~~~~~~
                test.cfg:7:5: error: 'acl' is not allowed in a 'defaults' section without a name
                        acl a src 192.0.2.1
                        ^~~
                """),
        MessageCase(
            "a rule that changes patterns that nothing loads",
            [.unloadedPatterns],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                http-request add-acl(/etc/blocked.lst) %[src]
            """,
            says:
                """
                test.cfg:8:5: warning: this rule does nothing: no ACL or map is loaded from '/etc/blocked.lst'
                        http-request add-acl(/etc/blocked.lst) %[src]
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
                help: load it with '-f /etc/blocked.lst', be it empty
                """),
    ]
}
