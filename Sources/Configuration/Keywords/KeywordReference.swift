import Samples

/// The reference page of `docs/reference`, made from the tables.
public enum KeywordReference {
    /// The whole page, in Markdown, with a line end at its end.
    public static func markdown() -> String {
        var page = """
            # Keywords

            What this version of Martlet reads, made from the tables in `Sources/Configuration` (a test compares).
            The section is that of HAProxy's configuration manual, which says the rest. A keyword that HAProxy knows and
            this page does not is an error that says so; what has no effect here says so.

            ## `global`

            | keyword | arguments | what it does | section |
            | --- | --- | --- | --- |

            """
        for keyword in KeywordTable.globalKeywords.sorted(by: { $0.name < $1.name }) {
            page += row([code(keyword.name), code(keyword.arguments), keyword.documentation, keyword.manualSection])
        }
        page += """

            ## `defaults`, `frontend`, `listen`, `backend`

            D, F, L, B: where a keyword may stand. "no": it can be negated.

            | keyword | arguments | D | F | L | B | no | what it does | section |
            | --- | --- | --- | --- | --- | --- | --- | --- | --- |

            """
        for keyword in KeywordTable.proxyKeywords.sorted(by: { $0.name < $1.name }) {
            let places = [KeywordPlaces.defaults, .frontend, .listen, .backend].map { place in
                keyword.places.contains(place) ? "x" : ""
            }
            page += row(
                [code(keyword.name), code(keyword.arguments)] + places
                    + [keyword.canBeNegated ? "x" : "", keyword.documentation, keyword.manualSection])
        }
        page += parameters("bind` and `stats socket", BindParameters.table)
        page += parameters("server` and `default-server", ServerParameters.table)
        page += actions()
        page += fetches()
        return page
    }

    private static func parameters<Settings>(_ title: String, _ table: [Parameter<Settings>]) -> String {
        var text = """

            ## Parameters of `\(title)`

            | parameter | values | what it does | section |
            | --- | --- | --- | --- |

            """
        for parameter in table {
            text += row([
                code(parameter.name), code(parameter.arguments), parameter.documentation, parameter.manualSection,
            ])
        }
        return text
    }

    private static func fetches() -> String {
        var text = """

            ## Sample fetches

            | fetch | type | taken from | what it yields | section |
            | --- | --- | --- | --- | --- |

            """
        for fetch in SampleTables.fetches.sorted(by: { $0.name < $1.name }) {
            text += row([
                code(fetch.name + KeywordListing.arguments(fetch.arguments)), fetch.yields.name, fetch.source.name,
                fetch.documentation, fetch.manualSection,
            ])
        }
        text += """

            ACL names that imply a match method:
            \(ACLKeywords.all.map { code($0.name) }.sorted().joined(separator: ", ")).

            Predefined ACLs: \(ACLKeywords.predefined.keys.sorted().map(code).joined(separator: ", ")).

            ## Converters

            | converter | takes | yields | what it does |
            | --- | --- | --- | --- |

            """
        for converter in SampleTables.converters.sorted(by: { $0.name < $1.name }) {
            text += row([
                code(converter.name + KeywordListing.arguments(converter.arguments)), converter.input.name,
                converter.output.name, converter.documentation,
            ])
        }
        text += """

            ## Predicates of `.if` and `-cc`

            | predicate | arguments | true when |
            | --- | --- | --- |

            """
        for predicate in ConditionEvaluator.predicates {
            text += row([code(predicate.name), String(predicate.argumentCount), predicate.documentation])
        }
        return text
    }

    private static func code(_ text: String) -> String { text.isEmpty ? "" : "`\(text)`" }

    /// A bar would end the cell, also within code.
    private static func row(_ cells: [String]) -> String {
        "| "
            + cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
            .joined(separator: " | ") + " |\n"
    }
}

extension KeywordReference {
    /// The actions of rules, and the variables of log formats.
    static func actions() -> String {
        var text = """

            ## Actions of rules

            Where an action may stand: C, S, Q: `tcp-request connection`, `session`, `content`; P: `tcp-response
            content`; H: `http-request`; R: `http-response`; A: `http-after-response`.

            | action | arguments | C | S | Q | P | H | R | A | what it does |
            | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |

            """
        for action in ActionTable.actions.sorted(by: { $0.name < $1.name }) {
            let places = RuleSet.allCases.map { action.sets.contains($0) ? "x" : "" }
            text += tableRow(["`\(action.name)`", "`\(action.arguments)`"] + places + [action.documentation])
        }
        text += """

            ## Variables of log formats

            Those marked H have a value in `mode http` only: \
            \(FormatTag.allCases.map { "`%\($0.rawValue)`\($0.isHTTPOnly ? " H" : "")" }.joined(separator: ", ")).

            """
        return text
    }

    private static func tableRow(_ cells: [String]) -> String {
        "| "
            + cells.map { cell in
                cell == "``"
                    ? "" : cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
            }.joined(separator: " | ") + " |\n"
    }
}
