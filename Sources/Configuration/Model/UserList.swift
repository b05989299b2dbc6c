/// A `userlist` section: who may pass `http_auth` (manual, section 3.4).
public struct UserList: Sendable {
    public struct User: Sendable, Hashable {
        public var name: String
        public var password: [UInt8]
        /// The password is a hash of crypt(3).
        public var isEncrypted: Bool
        public var groups: [String]
    }

    public var name: String
    public var groups: [String] = []
    public var users: [User] = []
    public var range: SourceRange

    public init(name: String, range: SourceRange = .none) {
        self.name = name
        self.range = range
    }
}
