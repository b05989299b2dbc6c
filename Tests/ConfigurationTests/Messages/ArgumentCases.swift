@testable import Configuration

/// What is said about arguments.
extension MessageCase {
    static let argumentCases: [MessageCase] = [
        MessageCase(
            "numbers that are none",
            [.invalidNumber, .invalidNumber],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                retries three
                backlog 1k
            """,
            says:
                """
                test.cfg:6:13: error: 'retries' expects an integer, not 'three'
                        retries three
                                ^~~~~
                test.cfg:7:13: error: 'backlog' expects an integer, not '1k'
                        backlog 1k
                                ^~
                """),
        MessageCase(
            "numbers out of range",
            [.outOfRange, .outOfRange, .outOfRange],
            """
            global
                nbthread 65
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                retries -1
            backend pool
                server s1 192.0.2.1:80 weight 257
            """,
            says:
                """
                test.cfg:2:14: error: 'nbthread' must be between 1 and 64, not 65
                        nbthread 65
                                 ^~
                test.cfg:8:13: error: 'retries' must be between 0 and 1000000, not -1
                        retries -1
                                ^~
                test.cfg:10:35: error: 'weight' must be between 0 and 256, not 257
                        server s1 192.0.2.1:80 weight 257
                                                      ^~~
                """),
        MessageCase(
            "percentages that are none, or out of range",
            [.outOfRange, .invalidNumber, .outOfRange],
            """
            global
                tune.pool-high-fd-ratio 101
                tune.pool-low-fd-ratio 20%
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                hash-balance-factor 99
            """,
            says:
                """
                test.cfg:2:29: error: 'tune.pool-high-fd-ratio' must be between 0 and 100, not 101
                        tune.pool-high-fd-ratio 101
                                                ^~~
                test.cfg:3:28: error: 'tune.pool-low-fd-ratio' expects an integer, not '20%'
                        tune.pool-low-fd-ratio 20%
                                               ^~~
                test.cfg:9:25: error: 'hash-balance-factor' must be 0 or above 100, not 99
                        hash-balance-factor 99
                                            ^~
                """),
        MessageCase(
            "templates of servers, and algorithms, that are none",
            [.invalidArgument, .unknownValue, .ignoredInMode],
            """
            defaults
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            backend pool
                server-template web 7-3 192.0.2.1:80
                balance leastcon
            backend bytes
                mode tcp
                balance uri depth 2
                server-template web 3 192.0.2.1:80
            """,
            says:
                """
                test.cfg:6:25: error: 'server-template' expects a number of servers, or a range, not '7-3'
                        server-template web 7-3 192.0.2.1:80
                                            ^~~
                help: write 5 for the numbers 1 to 5, or 3-7; at most 100000 servers
                test.cfg:7:13: error: 'balance' does not know 'leastcon'
                        balance leastcon
                                ^~~~~~~~
                help: did you mean 'leastconn'?
                test.cfg:10:5: warning: 'balance uri' ignored for backend 'bytes', which is not in 'mode http': \
                the servers take turns
                        balance uri depth 2
                        ^~~~~~~~~~~~~~~~~~~
                """),
        MessageCase(
            "times that are none",
            [.invalidTime, .outOfRange, .invalidTime],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 5sec
                timeout server 1s
                timeout queue 30d
                timeout tarpit ""
            """,
            says:
                """
                test.cfg:4:21: error: unexpected character 's' in the time '5sec' of 'timeout client'
                        timeout client 5sec
                                        ^~~
                help: units are us, ms, s, m, h and d
                test.cfg:6:19: error: timer overflow in '30d' of 'timeout queue': at most 2147483647 ms (about 24.8 \
                days)
                        timeout queue 30d
                                      ^~~
                test.cfg:7:20: error: 'timeout tarpit' expects a time, not an empty word
                        timeout tarpit ""
                                       ^~
                """),
        MessageCase(
            "sizes that are none",
            [.invalidSize, .outOfRange],
            """
            global
                tune.bufsize 16x
                tune.maxrewrite 999g
            """,
            says:
                """
                test.cfg:2:18: error: 'tune.bufsize' expects a size, not '16x'
                        tune.bufsize 16x
                                     ^~~
                help: units are k, m and g
                test.cfg:3:21: error: 'tune.maxrewrite' must be between 0 and 268435456, not 999g
                        tune.maxrewrite 999g
                                        ^~~~
                """),
        MessageCase(
            "addresses that are none",
            [.invalidAddress, .invalidAddress, .invalidAddress, .invalidAddress],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen web
                bind [::1:80
                bind 192.0.2.1
                bind foo@192.0.2.1:80
                server s1 192.0.2.300x/:80
            """,
            says:
                """
                test.cfg:7:10: error: 'bind': missing ']' in '[::1:80'
                        bind [::1:80
                             ^~~~
                test.cfg:8:10: error: 'bind': missing port in '192.0.2.1'
                        bind 192.0.2.1
                             ^~~~~~~~~
                help: write address:port
                test.cfg:9:10: error: 'bind': unknown address prefix 'foo@'
                        bind foo@192.0.2.1:80
                             ^~~
                test.cfg:10:15: error: 'server': invalid address '192.0.2.300x/' in '192.0.2.300x/:80'
                        server s1 192.0.2.300x/:80
                                  ^~~~~~~~~~~~~
                """),
        MessageCase(
            "ports that are none",
            [.invalidAddress, .invalidAddress, .invalidAddress],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen web
                bind :70000
                bind :90-80
                server s1 192.0.2.1:80-90
            """,
            says:
                """
                test.cfg:7:11: error: 'bind': invalid port '70000'
                        bind :70000
                              ^~~~~
                help: ports go from 1 to 65535
                test.cfg:8:11: error: 'bind': invalid port range '90-80'
                        bind :90-80
                              ^~~~~
                test.cfg:9:25: error: 'server': a port range cannot be used here: '192.0.2.1:80-90'
                        server s1 192.0.2.1:80-90
                                            ^~~~~
                """),
        MessageCase(
            "names with characters that names cannot hold",
            [.invalidName, .invalidName, .invalidName],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            backend my!pool
                server a/b 192.0.2.1:80
                acl what? always_true
            """,
            says:
                """
                test.cfg:6:11: error: character '!' is not permitted in the name 'my!pool'
                    backend my!pool
                              ^
                help: names are made of letters, digits, '-', '_', '.' and ':'
                test.cfg:7:13: error: character '/' is not permitted in the server name 'a/b'
                        server a/b 192.0.2.1:80
                                ^
                test.cfg:8:13: error: character '?' is not permitted in the ACL name 'what?'
                        acl what? always_true
                                ^
                """),
        MessageCase(
            "words that are none of those that a keyword knows",
            [.unknownValue, .unknownValue, .unknownValue],
            """
            defaults
                mode htpp
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                balance roundrobbin
                http-reuse allways
            """,
            says:
                """
                test.cfg:2:10: error: 'mode' does not know 'htpp'
                        mode htpp
                             ^~~~
                help: did you mean 'http'?
                test.cfg:6:13: error: 'balance' does not know 'roundrobbin'
                        balance roundrobbin
                                ^~~~~~~~~~~
                help: did you mean 'roundrobin'?
                test.cfg:7:16: error: 'http-reuse' does not know 'allways'
                        http-reuse allways
                                   ^~~~~~~
                help: did you mean 'always'?
                """),
        MessageCase(
            "parameters that are one letter off",
            [.unknownParameter, .unknownParameter],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen web
                bind :80 v4v7
                server s1 192.0.2.1:80 wieght 5
            """,
            says:
                """
                test.cfg:7:14: error: unknown parameter 'v4v7' of 'bind'
                        bind :80 v4v7
                                 ^~~~
                help: did you mean 'v4v6'?
                test.cfg:8:28: error: unknown parameter 'wieght' of 'server'
                        server s1 192.0.2.1:80 wieght 5
                                               ^~~~~~
                help: did you mean 'weight'?
                """),
        MessageCase(
            "a parameter without its value",
            [.missingArgument],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            backend pool
                server s1 192.0.2.1:80 weight
            """,
            says:
                """
                test.cfg:7:28: error: 'weight' expects <number>
                        server s1 192.0.2.1:80 weight
                                               ^~~~~~
                """),
        MessageCase(
            "log facilities and levels",
            [.unknownValue, .unknownValue],
            """
            global
                log 127.0.0.1:514 locla0
                log 127.0.0.1:514 local0 inof
            """,
            says:
                """
                test.cfg:2:23: error: unknown log facility 'locla0'
                        log 127.0.0.1:514 locla0
                                          ^~~~~~
                help: did you mean 'local0'?
                test.cfg:3:30: error: unknown log level 'inof'
                        log 127.0.0.1:514 local0 inof
                                                 ^~~~
                help: did you mean 'info'?
                """),
        MessageCase(
            "status codes that are none",
            [.invalidArgument, .outOfRange, .outOfRange],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                errorloc 299 /sorry
            frontend web
                bind :80
                http-request deny deny_status 999
                http-request redirect location / code 304
            """,
            says:
                """
                test.cfg:6:14: error: status 299 is not one that 'errorloc' handles
                        errorloc 299 /sorry
                                 ^~~
                help: these are 200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, \
                501, 502, 503, 504
                test.cfg:9:35: error: 'http-request deny' expects a status between 200 and 599, not '999'
                        http-request deny deny_status 999
                                                      ^~~
                test.cfg:10:43: error: 'http-request redirect' cannot use status 304
                        http-request redirect location / code 304
                                                              ^~~
                help: there are 301, 302, 303, 307, 308
                """),
        MessageCase(
            "files that are not there",
            [.unreadableFile, .unreadableFile, .unreadableFile],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                errorfile 503 /nonexistent/503.http
            frontend web
                bind :80
                acl known src -f /nonexistent/hosts.lst
                http-request set-header x %[src,map(/nonexistent/x.map)]
            """,
            says:
                """
                test.cfg:6:19: error: cannot read the error file '/nonexistent/503.http': No such file or directory
                        errorfile 503 /nonexistent/503.http
                                      ^~~~~~~~~~~~~~~~~~~~~
                test.cfg:9:22: error: cannot read the pattern file '/nonexistent/hosts.lst': No such file or directory
                        acl known src -f /nonexistent/hosts.lst
                                         ^~~~~~~~~~~~~~~~~~~~~~
                test.cfg:10:41: error: argument 1 of 'map': cannot read '/nonexistent/x.map': No such file or \
                directory
                        http-request set-header x %[src,map(/nonexistent/x.map)]
                                                            ^~~~~~~~~~~~~~~~~~
                """),
        MessageCase(
            "limits that contradict each other",
            [.conflictingSettings],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen web
                bind :80
                server s1 192.0.2.1:80 maxconn 10 minconn 20
            """,
            says:
                """
                test.cfg:8:5: warning: server 's1': minconn 20 is above maxconn 10
                        server s1 192.0.2.1:80 maxconn 10 minconn 20
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
                """),
    ]
}
