/// Every bound on what a peer can make this module hold or scan, in one place.
public struct HTTPLimits: Sendable {
    /// The longest head, start line and leading empty lines included, in bytes (`tune.bufsize` less `tune.maxrewrite`).
    public var headBytes: Int
    /// The most fields in a head or in a trailer section (`tune.http.maxhdr`).
    public var fieldCount: Int
    /// How many fields rules can add beyond `fieldCount`.
    public var addedFieldCount: Int
    /// The room for names, values, methods and targets that rules write, in bytes.
    public var arenaBytes: Int
    /// The most bytes of empty lines that are skipped before a start line (RFC 9112 section 2.2).
    public var leadingBytes: Int
    /// The longest chunk header line, extensions included, in bytes.
    public var chunkHeaderBytes: Int
    /// The most bytes of chunk extensions in one message (RFC 9112 section 7.1.1: they are a cost without a use).
    public var chunkExtensionBytes: Int
    /// The longest trailer section in bytes.
    public var trailerBytes: Int
    /// Whether heads may hold what breaks no message apart, though the grammar has no place for it: in names of fields,
    /// and in targets, all characters but controls, spaces and DEL (in names, but the colon too).
    public var acceptsInvalid = false

    public init(
        headBytes: Int = 15360, fieldCount: Int = 101, addedFieldCount: Int = 27, arenaBytes: Int = 8192,
        leadingBytes: Int = 16, chunkHeaderBytes: Int = 1024, chunkExtensionBytes: Int = 16384, trailerBytes: Int = 8192
    ) {
        // Offsets are 32-bit words and lengths of names 16-bit ones: the clamps keep every later conversion exact.
        self.headBytes = min(max(headBytes, 64), 1 << 30)
        self.fieldCount = min(max(fieldCount, 1), 32767)
        self.addedFieldCount = min(max(addedFieldCount, 1), 32767)
        self.arenaBytes = min(max(arenaBytes, 256), 1 << 30)
        self.leadingBytes = min(max(leadingBytes, 0), 1 << 16)
        self.chunkHeaderBytes = min(max(chunkHeaderBytes, 32), 1 << 20)
        self.chunkExtensionBytes = min(max(chunkExtensionBytes, 0), 1 << 30)
        self.trailerBytes = min(max(trailerBytes, 64), 1 << 30)
    }
}
