import Base
import CPlatform
import Glibc

extension Kernel {
    /// A listening stream socket: opened, bound and listening, non-blocking and closed on exec.
    ///
    /// An address that connections of an earlier process still hang on to is taken (SO_REUSEADDR). A unix socket's path
    /// must not exist. Throws what the system says: EADDRINUSE, EACCES, EADDRNOTAVAIL, EMFILE.
    ///
    /// - Parameters:
    ///   - address: what to listen on; port 0 lets the system choose one (`localAddress` tells which).
    ///   - backlog: connections that may wait to be accepted; the system has a limit of its own.
    public func openListener(_ address: SocketAddress, backlog: Int32 = 1024) throws(SystemError) -> Int32 {
        let fd = socket(address.nativeFamily, Int32(SOCK_STREAM.rawValue), 0)
        if fd < 0 { throw SystemError(code: -fd) }
        _ = setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
        var result = bind(fd, address)
        if result >= 0 { result = listen(fd, backlog) }
        if result >= 0 { return fd }
        _ = close(fd)
        throw SystemError(code: -result)
    }
}
