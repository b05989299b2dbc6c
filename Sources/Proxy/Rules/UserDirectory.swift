import CPlatform
import Configuration
import HTTP

/// The users that `http_auth` knows (manual, section 3.4).
///
/// Thread-safety: constant.
final class UserDirectory {
    private let lists: [UserList]

    init(_ lists: [UserList]) { self.lists = lists }

    private func user(_ name: Span<UInt8>, in list: Int) -> UserList.User? {
        guard lists.indices.contains(list) else { return nil }
        let bytes = name.array
        return lists[list].users.first { $0.name.utf8.elementsEqual(bytes) }
    }

    /// Whether the list has that user with that password.
    func isUser(_ name: Span<UInt8>, _ password: Span<UInt8>, in list: Int) -> Bool {
        guard let user = user(name, in: list) else { return false }
        guard user.isEncrypted else { return password.equals(user.password.span) }
        let given = password.array
        if given.contains(0) || user.password.contains(0) || user.password.isEmpty { return false }
        // SAFETY: both are NUL-terminated, and read during the call.
        return unsafe (given + [0]).withUnsafeBytes { given in
            unsafe (user.password + [0]).withUnsafeBytes { hash in
                guard let given = given.baseAddress, let hash = hash.baseAddress else { return false }
                return unsafe host_password_matches(
                    given.assumingMemoryBound(to: CChar.self), hash.assumingMemoryBound(to: CChar.self)) == 1
            }
        }
    }

    /// A group of a user, by number.
    func group(_ index: Int, of name: Span<UInt8>, in list: Int) -> [UInt8]? {
        guard let groups = user(name, in: list)?.groups, groups.indices.contains(index) else { return nil }
        return Array(groups[index].utf8)
    }
}
