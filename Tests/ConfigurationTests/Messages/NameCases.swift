@testable import Configuration

/// What is said about what sections name, and what they lack.
extension MessageCase {
    static let nameCases: [MessageCase] = [
        MessageCase(
            "two proxies of one name",
            [.duplicateName, .duplicateName],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
            backend pool
            backend pool
            listen web
                bind :81
            """,
            says:
                """
                test.cfg:9:1: error: backend 'pool' has the name of another proxy
                    backend pool
                    ^~~~~~~~~~~~
                test.cfg:8:1: note: the first one is here
                    backend pool
                    ^~~~~~~~~~~~
                test.cfg:10:1: error: listen 'web' has the name of another proxy
                    listen web
                    ^~~~~~~~~~
                test.cfg:6:1: note: the first one is here
                    frontend web
                    ^~~~~~~~~~~~
                """),
        MessageCase(
            "two servers of one name",
            [.duplicateName],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            backend pool
                server s1 192.0.2.1:80
                server s1 192.0.2.2:80
            """,
            says:
                """
                test.cfg:8:5: error: backend 'pool' has another server named 's1'
                        server s1 192.0.2.2:80
                        ^~~~~~~~~~~~~~~~~~~~~~
                test.cfg:7:5: note: the first one is here
                        server s1 192.0.2.1:80
                        ^~~~~~~~~~~~~~~~~~~~~~
                """),
        MessageCase(
            "two user lists, users and groups of one name",
            [.duplicateName, .duplicateName, .duplicateName, .duplicateName],
            """
            userlist staff
                group a
                group a
                user joe
                user joe
            userlist staff
            http-errors e
            http-errors e
            """,
            says:
                """
                test.cfg:3:11: error: group 'a' exists already
                        group a
                              ^
                test.cfg:2:11: note: the first one is here
                        group a
                              ^
                test.cfg:5:10: error: user 'joe' exists already
                        user joe
                             ^~~
                test.cfg:4:10: note: the first one is here
                        user joe
                             ^~~
                test.cfg:6:10: error: userlist 'staff' exists already
                    userlist staff
                             ^~~~~
                test.cfg:1:1: note: the first one is here
                    userlist staff
                    ^~~~~~~~~~~~~~
                test.cfg:8:13: error: http-errors 'e' exists already
                    http-errors e
                                ^
                test.cfg:7:1: note: the first one is here
                    http-errors e
                    ^~~~~~~~~~~~~
                """),
        MessageCase(
            "two objects of one number",
            [.duplicateID, .duplicateID, .duplicateID],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen a
                bind :80 id 1
                bind :81 id 1
                id 5
                server s1 192.0.2.1:80 id 2
                server s2 192.0.2.2:80 id 2
            backend b
                id 5
            """,
            says:
                """
                test.cfg:8:5: error: id 1 is the id of another 'bind'
                        bind :81 id 1
                        ^~~~~~~~~~~~~
                test.cfg:7:5: note: the first one is here
                        bind :80 id 1
                        ^~~~~~~~~~~~~
                test.cfg:11:5: error: id 2 is the id of another server
                        server s2 192.0.2.2:80 id 2
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~
                test.cfg:10:5: note: the first one is here
                        server s1 192.0.2.1:80 id 2
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~
                test.cfg:12:1: error: id 5 is the id of another proxy
                    backend b
                    ^~~~~~~~~
                test.cfg:6:1: note: the first one is here
                    listen a
                    ^~~~~~~~
                """),
        MessageCase(
            "a backend that there is not",
            [.unknownBackend, .unknownBackend],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                use_backend pol if { path / }
                default_backend wbe
            backend pool
            """,
            says:
                """
                test.cfg:8:17: error: 'use_backend' of frontend 'web': there is no backend 'pol'
                        use_backend pol if { path / }
                                    ^~~
                help: did you mean 'pool'?
                test.cfg:9:21: error: 'default_backend' of frontend 'web': there is no backend 'wbe'
                        default_backend wbe
                                        ^~~
                """),
        MessageCase(
            "a frontend where a backend is expected",
            [.unknownBackend],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                default_backend other
            frontend other
                bind :81
            """,
            says:
                """
                test.cfg:8:21: error: 'default_backend' of frontend 'web': 'other' is a frontend
                        default_backend other
                                        ^~~~~
                test.cfg:9:1: note: the frontend is here
                    frontend other
                    ^~~~~~~~~~~~~~
                """),
        MessageCase(
            "a section that leads to itself",
            [.routingLoop],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen web
                bind :80
                default_backend web
                server s1 192.0.2.1:80
            """,
            says:
                """
                test.cfg:8:21: error: 'default_backend' of listen 'web' sends to itself for ever
                        default_backend web
                                        ^~~
                help: without a rule, a 'listen' uses its own servers
                """),
        MessageCase(
            "an http frontend and a tcp backend",
            [.modeConflict],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                default_backend raw
            backend raw
                mode tcp
                server s1 192.0.2.1:80
            """,
            says:
                """
                test.cfg:8:21: error: http frontend 'web' cannot use tcp backend 'raw'
                        default_backend raw
                                        ^~~
                test.cfg:9:1: note: 'raw' is in 'mode tcp'
                    backend raw
                    ^~~~~~~~~~~
                help: both need the same 'mode'
                """),
        MessageCase(
            "a server that there is not",
            [.unknownServer, .ruleOrder, .unknownName],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen web
                bind :80
                server app1 192.0.2.1:80
                use-server ap1 if { path / }
                http-request set-header x %[srv_conn(web/app2)]
            """,
            says:
                """
                test.cfg:9:16: error: 'use-server' of listen 'web': there is no server 'ap1'
                        use-server ap1 if { path / }
                                   ^~~
                help: did you mean 'app1'?
                test.cfg:10:5: warning: 'http-request' rules are evaluated before 'use-server' rules, though this one \
                stands behind one of these
                        http-request set-header x %[srv_conn(web/app2)]
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
                test.cfg:9:5: note: it stands behind this one
                        use-server ap1 if { path / }
                        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~
                test.cfg:10:42: error: there is no server 'web/app2', which 'srv_conn' names
                        http-request set-header x %[srv_conn(web/app2)]
                                                             ^~~~~~~~
                help: did you mean 'app1'?
                """),
        MessageCase(
            "defaults that there are not",
            [.unknownName, .missingArgument, .unexpectedArgument],
            """
            defaults base
                mode http
            backend a from bse
            backend b from
            backend c 192.0.2.1:80
            """,
            says:
                """
                test.cfg:3:16: error: no 'defaults' section named 'bse'
                    backend a from bse
                                   ^~~
                help: did you mean 'base'?
                test.cfg:4:11: error: 'from' expects the name of a 'defaults' section
                    backend b from
                              ^~~~
                test.cfg:5:11: error: unexpected argument '192.0.2.1:80' after the section's name
                    backend c 192.0.2.1:80
                              ^~~~~~~~~~~~
                help: give addresses with 'bind'
                """),
        MessageCase(
            "defaults of one name, and of a name that not everyone uses",
            [.mixedDefaults, .ambiguousName],
            """
            defaults base
                mode http
            defaults base
                mode http
            backend a from base
            backend b
            """,
            says:
                """
                test.cfg:5:1: warning: 'defaults' section 'base' is named here, and used without a name elsewhere
                    backend a from base
                    ^~~~~~~~~~~~~~~~~~~
                test.cfg:6:1: note: this section uses it without naming it
                    backend b
                    ^~~~~~~~~
                help: name the 'defaults' of every section, or of none
                test.cfg:5:16: error: 'defaults' section 'base' is ambiguous: there are 2 of that name
                    backend a from base
                                   ^~~~
                test.cfg:1:1: note: one of them is here
                    defaults base
                    ^~~~~~~~~~~~~
                test.cfg:3:1: note: one of them is here
                    defaults base
                    ^~~~~~~~~~~~~
                """),
        MessageCase(
            "lists, groups and error sections that there are not",
            [.unknownName, .unknownName, .unknownName],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                errorfiles site
                acl staff http_auth(stff)
                http-request deny unless staff
            userlist staff
                user joe password x groups admins
            http-errors sites
            """,
            says:
                """
                test.cfg:8:16: error: there is no 'http-errors' section 'site'
                        errorfiles site
                                   ^~~~
                help: did you mean 'sites'?
                test.cfg:9:25: error: there is no user list 'stff', which 'http_auth' names
                        acl staff http_auth(stff)
                                            ^~~~
                help: did you mean 'staff'?
                test.cfg:12:32: error: userlist 'staff' has no group 'admins'
                        user joe password x groups admins
                                                   ^~~~~~
                """),
        MessageCase(
            "two binds of one address",
            [.duplicateBind],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
            frontend other
                bind :80
            """,
            says:
                """
                test.cfg:9:10: warning: this address is bound already
                        bind :80
                             ^~~
                test.cfg:7:5: note: the first one is here
                        bind :80
                        ^~~~~~~~
                """),
        MessageCase(
            "timeouts that are missing",
            [.missingTimeout],
            """
            defaults
                mode http
            listen web
                bind :80
                server s1 192.0.2.1:80
            """,
            says:
                """
                test.cfg:3:1: warning: missing timeouts for listen 'web': client, connect, server
                    listen web
                    ^~~~~~~~~~
                help: without them, connections that no one uses may stay for ever; set 'timeout client', 'timeout \
                connect', 'timeout server'
                """),
        MessageCase(
            "a frontend that listens nowhere, and logs nowhere",
            [.missingBind, .missingLog],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
                option httplog
            frontend web
                default_backend pool
            backend pool
            """,
            says:
                """
                test.cfg:7:1: warning: frontend 'web' has no 'bind' line
                    frontend web
                    ^~~~~~~~~~~~
                help: declare it as a 'backend' if that is what it is
                test.cfg:7:1: warning: log format ignored for frontend 'web', which has no 'log' line
                    frontend web
                    ^~~~~~~~~~~~
                help: say where the lines go: 'log global', or 'log' with a target
                """),
        MessageCase(
            "a backend and an ACL that nothing uses",
            [.unusedACL, .unusedBackend],
            """
            defaults
                mode http
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            frontend web
                bind :80
                acl api path_beg /api
                default_backend pool
            backend pool
                server s1 192.0.2.1:80
            backend spare
                server s1 192.0.2.1:80
            """,
            says:
                """
                test.cfg:8:5: diag: no condition names the ACL 'api'
                        acl api path_beg /api
                        ^~~~~~~~~~~~~~~~~~~~~
                test.cfg:12:1: diag: no rule leads to backend 'spare'
                    backend spare
                    ^~~~~~~~~~~~~
                help: name it in 'default_backend' or 'use_backend' of a frontend
                """),
    ]
}
