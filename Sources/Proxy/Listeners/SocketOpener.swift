import Base
import Configuration
import Engine
import Glibc

/// Opens listening sockets as `bind` lines say (manual, sections 4.2 and 5.1).
struct SocketOpener {
    let kernel: Kernel
    let tuning: ProxyTuning

    /// A socket that listens, and the address that it is bound to.
    struct Opened {
        let fd: Int32
        let address: SocketAddress
        /// Whether a path was made that is removed with the socket.
        let ownsPath: Bool
    }

    /// What went wrong, in words: "cannot bind socket (Address already in use)".
    struct Failure: Error {
        let text: String
        init(_ what: String, _ code: Int32) { text = "\(what) (\(SystemError(code: code)))" }
        init(_ what: String) { text = what }
    }

    /// Opens a listening socket on an address that is resolved, or takes over an inherited one.
    func open(
        _ address: SocketAddress, _ bind: BindSettings, _ settings: ProxySettings?, backlog: Int32
    ) throws(Failure) -> Opened {
        let fd = kernel.socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        if fd < 0 { throw Failure("cannot create listening socket", -fd) }
        do throws(Failure) {
            if address.family == .unix { return try openPath(fd, address, bind, backlog) }
            try configure(fd, address, bind, settings)
            let bound = kernel.bind(fd, address)
            if bound < 0 { throw Failure("cannot bind socket", -bound) }
            try listen(fd, backlog)
            return Opened(fd: fd, address: actual(fd) ?? address, ownsPath: false)
        } catch {
            _ = kernel.close(fd)
            throw error
        }
    }

    /// Takes over a descriptor that the parent process left open (`fd@N`).
    func inherit(_ fd: Int32, backlog: Int32) throws(Failure) -> Opened {
        guard kernel.isOpen(fd) >= 0 else { throw Failure("cannot use inherited descriptor \(fd)", EBADF) }
        guard kernel.getOption(fd, SOL_SOCKET, SO_ACCEPTCONN) >= 0 else {
            throw Failure("inherited descriptor \(fd) is not a socket")
        }
        _ = kernel.setNonBlocking(fd, true)
        _ = kernel.setCloseOnExec(fd, true)
        try listen(fd, backlog)
        return Opened(fd: fd, address: actual(fd) ?? SocketAddress(), ownsPath: false)
    }

    private func actual(_ fd: Int32) -> SocketAddress? {
        var address = SocketAddress()
        return kernel.localAddress(fd, &address) < 0 ? nil : address
    }

    private func listen(_ fd: Int32, _ backlog: Int32) throws(Failure) {
        let result = kernel.listen(fd, backlog)
        if result < 0 { throw Failure("cannot listen to socket", -result) }
    }

    /// Options are set on the listening socket, from which Linux hands them to those it accepts.
    private func configure(
        _ fd: Int32, _ address: SocketAddress, _ bind: BindSettings, _ settings: ProxySettings?
    ) throws(Failure) {
        guard address.isIP else { return }
        let tcp = Int32(IPPROTO_TCP)
        _ = kernel.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        if tuning.reusesPorts || bind.shards > 1 { _ = kernel.setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1) }
        _ = kernel.setOption(fd, tcp, TCP_NODELAY, 1)
        if address.family == .ipv6 {
            let only: Int32 = bind.v6only ? 1 : 0
            if bind.v6only || bind.v4v6 { _ = kernel.setOption(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, only) }
        }
        if bind.transparent { try setTransparent(fd, address) }
        if let interface = bind.interface {
            // SAFETY: the name's bytes are valid inside the closure.
            let result = unsafe Array(interface.utf8).withUnsafeBytes {
                unsafe kernel.setOption(fd, SOL_SOCKET, SO_BINDTODEVICE, $0.baseAddress!, $0.count)
            }
            if result < 0 { throw Failure("cannot bind listener to device", -result) }
        }
        if bind.deferAccept { _ = kernel.setOption(fd, tcp, TCP_DEFER_ACCEPT, 1) }
        if bind.tcpFastOpen { _ = kernel.setOption(fd, tcp, TCP_FASTOPEN, 256) }
        if let milliseconds = bind.tcpUserTimeoutMilliseconds {
            _ = kernel.setOption(fd, tcp, TCP_USER_TIMEOUT, Int32(clamping: milliseconds))
        }
        if let bytes = bind.maximumSegmentSizeBytes, bytes > 0 {
            _ = kernel.setOption(fd, tcp, TCP_MAXSEG, Int32(clamping: bytes))
        }
        if let bytes = tuning.clientReceiveBytes {
            _ = kernel.setOption(fd, SOL_SOCKET, SO_RCVBUF, Int32(clamping: bytes))
        }
        if let bytes = tuning.clientSendBytes {
            _ = kernel.setOption(fd, SOL_SOCKET, SO_SNDBUF, Int32(clamping: bytes))
        }
        guard let settings else { return }
        if settings.options.contains(.clientKeepAlives) {
            Connector.setKeepAlive(fd, settings.clientKeepAlive, kernel)
        }
    }

    private func setTransparent(_ fd: Int32, _ address: SocketAddress) throws(Failure) {
        let isIPv4 = address.family == .ipv4
        let level = Int32(isIPv4 ? IPPROTO_IP : IPPROTO_IPV6)
        let result = kernel.setOption(fd, level, isIPv4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1)
        if result < 0 { throw Failure("cannot make listening socket transparent", -result) }
    }

    /// A unix socket appears at its path only once it listens with the rights it should have: it is made under another
    /// name and moved into place, over what a process before may have left.
    private func openPath(
        _ fd: Int32, _ address: SocketAddress, _ bind: BindSettings, _ backlog: Int32
    ) throws(Failure) -> Opened {
        let path = address.path ?? ""
        let temporary = "\(path).\(kernel.processID()).tmp"
        guard let place = SocketAddress(unixPath: temporary) else {
            throw Failure("socket path too long")
        }
        _ = kernel.unlink(temporary)
        let bound = kernel.bind(fd, place)
        if bound < 0 { throw Failure("cannot bind UNIX socket", -bound) }
        var failure: Failure?
        if let mode = bind.mode {
            let result = kernel.chmod(temporary, mode)
            if result < 0 { failure = Failure("cannot change UNIX socket mode", -result) }
        }
        let user = bind.uid.map { Int32(bitPattern: $0) } ?? -1, group = bind.gid.map { Int32(bitPattern: $0) } ?? -1
        if failure == nil && (user != -1 || group != -1) {
            let result = kernel.chown(temporary, user, group)
            if result < 0 { failure = Failure("cannot change UNIX socket ownership", -result) }
        }
        if failure == nil {
            let result = kernel.listen(fd, backlog)
            if result < 0 { failure = Failure("cannot listen to UNIX socket", -result) }
        }
        if failure == nil {
            let result = kernel.rename(temporary, path)
            if result < 0 { failure = Failure("cannot switch final and temporary UNIX sockets", -result) }
        }
        if let failure {
            _ = kernel.unlink(temporary)
            throw failure
        }
        return Opened(fd: fd, address: address, ownsPath: true)
    }
}
