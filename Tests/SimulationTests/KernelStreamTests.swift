import Base
import CPlatform
import Engine
import Glibc
import Testing

@testable import Simulation

/// Streams of an ideal kernel without delays. What Linux does too is also in the differential tests; here it is said.
@Suite("Streams of the played kernel")
struct KernelStreamTests {
    private let rig: KernelRig
    private let kernel: SimKernel

    init() { (rig, kernel) = KernelRig.ideal() }

    private let both = Mask.input | Mask.output

    @Test("numbers are the lowest that are free, up to the limit")
    func numbers() {
        #expect(kernel.openDescriptors == [0, 1, 2])
        let (one, other) = rig.pair()
        #expect((one, other) == (3, 4))
        _ = kernel.close(3)
        #expect(kernel.socket(AF_INET, KernelRig.stream, 0) == 3, "the number comes again at once")
        #expect(kernel.setDescriptorLimit(soft: 6, hard: 4096) == 0)
        #expect(kernel.eventfd() == 5)
        #expect(kernel.eventfd() == -EMFILE)
        #expect(kernel.close(99) == -EBADF)
        #expect(kernel.isOpen(5) >= 0 && kernel.isOpen(6) == -EBADF)
    }

    @Test("a connect is in progress, then there is a connection at both ends")
    func connecting() {
        let (listening, address) = rig.listener()
        let client = kernel.socket(AF_INET, KernelRig.stream, 0)
        #expect(kernel.connect(client, address) == -EINPROGRESS)
        #expect(rig.mask(client) == Mask.output && rig.mask(listening) == Mask.input)
        #expect(kernel.getOption(client, SOL_SOCKET, SO_ERROR) == 0)
        var peer = SocketAddress()
        let server = kernel.accept(listening, &peer)
        var local = SocketAddress()
        #expect(kernel.localAddress(client, &local) == 0 && local == peer && local.ipv4 == 0x7F00_0001)
        #expect(kernel.peerAddress(client, &local) == 0 && local == address)
        #expect(kernel.accept(listening, &peer) == -EAGAIN && kernel.accept(server, &peer) == -EINVAL)
    }

    @Test("nobody listens: refused, said once by SO_ERROR")
    func refused() {
        let client = kernel.socket(AF_INET, KernelRig.stream, 0)
        #expect(kernel.connect(client, SocketAddress(ipv4: 0x7F00_0001, port: 9)) == -EINPROGRESS)
        let mask = rig.mask(client)
        #expect(mask & (Mask.error | Mask.hangup) == Mask.error | Mask.hangup)
        #expect(kernel.getOption(client, SOL_SOCKET, SO_ERROR) == Int(ECONNREFUSED))
        #expect(kernel.getOption(client, SOL_SOCKET, SO_ERROR) == 0)
    }

    @Test("the end of the peer's side: what it sent, then 0, and writing goes on")
    func halfClose() {
        let (client, server) = rig.connection()
        #expect(rig.send(client, [1, 2, 3]) == 3)
        #expect(kernel.shutdown(client, Int32(SHUT_WR)) == 0)
        #expect(rig.mask(server) == both | Mask.peerHangup)
        #expect(rig.recv(server, 10).bytes == [1, 2, 3])
        #expect(rig.recv(server, 10).result == 0 && rig.recv(server, 10).result == 0)
        #expect(rig.send(server, [4]) == 1 && rig.recv(client, 10).bytes == [4])
        #expect(rig.send(client, [5]) == -Int(EPIPE))
        #expect(kernel.shutdown(server, Int32(SHUT_WR)) == 0)
        #expect(rig.mask(server) & Mask.hangup != 0 && rig.mask(client) & Mask.hangup != 0)
    }

    @Test("closing with unread bytes, or without lingering, resets; the peer hears it once")
    func resets() {
        for lingers in [true, false] {
            let (client, server) = rig.connection()
            if lingers {
                #expect(rig.send(client, [1]) == 1)
                _ = rig.mask(server)
            } else {
                var value = linger(l_onoff: 1, l_linger: 0)
                // SAFETY: the bytes of a local.
                unsafe withUnsafeBytes(of: &value) {
                    _ = unsafe kernel.setOption(server, SOL_SOCKET, SO_LINGER, $0.baseAddress!, $0.count)
                }
            }
            _ = kernel.close(server)
            let all = both | Mask.peerHangup | Mask.hangup | Mask.error
            #expect(rig.mask(client) == all)
            #expect(rig.recv(client, 1).result == -Int(ECONNRESET))
            #expect(rig.recv(client, 1).result == 0, "an error is reported once")
            #expect(rig.send(client, [1]) == -Int(EPIPE))
            #expect(rig.mask(client) == all & ~Mask.error)
        }
    }

    @Test("sending to an end that was closed brings a reset")
    func orphan() {
        let (client, server) = rig.connection()
        _ = kernel.close(server)
        #expect(rig.mask(client) == both | Mask.peerHangup)
        #expect(rig.send(client, [1]) == 1, "nobody knows yet")
        #expect(rig.mask(client) & Mask.error != 0)
        #expect(rig.send(client, [1]) == -Int(EPIPE))
    }

