import Base
import CPlatform
import Glibc

/// A pair of sockets between a process and the one that it forked: a byte says "ready", its end says "gone".
struct Lifeline: ~Copyable {
    let parent: Int32
    let child: Int32

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: two descriptors fit into the array, which is lent for the length of the call.
        let result = unsafe ends.withUnsafeMutableBufferPointer {
            unsafe host_socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), $0.baseAddress)
        }
        if let error = SystemError(result: result) { throw error }
        (parent, child) = (ends[0], ends[1])
    }

    func keepParentEnd() { _ = host_close(child) }
    func keepChildEnd() { _ = host_close(parent) }

    static func sayReady(on end: Int32) {
        var byte: UInt8 = 1
        // SAFETY: one byte that is ours. If the other process is gone, the end of the line says so to who listens.
        _ = unsafe host_send(end, &byte, 1, 0)
    }

    enum News: Equatable, Sendable { case none, ready, gone }

    /// What came over the line; does not wait.
    static func read(_ end: Int32) -> News {
        var byte: UInt8 = 0
        // SAFETY: one byte that is ours.
        let count = unsafe host_read(end, &byte, 1)
        if count > 0 { return .ready }
        return count == 0 || count == -Int(ECONNRESET) ? .gone : .none
    }

    /// Waits until the other process is ready or gone.
    static func wait(_ end: Int32) -> News {
        while true {
            _ = waitReadable([end])
            let news = read(end)
            if news != .none { return news }
        }
    }

    /// Waits until one of the descriptors can be read, or a signal came. Returns those that can.
    static func waitReadable(_ ends: [Int32]) -> [Int32] {
        var polled = ends.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // SAFETY: the array is lent with its count for the length of the call.
        let count = unsafe polled.withUnsafeMutableBufferPointer {
            unsafe host_poll($0.baseAddress, UInt64($0.count), -1)
        }
        return count > 0 ? polled.filter { $0.revents != 0 }.map(\.fd) : []
    }
}
