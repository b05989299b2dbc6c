/// All keywords, found by name.
public enum KeywordTable {
    /// Keywords of `global`.
    public static let globalKeywords: [Keyword] =
        ProcessKeywords.table + TuningKeywords.table + EnvironmentKeywords.table + RuntimeAPIKeywords.table
        + LogKeywords.globalTable + VariableKeywords.table + RuleSetKeywords.globalTable + HTTP1Keywords.table
        + FixedKeywords.table

    /// Keywords of `defaults`, `frontend`, `listen` and `backend`.
    public static let proxyKeywords: [Keyword] =
        ProxyKeywords.table + BalanceKeywords.table + ConnectionKeywords.table + TimeoutKeywords.table
        + OptionKeywords.table
        + LogKeywords.proxyTable + ErrorKeywords.table + RuleKeywords.table + RuleSetKeywords.table
        + CaptureKeywords.table + FormatKeywords.table + FixedKeywords.proxyTable

    /// By first word; of several, the longest name stands first.
    static let global = index(globalKeywords)
    static let proxy = index(proxyKeywords)

    private static func index(_ keywords: [Keyword]) -> [String: [Keyword]] {
        Dictionary(grouping: keywords) { keyword in String(keyword.name.prefix { $0 != " " }) }
            .mapValues { list in list.sorted { $0.name.utf8.count > $1.name.utf8.count } }
    }

    /// The keyword whose words a statement has from a word on.
    static func find(_ statement: Statement, from first: Int, inGlobal: Bool) -> Keyword? {
        guard first < statement.words.count else { return nil }
        let table = inGlobal ? global : proxy
        return table[statement.words[first].text]?.first { keyword in
            let words = keyword.name.split(separator: " ")
            guard first + words.count <= statement.words.count else { return false }
            return words.indices.allSatisfy { statement.words[first + $0].text == words[$0] }
        }
    }

    /// First words that need a second one.
    static func families(inGlobal: Bool) -> Set<String> {
        let table = inGlobal ? global : proxy
        return Set(table.filter { $0.value.allSatisfy { $0.name.contains(" ") } }.keys)
    }

    /// The names that may stand at a place, in order.
    static func names(inGlobal: Bool, at place: KeywordPlaces) -> [String] {
        (inGlobal ? globalKeywords : proxyKeywords).filter { !$0.places.isDisjoint(with: place) }.map(\.name).sorted()
    }
}