    @Test("buffers are bounded; room is told when a third is free")
    func bounded() {
        let (client, server) = rig.connection()
        var sent = 0
        while true {
            let result = rig.send(client, pattern(0, 10_000))
            if result < 0 { break }
            sent += result
        }
        #expect(sent == kernel.machine.options.streamBytes && rig.mask(client) == 0)
        #expect(rig.recv(server, 1000).result == 1000)
        #expect(rig.mask(client) == 0, "writable again, but for a poller not yet")
        var received = 1000
        while received < sent { received += rig.recv(server, 50_000).result }
        #expect(rig.mask(client) == Mask.output && rig.recv(server, 1).result == -Int(EAGAIN))
    }

    @Test("peek leaves the bytes; several pieces are one call")
    func peeking() {
        let (one, other) = rig.pair()
        _ = rig.send(one, [7, 8])
        #expect(rig.recv(other, 9, peeks: true).bytes == [7, 8] && rig.recv(other, 9).bytes == [7, 8])
        var (first, second): ([UInt8], [UInt8]) = ([1, 2], [3])
        // SAFETY: the vectors point at the arrays during the calls.
        unsafe first.withUnsafeMutableBytes { first in
            unsafe second.withUnsafeMutableBytes { second in
                let vectors = unsafe [
                    iovec(iov_base: first.baseAddress, iov_len: 2), iovec(iov_base: second.baseAddress, iov_len: 1),
                ]
                unsafe #expect(kernel.sendv(one, vectors, 2, more: false) == 3)
                unsafe second[0] = 0
                unsafe #expect(kernel.recvv(other, vectors, 2) == 3)
                unsafe #expect(first[0] == 1 && first[1] == 2 && second[0] == 3)
            }
        }
    }

    @Test("a full backlog keeps a client waiting; nothing answers at a black hole")
    func timeouts() {
        let (listening, address) = rig.listener(backlog: 1)
        let clients = (0..<3).map { _ in kernel.socket(AF_INET, KernelRig.stream, 0) }
        for client in clients { _ = kernel.connect(client, address) }
        #expect(clients.map { rig.mask($0) } == [Mask.output, Mask.output, 0], "one more than the backlog")
        var peer = SocketAddress()
        #expect(kernel.accept(listening, &peer) >= 0)
        kernel.machine.scheduler.advanceClock(1_000_000_000)
        #expect(rig.mask(clients[2]) == Mask.output, "it has tried again")
        kernel.machine.blackHoles = [SocketAddress(ipv4: 0x0A00_0001, port: 0)]
        let lost = kernel.socket(AF_INET, KernelRig.stream, 0)
        #expect(kernel.connect(lost, SocketAddress(ipv4: 0x0A00_0001, port: 80)) == -EINPROGRESS)
        kernel.machine.scheduler.advanceClock(126_000_000_000)
        #expect(rig.mask(lost) == 0)
        kernel.machine.scheduler.advanceClock(2_000_000_000)
        #expect(kernel.getOption(lost, SOL_SOCKET, SO_ERROR) == Int(ETIMEDOUT))
    }

    @Test("ports: one owner, unless all share; the exact address before the wildcard")
    func ports() {
        func bound(_ address: SocketAddress, shares: Bool = false) -> Int32 {
            let fd = kernel.socket(address.nativeFamily, KernelRig.stream, 0)
            if shares { _ = kernel.setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1) }
            let result = kernel.bind(fd, address)
            return result < 0 ? result : kernel.listen(fd, 5) < 0 ? -1 : fd
        }
        let exact = SocketAddress(ipv4: 0x7F00_0001, port: 80)
        let wide = SocketAddress(ipv4: 0, port: 80)
        let first = bound(exact, shares: true)
        #expect(first >= 0 && bound(exact) == -EADDRINUSE && bound(wide) == -EADDRINUSE)
        let second = bound(wide, shares: true)
        #expect(second >= 0)
        let client = kernel.socket(AF_INET, KernelRig.stream, 0)
        _ = kernel.connect(client, exact)
        #expect(rig.mask(client) == Mask.output && rig.mask(first) == Mask.input && rig.mask(second) == 0)
    }

    @Test("unix sockets: no delay, names in the file system, an error for what was not read")
    func unix() throws {
        let path = try #require(SocketAddress(unixPath: "/run/a.sock"))
        let listening = kernel.socket(AF_UNIX, KernelRig.stream, 0)
        let client = kernel.socket(AF_UNIX, KernelRig.stream, 0)
        #expect(kernel.connect(client, path) == -ENOENT)
        #expect(kernel.bind(listening, path) == 0 && kernel.bind(client, path) == -EADDRINUSE)
        #expect(kernel.connect(client, path) == -ECONNREFUSED)
        #expect(kernel.listen(listening, 5) == 0 && kernel.connect(client, path) == 0)
        var peer = SocketAddress()
        let server = kernel.accept(listening, &peer)
        #expect(server >= 0 && peer.nativeFamily == AF_UNIX)
        #expect(rig.send(client, [1]) == 1 && kernel.close(server) == 0)
        #expect(rig.recv(client, 1).result == -Int(ECONNRESET) && rig.recv(client, 1).result == 0)
        #expect(kernel.unlink("/run/a.sock") == 0 && kernel.unlink("/run/a.sock") == -ENOENT)
    }

    @Test("a process is told from another by its descriptors; the network is one")
    func processes() {
        let other = SimKernel(kernel.machine, name: "other")
        let (listening, address) = rig.listener()
        let client = other.socket(AF_INET, KernelRig.stream, 0)
        #expect(client == listening, "each has numbers of its own")
        _ = other.connect(client, address)
        #expect(rig.mask(listening) == Mask.input && other.processID() != kernel.processID())
    }
}
