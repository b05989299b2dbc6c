import Base
import Configuration
import Glibc

/// Turns addresses of the configuration into addresses of sockets; names are looked up once, at start.
enum NameResolver {
    /// The socket address, or nil if there is none: an unknown name, or an address without a place in the network.
    static func address(_ spec: AddressSpec, port: UInt16) -> SocketAddress? {
        switch spec.host {
        case .ipv4(let address): return SocketAddress(ipv4: address.value, port: port)
        case .ipv6(let address): return SocketAddress(ipv6: address.high, address.low, port: port)
        case .unix(let path): return SocketAddress(unixPath: path)
        case .abstract(let name): return SocketAddress(paddedAbstractName: name)
        case .name(let name): return look(up: name, spec.family, port: port)
        case .fileDescriptor, .socketPair: return nil
        }
    }

    /// Asks the system's resolver; the first address of the wanted family, IPv4 before IPv6. Blocks: only at start.
    private static func look(up name: String, _ family: AddressSpec.Family, port: UInt16) -> SocketAddress? {
        // SAFETY: the hints' pointers stay null.
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        switch family {
        case .any: unsafe hints.ai_family = AF_UNSPEC
        case .ipv4: unsafe hints.ai_family = AF_INET
        case .ipv6: unsafe hints.ai_family = AF_INET6
        }
        var list: UnsafeMutablePointer<addrinfo>?
        // SAFETY: getaddrinfo fills `list` on success, and freeaddrinfo releases it.
        guard unsafe getaddrinfo(name, nil, &hints, &list) == 0 else { return nil }
        defer { unsafe freeaddrinfo(list) }
        var fallback: SocketAddress?
        var entry = unsafe list
        while let current = unsafe entry {
            if var found = unsafe address(of: current.pointee) {
                found.port = port
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
