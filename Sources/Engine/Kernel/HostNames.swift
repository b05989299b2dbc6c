import Base
import Glibc

/// Names that the C library looks up, for `HostKernel`.
enum HostNames {
    /// The name of the machine; empty when it cannot be had.
    static var own: String {
        var bytes = [CChar](repeating: 0, count: 256)
        // SAFETY: the buffer has the stated size.
        guard unsafe gethostname(&bytes, 255) == 0 else { return "" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func user(_ name: String) -> UInt32? {
        // SAFETY: the entry is static storage of the C library, read at once; the caller's is the only thread.
        guard let entry = unsafe getpwnam(name) else { return nil }
        return unsafe entry.pointee.pw_uid
    }

    static func group(_ name: String) -> UInt32? {
        // SAFETY: as above.
        guard let entry = unsafe getgrnam(name) else { return nil }
        return unsafe entry.pointee.gr_gid
    }

    /// Asks the system's resolver; the first address of the wanted family, IPv4 before IPv6.
    static func address(of name: String, family: Int32) -> SocketAddress? {
        // SAFETY: the hints' pointers stay null.
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_family = family
        var list: UnsafeMutablePointer<addrinfo>?
        // SAFETY: getaddrinfo fills `list` on success, and freeaddrinfo releases it.
        guard unsafe getaddrinfo(name, nil, &hints, &list) == 0 else { return nil }
        defer { unsafe freeaddrinfo(list) }
        var fallback: SocketAddress?
        var entry = unsafe list
        while let current = unsafe entry {
            if let found = unsafe address(of: current.pointee) {
                if found.family == .ipv4 { return found }
                if fallback == nil { fallback = found }
            }
            unsafe entry = current.pointee.ai_next
        }
        return fallback
    }

    @unsafe
    private static func address(of entry: addrinfo) -> SocketAddress? {
        // SAFETY: the entry's address has the size of its family's structure.
        guard let raw = unsafe entry.ai_addr else { return nil }
        switch unsafe entry.ai_family {
        case AF_INET:
            return unsafe raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                unsafe SocketAddress(ipv4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr), port: 0)
            }
        case AF_INET6:
            return unsafe raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                let bytes = unsafe UnsafeRawBufferPointer(start: $0, count: MemoryLayout<sockaddr_in6>.size)
                let high = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                let low = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
                let scope = unsafe $0.pointee.sin6_scope_id
                return SocketAddress(ipv6: high, low, port: 0, scope: scope)
            }
        default: return nil
        }
    }
}
