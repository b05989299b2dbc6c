import Glibc

/// Whether the system knows a user or a group. Asked while files are read, by one thread.
enum UserDatabase {
    static func hasUser(_ name: String) -> Bool {
        // SAFETY: getpwnam gives an entry or NULL; only that it is there is looked at.
        unsafe getpwnam(name) != nil
    }

    static func hasGroup(_ name: String) -> Bool {
        // SAFETY: getgrnam gives an entry or NULL; only that it is there is looked at.
        unsafe getgrnam(name) != nil
    }
}

extension KeywordCall {
    /// The name of a user that exists.
    func user(_ index: Int) throws(SyntaxFailure) -> String {
        guard UserDatabase.hasUser(self[index]) else {
            throw failure("there is no user '\(self[index])'", index, code: .unknownName)
        }
        return self[index]
    }

    /// The name of a group that exists.
    func group(_ index: Int) throws(SyntaxFailure) -> String {
        guard UserDatabase.hasGroup(self[index]) else {
            throw failure("there is no group '\(self[index])'", index, code: .unknownName)
        }
        return self[index]
    }
}
