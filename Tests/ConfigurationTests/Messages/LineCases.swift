@testable import Configuration

/// What is said about lines and directives.
extension MessageCase {
    static let lineCases: [MessageCase] = [
        MessageCase(
            "a double quote that is not closed",
            [.unmatchedQuote],
            """
            global
                description "my balancer
                node a
            """,
            says:
                """
                test.cfg:2:17: error: unmatched double quote
                        description "my balancer
                                    ^
                help: close it, or write \\" for the character itself
                """),
        MessageCase(
            "a single quote that is not closed",
            [.unmatchedQuote],
            """
            global
                node it's
            """,
            says:
                """
                test.cfg:2:12: error: unmatched single quote
                        node it's
                               ^
                help: close it, or write \\' for the character itself
                """),
        MessageCase(
            "the caret stands below the word, whatever tabs come before it",
            [.unknownValue],
            """
            defaults
            \tmode\thtpp
            """,
            says:
                """
                test.cfg:2:7: error: 'mode' does not know 'htpp'
                    \tmode\thtpp
                    \t    \t^~~~
                help: did you mean 'http'?
                """),
        MessageCase(
            "the caret counts characters, not bytes",
            [.unexpectedArgument],
            """
            defaults
                log-tag "é漢" fóo
            """,
            says:
                """
                test.cfg:2:21: error: unexpected argument 'fóo' to 'log-tag'
                        log-tag "é漢" fóo
                                     ^~~
                """),
        MessageCase(
            "lines that end in CRLF",
            [.invalidNumber],
            """
            global\r
                nbthread zero\r
            """,
            says:
                """
                test.cfg:2:14: error: 'nbthread' expects an integer, not 'zero'
                        nbthread zero
                                 ^~~~
                """),
        MessageCase(
            "a carriage return within a line",
            [.invalidCharacter],
            """
            global
                node a\rb
            """,
            says:
                """
                test.cfg:2:11: error: carriage return inside of a line
                        node a?b
                              ^
                help: write it as \\r, or remove it
                """),
        MessageCase(
            "a backslash sequence that is none",
            [.invalidEscape],
            """
            global
                node a\\xg1
            """,
            says:
                """
                test.cfg:2:11: error: truncated or invalid hexadecimal sequence
                        node a\\xg1
                              ^~~~
                help: \\x takes exactly two digits, as in \\x0a
                """),
        MessageCase(
            "a variable whose brace is not closed",
            [.invalidVariable],
            """
            global
                node "${HOST
            """,
            says:
                """
                test.cfg:2:11: error: missing '}' after the variable 'HOST'
                        node "${HOST
                              ^~~~~~
                """),
        MessageCase(
            "a variable without a name",
            [.invalidVariable],
            """
            global
                node "$1"
            """,
            says:
                """
                test.cfg:2:11: error: a variable's name starts with a letter or '_'
                        node "$1"
                              ^~
                help: write \\$ for the character itself
                """),
        MessageCase(
            "a pseudo-variable that there is not",
            [.invalidVariable],
            """
            global
                node "${.NAME}"
            """,
            says:
                """
                test.cfg:2:11: error: unknown pseudo-variable '.NAME'
                        node "${.NAME}"
                              ^~~~~~~~
                help: there are .FILE, .LINE and .SECTION
                """),
        MessageCase(
            "a NUL",
            [.invalidCharacter],
            """
            global
                node a\u{0}b
            """,
            says:
                """
                test.cfg:2:11: error: a word cannot hold a NUL character
                        node a?b
                              ^
                """),
        MessageCase(
            "a control character",
            [.controlCharacter],
            """
            global
                node a\u{7}b
            """,
            says:
                """
                test.cfg:2:11: warning: control character 0x07 in a word
                        node a?b
                              ^
                help: write it as \\x07 if it is meant, or remove it
                """),
        MessageCase(
            "bytes that are not UTF-8",
            [.invalidEncoding],
            bytes: Array("global\n    node caf".utf8) + [0xe9, 0x0a],
            says:
                """
                test.cfg:2:13: warning: byte 0xe9 is not UTF-8
                        node caf�
                                ^
                help: save the file as UTF-8; the byte is kept as it is
                """),
        MessageCase(
            "a backslash that does not continue the line",
            [.trailingBackslash],
            """
            global
                description one \\
                node a
            """,
            says:
                """
                test.cfg:2:21: warning: the backslash at the end of the line stands for itself: lines cannot be \
                continued
                        description one \\
                                        ^
                """),
        MessageCase(
            "a file that was cut off",
            [.missingLineEnd],
            """
            global
                node a
            """, isCut: true,
            says:
                """
                test.cfg:2:11: error: missing line end on the last line: the file might have been truncated
                        node a
                              ^
                """),
        MessageCase(
            "an .if without its .endif",
            [.unclosedConditional],
            """
            global
            .if defined(HOME)
                node a
            .if 1
            .endif
            """,
            says:
                """
                test.cfg:2:1: error: missing '.endif' for this '.if'
                    .if defined(HOME)
                    ^~~~~~~~~~~~~~~~~
                """),
        MessageCase(
            "directives without their .if",
            [.unexpectedDirective, .unexpectedDirective, .unexpectedDirective],
            """
            .endif
            .if 1
            .else
            .else
            .endif
            """,
            says:
                """
                test.cfg:1:1: error: unexpected '.endif'
                    .endif
                    ^~~~~~
                help: there is no '.if' for it
                test.cfg:4:1: error: unexpected '.else'
                    .else
                    ^~~~~
                help: it stands behind an '.if', before its '.else'
                test.cfg:5:1: error: unexpected '.endif'
                    .endif
                    ^~~~~~
                help: there is no '.if' for it
                """),
        MessageCase(
            "a directive that there is not",
            [.unknownDirective, .unexpectedDirective],
            """
            .iff 1
            .endif
            """,
            says:
                """
                test.cfg:1:1: error: unknown directive '.iff'
                    .iff 1
                    ^~~~
                help: did you mean '.if'?
                test.cfg:2:1: error: unexpected '.endif'
                    .endif
                    ^~~~~~
                help: there is no '.if' for it
                """),
        MessageCase(
            "conditions of .if that cannot be read",
            [.invalidCondition, .invalidCondition, .invalidCondition, .invalidCondition],
            """
            .if defned(X)
            .endif
            .if streq(a)
            .endif
            .if (1
            .endif
            .if 1 &&
            .endif
            """,
            says:
                """
                test.cfg:1:5: error: unknown predicate 'defned' in the condition
                    .if defned(X)
                        ^~~~~~
                help: did you mean 'defined'?
                test.cfg:3:10: error: 'streq' takes 2 arguments, not 1
                    .if streq(a)
                             ^
                test.cfg:5:5: error: missing ')' for this '('
                    .if (1
                        ^
                test.cfg:7:7: error: the condition ends where a term is expected
                    .if 1 &&
                          ^~
                """),
        MessageCase(
            "what .alert and its kin say",
            [.alertDirective, .warningDirective, .noticeDirective, .diagDirective],
            """
            .alert "not for production"
            .warning "old"
            .notice "mind the gap"
            .diag "still here"
            """,
            says:
                """
                test.cfg:1:1: error: not for production
                    .alert "not for production"
                    ^~~~~~~~~~~~~~~~~~~~~~~~~~~
                test.cfg:2:1: warning: old
                    .warning "old"
                    ^~~~~~~~~~~~~~
                test.cfg:3:1: notice: mind the gap
                    .notice "mind the gap"
                    ^~~~~~~~~~~~~~~~~~~~~~
                test.cfg:4:1: diag: still here
                    .diag "still here"
                    ^~~~~~~~~~~~~~~~~~
                """),
    ]
}
