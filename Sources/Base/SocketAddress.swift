import CPlatform
import Glibc

/// The address of a socket: IPv4, IPv6, a unix path or a name in Linux's abstract space.
///
/// A value without references: the 128 bytes of a `sockaddr_storage`, and a length. Bytes behind the length are zero,
/// so that equal addresses are equal values.
public struct SocketAddress: Sendable, Hashable {
    /// The raw bytes, as the operating system lays them out.
    var storage: host_address_storage
    /// Bytes of the storage in use; 0 for the unspecified address.
    public private(set) var sizeBytes: Int

    public enum Family: Sendable, Hashable {
        case unspecified, ipv4, ipv6, unix, abstract
    }

    /// The unspecified address; also what a system call fills through `update`.
    public init() {
        storage = host_address_storage()
        sizeBytes = 0
    }

    /// An IPv4 address: the four bytes as a number, most significant first (127.0.0.1 is 0x7F000001).
    public init(ipv4 address: UInt32, port: UInt16) {
        self.init()
        var native = sockaddr_in()
        native.sin_family = sa_family_t(AF_INET)
        native.sin_port = port.bigEndian
        native.sin_addr.s_addr = address.bigEndian
        // SAFETY: sockaddr_in is smaller than the storage and trivially copyable.
        unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: native, as: sockaddr_in.self) }
        sizeBytes = MemoryLayout<sockaddr_in>.size
    }

    /// An IPv6 address: its 16 bytes as two numbers, most significant first, and the index of an interface or 0.
    public init(ipv6 high: UInt64, _ low: UInt64, port: UInt16, scope: UInt32 = 0) {
        self.init()
        storage.words.0 = 0
        // SAFETY: every store lies within sockaddr_in6, which is smaller than the storage.
        unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe $0.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
            unsafe $0.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            unsafe $0.storeBytes(of: high.bigEndian, toByteOffset: 8, as: UInt64.self)
            unsafe $0.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt64.self)
            unsafe $0.storeBytes(of: scope, toByteOffset: 24, as: UInt32.self)
        }
        sizeBytes = MemoryLayout<sockaddr_in6>.size
    }

    /// The address of a unix socket at a path; nil when the path is empty, holds a NUL or exceeds 107 bytes.
    public init?(unixPath path: String) {
        self.init()
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < SocketAddress.pathCapacity, !bytes.contains(0) else { return nil }
        setPath(bytes, at: 0)
        sizeBytes = 2 + bytes.count + 1
    }

    /// A name in Linux's abstract space; nil when it is empty or exceeds 107 bytes.
    public init?(abstractName name: String) {
        self.init()
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes.count < SocketAddress.pathCapacity else { return nil }
        setPath(bytes, at: 1)
        sizeBytes = 2 + 1 + bytes.count
    }

    /// A name in abstract space as HAProxy writes it (`abns@`): padded with zeros to the whole of `sun_path`, which to
    /// the kernel is another name than the unpadded one.
    public init?(paddedAbstractName name: String) {
        self.init(abstractName: name)
        sizeBytes = 2 + SocketAddress.pathCapacity
    }

    /// Bytes of `sun_path`.
    static let pathCapacity = 108

    private mutating func setPath(_ bytes: [UInt8], at offset: Int) {
        // SAFETY: the callers have checked that the bytes and a NUL fit in sun_path's 108, of the storage's 128.
        unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe $0.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
            for (index, byte) in bytes.enumerated() { unsafe $0[2 + offset + index] = byte }
        }
    }

    private func load<T>(_ type: T.Type, at offset: Int) -> T where T: BitwiseCopyable {
        // SAFETY: callers pass offsets of fields within the 128 bytes.
        unsafe withUnsafeBytes(of: storage) { unsafe $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }

    public var family: Family {
        guard sizeBytes >= 2 else { return .unspecified }
        switch Int32(load(sa_family_t.self, at: 0)) {
        case AF_INET: return .ipv4
        case AF_INET6: return .ipv6
        case AF_UNIX: return sizeBytes > 2 && load(UInt8.self, at: 2) == 0 ? .abstract : .unix
        default: return .unspecified
        }
    }

    public var isIP: Bool { family == .ipv4 || family == .ipv6 }

    /// The operating system's number of the family, for `socket`.
    public var nativeFamily: Int32 {
        switch family {
        case .ipv4: return AF_INET
        case .ipv6: return AF_INET6
        case .unix, .abstract: return AF_UNIX
        case .unspecified: return AF_UNSPEC
        }
    }

    /// The port of an IP address, 0 for the others.
    public var port: UInt16 {
        get {
            switch family {
            case .ipv4, .ipv6: return UInt16(bigEndian: load(UInt16.self, at: 2))
            default: return 0
            }
        }
        set {
            guard isIP else { return }
            // SAFETY: the port stands at offset 2 in both families.
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self)
            }
        }
    }

    /// The IPv4 address as a number, most significant byte first; nil for other families.
    public var ipv4: UInt32? { family == .ipv4 ? UInt32(bigEndian: load(UInt32.self, at: 4)) : nil }

    /// The IPv6 address as two numbers, most significant byte first; nil for other families.
    public var ipv6: (high: UInt64, low: UInt64)? {
        guard family == .ipv6 else { return nil }
        return (UInt64(bigEndian: load(UInt64.self, at: 8)), UInt64(bigEndian: load(UInt64.self, at: 16)))
    }

    /// The interface of a link-local IPv6 address, 0 for none.
    public var scope: UInt32 { family == .ipv6 ? load(UInt32.self, at: 24) : 0 }

    /// The path of a unix socket or the name in abstract space; nil for other families.
    public var path: String? {
        let current = family
        guard current == .unix || current == .abstract else { return nil }
        let start = current == .abstract ? 3 : 2
        guard sizeBytes > start else { return "" }
        var bytes: [UInt8] = []
        for offset in start..<min(sizeBytes, 2 + SocketAddress.pathCapacity) {
            let byte = load(UInt8.self, at: offset)
            if byte == 0 { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Passes the address to a system call.
    public func withNative<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // SAFETY: the storage is a sockaddr_storage in layout, size and alignment.
        unsafe withUnsafePointer(to: storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(sizeBytes)) }
        }
    }

    /// Lets a system call fill in the address: the body gets the buffer and its capacity, and stores the length.
    public mutating func update<Result>(
        _ body: (UnsafeMutablePointer<sockaddr>, inout socklen_t) -> Result
    ) -> Result {
        storage = host_address_storage()
        var size = socklen_t(MemoryLayout<host_address_storage>.size)
        // SAFETY: the storage is a sockaddr_storage in layout, size and alignment.
        let result = unsafe withUnsafeMutablePointer(to: &storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, &size) }
        }
        sizeBytes = min(Int(size), MemoryLayout<host_address_storage>.size)
        return result
    }
}
