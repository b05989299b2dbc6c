/// `userlist` and `http-errors` (manual, sections 3.4 and 3.8).
extension Parser {
    func openUserList(_ statement: Statement) throws(SyntaxFailure) {
        section = .skipped
        let name = try sectionName(statement)
        if let earlier = tree.userLists.first(where: { $0.name == name }) {
            throw SyntaxFailure(
                "userlist '\(name)' exists already", at: statement.range(1), code: .duplicateName,
                notes: [.first(earlier.range)])
        }
        tree.userLists.append(UserList(name: name, range: statement.range))
        listNames.removeAll()
        section = .userList
    }

    func openHTTPErrors(_ statement: Statement) throws(SyntaxFailure) {
        section = .skipped
        let name = try sectionName(statement)
        if let earlier = errorSectionRanges.updateValue(statement.range, forKey: name) {
            throw SyntaxFailure(
                "http-errors '\(name)' exists already", at: statement.range(1), code: .duplicateName,
                notes: [.first(earlier)])
        }
        tree.errorSections[name] = [:]
        section = .httpErrors
    }

    private func sectionName(_ statement: Statement) throws(SyntaxFailure) -> String {
        let kind = statement.words[0].text
        guard statement.words.count > 1, !statement.words[1].text.isEmpty else {
            throw SyntaxFailure("section '\(kind)' expects a name", at: statement.range(0), code: .missingArgument)
        }
        if statement.words.count > 2 {
            throw SyntaxFailure(
                "unexpected argument '\(statement.words[2].text)'", at: statement.range(2), code: .unexpectedArgument)
        }
        if let bad = statement.words[1].bytes.firstIndex(where: { !Self.isNameByte($0) }) {
            throw SyntaxFailure(
                "character '\(Character(Unicode.Scalar(statement.words[1].bytes[bad])))' is not permitted in the name",
                at: statement.range(1, bytes: bad..<(bad + 1)), code: .invalidName)
        }
        sectionName = statement.words[1].text
        return sectionName
    }

    // MARK: Lines

    func readHTTPErrors(_ statement: Statement) throws(SyntaxFailure) {
        guard statement.words[0].text == "errorfile" else {
            throw SyntaxFailure(
                "unknown keyword '\(statement.words[0].text)' in section 'http-errors'", at: statement.range(0),
                code: .unknownKeyword,
                help: "there is 'errorfile'")
        }
        let call = KeywordCall(statement: statement, name: "errorfile", first: 1)
        guard call.count == 2 else {
            throw call.failure("'errorfile' expects <code> <file>", 0, code: .missingArgument)
        }
        let (status, response) = try ErrorKeywords.entry(self, call)
        tree.errorSections[sectionName, default: [:]][status] = response
    }

    func readUserList(_ statement: Statement) throws(SyntaxFailure) {
        let call = KeywordCall(statement: statement, name: statement.words[0].text, first: 1)
        switch call.name {
        case "group": try readGroup(call)
        case "user": try readUser(call)
        default:
            throw SyntaxFailure(
                "unknown keyword '\(call.name)' in section 'userlist'", at: statement.range(0), code: .unknownKeyword,
                help: Suggestions.help(for: call.name, among: ["user", "group"]) ?? "there are 'user' and 'group'")
        }
    }

    /// `group <groupname> [users <user>,<user>,(...)]`.
    private func readGroup(_ call: KeywordCall) throws(SyntaxFailure) {
        let index = tree.userLists.count - 1
        let name = try call.required(0, "the name of a group")
        try checkListName(call, name)
        tree.userLists[index].groups.append(name)
        guard call.count > 1 else { return }
        guard call[1] == "users", call.count == 3 else {
            throw call.failure("'group' knows 'users <user>,...' only", 1)
        }
        for user in call[2].split(separator: ",") { groupMembers.append((index, name, String(user), call.range(2))) }
    }

    /// A list has one user, and one group, of a name.
    private func checkListName(_ call: KeywordCall, _ name: String) throws(SyntaxFailure) {
        guard let earlier = listNames.updateValue(call.range(0), forKey: "\(call.name) \(name)") else { return }
        throw SyntaxFailure(
            "\(call.name) '\(name)' exists already", at: call.range(0), code: .duplicateName, notes: [.first(earlier)])
    }

