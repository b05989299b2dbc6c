import Base

/// An address as the configuration writes it (manual, chapter 11). Names are not resolved here.
public struct AddressSpec: Sendable, Hashable {
    public enum Host: Sendable, Hashable {
        case ipv4(IPv4Address)
        case ipv6(IPv6Address)
        /// A host name, to be resolved at start, within `family` when that is not `.any`.
        case name(String)
        /// The path of a unix socket.
        case unix(String)
        /// A name in Linux's abstract namespace, without the leading zero byte.
        case abstract(String)
        /// An inherited descriptor (`fd@N`).
        case fileDescriptor(Int32)
        /// One end of a pair of unix sockets over which connections are handed (`sockpair@N`).
        case socketPair(Int32)
    }

    /// What the prefix asked for (`ipv4@`, `ipv6@`).
    public enum Family: Sendable, Hashable { case any, ipv4, ipv6 }

    public enum Transport: Sendable, Hashable { case stream, datagram }

    public enum Port: Sendable, Hashable {
        case none
        case fixed(UInt16)
        /// Inclusive on both sides, first <= last.
        case range(UInt16, UInt16)
        /// `+N` or `-N` of a server: added to the port that the client connected to.
        case offset(Int32)
    }

    public var host: Host
    public var family: Family
    public var transport: Transport
    public var port: Port
    public var range: SourceRange

    public init(
        host: Host, family: Family = .any, transport: Transport = .stream, port: Port = .none,
        range: SourceRange = .none
    ) {
        self.host = host
        self.family = family
        self.transport = transport
        self.port = port
        self.range = range
    }

    /// The fixed port, or 0.
    public var fixedPort: UInt16 {
        if case .fixed(let number) = port { return number }
        return 0
    }

    /// Equal in everything but the place in the file.
    public func sameAddress(as other: AddressSpec) -> Bool {
        host == other.host && family == other.family && transport == other.transport && port == other.port
    }
}
