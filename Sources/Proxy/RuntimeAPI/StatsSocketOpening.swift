import Base
import Configuration
import Engine
import Glibc

/// Why a `stats socket` could not be opened.
public struct StatsSocketError: Error, Equatable, Sendable, CustomStringConvertible {
    public let address: String
    public let reason: String
    public let range: SourceRange

    public var description: String { "cannot open the stats socket [\(address)]: \(reason)" }
}

/// Opens the addresses of `stats socket` lines (manual, sections 3.1 and 5.1).
struct StatsSocketOpening {
    let kernel: Kernel
    let resolve: (AddressSpec) -> SocketAddress?

    struct Opened {
        let fd: Int32
        let address: SocketAddress
        /// As `show cli sockets` lists it.
        let name: String
        /// It came from whoever started the program.
        let isInherited: Bool
    }

    /// The sockets of one address: one, or one for each port of a range.
    func open(_ specification: AddressSpec, _ settings: BindSettings) throws(StatsSocketError) -> [Opened] {
        func failure(_ reason: String) -> StatsSocketError {
            StatsSocketError(
                address: StatsSocketOpening.text(specification), reason: reason, range: specification.range)
        }
        if case .fileDescriptor(let fd) = specification.host { return [try adopt(fd, failure)] }
        guard specification.transport == .stream else { throw failure("a stream is needed, not datagrams") }
        guard var address = address(of: specification) else { throw failure("the address cannot be resolved") }
        var opened: [Opened] = []
        for port in ports(of: specification) {
            address.port = port
            do throws(SystemError) {
                opened.append(
                    Opened(
                        fd: try listen(at: address, settings), address: address,
                        name: StatsSocketOpening.name(of: address), isInherited: false))
            } catch {
                for socket in opened { _ = kernel.close(socket.fd) }
                throw failure(error.description)
            }
        }
        return opened
    }

    /// An inherited socket, already listening.
    private func adopt(_ fd: Int32, _ failure: (String) -> StatsSocketError) throws(StatsSocketError) -> Opened {
        var address = SocketAddress()
        guard kernel.localAddress(fd, &address) >= 0, kernel.setNonBlocking(fd, true) >= 0 else {
            throw failure("the descriptor is not a socket")
        }
        _ = kernel.setCloseOnExec(fd, true)
        return Opened(fd: fd, address: address, name: "fd@\(fd)", isInherited: true)
    }

    private func address(of specification: AddressSpec) -> SocketAddress? {
        switch specification.host {
        case .ipv4(let address): return SocketAddress(ipv4: address.value, port: 0)
        case .ipv6(let address): return SocketAddress(ipv6: address.high, address.low, port: 0)
        case .unix(let path): return SocketAddress(unixPath: path)
        case .abstract(let name): return SocketAddress(abstractName: name)
        case .name: return resolve(specification)
        case .fileDescriptor, .socketPair: return nil
        }
    }

    private func ports(of specification: AddressSpec) -> ClosedRange<UInt16> {
        switch specification.port {
        case .fixed(let port): return port...port
        case .range(let first, let last) where first <= last: return first...last
        default: return 0...0
        }
    }

    private func listen(at address: SocketAddress, _ settings: BindSettings) throws(SystemError) -> Int32 {
        let fd = kernel.socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        if fd < 0 { throw SystemError(code: -fd) }
        do throws(SystemError) {
            if address.family == .unix, let path = address.path {
                try bind(fd, toPath: path, settings)
            } else {
                try bind(fd, to: address, settings)
            }
            try check(kernel.listen(fd, Int32(clamping: settings.backlog ?? 10)))
        } catch {
            _ = kernel.close(fd)
            throw error
        }
        return fd
    }

    private func bind(_ fd: Int32, to address: SocketAddress, _ settings: BindSettings) throws(SystemError) {
        if address.isIP {
            try check(kernel.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        }
        if address.family == .ipv6 && (settings.v6only || settings.v4v6) {
            try check(kernel.setOption(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, settings.v6only ? 1 : 0))
        }
        try check(kernel.bind(fd, address))
    }

    /// Binds under a name of its own and moves it over the path, so that no client ever finds nothing there, and what
    /// another process left behind is replaced.
    private func bind(_ fd: Int32, toPath path: String, _ settings: BindSettings) throws(SystemError) {
        let temporary = "\(path).\(kernel.processID()).tmp"
        guard let address = SocketAddress(unixPath: temporary) else { throw SystemError(code: ENAMETOOLONG) }
        _ = kernel.unlink(temporary)
        try check(kernel.bind(fd, address))
        do throws(SystemError) {
            let user = try userNumber(settings)
            let group = try groupNumber(settings)
            if user != nil || group != nil {
                // -1 leaves the owner or the group as it is.
                try check(
                    kernel.chown(
                        temporary, user.map { Int32(bitPattern: $0) } ?? -1,
                        group.map { Int32(bitPattern: $0) } ?? -1))
            }
            if let mode = settings.mode { try check(kernel.chmod(temporary, mode)) }
            try check(kernel.rename(temporary, path))
        } catch {
            _ = kernel.unlink(temporary)
            throw error
        }
    }

    private func userNumber(_ settings: BindSettings) throws(SystemError) -> UInt32? {
        guard settings.uid == nil, let name = settings.user else { return settings.uid }
        guard let number = kernel.lookUpUser(name) else { throw SystemError(code: ENOENT) }
        return number
    }

    private func groupNumber(_ settings: BindSettings) throws(SystemError) -> UInt32? {
        guard settings.gid == nil, let name = settings.group else { return settings.gid }
        guard let number = kernel.lookUpGroup(name) else { throw SystemError(code: ENOENT) }
        return number
    }

    private func check(_ result: Int32) throws(SystemError) {
        if let error = SystemError(result: result) { throw error }
    }

    /// "unix@/path", "ipv4@127.0.0.1:9999", "ipv6@[::1]:9999", "abns@name".
    static func name(of address: SocketAddress) -> String {
        switch address.family {
        case .ipv4: return "ipv4@\(address.host):\(address.port)"
        case .ipv6: return "ipv6@[\(address.host)]:\(address.port)"
        case .unix: return "unix@\(address.path ?? "")"
        case .abstract: return "abns@\(address.path ?? "")"
        case .unspecified: return "unknown"
        }
    }

    /// An address as a message names it.
    private static func text(_ specification: AddressSpec) -> String {
        switch specification.host {
        case .ipv4(let address):
            return SocketAddress(ipv4: address.value, port: specification.fixedPort).description
        case .ipv6(let address):
            return SocketAddress(ipv6: address.high, address.low, port: specification.fixedPort).description
        case .unix(let path): return path
        case .abstract(let name): return "abns@\(name)"
        case .name(let name): return "\(name):\(specification.fixedPort)"
        case .fileDescriptor(let number): return "fd@\(number)"
        case .socketPair(let number): return "sockpair@\(number)"
        }
    }
}
