@testable import Configuration

/// What is said about keywords and sections.
extension MessageCase {
    static let keywordCases: [MessageCase] = [
        MessageCase(
            "a keyword that is one letter off",
            [.unknownKeyword],
            """
            defaults
                timout client 5s
            """,
            says:
                """
                test.cfg:2:5: error: unknown keyword 'timout' in section 'defaults'
                        timout client 5s
                        ^~~~~~
                help: did you mean 'timeout'?
                """),
        MessageCase(
            "the second word of a keyword is one letter off",
            [.unknownKeyword, .unknownKeyword],
            """
            defaults
                timeout clint 5s
                option httplgo
            """,
            says:
                """
                test.cfg:2:5: error: unknown keyword 'timeout clint' in section 'defaults'
                        timeout clint 5s
                        ^~~~~~~~~~~~~
                help: did you mean 'timeout client'?
                test.cfg:3:5: error: unknown keyword 'option httplgo' in section 'defaults'
                        option httplgo
                        ^~~~~~~~~~~~~~
                help: did you mean 'option httplog'?
                """),
        MessageCase(
            "a keyword that resembles none",
            [.unknownKeyword],
            """
            defaults
                frobnicate yes
            """,
            says:
                """
                test.cfg:2:5: error: unknown keyword 'frobnicate' in section 'defaults'
                        frobnicate yes
                        ^~~~~~~~~~
                """),
        MessageCase(
            "a section that is one letter off is read as what was meant",
            [.unknownSection, .unknownValue],
            """
            frontned web
                bind :80
                mode htpp
                timeout client 1s
            """,
            says:
                """
                test.cfg:1:1: error: unknown section 'frontned'
                    frontned web
                    ^~~~~~~~
                help: did you mean 'frontend'?
                test.cfg:3:10: error: 'mode' does not know 'htpp'
                        mode htpp
                             ^~~~
                help: did you mean 'http'?
                """),
        MessageCase(
            "a keyword outside of a section",
            [.unknownKeyword],
            """
            timeout client 5s
            """,
            says:
                """
                test.cfg:1:1: error: unknown keyword 'timeout' outside of a section
                    timeout client 5s
                    ^~~~~~~
                help: a file starts with a section such as 'global' or 'defaults'
                """),
        MessageCase(
            "a section that only HAProxy has",
            [.unsupported],
            """
            crt-store web
                crt-base /etc
            """,
            says:
                """
                test.cfg:1:1: error: section 'crt-store' is known to HAProxy but not supported by this version of \
                Martlet
                    crt-store web
                    ^~~~~~~~~
                """),
        MessageCase(
            "a keyword that only HAProxy has",
            [.unsupported],
            """
            global
                lua-load hello.lua
            """,
            says:
                """
                test.cfg:2:5: error: keyword 'lua-load' is known to HAProxy but not supported by this version of \
                Martlet
                        lua-load hello.lua
                        ^~~~~~~~
                """),
        MessageCase(
            "a keyword that HAProxy dropped",
            [.obsoleteKeyword],
            """
            defaults
                contimeout 5s
            """,
            says:
                """
                test.cfg:2:5: error: 'contimeout' is no longer supported
                        contimeout 5s
                        ^~~~~~~~~~
                help: use 'timeout connect'
                """),
        MessageCase(
            "keywords of another section",
            [.misplacedKeyword, .misplacedKeyword],
            """
            global
                timeout client 1s
            defaults
                nbthread 2
            """,
            says:
                """
                test.cfg:2:5: error: 'timeout' is not allowed in section 'global'
                        timeout client 1s
                        ^~~~~~~
                help: this keyword belongs into a proxy
                test.cfg:4:5: error: 'nbthread' is not allowed in section 'defaults'
                        nbthread 2
                        ^~~~~~~~
                help: this keyword belongs into 'global'
                """),
        MessageCase(
            "keywords of the side that a proxy lacks",
            [.ignoredKeyword, .misplacedKeyword, .ignoredKeyword],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                retries 3
                server s1 192.0.2.1:80
            backend pool
                maxconn 10
            """,
            says:
                """
                test.cfg:8:5: warning: 'retries' ignored: frontend 'web' has no backend side
                        retries 3
                        ^~~~~~~
                test.cfg:9:5: error: 'server' is not allowed: frontend 'web' has no backend side
                        server s1 192.0.2.1:80
                        ^~~~~~
                help: put it into a 'backend', or make this section a 'listen'
                test.cfg:11:5: warning: 'maxconn' ignored: backend 'pool' has no frontend side
                        maxconn 10
                        ^~~~~~~
                help: servers have a 'maxconn' of their own
                """),
        MessageCase(
            "a keyword that no section of this kind has",
            [.misplacedKeyword],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                bind :80
            """,
            says:
                """
                test.cfg:6:5: error: 'bind' is not allowed in section 'defaults'
                        bind :80
                        ^~~~
                help: it can stand in 'frontend', 'listen'
                """),
        MessageCase(
            "arguments that are missing",
            [.missingArgument, .missingArgument, .missingArgument, .missingArgument],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                retries
                timeout
                timeout queue
            backend pool
                server s1
            """,
            says:
                """
                test.cfg:6:5: error: 'retries' expects <value>
                        retries
                        ^~~~~~~
                test.cfg:7:5: error: 'timeout' expects a word behind it
                        timeout
                        ^~~~~~~
                help: such as check, client, client-fin, connect, http-keep-alive, http-request, queue, server, \
                server-fin, tarpit, tunnel
                test.cfg:8:5: error: 'timeout queue' expects <timeout>
                        timeout queue
                        ^~~~~~~~~~~~~
                test.cfg:10:5: error: 'server' expects <name> <address>[:[port]] [param*]
                        server s1
                        ^~~~~~~~~
                """),
        MessageCase(
            "arguments that are too many",
            [.unexpectedArgument, .unexpectedArgument],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                retries 3 4
            global web
            """,
            says:
                """
                test.cfg:6:15: error: unexpected argument '4' to 'retries'
                        retries 3 4
                                  ^
                test.cfg:7:8: error: section 'global' takes no name
                    global web
                           ^~~
                """),
        MessageCase(
            "no before what cannot be negated",
            [.notNegatable, .notNegatable, .missingArgument],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                no retries 3
                default retries
                no
            """,
            says:
                """
                test.cfg:6:5: error: 'retries' cannot be negated
                        no retries 3
                        ^~
                help: 'no' is for 'log' and for most options
                test.cfg:7:5: error: 'default' can only stand before an option
                        default retries
                        ^~~~~~~
                test.cfg:8:5: error: 'no' expects a keyword
                        no
                        ^~
                """),
        MessageCase(
            "a keyword that is set twice",
            [.repeatedKeyword],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                default_backend a
                default_backend b
            backend a
            backend b
            """,
            says:
                """
                test.cfg:9:5: diag: 'default_backend' is set again: only this last value counts
                        default_backend b
                        ^~~~~~~~~~~~~~~~~
                test.cfg:8:5: note: the first one is here
                        default_backend a
                        ^~~~~~~~~~~~~~~~~
                """),
        MessageCase(
            "all mistakes in one run",
            [.outOfRange, .unknownKeyword, .unknownValue, .invalidAddress, .unknownParameter, .outOfRange],
            """
            global
                nbthread 0
                foo
            defaults
                mode htpp
            listen a
                bind :99999
                server s 1.2.3.4 wight 5 weight 999
            """,
            says:
                """
                test.cfg:2:14: error: 'nbthread' must be between 1 and 64, not 0
                        nbthread 0
                                 ^
                test.cfg:3:5: error: unknown keyword 'foo' in section 'global'
                        foo
                        ^~~
                test.cfg:5:10: error: 'mode' does not know 'htpp'
                        mode htpp
                             ^~~~
                help: did you mean 'http'?
                test.cfg:7:11: error: 'bind': invalid port '99999'
                        bind :99999
                              ^~~~~
                help: ports go from 1 to 65535
                test.cfg:8:22: error: unknown parameter 'wight' of 'server'
                        server s 1.2.3.4 wight 5 weight 999
                                         ^~~~~
                help: did you mean 'weight'?
                test.cfg:8:37: error: 'weight' must be between 0 and 256, not 999
                        server s 1.2.3.4 wight 5 weight 999
                                                        ^~~
                """),
    ]
}
