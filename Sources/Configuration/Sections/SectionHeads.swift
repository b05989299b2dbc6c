/// The lines that open a section (manual, sections 2.1 and 4).
extension Parser {
    static let sectionNames = [
        "global", "defaults", "frontend", "backend", "listen", "userlist", "http-errors",
    ]

    /// Opens a section if the statement does.
    func openSection(_ statement: Statement) throws(SyntaxFailure) -> Bool {
        let name = statement.words[0].text
        if Self.sectionNames.contains(name) {
            closeSection()
            switch name {
            case "global": try openGlobal(statement)
            case "defaults": try openDefaults(statement)
            case "frontend": try openProxy(statement, .frontend)
            case "backend": try openProxy(statement, .backend)
            case "userlist": try openUserList(statement)
            case "http-errors": try openHTTPErrors(statement)
            default: try openProxy(statement, .listen)
            }
            return true
        }
        if KnownKeywords.sections.contains(name), section != .global || KeywordTable.global[name] == nil {
            closeSection()
            section = .skipped
            sectionName = name
            throw .unsupported("section '\(name)'", at: statement.range(0))
        }
        return false
    }

    /// Ends the section that is open: at the next one, and at the end of each file.
    func closeSection() {
        switch section {
        case .defaults:
            tree.defaults.append(
                DefaultsSection(name: draft.name, settings: draft.settings, range: draft.range))
            tree.defaults[tree.defaults.count - 1].acls = draft.acls
            tree.defaults[tree.defaults.count - 1].rules = draft.rules
        case .proxy:
            checkCaptures()
            tree.proxies.append(draft)
        case .none, .global, .skipped, .userList, .httpErrors:
            break
        }
        section = .none
        sectionName = ""
        settings.removeAll()
    }

    /// Whether the slots that rules of this section name are there.
    private func checkCaptures() {
        for use in captureUses where use.id >= (use.isResponse ? draft.captures.response : draft.captures.request).count
        {
            report(
                .unknownName, "'\(use.rule)' names slot \(use.id), which is not declared", at: use.range,
                help: "declare it, with 'declare capture \(use.isResponse ? "response" : "request") len <length>'")
        }
        captureUses.removeAll()
    }

    private func openGlobal(_ statement: Statement) throws(SyntaxFailure) {
        section = .global
        sectionName = "global"
        if statement.words.count > 1 {
            throw SyntaxFailure("section 'global' takes no name", at: statement.range(1), code: .unexpectedArgument)
        }
    }

    private func openDefaults(_ statement: Statement) throws(SyntaxFailure) {
        section = .defaults
        draft = ProxySection(kind: .listen, name: "", range: statement.range)
        sectionName = "defaults"
        var next = 1
        if statement.words.count > next, statement.words[next].text != "from" {
            draft.name = statement.words[next].text
            sectionName = draft.name
            next += 1
        }
        try inherit(statement, next)
    }

    private func openProxy(_ statement: Statement, _ kind: ProxySection.Kind) throws(SyntaxFailure) {
        section = .proxy
        draft = ProxySection(kind: kind, name: "", range: statement.range)
        sectionName = kind.rawValue
        guard statement.words.count > 1 else {
            useLatestDefaults(statement)
            throw SyntaxFailure(
                "section '\(kind.rawValue)' expects a name", at: statement.range(0), code: .missingArgument)
        }
        draft.name = statement.words[1].text
        sectionName = draft.name
        let badByte = statement.words[1].bytes.firstIndex { !Self.isNameByte($0) }
        if statement.words.count > 2 {
            try inherit(statement, 2)
        } else {
            useLatestDefaults(statement)
        }
        // The state of `disabled` and the description are a section's own.
        if let badByte {
            throw SyntaxFailure(
                "character '\(Character(Unicode.Scalar(statement.words[1].bytes[badByte])))' is not permitted in the "
                    + "name '\(draft.name)'",
                at: statement.range(1, bytes: badByte..<(badByte + 1)), code: .invalidName,
                help: "names are made of letters, digits, '-', '_', '.' and ':'")
        }
        if draft.name.isEmpty { throw SyntaxFailure("the name is empty", at: statement.range(1), code: .invalidName) }
    }

    /// Names of proxies, servers and ACLs (manual, section 4).
    static func isNameByte(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || [0x2d, 0x5f, 0x2e, 0x3a].contains(byte)
    }

    private func useLatestDefaults(_ statement: Statement) {
        guard let index = tree.defaults.indices.last else { return }
        draft.settings = tree.defaults[index].settings
        inheritRules(tree.defaults[index])
        if defaultsUses[index]?.implicit == nil {
            defaultsUses[index, default: DefaultsUse()].implicit = statement.range
        }
    }

    /// `from <name>` at the end of a head line.
    private func inherit(_ statement: Statement, _ index: Int) throws(SyntaxFailure) {
        let isProxy = section == .proxy
        guard statement.words.count > index else { return }
        let word = statement.words[index].text
        guard word == "from" else {
            if isProxy { useLatestDefaults(statement) }
            let looksLikeAddress = isProxy && (word.contains(":") || word.contains("."))
            throw SyntaxFailure(
                "unexpected argument '\(word)' after the section's name", at: statement.range(index),
                code: .unexpectedArgument,
                help: looksLikeAddress ? "give addresses with 'bind'" : "only 'from <defaults>' may stand here")
        }
        guard statement.words.count > index + 1 else {
            throw SyntaxFailure(
                "'from' expects the name of a 'defaults' section", at: statement.range(index), code: .missingArgument)
        }
        let name = statement.words[index + 1].text
        let matches = tree.defaults.indices.filter { tree.defaults[$0].name == name }
        guard let found = matches.last, !name.isEmpty else {
            throw SyntaxFailure(
                "no 'defaults' section named '\(name)'", at: statement.range(index + 1), code: .unknownName,
                help: Suggestions.help(for: name, among: tree.defaults.map(\.name))
                    ?? "it must stand above the section that refers to it")
        }
        draft.settings = tree.defaults[found].settings
        inheritRules(tree.defaults[found])
        if defaultsUses[found]?.explicit == nil {
            defaultsUses[found, default: DefaultsUse()].explicit = statement.range
        }
        if matches.count > 1 {
            throw SyntaxFailure(
                "'defaults' section '\(name)' is ambiguous: there are \(matches.count) of that name",
                at: statement.range(index + 1), code: .ambiguousName,
                notes: matches.prefix(2).map { Diagnostic.Note("one of them is here", at: tree.defaults[$0].range) })
        }
        if statement.words.count > index + 2 {
            throw SyntaxFailure(
                "unexpected argument '\(statement.words[index + 2].text)' after 'from \(name)'",
                at: statement.range(index + 2), code: .unexpectedArgument)
        }
    }

    /// Takes over the rules of a `defaults` section, which come before the proxy's own, with the ACLs that they name:
    /// the proxy itself does not see these.
    private func inheritRules(_ defaults: DefaultsSection) {
        guard !defaults.rules.isEmpty else { return }
        draft.rules = defaults.rules
        draft.acls = defaults.acls.map { definition in
            var hidden = definition
            hidden.name = "\u{0}" + definition.name
            return hidden
        }
    }
}
