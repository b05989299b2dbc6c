import Base
import Buffers
import CPlatform
import Engine
import Glibc
import Testing

@testable import Simulation

/// A kernel, real or played, with what tests ask of one: arrays instead of pointers.
// SAFETY: every pointer is that of an array during the call.
struct KernelRig {
    let kernel: Kernel

    static let stream = Int32(SOCK_STREAM.rawValue)
    static let datagram = Int32(SOCK_DGRAM.rawValue)

    /// A played one without faults and without delays, to be used outside of fibres.
    static func ideal(_ options: SimKernel.Options = SimKernel.Options()) -> (rig: KernelRig, kernel: SimKernel) {
        var network = SimMachine.Options()
        network.latencyNanoseconds = 0...0
        let kernel = SimKernel(SimMachine(SimScheduler(seed: 1), options: network), options: options)
        return (KernelRig(kernel: kernel), kernel)
    }

    func send(_ fd: Int32, _ bytes: [UInt8]) -> Int {
        unsafe bytes.withUnsafeBytes {
            unsafe kernel.send(fd, $0.baseAddress ?? UnsafeRawPointer(bitPattern: 8)!, $0.count, more: false)
        }
    }

    func write(_ fd: Int32, _ bytes: [UInt8]) -> Int {
        unsafe bytes.withUnsafeBytes {
            unsafe kernel.write(fd, $0.baseAddress ?? UnsafeRawPointer(bitPattern: 8)!, $0.count)
        }
    }