    /// `user <username> [password|insecure-password <password>] [groups <group>,<group>,(...)]`.
    private func readUser(_ call: KeywordCall) throws(SyntaxFailure) {
        let index = tree.userLists.count - 1
        var user = UserList.User(
            name: try call.required(0, "the name of a user"), password: [], isEncrypted: true, groups: [])
        try checkListName(call, user.name)
        var cursor = 1
        while cursor < call.count {
            let word = call[cursor]
            _ = try call.required(cursor + 1, "a word behind '\(word)'")
            switch word {
            case "password", "insecure-password":
                user.password = call.bytes(cursor + 1)
                user.isEncrypted = word == "password"
            case "groups":
                for group in call[cursor + 1].split(separator: ",") {
                    groupMembers.append((index, String(group), user.name, call.range(cursor + 1)))
                }
            default: throw call.unknownWord(cursor, among: ["password", "insecure-password", "groups"])
            }
            cursor += 2
        }
        tree.userLists[index].users.append(user)
    }

    // MARK: What can be said only when all files are read

    /// Joins users and groups, looks up `http-errors` sections and the servers of `use-server`.
    func resolveRules() {
        for (list, group, user, range) in groupMembers {
            guard tree.userLists[list].groups.contains(group) else {
                report(.unknownName, "userlist '\(tree.userLists[list].name)' has no group '\(group)'", at: range)
                continue
            }
            guard let index = tree.userLists[list].users.firstIndex(where: { $0.name == user }) else {
                report(.unknownName, "userlist '\(tree.userLists[list].name)' has no user '\(user)'", at: range)
                continue
            }
            if !tree.userLists[list].users[index].groups.contains(group) {
                tree.userLists[list].users[index].groups.append(group)
            }
        }
        for (name, range) in errorSectionUses where tree.errorSections[name] == nil {
            report(
                .unknownName, "there is no 'http-errors' section '\(name)'", at: range,
                help: Suggestions.help(for: name, among: tree.errorSections.keys.sorted()))
        }
        for (change, range) in patternChanges {
            change.patterns = patternSets[change.file]
            if change.patterns == nil {
                report(
                    .unloadedPatterns, "this rule does nothing: no ACL or map is loaded from '\(change.file)'",
                    at: range,
                    help: "load it with '-f \(change.file)', be it empty")
            }
        }
        for index in tree.proxies.indices {
            for (status, response) in tree.proxies[index].settings.errorResponses {
                tree.proxies[index].settings.errorResponses[status] = resolved(response, status)
            }
            checkRules(tree.proxies[index])
        }
    }

    /// What an `http-errors` section has for a status; what it lacks stays as it was.
    private func resolved(_ response: ErrorResponse, _ status: Int) -> ErrorResponse? {
        guard case .section(let name, let other) = response else { return response }
        if let found = tree.errorSections[name]?[status] { return found }
        guard let other else { return nil }
        return resolved(other, status)
    }

    private func checkRules(_ proxy: ProxySection) {
        let mayLackServers = proxy.settings.isDisabled || brokenSections.contains(proxy.range)
        for rule in proxy.useServers where rule.format == nil && !mayLackServers {
            if !proxy.servers.contains(where: { $0.name == rule.name }) {
                report(
                    .unknownServer,
                    "'use-server' of \(proxy.kind.rawValue) '\(proxy.name)': there is no server '\(rule.name)'",
                    at: rule.range, help: Suggestions.help(for: rule.name, among: proxy.servers.map(\.name)))
            }
        }
        guard proxy.settings.mode == .tcp, !proxy.switchesMode, !proxy.settings.isDisabled else { return }
        for set in RuleSet.allCases where set.isHTTP {
            guard let first = proxy.rules[set].first else { continue }
            report(
                .ignoredInMode,
                "'\(set.keyword)' rules ignored for \(proxy.kind.rawValue) '\(proxy.name)', which is not in "
                    + "'mode http'",
                at: first.range)
        }
        if let first = proxy.redirects.first {
            report(
                .ignoredInMode,
                "'redirect' rules ignored for \(proxy.kind.rawValue) '\(proxy.name)', which is not in 'mode http'",
                at: first.range)
        }
    }
}
