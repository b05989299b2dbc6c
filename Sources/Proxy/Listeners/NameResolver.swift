import Base
import Configuration
import Engine
import Glibc

/// Turns addresses of the configuration into addresses of sockets; names are looked up once, at start.
enum NameResolver {
    /// The socket address, or nil if there is none: an unknown name, or an address without a place in the network.
    /// Without a kernel no name is known.
    static func address(_ spec: AddressSpec, port: UInt16, _ kernel: Kernel?) -> SocketAddress? {
        switch spec.host {
        case .ipv4(let address): return SocketAddress(ipv4: address.value, port: port)
        case .ipv6(let address): return SocketAddress(ipv6: address.high, address.low, port: port)
        case .unix(let path): return SocketAddress(unixPath: path)
        case .abstract(let name): return SocketAddress(paddedAbstractName: name)
        case .name(let name):
            guard var found = kernel?.lookUpHost(name, family: native(spec.family)) else { return nil }
            found.port = port
            return found
        case .fileDescriptor, .socketPair: return nil
        }
    }

    private static func native(_ family: AddressSpec.Family) -> Int32 {
        switch family {
        case .any: return AF_UNSPEC
        case .ipv4: return AF_INET
        case .ipv6: return AF_INET6
        }
    }
}