    func recv(_ fd: Int32, _ count: Int, peeks: Bool = false) -> (result: Int, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: max(1, count))
        let result = unsafe bytes.withUnsafeMutableBytes {
            peeks ? unsafe kernel.peek(fd, $0.baseAddress!, count) : unsafe kernel.recv(fd, $0.baseAddress!, count)
        }
        return (result, Array(bytes.prefix(max(0, result))))
    }

    func read(_ fd: Int32, _ count: Int) -> (result: Int, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: max(1, count))
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe kernel.read(fd, $0.baseAddress!, count) }
        return (result, Array(bytes.prefix(max(0, result))))
    }

    func pair(_ type: Int32 = stream) -> (Int32, Int32) {
        var pair: (Int32, Int32) = (-1, -1)
        _ = kernel.socketpair(type, &pair)
        return pair
    }

    func pipe() -> (Int32, Int32) {
        var pair: (Int32, Int32) = (-1, -1)
        _ = kernel.pipe(&pair)
        return pair
    }

    /// A listener on a port of its own.
    func listener(backlog: Int32 = 16) -> (fd: Int32, address: SocketAddress) {
        let fd = kernel.socket(AF_INET, KernelRig.stream, 0)
        _ = kernel.bind(fd, SocketAddress(ipv4: 0x7F00_0001, port: 0))
        _ = kernel.listen(fd, backlog)
        var address = SocketAddress()
        _ = kernel.localAddress(fd, &address)
        return (fd, address)
    }

    /// A TCP connection: the connecting end and the accepted one.
    func connection() -> (client: Int32, server: Int32) {
        let (listening, address) = listener()
        let client = kernel.socket(AF_INET, KernelRig.stream, 0)
        _ = kernel.connect(client, address)
        var peer = SocketAddress()
        _ = mask(client)
        let server = kernel.accept(listening, &peer)
        _ = kernel.close(listening)
        for fd in [client, server] { _ = kernel.setOption(fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
        return (client, server)
    }

    /// What poll says of a descriptor now.
    func mask(_ fd: Int32, _ wanted: UInt32 = Mask.input | Mask.output | Mask.peerHangup) -> UInt32 {
        var entry = pollfd(fd: fd, events: Int16(bitPattern: UInt16(wanted)), revents: 0)
        _ = unsafe kernel.poll(&entry, 1, 0)
        return UInt32(UInt16(bitPattern: entry.revents))
    }

    /// What an epoll instance reports now.
    func events(_ epoll: Int32, _ limit: Int = 64, timeout: Int32 = 0) -> [(events: UInt32, token: UInt64)] {
        unsafe withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: limit) { buffer in
            let found = unsafe kernel.epollWait(epoll, buffer.baseAddress!, Int32(limit), timeout)
            return (0..<max(0, Int(found))).map {
                let event = unsafe buffer.baseAddress! + $0
                return unsafe (host_epoll_events(event), host_epoll_token(event))
            }
        }
    }

    /// Two UDP sockets that are connected to each other.
    func datagramPair() -> (Int32, Int32) {
        var addresses = [SocketAddress(), SocketAddress()]
        let sockets = (0..<2).map { number in
            let fd = kernel.socket(AF_INET, KernelRig.datagram, 0)
            _ = kernel.bind(fd, SocketAddress(ipv4: 0x7F00_0001, port: 0))
            _ = kernel.localAddress(fd, &addresses[number])
            return fd
        }
        _ = kernel.connect(sockets[0], addresses[1])
        _ = kernel.connect(sockets[1], addresses[0])
        return (sockets[0], sockets[1])
    }

    /// What select says of a descriptor now: "r", "w", both or nothing.
    func select(_ fd: Int32) -> String {
        guard fd >= 0, fd < 1024 else { return "" }
        var read = [UInt64](repeating: 0, count: 16)
        read[Int(fd) / 64] = 1 << UInt64(fd % 64)
        var write = read
        guard unsafe kernel.select(fd + 1, &read, &write, 0) >= 0 else { return "?" }
        return (read.contains { $0 != 0 } ? "r" : "") + (write.contains { $0 != 0 } ? "w" : "")
    }

    /// Both directions of a descriptor, level-triggered.
    func addFilters(_ queue: Int32, _ fd: Int32, token: UInt64) {
        for filter in [HOST_EVFILT_READ, HOST_EVFILT_WRITE] {
            var change = unsafe host_kevent_make(UInt64(fd), filter, HOST_EV_ADD, 0, token)
            _ = unsafe kernel.kqueueWait(queue, &change, 1, nil, 0, 0)
        }
    }

    /// What a kqueue reports now, in order: token, direction, whether it is the end, whether an error.
    func filters(_ queue: Int32) -> String {
        var events = unsafe Array(repeating: host_kevent_make(0, 0, 0, 0, 0), count: 16)
        let count = unsafe kernel.kqueueWait(queue, nil, 0, &events, 16, 0)
        return unsafe events.prefix(max(0, Int(count))).map { event in
            let end = unsafe UInt32(event.flags) & HOST_EV_EOF != 0 ? "!" : ""
            let direction = unsafe Int32(event.filter) == HOST_EVFILT_READ ? "r" : "w"
            return unsafe "[\(UInt(bitPattern: event.udata))\(direction)\(end)\(event.fflags)]"
        }.sorted().joined()
    }

    func add(_ epoll: Int32, _ fd: Int32, _ events: UInt32, token: UInt64? = nil) -> Int32 {
        kernel.epollControl(epoll, HOST_EPOLL_CTL_ADD, fd, events, token ?? UInt64(fd))
    }

    // MARK: On fibres

    /// Waits for one of the events, on a fibre; what came, 0 after the time.
    func waitFor(_ fd: Int32, _ wanted: UInt32, milliseconds: Int32 = 60_000) -> UInt32 {
        var entry = pollfd(fd: fd, events: Int16(bitPattern: UInt16(wanted)), revents: 0)
        for _ in 0..<1000 {
            let result = unsafe kernel.poll(&entry, 1, milliseconds)
            if result != -EINTR { break }
        }
        return UInt32(UInt16(bitPattern: entry.revents))
    }

    /// Connects, on a fibre; the descriptor, or -errno.
    func connect(_ address: SocketAddress) -> Int32 {
        let fd = kernel.socket(address.nativeFamily, KernelRig.stream, 0)
        if fd < 0 { return fd }
        var result = kernel.connect(fd, address)
        if result == -EINPROGRESS {
            guard waitFor(fd, Mask.output, milliseconds: 200_000) != 0 else { return -EAGAIN }
            result = -Int32(kernel.getOption(fd, SOL_SOCKET, SO_ERROR))
        }
        if result < 0 { _ = kernel.close(fd) }
        return result < 0 ? result : fd
    }

    /// Sends everything, on a fibre; 0 or -errno.
    func sendAll(_ fd: Int32, _ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let result = send(fd, Array(bytes[sent...]))
            if result > 0 {
                sent += result
            } else if result == -Int(EAGAIN) {
                if waitFor(fd, Mask.output) == 0 { return -Int(ETIMEDOUT) }
            } else {
                return result
            }
        }
        return 0
    }

    /// Receives up to `count` bytes, or to the end, on a fibre; less than that many after an error.
    func receiveAll(_ fd: Int32, _ count: Int) -> (bytes: [UInt8], error: Int) {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let (result, more) = recv(fd, count - bytes.count)
            if result > 0 {
                bytes += more
            } else if result == -Int(EAGAIN) {
                if waitFor(fd, Mask.input) == 0 { return (bytes, -Int(ETIMEDOUT)) }
            } else {
                return (bytes, result)
            }
        }
        return (bytes, 0)
    }
}

/// Bytes that tell where they belong.
func pattern(_ seed: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8) ^ (seed &* 97)) }
}
